"""Plots that stand in a table's cell: one row of a dot-and-whisker chart each, over one axis that heads the column.

The names are then ordinary table text, which wraps, sorts, copies and can be searched, at any width of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from patray.report.data import Row
from patray.report.svg import Axis, axis_over, line, mark, number, picture, text, title
from patray.report.words import interval, score

WIDTH, HEIGHT = 168.0, 22.0
TALL = 40.0
"""Guide lines run past the drawing, so that they meet those of the next row however tall the row is; the cell clips."""


def score_axis(rows: Sequence[Row]) -> Axis:
    """An axis that holds every interval."""
    ends = [end for row in rows for end in (row.mean, row.low, row.high) if end is not None]
    return axis_over(ends, 13, WIDTH - 13, ticks=4)


def axis_head(axis: Axis) -> Markup:
    """The axis itself, for the column's head."""
    parts = [line(axis.start, 19, axis.end, 19, "axis")]
    for tick in axis.ticks:
        x = axis.at(tick)
        parts += [line(x, 16, x, 19, "axis"), text(x, 12, axis.label(tick), "middle")]
    return picture(WIDTH, 20, parts, "", "cellplot")


def whisker(row: Row, axis: Axis, guide: float, strong: bool) -> Markup:
    """A mean with its interval; `guide` is the leader's mean, drawn through every row."""
    parts = _ground(axis, guide)
    if row.low is not None and row.high is not None:
        parts.append(line(axis.at(row.low), 11, axis.at(row.high), 11, "whisker lead" if strong else "whisker"))
    words = f"{score(row.mean)} {interval(row.low, row.high)}".rstrip()
    kind = "dot lead" if strong else "dot"
    parts.append(f'<circle cx="{number(axis.at(row.mean))}" cy="11" r="4" class="{kind}">{title(words)}</circle>')
    return picture(WIDTH, HEIGHT, parts, "", "cellplot")


def dots(points: Sequence[tuple[float, int, str]], axis: Axis, guide: float | None = None) -> Markup:
    """Several series in one row: (value, series, words). Later points lie on top, so the first is drawn last."""
    parts = _ground(axis, guide)
    if len(points) > 1:
        values = [value for value, _, _ in points]
        parts.append(line(axis.at(min(values)), 11, axis.at(max(values)), 11, "span"))
    parts += [mark(axis.at(value), 11, series, words) for value, series, words in reversed(points)]
    return picture(WIDTH, HEIGHT, parts, "", "cellplot")


def bar(value: float, largest: float, words: str) -> Markup:
    """A share of the largest value as a bar from zero."""
    length = 0.0 if largest <= 0 else max(1.0, value / largest * 88)
    rect = f'<rect x="0" y="6" width="{number(length)}" height="10" class="bar">{title(words)}</rect>'
    return picture(90, HEIGHT, [rect], "", "cellplot")


def _ground(axis: Axis, guide: float | None) -> list[str]:
    tall = number(HEIGHT + 2 * TALL)
    strokes = "".join(f"M{number(axis.at(tick))} {number(-TALL)}v{tall}" for tick in axis.ticks)
    parts = [f'<path d="{strokes}" class="grid"/>']
    if guide is not None:
        parts.append(line(axis.at(guide), -TALL, axis.at(guide), HEIGHT + TALL, "guide"))
    return parts
