"""Will it be so elsewhere? Differences over the landscapes of the run, and what they may be on one not yet seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from patray.report.answer import Answer
from patray.report.data import Results
from patray.report.grid import TOP, Cell, Column, Grid
from patray.report.page import Panel, Part
from patray.report.words import MISSING, Name, Sentence, gap_interval, signed, size
from patray.statistics.unseen import FEWEST

MANY = 10
"""Landscapes below which the width of the interval comes mostly from their small number."""


def across_part(results: Results, kind: str, answers: Sequence[Answer]) -> Part | None:
    """One panel a task that was judged on several landscapes, about the system that leads over all of them."""
    panels = []
    for task in dict.fromkeys(answer.task for answer in answers):
        own = [answer for answer in answers if answer.task == task]
        panel = _panel(results, own) if len({answer.landscape for answer in own}) > 1 else None
        panels += [panel] if panel is not None else []
    note: Sentence = (
        "Every landscape counts once, whatever its size. The prediction interval holds what one more landscape of like "
        "size would show, if these were drawn from the same kind; it is not corrected for the number of rows.",
    )
    return Part(f"{kind}-unseen", "On a landscape not yet seen", tuple(panels), (note,)) if panels else None


def _panel(results: Results, answers: Sequence[Answer]) -> Panel | None:
    view = Counter(answer.leader.view for answer in answers).most_common(1)[0][0]
    first = answers[0]
    asked = (first.task, view, "all", first.metric)
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for row in results.across:
        if tuple(row[name] for name in ("task", "view", "slice", "metric")) == asked:
            pairs.setdefault((row["system_a"], row["system_b"]), row)
    if not pairs:
        return None
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    leader = max(names, key=lambda name: sum(1 if seen[0] > 0 else 0 for seen in _seen_from(pairs, name).values()))
    seen = sorted(_seen_from(pairs, leader).items(), key=lambda item: (item[1][0], item[0]))
    most = max(row["landscapes"] for _, (_, _, row) in seen)
    title: Sentence = (Name(leader), " against the others, reading ", Name(view), f", {first.metric}")
    text = (_explain(leader, seen[0], most),)
    body = tuple(_row(other, *found) for other, found in seen)
    columns = (
        Column("Against", "name"),
        Column("mean difference"),
        Column("the next landscape", hint="95% prediction interval of the difference"),
        Column("ahead on", hint="landscapes on which it scores higher"),
        Column("sd", hint="standard deviation of the difference between landscapes"),
        Column("fewest n", hint="items of the smallest landscape"),
    )
    folded = Grid(columns, body) if len(body) > TOP else None
    note = f"The first {TOP} of {len(body)}." if folded else ""
    return Panel(title, text, grid=Grid(columns, body[:TOP], note, folded, f"All {len(body)}" if folded else ""))


def _seen_from(pairs: dict[tuple[str, str], dict[str, Any]], name: str) -> dict[str, tuple[float, int, dict[str, Any]]]:
    """Mean difference of `name` to every other, its sign, and the row."""
    found = {}
    for (a, b), row in pairs.items():
        if name in (a, b):
            sign = 1 if name == a else -1
            found[b if name == a else a] = (sign * row["diff"], sign, row)
    return found


def _ends(sign: int, row: dict[str, Any]) -> tuple[float | None, float | None]:
    if row["new_low"] is None or row["new_high"] is None:
        return None, None
    low, high = sorted((sign * row["new_low"], sign * row["new_high"]))
    return low, high


def _row(other: str, diff: float, sign: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    low, high = _ends(sign, row)
    ahead = row["above"] if sign > 0 else row["landscapes"] - row["above"]
    return (
        Cell(other),
        Cell(signed(diff), diff),
        Cell(gap_interval(low, high) or MISSING, low),
        Cell(f"{ahead} of {row['landscapes']}", float(ahead)),
        Cell(size(row["sd"]), row["sd"]),
        Cell(f"{row['fewest']:,}", float(row["fewest"])),
    )


def _explain(leader: str, nearest: tuple[str, tuple[float, int, dict[str, Any]]], most: int) -> Sentence:
    """What may be expected elsewhere of the leader and the system that comes nearest to it."""
    other, (diff, sign, row) = nearest
    low, high = _ends(sign, row)
    way, over = ("ahead of" if diff > 0 else "behind"), f"over {row['landscapes']} landscapes"
    start: Sentence = (Name(leader), f" is {way} ", Name(other), f" by {size(abs(diff))} {over}. ")
    if low is None or high is None:
        return (*start, f"{most} landscapes say nothing of another one: it takes {FEWEST} for an interval at all.")
    holds = low <= 0 <= high
    said = (
        "it may as well be behind"
        if holds
        else "it should be ahead there too"
        if low > 0
        else "it should be behind there"
    )
    few = (
        f" It is so wide because {row['landscapes']} landscapes are few, however many queries each has."
        if row["landscapes"] < MANY and holds
        else ""
    )
    return (*start, f"On one more landscape of this kind {said}: the difference may be {gap_interval(low, high)}.{few}")
