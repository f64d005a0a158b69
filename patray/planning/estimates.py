"""The table of estimates that a plan is made with: tokenizers, accelerators, throughputs, prices, bytes. Made to be
edited; every row says where its numbers come from."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from patray.models.record import ModelRecord
from patray.yaml_model import read_text, validate
from patray.yaml_source import parse_yaml

ANY = "*"


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Range = tuple[float, float, float]
"""Lowest, expected, highest."""


class Vocabulary(Row):
    """Tokens of a vocabulary for each token of the packaged MiniLM tokenizer, without special tokens."""

    name: str
    models: tuple[str, ...] = Field(description="names of records that use it; `*` is every other one")
    ratio: Range
    specials: int = Field(ge=0, description="special tokens added to a text")
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Vocabulary:
        if not 0 < self.ratio[0] <= self.ratio[1] <= self.ratio[2]:
            raise ValueError(f"ratio must be lowest, expected, highest, all above 0, not {self.ratio}")
        return self


class Accelerator(Row):
    """A device, or one core of a CPU. `price_hour` in US dollars."""

    name: str
    kind: str = Field(pattern="^(gpu|cpu)$")
    memory_gib: Annotated[float, Field(gt=0)] | None
    peak_tflops: dict[str, Annotated[float, Field(gt=0)]]
    peak_source: str
    price_hour: Annotated[float, Field(ge=0)] | None
    price_source: str


class Throughput(Row):
    """How fast models of up to `up_to` weights run: measured (`tokens_per_s` at `weights`) or a share of the peak."""

    accelerator: str = Field(description="a name of `accelerators`, or `*`; the first row that fits is used")
    up_to: float = Field(gt=0)
    utilisation: Range | None = None
    tokens_per_s: Range | None = None
    weights: float | None = Field(default=None, gt=0, description="of the model that was measured")
    source: str

    @model_validator(mode="after")
    def _one_kind(self) -> Throughput:
        if (self.utilisation is None) == (self.tokens_per_s is None):
            raise ValueError("give either `utilisation` (a share of the peak) or `tokens_per_s` (measured)")
        if (self.tokens_per_s is None) != (self.weights is None):
            raise ValueError("`tokens_per_s` needs `weights`, the size of the model that was measured, and only it")
        return self


class Bytes(Row):
    """Bytes on disk: what was measured, on what."""

    vector_factor: float = Field(gt=0, description="a file of vectors for each of its numbers' bytes")
    token_vector_factor: float = Field(default=1.0, gt=0, description="the same of token vectors")
    ranking_row: float = Field(gt=0)
    trec_row: float = Field(gt=0)
    evidence_row: float = Field(gt=0)
    source: str


class Search(Row):
    """Exact dense search on one CPU core."""

    flops_per_core: float = Field(gt=0)
    source: str


class Time(Row):
    """Seconds of what is neither encoding nor the products of exact search, on the machine that was measured."""

    start: float = Field(default=40, ge=0, description="Python, Ray, first workers, report")
    model: float = Field(default=12, ge=0, description="actors of one encoder: start, imports, weights")
    search: float = Field(default=2.5, ge=0, description="actors of one dense or late search")
    prepared_per_s: float = Field(default=500, gt=0, description="patents validated and copied")
    lexical_pairs_per_s: float = Field(default=2.5e7, gt=0, description="BM25: queries x patents, of one core")
    evidence_rows_per_s: float = Field(default=5e5, gt=0, description="scored, written and read back")
    mean_score: float = Field(default=0.002, ge=0, description="interval of one score that is a mean, 10,000 resamples")
    count_score: float = Field(default=0.1, ge=0, description="of one score of classification or clustering")
    source: str = "assumed"


class Estimates(Row):
    vocabularies: tuple[Vocabulary, ...]
    accelerators: tuple[Accelerator, ...]
    throughputs: tuple[Throughput, ...]
    search: Search
    time: Time = Time()
    bytes: Bytes

    @model_validator(mode="after")
    def _complete(self) -> Estimates:
        if not any(ANY in row.models for row in self.vocabularies):
            raise ValueError("vocabularies need a row for the models `*` that are in no other row")
        names = {row.name for row in self.accelerators}
        unknown = [row.accelerator for row in self.throughputs if row.accelerator not in {*names, ANY}]
        if unknown:
            raise ValueError(f"throughputs name {unknown[0]!r}, which is none of the accelerators {', '.join(names)}")
        return self

    def vocabulary_of(self, record: ModelRecord) -> Vocabulary:
        """The row that names the record, else the one of `*`."""
        return next(
            (row for row in self.vocabularies if record.name in row.models),
            next(row for row in self.vocabularies if ANY in row.models),
        )

    def throughput_of(self, accelerator: Accelerator, weights: int) -> Throughput | None:
        """The first row for a model of this size; None where there is none."""
        return next(
            (row for row in self.throughputs if row.accelerator in (accelerator.name, ANY) and weights <= row.up_to),
            None,
        )


def read_estimates(path: str | None = None) -> Estimates:
    """The packaged table, or one's own; InputError names file, line, key and what is wrong."""
    name = path or "patray/planning/estimates.yaml"
    text = _packaged() if path is None else read_text(path, "estimates")
    return validate(Estimates, parse_yaml(text, name))


def _packaged() -> str:
    return resources.files("patray.planning").joinpath("estimates.yaml").read_text(encoding="utf-8")
