"""How well common and rare labels are found: F1 of labels that many, some and few train patents have."""

from __future__ import annotations

from collections.abc import Sequence

from patray.measures.classification import BANDS, FREQUENT, RARE
from patray.report.answer import Answer
from patray.report.data import Results, Row, labels_of
from patray.report.grid import Cell, Column, Grid, score_cell
from patray.report.layouts import DIGITS, Layout
from patray.report.page import Panel, Part
from patray.report.words import Name, Sentence, interval, score

SLICE = "labels="
WORDS = dict(zip(BANDS, (f"over {FREQUENT}", f"{RARE} to {FREQUENT}", f"under {RARE}"), strict=True))
"""Train patents that a label of each band has."""
MOST_SYSTEMS = 5


def frequency_part(results: Results, answers: Sequence[Answer]) -> Part | None:
    """One panel a landscape and label set whose labels fall in several bands; None where there is none."""
    panels = []
    for answer in _one_a_landscape(answers):
        for task in results.tasks("classification"):
            if labels_of(task) == "*":
                continue
            found = bands_of(results, task, answer)
            if found:
                systems = [answer.leader.system, *(row.system for row, _ in answer.rivals)][:MOST_SYSTEMS]
                where: Sentence = (Name(answer.landscape), ", ", Name(labels_of(task)), ", reading ")
                panels.append(
                    Panel(
                        (*where, Name(answer.leader.view), f": {answer.metric}"),
                        grid=_grid(found, systems, answer.metric),
                    )
                )
    note: Sentence = (
        "F1 of the labels that many, some and few train patents have. All test patents are counted in every row, so a "
        "label given wrongly counts where it is. Of few labels one may decide; no test was made between rows.",
    )
    return Part("classification-frequency", "Common and rare labels", tuple(panels), (note,)) if panels else None


def _one_a_landscape(answers: Sequence[Answer]) -> list[Answer]:
    found: dict[str, Answer] = {}
    for answer in answers:
        found.setdefault(answer.landscape, answer)
    return list(found.values())


def bands_of(results: Results, task: str, answer: Answer) -> dict[str, dict[str, Row]]:
    """Rows of the answer's view and metric by band, the commonest labels first, and system."""
    found = {}
    for band in BANDS:
        rows = results.ranked(task, answer.landscape, answer.metric, answer.leader.view, f"{SLICE}{band}")
        if rows:
            found[band] = {row.system: row for row in rows}
    return found


def _counts(rows: dict[str, Row]) -> tuple[int, int]:
    """Labels and patents of a band; a system that skipped some has fewer."""
    return max(row.labels for row in rows.values()), max(row.n for row in rows.values())


def _grid(found: dict[str, dict[str, Row]], systems: Sequence[str], metric: str) -> Grid:
    heads = (Column("Labels", "name"), Column("train patents", "text"), Column("labels"), Column("test patents"))
    columns = (*heads, *(Column(system, hint=metric) for system in systems))
    body = []
    for band, rows in found.items():
        best = max((rows[name].mean for name in systems if name in rows), default=None)
        labels, patents = _counts(rows)
        counts = Cell(f"{labels:,}", float(labels)), Cell(f"{patents:,}", float(patents))
        scores = [score_cell(rows.get(name), name in rows and rows[name].mean == best) for name in systems]
        body.append((Cell(band), Cell(WORDS[band]), *counts, *scores))
    return Grid(columns, tuple(body))


def frequency_layouts(results: Results, answers: Sequence[Answer]) -> list[Layout]:
    """A table for each landscape and label set: systems by bands, n of labels and patents in the heads."""
    layouts = []
    for answer in _one_a_landscape(answers):
        for task in results.tasks("classification"):
            found = {} if labels_of(task) == "*" else bands_of(results, task, answer)
            if not found:
                continue
            heads = []
            for band, rows in found.items():
                labels, patents = _counts(rows)
                heads.append(f"{band} ({labels:,} labels, {patents:,} patents)")
            systems = dict.fromkeys(name for rows in found.values() for name in rows)
            body = tuple((name, *(_text(rows.get(name)) for rows in found.values())) for name in systems)
            caption = (
                f"{answer.metric}, {task}, landscape {answer.landscape}, view {answer.leader.view}, by how many train "
                f"patents have a label: head over {FREQUENT}, middle {RARE} to {FREQUENT}, tail under {RARE}."
            )
            name = f"frequency-{task}-{answer.landscape}-{answer.metric}"
            numeric = (False, *(True for _ in found))
            layouts.append(Layout(name, caption, ("System", *heads), numeric, body))
    return layouts


def _text(row: Row | None) -> str:
    if row is None:
        return score(None)
    return f"{score(row.mean, DIGITS)} {interval(row.low, row.high)}".strip()
