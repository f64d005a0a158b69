"""The 2-D map of the patents, coloured by label, a title on every dot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from patray.report.data import Dot
from patray.report.svg import SERIES, axis_over, colour, number, picture, title
from patray.report.words import shorten

MOST_DOTS = 1200
"""A map of more patents shows an even sample of so many: more would overlap, and weigh the page down."""
SIDE = 400.0


@dataclass(frozen=True)
class PatentMap:
    """The drawing, its legend (series, label, patents on the whole map) and how many patents it shows of how many."""

    figure: Markup
    legend: tuple[tuple[int, str, int], ...]
    shown: int
    total: int


def draw_map(dots: Sequence[Dot]) -> PatentMap:
    """Labels by size get colours s0..s6; the rest share grey. Dots are drawn from common to rare, grey first."""
    counts = Counter(dot.label for dot in dots)
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    coloured = ordered if len(ordered) <= SERIES else ordered[: SERIES - 1]
    series = {label: index for index, label in enumerate(coloured)}
    step = max(1.0, len(dots) / MOST_DOTS)
    shown = [dots[int(index * step)] for index in range(min(len(dots), MOST_DOTS))]
    xs = axis_over([dot.x for dot in dots], 4, SIDE - 4)
    ys = axis_over([dot.y for dot in dots], SIDE - 4, 4)
    groups: list[str] = []
    for index in (-1, *range(len(coloured))):
        members = [dot for dot in shown if series.get(dot.label, -1) == index]
        radius = "2.6" if len(shown) > 600 else "3.4"
        circles = "".join(
            f'<circle cx="{number(xs.at(dot.x))}" cy="{number(ys.at(dot.y))}" r="{radius}">'
            f"{title(f'{shorten(dot.title, 140) or dot.patent_id} ({dot.label}, {dot.patent_id})')}</circle>"
            for dot in members
        )
        groups.append(f'<g class="{colour(index)} dots">{circles}</g>' if members else "")
    legend = [(series[label], label, counts[label]) for label in coloured]
    rest = ordered[len(coloured) :]
    if rest:
        legend.append((-1, f"{len(rest)} smaller labels", sum(counts[label] for label in rest)))
    figure = picture(SIDE, SIDE, groups, f"Map of {len(shown)} patents in {len(ordered)} labels", "figure map")
    return PatentMap(figure, tuple(legend), len(shown), len(dots))
