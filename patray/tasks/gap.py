"""Does a fusion close the gap between same field and other field? A difference of differences, paired by query.

A query that has relevant patents in its own field and in others has a value in both slices. Its gap is the one less the
other; a fusion changes it by the gap of the fused system less the gap of its dense part. The mean of that over queries
is tested like any paired difference: families drawn again for the interval, their signs flipped for p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.tasks.adjusting import adjust_family
from patray.tasks.contests import Contest, decide
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.scores import MeanScore


@dataclass(frozen=True)
class Halves:
    """A system's scores of one metric in the slices `in` and `out`."""

    inside: Placed
    outside: Placed


@dataclass(frozen=True)
class GapChange:
    """change = gap_after - gap_before, each a mean in - mean out over the n queries that are in both slices of both
    systems; below 0 the gap is closed, above widened. gain_in, gain_out: what each slice gained on these queries.

    low, high: interval of change; p: sign-flip permutation; p_adjusted: corrected over the pairs asked at once.
    """

    before: str
    after: str
    n: int
    gap_before: float
    gap_after: float
    change: float
    low: float
    high: float
    p: float
    p_adjusted: float
    min_detectable: float
    gain_in: float
    gain_out: float


def gap_changes(
    pairs: Sequence[tuple[Halves, Halves]],
    catalogue: Catalogue,
    draws: Draws = DEFAULT_DRAWS,
) -> list[GapChange | None]:
    """One change for each (before, after), corrected together; None where no query is in both slices of both."""
    placed: dict[int, Placed] = {}
    contests: list[Contest | None] = []
    for pair in pairs:
        gaps = []
        for side in pair:
            if id(side) not in placed:
                common = catalogue.common(side.inside.population, side.outside.population)
                if not len(common.positions):
                    break
                placed[id(side)] = catalogue.place(_gap(side, common, catalogue))
            gaps.append(placed[id(side)])
        if len(gaps) == 2:
            before, after = gaps
            where, metric = before.score.where, pair[0].inside.score
            assert isinstance(metric, MeanScore)
            names = (after.score.where.system, where.system)
            contests.append(
                Contest(where.task, where.landscape, where.view, f"{metric.metric}.gap", *names, (after,), (before,))
            )
        else:
            contests.append(None)
    asked = [contest for contest in contests if contest is not None]
    decided = decide(asked, catalogue, draws)
    adjusted = adjust_family(decided, range(len(asked)), draws)
    places = iter(range(len(asked)))
    changes: list[GapChange | None] = []
    for (before_side, after_side), contest in zip(pairs, contests, strict=True):
        at = next(places) if contest is not None else -1
        if contest is None or not decided.outcomes[at].n:
            changes.append(None)
            continue
        seen = decided.outcomes[at]
        common = catalogue.common(contest.side_a[0].population, contest.side_b[0].population)
        gains = [
            _mean(after, common) - _mean(before, common)
            for before, after in (
                (before_side.inside, after_side.inside),
                (before_side.outside, after_side.outside),
            )
        ]
        changes.append(
            GapChange(
                before=contest.name_b,
                after=contest.name_a,
                n=seen.n,
                gap_before=seen.mean_b,
                gap_after=seen.mean_a,
                change=seen.diff,
                low=seen.ci_low,
                high=seen.ci_high,
                p=seen.p_permutation,
                p_adjusted=float(adjusted.p[at]),
                min_detectable=float(adjusted.min_detectable[at]),
                gain_in=gains[0],
                gain_out=gains[1],
            )
        )
    return changes


def _values(placed: Placed, population: Population) -> np.ndarray:
    assert isinstance(placed.score, MeanScore)
    return placed.score.values[placed.rows(population)]


def _mean(placed: Placed, population: Population) -> float:
    return float(_values(placed, population).mean())


def _gap(side: Halves, common: Population, catalogue: Catalogue) -> MeanScore:
    ids = np.asarray(catalogue.ids[common.landscape].take(common.positions).to_pylist(), object)
    values = _values(side.inside, common) - _values(side.outside, common)
    where, score = replace(side.inside.score.where, slice="in-out"), side.inside.score
    assert isinstance(score, MeanScore)
    return MeanScore(where, f"{score.metric}.gap", ids, values)
