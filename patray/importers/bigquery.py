"""Google Patents Public Data (`publications`), exported as JSON lines or Parquet, sharded and compressed as it comes.

BigQuery's JSON writes integers as strings, its Parquet as integers; both are read. US pre-grant numbers lack their
serial's first zero here and get it back. Publications without a family are one where their application is one. Claims
are one text per publication and are told apart. In this source `category` is the phase of a citation and `type` its
relevance letter, the opposite of Lens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.columns import blank_to_null, dates, one_text, preferred_text, separate_claims
from patray.importers.families import docdb_application, known_family, same_application
from patray.importers.format import Format, Unit, line_units, only, parquet_units
from patray.importers.json_lines import read_json_lines
from patray.importers.nested import elements, field, take, to_lists, unique_in_rows, whole
from patray.importers.numbers import parse_numbers
from patray.importers.options import Options
from patray.importers.parquet_rows import read_parquet
from patray.importers.record import CITED_HOW, Finding, Rows, patents_table
from patray.importers.source import SourceFile
from patray.landscapes.cited_how import of_columns

S = pa.string()
_TEXTS = pa.list_(pa.struct([("text", S), ("language", S)]))
_CODES = pa.list_(pa.struct([("code", S)]))
_DATES = {"publication": "publication_date", "filing": "filing_date", "priority": "priority_date"}


def _schema(number: pa.DataType) -> pa.Schema:
    return pa.schema(
        [
            ("publication_number", S),
            ("application_number", S),
            ("country_code", S),
            ("kind_code", S),
            ("family_id", S),
            ("title_localized", _TEXTS),
            ("abstract_localized", _TEXTS),
            ("claims_localized", _TEXTS),
            ("description_localized", _TEXTS),
            *[(name, number) for name in _DATES.values()],
            ("ipc", _CODES),
            ("cpc", _CODES),
            ("citation", pa.list_(pa.struct([("publication_number", S), ("type", S), ("category", S)]))),
        ]
    )


SCHEMAS = [_schema(S), _schema(pa.int64())]


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units: list[Unit] = []
    for file in only(files, (".parquet", ".jsonl", ".json", ".ndjson"), "bigquery"):
        units += parquet_units("parquet", file) if file.base.endswith(".parquet") else line_units("json", file)
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    if unit.role == "parquet":
        for block in read_parquet(unit.file, SCHEMAS[0], unit.start, unit.stop, ["publication_number"]):
            yield from convert(block.table, block.lines, block.table.num_rows, [], options)
        return
    needed = ("publication_number",)
    for rows in read_json_lines(unit.file, SCHEMAS, unit.start, unit.stop, options.keep_truncated, needed=needed):
        yield from convert(rows.table, rows.lines, rows.read, rows.findings, options)


def convert(
    table: pa.Table, lines: np.ndarray, read_rows: int, findings: list[Finding], options: Options
) -> Iterator[Rows]:
    """The patents of a block, then their citations."""
    column = {name: whole(table[name]) for name in table.column_names}
    count, findings = table.num_rows, list(findings)
    numbers = parse_numbers(column["publication_number"])
    ids = pc.coalesce(numbers.field("key"), blank_to_null(column["publication_number"]))
    title, title_language = preferred_text(column["title_localized"], "language", options.prefer)
    abstract, abstract_language = preferred_text(column["abstract_localized"], "language", options.prefer)
    claims, claims_language = preferred_text(column["claims_localized"], "language", options.prefer)
    description, _ = preferred_text(column["description_localized"], "language", options.prefer)
    family = known_family(column["family_id"])
    application = same_application(pa.nulls(count, S), column["application_number"])
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": family,
            "members": one_text(pc.if_else(family.is_null(), application, pa.scalar(None, S))),
            "application": docdb_application(pa.nulls(count, S), column["application_number"]),
            "jurisdiction": pc.coalesce(blank_to_null(column["country_code"]), numbers.field("office")),
            "date": dates(column[_DATES[options.date]], lines, ids, findings),
            "title": title,
            "abstract": abstract,
            "claims": separate_claims(one_text(claims)),
            "description": description,
            "ipc": _codes(column["ipc"]),
            "cpc": _codes(column["cpc"]),
            "kind": pc.coalesce(blank_to_null(column["kind_code"]), numbers.field("kind")),
            "language": pc.coalesce(abstract_language, title_language, claims_language),
            "line": pa.array(lines),
        },
        count,
    )
    last = max([int(lines[-1]) if count else 0, *(finding.line for finding in findings)])
    yield Rows("patents", data, read_rows, findings, last=last)
    rows, cited = elements(column["citation"])
    texts = field(cited, "publication_number")
    keys = pc.coalesce(parse_numbers(texts).field("key"), blank_to_null(texts))
    said = of_columns(field(cited, "category"), field(cited, "type"))
    found = pa.table([take(ids, rows), keys, pa.nulls(len(rows), S), *said], schema=CITED_HOW)
    found = found.filter(keys.is_valid())
    yield Rows("citations", found, found.num_rows)


def _codes(lists: pa.Array) -> pa.ListArray:
    rows, codes = elements(lists)
    return unique_in_rows(to_lists(rows, field(codes, "code"), len(lists)))


FORMAT = Format(
    name="bigquery",
    plan=plan,
    read=read,
    source="Google Patents Public Data (BigQuery patents-public-data.patents.publications)",
    licence="CC BY 4.0",
    dates=("publication", "filing", "priority"),
    threads=True,
)
