"""A view: which sections of a patent make up its text, and the rendering of that text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.landscapes.claims import first_claims, independent_claims

SECTIONS = {
    "title": "title",
    "abstract": "abstract",
    "claims": "claims",
    "claim1": "claims",
    "independent_claims": "claims",
    "description": "description",
    "dwpi_title": "dwpi_title",
    "dwpi_abstract": "dwpi_abstract",
}
"""Section -> the column that it is made from."""

RULES = 1
"""Raised when the same columns render to other texts (a change in joining or in finding claim 1)."""

JOINT = "\n"
"""Between sections and between claims, as in DAPFAM and mteb, so that numbers can be compared."""


@dataclass(frozen=True)
class View:
    """A named list of sections.

    query_sections: other sections for query documents outside the corpus (queries.parquet), as where a benchmark asks
    with title and abstract and answers with full texts; None: the same.
    """

    name: str
    sections: tuple[str, ...]
    query_sections: tuple[str, ...] | None = None

    def of(self, part: str) -> View:
        """The view of a part file or table of the landscape: 'queries...' may have sections of their own."""
        if self.query_sections is None or not part.startswith("queries"):
            return self
        return View(self.name, self.query_sections)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the sections need, each once."""
        return tuple(dict.fromkeys(SECTIONS[section] for section in self.sections))


BUILT_IN = {
    view.name: view
    for view in (
        View("ta", ("title", "abstract")),
        View("tac", ("title", "abstract", "claims")),
        View("ta+claim1", ("title", "abstract", "claim1")),
        View("title", ("title",)),
        View("abstract", ("abstract",)),
        View("claim1", ("claim1",)),
        View("claims", ("claims",)),
        View("description", ("description",)),
        View("ta+description", ("title", "abstract", "description")),
        View("dwpi-ta", ("dwpi_title", "dwpi_abstract")),
    )
}


def make_view(name: str, sections: Sequence[str], query_sections: Sequence[str] | None = None) -> View:
    """A view of one's own. Raises InputError for an unknown, repeated or missing section."""
    for listed in (sections, query_sections if query_sections is not None else sections):
        unknown = [section for section in listed if section not in SECTIONS]
        if unknown or not listed:
            said = f"unknown section {unknown[0]!r}" if unknown else "no section"
            raise InputError(f"view {name!r}: {said}; allowed are {', '.join(SECTIONS)}")
        if len(set(listed)) < len(listed):
            raise InputError(f"view {name!r}: a section is listed twice: {', '.join(listed)}")
    if name in BUILT_IN and (BUILT_IN[name].sections != tuple(sections) or query_sections is not None):
        raise InputError(f"view {name!r} is built in as {'+'.join(BUILT_IN[name].sections)}; choose another name")
    return View(name, tuple(sections), None if query_sections is None else tuple(query_sections))


def get_view(name: str, own: Mapping[str, Sequence[str]] | None = None) -> View:
    """The view of that name, from `own` (name -> sections, as in a suite) or built in."""
    own = own or {}
    if name in own:
        return make_view(name, own[name])
    if name not in BUILT_IN:
        allowed = ", ".join([*BUILT_IN, *own])
        raise InputError(
            f"unknown view {name!r}; allowed are {allowed}, or a list of sections under a name of your own"
        )
    return BUILT_IN[name]


def render(table: pa.Table | pa.RecordBatch, view: View) -> list[str]:
    """The text of every row: non-empty sections in the view's order, joined by one newline; '' where all are empty.

    table: holds the view's columns.
    """
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    texts: list[str] = []
    for batch in table.select(list(view.columns)).to_batches():
        joined = _section(batch, view.sections[0])
        for section in view.sections[1:]:  # one by one: arrow's own skipping of nulls loses rows of nothing else
            more = _section(batch, section)
            joined = pc.coalesce(pc.binary_join_element_wise(joined, more, JOINT), joined, more)
        texts += pc.fill_null(joined, "").to_pylist()
    return texts


def _section(batch: pa.RecordBatch, section: str) -> pa.Array:
    column = batch.column(SECTIONS[section])
    if section == "claim1":
        texts, _ = first_claims(column)
    elif section == "independent_claims":
        texts, _ = independent_claims(column)
    elif section == "claims":
        texts = pc.binary_join(column, JOINT)
    else:
        texts = column
    return pc.if_else(pc.equal(pc.binary_length(texts), 0), pa.scalar(None, pa.string()), texts)
