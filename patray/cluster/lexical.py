"""BM25 on the cluster: one task indexes a view's rendered texts and ranks them for every query."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import ray

from patray.cluster.search import Place
from patray.files import Folder
from patray.landscapes.load import iter_sections
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.landscapes.views import View, render
from patray.runs.suite import Search
from patray.runs.systems import SystemEntry
from patray.search.exclusion import exclusions
from patray.search.lexical import Bm25
from patray.search.table import to_table


@ray.remote(num_cpus=1)
def _lexical(
    run: Folder, place: Place, prepared: Folder, view: View, truth: Truth, system: SystemEntry, depth: int
) -> int:
    wanted = set(truth.query_ids.tolist())
    corpus: list[str] = []
    codes: list[np.ndarray] = []
    queries: dict[str, str] = {}
    for which in ("patents", "queries"):
        shown = view.of(which)
        for batch in iter_sections(prepared, shown.sections, which):
            ids = np.asarray(batch.column("patent_id").to_pylist(), dtype=object)
            texts = render(batch, shown)
            if which == "patents":
                corpus += texts
                codes.append(positions(ids, truth.patent_ids))
            queries.update((name, text) for name, text in zip(ids.tolist(), texts, strict=True) if name in wanted)
    order = np.argsort(np.concatenate(codes), kind="stable")
    index = Bm25.build([corpus[i] for i in order], k1=system.k1, b=system.b)
    skip = exclusions(truth, np.arange(len(truth.query_ids)), np.arange(len(truth.patent_ids)))
    ranking = index.search([queries[name] for name in truth.query_ids.tolist()], depth, skip)
    run.write_table(place.file, to_table(ranking, truth.query_ids, truth.patent_ids))
    return len(ranking.patents)


def search_lexical(
    run: Folder, place: Place, prepared: Folder, view: View, truth: Truth, system: SystemEntry, options: Search
) -> dict[str, Any]:
    """BM25 over the rendered texts of a view; saves the ranking and returns the step's record."""
    step = {"step": "search", "landscape": place.landscape, "view": place.view, "system": place.system}
    if run.exists(place.file):
        return {**step, "reused": True, "seconds": 0.0}
    begin = time.perf_counter()
    count = ray.get(_lexical.remote(run, place, prepared, view, truth, system, options.depth))
    return {**step, "reused": False, "seconds": time.perf_counter() - begin, "queries": count}
