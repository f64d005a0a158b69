"""Deciding many paired contests at once: those of the same items share one draw of resamples and of sign flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from patray.measures.definitions import AGREEMENT
from patray.statistics.bootstrap import TIE, interval, jackknife_error, shift_p
from patray.statistics.draws import Draws
from patray.statistics.max_t import Null, flip_null, shift_null, swap_null
from patray.statistics.paired import Flips, Swaps, flip_test, paired_tests
from patray.statistics.resample import Statistic, bootstrap_weights, cached_block, leave_out, recompute
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.resampled import (
    Average,
    Beside,
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
    families: int = 0

    def p_equivalent(self, margin: float | None) -> float:
        """p of the two one-sided tests (Schuirmann 1987, doi:10.1007/BF01068419) that diff is within +- margin.

        Student's t with F - 1 degrees of freedom on diff / standard error; nan without a margin or an error.
        """
        from scipy import stats

        if margin is None or self.families < 2 or np.isnan(self.standard_error):
            return float("nan")
        if self.standard_error == 0:
            return 0.0 if abs(self.diff) < margin else 1.0
        return float(stats.t.sf((margin - abs(self.diff)) / self.standard_error, self.families - 1))


COLUMNS_OF_OUTCOMES = tuple(name for name in Outcome.__dataclass_fields__ if name not in ("standard_error", "families"))


@dataclass(frozen=True)
class _Group:
    """Contests on the same items. members: per label set its items; within: all of them."""

    members: tuple[Population, ...]
    within: Population
    contests: list[int]


@dataclass(frozen=True)
class Decision:
    """Contests of one set of items, decided.

    contests (P,): their positions; pairs (P, 2): the sides that meet in each; outcomes: P; errors (P,): standard errors
    of their differences. statistic: weights of the population's families to the scores (b, S) of all sides. null: of
    some of the P rows.
    """

    contests: np.ndarray
    pairs: np.ndarray
    outcomes: list[Outcome]
    statistic: Statistic
    families: int
    null: Callable[[np.ndarray], Null]

    @property
    def errors(self) -> np.ndarray:
        return np.array([outcome.standard_error for outcome in self.outcomes])


@dataclass(frozen=True)
class Decided:
    """All contests that were asked. outcomes: of each, in order; n 0 and nothing else where there is no common item."""

    outcomes: list[Outcome]
    decisions: list[Decision]


def decide(contests: Sequence[Contest], catalogue: Catalogue, draws: Draws) -> Decided:
    """The outcome of every contest, in order, and what a correction for their number needs (`tasks/adjusting.py`)."""
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
    decisions = []
    for group in groups.values():
        chosen = [contests[at] for at in group.contests]
        score = chosen[0].side_a[0].score
        if isinstance(score, MeanScore):
            found = _decide_means(chosen, group, draws)
        elif isinstance(score, ClusterScore):
            found = _decide_clusters(chosen, group, draws)
        else:
            found = _decide_labels(chosen, group, draws)
        decisions.append(found)
        for at, outcome in zip(group.contests, found.outcomes, strict=True):
            outcomes[at] = outcome
    return Decided(outcomes, decisions)


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


def _decide_means(contests: Sequence[Contest], group: _Group, draws: Draws) -> Decision:
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
    flips = Flips(families.count, draws.flips, draws.seed)
    p = flip_test(values, families, pairs, flips)
    outcomes = [
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
            families=families.count,
        )
        for row, (a, b) in enumerate(pairs)
    ]

    def null(rows: np.ndarray) -> Null:
        return flip_null(values, families, pairs[rows], flips)

    return Decision(np.array(group.contests), pairs, outcomes, statistic, families.count, null)


def _decide_clusters(contests: Sequence[Contest], group: _Group, draws: Draws) -> Decision:
    """p is the bootstrap's: the cluster numbers of two clusterings mean nothing to each other and cannot be swapped."""
    sides, pairs = _sides(contests)
    column = AGREEMENT.index(contests[0].metric)
    statistics = [Column(Average(seed_statistics(side[0], group.within)), column) for side in sides]
    counts = _Counts.of(statistics, pairs, group, draws)

    def null(rows: np.ndarray) -> Null:
        return shift_null(counts.replicates, counts.values, pairs[rows], counts.error[rows])

    outcomes = counts.outcomes(counts.shifted)
    return Decision(np.array(group.contests), pairs, outcomes, Beside(tuple(statistics)), counts.families, null)


def _decide_labels(contests: Sequence[Contest], group: _Group, draws: Draws) -> Decision:
    sides, pairs = _sides(contests)
    metric = metrics_of(sides[0][0]).index(contests[0].metric)
    slots = list(zip(*sides, strict=True))
    labels = [shared_labels(slot) for slot in slots]
    systems = [
        [
            label_counts(placed, population, group.within, index, metric)
            for placed, population, index in zip(side, group.members, labels, strict=True)
        ]
        for side in sides
    ]
    flips = Flips(group.within.families.count, draws.flips, draws.seed)
    statistics = [Average(tuple(parts)) for parts in systems]
    counts = _Counts.of(statistics, pairs, group, draws)
    outcomes = counts.outcomes(Swaps.of(systems, pairs).p_values(flips))
    if len(group.members) == 1:
        items = np.stack([example_f1(side[0], group.within) for side in sides], axis=1)
        differences = ((items[:, a] - items[:, b]) for a, b in pairs)
        outcomes = [
            replace(
                outcome, wins=int((d > TIE).sum()), ties=int((np.abs(d) <= TIE).sum()), losses=int((d < -TIE).sum())
            )
            for outcome, d in zip(outcomes, differences, strict=True)
        ]

    def null(rows: np.ndarray) -> Null:
        return swap_null(Swaps.of(systems, pairs[rows]), counts.error[rows], flips)

    return Decision(np.array(group.contests), pairs, outcomes, Beside(tuple(statistics)), counts.families, null)


@dataclass(frozen=True)
class _Counts:
    """Metrics that are not means, of S sides on n items.

    values (S,), replicates (B, S); of P pairs low, high, error and shifted, the bootstrap's p.
    """

    n: int
    families: int
    pairs: np.ndarray
    values: np.ndarray
    replicates: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray
    shifted: np.ndarray

    @staticmethod
    def of(statistics: Sequence[Statistic], pairs: np.ndarray, group: _Group, draws: Draws) -> _Counts:
        count, n = group.within.families.count, len(group.within.positions)
        values = np.array([whole(statistic, group.within) for statistic in statistics])
        blocks = bootstrap_weights(count, draws.resamples, draws.seed, cached_block(count))
        replicates = np.stack(recompute(blocks, statistics), axis=1)
        left_out = np.stack(recompute([leave_out(count)], statistics), axis=1)
        of_pairs = _differences(replicates, values, pairs, count, draws.level, left_out)
        return _Counts(n, count, pairs, values, replicates, *of_pairs)

    def outcomes(self, p: np.ndarray) -> list[Outcome]:
        """With p (P,) of the test. effect_size is diff / (standard error x sqrt(n)): of a mean that is Cohen's d_z."""
        outcomes = []
        for row, (a, b) in enumerate(self.pairs):
            diff = float(self.values[a] - self.values[b])
            error = self.error[row]
            effect = 0.0 if diff == 0 else diff / (error * np.sqrt(self.n)) if error > 0 else np.nan
            outcomes.append(
                Outcome(
                    n=self.n,
                    mean_a=float(self.values[a]),
                    mean_b=float(self.values[b]),
                    diff=diff,
                    ci_low=float(self.low[row]),
                    ci_high=float(self.high[row]),
                    p_permutation=float(p[row]),
                    effect_size=float(effect),
                    standard_error=float(error),
                    families=self.families,
                )
            )
        return outcomes
