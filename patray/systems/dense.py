"""Dense systems: one vector a text, exact cosine ranking; also cut to leading dimensions, or held in 8 bits or one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.systems.base import ModelKind, Positive, Sizes, System, Work, expand

LOSSY = ("int8", "binary")


class Dense(System):
    """`dense: minilm` ranks by the vectors of a model of this suite."""

    KIND: ClassVar[str] = "dense"
    NOUN: ClassVar[str] = "embedding model"

    dense: str = Field(description="name of a dense model of this suite")
    dimensions: Positive | tuple[Positive, ...] | None = Field(
        default=None, description="leading dimensions kept, scaled to length 1 again; a list: one system each"
    )
    precision: Literal["float32", "int8", "binary"] | None = Field(
        default=None, description="how the documents' vectors are held; default float32"
    )
    rescore: int | None = Field(
        default=None, ge=1, description="of int8 and binary: so many times the depth are scored again in float32"
    )

    @model_validator(mode="after")
    def _rescored(self) -> Dense:
        if self.rescore is not None and self.precision not in LOSSY:
            raise ValueError("`rescore` has a meaning for `precision` int8 and binary alone")
        return self

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.dense: "dense"}

    @property
    def searches(self) -> str:
        return self.dense

    @property
    def vectors(self) -> str:
        return self.dense

    @property
    def width(self) -> int | None:
        """Dimensions of a resolved system; None is the model's own."""
        return self.dimensions if isinstance(self.dimensions, int) else None

    @property
    def form(self) -> tuple[int | None, str, int | None]:
        """In what form it uses the vectors: dimensions, precision, rescoring."""
        return self.width, self.precision or "float32", self.rescore

    def default_name(self) -> str:
        marks = [str(self.width)] if self.width is not None else []
        if self.precision in LOSSY:
            marks.append(f"{self.precision}+r{self.rescore}" if self.rescore else str(self.precision))
        return f"{self.dense}@{','.join(marks)}" if marks else self.dense

    def expanded(self) -> Iterator[System]:
        yield from expand(self, "dimensions")

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"precision": self.precision or "float32"}

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        own = models[self.dense].dimension
        if self.width is not None and self.width > own:
            raise InputError(f"systems: {name}: {self.dense} has {own} dimensions, it cannot be cut to {self.width}")

    def work(self, at: Sizes) -> Work:
        """2 x queries x patents x width."""
        return Work(2.0 * at.queries * at.patents * (self.width or at.record(self.dense).dimension))
