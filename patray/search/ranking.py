"""A system's top-k per query, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """patents (Q, K) int32: positions in Truth.patent_ids, best first, -1 where a query has fewer than K results.

    scores (Q, K) float64, -inf where patents is -1. Order is (score descending, patent descending): trec_eval's rule.
    """

    patents: np.ndarray
    scores: np.ndarray
