"""Texts of documents in the views of a recipe: first as codes of equal text, then the few that became pairs.

Two texts are equal when they differ in white space and capitals alone: near enough to a copy to give a test away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from patray.files import Folder
from patray.landscapes.load import iter_sections
from patray.landscapes.views import View, get_view, make_view, render
from patray.recipes.documents import Documents
from patray.recipes.record import Recipe, Text

NO_TEXT = -1


def view_of(text: Text, own: Mapping[str, Sequence[str]] | None = None) -> View:
    """The view that a recipe means by a name or by a list of sections."""
    return get_view(text, own) if isinstance(text, str) else make_view("+".join(text), text)


def views_of(recipe: Recipe, own: Mapping[str, Sequence[str]] | None = None) -> tuple[View, ...]:
    """The views of the anchors and positives of a recipe, each list of sections once, in order of mention."""
    found: dict[tuple[str, ...], View] = {}
    for source in recipe.sources:
        for text in (source.anchor, source.positive):
            assert text is not None  # the record writes them out
            view = view_of(text, own)
            found.setdefault(view.sections, view)
    return tuple(found.values())


def digest(text: str) -> bytes:
    """Equal for texts that differ in white space and capitals alone."""
    return hashlib.blake2b(" ".join(text.split()).casefold().encode("utf-8"), digest_size=16).digest()


def text_codes(prepared: Folder, documents: Documents, views: Sequence[View]) -> np.ndarray:
    """(N, V) int64: equal numbers for equal texts, over all rows and views; NO_TEXT where there is none."""
    codes = np.full((len(documents.ids), len(views)), NO_TEXT, np.int64)
    known: dict[bytes, int] = {}
    for rows, rendered in _rendered(prepared, documents, views):
        for place, texts in enumerate(rendered):
            codes[rows, place] = [
                known.setdefault(digest(text), len(known)) if text.strip() else NO_TEXT for text in texts
            ]
    return codes


def read_texts(prepared: Folder, documents: Documents, views: Sequence[View], wanted: np.ndarray) -> list[np.ndarray]:
    """For each view an (N,) object array with the texts of the rows in `wanted` (N, V) bool, None elsewhere."""
    found = [np.full(len(documents.ids), None, dtype=object) for _ in views]
    for rows, rendered in _rendered(prepared, documents, views):
        for place, texts in enumerate(rendered):
            for row, text in zip(rows.tolist(), texts, strict=True):
                if wanted[row, place]:
                    found[place][row] = text
    return found


def _rendered(
    prepared: Folder, documents: Documents, views: Sequence[View]
) -> Iterator[tuple[np.ndarray, list[list[str]]]]:
    """(rows (n,), texts of these rows for each view), a batch at a time."""
    columns = list(dict.fromkeys(column for view in views for column in view.columns))
    patents = int(documents.in_corpus.sum())
    for which, start, stop in (("patents", 0, patents), ("queries", patents, len(documents.ids))):
        row = {id: start + at for at, id in enumerate(documents.ids[start:stop])}
        for batch in iter_sections(prepared, columns, which) if row else ():
            rows = np.array([row[id] for id in batch.column("patent_id").to_pylist()], dtype=np.int64)
            yield rows, [render(batch, view) for view in views]
