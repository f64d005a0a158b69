"""Fusions: one ranking out of those of systems that stand before, by weighted scores or by reciprocal ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from patray.errors import InputError
from patray.landscapes.splits import SPLITS
from patray.measures.definitions import parse_measure
from patray.models.record import ModelRecord
from patray.search.fusion import linear, rrf, tune_weight
from patray.systems.base import Positive, Ranked, RankTask, System, expand

K = 60


class Linear(System):
    """`linear: [minilm, bm25]` adds min-max scores of each query, with a weight picked on validation queries."""

    KIND: ClassVar[str] = "linear"
    NOUN: ClassVar[str] = "fusion"
    STEP: ClassVar[str] = "fuse"
    TUNED: ClassVar[bool] = True
    KEPT: ClassVar[bool] = False

    linear: tuple[str, str] = Field(description="a dense or late and a lexical system")

    @property
    def parts(self) -> tuple[str, ...]:
        return self.linear

    def default_name(self) -> str:
        return f"linear({','.join(self.linear)})"

    def in_words(self) -> str:
        return f"{' and '.join(self.linear)} together, their scores added"

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        kinds = tuple(before[part].kind for part in self.linear)
        if before[self.linear[0]].searches is None or kinds[1] != "lexical":
            raise InputError(
                f"systems: {name}: linear takes a dense or late system first and a lexical one second, not {kinds}"
            )

    def rank(self, task: RankTask) -> Ranked:
        validation = task.query_split == SPLITS.index("validation")
        dense, words = task.parts
        if not validation.any():
            note = f"{task.landscape}: {task.system} has no validation query to tune its weight on; it is left at 0.5"
            return Ranked(linear(dense, words, 0.5, task.depth), [note])
        tuned = tune_weight(dense, words, task.truth, validation, parse_measure(task.measure))
        rows = tuned.rows(task.landscape, task.view, task.system)
        return Ranked(linear(dense, words, tuned.weight, task.depth), tuning=rows)


class Rrf(System):
    """`rrf: [minilm, bm25]` adds 1 / (k + rank)."""

    KIND: ClassVar[str] = "rrf"
    NOUN: ClassVar[str] = "fusion"
    STEP: ClassVar[str] = "fuse"
    KEPT: ClassVar[bool] = False

    rrf: tuple[str, ...] = Field(min_length=2, description="systems fused by reciprocal rank")
    k: Positive | tuple[Positive, ...] | None = Field(default=None, description="default 60; a list: one system each")

    @property
    def parts(self) -> tuple[str, ...]:
        return self.rrf

    def default_name(self) -> str:
        return f"rrf{self.k or K}({','.join(self.rrf)})"

    def in_words(self) -> str:
        return f"{' and '.join(self.rrf)} together, their rankings merged"

    def expanded(self) -> Iterator[System]:
        yield from expand(self, "k")

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"k": self.k or K}

    def rank(self, task: RankTask) -> Ranked:
        return Ranked(rrf(task.parts, int(str(self.k)), task.depth))
