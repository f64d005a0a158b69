"""Newer than the model: do systems fall on queries that they cannot have read, more than a keyword search does?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from patray.report.answer import Answer, place
from patray.report.comparison import ALPHA
from patray.report.data import Results
from patray.report.grid import TOP, Cell, Column, Grid
from patray.report.page import Panel, Part
from patray.report.words import MISSING, Name, Sentence, gap_interval, listing, p_value, plural, score, signed, stars
from patray.statistics.exposure import FEWEST

Row = dict[str, Any]


def contamination_part(results: Results, answers: Sequence[Answer]) -> Part | None:
    """One panel a landscape, in the leader's view; None for a run without release dates or dates of patents."""
    panels = []
    for answer in answers:
        at = ("retrieval", answer.landscape, answer.leader.view, answer.metric)
        rows = [
            row
            for row in results.contamination
            if tuple(row[name] for name in ("task", "landscape", "view", "metric")) == at
        ]
        if any(row["before"] or row["after"] for row in rows):
            title: Sentence = (*place(answer, False), ", reading ", Name(answer.leader.view))
            panels.append(Panel(title, tuple(_explain(rows, answer.leader.system)), grid=_grid(rows, answer)))
    note: Sentence = (
        "A model cannot have read in training what is dated after its release. Newer queries may be harder for every "
        "system, so what counts is the change beyond that of the keyword search on the same queries. A fall may be "
        "memory, or new words; this cannot tell which. A system that scores far lower than the keyword search "
        "also moves less, whatever it has read.",
    )
    return Part("retrieval-newer", "Newer than the model", tuple(panels), (note,)) if panels else None


def _explain(rows: Sequence[Row], leader: str) -> list[Sentence]:
    said: list[Sentence] = []
    tested = [row for row in rows if row["p_adjusted"] is not None]
    fell = [row for row in tested if row["p_adjusted"] < ALPHA and row["interaction"] < 0]
    reference = next((row["reference"] for row in rows if row["reference"]), None)
    if reference is None:
        said.append(
            ("No keyword search was run beside them, so a change cannot be told from newer queries being harder.",)
        )
    elif not tested:
        most = max((row["after"] or 0 for row in rows), default=0)
        said.append(
            (
                f"Nothing can be said: it takes {FEWEST} families before and after a release, and at most "
                f"{plural(most, 'query is', 'queries are')} newer.",
            )
        )
    elif fell:
        worst = min(fell, key=lambda row: row["interaction"])
        said.append(
            (
                *listing([row["system"] for row in fell]),
                " loses" if len(fell) == 1 else " lose",
                " more on queries newer than the model than ",
                Name(reference),
                " does: ",
                Name(worst["system"]),
                f" by {signed(-worst['interaction']).lstrip('+')} "
                f"{gap_interval(*sorted((-worst['ci_low'], -worst['ci_high'])))} ({p_value(worst['p_adjusted'])}, "
                f"{worst['after']:,} newer queries). What they score on older ones may be part memory.",
            )
        )
    else:
        fewest = min(row["after"] for row in tested)
        said.append(
            (
                "No system loses more on queries newer than its model than ",
                Name(reference),
                f" does, as far as {plural(fewest, 'newer query', 'newer queries')} can tell.",
            )
        )
    split = [row for row in rows if row["mean_before"] is not None and row["mean_after"] is not None]
    if split:
        best = max(split, key=lambda row: (row["system"] == leader, row["mean_before"]))
        shown = min(fell, key=lambda row: row["interaction"], default=best)
        said.append(_absolute(shown, shown["metric"]))
    unknown = [row["system"] for row in rows if row["released"] is None]
    if unknown:
        said.append(
            (
                "When the models of ",
                *listing(unknown),
                " were released is not known, so they are not judged here.",
            )
        )
    return said


def _grid(rows: Sequence[Row], answer: Answer) -> Grid:
    columns = (
        Column("System", "name"),
        Column("beyond it", hint="change less that of the keyword search, corrected p"),
        Column("interval", hint="of the change beyond that of the keyword search"),
        Column("older", hint=f"{answer.metric} of queries dated before; their number"),
        Column("newer", hint=f"{answer.metric} of queries dated after; their number"),
        Column("change"),
        Column("keyword search, older", hint="its score on the same queries"),
        Column("newer", hint="the keyword search's score on the same queries"),
        Column("its change", hint="of the keyword search"),
        Column("released", "text"),
    )
    order = {name: at for at, name in enumerate([answer.leader.system, *(row.system for row, _ in answer.rivals)])}
    known = [row for row in rows if row["released"] is not None]
    body = tuple(_row(row) for row in sorted(known, key=lambda row: order.get(row["system"], len(order))))
    if len(body) <= TOP:
        return Grid(columns, body)
    return Grid(columns, body[:TOP], f"The first {TOP} of {len(body)}.", Grid(columns, body), f"All {len(body)}")


def _change(value: float | None) -> Cell:
    return Cell(MISSING if value is None else signed(value), value)


def _absolute(row: Row, metric: str) -> Sentence:
    """What a system and the keyword search score on older and on newer queries."""
    said: Sentence = (
        Name(row["system"]),
        f" scores {metric} {score(row['mean_before'])} on {row['before']:,} queries dated before its model and ",
        f"{score(row['mean_after'])} on {row['after']:,} after",
    )
    if row["reference_mean_before"] is None or row["reference_mean_after"] is None:
        return (*said, ".")
    both = f" {score(row['reference_mean_before'])} and {score(row['reference_mean_after'])}."
    return (*said, "; ", Name(row["reference"]), both)


def _row(row: Row) -> tuple[Cell, ...]:
    interaction = row["interaction"]
    tested = row["p_adjusted"] is not None
    beyond = (
        Cell(signed(interaction) + stars(row["p_adjusted"]), interaction, p_value(row["p_adjusted"]))
        if tested
        else Cell(signed(interaction) if interaction is not None else MISSING, interaction, "not tested", tone="quiet")
    )
    return (
        Cell(row["system"]),
        beyond,
        Cell(gap_interval(row["ci_low"], row["ci_high"]) or MISSING, row["ci_low"]),
        Cell(score(row["mean_before"]), row["mean_before"], f"n {row['before']:,}"),
        Cell(score(row["mean_after"]), row["mean_after"], f"n {row['after']:,}"),
        _change(row["change"]),
        *(Cell(score(row[key]), row[key]) for key in ("reference_mean_before", "reference_mean_after")),
        _change(row["reference_change"]),
        Cell(row["released"]),
    )
