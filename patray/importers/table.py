"""Any table with a column mapping: CSV, TSV, JSON lines or Parquet.

A landscape column takes the source column of the same name unless --map COLUMN=SOURCE says another. Lists (ipc, cpc,
citations, labels) may be lists or one text separated by `;`, `|` or `,`. Ids are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.columns import dates
from patray.importers.csv_rows import check_header, read_csv
from patray.importers.families import known_family
from patray.importers.format import Format, Unit, line_units, only, parquet_units
from patray.importers.json_lines import read_json_lines
from patray.importers.nested import STRINGS, conform, elements, is_blank, take, to_lists, unique_in_rows, whole
from patray.importers.options import Options
from patray.importers.parquet_rows import open_parquet, read_parquet
from patray.importers.record import CITED, LABELS, Finding, Rows, patents_table
from patray.importers.source import SourceFile

S = pa.string()
TEXT = ("patent_id", "family_id", "jurisdiction", "date", "title", "abstract", "description", "kind", "language")
LISTS = ("claims", "ipc", "cpc", "citations", "labels")
COLUMNS = TEXT + LISTS
_SEPARATORS = r"\s*(?:;;|;|\||,)\s*"
_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".ndjson", ".parquet")


def mapping(options: Options) -> dict[str, str]:
    """Landscape column -> source column. Raises InputError for an unknown landscape column."""
    unknown = [name for name in options.columns if name not in COLUMNS]
    if unknown:
        raise InputError(f"--map {unknown[0]}=...: no such column; allowed are {', '.join(COLUMNS)}")
    return {name: options.columns.get(name, name) for name in COLUMNS}


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    mapping(options)
    units: list[Unit] = []
    for file in only(files, _SUFFIXES, "table"):
        if file.base.endswith(".parquet"):
            units += parquet_units("parquet", file)
        elif file.base.endswith((".jsonl", ".json", ".ndjson")):
            units += line_units("json", file)
        else:
            units.append(Unit("csv", file))
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    columns = mapping(options)
    needed = [columns["patent_id"], *options.columns.values()]
    if unit.role == "csv":
        delimiter = options.delimiter or ("\t" if unit.file.base.endswith((".tsv", ".txt")) else ",")
        for block in read_csv(unit.file, delimiter, options.encoding, options.keep_truncated, needed):
            table = pa.table(block.columns)
            yield from _convert(table, columns, block.lines, block.read, block.findings)
    elif unit.role == "parquet":
        with open_parquet(unit.file) as parquet:
            present = parquet.schema_arrow
        check_header(unit.file.label, present.names, needed)
        wanted = [source for source in dict.fromkeys(columns.values()) if source in present.names]
        for found in read_parquet(unit.file, None, unit.start, unit.stop, columns=wanted):
            yield from _convert(found.table, columns, found.lines, found.table.num_rows, [])
    else:
        lists = {columns[name] for name in LISTS}
        schemas = [
            pa.schema([(source, kind if source in lists else S) for source in dict.fromkeys(columns.values())])
            for kind in (STRINGS, S)
        ]
        for rows in read_json_lines(unit.file, schemas, unit.start, unit.stop, options.keep_truncated, needed=needed):
            yield from _convert(rows.table, columns, rows.lines, rows.read, rows.findings)


def _convert(
    table: pa.Table, names: dict[str, str], lines: np.ndarray, read_rows: int, findings: list[Finding]
) -> Iterator[Rows]:
    count, findings = table.num_rows, list(findings)

    def text(name: str) -> pa.Array:
        if names[name] not in table.column_names:
            return pa.nulls(count, S)
        column = conform(whole(table[names[name]]), S)
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, S), column)

    def listed(name: str) -> pa.ListArray:
        if names[name] not in table.column_names:
            return to_lists(np.zeros(0, np.int64), pa.array([], S), count)
        lists = conform(whole(table[names[name]]), STRINGS)
        rows, values = elements(lists)
        if name == "claims":
            keep = pc.invert(is_blank(values))
            return to_lists(rows[keep.to_numpy(zero_copy_only=False)], values.filter(keep), count)
        inner, parts = elements(pc.split_pattern_regex(values, _SEPARATORS))
        return unique_in_rows(to_lists(rows[inner], parts, count))

    ids = pc.utf8_trim_whitespace(text("patent_id"))
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": known_family(text("family_id")),
            "jurisdiction": text("jurisdiction"),
            "date": dates(text("date"), lines, ids, findings),
            "title": text("title"),
            "abstract": text("abstract"),
            "claims": listed("claims"),
            "description": text("description"),
            "ipc": listed("ipc"),
            "cpc": listed("cpc"),
            "kind": text("kind"),
            "language": text("language"),
            "line": pa.array(lines),
        },
        count,
    )
    last = max([int(lines[-1]) if count else 0, *(finding.line for finding in findings)])
    yield Rows("patents", data, read_rows, findings, last=last)
    if names["citations"] in table.column_names:
        rows, cited = elements(listed("citations"))
        found = pa.table([take(ids, rows), cited, pa.nulls(len(rows), S), pa.nulls(len(rows), S)], schema=CITED)
        yield Rows("citations", found, found.num_rows)
    if names["labels"] in table.column_names:
        labels = listed("labels")
        labelled = pc.greater(pc.list_value_length(labels), 0)
        whole_table = pa.table([ids, labels, pa.nulls(count, S), pa.array(lines)], schema=LABELS).filter(labelled)
        yield Rows("labels/table", whole_table, whole_table.num_rows)


FORMAT = Format(
    name="table",
    help="any CSV, TSV, JSON lines or Parquet with --map COLUMN=SOURCE",
    plan=plan,
    read=read,
    source="a table of one's own",
)
