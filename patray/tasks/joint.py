"""Functions of several systems' scores at once, with intervals: what share of a score is kept, whether size ranks them.

All sides are recomputed on the same resamples of the items that all of them have, so what they share cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from patray.errors import InputError
from patray.measures.definitions import AGREEMENT
from patray.statistics.bootstrap import interval, jackknife_error
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.resample import Statistic, Weights, bootstrap_weights, cached_block, leave_out, recompute
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.resampled import (
    Average,
    Beside,
    Column,
    label_counts,
    mean_statistic,
    metrics_of,
    seed_statistics,
    shared_labels,
    whole,
)
from patray.tasks.scores import ClusterScore, MeanScore

Side = Sequence[Placed]
"""One score, or one for each label set where the metric is their mean."""


@dataclass(frozen=True)
class Function:
    """of: scores (b, S) of S sides to values (b,). smooth: False for a rank statistic, which no jackknife fits."""

    of: Callable[[np.ndarray], np.ndarray]
    smooth: bool = True


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, nan where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Joint:
    """scores (S,): of all sides on their n common items; one estimate for each function."""

    scores: np.ndarray
    n: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class _Functions:
    """Functions (b, M) of scores (b, S)."""

    scores: Statistic
    functions: tuple[Function, ...]

    def __call__(self, weights: Weights) -> np.ndarray:
        scores = self.scores(weights)
        return np.stack([function.of(scores) for function in self.functions], axis=1)


def joint(
    sides: Sequence[Side],
    metric: str,
    functions: Sequence[Function],
    catalogue: Catalogue,
    draws: Draws = DEFAULT_DRAWS,
) -> Joint | None:
    """Every function of the sides' scores; None where the sides have no item in common.

    Intervals are those of `summarise`: percentiles of the resamples, tails widened for few families; where scores are
    no means and the function is smooth, fitted to the estimate and the jackknife's error. Raises InputError for sides
    that hold different label sets or lack the metric.
    """
    found = shared(sides, metric, catalogue)
    if found is None:
        return None
    scores, within = found
    of_counts = not isinstance(sides[0][0].score, MeanScore)
    statistic, count = _Functions(scores, tuple(functions)), within.families.count
    block = cached_block(count) if of_counts else 1024
    (replicates,) = recompute(bootstrap_weights(count, draws.resamples, draws.seed, block), [statistic])
    values = whole(statistic, within)
    low, high = interval(replicates, values, count, draws.level)
    if of_counts:
        smooth = np.array([function.smooth for function in functions])
        (left_out,) = recompute([leave_out(count)], [statistic])
        fitted = interval(replicates, values, count, draws.level, jackknife_error(left_out))
        low, high = np.where(smooth, fitted[0], low), np.where(smooth, fitted[1], high)
    estimates = tuple(Estimate(float(v), float(lo), float(hi)) for v, lo, hi in zip(values, low, high, strict=True))
    return Joint(whole(scores, within), len(within.positions), estimates)


def shared(sides: Sequence[Side], metric: str, catalogue: Catalogue) -> tuple[Statistic, Population] | None:
    """The scores (b, S) of all sides as a statistic of the families of the items that they share, and these items.

    None where they share none. Raises InputError as `joint` does.
    """
    slots = list(zip(*sides, strict=False))
    tasks = {tuple(placed.score.where.task for placed in side) for side in sides}
    if len(tasks) != 1 or any(metric not in metrics_of(placed) for side in sides for placed in side):
        raise InputError(f"{metric}: the systems were not scored by the same tasks: {sorted(tasks)}")
    members = [reduce(catalogue.common, (placed.population for placed in slot)) for slot in slots]
    if not all(len(member.positions) for member in members):
        return None
    within = catalogue.union(members)
    return _scores(sides, slots, members, within, metric), within


def _scores(
    sides: Sequence[Side],
    slots: Sequence[Side],
    members: Sequence[Population],
    within: Population,
    metric: str,
) -> Statistic:
    """The scores (b, S) of all sides."""
    score = sides[0][0].score
    if isinstance(score, MeanScore):
        return mean_statistic([side[0] for side in sides], members[0], within)
    if isinstance(score, ClusterScore):
        column = AGREEMENT.index(metric)
        return Beside(tuple(Column(Average(seed_statistics(side[0], within)), column) for side in sides))
    index = metrics_of(sides[0][0]).index(metric)
    labels = [shared_labels(slot) for slot in slots]
    return Beside(
        tuple(
            Average(
                tuple(
                    label_counts(placed, population, within, known, index)
                    for placed, population, known in zip(side, members, labels, strict=True)
                )
            )
            for side in sides
        )
    )
