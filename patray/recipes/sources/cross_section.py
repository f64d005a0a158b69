"""Two texts of one patent: its abstract and its claims, or any two views."""

from __future__ import annotations

import numpy as np

from patray.recipes.record import Source
from patray.recipes.sources.material import Candidates, Material, NothingThereError


def cross_section_pairs(material: Material, source: Source, rng: np.random.Generator) -> Candidates:
    """One pair a patent of the corpus. NothingThereError where one of the texts is empty everywhere."""
    rows = material.documents.corpus
    sides = zip((source.anchor, source.positive), material.views[source.key], strict=True)
    for text, place in sides:
        if (material.codes[rows, place] < 0).all():
            said = text if isinstance(text, str) else "+".join(text or ())
            raise NothingThereError(f"{material.name}: source {source.key}: no patent has a text in {said}")
    return Candidates(rows, rows, one_patent=True)
