"""Resamples of items drawn by family.

Patents of one family are near copies, so items that share a family are not independent: the unit that is drawn with
replacement is the family, and an item's weight in a resample is how often its family was drawn (the cluster
bootstrap: Davison and Hinkley 1997, section 3.8; Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x).
Where every family is one item this is Efron's bootstrap.

A resample is a row of counts (F,), so that every total of a resample is one row of `counts @ family sums`: drawing is
`bincount`, the rest is BLAS, and all systems share the draws because they are columns of one matrix. Draws depend on
the seed and the number of families alone, never on the block size or on who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from patray.errors import InputError

BLOCK_BYTES = 128 << 20
"""Most bytes of one block of counts: memory stays flat however many resamples are asked for."""

CACHE_BYTES = 2 << 20

JACKKNIFE_GROUPS = 1000
"""A standard error from G groups is itself good to 1 / sqrt(2 G), here 2%."""


@dataclass(frozen=True)
class Families:
    """Which family each item belongs to. index (n,) int64 in [0, count); sizes (count,) int64, items per family."""

    index: np.ndarray
    sizes: np.ndarray

    @property
    def count(self) -> int:
        return len(self.sizes)

    @property
    def items(self) -> int:
        return len(self.index)

    @cached_property
    def membership(self) -> sp.csr_array:
        """(count, n) with a one where the item is in the family."""
        order = np.argsort(self.index, kind="stable")
        start = np.concatenate([[0], np.cumsum(self.sizes)])
        return sp.csr_array((np.ones(self.items), order, start), shape=(self.count, self.items))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of values (n,) or (n, S) over each family: (count,) or (count, S) float64."""
        return self.membership @ np.asarray(values, dtype=np.float64)


def group_families(ids: np.ndarray) -> Families:
    """Families from one id per item, (n,) of any sortable dtype; numbered in the order of their sorted ids."""
    _, index, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    return Families(index.astype(np.int64), sizes.astype(np.int64))


class Weights(Protocol):
    """A block of b samples: how often each of F families counts in each."""

    def totals(self, matrix: np.ndarray | sp.csr_array) -> np.ndarray:
        """Weighted totals (b, K) of a dense family matrix (F, K), or of a sparse one given transposed, (K, F)."""
        ...


@dataclass(frozen=True)
class Drawn:
    """Weights that were drawn (or signs): rows (b, F) float64."""

    rows: np.ndarray

    @cached_property
    def columns(self) -> dict[np.dtype, np.ndarray]:
        """(F, b), C order, by dtype: the layout in which a sparse product reads whole cache lines."""
        return {}

    def totals(self, matrix: np.ndarray | sp.csr_array) -> np.ndarray:
        if isinstance(matrix, np.ndarray):
            return self.rows @ matrix
        if matrix.dtype not in self.columns:
            self.columns[matrix.dtype] = np.ascontiguousarray(self.rows.T, dtype=matrix.dtype)
        return (matrix @ self.columns[matrix.dtype]).T.astype(np.float64, copy=False)


@dataclass(frozen=True)
class LeftOut:
    """Weights of a jackknife: each of G groups of families left out once. selector (F, G) sparse: who is in a group."""

    selector: sp.csr_array

    def totals(self, matrix: np.ndarray | sp.csr_array) -> np.ndarray:
        if isinstance(matrix, np.ndarray):
            return matrix.sum(axis=0) - self.selector.T @ matrix
        return (matrix.sum(axis=1)[:, None] - (matrix @ self.selector).toarray()).T


class Statistic(Protocol):
    """What is recomputed on every sample: weights of b samples in, (b, ...) values out."""

    def __call__(self, weights: Weights) -> np.ndarray: ...


def block_size(families: int) -> int:
    """Resamples per block, so that a block of float64 counts stays within BLOCK_BYTES."""
    return int(np.clip(BLOCK_BYTES // (8 * max(families, 1)), 1, 1024))


def stream(seed: int, purpose: int) -> np.random.Generator:
    """A generator whose draws are independent of those of any other seed or purpose (0 resamples, 1 sign flips)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose,))))


def cached_block(families: int) -> int:
    """Resamples per block for sparse products, which read the counts at random: as many as fit a processor's cache."""
    return int(np.clip(CACHE_BYTES // (8 * max(families, 1)), 32, 256))


def bootstrap_weights(families: int, resamples: int, seed: int, most: int = 1024) -> Iterator[Drawn]:
    """Blocks of `resamples` draws of `families` families with replacement, from the seed's first stream.

    most: draws in a block; `cached_block` for statistics of sparse counts. The draws are the same for any.
    """
    if families < 1 or resamples < 1:
        raise InputError(f"bootstrap of {families} families and {resamples} resamples: both must be at least 1")
    generator = stream(seed, 0)
    block = min(block_size(families), most)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(0, families, size=(size, families), dtype=np.int32)
        rows = np.empty((size, families))
        for row in range(size):
            rows[row] = np.bincount(drawn[row], minlength=families)
        yield Drawn(rows)


def leave_out(families: int) -> LeftOut:
    """Every family left out once, or, of more than JACKKNIFE_GROUPS, every group of F / JACKKNIFE_GROUPS of them."""
    groups = min(families, JACKKNIFE_GROUPS)
    every = np.arange(families)
    return LeftOut(sp.coo_array((np.ones(families), (every, every % groups)), shape=(families, groups)).tocsr())


def recompute(blocks: Iterable[Weights], statistics: Sequence[Statistic]) -> list[np.ndarray]:
    """Every statistic on every sample of the blocks: one (B, ...) array each. The blocks are drawn once."""
    parts: list[list[np.ndarray]] = [[] for _ in statistics]
    for weights in blocks:
        for part, statistic in zip(parts, statistics, strict=True):
            part.append(np.asarray(statistic(weights)))
    return [np.concatenate(part) for part in parts]
