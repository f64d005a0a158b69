"""Read the texts of patents and queries in a view, in an order of the caller's."""

from __future__ import annotations

import numpy as np

from patray.files import Folder
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.positions import positions
from patray.landscapes.views import View, render


def texts_of(prepared: Folder, view: View, ids: np.ndarray, outside: np.ndarray | None = None) -> list[str]:
    """The text of each id in a view: texts_of(clean, view, truth.query_ids, truth.query_in_corpus < 0).

    prepared: a landscape's clean copy. ids (n,) str objects, unique. outside (n,) bool: which are query documents
    outside the corpus, whose texts are their own; None where none is. An id without a text there has "".
    """
    texts = [""] * len(ids)
    beyond = np.zeros(len(ids), bool) if outside is None else outside
    for which, wanted in (("patents", ~beyond), ("queries", beyond)):
        for part in part_names(prepared, which) if wanted.any() else ():
            table = read_rows(prepared, part, view.of(part).sections)
            at = positions(table["patent_id"], ids)
            rows = np.flatnonzero((at >= 0) & wanted[at])
            for row, text in zip(at[rows].tolist(), render(table.take(rows), view.of(part)), strict=True):
                texts[row] = text
    return texts
