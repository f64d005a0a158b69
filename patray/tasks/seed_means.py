"""Several trainings of one recipe, which differ in their seed alone, as one side of a paired contest: their mean.

The mean over seeds is taken of what is compared, item by item or resample by resample, never of the predictions: an
ensemble of seeds would be another and better system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import lcm

import numpy as np

from patray.statistics.components import Components, crossed, pseudo_values
from patray.statistics.resample import leave_out, recompute
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


@dataclass(frozen=True)
class Spread:
    """Scores (S,) of several seeds or prompts, or their differences to a base, and their variance in two parts."""

    values: np.ndarray
    components: Components | None


def spread(
    sides: Sequence[Side], metric: str, catalogue: Catalogue, level: float = 0.95, base: Side | None = None
) -> Spread:
    """How far a score would move with other seeds (or prompts) and other queries, on the items that all share.

    sides: systems that differ in their seed, or prompt, alone; base: what each is compared with. All values are nan
    where they share no item. Components are of what every family (of more than 1,000 every group of them) adds to each
    value by the jackknife; None with one seed or one family, or where leaving a family out leaves no score.
    """
    found = shared([*sides, *([] if base is None else [base])], metric, catalogue)
    if found is None:
        return Spread(np.full(len(sides), np.nan), None)
    statistic, within = found
    count = len(sides)

    def values(scores: np.ndarray) -> np.ndarray:
        return scores[..., :count] - scores[..., count:] if base is not None else scores

    own = values(whole(statistic, within))
    if count < 2 or within.families.count < 2:
        return Spread(own, None)
    (left_out,) = recompute([leave_out(within.families.count)], [statistic])
    added = pseudo_values(own, values(left_out))
    split = None if np.isnan(added).any() else crossed(added, float(own.mean()), level)
    return Spread(own, split)
