"""A number shared out by weight."""

from __future__ import annotations

import numpy as np


def allot(sizes: np.ndarray, weights: np.ndarray, total: int) -> np.ndarray:
    """(S,) int64: `total` shared out in proportion to weights (S,), none above its size (S,); the sum is `total`.

    What a source lacks goes to the others by their weights; remainders go to the largest fractions. `total` is at most
    the sum of the sizes.
    """
    given = np.zeros(len(sizes), np.int64)
    open_ = sizes > 0
    while total > given.sum():
        left = total - int(given.sum())
        share = np.where(open_, weights, 0.0)
        wanted = left * share / share.sum()
        room = (sizes - given).astype(np.float64)
        if (wanted[open_] <= room[open_]).all():
            whole = np.floor(wanted).astype(np.int64)
            fraction = np.where(open_ & (given + whole < sizes), wanted - whole, -1.0)
            more = np.argsort(-fraction, kind="stable")[: left - int(whole.sum())]
            whole[more] += 1
            return given + whole
        full = open_ & (wanted >= room)
        given[full] = sizes[full]
        open_ &= ~full
    return given
