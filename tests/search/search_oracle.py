"""What search must return, computed the slow and obvious way."""

from __future__ import annotations

import math

import numpy as np

from patray.landscapes.records import Truth
from patray.search.ranking import Ranking


def inner_products(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Correctly rounded: every product is exact in float64, fsum rounds their exact sum once, float32 once more."""
    left, right = queries.astype(np.float64), vectors.astype(np.float64)
    return np.array([[np.float32(math.fsum(q * d)) for d in right] for q in left], np.float32).reshape(
        len(queries), len(vectors)
    )


def best(scores: np.ndarray, codes: np.ndarray, k: int, allowed: np.ndarray | None = None) -> Ranking:
    """Sort each row by (score, code) descending with Python's sort."""
    patents = np.full((len(scores), k), -1, np.int32)
    values = np.full((len(scores), k), -np.inf)
    for row in range(len(scores)):
        found = [
            (float(scores[row, place]), int(codes[place]))
            for place in range(len(codes))
            if allowed is None or allowed[row, place]
        ]
        for place, (value, code) in enumerate(sorted(found, reverse=True)[:k]):
            patents[row, place], values[row, place] = code, value
    return Ranking(patents, values)


def same(found: Ranking, expected: Ranking) -> None:
    assert found.patents.dtype == np.int32
    assert found.scores.dtype == np.float64
    np.testing.assert_array_equal(found.patents, expected.patents)
    np.testing.assert_array_equal(found.scores, expected.scores)


def make_truth(
    n_queries: int,
    n_patents: int,
    excluded: list[list[int]] | None = None,
    pairs: list[tuple[int, int, int]] = (),
    query_date: list[int] | None = None,
    patent_date: list[int] | None = None,
) -> Truth:
    """A truth with ids q000, p000, ...; pairs (query, patent, relevance)."""
    excluded = excluded or [[] for _ in range(n_queries)]
    judged = np.array(sorted(pairs), np.int32).reshape(-1, 3)
    return Truth(
        query_ids=np.array([f"q{at:03}" for at in range(n_queries)], object),
        patent_ids=np.array([f"p{at:03}" for at in range(n_patents)], object),
        query=judged[:, 0],
        patent=judged[:, 1],
        relevance=judged[:, 2],
        domain=np.full(len(judged), -1, np.int8),
        excluded_start=np.cumsum([0] + [len(part) for part in excluded]).astype(np.int64),
        excluded=np.array([code for part in excluded for code in sorted(part)], np.int32),
        earlier_only=query_date is not None,
        query_date=np.array(query_date if query_date is not None else [-1] * n_queries, np.int32),
        patent_date=np.array(patent_date if patent_date is not None else [-1] * n_patents, np.int32),
        query_family=np.array([f"f{at}" for at in range(n_queries)], object),
        query_jurisdiction=np.array(["EP"] * n_queries, object),
        query_in_corpus=np.full(n_queries, -1, np.int32),
    )
