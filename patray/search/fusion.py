"""Fusion of rankings: linear with min-max scores, its weight tuned on validation queries, and reciprocal rank (RRF).

Both see only what the fused lists hold. Normalisation is per query and list. A patent that one list lacks has the
lowest normalised score there, 0. A list whose scores are all equal has no spread, and its patents get 1, as in Pyserini
and OpenSearch (ranx gives 0): they were found, which a patent outside was not. Fused scores are rounded to float32,
like all scores here, so sums that differ only by the order of addition tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.landscapes.records import Truth
from patray.metrics.measures import Measure
from patray.metrics.ranking import evaluate
from patray.search.order import order_rows
from patray.search.ranking import Ranking

GRID = tuple(round(0.05 * step, 2) for step in range(21))
"""Weights of the dense list that are tried."""


@dataclass(frozen=True)
class Tuned:
    """The weight of the dense list that was best on validation. curve: (weight, mean) of every weight tried."""

    weight: float
    curve: tuple[tuple[float, float], ...]
    measure: str
    queries: int

    def rows(self, landscape: str, view: str, system: str) -> list[dict[str, Any]]:
        """Rows of the schema runs.tables.TUNING."""
        where = {"task": "retrieval", "landscape": landscape, "view": view, "system": system}
        where |= {"parameter": "fusion.weight"}
        return [
            where
            | {
                "value": weight,
                "metric": self.measure,
                "mean": mean,
                "n": self.queries,
                "chosen": weight == self.weight,
            }
            for weight, mean in self.curve
        ]


def linear(dense: Ranking, lexical: Ranking, weight: float, depth: int) -> Ranking:
    """weight * dense + (1 - weight) * lexical, each min-max normalised per query: Ranking (Q, depth)."""
    if not 0 <= weight <= 1:
        raise InputError(f"fusion weight {weight}: expected 0 to 1")
    patents, (first, second) = _joined([dense, lexical], [min_max(dense), min_max(lexical)])
    return _padded(order_rows(patents, weight * first + (1 - weight) * second, depth), depth)


def rrf(rankings: Sequence[Ranking], k: int, depth: int) -> Ranking:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): the sum of 1 / (k + rank), rank from 1."""
    shares = [
        np.broadcast_to(1.0 / (k + 1 + np.arange(part.patents.shape[1])), part.patents.shape) for part in rankings
    ]
    patents, columns = _joined(rankings, shares)
    return _padded(order_rows(patents, np.sum(columns, axis=0), depth), depth)


def tune_weight(
    dense: Ranking,
    lexical: Ranking,
    truth: Truth,
    queries: np.ndarray,
    measure: Measure,
    grid: Sequence[float] = GRID,
) -> Tuned:
    """The weight with the best mean of `measure` over `queries` (Q,) bool; of equals the one nearest the middle, and of
    two equally near the one given first.

    Only these queries are looked at. Raises InputError when there is none.
    """
    rows = np.flatnonzero(queries)
    if not len(rows):
        raise InputError("fusion weight: no validation query to tune on")
    renumber = np.full(len(truth.query_ids), -1, np.int64)
    renumber[rows] = np.arange(len(rows))
    pairs = renumber[truth.query] >= 0
    judged = renumber[truth.query[pairs]], truth.patent[pairs], truth.relevance[pairs]
    parts = [Ranking(part.patents[rows], part.scores[rows]) for part in (dense, lexical)]
    patents, (first, second) = _joined(parts, [min_max(part) for part in parts])
    curve = []
    for weight in grid:
        fused = order_rows(patents, weight * first + (1 - weight) * second, measure.cutoff)
        curve.append((float(weight), float(evaluate(fused.patents, *judged, [measure])[measure].mean())))
    best = max(mean for _, mean in curve)
    chosen = min((weight for weight, mean in curve if mean == best), key=lambda weight: abs(weight - 0.5))
    return Tuned(chosen, tuple(curve), str(measure), len(rows))


def min_max(ranking: Ranking) -> np.ndarray:
    """(Q, K) float64: scores scaled to 0..1 within each list, 1 where all are equal, 0 in empty cells."""
    filled = ranking.patents >= 0
    low = np.where(filled, ranking.scores, np.inf).min(axis=1, keepdims=True)
    high = np.where(filled, ranking.scores, -np.inf).max(axis=1, keepdims=True)
    spread = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(spread > 0, (ranking.scores - low) / spread, 1.0)
    return np.where(filled, scaled, 0.0)


def _joined(rankings: Sequence[Ranking], values: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The union of the lists: patents (Q, sum K), each once a row, -1 where empty; and each list's value for them."""
    patents = np.concatenate([ranking.patents for ranking in rankings], axis=1)
    order = np.argsort(patents, axis=1, kind="stable")
    patents = np.take_along_axis(patents, order, axis=1)
    repeats = np.zeros(patents.shape, dtype=bool)
    repeats[:, 1:] = patents[:, 1:] == patents[:, :-1]
    start = np.maximum.accumulate(np.where(repeats, 0, np.arange(patents.shape[1])), axis=1)
    rows = np.arange(len(patents))[:, None]
    columns, offset = [], 0
    for part in values:
        whole = np.zeros(patents.shape)
        whole[:, offset : offset + part.shape[1]] = part
        offset += part.shape[1]
        gathered = np.zeros(patents.shape)
        np.add.at(gathered, (rows, start), np.take_along_axis(whole, order, axis=1))
        columns.append(gathered)
    patents[repeats] = -1
    return patents, columns


def _padded(ranking: Ranking, depth: int) -> Ranking:
    missing = depth - ranking.patents.shape[1]
    if missing <= 0:
        return ranking
    return Ranking(
        np.pad(ranking.patents, ((0, 0), (0, missing)), constant_values=-1),
        np.pad(ranking.scores, ((0, 0), (0, missing)), constant_values=-np.inf),
    )
