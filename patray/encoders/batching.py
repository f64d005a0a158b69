"""Batches by token budget, composed from the lengths alone."""

from __future__ import annotations

import numpy as np


def token_budget_batches(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Positions of `lengths` (n,) int, longest first, cut into batches whose padded size stays within `budget` tokens.

    Longest first, so that memory peaks in the first batch. Ties keep their order. An input longer than the budget is
    a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches, start = [], 0
    while start < len(order):
        rows = max(1, budget // max(1, int(lengths[order[start]])))
        batches.append(order[start : start + rows])
        start += rows
    return batches
