"""Smaller codes of vectors: int8 and binary, as sentence-transformers' `quantize_embeddings` makes them.

int8: each dimension has its own 256 steps between the smallest and the largest value that the *corpus* has there. The
ranges are therefore a property of the whole corpus: `value_ranges` of every shard, joined by `join_ranges`, before any
shard is encoded. binary: one bit a dimension, set where the value is above 0; 8 dimensions a byte.

A code stands for a vector again (`decoded`), the middle of its step for int8 and -1/sqrt(d) or +1/sqrt(d) for binary.
Every score is an inner product of such vectors, so tasks that need vectors and not scores see the very same loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from patray.errors import InputError
from patray.search.vectors import squared_norms

Precision = Literal["float32", "int8", "binary"]
BYTES = {"float32": 4.0, "int8": 1.0, "binary": 0.125}
"""Bytes of one dimension."""
STEPS = 255


def check_precision(precision: str) -> None:
    """Raises InputError for a precision that does not exist."""
    if precision not in get_args(Precision):
        raise InputError(f"precision {precision!r}: expected one of {', '.join(get_args(Precision))}")


def vector_bytes(dimensions: int, precision: str) -> int:
    """Bytes of one vector of `dimensions`; bits are padded to whole bytes. int8's ranges, two vectors, not counted."""
    check_precision(precision)
    return int(np.ceil(dimensions * BYTES[precision]))


def value_ranges(vectors: np.ndarray) -> np.ndarray:
    """Smallest and largest value of each dimension of (n, d) float32: (2, d) float32; +inf and -inf where n is 0."""
    squared_norms(vectors, "corpus vectors")
    if not len(vectors):
        return join_ranges([], vectors.shape[1])
    return np.stack([vectors.min(axis=0), vectors.max(axis=0)])


def join_ranges(parts: Sequence[np.ndarray], dimensions: int) -> np.ndarray:
    """The ranges of a corpus from those of its shards, each (2, dimensions) float32, in any order."""
    joined = np.stack([np.full(dimensions, np.inf, np.float32), np.full(dimensions, -np.inf, np.float32)])
    for part in parts:
        if part.shape != joined.shape:
            raise InputError(f"int8 ranges of shape {part.shape}: expected {joined.shape}")
        joined = np.stack([np.minimum(joined[0], part[0]), np.maximum(joined[1], part[1])])
    return joined


def int8_codes(vectors: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(n, d) int8 from (n, d) float32: the number of the step that a value falls into, values outside at the ends."""
    start, step = _steps(ranges, vectors.shape[1])
    return (np.clip(np.floor((vectors - start) / step), 0, STEPS) - 128).astype(np.int8)


def binary_codes(vectors: np.ndarray) -> np.ndarray:
    """(n, ceil(d / 8)) uint8 from (n, d) float32: bit set where the value is above 0, first dimension highest."""
    return np.packbits(vectors > 0, axis=1)


def decoded_int8(codes: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(n, d) float32: the middle of each code's step; the value itself where a dimension has only one.

    sentence-transformers gives a step's lower end. Against a float32 query that changes every score of the query by
    the same amount, so no order; as a vector the middle is nearer to what was encoded.
    """
    start, step = _steps(ranges, codes.shape[1])
    middle = np.where(ranges[1] > ranges[0], np.float32(0.5), np.float32(0))
    return start + (codes.astype(np.float32) + (128 + middle)) * step


def decoded_binary(codes: np.ndarray, dimensions: int) -> np.ndarray:
    """(n, dimensions) float32 of length 1: +1/sqrt(dimensions) where the bit is set, else -1/sqrt(dimensions)."""
    bits = np.unpackbits(codes, axis=1, count=dimensions)
    value = np.float32(1 / np.sqrt(dimensions))
    return np.where(bits > 0, value, -value)


def decoded(vectors: np.ndarray, precision: Precision, ranges: np.ndarray | None = None) -> np.ndarray:
    """What is left of vectors (n, d) float32 after they were stored as codes: (n, d) float32.

    ranges (2, d): of the whole corpus, needed for int8 and refused for others. Raises InputError for an unknown
    precision, and for ranges that are missing, not needed or do not fit; EmbeddingError for values that are not finite.
    """
    check_precision(precision)
    squared_norms(vectors, "vectors")
    if (ranges is None) == (precision == "int8"):
        raise InputError(f"{precision}: {'ranges of the corpus are needed' if ranges is None else 'takes no ranges'}")
    if precision == "float32":
        return vectors
    if ranges is None:
        return decoded_binary(binary_codes(vectors), vectors.shape[1])
    return decoded_int8(int8_codes(vectors, ranges), ranges)


def _steps(ranges: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and width (d,) float32 of the steps; width 1 where a dimension has one value, as in the source."""
    if ranges.shape != (2, dimensions) or ranges.dtype != np.float32:
        raise InputError(f"int8 ranges: {ranges.dtype} of shape {ranges.shape}: expected float32 (2, {dimensions})")
    if not np.isfinite(ranges).all():
        raise InputError("int8 ranges: not finite; they are those of an empty corpus")
    step = (ranges[1] - ranges[0]) / np.float32(STEPS)
    return ranges[0], np.where(step == 0, np.float32(1), step)
