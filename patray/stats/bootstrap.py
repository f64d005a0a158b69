"""Intervals from resamples, and the statistics that are recomputed on them.

A metric is a function of family totals, so every kind is one of two callables on a block of `Weights`: a mean of many
systems at once (`MeanStatistic`), or any function of summed counts (`CountStatistic`: F1 from true and false
positives, V-measure from the cells of a contingency table).

The interval is the percentile interval with two corrections that matter where it is wrong and vanish elsewhere:

- tails are widened for few families (Hesterberg 2015, doi:10.1080/00031305.2015.1089789, "expanded percentile"): the
  bootstrap's variance is (F-1)/F of the truth and its tails are a normal's, not a t's;
- for a statistic that is not a mean the replicates are first shifted so that their mean is the estimate. A resample
  holds about 63% of the items, so plug-in entropies, and F1 of labels that a few items carry, are biased in it beyond
  the estimate's own bias; unshifted, a V-measure of many small clusters lies outside its own interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy import stats

from patray.stats.resample import Families, Weights

MOST_UNDEFINED = 0.01
"""Largest share of resamples on which a statistic may have no value (an empty slice, no label) for an interval."""


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
        size = weights.rows @ self.sizes
        with np.errstate(invalid="ignore"):
            return weights.rows @ self.sums / size[:, None]


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
    """(K, F) with the number of times that each (row, family) is listed; rows, families (m,) integers."""
    return sp.coo_array((np.ones(len(rows)), (rows, families)), shape=shape).tocsr()


def tail(level: float, families: int) -> float:
    """Probability to leave in each tail of the bootstrap distribution for a `level` interval from F families.

    (1 - level) / 2 for many; less for few: Phi(-sqrt(F / (F - 1)) t), t the upper quantile of Student's t with F - 1
    degrees of freedom.
    """
    t = stats.t.isf((1.0 - level) / 2.0, families - 1)
    return float(stats.norm.sf(np.sqrt(families / (families - 1)) * t))


def interval(
    replicates: np.ndarray, estimate: np.ndarray, families: int, level: float = 0.95, *, centred: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end, each (M,) float64, from replicates (B, M) of estimates (M,).

    centred: shift the replicates so that their mean is the estimate; for statistics that are not means. Both ends are
    nan with fewer than two families, and for a column that has no value in more than MOST_UNDEFINED of the resamples.
    """
    estimate = np.asarray(estimate, dtype=np.float64)
    undefined = np.isnan(replicates)
    refused = undefined.mean(axis=0) > MOST_UNDEFINED
    if families < 2 or refused.all():
        return np.full(estimate.shape, np.nan), np.full(estimate.shape, np.nan)
    share = tail(level, families)
    if undefined.any():
        # A column without any value would only make nanquantile warn; it is refused below in any case.
        replicates = np.where(refused, 0.0, replicates)
        low, high = np.nanquantile(replicates, [share, 1.0 - share], axis=0)
        shift = estimate - np.nanmean(replicates, axis=0)
    else:
        low, high = np.quantile(replicates, [share, 1.0 - share], axis=0)
        shift = estimate - replicates.mean(axis=0)
    if centred:
        low, high = low + shift, high + shift
    return np.where(refused, np.nan, low), np.where(refused, np.nan, high)


def standard_error(replicates: np.ndarray) -> np.ndarray:
    """Standard deviation (M,) of replicates (B, M); nan for a column with more than MOST_UNDEFINED undefined."""
    undefined = np.isnan(replicates)
    if not undefined.any():
        return np.std(replicates, axis=0, ddof=1)
    refused = undefined.mean(axis=0) > MOST_UNDEFINED
    return np.where(refused, np.nan, np.nanstd(np.where(refused, 0.0, replicates), axis=0, ddof=1))


def shift_p(replicates: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Two-sided p (M,) that an estimate (M,) is zero, from replicates (B, M) shifted to mean zero.

    The bootstrap's test for statistics that no permutation of the data leaves valid (Efron and Tibshirani 1993,
    section 16.4; for retrieval Smucker et al. 2007, doi:10.1145/1321440.1321528): (1 + the number of shifted
    replicates at least as far from zero) / (1 + B). nan where more than MOST_UNDEFINED of the resamples are undefined.
    """
    undefined = np.isnan(replicates)
    refused = undefined.mean(axis=0) > MOST_UNDEFINED
    filled = np.where(refused, 0.0, replicates)
    shifted = np.abs(filled - np.nanmean(filled, axis=0))
    extreme = np.sum(shifted >= np.abs(estimate) - 1e-12, axis=0)
    p = (1.0 + extreme) / (1.0 + np.sum(~undefined, axis=0))
    return np.where(refused | np.isnan(estimate), np.nan, p)
