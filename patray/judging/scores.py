"""Scores with and without new grades, and what they are over all queries, from those that were judged.

Where only some queries were judged, the mean over all of them is estimated by what is known of all (f: the score from
the judgements that were there, or from a machine's grades) and by what the people's grades change on the judged ones:

    mean over all of f  +  mean over the judged of (y - f)

which is unbiased whatever f is worth, since the judged queries are a random sample, and narrow where f is good
(Angelopoulos and others 2023, doi:10.1126/science.adi6000, prediction-powered inference; in sampling theory Cassel,
Särndal and Wretman's difference estimator). Its standard error is that of its terms, added up within patent families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.measures.definitions import Measure
from patray.measures.ranking import find_hits, measure_hits
from patray.statistics.paired import cluster_error


@dataclass(frozen=True)
class Corrected:
    """estimate, with the ends low and high of an interval; nan with fewer than two judged families."""

    estimate: float
    low: float
    high: float


def corrected(
    before: np.ndarray, change: np.ndarray, judged: np.ndarray, families: np.ndarray, level: float = 0.95
) -> Corrected:
    """The mean over all queries of a score after judging.

    before (Q,): f of every query. change (Q,): y - f, read where judged (Q,) bool. families (Q,): which family each
    query belongs to. The quantile is Student's t with one degree of freedom less than there are judged families.
    """
    from scipy import stats

    n, m = len(before), int(judged.sum())
    if m == 0:
        return Corrected(np.nan, np.nan, np.nan)
    shift = float(change[judged].mean())
    estimate = float(before.mean()) + shift
    terms = (before - before.mean()) + np.where(judged, (change - shift) * (n / m), 0.0)
    _, code = np.unique(families, return_inverse=True)
    sums = np.bincount(code, terms)[:, None]
    freedom = len(np.unique(code[judged])) - 1
    if freedom < 1:
        return Corrected(estimate, np.nan, np.nan)
    error = float(cluster_error(sums, np.bincount(code), np.zeros(1))[0])
    reach = float(stats.t.ppf((1.0 + level) / 2.0, freedom)) * error
    return Corrected(estimate, estimate - reach, estimate + reach)


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Query (P,), patent (P,), grade (P,): integers, sorted by (query, patent), without duplicates."""


def with_grades(pairs: Pairs, query: np.ndarray, patent: np.ndarray, grade: np.ndarray) -> Pairs:
    """Pairs with more of them, none of which was there; grades of 0 are left out, as they gain nothing."""
    kept = grade > 0
    parts = zip(pairs, (query, patent, grade), strict=True)
    return in_order(*(np.concatenate([old, new[kept].astype(old.dtype)]) for old, new in parts))


def in_order(query: np.ndarray, patent: np.ndarray, grade: np.ndarray) -> Pairs:
    """The same pairs, sorted by query and patent."""
    order = np.lexsort((patent, query))
    return query[order], patent[order], grade[order]


def values(
    ranked: np.ndarray, pairs: Pairs, measures: Sequence[Measure], relevant_from: int
) -> dict[Measure, np.ndarray]:
    """Of each measure (Q,) float64, for a ranking (Q, K)."""
    return measure_hits(find_hits(ranked, *pairs), measures, None, relevant_from)


def judged_share(ranked: np.ndarray, pairs: Pairs, depth: int) -> np.ndarray:
    """(Q,): share of a query's first `depth` results that have a judgement; pairs: all that were judged, 0 included."""
    hits = find_hits(ranked[:, :depth], *pairs)
    shown = np.maximum((ranked[:, :depth] >= 0).sum(axis=1), 1)
    return np.bincount(hits.query, minlength=len(ranked)) / shown
