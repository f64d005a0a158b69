"""The ranking of every system of a suite, for one landscape and view, in the order in which the systems stand.

Searches use the whole cluster and run one after another; fusions are small tasks that run beside them and are waited
for where another system needs them, and at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ray

from patray.cluster.foreign import search_foreign
from patray.cluster.fuse import fuse
from patray.cluster.late import search_late
from patray.cluster.lexical import search_lexical
from patray.cluster.models import Model
from patray.cluster.prepare import Landscape
from patray.cluster.rerank import rerank
from patray.cluster.score import Scored
from patray.cluster.search import Place, search_dense
from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.views import View
from patray.metrics.measures import LEADING
from patray.models.record import Role
from patray.runs.suite import Suite
from patray.runs.systems import SystemEntry

QUERY_ROLES: tuple[Role, ...] = ("query", "document")
"""Where a query's vector is looked for, first match wins."""


@dataclass
class Rankings:
    """Makes and saves rankings; `vectors` holds the artifacts of each model by role, for this landscape and view."""

    run: Folder
    store: Folder
    suite: Suite
    landscape: Landscape
    view: View
    index: ViewIndex | None
    models: Mapping[str, Model]
    vectors: Mapping[str, Mapping[Role, Folder]]
    again: str | None = None

    def make(self) -> Iterator[tuple[dict[str, Any] | None, Scored]]:
        """For each system its step for the provenance (None: a fusion, made beside others) and what was tuned."""
        truth = self.landscape.truth
        if truth is None:
            return
        fused: dict[str, Any] = {}
        shared = ray.put(truth)
        for system in self.suite.systems or ():
            place = Place(self.landscape.name, self.view.name, str(system.name))
            if system.kind in ("linear", "rrf"):
                after = [fused[part] for part in system.parts if part in fused]
                fused[place.system] = self._fuse(place, system, shared, after)
            else:
                ray.get([fused[part] for part in system.parts if part in fused])
                yield self._search(place, system, truth), Scored()
        for found in ray.get(list(fused.values())):
            yield None, found

    def _fuse(self, place: Place, system: SystemEntry, truth: Any, after: list[Any]) -> Any:
        measures = self.suite.tasks.retrieval.measures if self.suite.tasks.retrieval else (LEADING,)
        split = self.landscape.query_split
        return fuse.remote(self.run, place, truth, split, system, measures[0], self.suite.search.depth, *after)

    def _search(self, place: Place, system: SystemEntry, truth: Truth) -> dict[str, Any]:
        options = self.suite.search
        model = system.dense or system.late
        if model is not None:
            by_role = self.vectors[model]
            queries = [by_role[role] for role in QUERY_ROLES if role in by_role]
            if system.dense is not None:
                return search_dense(self.run, place, by_role["document"], queries, truth, system, options)
            return search_late(self.run, place, by_role["document"], queries, truth, options)
        if system.lexical is not None:
            return search_lexical(self.run, self.store, place, self.landscape.folder, self.view, truth, system, options)
        if system.run is not None:
            return search_foreign(self.run, place, system, truth, options)
        if system.rerank is not None and system.with_ is not None and self.index is not None:
            return rerank(
                self.run, place, Place(place.landscape, place.view, system.rerank), self.landscape.folder, self.view,
                self.index, truth, self.models[system.with_], int(str(system.depth)), options.depth, self.store,
                self.suite.embedding, self.suite.models_from.remote_code, self.again,
            )  # fmt: skip
        raise AssertionError(f"no search for a {system.kind} system")
