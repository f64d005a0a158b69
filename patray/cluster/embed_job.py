"""One artifact of vectors that is asked for: which texts, by which model, in which role."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.encoders.windows import ViewIndex, embedding_identity
from patray.files import Folder
from patray.landscapes.views import View
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot
from patray.runs.store import key_of


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

    def identity(self) -> dict[str, object]:
        inputs = self.index.inputs_hash(self.chosen)
        return embedding_identity(self.record, self.engine, self.role, inputs, self.content)

    def folder(self, workdir: Folder, identity: dict[str, object]) -> Folder:
        """Where the artifact of this identity lies, made or not."""
        return self.place(workdir) / key_of(identity)

    def place(self, workdir: Folder) -> Folder:
        """Where all artifacts of this landscape, view and model lie."""
        return workdir / "embeddings" / self.landscape / self.view.name / self.record.name
