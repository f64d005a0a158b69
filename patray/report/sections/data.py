"""The section on landscapes and the rows that were set aside."""

from __future__ import annotations

from collections import Counter
from typing import Any

from patray.report.data import Results
from patray.report.grid import TOP, Cell, Column, Grid, count_cell
from patray.report.page import Panel, Part, Section
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
