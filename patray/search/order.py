"""The one order of results: score descending, then patent descending, trec_eval's rule.

Every score that patray.search produces is a float32 value held in a float64 array. trec_eval reads scores into a C
`float`, so only such scores keep their order, ties included, when a ranking is exported; and a float32 score and a
patent fit into one 64-bit key, which sorts several times faster than two keys.
"""

from __future__ import annotations

import numpy as np

from patray.errors import InputError
from patray.search.ranking import Ranking

KEY_CELLS = 1 << 23
"""Most cells that are sorted at once (64 MB of keys)."""


def order_rows(patents: np.ndarray, scores: np.ndarray, k: int) -> Ranking:
    """The k best of each row, in order.

    patents (Q, C) integer, -1 where a cell is empty, unique within a row; scores (Q, C) float: float32 values, or
    they are rounded to float32 here. Returns Ranking of shape (Q, min(k, C)). Raises InputError when k < 1 or a
    score of a filled cell is NaN.
    """
    if k < 1:
        raise InputError(f"k = {k}: a ranking needs at least one place")
    if np.isnan(scores).any():
        raise InputError("a score is NaN")
    keys = _keys(patents, scores)
    keys.sort(axis=1)
    # Ascending unsigned keys: the best stand at the end.
    return _ranking(keys[:, ::-1][:, : min(k, patents.shape[1])])


def order_candidates(query: np.ndarray, patent: np.ndarray, score: np.ndarray, n_queries: int, k: int) -> Ranking:
    """The k best of each query among candidates in one flat list.

    query (C,) integer, ascending; patent (C,) integer; score (C,) float32. Returns Ranking of shape (n_queries, k),
    -1 and -inf where a query has fewer candidates.
    """
    best = np.zeros((n_queries, k), np.uint64)
    keys = _keys(patent, score)
    start = np.searchsorted(query, np.arange(n_queries + 1))
    counts = np.diff(start)
    row = 0
    while row < n_queries:
        # As many queries as fit into a padded block; one query alone always goes.
        widest = np.maximum.accumulate(counts[row:])
        fits = np.searchsorted(widest * np.arange(1, len(widest) + 1), KEY_CELLS, side="right")
        stop = row + max(1, int(fits))
        width = int(widest[stop - row - 1])
        block = np.zeros((stop - row, width), np.uint64)
        flat = slice(start[row], start[stop])
        block[query[flat] - row, np.arange(start[row], start[stop]) - start[query[flat]]] = keys[flat]
        block.sort(axis=1)
        kept = min(k, width)
        best[row:stop, :kept] = block[:, ::-1][:, :kept]
        row = stop
    return _ranking(best)


def _keys(patents: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """uint64 keys that sort as (score, patent); 0 for an empty cell, below every other."""
    # Adding 0 turns -0.0 into 0.0, which must tie with it.
    bits = (scores.astype(np.float32) + np.float32(0)).view(np.uint32)
    # IEEE floats sort as unsigned integers once the sign bit is flipped, and all bits of negative ones.
    bits = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    keys = (bits.astype(np.uint64) << np.uint64(32)) | (patents.astype(np.int64) + 1).astype(np.uint64)
    keys[patents < 0] = 0
    return keys


def _ranking(keys: np.ndarray) -> Ranking:
    patents = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64).astype(np.int32) - 1
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    bits = np.where(bits >> np.uint32(31), bits & np.uint32(0x7FFFFFFF), ~bits)
    scores = bits.view(np.float32).astype(np.float64)
    scores[patents < 0] = -np.inf
    return Ranking(np.ascontiguousarray(patents), scores)
