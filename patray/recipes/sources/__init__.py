"""Where pairs come from: one pure function a kind, (Material, Source, rng) -> Candidates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from patray.recipes.record import Source
from patray.recipes.sources.citations import citation_pairs
from patray.recipes.sources.cross_section import cross_section_pairs
from patray.recipes.sources.expert import expert_pairs
from patray.recipes.sources.material import Candidates, Material, NothingThereError
from patray.recipes.sources.shared_label import shared_label_pairs

SOURCES: dict[str, Callable[[Material, Source, np.random.Generator], Candidates]] = {
    "citations": citation_pairs,
    "shared-label": shared_label_pairs,
    "cross-section": cross_section_pairs,
    "expert": expert_pairs,
}

__all__ = ["SOURCES", "Candidates", "Material", "NothingThereError"]
