"""What a coarser number type loses: vectors of a sample beside those in float32, and the scores of both, tested."""

from __future__ import annotations

from patray.encoders.loss import EXACT, Loss, loss_of
from patray.report.data import Results
from patray.report.declared import Model, System, declared
from patray.report.grid import Cell, Column, Grid, gap_cell, score_cell
from patray.report.page import Panel, Part
from patray.report.words import Sentence, clean, gap_interval, plural
from patray.runs.step_record import StepRecord

NOTE: Sentence = (
    "Cosine and neighbours: a sample of the texts, the longest among them, encoded in float32 by sentence-transformers "
    "too; neighbours are the nearest others of the sample. Difference: the score against the same model's in float32, "
    "paired on the same queries and corrected as all comparisons are. It is known where the suite has both as systems.",
)
VECTORS = ("Model", "of", "texts", "lowest cosine", "mean cosine", "neighbours kept", "texts with another one")
SCORES = ("System", "in float32", "landscape and view", "score", "in float32", "difference", "interval")


def loss_part(results: Results) -> Part | None:
    """The losses that were measured, and what the scores lose; None where no model of the run loses anything."""
    measured = [step for step in results.steps() if step.get("loss")]
    if not measured:
        return None
    vectors = Grid(_columns(VECTORS, 2), tuple(_vector_row(step, loss_of(step["loss"])) for step in measured))
    panels = [Panel(("Vectors",), grid=vectors)]
    names = {clean(step.model) for step in measured}
    pairs = _pairs(results, names)
    rows = [row for coarse, exact in pairs for row in _score_rows(results, coarse, exact)]
    if rows:
        panels.append(Panel(("Retrieval",), grid=Grid(_columns(SCORES, 3), tuple(rows))))
    alone = sorted(names - {str(coarse.model) for coarse, _ in pairs})
    if alone:
        wanted = f"{plural(len(alone), 'model has', 'models have')} no system of the same model in float32 beside them"
        panels.append(Panel(text=((f"{wanted} ({', '.join(alone)}), so what their scores lose is not known.",),)))
    return Part("loss", "What a coarser number type loses", tuple(panels), (NOTE,))


def _columns(names: tuple[str, ...], texts: int) -> tuple[Column, ...]:
    kinds = ("name", *("text",) * (texts - 1))
    return tuple(Column(name, kinds[at] if at < texts else "number") for at, name in enumerate(names))


def _vector_row(step: StepRecord, loss: Loss) -> tuple[Cell, ...]:
    where = f"{step.landscape}/{step.view}, {step.role}"
    return (
        Cell(clean(step.model)),
        Cell(clean(where)),
        Cell(str(loss.compared), float(loss.compared)),
        Cell(f"{loss.lowest:.4f}", loss.lowest, f"text {clean(loss.worst)}"),
        Cell(f"{loss.mean:.4f}", loss.mean),
        Cell(f"{loss.kept:.1f} of {loss.neighbours}", loss.kept),
        Cell(str(loss.changed), float(loss.changed)),
    )


def _pairs(results: Results, models: set[str]) -> list[tuple[System, System]]:
    """Systems of these models, each with one of the same checkpoint, prompts and token limit in float32."""
    plain = declared(results.suite_text).plain()
    engine, dtype = EXACT
    others = [pair for pair in plain if _dtype(pair[1]) == dtype]
    others.sort(key=lambda pair: pair[1].setup[2] == engine)  # that engine's stands, where there are several
    exact = {_same(model): system for system, model in others}
    found = [(system, exact.get(_same(model))) for system, model in plain if model.name in models]
    return [(coarse, other) for coarse, other in found if other is not None]


def _same(model: Model) -> tuple[object, ...]:
    return model.checkpoint, model.prompts, model.setup[1], model.setup[-1]


def _dtype(model: Model) -> str:
    return model.setup[0]


def _score_rows(results: Results, coarse: System, exact: System) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    metric = results.main_metric("retrieval")
    for landscape in results.landscapes("retrieval") if metric else []:
        rows = {(row.view, row.system): row for row in results.ranked("retrieval", landscape, str(metric))}
        for view in results.views("retrieval", landscape):
            low, high = rows.get((view, coarse.name)), rows.get((view, exact.name))
            if low is None or high is None:
                continue
            seen = results.compare(low, high)
            span = "" if seen is None else gap_interval(seen.low, seen.high)
            where = Cell(clean(f"{landscape}/{view}, {metric}"))
            scores = (score_cell(low), score_cell(high), gap_cell(seen), Cell(span))
            found.append((Cell(coarse.name), Cell(exact.name), where, *scores))
    return found
