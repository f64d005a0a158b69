"""Tell which runs are done sooner without Ray, and which need it for certain."""

from __future__ import annotations

import os
from collections.abc import Sequence

from patray.cluster.models import Model
from patray.cluster.start import is_up
from patray.files import Folder
from patray.landscapes.parts import open_parts
from patray.models.engines import CPU_ALONE
from patray.models.record import ModelRecord
from patray.runs.resolve import suite_views
from patray.runs.sources import source_folder
from patray.runs.suite import Embedding, LandscapeEntry, Suite
from patray.steps.landscape import Landscape

SMALL_WORK = 60_000
"""Texts (patents and queries) x views x systems that are searched and judged without Ray: some 20 s of one core."""


FEW_TEXTS, MORE_TEXTS, FEW_WORKERS = 1000, 20_000, 4
"""Texts of one model that are encoded by threads of this process, where Ray is not up (its workers would load torch
once more): by any number of threads, and more by few."""
FEW_PARAMETERS = 200_000_000


def few_texts(texts: int, record: ModelRecord, engine: str, options: Embedding) -> bool:
    """Whether texts are encoded sooner in this process than by actors, which would load a model each."""
    alone = not (is_up() or os.environ.get("RAY_ADDRESS") or options.gpus)
    quick = engine == "sentence-transformers" or engine in CPU_ALONE
    small = record.size is not None and record.size <= FEW_PARAMETERS and quick
    return alone and small and texts <= (MORE_TEXTS if workers_here(options) <= FEW_WORKERS else FEW_TEXTS)


def workers_here(options: Embedding) -> int:
    """How many threads of this process may hold a model each: what its CPUs carry, a container's limit counted."""
    from joblib import cpu_count

    carried = max(1, cpu_count() // max(1, int(options.threads)))
    return min(carried, options.actors.max or carried)


def is_small(suite: Suite, landscapes: Sequence[Landscape]) -> bool:
    """Whether search and judging are over sooner than Ray's workers would be up."""
    texts = sum(one.metadata.patents.num_rows + len(one.query_split) for one in landscapes)
    systems = suite.systems or ()
    alone = not os.environ.get("RAY_ADDRESS") and not any(system.ALONE for system in systems)
    return alone and texts * len(suite_views(suite)) * max(1, len(systems)) <= SMALL_WORK


def needs_ray(suite: Suite, models: list[Model], store: Folder) -> bool:
    """Whether Ray will be asked for certain: something is trained, or many texts are to be embedded."""
    if suite.recipes or any(system.ALONE for system in suite.systems or ()):
        return True
    views = [view.name for view in suite_views(suite)]
    for model in (one for one in models if one.record.kind not in ("reranker", "listwise")):
        texts = 0
        for entry in suite.landscapes:
            missing = [
                one for one in views if not (store / "embeddings").exists(f"{entry.name}/{one}/{model.record.name}")
            ]
            texts += len(missing) * (_patents(entry, suite, store) if missing else 0)
        if texts and not few_texts(texts, model.record, model.engine, suite.embedding):
            return True
    return False


def _patents(entry: LandscapeEntry, suite: Suite, store: Folder) -> int:
    """Patents of a landscape before it is prepared."""
    if entry.generate is not None:
        return entry.generate.patents
    return open_parts(source_folder(entry, suite.landscapes_root, store), "patents.parquet").rows
