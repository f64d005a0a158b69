"""Readings: a long text read in spans by a dense model, ranked by the pooled scores of its spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from patray.encoders.spans import Spans, span_counts
from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.systems.base import ModelKind, Positive, Sizes, System, Work, expand

Pool = Literal["max", "top3", "first"]
TOKENS = 256


class Readings(System):
    """`{readings: minilm, tokens: 256, stride: 128, pool: max}` reads patents to the end; queries are read as ever."""

    KIND: ClassVar[str] = "readings"
    NOUN: ClassVar[str] = "reading in spans"

    readings: str = Field(description="name of a dense model of this suite")
    tokens: Positive | None = Field(default=None, description="of a span, special tokens included; default 256")
    stride: Positive | None = Field(default=None, description="from one span to the next; default half of `tokens`")
    pool: Pool | tuple[Pool, ...] | None = Field(
        default=None, description="max (default), top3 (mean of the three best) or first; a list: one system each"
    )

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.readings: "dense"}

    @property
    def spans(self) -> Spans:
        tokens = self.tokens or TOKENS
        return Spans(tokens, self.stride or max(1, tokens // 2))

    @property
    def searches(self) -> str:
        """The vectors of its spans, in the store's words: minilm#256-128."""
        return f"{self.readings}#{self.spans}"

    def default_name(self) -> str:
        return f"{self.readings}-spans{self.spans}-{self.pool or 'max'}"

    def in_words(self) -> str:
        return "embedding model that reads a text to its end, in spans"

    def expanded(self) -> Iterator[System]:
        yield from expand(self, "pool")

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"tokens": self.spans.tokens, "stride": self.spans.stride, "pool": self.pool or "max"}

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        record = models[self.readings]
        if self.spans.tokens > record.max_tokens:
            raise InputError(
                f"systems: {name}: spans of {self.spans.tokens} tokens, but {self.readings} reads {record.max_tokens}"
            )
        if self.spans.stride > self.spans.tokens:
            raise InputError(
                f"systems: {name}: a stride of {self.spans.stride} leaves tokens out between spans of "
                f"{self.spans.tokens}"
            )
        if "static" in record.engines:
            raise InputError(
                f"systems: {name}: {self.readings} is a static model, which reads a text to its end anyway"
            )

    def work(self, at: Sizes) -> Work:
        """2 x queries x spans x width."""
        spans = span_counts(at.document_tokens(self.readings), self.spans, 0).sum()
        return Work(2.0 * at.queries * float(spans) * at.record(self.readings).dimension)
