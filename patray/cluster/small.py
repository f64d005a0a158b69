"""Tell which runs are done sooner without Ray, and which need it for certain."""

from __future__ import annotations

import os
from collections.abc import Sequence

from patray.cluster.models import Model
from patray.cluster.prepare import Landscape
from patray.files import Folder
from patray.runs.resolve import suite_views
from patray.runs.suite import Suite

SMALL_WORK = 60_000
"""Texts (patents and queries) x views x systems that are searched and judged without Ray: some 20 s of one core."""


def is_small(suite: Suite, landscapes: Sequence[Landscape]) -> bool:
    """Whether search and judging are over sooner than Ray's workers would be up."""
    texts = sum(one.metadata.patents.num_rows + len(one.query_split) for one in landscapes)
    systems = suite.systems or ()
    alone = not os.environ.get("RAY_ADDRESS") and not any(system.ALONE for system in systems)
    return alone and texts * len(suite_views(suite)) * max(1, len(systems)) <= SMALL_WORK


def needs_ray(suite: Suite, models: list[Model], store: Folder) -> bool:
    """Whether something will be embedded or trained for certain: the store holds nothing of it yet."""
    if suite.recipes or any(system.ALONE for system in suite.systems or ()):
        return True
    encoded = [model for model in models if model.record.kind != "reranker"]
    at = [(str(entry.name), view.name) for entry in suite.landscapes for view in suite_views(suite)]
    places = [f"{landscape}/{view}/{model.record.name}" for landscape, view in at for model in encoded]
    return not all((store / "embeddings").exists(place) for place in places)
