"""What a difference may be on a landscape that nobody has seen, from its values on several that were.

A test on one landscape is about other queries of that landscape. Landscapes differ too, and a suite holds few of them:
the interval for the next one is wide, and that width is the message.

The values d[1..k], one a landscape, are taken as drawn from a normal: the interval is mean +- t[k-1] s sqrt(1 + 1/k),
the textbook's for one more observation (Hahn and Meeker 1991, Statistical Intervals, chapter 4). It is for what a
landscape of like size would *show*, its own chance of queries included, so it is on the careful side for the true
difference there. The usual intervals of meta-analysis (Higgins, Thompson and Spiegelhalter 2009,
doi:10.1111/j.1467-985X.2008.00552.x; with Hartung and Knapp's variance, Partlett and Riley 2017, doi:10.1002/sim.7140)
hold the next value in as few as 86% of cases with up to 15 landscapes, as they take the estimated spread for the true
one (`benchmarks/coverage.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST = 3
"""Landscapes that an interval for another one needs: of two it would be 18 standard deviations long each way."""


@dataclass(frozen=True)
class Unseen:
    """mean and sd over k landscapes (sd nan with one). low, high: interval of the mean over such landscapes. new_low,
    new_high: prediction interval of one more. Ends are nan with k < FEWEST."""

    k: int
    mean: float
    sd: float
    low: float
    high: float
    new_low: float
    new_high: float


def unseen(values: np.ndarray, level: float = 0.95) -> Unseen:
    """Predict one more of values (k,) float64, k >= 1: unseen([0.02, 0.03, 0.07]) has new_low -0.09, new_high 0.17."""
    from scipy import stats

    k, mean = len(values), float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if k > 1 else np.nan
    reach = sd * float(stats.t.isf((1.0 - level) / 2.0, k - 1)) if k >= FEWEST else np.nan
    half, new = reach / np.sqrt(k), reach * np.sqrt(1.0 + 1.0 / k)
    return Unseen(k, mean, sd, float(mean - half), float(mean + half), float(mean - new), float(mean + new))
