"""Tests of two systems on the same items, for all pairs of systems at once.

Pairs are (P, 2) columns of one matrix of values, so signs are drawn once for all of them, and the flipped totals of a
pair are the difference of two columns of `signs @ family sums`: the cost grows with the systems, not with the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.statistics.bootstrap import TIE, CountStatistic
from patray.statistics.resample import BLOCK_BYTES, CACHE_BYTES, Drawn, Families, block_size, cached_block, stream

COLUMNS = 64
"""Pairs whose item differences are held at once."""
FEWEST_ROWS, MOST_ROWS = 32, 1024
"""Flips of a block: at least so many, that a product of matrices is worth its call."""
CACHED_TOTALS = 1 << 15
"""Totals of pairs after flips that are held at once: arrays of 256 KB."""
EVERY_FLIP = 13
"""Families up to which scipy goes through all sign flips where differences are tied or zero."""


@dataclass(frozen=True)
class PairedTests:
    """One entry per pair, each (P,); wins, ties and losses are integers, the rest float64.

    diff: mean of a - b over items. standard_error: cluster-robust, of diff. effect_size: Cohen's d_z, the mean over the
    standard deviation of the items' differences. wins, ties, losses: items where a is above, equal to, below b.
    """

    diff: np.ndarray
    standard_error: np.ndarray
    p_t: np.ndarray
    p_wilcoxon: np.ndarray
    effect_size: np.ndarray
    wins: np.ndarray
    ties: np.ndarray
    losses: np.ndarray


def paired_tests(values: np.ndarray, families: Families, pairs: np.ndarray) -> PairedTests:
    """t, Wilcoxon, effect size and counts for pairs (P, 2) of columns of values (n, S) float64.

    p_t: cluster-robust t of the mean difference with F - 1 degrees of freedom; the ordinary paired t when every family
    is one item. p_wilcoxon: signed ranks of the families' mean differences, zeros left out (zero_method="wilcox"), ties
    at mid-rank (scipy 1.17's "auto"): without zeros and ties exact to 50 families; with either over all sign flips to
    13 families, zeros counted, and normal with tie correction from 14 on.
    Where all differences are zero both p are 1 and the effect size is 0; with one family both p and the error are nan.
    """
    parts = [_paired_block(values, families, pairs[at : at + COLUMNS]) for at in range(0, len(pairs), COLUMNS)]
    if not parts:
        parts = [_paired_block(values, families, np.zeros((0, 2), dtype=np.int64))]
    names = PairedTests.__dataclass_fields__
    return PairedTests(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _paired_block(values: np.ndarray, families: Families, pairs: np.ndarray) -> PairedTests:
    from scipy import stats

    differences = values[:, pairs[:, 0]] - values[:, pairs[:, 1]]
    differences[np.abs(differences) <= TIE] = 0.0
    diff = differences.mean(axis=0)
    sums = families.sums(differences)
    error = cluster_error(sums, families.sizes, diff)
    zero = ~differences.any(axis=0)
    items = len(differences)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_t = 2.0 * stats.t.sf(np.abs(diff / error), families.count - 1)
        spread = differences.std(axis=0, ddof=1) if items > 1 else np.full(len(pairs), np.nan)
        effect = diff / spread
    means = sums / families.sizes[:, None]
    means[np.abs(means) <= TIE] = 0.0
    several = families.count > 1
    return PairedTests(
        diff=diff,
        standard_error=error,
        p_t=np.where(zero & several, 1.0, p_t),
        p_wilcoxon=np.array([_wilcoxon(column) if several else np.nan for column in means.T]),
        effect_size=np.where(zero, 0.0, effect),
        wins=(differences > 0).sum(axis=0),
        ties=(differences == 0).sum(axis=0),
        losses=(differences < 0).sum(axis=0),
    )


def cluster_error(sums: np.ndarray, sizes: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Cluster-robust standard error (P,) of means over items (Liang and Zeger 1986, with the factor F / (F - 1)).

    sums (F, P): totals of each family; sizes (F,); mean (P,) = sums over items. statsmodels calls it cov_type="cluster"
    of a regression on a constant. nan with one family.
    """
    count = len(sizes)
    if count < 2:
        return np.full(mean.shape, np.nan)
    residual = sums - sizes[:, None] * mean
    squares = np.einsum("fp,fp->p", residual, residual)
    return np.sqrt(squares * count / (count - 1)) / sizes.sum()


def _wilcoxon(means: np.ndarray) -> float:
    from scipy import stats

    if not means.any():
        return 1.0
    sizes = np.abs(means[means != 0])
    if len(means) <= EVERY_FLIP and (len(sizes) < len(means) or len(np.unique(sizes)) < len(sizes)):
        # What scipy does for so few, but all sign flips in one call of the statistic.
        ranks = np.zeros(len(means))
        ranks[means != 0] = stats.rankdata(sizes)
        found = stats.permutation_test(
            (means,), lambda flipped, axis: ((flipped > 0) * ranks).sum(axis=axis), permutation_type="samples",
            n_resamples=np.inf, vectorized=True,
        )  # fmt: skip
        return float(found.pvalue)
    return float(stats.wilcoxon(means, zero_method="wilcox", method="auto").pvalue)


@dataclass(frozen=True)
class Flips:
    """Sign vectors of a permutation test over F families: all 2^F where that is no more than asked, else a sample."""

    families: int
    flips: int
    seed: int

    def __post_init__(self) -> None:
        if self.families < 1 or self.flips < 1:
            raise InputError(f"{self.flips} flips of {self.families} families: both must be at least 1")

    @property
    def exact(self) -> bool:
        return self.families < 63 and 2**self.families <= self.flips

    def blocks(self, most: int = 1024) -> Iterator[Drawn]:
        """Signs as weights: rows (b, F) of +1 and -1, b at most `most`; the same signs whatever the block size."""
        if not self.exact:
            yield from self.sample(most)
            return
        block = min(block_size(self.families), most)
        for start in range(0, 2**self.families, block):
            rows = np.arange(start, min(start + block, 2**self.families))
            bits = (rows[:, None] >> np.arange(self.families)) & 1
            yield Drawn(1.0 - 2.0 * bits)

    def sample(self, most: int = 1024) -> Iterator[Drawn]:
        """`flips` sign vectors drawn at random, also where all of them could be listed; else as `blocks`."""
        block = min(block_size(self.families), most)
        generator = stream(self.seed, 1)
        # Whole 64-bit words a row, so that the signs do not depend on the block size.
        words = (self.families + 63) // 64
        for start in range(0, self.flips, block):
            size = min(block, self.flips - start)
            drawn = np.frombuffer(generator.bytes(size * words * 8), dtype=np.uint8).reshape(size, words * 8)
            signs = np.unpackbits(drawn, axis=1, count=self.families).astype(np.float64)
            signs *= -2.0
            signs += 1.0
            yield Drawn(signs)

    def p_values(self, observed: np.ndarray, replicates: Iterator[np.ndarray], tolerance: np.ndarray) -> np.ndarray:
        """Two-sided p (P,) of observed (P,) from blocks (b, P) of the statistic under flips.

        Exact: the share of sign vectors at least as extreme, the observed one among them. Sampled: (1 + extreme) /
        (1 + flips), which never is 0 and never too small (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
        nan where observed is.
        """
        bar = np.abs(observed) - tolerance
        extreme = np.zeros(len(observed))
        total = 0
        for block in replicates:
            # Not `>=`: where a metric has no value under a flip, that flip counts against the difference.
            extreme += (~(np.abs(block) < bar)).sum(axis=0)
            total += len(block)
        p = extreme / total if self.exact else (1.0 + extreme) / (1.0 + total)
        return np.where(np.isnan(observed), np.nan, p)


def flip_test(values: np.ndarray, families: Families, pairs: np.ndarray, flips: Flips) -> np.ndarray:
    """Sign-flip permutation p (P,) of the mean difference of pairs (P, 2) of columns of values (n, S).

    Under the null the two systems are exchangeable within a family, so the sign of a family's summed difference is a
    coin toss (Fisher's randomisation test, in retrieval Smucker et al. 2007). One matrix product serves all pairs.
    """
    # Flips do not see what all systems share; without it the difference of two columns loses no digits.
    sums = families.sums(values - values.mean(axis=1, keepdims=True))
    first, second = pairs[:, 0], pairs[:, 1]
    whole, reach = sums.sum(axis=0), np.abs(sums).sum(axis=0)
    observed = whole[first] - whole[second]  # no (F, P) array is made: 66 systems in six views have 12,870 pairs
    rows = int(np.clip(CACHE_BYTES // (8 * max(len(pairs), 1)), FEWEST_ROWS, MOST_ROWS))

    def replicates() -> Iterator[np.ndarray]:
        for signs in flips.blocks(rows):
            totals = signs.rows @ sums
            yield totals[:, first] - totals[:, second]

    return flips.p_values(observed, replicates(), TIE * (reach[first] + reach[second]))


def swap_test(systems: Sequence[Sequence[CountStatistic]], pairs: np.ndarray, flips: Flips) -> np.ndarray:
    """Permutation p (P,) for metrics of summed counts: a family's predictions change hands between the two systems.

    systems[s]: the counts of system s with a function (..., K) -> (...), several where the metric is the mean over
    several label sets; the counts of all systems must be aligned. pairs (P, 2): positions in systems. After a swap of
    some families the totals of the two are half their sum plus and minus half their flipped difference, so one product
    a system serves all its pairs.
    """
    return Swaps.of(systems, pairs).p_values(flips)


@dataclass(frozen=True)
class Swaps:
    """Differences of metrics of summed counts, (P,) as observed and after some families' predictions changed hands.

    whole: the totals (K,) of every system and label set.
    """

    systems: Sequence[Sequence[CountStatistic]]
    pairs: np.ndarray
    whole: list[list[np.ndarray]]
    observed: np.ndarray

    @staticmethod
    def of(systems: Sequence[Sequence[CountStatistic]], pairs: np.ndarray) -> Swaps:
        whole = [[np.asarray(part.matrix.sum(axis=1), dtype=np.float64) for part in system] for system in systems]
        values = [
            np.mean([part.function(total[None])[0] for part, total in zip(system, totals, strict=True)])
            for system, totals in zip(systems, whole, strict=True)
        ]
        return Swaps(systems, pairs, whole, np.array([values[a] - values[b] for a, b in pairs]))

    def p_values(self, flips: Flips) -> np.ndarray:
        """(P,), as `swap_test`."""
        blocks = map(self.differences, flips.blocks(self.most(flips.families)))
        return flips.p_values(self.observed, blocks, np.full(len(self.pairs), TIE))

    def most(self, families: int) -> int:
        """Sign vectors of `families` families that are worth a block."""
        row_bytes = 8 * sum(part.matrix.shape[0] for system in self.systems for part in system)
        return min(cached_block(families), max(1, BLOCK_BYTES // row_bytes))

    def drawn(self, flips: Flips, most: int) -> Iterator[np.ndarray]:
        """Blocks (b, P) of the differences under the sampled flips, b at most `most`."""
        return map(self.differences, flips.sample(most))

    def differences(self, signs: Drawn) -> np.ndarray:
        """(b, P): after the swaps that b sign vectors say."""
        rows = len(signs.rows)
        block = np.zeros((rows, len(self.pairs)))
        for at, parts in enumerate(zip(*self.systems, strict=True)):  # one label set: the counts of all are aligned
            flipped = np.stack([signs.totals(part.matrix) for part in parts])
            whole, function = np.stack([totals[at] for totals in self.whole])[:, None], parts[0].function
            few = max(1, CACHED_TOTALS // flipped[0].size)
            for start in range(0, len(self.pairs), few):  # one call for several pairs, whose arrays stay in the cache
                a, b = self.pairs[start : start + few].T
                middle, half = (whole[a] + whole[b]) / 2.0, (flipped[a] - flipped[b]) / 2.0
                block[:, start : start + few] += (function(middle + half) - function(middle - half)).T
        return block / len(self.systems[0])
