"""Intervals from resamples, and the statistics that are recomputed on them.

A metric is a function of family totals, so every kind is one of two callables on a block of `Weights`: a mean of many
systems at once (`MeanStatistic`), or any function of summed counts (`CountStatistic`: F1 from true and false
positives, V-measure from the cells of a contingency table).

The interval is the percentile interval with two corrections that matter where it is wrong and vanish elsewhere:

- tails are widened for few families (Hesterberg 2015, doi:10.1080/00031305.2015.1089789, "expanded percentile"): the
  bootstrap's variance is (F-1)/F of the truth and its tails are a normal's, not a t's;
- for a statistic that is not a mean the replicates are first shifted so that their mean is the estimate, and stretched
  so that their standard deviation is the jackknife's standard error. A resample holds about 63% of the items, so
  plug-in entropies, and F1 of labels that a few items carry, are biased in it beyond the estimate's own bias, and vary
  too little; as drawn, a V-measure of many small clusters lies outside its own interval (`benchmarks/coverage.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy import special

from patray.statistics.resample import Families, Weights

MOST_UNDEFINED = 0.01
"""Largest share of resamples on which a statistic may have no value (an empty slice, no label) for an interval."""

TIE = 1e-12
"""Values that differ by less are equal: rounding of sums must not decide what counts as extreme."""


@dataclass(frozen=True)
class MeanStatistic:
    """Means over items of S columns. sums (F, S), sizes (F,): totals and number of items of each family."""

    sums: np.ndarray
    sizes: np.ndarray

    @staticmethod
    def of(values: np.ndarray, families: Families) -> MeanStatistic:
        """values (n, S) float64, one row per item of `families`."""
        return MeanStatistic(families.sums(values), families.sizes.astype(np.float64))

    def __call__(self, weights: Weights) -> np.ndarray:
        """(b, S) float64; nan where a resample holds no item."""
        with np.errstate(invalid="ignore"):
            return weights.totals(self.sums) / weights.totals(self.sizes[:, None])


@dataclass(frozen=True)
class CountStatistic:
    """A function of totals. matrix (K, F) sparse: what each family adds to each of K counts.

    function: (b, K) float64 totals to (b, M) float64 values.
    """

    matrix: sp.csr_array
    function: Callable[[np.ndarray], np.ndarray]

    def __call__(self, weights: Weights) -> np.ndarray:
        return self.function(weights.totals(self.matrix))


def count_matrix(rows: np.ndarray, families: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    """(K, F) with the number of times that each (row, family) is listed; rows, families (m,) integers.

    float32, which halves the time of a product, wherever no total of a resample can reach 2^24 and be rounded.
    """
    matrix = sp.coo_array((np.ones(len(rows)), (rows, families)), shape=shape).tocsr()
    largest = float(matrix.data.max(initial=0.0)) * shape[1]
    return matrix.astype(np.float32) if largest < 2**24 else matrix


def tail(level: float, families: int) -> float:
    """Probability to leave in each tail of the bootstrap distribution for a `level` interval from F families.

    (1 - level) / 2 for many; less for few: Phi(-sqrt(F / (F - 1)) t), t the upper quantile of Student's t with F - 1
    degrees of freedom.
    """
    t = -special.stdtrit(families - 1, (1.0 - level) / 2.0)  # scipy.stats.t.isf, without loading scipy.stats
    return float(special.ndtr(-np.sqrt(families / (families - 1)) * t))


def jackknife_error(left_out: np.ndarray) -> np.ndarray:
    """Standard error (M,) from values (G, M) with one of G groups left out each (Tukey 1958).

    On average no smaller than the truth (Efron and Stein 1981, doi:10.1214/aos/1176345462). nan with one group.
    """
    groups = len(left_out)
    if groups < 2:
        return np.full(left_out.shape[1:], np.nan)
    return np.sqrt((groups - 1) * left_out.var(axis=0))


def interval(
    replicates: np.ndarray, estimate: np.ndarray, families: int, level: float = 0.95, error: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end, each (M,) float64, from replicates (B, M) of estimates (M,).

    error (M,): the jackknife's standard error, for statistics that are not means: the replicates are fitted to it and
    to the estimate. Both ends are nan with fewer than two families, and for a column whose error is nan or that has no
    value in more than MOST_UNDEFINED of the resamples.
    """
    replicates, refused = _defined(replicates)
    if families < 2:
        refused = np.ones_like(refused)
    if error is not None:
        refused = refused | np.isnan(error)
        replicates = estimate + fitted(replicates, error)
    if refused.all():
        return np.full(refused.shape, np.nan), np.full(refused.shape, np.nan)
    share = tail(level, families)
    quantile = np.nanquantile if np.isnan(replicates).any() else np.quantile
    # A refused column is zero here, lest its nan sends all others down the slow path with a warning.
    low, high = quantile(np.where(refused, 0.0, replicates), [share, 1.0 - share], axis=0)
    return np.where(refused, np.nan, low), np.where(refused, np.nan, high)


def shift_p(replicates: np.ndarray, estimate: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Two-sided p (M,) that an estimate (M,) is zero, from replicates (B, M) fitted to mean zero and error (M,).

    The bootstrap's test for statistics that no permutation of the data leaves valid (Efron and Tibshirani 1993,
    section 16.4; for retrieval Smucker et al. 2007, doi:10.1145/1321440.1321528): (1 + the number of fitted replicates
    at least as far from zero) / (1 + B). nan where `interval` has none.
    """
    replicates, refused = _defined(replicates)
    drawn = np.abs(fitted(replicates, error))
    extreme = np.sum(drawn >= np.abs(estimate) - TIE, axis=0)
    p = (1.0 + extreme) / (1.0 + np.sum(~np.isnan(replicates), axis=0))
    return np.where(refused | np.isnan(estimate) | np.isnan(error), np.nan, p)


def _defined(replicates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The replicates, zero in columns that are refused, and which those are."""
    refused = np.isnan(replicates).mean(axis=0) > MOST_UNDEFINED
    return (np.where(refused, 0.0, replicates) if refused.any() else replicates), refused


def fitted(replicates: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Replicates (B, M) shifted to mean 0 and stretched to standard deviation error (M,); as they are if all equal."""
    some = np.isnan(replicates).any()
    centre, spread = (np.nanmean, np.nanstd) if some else (np.mean, np.std)
    deviation = spread(replicates, axis=0, ddof=1)
    stretch = np.divide(error, deviation, out=np.ones(deviation.shape), where=deviation > TIE)
    return (replicates - centre(replicates, axis=0)) * stretch
