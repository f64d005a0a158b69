"""Measures that are functions of somebody else: called query by query, or for all queries at once, and checked.

per_query("Half", half)(seen, 10)       # (Q,) float64, half's value for each query that has something relevant
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from patray.errors import InputError, UnplacedError, raised
from patray.kinds import place_of
from patray.measures.ranking import Counted

Value = Callable[[Counted, int], np.ndarray]
OfQuery = Callable[[np.ndarray, np.ndarray], float]


def per_query(name: str, function: OfQuery) -> Value:
    """The values of a function of one query, (Q,) float64.

    function: (grades of the first K results: exactly K numbers, 0 where irrelevant and where fewer were ranked; grades
    of all relevant patents, the highest first, at least one) to a number from 0 to 1. A grade below `relevant_from` is
    irrelevant in both. It is called for queries that have something relevant; the others have no value, 0 here.
    """

    def value(seen: Counted, cutoff: int) -> np.ndarray:
        values = np.zeros(seen.n_queries)
        shown = np.searchsorted(seen.gain_query, np.arange(seen.n_queries + 1))
        best = np.searchsorted(seen.ideal_query, np.arange(seen.n_queries + 1))
        for query in np.flatnonzero(seen.n_relevant > 0).tolist():
            grades = np.zeros(cutoff, np.int64)
            some = slice(shown[query], shown[query + 1])
            near = (seen.gain_rank[some] <= cutoff) & (seen.grade[some] >= seen.relevant_from)
            grades[seen.gain_rank[some][near] - 1] = seen.grade[some][near]
            relevant = seen.ideal_grade[best[query] : best[query + 1]]
            values[query] = _one(
                f"measure {name}@{cutoff}", function, query, grades, relevant[relevant >= seen.relevant_from]
            )
        return values

    return value


def _one(label: str, function: OfQuery, query: int, grades: np.ndarray, relevant: np.ndarray) -> float:
    try:
        found: Any = function(grades, relevant)
    except Exception as error:
        raise UnplacedError(f"{label}: its function raised {raised(error)}", query) from error
    try:
        number = float(found)
    except (TypeError, ValueError) as error:
        kind = f"{type(found).__name__} {str(found)[:40]!r}"
        said = f"its function{place_of(function)} gave a {kind}; allowed are numbers from 0 to 1"
        raise UnplacedError(f"{label}: {said}", query) from error
    if not 0 <= number <= 1:
        said = f"its function{place_of(function)} gave {number:g}; allowed are 0 to 1"
        raise UnplacedError(f"{label}: {said}", query)
    return number


def of_all(label: str, low: float, high: float, value: Value, seen: Counted, cutoff: int) -> np.ndarray:
    """What the `value` of somebody else's Definition gives, (Q,) float64; checked where something is relevant."""
    try:
        found: Any = value(seen, cutoff)
    except InputError:
        raise
    except Exception as error:
        raise UnplacedError(f"{label}: its value raised {raised(error)}") from error
    its = f"{label}: its value{place_of(value)}"
    try:
        values = np.asarray(found, np.float64)
    except (TypeError, ValueError) as error:
        raise UnplacedError(f"{its} gave a {type(found).__name__}; wanted are Q numbers") from error
    if values.shape != (seen.n_queries,):
        raise UnplacedError(f"{its} gave shape {values.shape}, wanted ({seen.n_queries},), one a query")
    outside = np.flatnonzero((seen.n_relevant > 0) & ~((values >= low) & (values <= high)))
    if len(outside):
        query = int(outside[0])
        raise UnplacedError(f"{its} is {values[query]:g}; its Definition says {low:g} to {high:g}", query)
    return values
