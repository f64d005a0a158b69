"""Adjusted p-values of a family of comparisons from the distribution of its largest statistic (max-T).

Holm multiplies the smallest p by the number m of comparisons, so with B flips nothing of a family of more than
0.05 (B + 1) can ever be significant. The largest of m statistics under the same flips has a distribution of its own:
its tail is the adjusted p, whose floor is 1 / (B + 1) for a family of any size, and which knows that comparisons that
share systems or queries are nearly the same question.

    Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 4.1 (step-down max-T);
    Romano and Wolf 2005, doi:10.1198/016214504000000539 (step-down, valid without subset pivotality);
    Romano and Wolf 2016, doi:10.1016/j.spl.2016.02.012 (the form of the p-values that is used here).

A family may span several sets of items (landscapes, views with other queries). Each set brings a `Null`: statistics on
one scale, and how they would fall if nothing differed. Row r of every null is one joint draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.statistics.bootstrap import fitted
from patray.statistics.paired import FEWEST_ROWS, Flips, Swaps
from patray.statistics.resample import CACHE_BYTES, Families, block_size

EQUAL = 1e-9
"""Studentised statistics that differ by less are equal: the observed one counts among its own flips."""

Blocks = Iterator[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Null:
    """Studentised statistics (P,) of P comparisons, and their joint distribution were all differences zero.

    blocks(b): rows (<= b, P) under the null, twice: as the test sees them, and around the observed differences, for
    intervals. replicates: rows in all; most: rows that are worth a block.
    """

    observed: np.ndarray
    replicates: int
    most: int
    blocks: Callable[[int], Blocks]


@dataclass(frozen=True)
class MaxT:
    """What max-T says of a family of m comparisons.

    p (m,): step-down adjusted, nan where the statistic is. critical: what the largest statistic of the family exceeds
    with probability alpha when nothing differs. reach: how far the estimate that is farthest off is from the truth, in
    standard errors: estimates +- reach x standard error hold all m differences at once with probability `level`. Both
    nan for a family without a comparison.
    """

    p: np.ndarray
    critical: float
    reach: float


def max_t(nulls: Sequence[Null], alpha: float = 0.05, level: float = 0.95) -> MaxT:
    """Adjust the p-values of all comparisons of some nulls together, in their order.

    For example 2,145 pairs of 66 systems on 46,069 queries, with 10,000 flips: p from 1/10,001 on.
    Raises InputError where the nulls have different numbers of replicates.
    """
    return max_t_of([np.arange(sum(len(null.observed) for null in nulls))], nulls, alpha, level)[0]


def max_t_of(
    groups: Sequence[np.ndarray], nulls: Sequence[Null], alpha: float = 0.05, level: float = 0.95
) -> list[MaxT]:
    """`max_t` of each of several groups of comparisons by itself, from one pass over the draws.

    groups: positions (m,) of a group's comparisons among those of all nulls, one null after the other; groups may
    overlap, as a family and its cells do.
    """
    counts = {null.replicates for null in nulls}
    if len(counts) > 1:
        raise InputError(f"max-T over nulls of {sorted(counts)} replicates: they must be as many in each")
    observed = np.abs(np.concatenate([null.observed for null in nulls])) if nulls else np.zeros(0)
    tallies = [_Tally.of(group, observed) for group in groups]
    asked = [tally for tally in tallies if len(tally.order)]
    if asked:
        rows = int(np.clip(CACHE_BYTES // (8 * len(observed)), FEWEST_ROWS, min(null.most for null in nulls)))
        for parts in zip(*(null.blocks(rows) for null in nulls), strict=True):
            null, centred = (np.abs(_beside([part[which] for part in parts])) for which in (0, 1))
            # A metric without a value under a flip counts against the difference, as in the test of one comparison.
            np.copyto(null, np.inf, where=np.isnan(null))
            for tally in asked:
                tally.add(null, centred)
    return [tally.result(next(iter(counts), 0), alpha, level) for tally in tallies]


def _beside(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


@dataclass
class _Tally:
    """What is counted of one group while the draws go by.

    size: comparisons of the group; order (m,): those that have a statistic, as positions in the group, the smallest
    first; columns (m,): the same among all. bar (m,): what a draw must reach.
    """

    size: int
    order: np.ndarray
    columns: np.ndarray
    bar: np.ndarray
    extreme: np.ndarray
    largest: list[np.ndarray]
    farthest: list[np.ndarray]

    @staticmethod
    def of(group: np.ndarray, observed: np.ndarray) -> _Tally:
        own = observed[group]
        known = np.flatnonzero(~np.isnan(own))
        # Of equals the last comes first, so that seen from the largest they keep the group's order.
        order = known[np.argsort(-own[known], kind="stable")][::-1]
        return _Tally(len(own), order, group[order], own[order] - EQUAL, np.zeros(len(order)), [], [])

    def add(self, null: np.ndarray, centred: np.ndarray) -> None:
        rest = null[:, self.columns]
        np.maximum.accumulate(rest, axis=1, out=rest)
        self.extreme += np.count_nonzero(rest >= self.bar, axis=0)
        self.largest.append(rest[:, -1].copy())
        self.farthest.append(np.nanmax(centred[:, self.columns], axis=1))

    def result(self, replicates: int, alpha: float, level: float) -> MaxT:
        adjusted = np.full(self.size, np.nan)
        if not len(self.order):
            return MaxT(adjusted, np.nan, np.nan)
        p = (1.0 + self.extreme) / (1.0 + replicates)
        adjusted[self.order] = np.maximum.accumulate(p[::-1])[::-1]
        critical = np.quantile(np.concatenate(self.largest), 1.0 - alpha, method="higher")
        reach = np.quantile(np.concatenate(self.farthest), level, method="higher")
        return MaxT(adjusted, float(critical), float(reach))


def flip_null(values: np.ndarray, families: Families, pairs: np.ndarray, flips: Flips) -> Null:
    """The null of mean differences of pairs (P, 2) of columns of values (n, S): families' signs are flipped.

    The statistic is an increasing function of the sum of the families' differences over the root of their sum of
    squares, which no flip changes; with one item a family it is the paired t. Equal systems have 0.
    """
    sums = families.sums(values - values.mean(axis=1, keepdims=True))
    sizes = families.sizes.astype(np.float64)
    first, second, count = pairs[:, 0], pairs[:, 1], families.count
    whole = sums.sum(axis=0)
    diff = (whole[first] - whole[second]) / sizes.sum()
    # Squares of the pairs' differences from the Gram matrix of the systems: no (F, P) array is made.
    gram = sums.T @ sums
    against = sums.T @ sizes
    squares = gram[first, first] + gram[second, second] - 2.0 * gram[first, second]
    cross = against[first] - against[second]
    around = squares - 2.0 * diff * cross + diff**2 * (sizes @ sizes)
    dust = 1e-13 * (gram[first, first] + gram[second, second])
    scale, width = (np.where(each > dust, np.sqrt(np.maximum(each, 0.0)), np.inf) for each in (squares, around))

    def blocks(rows: int) -> Blocks:
        for signs in flips.sample(rows):
            totals = signs.rows @ sums
            drawn = totals[:, first]
            drawn -= totals[:, second]
            centred = drawn - np.outer(signs.rows @ sizes, diff)
            drawn /= scale
            centred /= width
            yield _t(drawn, count), _t(centred, count)

    return Null(_t(diff * sizes.sum() / scale, count), flips.flips, block_size(count), blocks)


def _t(z: np.ndarray, count: int) -> np.ndarray:
    """Student's t from z = sum / root of the sum of squares, of `count` single items: t^2 = z^2 (n - 1) / (n - z^2)."""
    spread = z * z
    np.subtract(count, spread, out=spread)
    np.maximum(spread, 1e-9, out=spread)
    np.divide(max(count - 1, 1), spread, out=spread)
    np.sqrt(spread, out=spread)
    spread *= z
    return spread


def swap_null(swaps: Swaps, error: np.ndarray, flips: Flips) -> Null:
    """The null of metrics of summed counts: families' predictions change hands, as in `paired.swap_test`.

    error (P,): standard error of each difference, its scale. Intervals see the same distribution.
    """
    scale = np.where(error > 0, error, np.where(swaps.observed == 0, np.inf, np.nan))

    def blocks(rows: int) -> Blocks:
        for drawn in swaps.drawn(flips, rows):
            studentised = drawn / scale
            yield studentised, studentised

    return Null(swaps.observed / scale, flips.flips, swaps.most(flips.families), blocks)


def shift_null(replicates: np.ndarray, estimates: np.ndarray, pairs: np.ndarray, error: np.ndarray) -> Null:
    """The null of statistics that no permutation leaves valid (`bootstrap.shift_p`): resampled differences around zero.

    replicates (B, S) of estimates (S,); error (P,): the jackknife's standard error of each pair's difference.
    """
    first, second = pairs[:, 0], pairs[:, 1]
    observed = estimates[first] - estimates[second]
    scale = np.where(error > 0, error, np.where(observed == 0, np.inf, np.nan))
    whole = fitted(replicates[:, first] - replicates[:, second], error) / scale

    def blocks(rows: int) -> Blocks:
        for start in range(0, len(whole), rows):
            yield whole[start : start + rows], whole[start : start + rows]

    return Null(observed / scale, len(replicates), 1024, blocks)
