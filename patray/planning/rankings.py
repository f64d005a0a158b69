"""The ranking steps of a plan: search, fusion and rerank, per landscape, view and system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.planning.corpus import Corpus, Counts
from patray.planning.embeddings import PlannedModel, State
from patray.steps.rank import Key, RankStep, rank_steps
from patray.steps.texts import chosen_queries
from patray.systems.base import Range, System, Work

QUANTILES = 64
"""Documents' lengths are taken at so many quantiles: which documents a query meets is not known before the search."""


@dataclass(frozen=True)
class RankPlan:
    """A ranking and what it costs. step: search, fuse, rerank or read. pairs, tokens (lowest, expected, highest): of a
    rerank not done yet.

    flops: of an exact dense or MaxSim search that is to do, 0 for others. memory: bytes that a search holds beside
    its vectors, where the system says so; given: bytes of vectors made elsewhere that it ranks from. why: of a
    refused step.
    """

    landscape: str
    view: str
    system: str
    kind: str
    step: str
    state: State
    why: str
    rows: int
    pairs: int
    tokens: Range
    flops: float
    memory: Range = (0.0, 0.0, 0.0)
    given: float = 0.0


@dataclass(frozen=True)
class RankPlanner:
    """Makes the ranking steps of one landscape. complete: the run is finished, so nothing is to do. alone: the suite
    has no other landscape."""

    corpus: Corpus
    texts: Mapping[str, tuple[ViewIndex, Counts]]
    models: Mapping[str, PlannedModel]
    run: Folder
    depth: int
    complete: bool
    alone: bool = False

    def steps(self, systems: tuple[System, ...]) -> Iterator[RankPlan]:
        if self.corpus.truth is None:
            return
        refused: dict[Key, str] = {}
        for step in rank_steps([(self.corpus.name, view) for view in self.texts], systems):
            why = self._refusal(step, refused)
            if why:
                refused[step.key] = why
            done = self.complete or step.is_done(self.run)
            yield self._step(step, "done" if done else "refused" if why else "to do", why)

    def _refusal(self, step: RankStep, before: Mapping[Key, str]) -> str:
        for model in step.system.uses:
            if self.models[model].refused:
                return f"{model} cannot run"
        return next((before[part] for part in step.after if part in before), "")

    def _step(self, step: RankStep, state: State, why: str) -> RankPlan:
        system = step.system
        work = system.work(_Sizes(self, step.view)) if state != "done" else Work()
        return RankPlan(
            landscape=step.landscape,
            view=step.view,
            system=str(system.name),
            kind=system.kind,
            step=system.STEP,
            state=state,
            why=why if state == "refused" else "",
            rows=self.corpus.queries * min(self.depth, self.corpus.patents),
            pairs=work.pairs,
            tokens=work.tokens,
            flops=work.flops if state == "to do" else 0.0,
            given=work.given if state == "to do" else 0.0,
            memory=work.memory if state == "to do" else (0.0, 0.0, 0.0),
        )


@dataclass(frozen=True)
class _Sizes:
    """What a system is told of one view, to say what it costs."""

    planner: RankPlanner
    view: str

    @property
    def landscape(self) -> str:
        return self.planner.corpus.name

    @property
    def alone(self) -> bool:
        return self.planner.alone and len(self.planner.texts) == 1

    @property
    def queries(self) -> int:
        return self.planner.corpus.queries

    @property
    def patents(self) -> int:
        return self.planner.corpus.patents

    @property
    def depth(self) -> int:
        return self.planner.depth

    def record(self, model: str) -> ModelRecord:
        return self.planner.models[model].record

    def document_tokens(self, model: str) -> np.ndarray:
        index, counts = self.planner.texts[self.view]
        return np.asarray(self.planner.models[model].lengths(counts, "document")[1][~index.external])

    def pair_tokens(self, model: str, depth: int) -> Range:
        """Tokens of all pairs of a rerank, the documents of a ranking taken as average ones of the corpus."""
        planned, truth = self.planner.models[model], self.planner.corpus.truth
        assert truth is not None
        index, counts = self.planner.texts[self.view]
        template = planned.record.template
        text = "" if template is None else template.prefix + template.body + template.suffix + template.task
        extra = planned.tokens_of(text)
        sums = []
        for content in planned.lengths(counts, "document"):
            queries = content[chosen_queries(index, truth)]
            documents = np.quantile(content[~index.external], np.linspace(0, 1, QUANTILES), method="nearest")
            pairs = np.minimum(queries[:, None] + documents[None, :] + extra, planned.record.max_tokens)
            sums.append(float(pairs.mean(axis=1).sum()) * depth)
        return sums[0], sums[1], sums[2]
