"""A patent's own words and the words of an expert about it (Derwent's rewritten title and abstract)."""

from __future__ import annotations

import numpy as np

from patray.recipes.record import Source
from patray.recipes.sources.cross_section import cross_section_pairs
from patray.recipes.sources.material import Candidates, Material, NothingThereError


def expert_pairs(material: Material, source: Source, rng: np.random.Generator) -> Candidates:
    """One pair a patent of the corpus. NothingThereError where the landscape has no expert text."""
    try:
        return cross_section_pairs(material, source, rng)
    except NothingThereError as error:
        raise NothingThereError(
            f"{error}; expert text stands in the columns dwpi_title and dwpi_abstract of patents.parquet"
        ) from error
