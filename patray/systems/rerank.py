"""Reranking: the first results of another system, read in pairs with the query by a cross-encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.systems.base import ModelKind, Sizes, System, Work

DEPTH = 100


class Rerank(System):
    """`{rerank: bm25, with: bge-reranker-v2-m3}` puts the first 100 of a system into a new order."""

    KIND: ClassVar[str] = "rerank"
    NOUN: ClassVar[str] = "reranked search"
    STEP: ClassVar[str] = "rerank"
    ALONE: ClassVar[bool] = True

    rerank: str = Field(description="a system that stands before it")
    with_: str = Field(alias="with", description="a reranker of this suite's models")
    depth: int | None = Field(default=None, ge=1, description="how many are reranked; default 100")

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.with_: "reranker"}

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.rerank,)

    def default_name(self) -> str:
        return f"{self.with_}{'' if self.depth in (None, DEPTH) else f'@{self.depth}'}({self.rerank})"

    def in_words(self) -> str:
        return "another system's first results, put in order by a second model"

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"depth": self.depth or min(DEPTH, ranking_depth)}

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        if self.depth is not None and self.depth > depth:
            raise InputError(
                f"systems: {name}: depth {self.depth} is beyond the rankings, which hold {depth} (search.depth)"
            )

    def work(self, at: Sizes) -> Work:
        """Every query with each of its first `depth` patents."""
        depth = min(int(self.depth or at.depth), at.patents)
        return Work(pairs=at.queries * depth, tokens=at.pair_tokens(self.with_, depth))
