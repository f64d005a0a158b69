"""The section with 2-D maps of the patents."""

from __future__ import annotations

from patray.report.data import Results
from patray.report.page import Panel, Part, Section
from patray.report.sections.map_figure import draw_map
from patray.report.svg import dot_swatch
from patray.report.words import (
    Name,
    Sentence,
    plural,
    shorten,
)

MOST_MAPS = 6


def map_section(results: Results) -> Section | None:
    """The 2-D maps."""
    if not results.maps:
        return None
    panels = []
    for (landscape, view, system), dots in list(results.maps.items())[:MOST_MAPS]:
        drawn = draw_map(dots)
        legend = tuple(
            (dot_swatch(series), f"{shorten(label, 40)} ({number:,})") for series, label, number in drawn.legend
        )
        text = (
            f"{drawn.shown:,} of {drawn.total:,} patents, an even sample"
            if drawn.shown < drawn.total
            else plural(drawn.total, "patent")
        )
        title: Sentence = (Name(landscape), ": ", Name(system), " reading ", Name(view))
        panels.append(
            Panel(title, ((f"{text}. Point at a dot, or tap it, to read its title.",),), drawn.figure, legend)
        )
    rest = len(results.maps) - len(panels)
    notes: list[Sentence] = [
        (
            "Each dot is a patent, placed by its vector. Distances in two dimensions are a sketch: "
            "no score is computed from this picture.",
        )
    ]
    if rest > 0:
        notes.append((f"{plural(rest, 'more map is', 'more maps are')} in map.parquet.",))
    return Section("map", "Map of the patents", (Part("maps", "", tuple(panels), tuple(notes), columns=2),))
