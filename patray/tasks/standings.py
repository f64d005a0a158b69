"""Say who may be the best in every task, landscape and view, from contests of every pair of its systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from patray.statistics.best import HeldOut, held_out, shortfall, standing
from patray.statistics.draws import Draws
from patray.statistics.max_t import MaxT
from patray.tasks.adjusting import ALPHA, adjust_family
from patray.tasks.contests import Contest, Decided

Cells = Mapping[tuple[str, str, str], Sequence[int]]
"""(task, landscape, view) to the positions of its contests."""


def cells_of(contests: Sequence[Contest], family: Sequence[int]) -> dict[tuple[str, str, str], list[int]]:
    """The contests at these positions by task, landscape and view."""
    cells: dict[tuple[str, str, str], list[int]] = {}
    for at in family:
        contest = contests[at]
        cells.setdefault((contest.task, contest.landscape, contest.view), []).append(at)
    return cells


def standings(
    contests: Sequence[Contest], decided: Decided, cells: Cells, draws: Draws, maxima: Sequence[MaxT]
) -> Iterator[dict[str, object]]:
    """Rows of `tables.STANDINGS`, less the family's name and slice, of each cell; maxima: max-T of each.

    Every cell is corrected for itself, by max-T over its pairs: a question about one cell is not asked less sharply
    because a suite has many. `not_worse`: shortfall below the margin of `draws`; None without one.
    """
    halves = _held_out(contests, decided, cells, draws)
    for ((task, landscape, view), own), found in zip(cells.items(), maxima, strict=True):
        names = list(dict.fromkeys(name for at in own for name in (contests[at].name_a, contests[at].name_b)))
        place = {name: row for row, name in enumerate(names)}
        pairs = np.array([[place[contests[at].name_a], place[contests[at].name_b]] for at in own])
        outcomes = [decided.outcomes[at] for at in own]
        diff = np.array([outcome.diff for outcome in outcomes])
        means = np.full(len(names), np.nan)
        for (a, b), outcome in zip(pairs, outcomes, strict=True):
            means[a], means[b] = outcome.mean_a, outcome.mean_b
        adjusted = adjust_family(decided, own, draws, "max-t", found)
        stand = standing(pairs, diff, adjusted.p, len(names), ALPHA)
        short = shortfall(pairs, diff, adjusted.high - diff, len(names))
        half = halves[task, landscape, view]
        for row, name in enumerate(names):
            yield {
                "task": task,
                "landscape": landscape,
                "view": view,
                "metric": contests[own[0]].metric,
                "system": name,
                "mean": float(means[row]),
                "rank": 1 + int(np.sum(means > means[row])),
                "rank_low": int(stand.low[row]),
                "rank_high": int(stand.high[row]),
                "may_win": bool(stand.may_win[row]),
                "shortfall": float(short[row]),
                "not_worse": None if draws.margin is None or np.isnan(short[row]) else bool(short[row] < draws.margin),
                "picked": float("nan") if half is None else float(half.picked[row]),
                "held_out": float("nan") if half is None else float(half.value[row]),
                "winner_held_out": float("nan") if half is None else half.winner,
                "n": min(outcome.n for outcome in outcomes),
            }


def _held_out(
    contests: Sequence[Contest], decided: Decided, cells: Cells, draws: Draws
) -> dict[tuple[str, str, str], HeldOut | None]:
    """Of each cell; None where its systems were not all scored on the same items."""
    found: dict[tuple[str, str, str], HeldOut | None] = dict.fromkeys(cells)
    cell_of = {at: cell for cell, own in cells.items() for at in own}
    for decision in decided.decisions:
        sides: dict[tuple[str, str, str], dict[str, int]] = {}
        counted: dict[tuple[str, str, str], int] = {}
        for at, (a, b) in zip(decision.contests.tolist(), decision.pairs.tolist(), strict=True):
            cell = cell_of.get(at)
            if cell is not None:
                sides.setdefault(cell, {}).update({contests[at].name_a: a, contests[at].name_b: b})
                counted[cell] = counted.get(cell, 0) + 1
        whole = [cell for cell in sides if counted[cell] == len(cells[cell])]
        columns = [np.array(list(sides[cell].values())) for cell in whole]
        if whole:
            answers = held_out(decision.statistic, decision.families, columns, seed=draws.seed)
            found.update(zip(whole, answers, strict=True))
    return found
