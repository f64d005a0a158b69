"""The rankings of every system of a suite in every landscape and view, side by side over the whole cluster.

What needs nothing but vectors and texts is begun at once, and a fusion as soon as its parts are begun: it waits for
them as a task. A reranker is a pipeline of its own that takes the whole cluster; it runs when all that was begun is
there, and then what stands on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from patray.artifacts import is_sealed
from patray.cluster.late import start_late
from patray.cluster.lexical import start_counts, start_lexical
from patray.cluster.listwise import rank_listwise
from patray.cluster.models import Model
from patray.cluster.one_task import rank_in_one_task
from patray.cluster.placement import Resources
from patray.cluster.readings import start_readings
from patray.cluster.rerank import rerank
from patray.cluster.score import Scored
from patray.cluster.search import ONE_CPU, Place, start_dense
from patray.cluster.sparse import start_sparse
from patray.cluster.tasks import Done, gather, in_this_process, shared, submit, works_here
from patray.encoders.protocol import EncoderSettings
from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.views import View
from patray.measures.definitions import LEADING
from patray.models.record import Role
from patray.runs.step_record import StepRecord
from patray.runs.suite import Suite
from patray.steps.embed import CorpusView
from patray.steps.landscape import Landscape
from patray.steps.rank import Key, RankStep, rank_steps
from patray.systems.base import System
from patray.systems.dense import OneVector
from patray.systems.late import Late
from patray.systems.lexical import Lexical
from patray.systems.listwise import Listwise
from patray.systems.readings import Pool, Readings
from patray.systems.rerank import Rerank
from patray.systems.sparse import Sparse

QUERY_ROLES: tuple[Role, ...] = ("query", "document")
"""Where a query's vector is looked for, first match wins."""


@dataclass(frozen=True)
class At:
    """A landscape and view in which all systems rank. truth: a reference to the landscape's. vectors: the artifacts of
    each model by role."""

    landscape: Landscape
    view: View
    index: ViewIndex | None
    truth: Any
    vectors: Mapping[str, Mapping[Role, Folder]]

    def place(self, system: str) -> Place:
        return Place(self.landscape.name, self.view.name, system)


@dataclass
class Rankings:
    """Makes and saves rankings; nodes: what the cluster has."""

    run: Folder
    store: Folder
    suite: Suite
    models: Mapping[str, Model]
    nodes: Sequence[Resources]
    again: str | None = None
    begun: dict[Key, Any] = field(default_factory=dict)
    counts: dict[Key, tuple[Folder, float | None]] = field(default_factory=dict)

    @property
    def stall(self) -> int:
        return self.suite.embedding.stall_seconds

    def make(self, places: Sequence[At]) -> list[tuple[StepRecord, Scored]]:
        """For each place and system its record and what was tuned, in their order."""
        at = {(one.landscape.name, one.view.name): one for one in places if one.landscape.truth is not None}
        steps = rank_steps(at, self.suite.systems or ())
        wide = 1 if works_here() else sum(not step.system.ALONE for step in steps)
        self._count_terms([(at[step.key[:2]], step) for step in steps])
        waiting = {step.key: step for step in steps}
        while waiting:
            for key, step in list(waiting.items()):
                if all(one in self.begun for one in step.after) and not step.system.ALONE:
                    self.begun[key] = self._begin(at[key[:2]], step, wide)
                    del waiting[key]
            if waiting:  # the first that is left is a reranker, and what it stands on is begun
                self._gather()
                key, step = next(iter(waiting.items()))
                self.begun[key] = Done(self._rerank(at[key[:2]], step.system))
                del waiting[key]
        self._gather()
        rankings: list[tuple[StepRecord, Scored]] = []
        for step in steps:
            made = self.begun[step.key].value
            facts, scored = made if isinstance(made, tuple) else (made, Scored())
            rankings.append((step.record(facts), scored))
        return rankings

    def _count_terms(self, steps: Sequence[tuple[At, RankStep]]) -> None:
        """Count the terms of every view in which a lexical system ranks, side by side; what is there is left."""
        started: dict[tuple[str, str, str], tuple[Folder, Any | None]] = {}
        wanted: dict[Key, tuple[str, str, str]] = {}
        for at, step in steps:
            if not isinstance(step.system, Lexical) or step.is_done(self.run):
                continue
            key = step.key
            wanted[key] = (*key[:2], step.system.language_of(*key[:2]))
            if wanted[key] not in started:
                place, folder = at.place(key[2]), at.landscape.folder
                started[wanted[key]] = start_counts(self.store, place, folder, at.view, wanted[key][2])
        made = {where: reference for where, (_, reference) in started.items() if reference is not None}
        took = dict(zip(made, gather(list(made.values()), "count terms", self.stall, "views"), strict=True))
        # The time stands at the first system that reads the words; the others reuse what it made.
        self.counts = {key: (started[where][0], took.pop(where, None)) for key, where in wanted.items()}

    def _gather(self) -> None:
        """Wait for all that was begun."""
        found = gather(list(self.begun.values()), "search", self.stall, "rankings")
        self.begun = {key: Done(value) for key, value in zip(self.begun, found, strict=True)}

    def _begin(self, at: At, step: RankStep, beside: int) -> Any:
        system = step.system
        place, options, stall = at.place(step.key[2]), self.suite.search, self.stall
        if step.is_done(self.run):
            return Done({"reused": True, "seconds": 0.0})
        if isinstance(system, Lexical):
            target, seconds = self.counts[place.landscape, place.view, place.system]
            return start_lexical(
                self.run, place, target, seconds, at.landscape.folder, at.view, _truth(at), at.truth, system, options
            )  # fmt: skip
        if isinstance(system, Readings):
            spans, by_role = at.vectors[system.searches]["document"], at.vectors[system.readings]
            queries = [by_role[role] for role in QUERY_ROLES if role in by_role]
            pool = cast(Pool, system.pool)
            return start_readings(self.run, place, spans, queries, at.truth, pool, options.depth, stall)
        if isinstance(system, OneVector | Late | Sparse):
            by_role = at.vectors[str(system.searches)]
            queries = [by_role[role] for role in QUERY_ROLES if role in by_role]
            documents = by_role["document"]
            if isinstance(system, Sparse):
                return start_sparse(
                    self.run, place, documents, queries, at.truth, options.depth, options.shards, self.nodes, stall
                )  # fmt: skip
            if isinstance(system, Late):
                return start_late(self.run, place, documents, queries, at.truth, options, self.nodes, stall)
            return start_dense(
                self.run, place, documents, queries, at.truth, system, options, self.nodes, beside, stall
            )  # fmt: skip
        after = [self.begun[one] for one in step.after]
        measures = self.suite.tasks.retrieval.measures if self.suite.tasks.retrieval else (LEADING,)
        with in_this_process(system.HERE or works_here()):
            return submit(
                rank_in_one_task, ONE_CPU, self.run, place, at.landscape.folder, at.view, at.truth,
                at.landscape.query_split, system, measures[0], options.depth, *after,
            )  # fmt: skip

    def _listwise(self, at: At, system: Listwise) -> dict[str, Any]:
        place, model, options = at.place(str(system.name)), self.models[system.with_], self.suite.embedding
        if is_sealed(self.run, place.file):
            return {"reused": True, "seconds": 0.0}
        settings = EncoderSettings(
            "vllm", model.record.dtype, "cuda" if options.gpus else "cpu", options.threads,
            options.tokens_per_batch or 65_536, self.suite.models_from.remote_code, min(1.0, options.gpus or 1.0),
        )  # fmt: skip
        needs = Resources(options.threads, options.gpus * model.record.tensor_parallel)
        asked = submit(
            rank_listwise, needs, self.run, place, at.landscape.folder, at.view, at.truth, system, model, settings,
            self.suite.search.depth,
        )  # fmt: skip
        [made] = gather([asked], f"rerank with {system.with_}", self.stall)
        return dict(made)

    def _rerank(self, at: At, system: System) -> dict[str, Any]:
        if isinstance(system, Listwise):
            return self._listwise(at, system)
        if not isinstance(system, Rerank) or at.index is None:
            raise AssertionError(f"{system.name} waits for what was never begun")
        return rerank(
            self.run, at.place(str(system.name)), at.place(system.rerank), at.landscape.folder, at.view, at.index,
            _truth(at), self.models[system.with_], int(str(system.depth)), self.suite.search.depth, self.store,
            self.suite.embedding, self.suite.models_from.remote_code, self.again,
        )  # fmt: skip


def places(
    landscapes: Sequence[Landscape],
    views: Sequence[View],
    texts: Mapping[tuple[str, str], CorpusView],
    vectors: Mapping[tuple[str, str, str], Mapping[Role, Folder]],
) -> list[At]:
    """Every landscape in every view, with what was embedded there; each truth is stored once for all its tasks."""
    found = []
    for landscape in landscapes:
        truth = shared(landscape.truth)
        for view in views:
            at = (landscape.name, view.name)
            here = {key[2]: by_role for key, by_role in vectors.items() if key[:2] == at}
            found.append(At(landscape, view, texts[at].index if at in texts else None, truth, here))
    return found


def _truth(at: At) -> Truth:
    if at.landscape.truth is None:
        raise AssertionError(f"{at.landscape.name} has no truth to rank for")
    return at.landscape.truth
