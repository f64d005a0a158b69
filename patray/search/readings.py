"""Rank by the spans of long texts: a document's score is pooled over the cosines of the query with its spans.

`max` takes the best span, `top3` the mean of the three best (of fewer, where there are fewer), `first` the first span
alone. Cosines are made in float64 from float32 vectors, and the pooled score is rounded to float32 once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from patray.errors import InputError
from patray.search.exclusion import Exclusions
from patray.search.order import order_rows
from patray.search.ranking import Ranking

Pool = Literal["max", "top3", "first"]
TOP = 3
QUERIES, CELLS = 64, 4_000_000
"""Queries, and scores of a block of spans for them, that are held at once (32 MB)."""


def search_readings(
    queries: np.ndarray, spans: np.ndarray, start: np.ndarray, codes: np.ndarray, k: int, pool: Pool,
    exclusions: Exclusions | None = None,
) -> Ranking:  # fmt: skip
    """The k best documents of each query: Ranking (Q, k).

    queries (Q, d), spans (m, d) float32; document i has spans[start[i]:start[i + 1]], at least one; codes (n,) int32:
    what the documents are called. Raises InputError when k < 1 or a document has no span.
    """
    if k < 1:
        raise InputError(f"k = {k}: expected at least 1")
    if (np.diff(start) < 1).any():
        raise InputError(f"document {int(np.flatnonzero(np.diff(start) < 1)[0])} has no span")
    exclusions = exclusions or Exclusions.none()
    patents, scores = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf)
    for at in range(0, len(queries), QUERIES):
        block = slice(at, at + QUERIES)
        found = pooled(queries[block], spans, start, pool).astype(np.float32)
        exclusions.block(at, at + QUERIES).blank(found, np.nan)
        nothing = np.isnan(found)
        best = order_rows(np.where(nothing, -1, codes), np.where(nothing, 0, found), k)
        patents[block, : best.patents.shape[1]], scores[block, : best.patents.shape[1]] = best.patents, best.scores
    return Ranking(patents, scores)


def pooled(queries: np.ndarray, spans: np.ndarray, start: np.ndarray, pool: Pool) -> np.ndarray:
    """(Q, n) float64: the pooled score of every query and document; see `search_readings`."""
    found = np.empty((len(queries), len(start) - 1))
    asked, most = queries.astype(np.float64), max(1, CELLS // max(1, len(queries)))
    low = 0
    while low < len(start) - 1:
        high = max(low + 1, int(np.searchsorted(start, start[low] + most, side="right")) - 1)
        own = start[low : high + 1] - start[low]
        rows = spans[start[low] : start[high]]
        if pool == "first":
            rows, own = rows[own[:-1]], np.arange(high - low + 1)
        found[:, low:high] = _pool(asked @ rows.astype(np.float64).T, own, pool)
        low = high
    return found


def _pool(scores: np.ndarray, start: np.ndarray, pool: Pool) -> np.ndarray:
    """(Q, n): pooled over the columns of each document."""
    if pool == "first":
        return scores
    best = np.maximum.reduceat(scores, start[:-1], axis=1)
    if pool == "max":
        return best
    counts, total = np.diff(start), best.copy()
    columns = np.arange(scores.shape[1])
    for rank in range(1, TOP):  # take the best of each document away, one column of it, and look again
        taken = np.where(scores == np.repeat(best, counts, axis=1), columns, scores.shape[1])
        first = np.minimum.reduceat(taken, start[:-1], axis=1)
        row, document = np.nonzero(first < scores.shape[1])
        scores[row, first[row, document]] = -np.inf
        best = np.maximum.reduceat(scores, start[:-1], axis=1)
        more = counts > rank
        total[:, more] += best[:, more]
        best = np.where(more, best, np.inf)  # nothing of a document that is used up is taken
    return np.asarray(total / np.minimum(counts, TOP))
