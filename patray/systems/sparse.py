"""Sparse systems: a weight for each term of a vocabulary, ranked by inner products over an inverted index."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from patray.systems.base import ModelKind, Range, Sizes, System, Work

TERMS: Range = (50.0, 150.0, 400.0)
"""Terms of a text that have a weight, assumed until they are counted: a masked language model trained for sparsity
leaves one to a few hundred of 30,000 (SPLADE v2, arXiv 2109.10086, reports what its regularisers leave)."""
ENTRY_BYTES = 8
"""Of one term of one document in the index: int32 and float32."""


class Sparse(System):
    """`sparse: splade-v3` ranks by the term weights of a sparse model of this suite."""

    KIND: ClassVar[str] = "sparse"
    NOUN: ClassVar[str] = "sparse embedding model"

    sparse: str = Field(description="name of a sparse model of this suite")

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.sparse: "sparse"}

    @property
    def searches(self) -> str:
        return self.sparse

    def default_name(self) -> str:
        return self.sparse

    def in_words(self) -> str:
        return "model that weighs the words of a text, and words that are not in it"

    def work(self, at: Sizes) -> Work:
        """2 x queries x patents x terms that both have, at most a query's; and the index in memory."""
        low, middle, high = (at.patents * terms * ENTRY_BYTES for terms in TERMS)
        return Work(2.0 * at.queries * at.patents * TERMS[1], memory=(low, middle, high))
