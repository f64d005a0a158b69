"""Figures of a study of systems: the share of a score that shorter vectors keep, and score against size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from patray.report.figures import WIDTH, decades, left_ticks, spread
from patray.report.svg import Axis, axis_over, colour, line, mark, number, picture, text, title
from patray.report.words import amount, percent, score, shorten


@dataclass(frozen=True)
class Width:
    """A width of a curve: the share kept there with its interval; trained False or None draws an open mark."""

    dimensions: int
    share: float
    low: float
    high: float
    trained: bool | None


@dataclass(frozen=True)
class Cut:
    """A model's curve, widest first."""

    name: str
    widths: tuple[Width, ...]


def retention_curves(curves: Sequence[Cut], metric: str) -> Markup:
    """Share of the full score by width on a log axis, with intervals; open marks where the model was not trained."""
    height, left, right = 250.0, 46.0, WIDTH - 14
    points = [width for curve in curves for width in curve.widths]
    ends = [end for width in points for end in (width.low, width.share, width.high) if math.isfinite(end)]
    ys = axis_over([100 * end for end in (*ends, 1.0)], height - 40, 30)
    logs = [math.log2(width.dimensions) for width in points]
    xs = Axis(min(logs) - 0.25, max(logs) + 0.25, left, right, ())
    parts = [text(0, 12, f"% of the full {metric}", "start", "axis-name"), *left_ticks(ys, left, right)]
    parts.append(line(left, ys.at(100), right, ys.at(100), "guide"))
    parts.append(line(left, ys.start, right, ys.start, "axis"))
    shown: list[float] = []
    for dimensions in sorted({width.dimensions for width in points}, reverse=True):
        x = xs.at(math.log2(dimensions))
        parts.append(line(x, ys.start, x, ys.start + 4, "axis"))
        if all(abs(x - other) >= 28 for other in shown):
            parts.append(text(x, ys.start + 16, f"{dimensions:,}", "middle"))
            shown.append(x)
    parts.append(text((left + right) / 2, height - 6, "dimensions kept (log)", "middle", "axis-name"))
    for series in reversed(range(len(curves))):
        curve = curves[series]
        places = [(xs.at(math.log2(width.dimensions)), ys.at(100 * width.share), width) for width in curve.widths]
        joined = " ".join(f"{number(x)},{number(y)}" for x, y, _ in places)
        parts.append(
            f'<g class="{colour(series)} slope">{title(curve.name)}<polyline points="{joined}" class="stroke"/>'
        )
        parts += [
            line(x, ys.at(100 * width.low), x, ys.at(100 * width.high), "stroke thin")
            for x, _, width in places
            if math.isfinite(width.low) and math.isfinite(width.high)
        ]
        parts.append("</g>")
        for x, y, width in places:
            words = f"{curve.name} at {width.dimensions:,}: {percent(width.share, 1)}{_trained(width.trained)}"
            found = mark(x, y, series, words)
            parts.append(found if width.trained else found.replace('class="m ', 'class="m open '))
    label = f"Share of the full {metric} by number of dimensions. " + "; ".join(
        f"{curve.name} " + ", ".join(f"{percent(width.share, 1)} at {width.dimensions}" for width in curve.widths)
        for curve in curves
    )
    return picture(WIDTH, height, parts, label)


def _trained(trained: bool | None) -> str:
    """What to say of a width beside its number; nothing where the model was trained for it."""
    if trained:
        return ""
    return ", not trained for this width" if trained is False else ", not known to be trained for this width"


@dataclass(frozen=True)
class Sizes:
    """A family's models: (name, number of weights, score), smallest first."""

    family: str
    models: tuple[tuple[str, int, float], ...]


def score_by_size(families: Sequence[Sizes], metric: str) -> Markup:
    """Score against the number of weights on a log axis; the models of a family are joined, most models first."""
    height, left, right = 280.0, 46.0, WIDTH - 14
    everything = [model for family in families for model in family.models]
    ys = axis_over([value for _, _, value in everything], height - 40, 30)
    logs = [math.log10(size) for _, size, _ in everything]
    room = 0.12 * max(max(logs) - min(logs), 0.5)
    xs = Axis(min(logs) - room, max(logs) + room, left, right, ())
    parts = [text(0, 12, metric, "start", "axis-name"), *left_ticks(ys, left, right)]
    parts.append(line(left, ys.start, right, ys.start, "axis"))
    for tick in decades(xs):
        x = xs.at(math.log10(tick))
        parts += [line(x, ys.start, x, ys.start + 4, "axis"), text(x, ys.start + 16, weights(tick), "middle")]
    parts.append(text((left + right) / 2, height - 6, "parameters (log)", "middle", "axis-name"))
    several = [family for family in families if len(family.models) > 1]
    if len(everything) <= 10:
        parts += _names(everything, xs, ys)  # below the marks, which must stay visible
    for family in reversed(families):
        series = families.index(family)
        places = [(xs.at(math.log10(size)), ys.at(value), name, size, value) for name, size, value in family.models]
        if len(places) > 1:
            joined = " ".join(f"{number(x)},{number(y)}" for x, y, *_ in places)
            stroke = f'<polyline points="{joined}" class="stroke"/>'
            parts.append(f'<g class="{colour(series)} slope">{title(family.family)}{stroke}</g>')
        parts += [
            mark(x, y, series, f"{name} ({family.family}, {weights(size)}): {metric} {score(value)}")
            for x, y, name, size, value in places
        ]
    label = f"{metric} against the number of parameters. " + "; ".join(
        f"{family.family}: " + ", ".join(f"{weights(size)} {score(value)}" for _, size, value in family.models)
        for family in (several or families)
    )
    return picture(WIDTH, height, parts, label)


def _names(models: Sequence[tuple[str, int, float]], xs: Axis, ys: Axis) -> list[str]:
    """Names beside the marks, on the side with room, moved apart where they would meet."""
    middle = (xs.start + xs.end) / 2
    parts = []
    for of_left in (True, False):
        side = [model for model in models if (xs.at(math.log10(model[1])) < middle) == of_left]
        places = spread([ys.at(value) - 7 for _, _, value in side], 12, ys.end - 4, ys.start - 3)
        for (name, size, _), y in zip(side, places, strict=True):
            x = xs.at(math.log10(size))
            parts.append(text(x + (8 if of_left else -8), y, shorten(name, 22), "start" if of_left else "end", "halo"))
    return parts


def weights(number_of: float) -> str:
    """`22.7M`, `8B`."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number_of >= unit:
            shown = amount(number_of / unit)
            return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown}{letter}"
    return f"{number_of:.0f}"
