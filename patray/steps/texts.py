"""Which texts of a view are encoded for which role, each once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patray.encoders.windows import ViewIndex, Window, plan_windows
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.models.record import ModelRecord, Role
from patray.runs.suite import Tasks


@dataclass(frozen=True)
class Texts:
    """Some texts of one view. index: of all of them; chosen: (M,) bool, which ones.

    Texts(index, ~index.external).hash      # 32 hex digits over the ids and texts of the corpus
    """

    index: ViewIndex
    chosen: np.ndarray

    @cached_property
    def hash(self) -> str:
        return self.index.inputs_hash(self.chosen)

    @cached_property
    def heads(self) -> np.ndarray:
        """(n,) int64 positions in the index, one for each distinct text."""
        positions = np.flatnonzero(self.chosen)
        _, first = np.unique(self.index.digest[positions], return_index=True)
        return np.asarray(positions[first])

    def windows(self) -> list[Window]:
        return plan_windows(self.index, self.chosen)


def chosen_queries(index: ViewIndex, truth: Truth) -> np.ndarray:
    """(M,) bool: the texts of `index` that are queries of the truth; an outside query wins over a patent of its id."""
    chosen = positions(index.ids, truth.query_ids) >= 0
    outside = index.ids[index.external & chosen]
    return chosen & (index.external | (positions(index.ids, outside) < 0) if len(outside) else True)


def texts_by_role(index: ViewIndex, truth: Truth | None, tasks: Tasks, record: ModelRecord) -> dict[Role, np.ndarray]:
    """(M,) bool for each role that is encoded: roles that get the document's prompt share its vectors.

    Every patent of the corpus is a document; classification and clustering are there where the task runs and the
    model has a prompt of its own for it; a query is encoded unless it is a corpus patent whose document vector serves.
    """
    wanted: dict[Role, np.ndarray] = {"document": ~index.external}
    roles: dict[Role, object] = {"classification": tasks.classification, "clustering": tasks.clustering}
    for role, task in roles.items():
        if task is not None and record.kind == "dense" and record.encoding_role(role) == role:
            wanted[role] = ~index.external
    if truth is not None:
        queries = chosen_queries(index, truth)
        if record.encoding_role("query") == "document":
            queries &= index.external
        if queries.any():
            wanted["query"] = queries
    return wanted
