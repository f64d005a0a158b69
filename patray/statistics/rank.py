"""Rank correlations of one fixed order with many resampled ones, over all pairs or within groups alone."""

from __future__ import annotations

import itertools
import math

import numpy as np

from patray.statistics.bootstrap import TIE
from patray.statistics.resample import stream


def kendall(x: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Kendall's tau-b (b,) of x (S,) with each row of y (b, S), both float64; nan where nothing is ordered.

    groups (S,): only pairs of one group count, those of all groups together: the share of pairs within a group that
    agree less the share that disagree, corrected for ties as tau-b is. Values of y within 1e-12 are tied.
    """
    first, second = np.triu_indices(len(x), 1)
    if groups is not None:
        same = groups[first] == groups[second]
        first, second = first[same], second[same]
    along = np.sign(x[first] - x[second])
    across = y[:, first] - y[:, second]
    across = np.where(np.abs(across) <= TIE, 0.0, np.sign(across))
    weight = np.sqrt(np.abs(along).sum() * np.abs(across).sum(axis=1))
    return np.divide(across @ along, weight, out=np.full(len(y), np.nan), where=weight > 0)


def kendall_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (b,) of each row of x (b, S) with that of y (b, S); ties and nan as in `kendall`."""
    first, second = np.triu_indices(x.shape[1], 1)
    along, across = (
        np.where(np.abs(steps) <= TIE, 0.0, np.sign(steps))
        for steps in (values[:, first] - values[:, second] for values in (x, y))
    )
    weight = np.sqrt(np.abs(along).sum(axis=1) * np.abs(across).sum(axis=1))
    return np.divide((along * across).sum(axis=1), weight, out=np.full(len(y), np.nan), where=weight > 0)


def order_p(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int = 0, most: int = 10_000) -> float:
    """Two-sided permutation p of `kendall` within groups, of x and y (S,): the values of y are dealt again within each
    group. Every deal where there are at most `most`, else (1 + extreme) / (1 + most) of a sample."""
    places = [np.flatnonzero(groups == group) for group in dict.fromkeys(groups.tolist())]
    total = math.prod(math.factorial(len(place)) for place in places)
    observed = kendall(x, y[None], groups)[0]
    dealt = np.tile(np.arange(len(y)), (min(total, most), 1))
    if total <= most:
        for row, choice in enumerate(itertools.product(*(itertools.permutations(place) for place in places))):
            for place, moved in zip(places, choice, strict=True):
                dealt[row, place] = moved
    else:
        random = stream(seed, 2)
        for place in places:
            dealt[:, place] = random.permuted(dealt[:, place], axis=1)
    extreme = int(np.sum(np.abs(kendall(x, y[dealt], groups)) >= abs(observed) - TIE))
    return extreme / total if total <= most else (1 + extreme) / (1 + most)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho (b,) of x (S,) with each row of y (b, S), ties at mid-rank; nan where either has no spread."""
    from scipy import stats

    ranks = stats.rankdata(y, axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    own = stats.rankdata(x)
    own = own - own.mean()
    length = np.sqrt((own @ own) * np.einsum("bs,bs->b", ranks, ranks))
    return np.divide(ranks @ own, length, out=np.full(len(y), np.nan), where=length > 0)
