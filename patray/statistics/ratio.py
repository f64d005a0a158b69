"""How much of a mean is lost between two sets of queries that overlap: 1 - mean_out / mean_in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.statistics.bootstrap import MeanStatistic
from patray.statistics.resample import Weights


@dataclass(frozen=True)
class DropStatistic:
    """Relative drop of S columns from `inside` to `outside`, both over the families of the two sets together.

    A query with relevant patents in and out of its field counts in both means, so they are not independent; one draw
    of families decides both, which keeps their covariance in the interval.
    """

    inside: MeanStatistic
    outside: MeanStatistic

    def __call__(self, weights: Weights) -> np.ndarray:
        """(b, S) float64; nan where the mean inside is not positive or a resample holds no query of either set."""
        return relative_drop(self.inside(weights), self.outside(weights))


def relative_drop(mean_in: np.ndarray, mean_out: np.ndarray) -> np.ndarray:
    """1 - mean_out / mean_in, elementwise float64; nan where mean_in is not positive."""
    mean_in, mean_out = np.asarray(mean_in, np.float64), np.asarray(mean_out, np.float64)
    ratio = np.divide(mean_out, mean_in, out=np.full(np.shape(mean_in), np.nan), where=mean_in > 0)
    return 1.0 - ratio
