"""Deciding many paired contests at once: those of the same items share one draw of resamples and of sign flips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from patray.stats.bootstrap import TIE, interval, jackknife_error, shift_p
from patray.stats.draws import Draws
from patray.stats.paired import Flips, flip_test, paired_tests, swap_test
from patray.stats.resample import Statistic, bootstrap_weights, cached_block, leave_out, recompute
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.resampled import (
    AGREEMENT,
    Average,
    Column,
    example_f1,
    label_counts,
    mean_statistic,
    metrics_of,
    seed_statistics,
    shared_labels,
    values_of,
    whole,
)
from patray.tasks.scores import ClusterScore, MeanScore

COLUMNS = 256
"""Pairs whose resampled differences are held at once."""


@dataclass(frozen=True)
class Contest:
    """Two sides, one metric. A side is one score, or one per label set where the metric is their mean."""

    task: str
    landscape: str
    view: str
    metric: str
    name_a: str
    name_b: str
    side_a: tuple[Placed, ...]
    side_b: tuple[Placed, ...]


@dataclass(frozen=True)
class Outcome:
    """Columns of `tables.COMPARISONS` under their names, and the standard error of diff; nan or None: no value."""

    n: int
    mean_a: float = np.nan
    mean_b: float = np.nan
    diff: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    p_permutation: float = np.nan
    p_t: float = np.nan
    p_wilcoxon: float = np.nan
    effect_size: float = np.nan
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    standard_error: float = np.nan


@dataclass(frozen=True)
class _Group:
    """Contests on the same items. members: per label set its items; within: all of them."""

    members: tuple[Population, ...]
    within: Population
    contests: list[int]


def decide(contests: Sequence[Contest], catalogue: Catalogue, draws: Draws) -> list[Outcome]:
    """The outcome of every contest, in order. A contest without a common item has n 0 and nothing else."""
    outcomes = [Outcome(0) for _ in contests]
    groups: dict[tuple[object, ...], _Group] = {}
    for at, contest in enumerate(contests):
        members = tuple(
            catalogue.common(a.population, b.population) for a, b in zip(contest.side_a, contest.side_b, strict=True)
        )
        if not all(len(member.positions) for member in members):
            continue
        score = contest.side_a[0].score
        # Means of any metric share a group; metrics of counts are computed one at a time.
        kind = (type(score), "" if isinstance(score, MeanScore) else (contest.task, contest.metric))
        key = (*kind, *(member.key for member in members))
        if key not in groups:
            groups[key] = _Group(members, catalogue.union(members), [])
        groups[key].contests.append(at)
    for group in groups.values():
        chosen = [contests[at] for at in group.contests]
        score = chosen[0].side_a[0].score
        if isinstance(score, MeanScore):
            found = _decide_means(chosen, group, draws)
        elif isinstance(score, ClusterScore):
            found = _decide_clusters(chosen, group, draws)
        else:
            found = _decide_labels(chosen, group, draws)
        for at, outcome in zip(group.contests, found, strict=True):
            outcomes[at] = outcome
    return outcomes


def _sides(contests: Sequence[Contest]) -> tuple[list[tuple[Placed, ...]], np.ndarray]:
    """The different sides of some contests, and the pair (P, 2) of them that meets in each."""
    index: dict[tuple[int, ...], int] = {}
    sides: list[tuple[Placed, ...]] = []
    pairs = np.empty((len(contests), 2), dtype=np.int64)
    for row, contest in enumerate(contests):
        for column, side in enumerate((contest.side_a, contest.side_b)):
            key = tuple(id(member) for member in side)
            if key not in index:
                index[key] = len(sides)
                sides.append(side)
            pairs[row, column] = index[key]
    return sides, pairs


def _differences(
    replicates: np.ndarray,
    estimates: np.ndarray,
    pairs: np.ndarray,
    families: int,
    level: float,
    left_out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of differences of columns: intervals (low, high), and, with left_out, standard errors and shift p; each (P,)."""
    parts = [(np.zeros(0),) * 4]
    for at in range(0, len(pairs), COLUMNS):
        first, second = pairs[at : at + COLUMNS].T
        differences = replicates[:, first] - replicates[:, second]
        diff = estimates[first] - estimates[second]
        if left_out is None:
            nothing = np.full(len(diff), np.nan)
            parts.append((*interval(differences, diff, families, level), nothing, nothing))
        else:
            error = jackknife_error(left_out[:, first] - left_out[:, second])
            ends = interval(differences, diff, families, level, error)
            parts.append((*ends, error, shift_p(differences, diff, error)))
    low, high, error, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    return low, high, error, p


def _decide_means(contests: Sequence[Contest], group: _Group, draws: Draws) -> list[Outcome]:
    population = group.within
    families = population.families
    sides, pairs = _sides(contests)
    values = values_of([side[0] for side in sides], population)
    means = np.array([np.ascontiguousarray(column).mean() for column in values.T])
    statistic = mean_statistic([side[0] for side in sides], population, population)
    blocks = bootstrap_weights(families.count, draws.resamples, draws.seed)
    (replicates,) = recompute(blocks, [statistic])
    low, high, _, _ = _differences(replicates, means, pairs, families.count, draws.level)
    tests = paired_tests(values, families, pairs)
    p = flip_test(values, families, pairs, Flips(families.count, draws.flips, draws.seed))
    return [
        Outcome(
            n=len(values),
            mean_a=float(means[a]),
            mean_b=float(means[b]),
            diff=float(means[a] - means[b]),
            ci_low=float(low[row]),
            ci_high=float(high[row]),
            p_permutation=float(p[row]),
            p_t=float(tests.p_t[row]),
            p_wilcoxon=float(tests.p_wilcoxon[row]),
            effect_size=float(tests.effect_size[row]),
            wins=int(tests.wins[row]),
            ties=int(tests.ties[row]),
            losses=int(tests.losses[row]),
            standard_error=float(tests.standard_error[row]),
        )
        for row, (a, b) in enumerate(pairs)
    ]


def _decide_clusters(contests: Sequence[Contest], group: _Group, draws: Draws) -> list[Outcome]:
    """p is the bootstrap's: the cluster numbers of two clusterings mean nothing to each other and cannot be swapped."""
    sides, pairs = _sides(contests)
    column = AGREEMENT.index(contests[0].metric)
    statistics = [Column(Average(seed_statistics(side[0], group.within)), column) for side in sides]
    return _of_counts(statistics, pairs, group, draws, None)


def _decide_labels(contests: Sequence[Contest], group: _Group, draws: Draws) -> list[Outcome]:
    sides, pairs = _sides(contests)
    metric = metrics_of(sides[0][0]).index(contests[0].metric)
    slots = list(zip(*sides, strict=True))
    labels = [shared_labels(slot) for slot in slots]
    counts = [
        [
            label_counts(placed, population, group.within, index, metric)
            for placed, population, index in zip(side, group.members, labels, strict=True)
        ]
        for side in sides
    ]
    flips = Flips(group.within.families.count, draws.flips, draws.seed)
    p = swap_test(counts, pairs, flips)
    outcomes = _of_counts([Average(tuple(parts)) for parts in counts], pairs, group, draws, p)
    if len(group.members) > 1:
        return outcomes
    items = np.stack([example_f1(side[0], group.within) for side in sides], axis=1)
    differences = ((items[:, a] - items[:, b]) for a, b in pairs)
    return [
        replace(outcome, wins=int((d > TIE).sum()), ties=int((np.abs(d) <= TIE).sum()), losses=int((d < -TIE).sum()))
        for outcome, d in zip(outcomes, differences, strict=True)
    ]


def _of_counts(
    statistics: Sequence[Statistic], pairs: np.ndarray, group: _Group, draws: Draws, p: np.ndarray | None
) -> list[Outcome]:
    """Outcomes of metrics that are not means, each statistic (b,). p: of a permutation; None takes the bootstrap's.

    effect_size is diff / (standard error x sqrt(n)), which is Cohen's d_z where the metric is a mean.
    """
    count, n = group.within.families.count, len(group.within.positions)
    values = np.array([whole(statistic, group.within) for statistic in statistics])
    replicates = recompute(bootstrap_weights(count, draws.resamples, draws.seed, cached_block(count)), statistics)
    left_out = np.stack(recompute([leave_out(count)], statistics), axis=1)
    low, high, error, shifted = _differences(np.stack(replicates, axis=1), values, pairs, count, draws.level, left_out)
    p = shifted if p is None else p
    outcomes = []
    for row, (a, b) in enumerate(pairs):
        diff = float(values[a] - values[b])
        effect = 0.0 if diff == 0 else diff / (error[row] * np.sqrt(n)) if error[row] > 0 else np.nan
        outcomes.append(
            Outcome(
                n=n,
                mean_a=float(values[a]),
                mean_b=float(values[b]),
                diff=diff,
                ci_low=float(low[row]),
                ci_high=float(high[row]),
                p_permutation=float(p[row]),
                effect_size=float(effect),
                standard_error=float(error[row]),
            )
        )
    return outcomes
