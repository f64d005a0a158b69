"""What the prompt changes: systems that differ in the text before their inputs and in nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from patray.report.answer import Answer, counted_place, in_view, place
from patray.report.comparison import Comparison
from patray.report.data import Results, Row
from patray.report.declared import Model, declared
from patray.report.findings import above
from patray.report.grid import Cell, Column, Grid, gap_cell, score_cell
from patray.report.page import Panel, Part
from patray.report.studied import PROMPTS
from patray.report.words import (
    Name,
    Sentence,
    clean,
    gap_interval,
    interval,
    listing,
    plural,
    score,
    shorten,
    signed,
    size,
)

MOST_MODELS = 3


@dataclass(frozen=True)
class Prompted:
    """A checkpoint with several prompt sets: rows of the leader's view with their models, best first."""

    rows: tuple[tuple[Row, Model], ...]


def prompted(results: Results, answer: Answer) -> list[Prompted]:
    """Groups of systems of one checkpoint and set-up whose prompts differ, in the order of the suite."""
    rows = in_view(results, answer)
    return [
        Prompted(tuple(sorted(((rows[system.name], model) for system, model in group), key=_rank)))
        for group in declared(results.suite_text).prompted(rows)
    ]


def _rank(member: tuple[Row, Model]) -> tuple[float, str]:
    return -member[0].mean, member[0].system


def explain_prompts(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """The best prompt set of each checkpoint against its others, each difference with its test."""
    groups, asked = prompted(results, answer), results.studies.of(answer.at, PROMPTS)
    if not groups:
        return None
    sentence: Sentence = ("On ", *where, ", with nothing but the prompt changed, ")
    for index, group in enumerate(groups[:MOST_MODELS]):
        (best, _), *others = group.rows
        sentence += ("; " if index else "", Name(best.system), " is ")
        for position, (row, _) in enumerate(others[:2]):
            seen = asked.compare(best.system, row.system)
            sentence += (" and " if position else "", *above(seen, best, row, Name(row.system)))
        if len(others) > 2:
            sentence += (" (others: ", *listing([row.system for row, _ in others[2:]]), ")")
    rest = len(groups) - MOST_MODELS
    return (*sentence, f". {plural(rest, 'more model is', 'more models are')} in the table." if rest > 0 else ".")


def explain_spread(results: Results, answer: Answer) -> list[Sentence]:
    """For every checkpoint how far another prompt would move its score, beside how far other queries would."""
    sentences: list[Sentence] = []
    for one in results.studies.prompted:
        if one.at != answer.at:
            continue
        found = one.components
        start: Sentence = (
            *listing(list(one.systems)),
            f": were their {found.k} prompts drawn at random from many, another would move the score by "
            f"{size(math.sqrt(found.draws))} (standard deviation); other queries would move the mean over these "
            f"prompts by {size(found.error_items)} (standard error)",
        )
        if math.isnan(found.low):
            sentences.append((*start, ". Two prompts are too few for an interval over prompts."))
        else:
            middle = (found.low + found.high) / 2
            span = interval(found.low, found.high)
            sentences.append((*start, f"; over other queries and other prompts the mean is {score(middle)} {span}."))
    return sentences


def prompt_part(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    """One panel a landscape (and label set); None where no checkpoint was run with several prompt sets."""
    panels = []
    for answer in answers:
        where = place(answer, several)
        text = explain_prompts(results, answer, counted_place(answer, several))
        if text is not None:
            title: Sentence = (*where, ", reading ", Name(answer.leader.view))
            more = explain_spread(results, answer)
            panels.append(Panel(title, (text, *more), grid=_grid(results, answer), folded=len(answers) > 5 and several))
    note: Sentence = (
        "Systems of one checkpoint with the same engine, number type and token limit, whose prompts differ. "
        "Differences are to the best of them, paired on the same items and corrected within this panel.",
    )
    return Part(f"{kind}-prompts", "What the prompt changes", tuple(panels), (note,)) if panels else None


def _grid(results: Results, answer: Answer) -> Grid:
    columns = (
        Column("System", "name"),
        Column("checkpoint", "text"),
        Column(answer.metric),
        Column("to best prompt", hint="difference to the checkpoint's best prompt set, corrected p"),
        Column("interval"),
        Column("prompts", "text"),
    )
    body, asked = [], results.studies.of(answer.at, PROMPTS)
    for group in prompted(results, answer):
        best = group.rows[0][0]
        for row, model in group.rows:
            seen = asked.compare(row.system, best.system)
            lead = row is best
            span = gap_interval(seen.low, seen.high) if seen is not None and not lead else ""
            body.append(
                (
                    Cell(row.system, best=lead),
                    Cell(clean(model.checkpoint[0]) if model.checkpoint else ""),
                    score_cell(row, best=lead),
                    Cell("best", 0.0, tone="quiet") if lead else _difference(seen, row, best),
                    Cell(span),
                    Cell(_prompts(model)),
                )
            )
    return Grid(columns, tuple(body))


def _difference(seen: Comparison | None, row: Row, best: Row) -> Cell:
    if seen is not None and seen.verdict != "untested":
        return gap_cell(seen)
    return Cell(signed(row.mean - best.mean), row.mean - best.mean, "not tested", tone="quiet")


def _prompts(model: Model) -> str:
    texts = [f"{role}: “{shorten(clean(text), 90)}”" for role, text in model.prompts if text.strip()]
    return "; ".join(texts) or "none"
