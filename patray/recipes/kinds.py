"""Losses and pair sources by name, those of other packages among them. A recipe names them; nothing is loaded here."""

from __future__ import annotations

from typing import Any

from patray.kinds import Registry

LOSSES: Registry[Any] = Registry(
    "losses",
    {
        "ranking": "patray.recipes.loss:ranking_loss",
        "positive-aware": "patray.recipes.loss:positive_aware_loss",
    },
)
"""Loss -> function (see `loss.Loss`)."""
SOURCES: Registry[Any] = Registry(
    "sources",
    {
        "citations": "patray.recipes.sources.citations:citation_pairs",
        "shared-label": "patray.recipes.sources.shared_label:shared_label_pairs",
        "cross-section": "patray.recipes.sources.cross_section:cross_section_pairs",
        "expert": "patray.recipes.sources.expert:expert_pairs",
    },
)
"""Kind of source -> function (see `sources.MakesPairs`)."""
