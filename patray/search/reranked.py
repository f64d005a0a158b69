"""A ranking whose top was scored again by a reranker."""

from __future__ import annotations

import hashlib

import numpy as np

from patray.errors import InputError
from patray.search.order import order_rows
from patray.search.ranking import Ranking


def rerank_top(base: Ranking, scores: np.ndarray) -> Ranking:
    """The best `depth` results of each query in the order of their new scores, then the rest as it was.

    base (Q, K); scores (Q, depth) float32, finite where base has a result. What stands below `depth` keeps its order:
    its scores are the query's lowest new score less 1, 2, 3, ..., so a measure at any depth up to K stays comparable
    with the base's, and no result below can pass one above. Raises InputError when depth is over K or a score is
    missing.
    """
    depth = scores.shape[1]
    if depth > base.patents.shape[1]:
        raise InputError(f"{depth} results were scored, the ranking holds {base.patents.shape[1]}")
    patents = base.patents[:, :depth]
    filled = patents >= 0
    if not np.isfinite(scores[filled]).all():
        raise InputError(
            f"{int((~np.isfinite(scores[filled])).sum())} of {int(filled.sum())} results have no new score"
        )
    top = order_rows(patents, np.where(filled, scores, -np.inf), depth)
    lowest = np.where(filled, scores, np.inf).min(axis=1, initial=np.inf).astype(np.float32)
    below = base.patents[:, depth:]
    steps = np.arange(1, below.shape[1] + 1, dtype=np.float32)
    tail = np.where(below >= 0, lowest[:, None] - steps, np.float32(-np.inf))
    before = lowest
    for place in range(below.shape[1]):  # beyond 2^24 float32 knows no step of 1
        tail[:, place] = np.minimum(tail[:, place], np.nextafter(before, np.float32(-np.inf)))
        before = tail[:, place]
    return Ranking(
        np.concatenate([top.patents, below], axis=1),
        np.concatenate([top.scores, tail.astype(np.float64)], axis=1),
    )


def ranking_hash(patents: np.ndarray, query_ids: np.ndarray, patent_ids: np.ndarray) -> str:
    """32 hex digits over the ids that each query ranks, in order: patents (Q, K) integer, -1 where empty."""
    total = hashlib.blake2b(digest_size=16)
    for query, row in zip(query_ids.tolist(), patents, strict=True):
        total.update("\0".join([query, *patent_ids[row[row >= 0]].tolist()]).encode("utf-8"))
        total.update(b"\n")
    return total.hexdigest()
