"""Small pieces of SVG: axes, marks and text. Colours come from the page's CSS classes, so light and dark both work.

Every figure is drawn at the width of a phone and never scaled up much, so its 11-pixel text stays readable everywhere.
Coordinates are written with one decimal: the same numbers always give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from patray.report.words import clean

SERIES = 8
"""Colours s0..s7 of the page; further series are drawn in grey."""


@dataclass(frozen=True)
class Axis:
    """A linear scale from values [low, high] to pixels [start, end], with a few round ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def label(self, value: float) -> str:
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else abs(value) or 1.0
        digits = max(0, min(4, -math.floor(math.log10(step) + 1e-9)))
        return f"{value:.{digits}f}".replace("-", "−")


def axis_over(values: Iterable[float], start: float, end: float, ticks: int = 4, zero: bool = False) -> Axis:
    """An axis that holds all finite values, with room at both ends, and at most `ticks` round ticks."""
    finite = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    room = 0.04 * (high - low)
    low, high = (low if zero and low == 0 else low - room), high + room
    power = 10.0 ** math.floor(math.log10((high - low) / ticks))
    for step in (
        factor * power for factor in (10.0, 5.0, 4.0, 2.0, 1.0, 0.5)
    ):  # the finest that is not more than asked for
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 > ticks:
            break
        chosen = tuple(round(index * step, 10) for index in range(first, last + 1))
    return Axis(low, high, start, end, chosen)


def number(value: float) -> str:
    """A coordinate."""
    text = f"{value:.1f}"
    return "0" if text in ("-0.0", "0.0") else text.removesuffix(".0")


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """A piece of text; `kind` is a CSS class."""
    extra = f' class="{kind}"' if kind else ""
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"{extra}>{escape(clean(words))}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" class="{kind}"/>'


def title(words: str) -> str:
    """What a pointer sees when it rests on the mark."""
    return f"<title>{escape(clean(words))}</title>"


_SHAPES = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
    "M-3.2-3.2h6.4v6.4h-6.4z",
    "M0-4.4L4.4 0 0 4.4-4.4 0z",
    "M0-4.2L4.2 3.4h-8.4z",
    "M0 4.2L4.2-3.4h-8.4z",
    "M-1.4-4h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z",
    "M-4-2.2L-2.2-4 0-1.8 2.2-4 4-2.2 1.8 0 4 2.2 2.2 4 0 1.8-2.2 4-4 2.2-1.8 0z",
    "M-4 0L-1.2-1.2 0-4 1.2-1.2 4 0 1.2 1.2 0 4-1.2 1.2z",
)
STAR = "M0-6.4L1.6-2.1 6.1-2 2.5.8 3.8 5.2 0 2.6-3.8 5.2-2.5.8-6.1-2-1.6-2.1z"


def colour(series: int) -> str:
    """The CSS class of a series."""
    return f"s{series}" if 0 <= series < SERIES else "other"


def mark(x: float, y: float, series: int, words: str = "", star: bool = False) -> str:
    """The mark of a series: its own colour and its own shape, so that neither is needed alone."""
    path = STAR if star else _SHAPES[series % len(_SHAPES)]
    inside = title(words) if words else ""
    return f'<path d="{path}" transform="translate({number(x)} {number(y)})" class="m {colour(series)}">{inside}</path>'


def picture(width: float, height: float, parts: Sequence[str], label: str, kind: str = "figure") -> Markup:
    """The whole drawing with its text alternative; an empty label says that the numbers stand beside it as text."""
    spoken = f'role="img" aria-label="{escape(clean(label))}"' if label else 'aria-hidden="true"'
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    head = f'<svg class="{kind}" {size} {spoken}>'
    return Markup(head + "".join(parts) + "</svg>")  # every text in `parts` was escaped where it was made


def swatch(series: int, star: bool = False) -> Markup:
    """A series' mark for a legend."""
    return _swatch(mark(0, 0, series, star=star))


def dot_swatch(series: int) -> Markup:
    """A series' colour for the legend of a map, whose marks are all dots."""
    return _swatch(f'<g class="{colour(series)} dots"><circle r="4.5"/></g>')


def _swatch(drawing: str) -> Markup:
    return Markup(
        f'<svg class="swatch" viewBox="-7 -7 14 14" width="14" height="14" aria-hidden="true">{drawing}</svg>'
    )
