"""Did a system gain where it could have read the answers? Change of a score with time, less that of a reference.

Queries dated after a model's release cannot have been in its training; earlier ones may have been. Later queries are
also simply other queries, harder or easier for every system, so a change alone says nothing. The interaction does: how
much more the system changes from before to after than a reference that learned nothing, on the same queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.statistics.bootstrap import MeanStatistic, interval, jackknife_error, shift_p
from patray.statistics.resample import Families, Weights, leave_out, recompute

FEWEST = 20
"""Families before and after that an interval needs, each: fewer hold too little of how queries differ."""


@dataclass(frozen=True)
class ChangeStatistic:
    """Mean after less mean before, of S columns; a family with queries on both sides counts in both."""

    before: MeanStatistic
    after: MeanStatistic

    @staticmethod
    def of(values: np.ndarray, families: Families, before: np.ndarray, after: np.ndarray) -> ChangeStatistic:
        """values (n, S) float64; before, after (n,) bool, of the same items as families."""

        def part(chosen: np.ndarray) -> MeanStatistic:
            return MeanStatistic(families.sums(values * chosen[:, None]), families.sums(chosen.astype(np.float64)))

        return ChangeStatistic(part(before), part(after))

    def __call__(self, weights: Weights) -> np.ndarray:
        """(b, S) float64; nan where a sample holds no query of either side."""
        return self.after(weights) - self.before(weights)

    @property
    def fewer(self) -> int:
        """Families on the side that has fewer."""
        return int(min((side.sizes > 0).sum() for side in (self.before, self.after)))


@dataclass(frozen=True)
class Change:
    """value: mean after less before, of one column. low, high: its interval; p that it is zero; error: its standard
    error, widened for few families. All but value nan below FEWEST."""

    value: float
    low: float
    high: float
    p: float
    error: float


def change(statistic: ChangeStatistic, value: float, replicates: np.ndarray, level: float = 0.95) -> Change:
    """Judge a change of one column, value, from its resamples (B,) and the families themselves.

    The tails are those of Student's t with one degree of freedom less than the smaller side has families, as the
    bootstrap's are a normal's. p is the bootstrap's (`bootstrap.shift_p`): signs of a difference that is there all the
    time cannot be flipped. For example 400 queries of which 60 are later than the model.
    """
    from scipy import stats

    fewer = statistic.fewer
    if fewer < FEWEST:
        return Change(value, np.nan, np.nan, np.nan, np.nan)
    (left_out,) = recompute([leave_out(len(statistic.before.sizes))], [statistic])
    wider = stats.t.isf(0.025, fewer - 1) / stats.norm.isf(0.025)
    error = jackknife_error(left_out) * wider
    estimate, drawn = np.array([value]), replicates.reshape(-1, 1)
    low, high = interval(drawn, estimate, len(statistic.before.sizes), level, error)
    return Change(value, float(low[0]), float(high[0]), float(shift_p(drawn, estimate, error)[0]), float(error[0]))
