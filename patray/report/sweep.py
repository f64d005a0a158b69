"""The trials of a sweep as a table (Parquet and Markdown), a figure and a page."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from markupsafe import Markup, escape

from patray.files import Folder
from patray.recipes.record import Recipe
from patray.recipes.space import field_of
from patray.report.layouts import Layout
from patray.report.svg import axis_over, line, mark, number, picture, text, title
from patray.report.tables_md import markdown_table

WIDTH, HEIGHT, LEFT, BOTTOM = 560.0, 300.0, 54.0, 258.0
STYLE = """text{font:11px sans-serif;fill:#333}.axis{stroke:#999}.grid{stroke:#e5e5e5}
.curve{fill:none;stroke:#9aa;stroke-width:1.2}.curve.best{stroke:#0b6;stroke-width:2.4}.m{fill:#567}.m.s1{fill:#c63}
.m.best{fill:#0b6}body{font:14px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}"""


@dataclass(frozen=True)
class Trial:
    """One trial. number: from 1, in the order drawn. status: finished, stopped (by the scheduler) or failed.

    steps: done; objective: the best validation score, reached at best_step; None where no validation was taken.
    seconds: from its start, pairs and validations included. curve: (step, best score so far). message: of a failure.
    """

    number: int
    status: str
    recipe: Recipe
    steps: int | None
    objective: float | None
    best_step: int | None
    seconds: float | None
    curve: tuple[tuple[int, float], ...]
    message: str


def best_of(trials: Sequence[Trial], lower: bool) -> Trial | None:
    """The trial with the best objective, the first of equals; one that failed is never it. None where there is none."""
    scored = [one for one in trials if one.objective is not None and one.status != "failed"]
    scored = [one for one in scored if math.isfinite(one.objective or 0.0)]
    return min(scored, key=lambda one: (one.objective or 0.0) * (1 if lower else -1), default=None)


def trials_table(trials: Sequence[Trial], fields: Sequence[str]) -> pa.Table:
    """A row a trial: trial, status, the fields of the space, steps, objective, best_step, seconds, message."""
    columns: dict[str, Any] = {
        "trial": pa.array([one.number for one in trials], pa.int32()),
        "status": [one.status for one in trials],
    }
    for field in fields:
        values = [field_of(one.recipe, field) for one in trials]
        plain = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        columns[field] = values if plain else [_plain(value) for value in values]
    columns |= {
        "steps": pa.array([one.steps for one in trials], pa.int64()),
        "objective": pa.array([one.objective for one in trials], pa.float64()),
        "best_step": pa.array([one.best_step for one in trials], pa.int64()),
        "seconds": pa.array([one.seconds for one in trials], pa.float64()),
        "message": [one.message for one in trials],
    }
    return pa.table(columns)


def write_trials(
    folder: Folder, name: str, objective: str, fields: Sequence[str], trials: Sequence[Trial], lower: bool
) -> None:
    """trials.parquet, trials.md, trials.svg and report.html into a sweep's folder."""
    table = trials_table(trials, fields)
    folder.write_table("trials.parquet", table)
    layout = _layout(name, objective, fields, trials, lower)
    figure = draw(objective, trials, lower)
    folder.write_text("trials.md", markdown_table(layout))
    own = figure.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        ">", f"><style>{STYLE}</style>", 1
    )
    folder.write_text("trials.svg", own)
    folder.write_text("report.html", _page(name, layout, figure))


def draw(objective: str, trials: Sequence[Trial], lower: bool) -> Markup:
    """Best score so far over the steps, a line a trial; the winner is strong, a square ends a stopped one."""
    best = best_of(trials, lower)
    drawn = [one for one in trials if one.curve]
    points = [point for one in drawn for point in one.curve]
    across = axis_over([float(step) for step, _ in points], LEFT, WIDTH - 14, ticks=6, zero=True)
    up = axis_over([value for _, value in points], BOTTOM, 24, ticks=5)
    parts = [text(LEFT, 13, f"{objective}, best so far"), text(WIDTH - 14, HEIGHT - 8, "steps", "end")]
    for tick in up.ticks:
        parts += [line(LEFT, up.at(tick), WIDTH - 14, up.at(tick), "grid")]
        parts.append(text(LEFT - 6, up.at(tick) + 4, up.label(tick), "end"))
    parts.append(line(LEFT, BOTTOM, WIDTH - 14, BOTTOM, "axis"))
    parts += [text(across.at(tick), BOTTOM + 16, across.label(tick), "middle") for tick in across.ticks]
    for one in sorted(drawn, key=lambda one: one is best):
        way = " ".join(f"{number(across.at(step))},{number(up.at(value))}" for step, value in one.curve)
        parts.append(f'<polyline points="{way}" class="curve{" best" if one is best else ""}">')
        parts.append(f"{title(f'trial {one.number}, {one.status}: {one.curve[-1][1]:.4f}')}</polyline>")
        step, value = one.curve[-1]
        words = f"trial {one.number}, {one.status}, {value:.4f} after {step} steps"
        parts.append(mark(across.at(step), up.at(value), int(one.status == "stopped"), words, star=one is best))
    return picture(WIDTH, HEIGHT, parts, f"{objective} of {len(drawn)} trials over their steps")


def _layout(name: str, objective: str, fields: Sequence[str], trials: Sequence[Trial], lower: bool) -> Layout:
    best = best_of(trials, lower)
    sign = 1 if lower else -1
    order = sorted(trials, key=lambda one: math.inf if one.objective is None else sign * one.objective)
    rows = [
        (
            str(one.number),
            one.status,
            *(_plain(field_of(one.recipe, field)) for field in fields),
            _number(one.objective, ".4f"),
            _number(one.best_step, "d"),
            _number(one.steps, "d"),
            _number(one.seconds, ".1f"),
            one.message,
        )
        for one in order
    ]
    counts = {status: sum(one.status == status for one in trials) for status in ("finished", "stopped", "failed")}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    best_row = next((at for at, one in enumerate(order) if one is best), None)
    columns = ("trial", "status", *fields, "objective", "best step", "steps", "seconds", "message")
    return Layout(
        name="trials",
        caption=f"Sweep {name}: {len(trials)} trials ({said}) by {objective}, best first.",
        columns=columns,
        rows=tuple(rows),
        numeric=tuple(column not in ("status", "message") for column in columns),
        bold=frozenset() if best_row is None else frozenset({(best_row, len(fields) + 2)}),
    )


def _page(name: str, layout: Layout, figure: Markup) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"

    table = cells(layout.columns, "th") + "".join(cells(row, "td") for row in layout.rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sweep {escape(name)}</title>'
        f"<style>{STYLE}</style><h1>Sweep {escape(name)}</h1><p>{escape(layout.caption)} The scores are of validation "
        "families; what the winner is worth, a suite says on test families.</p>"
        f"{figure}<table>{table}</table></html>\n"
    )


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
