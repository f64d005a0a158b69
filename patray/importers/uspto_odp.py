"""Answers of the USPTO's Open Data Portal: applications as `patentFileWrapperDataBag`, JSON of any layout.

One row an application: its grant where there is one, else its publication, else the application itself. There are
titles, CPC codes and dates, but neither abstracts nor claims nor cited references. The status becomes a label set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.columns import blank_to_null, dates, one_text
from patray.importers.families import application_number, same_application
from patray.importers.format import Format, Unit, line_units, only
from patray.importers.json_lines import read_json_lines
from patray.importers.nested import STRINGS, elements, to_lists, unique_in_rows, whole
from patray.importers.numbers import parse_numbers
from patray.importers.options import Options
from patray.importers.record import LABELS, Rows, patents_table
from patray.importers.source import SourceFile

S = pa.string()
_META = pa.struct(
    [
        *(
            (name, S)
            for name in (
                "inventionTitle", "filingDate", "grantDate", "patentNumber", "earliestPublicationNumber",
                "earliestPublicationDate", "applicationStatusDescriptionText",
            )
        ),
        ("cpcClassificationBag", STRINGS),
    ]
)  # fmt: skip
_SCHEMA = pa.schema([("applicationNumberText", S), ("applicationMetaData", _META)])


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    return [unit for file in only(files, (".json", ".jsonl", ".ndjson"), "uspto-odp") for unit in line_units("", file)]


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    needed = ("applicationMetaData", "applicationNumberText")
    for block in read_json_lines(
        unit.file, [_SCHEMA], unit.start, unit.stop, options.keep_truncated, needed=needed
    ):  # fmt: skip
        findings = list(block.findings)
        count = block.table.num_rows
        number = whole(block.table["applicationNumberText"])
        meta = whole(block.table["applicationMetaData"])
        column = {field.name: pc.struct_field(meta, field.name) for field in _META}
        granted = parse_numbers(blank_to_null(column["patentNumber"]), office="US")
        published = parse_numbers(blank_to_null(column["earliestPublicationNumber"]), office="US")
        us = pa.repeat(pa.scalar("US"), count)
        own = pc.binary_join_element_wise(pa.scalar("USAPP"), pc.replace_substring_regex(number, r"[^0-9A-Z]", ""), "")
        ids = pc.coalesce(granted.field("key"), published.field("key"), own)  # 12345678 is a grant's number too
        is_grant = granted.field("key").is_valid()
        said = pc.if_else(is_grant, column["grantDate"], column["earliestPublicationDate"])
        date = column["filingDate"] if options.date == "filing" else said
        letters = pc.struct_field(pc.extract_regex(granted.field("number"), r"^(?P<head>D|PP|RE|H)?"), "head")
        kind = pc.replace_with_mask(
            pc.coalesce(granted.field("kind"), pa.nulls(count, S)),
            pc.fill_null(pc.is_in(letters, value_set=pa.array(["D", "PP"])), False),
            pa.scalar("S"),
        )
        codes = column["cpcClassificationBag"]
        spaceless = pc.replace_substring_regex(codes.flatten(), pattern=r"\s+", replacement="")
        rows, spaceless = elements(pc.split_pattern_regex(spaceless, "[;,|]+"))
        rows = pc.list_parent_indices(codes).to_numpy()[rows]
        data = patents_table(
            {
                "patent_id": ids,
                "jurisdiction": us,
                "date": dates(date, block.lines, ids, findings),
                "title": blank_to_null(column["inventionTitle"]),
                "cpc": unique_in_rows(to_lists(rows, spaceless, count)),
                "kind": pc.if_else(is_grant, kind, published.field("kind")),
                "members": one_text(same_application(us, number)),
                "application": application_number(us, number),
                "language": pa.repeat(pa.scalar("en"), count),
                "line": pa.array(block.lines),
            },
            count,
        )
        yield Rows("patents", data, block.read, findings)
        status = blank_to_null(column["applicationStatusDescriptionText"])
        named = pa.table([ids, one_text(status), pa.nulls(count, S), pa.array(block.lines)], schema=LABELS)
        named = named.filter(pc.and_(status.is_valid(), data["title"].is_valid()))
        yield Rows("labels/status", named, named.num_rows)


FORMAT = Format(
    name="uspto-odp",
    plan=plan,
    read=read,
    source="USPTO Open Data Portal, patent file wrapper",
    licence="public domain (USPTO data)",
    dates=("publication", "filing"),
)
