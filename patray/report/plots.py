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


def score_axis(rows: Sequence[Row]) -> Axis:
    """An axis that holds every interval."""
    ends = [end for row in rows for end in (row.mean, row.low, row.high) if end is not None]
    return axis_over(ends, 8, WIDTH - 8, ticks=3)


def axis_head(axis: Axis, guide: float | None = None) -> Markup:
    """The axis itself, for the column's head."""
    parts = [line(axis.start, 19, axis.end, 19, "axis")]
    for tick in axis.ticks:
        x = axis.at(tick)
        anchor = "start" if x < axis.start + 8 else "end" if x > axis.end - 8 else "middle"
        parts += [line(x, 16, x, 19, "axis"), text(x, 12, axis.label(tick), anchor)]
    return picture(WIDTH, 20, parts, "axis of the plot below", "cellplot")


def whisker(row: Row, axis: Axis, guide: float, strong: bool) -> Markup:
    """A mean with its interval; `guide` is the leader's mean, drawn through every row."""
    parts = _ground(axis, guide)
    if row.low is not None and row.high is not None:
        parts.append(line(axis.at(row.low), 11, axis.at(row.high), 11, "whisker lead" if strong else "whisker"))
    words = f"{row.system}, {row.view}: {score(row.mean)} {interval(row.low, row.high)}".rstrip()
    kind = "dot lead" if strong else "dot"
    parts.append(f'<circle cx="{number(axis.at(row.mean))}" cy="11" r="4" class="{kind}">{title(words)}</circle>')
    return picture(WIDTH, HEIGHT, parts, words, "cellplot")


def dots(points: Sequence[tuple[float, int, str]], axis: Axis, guide: float | None = None) -> Markup:
    """Several series in one row: (value, series, words). Later points lie on top, so the first is drawn last."""
    parts = _ground(axis, guide)
    if len(points) > 1:
        values = [value for value, _, _ in points]
        parts.append(line(axis.at(min(values)), 11, axis.at(max(values)), 11, "span"))
    parts += [mark(axis.at(value), 11, series, words) for value, series, words in reversed(points)]
    return picture(WIDTH, HEIGHT, parts, "; ".join(words for _, _, words in points), "cellplot")


def bar(value: float, largest: float, words: str) -> Markup:
    """A share of the largest value as a bar from zero."""
    length = 0.0 if largest <= 0 else max(1.0, value / largest * 88)
    rect = f'<rect x="0" y="6" width="{number(length)}" height="10" class="bar">{title(words)}</rect>'
    return picture(90, HEIGHT, [rect], words, "cellplot")


def _ground(axis: Axis, guide: float | None) -> list[str]:
    parts = [line(axis.at(tick), 0, axis.at(tick), HEIGHT, "grid") for tick in axis.ticks]
    if guide is not None:
        parts.append(line(axis.at(guide), 0, axis.at(guide), HEIGHT, "guide"))
    return parts
