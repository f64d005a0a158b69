"""The embedding steps of a plan: per model, landscape, view and role, what exists and how many tokens are to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from patray.artifacts import is_complete, read_record
from patray.encoders.spans import span_counts, span_tokens
from patray.encoders.vectors import part_names
from patray.encoders.versions import encoder_versions
from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.models.record import ROLES, ModelRecord, Role
from patray.planning.corpus import Count, Counts
from patray.planning.estimates import Range, Vocabulary
from patray.planning.tokens import TextCounter
from patray.steps.embed import EmbedStep, made_by
from patray.steps.reuse import why_not_reused

State = Literal["done", "partly", "to do", "shared", "refused"]
NOTHING: Range = (0.0, 0.0, 0.0)
Lengths = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Lowest, expected, highest; three times the same where tokens are counted."""


@dataclass(frozen=True)
class PlannedModel:
    """A model of the suite. vocabulary: None where `counter` is its own tokenizer. refused: why it cannot run, or ''.

    found: where its files are (path, mirror, package, hub), or '' where they are nowhere. content: what its
    files are, see `models.content.identify`.
    """

    name: str
    record: ModelRecord
    engine: str
    counter: TextCounter
    vocabulary: Vocabulary | None
    refused: str
    found: str
    content: str | None = None

    @property
    def sums(self) -> bool:
        """Whether tokens of prompt and text are counted apart: exact for additive tokenizers and for markers."""
        return self.vocabulary is not None or self.counter.additive or self.record.kind != "dense"

    def counts(self, limit_of_texts: int) -> Iterator[Count]:
        """What must be counted for it. limit_of_texts: tokens of a text beyond which nothing matters."""
        if self.sums:
            yield Count(self.counter, "", False, limit_of_texts)
            return
        behind: dict[str, set[Role]] = {}
        for role in ROLES:
            behind.setdefault(self.record.prompts.of(role), set()).add(role)
        for prompt, users in behind.items():
            yield Count(self.counter, prompt, users == {"query"}, limit_of_texts)

    def lengths(self, counts: Counts, role: Role) -> Lengths:
        """(M,) tokens of every text behind the role's prompt, special tokens included, not truncated."""
        prompt = self.record.prompts.of(role)
        if self.record.kind == "late-interaction":  # a marker is one token
            return self._whole(counts[self.counter.key, ""], len(prompt.split()[:1]))
        if self.sums:
            return self._whole(counts[self.counter.key, ""] + self.tokens_of(prompt))
        return self._whole(counts[self.counter.key, prompt])

    def lengths_of(self, texts: list[str], limit: int) -> Lengths:
        """(n,) tokens of prompted texts, special tokens included; exact up to `limit`, at least that beyond."""
        most = limit if self.vocabulary is None else round(limit / self.vocabulary.ratio[0]) + 1
        return self._whole(self.counter.count(texts, most))

    def tokens_of(self, text: str) -> int:
        """Tokens of a short text in the counter's vocabulary."""
        return int(self.counter.count([text], self.record.nominal_tokens)[0])

    def _whole(self, content: np.ndarray, more: int = 0) -> Lengths:
        if self.vocabulary is None:
            exact = content + self.counter.specials + more
            return exact, exact, exact
        low, middle, high = (
            np.rint(ratio * content) + self.vocabulary.specials + more for ratio in self.vocabulary.ratio
        )
        return low, middle, high


def token_limit(record: ModelRecord, role: Role) -> int:
    """Tokens that the model reads of one text in this role."""
    if record.kind == "late-interaction":
        return int((record.query_tokens if role == "query" else record.document_tokens) or record.max_tokens)
    return record.max_tokens


@dataclass(frozen=True)
class EmbedPlan:
    """A step of embedding and what is known of it. inputs: texts to encode, each distinct one once. rows: vectors.
    windows: those there, and all. truncated: inputs that are cut (expected). tokens, to_do: lowest, expected, highest
    of all inputs, and of those that are not there (of a refused step as if it could run; none of a shared one).
    indexed: whether its FAISS index is there. compared: whether other versions made it, so that the run encodes a
    sample again before it uses it. why: what differs from the nearest vectors that are there, of a step of which
    nothing is. spans: of which length and stride, where long texts are read in spans."""

    landscape: str
    view: str
    model: str
    role: Role
    state: State
    shared_with: str
    windows: tuple[int, int]
    inputs: int
    rows: int
    truncated: int
    tokens: Range
    to_do: Range
    indexed: bool
    compared: bool = False
    why: str = ""
    spans: str = ""


def plan_embeddings(
    model: PlannedModel, steps: Sequence[EmbedStep], counts: Mapping[str, Counts], store: Folder
) -> Iterator[EmbedPlan]:
    """What each step of a model costs, and what of it is there. counts: of each view, in the order of its index."""
    for step, maker in zip(steps, made_by(steps), strict=True):
        yield _plan(model, step, maker, counts[step.view.name], store)


def _plan(model: PlannedModel, step: EmbedStep, maker: EmbedStep, counts: Counts, store: Folder) -> EmbedPlan:
    heads, index, spans = step.texts.heads, step.texts.index, step.spans
    limit = token_limit(model.record, step.role)
    whole = [part[heads] for part in model.lengths(counts, step.role)]
    lengths = [np.minimum(part, limit) for part in whole]
    if model.record.kind == "late-interaction" and step.role == "query":
        lengths = [np.full(len(heads), limit)] * 3  # expansion fills every query up
    rows = int(step.texts.chosen.sum())
    if spans is not None:
        prompt = model.record.prompts.document
        overhead = (model.counter.specials if model.vocabulary is None else model.vocabulary.specials) + (
            model.tokens_of(prompt) if prompt else 0
        )
        each = [span_counts(part, spans, overhead) for part in whole]
        lengths = [span_tokens(part, spans, overhead) for part in whole]
        rows = round(rows * float(each[1].mean())) if len(each[1]) else 0
    folder, parts = step.folder(store), index.part[heads]
    windows = np.unique(parts)
    state: State = "shared"
    missing, there = np.zeros(len(parts), dtype=bool), 0
    if maker is step:
        done = _done(folder, index)
        missing, there = ~np.isin(parts, done), int(np.isin(windows, done).sum())
        left: State = "refused" if model.refused else "partly" if there else "to do"
        state = "done" if there == len(windows) else left
    return EmbedPlan(
        landscape=step.landscape,
        view=step.view.name,
        model=step.model,
        role=step.role,
        state=state,
        shared_with=f"{maker.model} {maker.view.name}" if maker is not step else "",
        windows=(there, len(windows)),
        inputs=len(heads),
        rows=rows,
        truncated=int((whole[1] > limit).sum()) if spans is None else 0,
        spans=str(spans or ""),
        tokens=_range(lengths),
        to_do=_range([part[missing] for part in lengths]),
        compared=state == "done" and _of_other_versions(folder, model.engine),
        why=why_not_reused(step.place(store), step.identity) if state == "to do" else "",
        indexed=is_complete(store / "indexes" / step.landscape / step.view.name / step.model / step.key),
    )


def _done(folder: Folder, index: ViewIndex) -> np.ndarray:
    """Positions of the parts whose vectors are in `folder`; every part of a complete artifact."""
    if is_complete(folder):
        return np.arange(len(index.parts))
    names = {name.replace("/", "-"): at for at, name in enumerate(index.parts)}
    return np.array([names[name] for name in part_names(folder) if name in names], dtype=np.int64)


def _of_other_versions(folder: Folder, engine: str) -> bool:
    return is_complete(folder) and read_record(folder).get("versions") != encoder_versions(engine)


def _range(lengths: list[np.ndarray]) -> Range:
    low, middle, high = (float(part.sum()) for part in lengths)
    return low, middle, high
