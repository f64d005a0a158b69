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
from patray.measures.definitions import Measure
from patray.measures.ranking import evaluate
from patray.search.order import order_rows
from patray.search.ranking import Ranking
from patray.statistics.choice import best_option, choice_interval
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.resample import group_families

GRID = tuple(round(0.05 * step, 2) for step in range(21))
"""Weights of the dense list that are tried."""


@dataclass(frozen=True)
class Tuned:
    """The weight of the dense list that was best on validation. curve: (weight, mean) of every weight tried.

    low, high: interval of the weight over resamples of the validation families; None with one family.
    """

    weight: float
    curve: tuple[tuple[float, float], ...]
    measure: str
    queries: int
    low: float | None = None
    high: float | None = None

    def rows(self, landscape: str, view: str, system: str) -> list[dict[str, Any]]:
        """Rows of the schema tables.TUNING: `fusion.weight` for every weight tried, then the ends of the chosen
        one's interval, `fusion.weight.ci_low` and `fusion.weight.ci_high`, with the means of those weights."""
        where = {"task": "retrieval", "landscape": landscape, "view": view, "system": system}
        means = dict(self.curve)
        found = [("fusion.weight", weight, weight == self.weight) for weight in means]
        found += [
            (f"fusion.weight.{end}", weight, False)
            for end, weight in (("ci_low", self.low), ("ci_high", self.high))
            if weight is not None
        ]
        return [
            where
            | {
                "parameter": parameter,
                "value": weight,
                "metric": self.measure,
                "mean": means[weight],
                "n": self.queries,
                "chosen": chosen,
            }
            for parameter, weight, chosen in found
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
    draws: Draws = DEFAULT_DRAWS,
) -> Tuned:
    """The weight with the best mean of `measure` over `queries` (Q,) bool; of equals the one nearest the middle, and of
    two equally near the one given first. Its interval is `stats.choice.choice_interval` over the queries' families.

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
    weights = np.array(grid, np.float64)
    values = np.empty((len(rows), len(weights)))
    for at, weight in enumerate(weights.tolist()):
        fused = order_rows(patents, weight * first + (1 - weight) * second, measure.cutoff)
        values[:, at] = evaluate(fused.patents, *judged, [measure], relevant_from=truth.relevant_from)[measure]
    means = np.array([np.ascontiguousarray(column).mean() for column in values.T])
    chosen = float(weights[best_option(means[None], weights)[0]])
    families = group_families(_families(truth, rows))
    low, high = choice_interval(values, families, weights, draws)
    curve = tuple(zip(weights.tolist(), means.tolist(), strict=True))
    ends = (None, None) if np.isnan(low) else (low, high)
    return Tuned(chosen, curve, str(measure), len(rows), *ends)


def _families(truth: Truth, rows: np.ndarray) -> np.ndarray:
    """(n,) str: the family of each query; a query without one is its own."""
    own = (f"\0{query}" for query in truth.query_ids[rows])
    return np.array([family or name for family, name in zip(truth.query_family[rows], own, strict=True)])


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
