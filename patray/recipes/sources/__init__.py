"""Where pairs come from: one pure function a kind, (Material, Source, rng) -> Candidates (`recipes/kinds.py`)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from patray.recipes.record import Source
from patray.recipes.sources.material import Candidates, Material, NothingThereError


class MakesPairs(Protocol):
    """Finds candidate pairs: positions of anchors and positives in the landscape's documents, before any is sifted.

    Raises NothingThereError where the landscape has nothing for the source.
    """

    def __call__(self, material: Material, source: Source, rng: np.random.Generator) -> Candidates: ...


__all__ = ["Candidates", "MakesPairs", "Material", "NothingThereError"]
