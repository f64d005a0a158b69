"""The rules for rows of patents.parquet and queries.parquet, applied to one batch at a time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from patray.landscapes.absent import FAMILY, TEXT, VALUE, is_absent
from patray.landscapes.cleaning import Findings, clean_lists, clean_strings, decode, rows_not_utf8, text_lengths
from patray.landscapes.quarantine import Quarantine
from patray.landscapes.schema import (
    DATE,
    DOCUMENTS,
    STRING,
    STRINGS,
    TEXT_COLUMNS,
    is_text,
    missing_column,
    to_lists,
    to_strings,
)

MISSING_ID = "missing patent_id"
SPACE_IN_ID = "patent_id holds white space or control characters, which TREC files cannot hold"
BROKEN_ID = "patent_id is not valid UTF-8"
NO_TEXT = "no text in any section"
DUPLICATE_ID = "duplicate patent_id, the first row was kept"
BAD_DATE = "bad date, left empty"
ABSENT = "spells 'no value', left empty"

EARLIEST, LATEST = datetime.date(1600, 1, 1), datetime.date(2100, 1, 1)
"""Dates outside cannot be a patent's; they come from a wrong unit (20200101 taken as days)."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass
class DocumentRules:
    """Validates the batches of one file. `seen` are the ids kept so far."""

    file: str
    quarantine: Quarantine
    max_text_chars: int
    seen: set[str]
    read: int = 0

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of `batch` that are usable, in the canonical columns followed by the source's other columns."""
        first_row = self.read
        self.read += batch.num_rows
        findings = Findings()
        columns = self._columns(batch, findings)
        ids = columns["patent_id"]
        reasons = _id_problems(ids)
        has_text = np.zeros(batch.num_rows, dtype=bool)
        for name in TEXT_COLUMNS:
            has_text |= text_lengths(columns[name]).to_numpy() > 0
        for row in np.flatnonzero(~has_text).tolist():
            reasons.setdefault(row, NO_TEXT)
        keep = np.ones(batch.num_rows, dtype=bool)
        keep[list(reasons)] = False
        for row in self._duplicates(ids, keep):
            reasons[row] = DUPLICATE_ID
            keep[row] = False
        names = {row: decode(ids, row) for row in {*reasons, *(row for row, _, _ in findings.items)}}
        for row in sorted(reasons):
            self.quarantine.add(self.file, first_row + row, names[row], reasons[row], "dropped")
        for row, reason, action in findings.items:
            if keep[row]:
                self.quarantine.add(self.file, first_row + row, names[row], reason, action)
        extra = {name: batch.column(name) for name in batch.schema.names if name not in columns}
        whole = pa.RecordBatch.from_pydict({**columns, **extra})
        return whole if keep.all() else whole.filter(pa.array(keep))

    def _columns(self, batch: pa.RecordBatch, findings: Findings) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for column in DOCUMENTS:
            if column.name not in batch.schema.names:
                columns[column.name] = missing_column(column, batch.num_rows)
                continue
            found = batch.column(column.name)
            limit = self.max_text_chars if column.name in TEXT_COLUMNS else None
            if column.name == "patent_id":
                columns[column.name] = to_strings(found)
            elif column.type == STRING:
                cleaned = clean_strings(to_strings(found), column.name, findings, limit)
                columns[column.name] = _emptied(cleaned, column.name, findings)
            elif column.type == STRINGS:
                columns[column.name] = clean_lists(to_lists(found), column.name, findings, limit)
            else:
                columns[column.name] = to_dates(found, findings)
        return columns

    def _duplicates(self, ids: pa.StringArray, keep: np.ndarray) -> list[int]:
        rows = np.flatnonzero(keep)
        values = ids.filter(pa.array(keep)).to_pylist()
        unique = set(values)
        if len(unique) == len(values) and self.seen.isdisjoint(unique):
            self.seen |= unique
            return []
        doubled = []
        for row, value in zip(rows.tolist(), values, strict=True):
            if value in self.seen:
                doubled.append(row)
            self.seen.add(value)
        return doubled


def _emptied(texts: pa.StringArray, where: str, findings: Findings) -> pa.StringArray:
    """The texts with null, and a finding, where one is `nan`, `NULL` or the like."""
    spellings = FAMILY if where == "family_id" else TEXT if where in TEXT_COLUMNS else VALUE
    absent = pc.and_(is_absent(texts, spellings), texts.is_valid())
    if not pc.any(absent).as_py():
        return texts
    rows = np.flatnonzero(absent.to_numpy(zero_copy_only=False))
    for row, said in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        findings.add(row, f"{where} {ABSENT}: {said!r}", "kept")
    return pc.if_else(absent, pa.scalar(None, STRING), texts)


def _id_problems(ids: pa.StringArray) -> dict[int, str]:
    reasons = {int(row): BROKEN_ID for row in rows_not_utf8(ids)}
    missing = pc.fill_null(pc.equal(pc.binary_length(ids), 0), True) if reasons else is_absent(ids)
    reasons.update(dict.fromkeys(np.flatnonzero(missing.to_numpy(zero_copy_only=False)).tolist(), MISSING_ID))
    spaced = pc.fill_null(pc.match_substring_regex(ids, pattern=r"[\p{Z}\p{Cc}]"), False)
    for row in np.flatnonzero(spaced.to_numpy(zero_copy_only=False)).tolist():
        reasons.setdefault(row, SPACE_IN_ID)
    return reasons


def to_dates(array: pa.Array, findings: Findings) -> pa.Array:
    """date32 from dates, timestamps or ISO text; what is no date, or no patent's, becomes null with a finding."""
    if pt.is_null(array.type):
        return pa.nulls(len(array), DATE)
    if is_text(array.type):
        dates = _parse_dates(to_strings(array), findings)
    else:
        dates = array if array.type == DATE else array.cast(DATE, safe=False)
    days = dates.cast(pa.int32())
    outside = pc.or_(
        pc.less(days, pa.scalar(EARLIEST, DATE).cast(pa.int32())),
        pc.greater(days, pa.scalar(LATEST, DATE).cast(pa.int32())),
    )
    outside = pc.fill_null(outside, False)
    if not pc.any(outside).as_py():
        return dates
    for row in np.flatnonzero(outside.to_numpy(zero_copy_only=False)).tolist():
        findings.add(row, f"{BAD_DATE}: {days[row].as_py()} days after 1970-01-01", "kept")
    return pc.if_else(outside, pa.scalar(None, DATE), dates)


def _parse_dates(texts: pa.StringArray, findings: Findings) -> pa.Array:
    try:
        return texts.cast(DATE)
    except pa.ArrowInvalid:
        parsed: Sequence[datetime.date | None] = [
            _parse_date(row, decode(texts, row), findings) for row in range(len(texts))
        ]
        return pa.array(parsed, DATE)


def _parse_date(row: int, text: str, findings: Findings) -> datetime.date | None:
    text = text.strip()
    if not text or is_absent(pa.array([text]))[0].as_py():
        return None
    if _ISO.fullmatch(text):
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            pass
    findings.add(row, f"{BAD_DATE}: {text[:40]!r}", "kept")
    return None
