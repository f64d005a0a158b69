"""Whether reading more of a text pays: systems that read in spans beside their first span, or the model's reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patray.report.answer import Answer, counted_place, in_view, place
from patray.report.data import Results, Row
from patray.report.declared import declared
from patray.report.findings import above
from patray.report.grid import Cell, Column, Grid, amount_cell, gap_cell, number_of, score_cell
from patray.report.page import Panel, Part
from patray.report.words import Name, Sentence, amount, clean, duration
from patray.systems.readings import Readings


@dataclass(frozen=True)
class Reading:
    """A system that reads in spans: its row, and what it is held against, where that ran (`first`: of the same spans;
    else the model's own reading of the head of a text)."""

    system: Readings
    row: Row
    against: Row | None


@dataclass(frozen=True)
class Spent:
    """What the vectors of documents took: tokens read, seconds of encoding, and vectors for a document."""

    tokens: float | None
    seconds: float | None
    vectors: float | None


def readings_of(results: Results, answer: Answer) -> list[Reading]:
    """The systems that read in spans in the leader's view, best first."""
    rows = in_view(results, answer)
    said = {system.name: system.said for system in declared(results.suite_text).systems.values()}
    found = []
    for name, row in rows.items():
        system = said.get(name)
        if isinstance(system, Readings):
            same = [
                rows[other]
                for other, kind in said.items()
                if isinstance(kind, Readings)
                and other in rows
                and (kind.searches, kind.pool) == (system.searches, "first")
                and other != name
            ]
            heads = [
                rows[other]
                for other, kind in said.items()
                if kind is not None and kind.kind == "dense" and other in rows and kind.searches == system.readings
            ]
            # the widest form of the model stands first among its own
            found.append(Reading(system, row, next(iter([*same, *heads]), None)))
    return found


def explain_readings(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """Whether the best reading is above what it is held against, with what it costs."""
    found = readings_of(results, answer)
    more = [one for one in found if one.system.pool != "first" and one.against is not None]
    if not more:
        return None
    best = more[0]
    assert best.against is not None
    sentence: Sentence = ("On ", *where, ", ", Name(best.row.system), " is ")
    sentence += above(results.compare(best.row, best.against), best.row, best.against, Name(best.against.system))
    return (*sentence, _cost(results, answer, best.system), ".")


def readings_part(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    """One panel a landscape; None where no system reads in spans."""
    panels = []
    for answer in answers:
        if readings_of(results, answer):
            text = explain_readings(results, answer, counted_place(answer, several))
            title: Sentence = (*place(answer, several), ", reading ", Name(answer.leader.view))
            panels.append(Panel(title, () if text is None else (text,), grid=_grid(results, answer)))
    note: Sentence = (
        "A text is read in spans of so many tokens, one beginning every stride; a patent's score is pooled over its "
        "spans. Queries are read as the model reads any text. `first` is the first span alone: what reading more is "
        "held against. All poolings are made from one set of span vectors, whose cost is shown.",
    )
    return Part(f"{kind}-readings", "Whether reading more pays", tuple(panels), (note,)) if panels else None


def spent(results: Results, answer: Answer, model: str) -> Spent:
    """What the document vectors called `model` took in the leader's view, as provenance says."""
    steps = [
        step
        for step in results.steps("embed")
        if (clean(step.landscape), clean(step.view)) == (answer.landscape, answer.leader.view)
        and (step.model, step.role) == (model, "document")
    ]
    if not steps:
        return Spent(None, None, None)
    step = steps[0]
    inputs, patents = number_of(step.get("stored")), number_of(step.get("patents"))
    each = inputs / patents if inputs and patents else None
    return Spent(number_of(step.get("tokens")), number_of(step.get("encode_seconds")), each)


def _cost(results: Results, answer: Answer, system: Readings) -> str:
    """`; it reads 12 times the tokens ...` where both the spans and the model's own reading are recorded."""
    whole, head = spent(results, answer, system.searches), spent(results, answer, system.readings)
    if not whole.tokens or not head.tokens:
        return ""
    text = f"; it reads {whole.tokens / head.tokens:.1f} times the tokens of the model's own reading"
    if whole.seconds and head.seconds:
        text += f", in {duration(whole.seconds)} of encoding instead of {duration(head.seconds)}"
    return text + (f", and holds {whole.vectors:.1f} vectors a patent" if whole.vectors else "")


def _grid(results: Results, answer: Answer) -> Grid:
    columns = (
        Column("System", "name"),
        Column("tokens/stride", "text"),
        Column("pool", "text"),
        Column(answer.metric),
        Column("to", "text", hint="the first span alone, or the model's own reading"),
        Column("difference", hint="with corrected p"),
        Column("tokens read"),
        Column("encoding"),
        Column("vectors/patent"),
    )
    body = []
    for one in readings_of(results, answer):
        cost = spent(results, answer, one.system.searches)
        seen = None if one.against is None else results.compare(one.row, one.against)
        body.append(
            (
                Cell(one.row.system),
                Cell(f"{one.system.tokens}/{one.system.stride}"),
                Cell(str(one.system.pool)),
                score_cell(one.row),
                Cell("" if one.against is None else one.against.system),
                gap_cell(seen),
                amount_cell(cost.tokens),
                Cell("" if cost.seconds is None else duration(cost.seconds), cost.seconds),
                Cell("" if cost.vectors is None else amount(cost.vectors), cost.vectors),
            )
        )
    return Grid(columns, tuple(body))
