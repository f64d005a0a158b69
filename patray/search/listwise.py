"""Listwise reranking: a model orders a few results at a time, in windows that slide from the end of a list to its top.

    windows(100, 20, 10) is (80, 100), (70, 90), ..., (0, 20): the best of a window stand in the next one too

(Sun et al. 2023, "Is ChatGPT good at search?", RankGPT.) What the model answers is text, so its permutation is checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NUMBER = re.compile(r"\d+")
FAULTS = ("repeated", "unknown", "missing", "broken answers")


@dataclass(frozen=True)
class Answer:
    """order: positions of a window, best first, each once. repeated, unknown, missing: numbers that were wrong."""

    order: tuple[int, ...]
    repeated: int
    unknown: int
    missing: int


def windows(depth: int, window: int, step: int) -> list[tuple[int, int]]:
    """(start, stop) of every window over `depth` results, the last results first; one where they all fit."""
    found = [(max(0, depth - window), depth)]
    while found[-1][0] > 0:
        start = max(0, found[-1][0] - step)
        found.append((start, start + window))
    return found


def read_order(text: str, size: int) -> Answer:
    """The permutation of 1..size in an answer such as `[2] > [1]`, repaired where it is none.

    Numbers count in the order in which they stand. One that stands there again, or that no result has, is left out;
    results without a number follow in the order that they had.
    """
    order: list[int] = []
    repeated = unknown = 0
    for number in map(int, NUMBER.findall(text)):
        if not 1 <= number <= size:
            unknown += 1
        elif number - 1 in order:
            repeated += 1
        else:
            order.append(number - 1)
    left = [place for place in range(size) if place not in order]
    return Answer((*order, *left), repeated, unknown, len(left))


def reorder(
    lists: Sequence[Sequence[int]], depth: int, window: int, step: int,
    ask: Callable[[list[tuple[int, list[int]]]], list[str]],
) -> tuple[list[list[int]], Counter[str]]:  # fmt: skip
    """The lists with their first `depth` entries in the model's order, and what was asked and repaired.

    ask: (number of a list, entries of a window) of every list that has such a window -> the answers. All lists go
    through their windows side by side, so a call has one window of each. A window of one entry is not asked about.
    """
    found = [list(one) for one in lists]
    plans = [windows(min(depth, len(one)), window, step) for one in found]
    counted: Counter[str] = Counter(dict.fromkeys(("calls", *FAULTS), 0))
    for turn in range(max(map(len, plans), default=0)):
        asked = [
            (at, *plan[turn]) for at, plan in enumerate(plans) if turn < len(plan) and plan[turn][1] - plan[turn][0] > 1
        ]
        answers = ask([(at, found[at][start:stop]) for at, start, stop in asked]) if asked else []
        for (at, start, stop), text in zip(asked, answers, strict=True):
            answer = read_order(text, stop - start)
            found[at][start:stop] = [found[at][start + place] for place in answer.order]
            counted["calls"] += 1
            counted["repeated"] += answer.repeated
            counted["unknown"] += answer.unknown
            counted["missing"] += answer.missing
            counted["broken answers"] += bool(answer.repeated or answer.unknown or answer.missing)
    return found, counted
