"""A table of the page: columns that sort, cells with a text, a value to sort by, and maybe a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from patray.report.comparison import Comparison
from patray.report.data import Row
from patray.report.words import MISSING, amount, count, gap_interval, interval, p_value, score, signed, stars

TOP = 12
"""Rows that a section shows before the full table is folded away."""


@dataclass(frozen=True)
class Column:
    """kind: `name` (text, first column), `text`, `number` or `plot`. head is drawn before the title."""

    title: str
    kind: str = "number"
    head: Markup | None = None
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """value: what the column sorts by; None sorts last. small: a quieter second text. best: set in bold."""

    text: str = ""
    value: float | None = None
    small: str = ""
    plot: Markup | None = None
    best: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Grid:
    """rows are shown; folded, when there is one, is the whole table, opened on demand under `folded_title`."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: Grid | None = None
    folded_title: str = ""


def score_cell(row: Row | None, best: bool = False, spaced: bool = True) -> Cell:
    """A mean with its interval under it."""
    if row is None:
        return Cell(score(None))
    return Cell(score(row.mean), row.mean, interval(row.low, row.high) if spaced else "", best=best)


def gap_cell(seen: Comparison | None) -> Cell:
    """The difference to the leader: signed, starred, and its p under it; says when it was not tested."""
    if seen is None or seen.verdict == "untested":
        return Cell("not tested", tone="quiet")
    if seen.identical:
        return Cell("identical", 0.0, f"on all {seen.n:,}", tone="level")
    tone = {"better": "lead", "worse": "", "level": "level"}[seen.verdict]
    small = p_value(seen.p_adjusted) if seen.verdict != "level" else f"level, {p_value(seen.p_adjusted)}"
    return Cell(signed(seen.diff) + stars(seen.p_adjusted), seen.diff, small, tone=tone)


def comparison_grid(found: Sequence[Comparison], with_place: bool, total: int) -> Grid:
    """Comparisons in full: both means, difference with interval, p, effect size, wins, smallest visible difference."""
    columns = [
        Column("A", "name"),
        Column("B", "text"),
        Column("A − B"),
        Column("p", hint="corrected within its family"),
    ]
    columns += [Column("mean A"), Column("mean B"), Column("raw p", hint="sign-flip permutation, uncorrected")]
    columns += [
        Column("effect", hint="mean difference in standard deviations"),
        Column("wins/ties/losses"),
        Column("n"),
    ]
    columns += [Column("visible", hint="smallest difference visible with 80% power")]
    columns += [Column("where", "text")] if with_place else []
    rows = tuple(_comparison_row(item, with_place) for item in found)
    note = "" if len(found) == total else f"{len(found):,} of {total:,} comparisons; all are in comparisons.parquet."
    if len(rows) <= TOP:
        return Grid(tuple(columns), rows, note)
    first = f"The first {TOP} of {total:,} comparisons; all are in comparisons.parquet."
    return Grid(
        tuple(columns),
        rows[:TOP],
        first,
        Grid(tuple(columns), rows, note),
        f"The first {len(rows):,}" if note else f"All {total:,}",
    )


def _counts(item: Comparison) -> Cell:
    if item.wins is None or item.ties is None or item.losses is None:
        return Cell(MISSING, tone="quiet")
    return Cell(f"{item.wins:,}/{item.ties:,}/{item.losses:,}", float(item.wins))


def _comparison_row(item: Comparison, with_place: bool) -> tuple[Cell, ...]:
    tone = {"better": "lead", "worse": "", "level": "level", "untested": "quiet"}[item.verdict]
    cells = [
        Cell(item.a),
        Cell(item.b),
        Cell(signed(item.diff) + stars(item.p_adjusted), item.diff, gap_interval(item.low, item.high), tone=tone),
        Cell(p_value(item.p_adjusted).removeprefix("p ").removeprefix("= "), item.p_adjusted),
        Cell(score(item.mean_a), item.mean_a),
        Cell(score(item.mean_b), item.mean_b),
        Cell(p_value(item.p).removeprefix("p ").removeprefix("= "), item.p),
        Cell(score(item.effect, 2), item.effect),
        _counts(item),
        Cell(f"{item.n:,}", float(item.n)),
        Cell(score(item.min_detectable), item.min_detectable),
    ]
    if with_place:
        place = [item.landscape, "" if item.view == "*" else item.view, "" if item.slice == "all" else item.slice]
        cells.append(Cell(", ".join(part for part in place if part)))
    return tuple(cells)


def number_of(value: Any) -> float | None:
    """A recorded number; None where there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def count_cell(value: Any, missing: str = MISSING) -> Cell:
    """A whole number, or what to say where none was recorded."""
    return Cell(count(value), number_of(value)) if number_of(value) is not None else Cell(missing, tone="quiet")


def amount_cell(value: Any) -> Cell:
    """A measured quantity."""
    return Cell(amount(value), number_of(value))
