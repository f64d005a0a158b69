"""One unit of work: read, filter, check, and write a part folder. The unit's record is written last.

NNNNN/patents.parquet  NNNNN/citations.parquet ...   the rows kept
NNNNN/findings.parquet                               what was wrong with which line
NNNNN/unit.json                                      counts; the unit is done when this exists
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patray.files import Folder
from patray.importers.format import Format, Unit
from patray.importers.formats import load_format
from patray.importers.nested import elements, to_lists, whole
from patray.importers.options import Options
from patray.importers.record import FINDINGS, PATENTS, TEXTS, Finding, Rows, at
from patray.importers.reissues import without_deleted
from patray.importers.select import filter_rows
from patray.importers.source import locate
from patray.landscapes.absent import TEXT, VALUE, without_absent
from patray.landscapes.claims import first_claims
from patray.landscapes.cleaning import text_lengths

NO_ID = "no publication number or id"
SPACE_IN_ID = "id holds white space, which TREC files cannot hold"
NO_TEXT = "no text in any section"
DOCUMENT_NAMES = frozenset(PATENTS.names) - {"source_id", "members", "line"}
GROUP_BYTES = 48 << 20
_DICTIONARY = ("jurisdiction", "kind", "language", "ipc.list.element", "cpc.list.element")
SAMPLE_FOR_CLAIMS = 64
"""Of every stretch this many claim texts are cut, to report the share that cannot be."""


@dataclass
class TableCount:
    """Rows of one table. read = kept + dropped + filtered."""

    read: int = 0
    kept: int = 0
    dropped: int = 0
    filtered: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Rows) -> None:
        rows.check()
        self.read += rows.read
        self.kept += rows.data.num_rows
        self.dropped += rows.dropped
        self.filtered.update(rows.filtered)

    def to_dict(self) -> dict[str, Any]:
        return {"read": self.read, "kept": self.kept, "dropped": self.dropped, "filtered": dict(self.filtered)}


def run_unit(format_name: str, unit: Unit, options: Options, folder: str) -> dict[str, Any]:
    """Do one unit and return its record (the content of unit.json). A finished unit is not done again."""
    target = Folder.at(folder)
    if target.exists("unit.json"):
        record: dict[str, Any] = target.read_json("unit.json")
        return record
    began = time.perf_counter()
    fmt = load_format(format_name)
    if unit.role.startswith("scatter") and fmt.scatter is not None:
        counts: dict[str, Any] = {"scattered": fmt.scatter(unit, options)}
    else:
        counts = _read(fmt, unit, options, target)
    record = {"file": unit.file.label, "role": unit.role, **counts, "seconds": round(time.perf_counter() - began, 3)}
    target.write_json("unit.json", record)
    return record


def _read(fmt: Format, unit: Unit, options: Options, target: Folder) -> dict[str, Any]:
    counts: dict[str, TableCount] = {}
    claims: Counter[str] = Counter()
    findings: list[pa.Table] = []
    lines = 0
    with ExitStack() as stack:
        writers: dict[str, _TableWriter] = {}
        for rows in fmt.read(unit, options):
            if rows.table in ("patents", "queries"):
                rows = _check_documents(rows, options)
                claims.update(_claim_rules(rows.data))
            counts.setdefault(rows.table, TableCount()).add(rows)
            if rows.findings:
                findings.append(_findings_table(unit, rows.findings))
            lines = max(lines, rows.last)
            if rows.table.startswith("source "):  # rows of a joined table: counted, and in the patents already
                continue
            if rows.table not in writers:
                writers[rows.table] = stack.enter_context(_TableWriter(target, rows.table))
            writers[rows.table].add(rows.data)
    if findings:
        target.write_table("findings.parquet", pa.concat_tables(findings))
    return {
        "tables": {name: count.to_dict() for name, count in counts.items()},
        "claims": dict(claims),
        "lines": lines,
    }


def _check_documents(rows: Rows, options: Options) -> Rows:
    """Drop rows without an id or text, then filter; adds the size of the texts (characters for `longest`, or bytes)."""
    table, findings = rows.data, list(rows.findings)
    if table.num_rows == 0:
        table = table.append_column("chars", pa.array([], pa.int64()))
        return Rows(rows.table, table, rows.read, findings, rows.filtered, rows.last)
    table = _without_absent(without_deleted(table))
    lines, ids = whole(table["line"]).to_numpy(zero_copy_only=False), whole(table["patent_id"])
    chars = np.zeros(table.num_rows, dtype=np.int64)
    measure = pc.utf8_length if options.selection.representative == "longest" else pc.binary_length
    for name in TEXTS:
        chars += text_lengths(whole(table[name]), measure).to_numpy(zero_copy_only=False)
    missing = pc.fill_null(pc.equal(ids, ""), True).to_numpy(zero_copy_only=False)
    spaced = pc.fill_null(pc.match_substring_regex(ids, pattern=r"[\p{Z}\p{Cc}]"), False).to_numpy(zero_copy_only=False)
    silent = (chars == 0) & ~missing & ~spaced
    findings += at(lines, ids, missing, NO_ID) + at(lines, ids, spaced, SPACE_IN_ID)
    table = table.append_column("chars", pa.array(chars))
    # Filters come first for rows that are usable, so that a search report is a search report, not a row without text.
    usable = ~(missing | spaced)
    stays, removed = filter_rows(table if usable.all() else table.filter(pa.array(usable)), options.selection)
    keep = usable.copy()
    keep[usable] = stays
    silent &= keep
    findings += at(lines, ids, silent, NO_TEXT)
    keep &= ~silent
    kept = table if keep.all() else table.filter(pa.array(keep))
    return Rows(rows.table, kept, rows.read, findings, rows.filtered + removed, rows.last)


def _without_absent(table: pa.Table) -> pa.Table:
    """The table with null, or without the element of a list, where a value only spells "no value" (`nan`, `NULL`)."""
    for place, name in enumerate(table.column_names):
        if name not in DOCUMENT_NAMES or pa.types.is_date(table.schema.field(name).type):
            continue
        column, spellings = whole(table[name]), TEXT if name in TEXTS else VALUE
        if pa.types.is_list(column.type):
            rows, values = elements(column)
            kept = without_absent(values, VALUE)
            changed = column if kept is values else to_lists(rows, kept, len(column))
        else:
            changed = without_absent(column, spellings)
        if changed is not column:
            table = table.set_column(place, name, changed)
    return table


def _claim_rules(table: pa.Table) -> Counter[str]:
    """How the claims of a sample of the rows could be told apart."""
    if table.num_rows == 0:
        return Counter()
    step = max(1, table.num_rows // SAMPLE_FOR_CLAIMS)
    _, rules = first_claims(whole(table["claims"].take(pa.array(np.arange(0, table.num_rows, step)))))
    return Counter({str(rule): count for rule, count in rules.items()})


def _findings_table(unit: Unit, findings: list[Finding]) -> pa.Table:
    return pa.table(
        [
            [unit.file.label] * len(findings),
            [finding.line for finding in findings],
            [finding.id for finding in findings],
            [finding.reason for finding in findings],
            [finding.action for finding in findings],
        ],
        schema=FINDINGS,
    )


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """How tables of patents are written: small values as dictionaries, texts as they are."""
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in _DICTIONARY if name.split(".")[0] in schema.names],
        "write_statistics": [name for name in ("patent_id", "date", "jurisdiction") if name in schema.names],
    }


class _TableWriter:
    """A part file written as rows come, in row groups of some megabytes, in the landscape's own encoding."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._bytes = 0

    def __enter__(self) -> _TableWriter:
        return self

    def add(self, table: pa.Table) -> None:
        if self._writer is None:
            filesystem, path = locate(f"{self._folder}/{self._name}.parquet")
            filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
            self._writer = pq.ParquetWriter(path, table.schema, filesystem=filesystem, **encoding(table.schema))
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting) if self._waiting else None
        if self._writer is not None and table is not None and table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._bytes = [], 0

    def __exit__(self, *problem: object) -> None:
        if problem[0] is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()
