"""Batches by token budget, composed from the lengths alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def text_batches(inputs: Sequence[np.ndarray], budget: int) -> Iterator[np.ndarray]:
    """Positions of the inputs that have tokens, in batches by `token_budget_batches`."""
    lengths = np.array([len(tokens) for tokens in inputs], dtype=np.int64)
    some = np.flatnonzero(lengths)
    for chosen in token_budget_batches(lengths[some], budget):
        yield some[chosen]


def padded(
    batch: Sequence[np.ndarray], pad: int, left: bool = False, width: int | None = None
) -> dict[str, np.ndarray]:
    """input_ids and attention_mask (n, width) int64 of token ids, filled up with `pad` on one side.

    width: default that of the longest.
    """
    width = width or max(len(tokens) for tokens in batch)
    ids = np.full((len(batch), width), pad, dtype=np.int64)
    mask = np.zeros((len(batch), width), dtype=np.int64)
    for row, tokens in enumerate(batch):
        where = slice(width - len(tokens), width) if left else slice(0, len(tokens))
        ids[row, where] = tokens
        mask[row, where] = 1
    return {"input_ids": ids, "attention_mask": mask}
