"""Scores as statistics that can be recomputed on every resample (`patray.statistics`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.measures.classification import f1, macro_f1_of, ratio
from patray.measures.definitions import AGREEMENT, DEFINITIONS, F1, of_probes
from patray.statistics.bootstrap import CountStatistic, MeanStatistic, count_matrix
from patray.statistics.resample import Drawn, Statistic, Weights
from patray.tasks.agreement import agreement_statistic
from patray.tasks.populations import Placed, Population
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score

RANGES = {definition.name: (float(definition.low), float(definition.high)) for definition in DEFINITIONS}
"""Values a metric can take: an interval shifted to its estimate ends there."""


def metrics_of(placed: Placed) -> tuple[str, ...]:
    """The names of a score's metrics, in the order of the columns of its statistic."""
    return metric_names(placed.score)


def metric_names(score: Score) -> tuple[str, ...]:
    """As `metrics_of`, of a score whose items were not looked up."""
    if isinstance(score, MeanScore):
        return (score.metric,)
    if isinstance(score, LabelScore):
        return of_probes([score.probe], F1)
    return AGREEMENT


def values_of(members: Sequence[Placed], population: Population) -> np.ndarray:
    """Values of mean scores on the items of `population`: (n, S) float64."""
    columns = np.empty((len(population.positions), len(members)))
    for at, placed in enumerate(members):
        assert isinstance(placed.score, MeanScore)
        columns[:, at] = placed.score.values[placed.rows(population)]
    return columns


def mean_statistic(members: Sequence[Placed], population: Population, within: Population) -> MeanStatistic:
    """Means on `population` as a statistic of the families of `within`, which holds it."""
    values = values_of(members, population)
    if population.key == within.key:
        return MeanStatistic.of(values, within.families)
    rows = np.zeros((len(within.positions), values.shape[1] + 1))
    at = np.searchsorted(within.positions, population.positions)
    rows[at, :-1] = values
    rows[at, -1] = 1.0
    sums = within.families.sums(rows)
    return MeanStatistic(sums[:, :-1], sums[:, -1])


@dataclass(frozen=True)
class Average:
    """The mean of several statistics: over k-means seeds, or over label sets."""

    parts: tuple[Statistic, ...]

    def __call__(self, weights: Weights) -> np.ndarray:
        total = self.parts[0](weights)
        for part in self.parts[1:]:
            total = total + part(weights)
        return total / len(self.parts)


@dataclass(frozen=True)
class Column:
    """One column (b,) of a statistic (b, M)."""

    statistic: Statistic
    column: int

    def __call__(self, weights: Weights) -> np.ndarray:
        return self.statistic(weights)[:, self.column]


@dataclass(frozen=True)
class Beside:
    """Statistics (b,) as the columns of one, (b, S)."""

    parts: tuple[Statistic, ...]

    def __call__(self, weights: Weights) -> np.ndarray:
        return np.stack([part(weights) for part in self.parts], axis=1)


def shared_labels(members: Sequence[Placed]) -> dict[str, int]:
    """Column of every label that is true or predicted in some score: the others have no effect on any F1."""
    found: set[str] = set()
    for placed in members:
        score = placed.score
        assert isinstance(score, LabelScore)
        occurs = score.truth.any(axis=0) | score.predicted.any(axis=0)
        found.update(str(label) for label in np.asarray(score.labels)[occurs])
    return {label: at for at, label in enumerate(sorted(found))}


def label_counts(
    placed: Placed, population: Population, within: Population, labels: dict[str, int], metric: int
) -> CountStatistic:
    """What F1 is the ratio of, per label (2L, F): true positives tp, and 2 tp + fp + fn; with `F1[metric]` of their
    totals, (b,).

    The items are those of `population`, the families those of `within`, which holds it.
    """
    score = placed.score
    assert isinstance(score, LabelScore)
    rows = placed.rows(population)
    truth, predicted = score.truth[rows], score.predicted[rows]
    family = within.families.index[np.searchsorted(within.positions, population.positions)]
    column = np.array([labels.get(str(label), -1) for label in score.labels], dtype=np.int64)
    cells, drawn = [], []
    hits, both = truth & predicted, len(labels)
    for place, part in ((0, hits), (both, hits), (both, hits), (both, ~truth & predicted), (both, truth & ~predicted)):
        item, label = np.nonzero(part)
        cells.append(place + column[label])
        drawn.append(family[item])
    matrix = count_matrix(np.concatenate(cells), np.concatenate(drawn), (2 * both, within.families.count))
    return CountStatistic(matrix, (_macro, _micro)[metric])


def _macro(totals: np.ndarray) -> np.ndarray:
    return macro_f1_of(*_halves(totals))


def _micro(totals: np.ndarray) -> np.ndarray:
    hits, both = _halves(totals)
    return ratio(2.0 * hits.sum(axis=-1), both.sum(axis=-1))


def _both(totals: np.ndarray) -> np.ndarray:
    return np.stack([_macro(totals), _micro(totals)], axis=-1)


def _halves(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = totals.shape[-1] // 2
    return totals[..., :labels], totals[..., labels:]


def label_statistic(placed: Placed, within: Population) -> CountStatistic:
    """Macro and micro F1 (b, 2), in the order of F1, of a score's items under weights of the families of `within`."""
    counts = label_counts(placed, placed.population, within, shared_labels([placed]), 0)
    return CountStatistic(counts.matrix, _both)


def example_f1(placed: Placed, population: Population) -> np.ndarray:
    """F1 of each item over its labels (n,); 1 where nothing is true and nothing predicted."""
    score = placed.score
    assert isinstance(score, LabelScore)
    rows = placed.rows(population)
    return item_f1(score.truth[rows], score.predicted[rows])


def item_f1(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Example-based F1 (n,) of truth and predicted (n, L) bool; 1 where an item has no label on either side."""
    hits = (truth & predicted).sum(axis=1)
    values = f1(hits, predicted.sum(axis=1) - hits, truth.sum(axis=1) - hits)
    return np.where(np.isnan(values), 1.0, values)


def seed_statistics(placed: Placed, population: Population) -> tuple[CountStatistic, ...]:
    """V-measure, ARI and NMI (b, 3), in the order of AGREEMENT, of each k-means seed."""
    score = placed.score
    assert isinstance(score, ClusterScore)
    rows = placed.rows(population)
    classes = score.classes[rows]
    return tuple(agreement_statistic(classes, clusters, population.families) for clusters in score.clusters[:, rows])


def whole(statistic: Statistic, population: Population) -> np.ndarray:
    """The statistic of the data themselves, every family once: its row of (b, ...) values."""
    return statistic(Drawn(np.ones((1, population.families.count))))[0]
