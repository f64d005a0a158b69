"""Which vectors a run makes: an artifact for each landscape, view, model and role, the same list for run and plan.

steps = embed_steps(model, places, suite.tasks, suite.systems)
steps[0].folder(store)                  # WORKDIR/embeddings/mine/ta/minilm/3f0c…, made or not
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from patray.artifacts import key_of
from patray.encoders.spans import Spans
from patray.encoders.windows import ViewIndex, embedding_identity
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.views import View
from patray.models.record import ModelRecord, Role
from patray.runs.suite import Tasks
from patray.steps.texts import Texts, texts_by_role
from patray.systems.base import System
from patray.systems.readings import Readings

WITHOUT_VECTORS = ("reranker", "listwise")
"""Kinds of model that read pairs or lists, so that nothing of theirs is embedded."""


class Embeds(Protocol):
    """What a step needs to know of a model. content: what its files are, see `models.content.identify`."""

    @property
    def name(self) -> str: ...
    @property
    def record(self) -> ModelRecord: ...
    @property
    def engine(self) -> str: ...
    @property
    def content(self) -> str | None: ...


@dataclass(frozen=True)
class CorpusView:
    """A landscape in one view, whose texts several models read. prepared: its clean copy."""

    landscape: str
    prepared: Folder
    view: View
    index: ViewIndex
    truth: Truth | None
    _known: dict[bytes, Texts] = field(default_factory=dict, repr=False, compare=False)

    def texts(self, chosen: np.ndarray) -> Texts:
        """The chosen texts, (M,) bool; the same object for the same ones, so that they are hashed once."""
        return self._known.setdefault(np.packbits(chosen).tobytes(), Texts(self.index, chosen))


@dataclass(frozen=True)
class EmbedStep:
    """One artifact of vectors: which texts of which place, by which model, in which role.

    content: what the model's files are, see `models.content.identify`. spans: of which length and stride, where long
    texts are read in spans.
    """

    landscape: str
    prepared: Folder
    view: View
    texts: Texts
    model: str
    record: ModelRecord
    engine: str
    role: Role
    content: str | None = None
    spans: Spans | None = None

    @property
    def label(self) -> str:
        """What its vectors are called in a run: minilm, or minilm#256-128 for those of spans."""
        return self.model if self.spans is None else f"{self.model}#{self.spans}"

    @property
    def name(self) -> str:
        """`minilm (mine/ta, document)`."""
        return f"{self.model} ({self.landscape}/{self.view.name}, {self.role})"

    @cached_property
    def identity(self) -> dict[str, object]:
        """Everything that decides the vectors."""
        found = embedding_identity(self.record, self.engine, self.role, self.texts.hash, self.content)
        return found if self.spans is None else {**found, "spans": [self.spans.tokens, self.spans.stride]}

    @cached_property
    def key(self) -> str:
        return key_of(self.identity)

    def place(self, store: Folder) -> Folder:
        """Where all artifacts of this landscape, view and model lie."""
        return store / "embeddings" / self.landscape / self.view.name / self.record.name

    def folder(self, store: Folder) -> Folder:
        """Where the artifact lies, made or not."""
        return self.place(store) / self.key


def embed_steps(
    model: Embeds, places: Sequence[CorpusView], tasks: Tasks, systems: Sequence[System]
) -> list[EmbedStep]:
    """The artifacts of a model that tasks and systems need in these places: by role, and of the spans of long texts;
    none for a reranker."""
    if model.record.kind in WITHOUT_VECTORS:
        return []
    spans = sorted({one.spans for one in systems if isinstance(one, Readings) and one.readings == model.name})
    found = []
    for place in places:
        chosen = texts_by_role(place.index, place.truth, tasks, model.record)
        wanted: list[tuple[Role, Spans | None]] = [(role, None) for role in chosen]
        for role, span in [*wanted, *[("document", one) for one in spans]]:
            texts, of = place.texts(chosen[role]), (model.record, model.engine, role, model.content, span)
            found.append(EmbedStep(place.landscape, place.prepared, place.view, texts, model.name, *of))
    return found


def made_by(steps: Sequence[EmbedStep]) -> list[EmbedStep]:
    """For each step the one whose artifact it takes: itself, or an earlier one of the same landscape and identity, as
    where claims are missing, so that two views are alike."""
    first: dict[tuple[str, str, str], EmbedStep] = {}
    return [first.setdefault((step.landscape, step.record.name, step.key), step) for step in steps]
