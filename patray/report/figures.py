"""Figures that stand by themselves: IN to OUT slopes, the fusion-weight curve, all pairs at a glance, speed against
quality. Each takes plain values and returns inline SVG of a phone's width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from patray.report.comparison import Comparison
from patray.report.svg import Axis, axis_over, colour, line, mark, number, picture, text, title
from patray.report.words import amount, gap_interval, p_value, plain_number, score, shorten, signed

WIDTH = 344.0


@dataclass(frozen=True)
class Slope:
    """One system's score within and across fields."""

    name: str
    inside: float
    outside: float


def slopes(lines: Sequence[Slope], metric: str) -> Markup:
    """Scores within the query's field at the left, across fields at the right, from zero. The first 6 are named."""
    height, left, right = 268.0, 34.0, 128.0
    axis = axis_over([end for item in lines for end in (item.inside, item.outside)], height - 34, 30, zero=True)
    parts = [text(0, 16, "same field", "start", "axis-name"), text(right - 26, 16, "other field", "start", "axis-name")]
    parts += left_ticks(axis, left - 6, right)
    named = list(lines[:6])
    for item in reversed(lines):
        series = named.index(item) if item in named else -1
        words = f"{item.name}: {score(item.inside)} to {score(item.outside)}"
        parts.append(
            f'<g class="{colour(series)} slope">{title(words)}'
            f"{line(left, axis.at(item.inside), right, axis.at(item.outside), 'stroke')}</g>"
        )
        if series >= 0:
            parts += [
                mark(left, axis.at(item.inside), series, words),
                mark(right, axis.at(item.outside), series, words),
            ]
    wanted = [axis.at(item.outside) + 4 for item in named]
    for item, y, place in zip(named, wanted, spread(wanted, 14, 30, height - 8), strict=True):
        parts.append(line(right + 6, y - 4, right + 15, place - 4, "leaderline"))
        parts.append(
            text(right + 18, place, f"{score(item.outside)} {shorten(item.name, 24)}", kind=f"t{named.index(item)}")
        )
    if len(lines) > len(named):
        parts.append(text(left, height - 6, f"{len(lines) - len(named)} more systems in grey", "start", "aside"))
    label = f"{metric} within and across fields. " + "; ".join(
        f"{item.name} {score(item.inside)} to {score(item.outside)}" for item in named
    )
    return picture(WIDTH, height, parts, label)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near to the wanted ones as keeps them `gap` apart, in the same order from top to bottom."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    last = low - gap
    for index in order:
        last = placed[index] = max(wanted[index], last + gap)
    limit = high
    for index in reversed(order):
        limit = placed[index] = min(placed[index], limit)
        limit -= gap
    return placed


@dataclass(frozen=True)
class Curve:
    """Validation means over the tried weights of one fused system, in ascending order of weight."""

    name: str
    weights: tuple[float, ...]
    means: tuple[float, ...]
    chosen: float | None


def weight_curves(curves: Sequence[Curve], metric: str) -> Markup:
    """The fusion-weight curve: a star marks the weight that validation chose."""
    height, left, right = 240.0, 46.0, WIDTH - 12
    ys = axis_over([mean for curve in curves for mean in curve.means], height - 40, 28)
    xs = axis_over([weight for curve in curves for weight in curve.weights], left, right, ticks=6)
    parts = [text(0, 12, f"validation {metric}", "start", "axis-name"), *left_ticks(ys, left, right)]
    parts.append(line(left, ys.start, right, ys.start, "axis"))
    for tick in xs.ticks:
        parts += [
            line(xs.at(tick), ys.start, xs.at(tick), ys.start + 4, "axis"),
            text(xs.at(tick), ys.start + 16, xs.label(tick), "middle"),
        ]
    parts.append(text((left + right) / 2, height - 6, "weight of the dense system", "middle", "axis-name"))
    for index in reversed(range(len(curves))):
        curve = curves[index]
        points = " ".join(
            f"{number(xs.at(w))},{number(ys.at(m))}" for w, m in zip(curve.weights, curve.means, strict=True)
        )
        parts.append(
            f'<g class="{colour(index)} slope">{title(curve.name)}<polyline points="{points}" class="stroke"/></g>'
        )
        for weight, mean in zip(curve.weights, curve.means, strict=True):
            if weight == curve.chosen:
                words = f"{curve.name}: weight {plain_number(weight)} chosen, validation {metric} {score(mean)}"
                parts.append(mark(xs.at(weight), ys.at(mean), index, words, star=True))
    label = f"Validation {metric} by fusion weight. " + "; ".join(
        f"{curve.name}: chosen {plain_number(curve.chosen)}" for curve in curves if curve.chosen is not None
    )
    return picture(WIDTH, height, parts, label)


_GLYPHS = {"better": "m3 15l6-11 6 11z", "worse": "m3 4l6 11 6-11z", "level": "m6 10a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"}
"""Drawn from the top left corner of a cell."""


def pair_matrix(names: Sequence[str], seen: dict[tuple[int, int], Comparison]) -> Markup:
    """All pairs at a glance, best first: up where the row is better, down where worse, a dot where level.

    seen[i, j] is the comparison from names[i] to names[j]; pairs without one are left empty.
    """
    cell, left, top = 19.0, 190.0, 24.0
    width, height = left + cell * len(names) + 4, top + cell * len(names) + 4
    parts = []
    for i, name in enumerate(names):
        y = top + cell * i
        parts.append(line(left, y, width - 4, y, "grid"))
        parts += [
            text(left - 8, y + 13.5, f"{shorten(name, 26)}  {i + 1}", "end"),
            text(left + cell * (i + 0.5), top - 7, str(i + 1), "middle"),
        ]
        for j in range(len(names)):
            found = seen.get((i, j))
            kind = "same" if i == j else found.verdict if found else "untested"
            if kind in _GLYPHS and found is not None:
                span = gap_interval(found.low, found.high)
                words = f"{i + 1} − {j + 1}: {signed(found.diff)} {span}, {p_value(found.p_adjusted)}"
                place = f"M{number(left + cell * j)} {number(y)}"
                parts.append(f'<path class="pair {kind}" d="{place}{_GLYPHS[kind]}">{title(words)}</path>')
    return picture(
        width, height, parts, f"Which of {len(names)} systems differ significantly, pair by pair", "figure fixed"
    )


@dataclass(frozen=True)
class Model:
    """A model's speed in patents/s and its score."""

    name: str
    speed: float
    score: float


def speed_against_quality(models: Sequence[Model], metric: str) -> Markup:
    """Patents a second on a log axis against the score. Models that no other beats in both are named and joined."""
    height, left, right = 262.0, 46.0, WIDTH - 14
    ys = axis_over([item.score for item in models], height - 40, 30)
    logs = [math.log10(item.speed) for item in models]
    xs = axis_over([min(logs) - 0.15, max(logs) + 0.15], left, right, ticks=4)
    parts = [text(0, 12, metric, "start", "axis-name"), *left_ticks(ys, left, right)]
    parts.append(line(left, ys.start, right, ys.start, "axis"))
    for tick in decades(xs):
        x = xs.at(math.log10(tick))
        parts += [line(x, ys.start, x, ys.start + 4, "axis"), text(x, ys.start + 16, f"{tick:,g}", "middle")]
    parts.append(text((left + right) / 2, height - 6, "patents a second (log)", "middle", "axis-name"))
    front = pareto(models)
    points = " ".join(f"{number(xs.at(math.log10(item.speed)))},{number(ys.at(item.score))}" for item in front)
    parts.append(f'<polyline points="{points}" class="front"/>')
    for item in models:
        words = f"{item.name}: {amount(item.speed)} patents/s, {metric} {score(item.score)}"
        x, y = xs.at(math.log10(item.speed)), ys.at(item.score)
        kind = "dot lead" if item in front else "dot"
        parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="4.5" class="{kind}">{title(words)}</circle>')
        if item in front[:8]:
            parts.append(text(x + (7 if x < 220 else -7), y - 7, shorten(item.name, 22), "start" if x < 220 else "end"))
    return picture(WIDTH, height, parts, "Speed against quality. " + "; ".join(item.name for item in front))


def pareto(models: Sequence[Model]) -> list[Model]:
    """The models that no other model beats in both speed and score, fastest first."""
    front: list[Model] = []
    for item in sorted(models, key=lambda item: (-item.speed, -item.score, item.name)):
        if not front or item.score > front[-1].score:
            front.append(item)
    return front


def decades(xs: Axis) -> list[float]:
    """Round values whose logarithms lie on the axis: powers of ten, on a short axis their 2 and 5 fold too."""
    low, high = math.floor(xs.low), math.ceil(xs.high)
    factors = (1, 2, 5) if high - low <= 2 else (1,)
    ticks = [factor * 10.0**power for power in range(low, high + 1) for factor in factors]
    return [tick for tick in ticks if xs.low <= math.log10(tick) <= xs.high]


def left_ticks(axis: Axis, left: float, right: float) -> list[str]:
    """The labels and grid lines of a vertical axis."""
    parts = []
    for tick in axis.ticks:
        parts += [
            line(left, axis.at(tick), right, axis.at(tick), "grid"),
            text(left - 6, axis.at(tick) + 4, axis.label(tick), "end"),
        ]
    return parts
