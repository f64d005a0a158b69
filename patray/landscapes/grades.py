"""Relevance grades of qrels: whole numbers however they are written, from -2^31 to 2^31 - 1.

pandas, ranx and Spark write grades as floats, some tools as text. `1`, `1.0`, `2.` and `2e0` are whole; `0.5`, `nan`
and `high` are not, and 3000000000 does not fit into the int32 that grades are held in.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LOW, _HIGH = -(1 << 31), (1 << 31) - 1


def parse_grade(value: Any, name: str = "relevance") -> int | str:
    """One grade as an int, or why it is none: `parse_grade("1.0")` is 1, `parse_grade("0.5")` a sentence.

    value: text, an int, float or Decimal, or None. name: what the sentence calls it.
    """
    if value is None:
        return f"{name} is missing"
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        return f"{name} is not a whole number: {text!r}"
    number = Decimal(text)
    if not _LOW <= number <= _HIGH:
        return f"{name} is beyond int32: {text!r}"
    return int(number) if number == number.to_integral_value() else f"{name} is not a whole number: {text!r}"


def parse_grades(values: pa.Array, name: str = "relevance") -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Grades of a column of text or numbers: ((n,) int32, 0 where there is none; (row, reason) of those rows)."""
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    parsed = [parse_grade(value, name) for value in encoded.dictionary.to_pylist()]
    grades = np.array([one if isinstance(one, int) else 0 for one in (*parsed, 0)], np.int32)
    codes = encoded.indices.fill_null(len(parsed)).to_numpy(zero_copy_only=False).astype(np.int64)
    reasons = [one if isinstance(one, str) else "" for one in (*parsed, parse_grade(None, name))]
    bad = np.flatnonzero(np.array([bool(reason) for reason in reasons])[codes])
    return grades[codes], [(row, reasons[codes[row]]) for row in bad.tolist()]
