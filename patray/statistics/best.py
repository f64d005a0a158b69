"""Which of several systems may be the best, at which ranks each can stand, and what the winner is worth elsewhere.

The highest mean of many is not the best system's for sure, and it is too high: of 66 equal systems one comes first by
luck alone. Three answers, all from paired differences on the same items:

- *ranks with simultaneous intervals*: a system's rank is at least 1 + the number of systems that are significantly
  better, and at most S less the number that are significantly worse (Mogstad, Romano, Shaikh and Wilhelm 2024,
  doi:10.1093/restud/rdad006). Those whose rank can be 1 are the possible winners;
- *shortfall*: no system is better than this one by more than that, whichever is the best (simultaneous bound);
- *the winner's curse*: the winner is picked on one half of the families and scored on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.statistics.bootstrap import TIE
from patray.statistics.resample import Drawn, Statistic, stream

BLOCK = 50
"""Splits that are scored at once."""


@dataclass(frozen=True)
class Standing:
    """low, high (S,) int64: the ranks, 1 the best, that each system can have at the level of the tests."""

    low: np.ndarray
    high: np.ndarray

    @property
    def may_win(self) -> np.ndarray:
        """(S,) bool: the set of possible winners."""
        return self.low == 1


def standing(
    pairs: np.ndarray, diff: np.ndarray, p_adjusted: np.ndarray, systems: int, alpha: float = 0.05
) -> Standing:
    """Ranks of S systems from all their pairs (P, 2), differences first - second (P,) and adjusted p (P,).

    For example three systems of which only the first and the last differ: ranks 1-2, 1-3, 2-3. A pair without a p
    orders nothing. With probability 1 - alpha all intervals hold, as far as p controls any false finding.
    """
    sure = np.nan_to_num(p_adjusted, nan=1.0) < alpha
    above = np.zeros(systems, dtype=np.int64)
    below = np.zeros(systems, dtype=np.int64)
    for first, second, better in ((pairs[:, 0], pairs[:, 1], diff > 0), (pairs[:, 1], pairs[:, 0], diff < 0)):
        np.add.at(above, second[sure & better], 1)
        np.add.at(below, first[sure & better], 1)
    return Standing(1 + above, systems - below)


def shortfall(pairs: np.ndarray, diff: np.ndarray, half_width: np.ndarray, systems: int) -> np.ndarray:
    """The most (S,) by which the best system can be better than each, from simultaneous intervals of all pairs (P, 2).

    diff +- half_width (P,): first - second. 0 where it is better than every other; nan where an interval is missing.
    With probability 1 - alpha, mean of the best - mean of s <= shortfall of s for every s (after Hsu 1981,
    doi:10.1214/aos/1176345581).
    """
    most, missing = np.zeros(systems), np.isnan(half_width)
    width = np.where(missing, 0.0, half_width)
    np.maximum.at(most, pairs[:, 1], diff + width)
    np.maximum.at(most, pairs[:, 0], width - diff)
    most[np.unique(pairs[missing])] = np.nan
    return most


@dataclass(frozen=True)
class HeldOut:
    """picked (S,): share of the halves on which each system is the best. value (S,): its mean on the other halves, nan
    where it is never picked. winner: the mean of whichever was picked, on the halves that did not pick it."""

    picked: np.ndarray
    value: np.ndarray
    winner: float


def held_out(
    statistic: Statistic, families: int, choices: Sequence[np.ndarray], splits: int = 200, seed: int = 0
) -> list[HeldOut]:
    """Pick the best of some systems on a random half of the families and score it on the other, both ways, many times.

    statistic: weights to (b, S) of all systems; families that are not in a half weigh 0. choices: columns (C,) of the
    systems that stand against each other, one answer each. Of equals (within 1e-12) the first is picked. All nan with
    fewer than two families.
    """
    random = stream(seed, 3)
    picks = [np.zeros(len(columns)) for columns in choices]
    sums = [np.zeros(len(columns)) for columns in choices]
    for start in range(0, splits if families > 1 else 0, BLOCK):
        inside = np.zeros((min(BLOCK, splits - start), families))
        for row in inside:
            row[random.permutation(families)[: families // 2]] = 1.0
        halves = [np.asarray(statistic(Drawn(each))) for each in (inside, 1.0 - inside)]
        for at, columns in enumerate(choices):
            ours = [half[:, columns] for half in halves]
            defined = ~np.isnan(np.concatenate(ours, axis=1)).any(axis=1)
            for here, there in (ours, ours[::-1]):
                mine, other = here[defined], there[defined]
                best = np.argmax(mine >= mine.max(axis=1, keepdims=True) - TIE, axis=1)
                np.add.at(sums[at], best, other[np.arange(len(best)), best])
                np.add.at(picks[at], best, 1)
    return [_summed(one, other) for one, other in zip(picks, sums, strict=True)]


def _summed(picks: np.ndarray, sums: np.ndarray) -> HeldOut:
    total = picks.sum()
    if not total:
        return HeldOut(np.full(len(picks), np.nan), np.full(len(picks), np.nan), float("nan"))
    value = np.divide(sums, picks, out=np.full(len(picks), np.nan), where=picks > 0)
    return HeldOut(picks / total, value, float(sums.sum() / total))
