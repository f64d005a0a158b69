"""Correct the p of a family of contests for their number, by Holm, Benjamini and Hochberg, or max-T."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.statistics.corrections import adjust, procedure
from patray.statistics.draws import Draws
from patray.statistics.max_t import MaxT, max_t_of
from patray.statistics.power import power_reach, smallest_detectable
from patray.statistics.reach import fewest_together, smallest_p
from patray.tasks.contests import Decided

ALPHA = 0.05


@dataclass(frozen=True)
class Adjusted:
    """What correcting m contests together gives, each (m,) float64.

    correction: the procedure in force. p: adjusted. low, high: simultaneous intervals, all of which hold with the level
    of the run. min_detectable: the true difference that this procedure finds 4 times in 5; nan where it can find none.
    """

    correction: str
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray
    min_detectable: np.ndarray


def adjust_family(
    decided: Decided, family: Sequence[int], draws: Draws, method: str | None = None, found: MaxT | None = None
) -> Adjusted:
    """Correct these contests together; method: other than the run's; found: of `max_t_together`, where it is known."""
    outcomes = [decided.outcomes[at] for at in family]
    p, diff, error = (
        np.array([getattr(outcome, name) for outcome in outcomes], np.float64)
        for name in ("p_permutation", "diff", "standard_error")
    )
    size = int(np.sum(~np.isnan(p)))
    correction = procedure(method or draws.correction, size)
    found = found or max_t_together(decided, [family], draws)[0]
    width = found.reach * error
    if correction == "max-t":
        adjusted = np.where(np.isnan(p), np.nan, found.p)
        smallest = (found.critical + power_reach()) * error
    else:
        adjusted = adjust(p, correction)
        carried = size > 0 and fewest_together(correction, size, smallest_p(draws.flips), ALPHA) is not None
        smallest = smallest_detectable(error, max(size, 1)) if carried else np.full(len(p), np.nan)
    return Adjusted(correction, adjusted, diff - width, diff + width, smallest)


def max_t_together(decided: Decided, groups: Sequence[Sequence[int]], draws: Draws) -> list[MaxT]:
    """Of each group of contests, in its order, from one pass over the draws: a family, and the cells inside it."""
    wanted = {contest for group in groups for contest in group}
    nulls = []
    column: dict[int, int] = {}
    for decision in decided.decisions:
        rows = np.array(
            [row for row, contest in enumerate(decision.contests) if int(contest) in wanted], dtype=np.int64
        )
        if len(rows):
            nulls.append(decision.null(rows))
            for contest in decision.contests[rows].tolist():
                column[contest] = len(column)
    inside = [np.flatnonzero([contest in column for contest in group]) for group in groups]
    columns = [
        np.array([column[group[at]] for at in own], dtype=np.int64) for group, own in zip(groups, inside, strict=True)
    ]
    full = []
    for group, own, found in zip(groups, inside, max_t_of(columns, nulls, ALPHA, draws.level), strict=True):
        p = np.full(len(group), np.nan)
        p[own] = found.p
        full.append(MaxT(p, found.critical, found.reach))
    return full
