"""One artifact of vectors that is asked for: which texts, by which model, in which role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.artifacts import key_of
from patray.cluster.models import Model
from patray.cluster.prepare import Landscape
from patray.encoders.spans import Spans
from patray.encoders.windows import ViewIndex, embedding_identity
from patray.files import Folder
from patray.landscapes.views import View
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot
from patray.runs.suite import Tasks
from patray.steps.inputs import texts_by_role
from patray.systems.base import System
from patray.systems.readings import Readings


@dataclass(frozen=True)
class EmbedJob:
    """What one artifact is made of: `chosen` (M,) bool says which texts of `index` are encoded."""

    landscape: str
    prepared: Folder
    view: View
    index: ViewIndex
    chosen: np.ndarray
    model: str
    record: ModelRecord
    snapshot: Snapshot
    engine: str
    role: Role
    content: str | None = None
    spans: Spans | None = None

    @property
    def label(self) -> str:
        """What its vectors are called in a run: minilm, or minilm#256-128 for those of spans."""
        return self.model if self.spans is None else f"{self.model}#{self.spans}"

    def identity(self) -> dict[str, object]:
        inputs = self.index.inputs_hash(self.chosen)
        found = embedding_identity(self.record, self.engine, self.role, inputs, self.content)
        return found if self.spans is None else {**found, "spans": [self.spans.tokens, self.spans.stride]}

    def folder(self, workdir: Folder, identity: dict[str, object]) -> Folder:
        """Where the artifact of this identity lies, made or not."""
        return self.place(workdir) / key_of(identity)

    def place(self, workdir: Folder) -> Folder:
        """Where all artifacts of this landscape, view and model lie."""
        return workdir / "embeddings" / self.landscape / self.view.name / self.record.name


def jobs_of(
    model: Model, places: Sequence[tuple[Landscape, View, ViewIndex]], tasks: Tasks, systems: Sequence[System]
) -> list[EmbedJob]:
    """The artifacts of a model that systems need in these places: by role, and of the spans of long texts; none for a
    reranker."""
    if model.record.kind in ("reranker", "listwise"):
        return []
    wanted = sorted({one.spans for one in systems if isinstance(one, Readings) and one.readings == model.name})
    jobs = []
    for landscape, view, index in places:
        chosen = texts_by_role(index, landscape.truth, tasks, model.record)
        for role, spans in [*((role, None) for role in chosen), *(("document", one) for one in wanted)]:
            jobs.append(
                EmbedJob(
                    landscape.name, landscape.folder, view, index, chosen[role], model.name, model.record,
                    model.snapshot, model.engine, role, model.content, spans,
                )
            )  # fmt: skip
    return jobs
