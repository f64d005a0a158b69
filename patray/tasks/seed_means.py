"""Several trainings of one recipe, which differ in their seed alone, as one side of a paired contest: their mean.

The mean over seeds is taken of what is compared, item by item or resample by resample, never of the predictions: an
ensemble of seeds would be another and better system.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import lcm

import numpy as np

from patray.tasks.joint import Side, shared
from patray.tasks.populations import Catalogue, Placed
from patray.tasks.resampled import whole
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore


class SeedMeans:
    """Makes sides of seeds; the same seeds give the same side, so that contests share what is computed of it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        # The seeds are kept with their ids, so an id cannot come to mean another score.
        self._made: dict[tuple[int, ...], tuple[Placed, tuple[Placed, ...]]] = {}

    def facing(self, a: Sequence[Side], b: Sequence[Side]) -> tuple[tuple[Placed, ...], tuple[Placed, ...]]:
        """The two sides of a contest between the seeds of a and those of b, each a side of one seed.

        Mean scores become the items' means over seeds. Clusterings of all seeds stand side by side: the metric is the
        mean over them already. Predictions meet seed by seed, each of a with one of b in turn, so that the statistic is
        the mean over seeds of F1 and a permutation swaps a family between all meetings at once.
        """
        if isinstance(a[0][0].score, LabelScore):
            times = lcm(len(a), len(b))
            one, other = (
                tuple(placed for turn in range(times) for placed in seeds[turn % len(seeds)]) for seeds in (a, b)
            )
            return one, other
        return (self._joined([side[0] for side in a]),), (self._joined([side[0] for side in b]),)

    def _joined(self, seeds: Sequence[Placed]) -> Placed:
        if len(seeds) == 1:
            return seeds[0]
        key = tuple(id(placed.score) for placed in seeds)
        if key not in self._made:
            self._made[key] = self._join(seeds), tuple(seeds)
        return self._made[key][0]

    def _join(self, seeds: Sequence[Placed]) -> Placed:
        population = reduce(self.catalogue.common, (placed.population for placed in seeds))
        rows = [placed.rows(population) for placed in seeds]
        items = np.asarray(seeds[0].score.items, object)[rows[0]]
        first = seeds[0].score
        score: MeanScore | ClusterScore
        if isinstance(first, MeanScore):
            values = [placed.score.values[at] for placed, at in zip(seeds, rows, strict=True)]  # type: ignore[union-attr]
            score = MeanScore(first.where, first.metric, items, np.mean(values, axis=0))
        else:
            assert isinstance(first, ClusterScore)
            clusters = [placed.score.clusters[:, at] for placed, at in zip(seeds, rows, strict=True)]  # type: ignore[union-attr]
            score = ClusterScore(
                first.where, items, first.class_names, first.classes[rows[0]], np.concatenate(clusters)
            )
        return Placed(score, population, np.arange(len(items)))


def seed_differences(seeds: Sequence[Side], base: Side, metric: str, catalogue: Catalogue) -> np.ndarray:
    """Score of each seed less the base's (S,) on the items that all share; nan where they share none."""
    found = shared([base, *seeds], metric, catalogue)
    if found is None:
        return np.full(len(seeds), np.nan)
    statistic, within = found
    scores = whole(statistic, within)
    return scores[1:] - scores[0]
