"""The sections on the run itself: comparisons, map, cost, landscapes, data quality, models."""

from __future__ import annotations

from collections import Counter
from typing import Any

from patray.report.answer import Answer, answers_for
from patray.report.comparison import Comparison
from patray.report.data import KINDS, Results
from patray.report.grid import TOP, Cell, Column, Grid, comparison_grid, count_cell
from patray.report.map_figure import draw_map
from patray.report.origin_section import origin_part
from patray.report.page import Panel, Part, Section
from patray.report.svg import dot_swatch
from patray.report.words import (
    MISSING,
    NOT_RECORDED,
    Name,
    Sentence,
    clean,
    count,
    percent,
    plural,
    shorten,
)

MOST_COMPARISONS = 40
OPEN_FAMILIES = 2
MOST_MAPS = 6


def comparison_section(results: Results) -> Section | None:
    """Every declared family: how many differences it found, and its comparisons that concern a leader."""
    families = dict.fromkeys(item.family for item in results.comparisons)
    if not families:
        return None
    answers = [answer for kind in KINDS for answer in answers_for(results, kind)]
    leaders = {(answer.task, answer.landscape): answer for answer in answers}
    panels: list[Panel] = []
    for family in families:
        found = [item for item in results.comparisons if item.family == family]
        tally = Counter(item.verdict for item in found)
        differ = tally["better"] + tally["worse"]
        text = f": {plural(len(found), 'comparison')} corrected together, {differ:,} significant"
        text += f", {tally['level']:,} with no difference seen"
        text += f", {tally['untested']:,} not testable" if tally["untested"] else ""
        shown = sorted(found, key=lambda item: _nearness(item, leaders))[:MOST_COMPARISONS]
        lead = [_from_leader(item, leaders) for item in shown]
        grid = comparison_grid(lead, True, len(found))
        panels.append(Panel((Name(family), text), grid=grid, folded=len(panels) >= OPEN_FAMILIES))
    note: Sentence = (
        "Comparisons that concern a leader stand first. Differences are A − B; every comparison is paired.",
    )
    return Section("comparisons", "Comparisons", (Part("families", "", tuple(panels), (note,)),))


def _leader_names(answer: Answer | None) -> tuple[str, str]:
    return ("", "") if answer is None else (answer.leader.system, f"{answer.leader.system}@{answer.leader.view}")


def _nearness(item: Comparison, leaders: dict[tuple[str, str], Answer]) -> tuple[bool, bool, float]:
    """Orders comparisons: the leader in its own view first, then those where any leader is in it, each by size."""
    answer = leaders.get((item.task, item.landscape))
    concerned = bool({item.a, item.b} & set(_leader_names(answer)))
    own_view = answer is not None and item.view in (answer.leader.view, "*")
    return (not (concerned and own_view), not concerned, abs(item.diff) if item.diff == item.diff else 0.0)


def _from_leader(item: Comparison, leaders: dict[tuple[str, str], Answer]) -> Comparison:
    names = _leader_names(leaders.get((item.task, item.landscape)))
    return item.swapped() if item.b in names and item.a not in names else item


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


def data_section(results: Results) -> Section:
    """What the landscapes hold, where they come from, and which rows were set aside."""
    described = results.provenance.get("landscapes")
    described = described if isinstance(described, dict) else {}
    names = [*described, *(name for name in results.landscapes() if name not in {clean(key) for key in described})]
    titles = ("patents", "families", "citations", "queries", "reported", "pairs", "same field", "other field")
    keys = ("patents", "families", "citations", "queries", "reported_queries", "pairs", "pairs_in", "pairs_out")
    columns = [Column("Landscape", "name"), *(Column(title) for title in titles)]
    body = []
    for name in names:
        facts = described[name] if isinstance(described.get(name), dict) else {}
        reported = facts.get("reported_queries")
        facts = {**facts, "reported_queries": reported.get("all") if isinstance(reported, dict) else None}
        cells = [count_cell(facts.get(key), NOT_RECORDED) for key in keys]
        body.append((Cell(clean(name)), *cells))
    panels = [Panel((Name("Counts"),), grid=Grid(tuple(columns), tuple(body)))]
    text_columns = (
        Column("Landscape", "name"),
        *(
            Column(title, "text")
            for title in ("title", "source", "licence", "offices", "sections filled", "splits", "label sets")
        ),
    )
    sources = tuple(_source_row(clean(name), described.get(name)) for name in names)
    panels.append(Panel((Name("Sources, licences and contents"),), grid=Grid(text_columns, sources)))
    return Section(
        "data",
        "Landscapes and data quality",
        (Part("landscapes", "What was searched", tuple(panels)), _quarantine(results)),
    )


def _source_row(name: str, facts: Any) -> tuple[Cell, ...]:
    facts = facts if isinstance(facts, dict) else {}

    def pairs(key: str, show: Any) -> Cell:
        found = facts.get(key)
        if not isinstance(found, dict) or not found:
            return Cell(NOT_RECORDED, tone="quiet")
        ordered = sorted(found.items(), key=lambda item: -item[1]) if key == "offices" else list(found.items())
        words = ", ".join(f"{clean(label)} {show(value)}" for label, value in ordered[:12])
        return Cell(words + (f" and {len(ordered) - 12} more" if len(ordered) > 12 else ""))

    texts = [
        Cell(clean(facts[key])) if facts.get(key) else Cell(NOT_RECORDED, tone="quiet")
        for key in ("title", "source", "licence")
    ]

    def labels(value: Any) -> str:
        return (
            f"({count(value.get('labels'))} labels, {count(value.get('patents'))} patents)"
            if isinstance(value, dict)
            else clean(value)
        )

    return (
        Cell(name),
        *texts,
        pairs("offices", count),
        pairs("fill", percent),
        pairs("splits", count),
        pairs("label_sets", labels),
    )


def _quarantine(results: Results) -> Part:
    tally = Counter(
        tuple(clean(row[key] or MISSING) for key in ("landscape", "file", "reason", "action"))
        for row in results.quarantine
    )
    if not tally:
        return Part("quarantine", "Rows set aside", (Panel(text=(("No row was set aside or changed.",),)),))
    ordered = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    columns = (
        Column("Landscape", "name"),
        *(Column(title, "text") for title in ("file", "reason", "done")),
        Column("rows"),
    )
    body = tuple(
        (*(Cell(shorten(text, 120)) for text in key), Cell(f"{number:,}", float(number))) for key, number in ordered
    )
    grid = Grid(columns, body[:TOP])
    if len(body) > TOP:
        grid = Grid(
            columns,
            grid.rows,
            f"The first {TOP} of {len(body):,} kinds.",
            Grid(columns, body),
            f"All {len(body):,} kinds",
        )
    text: Sentence = (
        f"{plural(len(results.quarantine), 'row')} broke a rule; each is listed with its reason in quarantine.parquet.",
    )
    return Part("quarantine", "Rows set aside", (Panel(text=(text,), grid=grid),))


def model_section(results: Results) -> Section | None:
    """The record of every model: what decides its vectors, and its licence."""
    models = results.provenance.get("models")
    if not isinstance(models, dict) or not models:
        return None
    keys = (
        "repo",
        "revision",
        "content",
        "parameters",
        "dimension",
        "max_tokens",
        "pooling",
        "dtype",
        "licence",
        "prompts",
        "unknown",
    )
    columns = (
        Column("Model", "name"),
        *(Column(key.replace("_", " "), "number" if key in _NUMBERS else "text") for key in keys),
    )
    body = tuple((Cell(clean(name)), *(_field(record, key) for key in keys)) for name, record in models.items())
    parts = (Part("records", "Their records", (Panel(grid=Grid(columns, body)),)), origin_part(results))
    return Section("models", "Models", tuple(part for part in parts if part is not None))


_NUMBERS = ("parameters", "dimension", "max_tokens")


def _field(record: Any, key: str) -> Cell:
    value = record.get(key) if isinstance(record, dict) else None
    if value is None:
        return Cell(NOT_RECORDED, tone="quiet")
    if key in _NUMBERS:
        return count_cell(value)
    if isinstance(value, dict):
        texts = [f"{clean(name)}: “{clean(text)}”" for name, text in value.items() if text and name != "origin"]
        return Cell("; ".join(texts) or "none")
    if isinstance(value, list):
        return Cell("; ".join(clean(item) for item in value) or "nothing")
    return Cell(shorten(clean(value), 60))
