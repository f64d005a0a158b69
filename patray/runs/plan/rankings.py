"""The ranking steps of a plan: search, fusion and rerank, per landscape, view and system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.runs.inputs import chosen_queries
from patray.runs.plan.corpus import Corpus, Counts
from patray.runs.plan.embeddings import NOTHING, PlannedModel, State
from patray.runs.plan.estimates import Range
from patray.runs.systems import SystemEntry
from patray.tables import ranking_file

QUANTILES = 64
"""Documents' lengths are taken at so many quantiles: which documents a query meets is not known before the search."""
WORDS = {"linear": "fuse", "rrf": "fuse", "rerank": "rerank", "run": "read"}
"""Kind of system -> name of its step; the others are searched."""


@dataclass(frozen=True)
class RankStep:
    """step: search, fuse, rerank or read. pairs, tokens (lowest, expected, highest): of a rerank not done yet.

    flops: of an exact dense or MaxSim search that is to do, 0 for others. why: of a refused step.
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


@dataclass(frozen=True)
class RankPlanner:
    """Makes the ranking steps of one landscape. complete: the run is finished, so nothing is to do."""

    corpus: Corpus
    texts: Mapping[str, tuple[ViewIndex, Counts]]
    models: Mapping[str, PlannedModel]
    run: Folder
    depth: int
    complete: bool

    def steps(self, systems: tuple[SystemEntry, ...]) -> Iterator[RankStep]:
        if self.corpus.truth is None:
            return
        for view in self.texts:
            there = set((self.run / "rankings" / self.corpus.name / view).list())
            refused: dict[str, str] = {}
            for system in systems:
                name = str(system.name)
                why = self._refusal(system, refused)
                if why:
                    refused[name] = why
                done = ranking_file(self.corpus.name, view, name).rpartition("/")[2] in there
                state: State = "done" if self.complete or done else "refused" if why else "to do"
                yield self._step(system, view, state, why)

    def _refusal(self, system: SystemEntry, before: Mapping[str, str]) -> str:
        for model in (system.dense, system.late, system.with_):
            if model is not None and self.models[model].refused:
                return f"{model} cannot run"
        return next((before[part] for part in system.parts if part in before), "")

    def _step(self, system: SystemEntry, view: str, state: State, why: str) -> RankStep:
        queries, patents = self.corpus.queries, self.corpus.patents
        pairs, tokens = 0, NOTHING
        if system.rerank is not None and system.with_ is not None and state != "done":
            depth = min(int(system.depth or self.depth), patents)
            pairs = queries * depth
            tokens = self._pair_tokens(self.models[system.with_], view, depth)
        return RankStep(
            landscape=self.corpus.name,
            view=view,
            system=str(system.name),
            kind=system.kind,
            step=WORDS.get(system.kind, "search"),
            state=state,
            why=why if state == "refused" else "",
            rows=queries * min(self.depth, patents),
            pairs=pairs,
            tokens=tokens,
            flops=self._flops(system, view) if state == "to do" else 0.0,
        )

    def _pair_tokens(self, model: PlannedModel, view: str, depth: int) -> Range:
        """Tokens of all pairs of a rerank, the documents of a ranking taken as average ones of the corpus."""
        assert self.corpus.truth is not None
        index, counts = self.texts[view]
        template = model.record.template
        text = "" if template is None else template.prefix + template.body + template.suffix + template.task
        extra = model.tokens_of(text)
        found = []
        for content in model.lengths(counts, "document"):
            queries = content[chosen_queries(index, self.corpus.truth)]
            documents = np.quantile(content[~index.external], np.linspace(0, 1, QUANTILES), method="nearest")
            pairs = np.minimum(queries[:, None] + documents[None, :] + extra, model.record.max_tokens)
            found.append(float(pairs.mean(axis=1).sum()) * depth)
        return found[0], found[1], found[2]

    def _flops(self, system: SystemEntry, view: str) -> float:
        """2 x queries x patents x width; MaxSim does that for every pair of a query's and a document's tokens."""
        each = 2.0 * self.corpus.queries * self.corpus.patents
        if system.dense is not None:
            return each * (system.width or self.models[system.dense].record.dimension)
        if system.late is not None:
            model = self.models[system.late]
            index, counts = self.texts[view]
            limit = int(model.record.document_tokens or model.record.max_tokens)
            documents = np.minimum(model.lengths(counts, "document")[1], limit)[~index.external]
            return each * model.record.dimension * int(model.record.query_tokens or 1) * float(documents.mean())
        return 0.0
