"""Dense systems: one vector a text, exact cosine ranking; also cut to leading dimensions, or held in 8 bits or one.

The vectors are a model's (`dense`), or were made elsewhere (`vectors`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from patray.errors import InputError
from patray.importers.source import content_of
from patray.importers.vectors import folder_of, shapes_of
from patray.models.record import ModelRecord
from patray.systems.base import Inputs, ModelKind, Positive, Sizes, System, Work, expand

LOSSY = ("int8", "binary")


class OneVector(System):
    """What both kinds share: in which form the vectors are used."""

    NOUN: ClassVar[str] = "embedding model"

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
    def _rescored(self) -> Self:
        if self.rescore is not None and self.precision not in LOSSY:
            raise ValueError("`rescore` has a meaning for `precision` int8 and binary alone")
        return self

    @property
    def width(self) -> int | None:
        """Dimensions of a resolved system; None is all that there are."""
        return self.dimensions if isinstance(self.dimensions, int) else None

    @property
    def form(self) -> tuple[int | None, str, int | None]:
        """In what form it uses the vectors: dimensions, precision, rescoring."""
        return self.width, self.precision or "float32", self.rescore

    def marked(self, name: str) -> str:
        """A name with the form: minilm@128,int8."""
        marks = [str(self.width)] if self.width is not None else []
        if self.precision in LOSSY:
            marks.append(f"{self.precision}+r{self.rescore}" if self.rescore else str(self.precision))
        return f"{name}@{','.join(marks)}" if marks else name

    def expanded(self) -> Iterator[System]:
        yield from expand(self, "dimensions")

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"precision": self.precision or "float32"}


class Dense(OneVector):
    """`dense: minilm` ranks by the vectors of a model of this suite."""

    KIND: ClassVar[str] = "dense"

    dense: str = Field(description="name of a dense model of this suite")

    @property
    def uses(self) -> dict[str, ModelKind]:
        return {self.dense: "dense"}

    @property
    def searches(self) -> str:
        return self.dense

    @property
    def vectors(self) -> str:
        return self.dense

    def default_name(self) -> str:
        return self.marked(self.dense)

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        own = models[self.dense].dimension
        if self.width is not None and self.width > own:
            raise InputError(f"systems: {name}: {self.dense} has {own} dimensions, it cannot be cut to {self.width}")

    def work(self, at: Sizes) -> Work:
        """2 x queries x patents x width."""
        return Work(2.0 * at.queries * at.patents * (self.width or at.record(self.dense).dimension))


class Vectors(OneVector):
    """`{vectors: embeddings/ada, name: ada}` ranks by vectors that were made elsewhere (importers/vectors.py).

    Every task and statistic is as for a model's. Its place and content are those of files, of which the plan reads how
    many vectors of which width they hold.
    """

    KIND: ClassVar[str] = "vectors"
    NOUN: ClassVar[str] = "embedding made elsewhere"

    path: str = Field(alias="vectors", description="a folder with LANDSCAPE[/VIEW]/documents.parquet, .npy or .faiss")
    content: str | None = Field(default=None, description="hash of its files; written when resolved")

    @property
    def source(self) -> str:
        """What its vectors are called in the store."""
        return str(self.name).partition("@")[0]

    @property
    def searches(self) -> str:
        return self.source

    @property
    def vectors(self) -> str:
        return self.source

    def default_name(self) -> str:
        return self.marked(PurePosixPath(self.path.partition("?")[0].rstrip("/")).name)

    def work(self, at: Sizes) -> Work:
        """2 x queries x patents x width, and the float32 vectors that are taken into the store."""
        shapes = shapes_of(folder_of(self.path, at.landscape, at.view, at.alone))
        full = shapes["documents"][1]
        if self.width is not None and self.width > full:
            raise InputError(
                f"systems: {self.name}: {self.path} has {full} dimensions, it cannot be cut to {self.width}"
            )
        given = sum(4.0 * rows * width for rows, width in shapes.values())
        return Work(2.0 * at.queries * at.patents * (self.width or full), given=given)

    def with_inputs(self, inputs: Inputs) -> System:
        alone = len(inputs.landscapes) * len(inputs.views) == 1
        for landscape in inputs.landscapes:
            for view in inputs.views:
                folder_of(self.path, landscape, view, alone)
        return self.model_copy(update={"content": content_of(self.path)})
