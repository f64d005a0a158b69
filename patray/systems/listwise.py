"""Listwise reranking: the first results of another system, put in order by a language model in sliding windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.search.listwise import windows
from patray.systems.base import ModelKind, Positive, Sizes, System, Work

DEPTH, WINDOW, STEP = 100, 20, 10


class Listwise(System):
    """`{listwise: bm25, with: qwen3-8b, depth: 100, window: 20, step: 10}` asks a language model for the order."""

    KIND: ClassVar[str] = "listwise"
    NOUN: ClassVar[str] = "listwise reranked search"
    STEP: ClassVar[str] = "rerank"
    ALONE: ClassVar[bool] = True

    listwise: str = Field(description="a system that stands before it")
    with_: str = Field(alias="with", description="a listwise model of this suite")
    depth: Positive | None = Field(default=None, description="how many are put in order; default 100")
    window: int | None = Field(default=None, ge=2, description="patents of one prompt; default 20")
    step: Positive | None = Field(default=None, description="from one window to the next; default half of `window`")
    budget: Positive | None = Field(default=None, description="most prompts of a landscape and view; more is an error")

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.with_: "listwise"}

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.listwise,)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Depth, window and step of a resolved system."""
        window = self.window or WINDOW
        return self.depth or DEPTH, window, self.step or max(1, window // 2)

    def default_name(self) -> str:
        return f"{self.with_}{'' if self.depth in (None, DEPTH) else f'@{self.depth}'}({self.listwise})"

    def in_words(self) -> str:
        return "another system's first results, put in order by a language model"

    def completed(self, ranking_depth: int) -> dict[str, object]:
        _, window, step = self.sizes
        return {"depth": self.depth or min(DEPTH, ranking_depth), "window": window, "step": step}

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        own, window, step = self.sizes
        if self.depth is not None and own > depth:
            raise InputError(f"systems: {name}: depth {own} is beyond the rankings, which hold {depth} (search.depth)")
        if step > window:
            raise InputError(f"systems: {name}: a step of {step} leaves patents out between windows of {window}")

    def calls(self, queries: int, patents: int) -> int:
        """Prompts of a landscape and view. InputError where they are more than the budget."""
        depth, window, step = self.sizes
        calls = queries * len(windows(min(depth, patents), window, step))
        if self.budget is not None and calls > self.budget:
            raise InputError(
                f"systems: {self.name}: {queries:,} queries need {calls:,} prompts, its budget is {self.budget:,}; "
                "lower `depth`, raise `step`, or raise `budget`"
            )
        return calls

    def work(self, at: Sizes) -> Work:
        """Prompts, each as long as the model reads at most."""
        calls = self.calls(at.queries, at.patents)
        most = float(calls * at.record(self.with_).max_tokens)
        return Work(pairs=calls, tokens=(0.1 * most, 0.5 * most, most))
