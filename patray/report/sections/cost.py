"""What the run took: speed against quality, every embedding step and every other step, as provenance records them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from patray.report.answer import answers_for
from patray.report.data import Results
from patray.report.figures import Model, speed_against_quality
from patray.report.findings import explain_cost, total
from patray.report.grid import TOP, Cell, Column, Grid, amount_cell, count_cell, number_of
from patray.report.page import Panel, Part, Section
from patray.report.plots import bar
from patray.report.words import MISSING, Name, Sentence, amount, clean, duration, percent
from patray.runs.step_record import StepRecord


def cost_section(results: Results) -> Section | None:
    """Speed against quality, every embedding step and every other step, as provenance records them."""
    steps = results.steps()
    if not steps:
        return None
    embeds = [step for step in steps if step.step == "embed"]
    parts = []
    tradeoff = _tradeoff(results, embeds)
    panels = [tradeoff] if tradeoff else []
    if embeds:
        panels.append(Panel((Name("Embedding"),), (explain_cost(results),), grid=_embedding_grid(embeds)))
    others = [step for step in steps if step.step != "embed"]
    if others:
        panels.append(Panel((Name("Other steps"),), grid=_other_steps(others)))
    parts.append(Part("throughput", "", tuple(panels)))
    return Section("cost", "Cost and throughput", tuple(parts))


def _tradeoff(results: Results, embeds: Sequence[StepRecord]) -> Panel | None:
    answers = answers_for(results, "retrieval")
    if not answers:
        return None
    view = Counter(answer.leader.view for answer in answers).most_common(1)[0][0]
    task, metric = answers[0].task, answers[0].metric
    models = []
    for name in dict.fromkeys(clean(step.model) for step in embeds):
        speed = _speed([s for s in embeds if clean(s.model) == name and clean(s.view) == view])
        rows = [
            row
            for answer in answers
            for row in results.ranked(task, answer.landscape, metric, view)
            if row.system == name
        ]
        if speed and len(rows) == len(answers):
            models.append(Model(name, speed, sum(row.mean for row in rows) / len(rows)))
    if len(models) < 2:
        return None
    over = "" if len(answers) == 1 else f", mean of {len(answers)} landscapes,"
    text: Sentence = (f"{metric}{over} against patents embedded a second, reading ", Name(view))
    text += (". The line joins the models that no other beats in both.",)
    return Panel((Name("Speed against quality"),), (text,), speed_against_quality(models, metric))


def _speed(steps: Sequence[StepRecord]) -> float | None:
    """Patents a second over all of these steps, those that were reused at the speed of the run that made them."""
    measured = [(number_of(step.get("patents")), number_of(step.get("patents_per_s"))) for step in steps]
    done = [(patents, speed) for patents, speed in measured if patents and speed]
    return sum(patents for patents, _ in done) / sum(patents / speed for patents, speed in done) if done else None


def _embedding_grid(embeds: Sequence[StepRecord]) -> Grid:
    fastest = max(
        (step["tokens_per_s"] for step in embeds if number_of(step.get("tokens_per_s")) is not None), default=0
    )
    columns = [Column("Model", "name"), Column("landscape", "text"), Column("view", "text"), Column("role", "text")]
    columns += [
        Column("tokens/s"),
        Column("", "plot"),
        Column("patents/s"),
        Column("time"),
        Column("texts"),
        Column("tokens"),
    ]
    columns += [
        Column("truncated"),
        Column("empty"),
        Column("actors"),
        Column("CPU-h"),
        Column("GPU-h"),
        Column("of peak"),
        Column("cost"),
    ]
    ordered = sorted(embeds, key=lambda step: bool(step.reused))
    body = tuple(_embedding_row(step, fastest) for step in ordered)
    grid = Grid(tuple(columns), body[:TOP])
    if len(body) > TOP:
        plotless = Grid((*columns[:5], *columns[6:]), tuple((*row[:5], *row[6:]) for row in body))
        grid = Grid(
            grid.columns,
            grid.rows,
            f"The first {TOP} of {len(body):,} steps.",
            plotless,
            f"All {len(body):,} embedding steps",
        )
    return grid


def _embedding_row(step: StepRecord, fastest: float) -> tuple[Cell, ...]:
    speed, reused = step.get("tokens_per_s"), bool(step.reused)
    plot = bar(speed, fastest, f"{amount(speed)} tokens/s") if isinstance(speed, int | float) else None
    cost, seconds = step.get("cost_usd"), step.get("seconds")
    texts, truncated = step.get("inputs"), step.get("truncated")
    share = truncated / texts if isinstance(truncated, int) and isinstance(texts, int) and texts else None
    return (
        *(Cell(clean(step.get(key) or MISSING)) for key in ("model", "landscape", "view", "role")),
        amount_cell(speed),
        Cell(plot=plot),
        amount_cell(step.get("patents_per_s")),
        Cell("reused", 0.0, tone="quiet") if reused else Cell(duration(seconds), number_of(seconds)),
        count_cell(texts),
        count_cell(step.get("tokens")),
        Cell(count_cell(truncated).text, number_of(truncated), percent(share, 1) if share else ""),
        count_cell(step.get("empty")),
        count_cell(step.get("actors")),
        amount_cell(step.get("cpu_hours")),
        amount_cell(step.get("gpu_hours")),
        _peak_cell(step),
        Cell(f"${cost:,.2f}" if isinstance(cost, int | float) else MISSING, number_of(cost)),
    )


def _peak_cell(step: StepRecord) -> Cell:
    """Share of the device's peak (MFU); where a GPU has none, the reason as a note."""
    share = number_of(step.get("mfu"))
    if share is None:
        return Cell(MISSING, None, clean(step.get("mfu_unknown") or "") if step.get("gpu_hours") else "")
    return Cell(percent(share, 1), share, clean(step.get("device") or ""))


def _other_steps(steps: Sequence[StepRecord]) -> Grid:
    merged: dict[tuple[str, str], list[StepRecord]] = {}
    for step in steps:
        merged.setdefault((clean(step.step or MISSING), clean(step.landscape or MISSING)), []).append(step)
    body = tuple(
        (
            Cell(name),
            Cell(landscape),
            Cell(f"{len(items):,}", float(len(items))),
            Cell(duration(total(items, "seconds")), total(items, "seconds")),
        )
        for (name, landscape), items in merged.items()
    )
    columns = (Column("Step", "name"), Column("landscape", "text"), Column("times"), Column("time"))
    if len(body) <= TOP:
        return Grid(columns, body)
    return Grid(
        columns, body[:TOP], f"The first {TOP} of {len(body):,}.", Grid(columns, body), f"All {len(body):,} steps"
    )
