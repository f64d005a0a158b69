"""HUPD: one JSON file per application, loose, in yearly tar archives, or in a tar of those.

Its codes carry no slash (`A61M51723`), so only section, class and subclass can be told; they are kept as they are.
`decision` becomes a label set. There are no citations and no families.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.columns import blank_to_null, dates, one_text, separate_claims
from patray.importers.families import application_number, same_application
from patray.importers.format import Format, Unit, only
from patray.importers.json_lines import BAD_BYTES, NOT_JSON, WRONG_SHAPE, coerce, cut
from patray.importers.nested import STRINGS, unique_in_rows, whole
from patray.importers.numbers import join_number, parse_numbers
from patray.importers.options import Options
from patray.importers.record import LABELS, Finding, Rows, patents_table
from patray.importers.source import SourceFile, Stream
from patray.importers.tar_files import tar_files

S = pa.string()
BATCH_ROWS = 1024
LOOSE_FILES = 2000
"""Loose files of one unit: each alone would cost more than its reading."""
_DATES = {"publication": "date_published", "filing": "filing_date"}
_SCHEMA = pa.schema(
    [
        ("application_number", S),
        ("publication_number", S),
        ("title", S),
        ("decision", S),
        *[(name, S) for name in _DATES.values()],
        ("cpc_labels", STRINGS),
        ("main_cpc_label", S),
        ("ipcr_labels", STRINGS),
        ("main_ipcr_label", S),
        ("abstract", S),
        ("claims", S),
        ("full_description", S),
    ]
)


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    found = only(files, (".json", ".tar", ".tgz"), "hupd")
    archives = [Unit("tar", file) for file in found if not file.base.endswith(".json")]
    loose = [file for file in found if file.base.endswith(".json")]
    groups = [loose[start : start + LOOSE_FILES] for start in range(0, len(loose), LOOSE_FILES)]
    return archives + [Unit("json", group[0], more=tuple(group[1:])) for group in groups]


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    batch: list[dict[str, Any]] = []
    lines: list[int] = []
    findings: list[Finding] = []
    kind = pa.struct(list(_SCHEMA))
    number, stream = 0, Stream(unit.file, options.keep_truncated)
    with stream:
        documents = tar_files(stream, unit.file, (".json",)) if unit.role == "tar" else _loose((unit.file, *unit.more))
        for number, (name, data) in enumerate(documents, 1):
            try:
                text, broken = _decoded(data)
                value = json.loads(text)
                if not isinstance(value, dict):
                    raise ValueError(f"a {type(value).__name__} instead of a record")
                batch.append(coerce(value, kind))
                lines.append(number)
                if broken:
                    findings.append(Finding(number, name, f"{BAD_BYTES}: {name}", "kept"))
            except json.JSONDecodeError as error:
                findings.append(Finding(number, name, f"{NOT_JSON}: {name}: {error}"))
            except ValueError as error:
                findings.append(Finding(number, name, f"{WRONG_SHAPE}: {name}: {error}"))
            if len(batch) >= BATCH_ROWS:
                yield from _convert(batch, lines, findings, options)
                batch, lines, findings = [], [], []
    if stream.cut:
        findings.append(Finding(number, None, cut(stream), "kept"))
    yield from _convert(batch, lines, findings, options)


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text of a file, and whether it had bytes that are not UTF-8, which became U+FFFD."""
    try:
        return data.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", errors="replace"), True


def _loose(files: Sequence[SourceFile]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        with Stream(file) as stream, io.BufferedReader(stream) as reader:
            yield file.label, reader.read()


def _convert(
    batch: list[dict[str, Any]], lines: list[int], findings: list[Finding], options: Options
) -> Iterator[Rows]:
    table = pa.Table.from_pylist(batch, schema=_SCHEMA)
    count, place = table.num_rows, np.array(lines, dtype=np.int64)
    column = {name: whole(table[name]) for name in table.column_names}
    published = parse_numbers(pc.replace_substring_regex(column["publication_number"], r"-\d{8}$", ""))
    application = join_number(pa.repeat(pa.scalar("US"), count), column["application_number"])
    ids = pc.coalesce(published.field("key"), application)
    decisions = column["decision"]
    read_rows = count + sum(finding.action == "dropped" for finding in findings)
    findings = list(findings)
    data = patents_table(
        {
            "patent_id": ids,
            "jurisdiction": pa.repeat(pa.scalar("US"), count),
            "date": dates(column[_DATES[options.date]], place, ids, findings),
            "title": blank_to_null(column["title"]),
            "abstract": blank_to_null(column["abstract"]),
            "claims": separate_claims(one_text(column["claims"])),
            "description": blank_to_null(column["full_description"]),
            "ipc": _codes(column["main_ipcr_label"], column["ipcr_labels"]),
            "cpc": _codes(column["main_cpc_label"], column["cpc_labels"]),
            "kind": published.field("kind"),
            "members": one_text(same_application(pa.repeat(pa.scalar("US"), count), column["application_number"])),
            "application": application_number(pa.repeat(pa.scalar("US"), count), column["application_number"]),
            "language": pa.repeat(pa.scalar("en"), count),
            "line": pa.array(place),
        },
        count,
    )
    yield Rows("patents", data, read_rows, findings)
    decided = pc.fill_null(pc.not_equal(decisions, ""), False)
    labels = pa.table([ids, one_text(decisions), pa.nulls(count, S), pa.array(place)], schema=LABELS).filter(decided)
    yield Rows("labels/decision", labels, labels.num_rows)


def _codes(main: pa.Array, lists: pa.Array) -> pa.ListArray:
    """The main code, then the others."""
    whole_lists = [
        [first or "", *(others or [])] for first, others in zip(main.to_pylist(), lists.to_pylist(), strict=True)
    ]
    return unique_in_rows(pa.array(whole_lists, STRINGS))


FORMAT = Format(
    name="hupd",
    plan=plan,
    read=read,
    source="Harvard USPTO Patent Dataset (HUPD)",
    licence="CC BY-NC-SA 4.0",
    dates=("publication", "filing"),
)
