"""Texts that would break a tokenizer, a TREC file or an HTML page, found by columns and repaired by rows.

The scans run over whole buffers; only the few suspicious values become Python strings. What was done to which row is
returned as findings: nothing is repaired without a trace. An empty or blank text becomes null, which is no finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.landscapes.absent import VALUE, without_absent
from patray.landscapes.content import string_parts
from patray.landscapes.quarantine import Action

CONTROL = "control characters removed"
BROKEN = "not valid UTF-8 (broken bytes or a lone surrogate); the bad bytes became U+FFFD"
TOO_LONG = "text too long, cut"
EMPTY_ELEMENT = "empty element removed from the list"

Measure: TypeAlias = Callable[[pa.Array], pa.Array]
"""pc.utf8_length for characters, pc.binary_length for bytes."""
_REMOVED = {code: None for code in range(32) if code not in (9, 10, 13)}


@dataclass
class Findings:
    """row (within the batch), reason, action: what cleaning did."""

    items: list[tuple[int, str, Action]] = field(default_factory=list)

    def add(self, row: int, reason: str, action: Action) -> None:
        self.items.append((row, reason, action))


def rows_with_control(array: pa.StringArray) -> np.ndarray:
    """Ascending positions (int64) of values that hold a C0 control character other than tab, LF and CR."""
    offsets, data = string_parts(array)
    used = data[offsets[0] : offsets[-1]]
    # No byte of a longer UTF-8 sequence is below 0x80, so a scan of bytes finds exactly these characters.
    places = np.flatnonzero(used < 32)
    codes = used[places]
    places = places[(codes != 9) & (codes != 10) & (codes != 13)]
    rows = np.unique(np.searchsorted(offsets[1:], places + offsets[0], side="right"))
    return rows[array.is_valid().to_numpy(zero_copy_only=False)[rows]] if len(rows) else rows


def rows_not_utf8(array: pa.StringArray) -> np.ndarray:
    """Ascending positions (int64) of values that are not valid UTF-8 (Parquet readers do not check)."""
    if _is_utf8(array):
        return np.zeros(0, np.int64)
    return np.array([row for row in range(len(array)) if not _is_utf8(array.slice(row, 1))], dtype=np.int64)


def _is_utf8(array: pa.StringArray) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def decode(array: pa.StringArray, row: int) -> str:
    """One value as str whatever its bytes; '' for a null."""
    value = array.slice(row, 1).cast(pa.binary())[0].as_py()
    return "" if value is None else value.decode("utf-8", errors="replace")


def clean_strings(array: pa.StringArray, where: str, findings: Findings, max_chars: int | None = None) -> pa.Array:
    """The array without control characters, broken bytes and overlong texts; blank values become null.

    where: the column's name, part of each reason. max_chars: longest text in characters, None for no limit.
    """
    control, broken = rows_with_control(array), rows_not_utf8(array)
    suspicious = np.union1d(control, broken)
    if len(suspicious):
        repaired = [decode(array, int(row)).translate(_REMOVED) for row in suspicious]
        array = _replace(array, suspicious, repaired)
        for row, text in zip(suspicious.tolist(), repaired, strict=True):
            action: Action = "kept" if text.strip() else "kept with empty section"
            if row in broken:
                findings.add(row, f"{BROKEN}: {where}", action)
            if row in control:
                findings.add(row, f"{CONTROL}: {where}", action)
    if max_chars is not None:
        array = _truncate(array, where, findings, max_chars)
    blank = pc.fill_null(pc.or_(pc.utf8_is_space(array), pc.equal(pc.binary_length(array), 0)), False)
    return pc.if_else(blank, pa.scalar(None, pa.string()), array) if pc.any(blank).as_py() else array


def _truncate(array: pa.StringArray, where: str, findings: Findings, max_chars: int) -> pa.Array:
    offsets, _ = string_parts(array)
    candidates = np.flatnonzero(np.diff(offsets.astype(np.int64)) > max_chars)
    if len(candidates) == 0:
        return array
    lengths = pc.fill_null(pc.utf8_length(array.take(pa.array(candidates))), 0).to_numpy(zero_copy_only=False)
    rows, lengths = candidates[lengths > max_chars], lengths[lengths > max_chars]
    for row, length in zip(rows.tolist(), lengths.tolist(), strict=True):
        findings.add(row, f"{TOO_LONG}: {where} had {length:,} characters, {max_chars:,} kept", "truncated")
    return _replace(array, rows, [decode(array, int(row))[:max_chars] for row in rows]) if len(rows) else array


def _replace(array: pa.StringArray, rows: np.ndarray, values: list[str]) -> pa.StringArray:
    mask = np.zeros(len(array), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(array, pa.array(mask), pa.array(values, pa.string()))


def clean_lists(
    array: pa.ListArray, where: str, findings: Findings, max_chars: int | None = None, absent: pa.Array = VALUE
) -> pa.ListArray:
    """The same for list<string>: empty elements leave the list, max_chars limits all elements of a row together.

    absent: spellings of "no value" that count as empty.
    """
    offsets = array.offsets.to_numpy().astype(np.int64)
    offsets = offsets - offsets[0]
    inside = Findings()
    flat = without_absent(clean_strings(array.flatten(), where, inside), absent)
    rows_of = np.repeat(np.arange(len(array)), np.diff(offsets))
    for element, reason, action in dict.fromkeys(
        (int(rows_of[i]), reason, action) for i, reason, action in inside.items
    ):
        findings.add(element, reason, "kept" if action == "kept with empty section" else action)
    keep = flat.is_valid().to_numpy(zero_copy_only=False)
    if not keep.all():
        for row in np.unique(rows_of[~keep]).tolist():
            findings.add(row, f"{EMPTY_ELEMENT}: {where}", "kept")
        flat = flat.drop_null()
        sizes = np.bincount(rows_of[keep], minlength=len(array))
        offsets = np.concatenate([[0], np.cumsum(sizes)])
    cleaned = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
    return cleaned if max_chars is None else _truncate_lists(cleaned, where, findings, max_chars)


def _truncate_lists(array: pa.ListArray, where: str, findings: Findings, max_chars: int) -> pa.ListArray:
    offsets = array.offsets.to_numpy()
    starts, _ = string_parts(array.flatten())
    if len(starts) == 1 or not (np.diff(starts[offsets].astype(np.int64)) > max_chars).any():
        return array
    lengths = list_lengths(array, joint=0)
    long = np.flatnonzero(lengths > max_chars)
    if len(long) == 0:
        return array
    values = array.to_pylist()
    for row in long.tolist():
        findings.add(row, f"{TOO_LONG}: {where} had {lengths[row]:,} characters, {max_chars:,} kept", "truncated")
        room, kept = max_chars, []
        for element in values[row]:
            if room <= 0:
                break
            kept.append(element[:room])
            room -= len(element)
        values[row] = kept
    return pa.array(values, pa.list_(pa.string()))


def list_lengths(array: pa.ListArray, joint: int = 1, measure: Measure = pc.utf8_length) -> np.ndarray:
    """(n,) int64: characters of each list's elements joined by a separator of `joint` characters."""
    ends = np.concatenate([[0], np.cumsum(measure(array.flatten()).to_numpy(zero_copy_only=False))])
    offsets = array.offsets.to_numpy()
    offsets = offsets - offsets[0]
    return np.diff(ends[offsets]) + joint * np.maximum(np.diff(offsets) - 1, 0)


def text_lengths(array: pa.Array, measure: Measure = pc.utf8_length) -> pa.Array:
    """int32 per row: characters of a section as a view would render it; 0 where it is empty.

    measure: pc.binary_length gives bytes, without looking at the texts.
    """
    if pa.types.is_list(array.type):
        return pa.array(list_lengths(array, measure=measure), pa.int32())
    return pc.fill_null(measure(array), 0).cast(pa.int32())
