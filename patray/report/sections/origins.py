"""Where the vectors come from: made by this run, or taken from earlier ones, with the certificate of other versions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from patray.encoders.certificate import Certificate, changed_versions
from patray.report.data import Results
from patray.report.grid import Cell, Column, Grid
from patray.report.page import Panel, Part
from patray.report.words import clean, plural
from patray.runs.origins import Origin, origins_of

WORDS = {
    "embedded": "made by this run",
    "certified": "made by other versions and compared with today's",
    "reused": "made earlier by the same versions",
}


def origin_part(results: Results) -> Part | None:
    """How many sets of vectors and scores were made, certified and reused, and every certificate."""
    found = origins_of(results.provenance)
    later = results.certified
    if not found:
        return None
    counted = Counter(str(one.origin) for one in found)
    told = "; ".join(f"{plural(counted[key], 'set')} {words}" for key, words in WORDS.items() if counted[key])
    panels = [Panel(text=((f"Vectors and scores: {told}.",),))]
    rows = [_row(one) for one in found if one.certificate is not None]
    if rows:
        panels.append(Panel(("Certificates of the vectors that this run took from other versions",), grid=_grid(rows)))
    if later:
        panels.append(Panel(("Compared again later (patray certify)",), grid=_grid([_row(one) for one in later])))
    return Part("vectors", "Where the vectors come from", tuple(panels))


def _grid(rows: list[tuple[Cell, ...]]) -> Grid:
    names = ("Model", "of", "versions", "compared", "lowest cosine", "at least", "neighbours changed", "near-ties")
    kinds = ("name", "text", "text", "number", "number", "number", "number", "number")
    return Grid(tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True)), tuple(rows))


def _row(one: Origin) -> tuple[Cell, ...]:
    found = one.certificate
    assert found is not None
    changed = changed_versions(found.then, found.now) or "the same versions"
    return (
        Cell(clean(one.model)),
        Cell(clean(one.name)),
        Cell(clean(changed)),
        _number(found.compared, "d"),
        *_worst(found),
        _number(found.neighbours_changed, "d"),
        _number(found.near_ties, "d"),
    )


def _worst(found: Certificate) -> tuple[Cell, Cell]:
    if found.lowest_cosine is not None:
        return _number(found.lowest_cosine, ".6f"), _number(found.bound, "g")
    return Cell(f"largest difference {found.largest_difference:.2g}"), Cell(f"at most {found.bound:g}")


def _number(value: Any, shape: str) -> Cell:
    return Cell(format(value, shape), float(value))
