"""Late interaction: a vector for each token of a text, ranked by MaxSim."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from patray.systems.base import ModelKind, Sizes, System, Work


class Late(System):
    """`late: colbertv2` ranks by the token vectors of a late-interaction model of this suite."""

    KIND: ClassVar[str] = "late"
    NOUN: ClassVar[str] = "embedding model"

    late: str = Field(description="name of a late-interaction model of this suite")

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.late: "late-interaction"}

    @property
    def searches(self) -> str:
        return self.late

    def default_name(self) -> str:
        return self.late

    def in_words(self) -> str:
        return "embedding model with a vector a word"

    def work(self, at: Sizes) -> Work:
        """2 x width for every pair of a query's and a document's token."""
        record = at.record(self.late)
        documents = np.minimum(at.document_tokens(self.late), int(record.document_tokens or record.max_tokens))
        pairs = 2.0 * at.queries * at.patents * record.dimension
        return Work(pairs * int(record.query_tokens or 1) * float(documents.mean()))
