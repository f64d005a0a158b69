"""Figures of fine-tuning: changes with their intervals by recipe, and training curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from patray.report.figures import WIDTH, left_ticks
from patray.report.recipe_results import Curve, Verdict
from patray.report.svg import Axis, axis_over, colour, line, mark, number, picture, text, title
from patray.report.words import gap_interval, p_value, shorten, signed

ROW, GAP = 13.0, 8.0
BINS = 120
"""Points of a loss curve; more steps than that are averaged, since the loss of one batch is noise."""


def change_rows(rows: Sequence[Verdict], landscapes: Sequence[str], metric: str) -> Markup:
    """One band a recipe, in it one row a landscape: the difference to the base with its interval, zero drawn through.

    A mark is filled where the corrected test calls the difference one.
    """
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    ends = [end for row in rows for end in (row.ci_low, row.diff, row.ci_high) if end is not None]
    left, right, y = 92.0, WIDTH - 12, 30.0
    xs = axis_over([*ends, 0.0], left, right, ticks=5)
    parts = [text(0, 12, f"difference to the base, {metric}", "start", "axis-name")]
    body = []
    for recipe in recipes:
        listed = sorted(
            (row for row in rows if row.recipe == recipe and row.diff is not None),
            key=lambda row: landscapes.index(row.landscape),
        )
        middle = y + ROW * (max(len(listed), 1) - 1) / 2
        body.append(text(left - 8, middle + 4, shorten(recipe, 14), "end"))
        for row in listed:
            series = landscapes.index(row.landscape)
            words = f"{recipe} on {row.landscape}: {signed(row.diff)} {gap_interval(row.ci_low, row.ci_high)}"
            words = f"{words}, {p_value(row.p_adjusted)}: {row.verdict}"
            if row.ci_low is not None and row.ci_high is not None:
                span = line(xs.at(row.ci_low), y, xs.at(row.ci_high), y, "stroke")
                body.append(f'<g class="{colour(series)} slope">{title(words)}{span}</g>')
            drawn = mark(xs.at(row.diff or 0.0), y, series, words)
            sure = row.verdict != "no difference seen"
            body.append(drawn if sure else drawn.replace('class="m ', 'class="m open '))
            y += ROW
        y += GAP
    bottom = y - GAP + 2
    for tick in xs.ticks:
        parts.append(line(xs.at(tick), 20, xs.at(tick), bottom, "grid"))
        parts.append(text(xs.at(tick), bottom + 14, xs.label(tick), "middle"))
    parts.append(line(xs.at(0), 20, xs.at(0), bottom, "guide"))
    label = f"Difference to the base in {metric}. " + "; ".join(
        f"{row.recipe} on {row.landscape} {signed(row.diff)} ({row.verdict})" for row in rows
    )
    return picture(WIDTH, bottom + 20, [*parts, *body], label)


@dataclass(frozen=True)
class _Line:
    series: int
    name: str
    points: tuple[tuple[float, float], ...]


def training_curves(curves: Sequence[Curve], recipes: Sequence[str], watched: str) -> Markup:
    """Loss by step above, validation by step below; one colour a recipe, one line a seed."""
    loss, validation = [], []
    for curve in curves:
        series, name = recipes.index(curve.recipe), f"{curve.recipe}, seed {curve.seed}"
        if curve.loss:
            loss.append(_Line(series, name, _binned(curve.loss)))
        if curve.validation:
            validation.append(_Line(series, name, curve.validation))
    last = max((step for drawn in (loss, validation) for item in drawn for step, _ in item.points), default=1.0)
    xs = axis_over([0.0, last], 46.0, WIDTH - 12, ticks=5, zero=True)
    parts = _panel(loss, xs, 28, 130, "training loss", False)
    parts += _panel(validation, xs, 186, 130, f"validation {watched}", True)
    bottom = 186 + 130
    for tick in xs.ticks:
        parts.append(line(xs.at(tick), bottom, xs.at(tick), bottom + 4, "axis"))
        parts.append(text(xs.at(tick), bottom + 16, f"{tick:,g}", "middle"))
    parts.append(text((xs.start + xs.end) / 2, bottom + 32, "step", "middle", "axis-name"))
    ends = "; ".join(f"{item.name} {item.points[0][1]:.3f} to {item.points[-1][1]:.3f}" for item in validation)
    return picture(WIDTH, bottom + 38, parts, f"Training loss and validation {watched} by step. {ends}")


def _panel(lines: Sequence[_Line], xs: Axis, top: float, height: float, name: str, marked: bool) -> list[str]:
    ys = axis_over([value for item in lines for _, value in item.points], top + height, top)
    parts = [text(0, top - 14, name, "start", "axis-name"), *left_ticks(ys, xs.start, xs.end)]
    parts.append(line(xs.start, top + height, xs.end, top + height, "axis"))
    for item in reversed(lines):
        places = [(xs.at(step), ys.at(value), step, value) for step, value in item.points if math.isfinite(value)]
        joined = " ".join(f"{number(x)},{number(y)}" for x, y, *_ in places)
        stroke = f'<polyline points="{joined}" class="stroke"/>'
        parts.append(f'<g class="{colour(item.series)} slope">{title(item.name)}{stroke}</g>')
        if marked:
            parts += [
                mark(x, y, item.series, f"{item.name}, step {step:g}: {value:.3f}") for x, y, step, value in places
            ]
    return parts


def _binned(points: Sequence[tuple[int, float]]) -> tuple[tuple[float, float], ...]:
    """At most BINS points, each the mean over equally many neighbouring steps."""
    width = max(1, math.ceil(len(points) / BINS))
    groups = [points[at : at + width] for at in range(0, len(points), width)]
    return tuple(
        (sum(step for step, _ in group) / len(group), sum(value for _, value in group) / len(group)) for group in groups
    )
