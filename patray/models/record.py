"""A model's record: every fact that decides a vector, or that a person must know before using it.

Wrong pooling, a dropped Dense head, a missing prompt or a blank too few ruin a number without any error (one patent
model falls from .372 to .041 nDCG without its prompt), so nothing here has a guessed default: a fact that nobody has
verified is listed in `unknown`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["document", "query", "classification", "clustering"]
ROLES: tuple[Role, ...] = ("document", "query", "classification", "clustering")
Engine = Literal["sentence-transformers", "vllm"]


class Prompts(BaseModel):
    """Text put before an input, by role. Blanks count. `classification` and `clustering` default to `document`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    query: str
    classification: str | None = None
    clustering: str | None = None
    origin: str = Field(description="where the strings were read: a card, a config file, a paper")

    def of(self, role: Role) -> str:
        own = getattr(self, role)
        return self.document if own is None else own


class RemoteCode(BaseModel):
    """Python code that the checkpoint needs, pinned. Runs only where the suite allows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]


class ModelRecord(BaseModel):
    """One model. `dimension` is the width after the Dense heads; `max_tokens` is what patray truncates to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="short name used in suites")]
    repo: str = Field(description="hub repository, or the name it is known by")
    revision: Annotated[str, Field(pattern="^([0-9a-f]{40}|local)$", description="40 hex digits, or `local`")]
    kind: Literal["dense", "late-interaction", "reranker"]
    family: str = Field(description="models trained the same way in several sizes share a family")
    parameters: int | None = Field(description="number of weights; null when not known exactly")
    dimension: int = Field(gt=0)
    trained_dimensions: tuple[int, ...] = Field(description="widths it was trained to be cut to (Matryoshka)")
    max_tokens: int = Field(gt=0, description="inputs are truncated to this, special tokens included")
    nominal_tokens: int = Field(gt=0, description="what the architecture accepts")
    pooling: Literal["mean", "cls", "last", "token", "none"]
    dense_heads: tuple[tuple[int, int], ...] = Field(description="(in, out) of each Dense module after pooling")
    normalised: bool = Field(description="whether the checkpoint ends in a Normalize module; patray normalises anyway")
    attention: Literal["bidirectional", "causal", "unknown"]
    architecture: str
    prompts: Prompts
    prompt_sets: dict[str, Prompts] = Field(default_factory=dict, description="other prompt sets, by name")
    padding_side: Literal["left", "right"]
    last_token: int | None = Field(default=None, description="token id that must end every input after truncation")
    engines: tuple[Engine, ...] = Field(min_length=1, description="engines that run it, the preferred one first")
    engine_arguments: dict[str, object] = Field(default_factory=dict)
    tensor_parallel: int = Field(default=1, ge=1)
    dtype: Literal["float32", "bfloat16", "float16"]
    remote_code: RemoteCode | None = None
    package: str | None = Field(default=None, description="installed Python package whose `model` folder carries it")
    licence: str
    commercial: bool | None = Field(description="whether the licence allows commercial use; null when unstated")
    gated: bool = False
    released: str
    training_data: str
    notes: str = ""
    unknown: tuple[str, ...] = Field(default=(), description="facts nobody has verified, in words")

    @model_validator(mode="after")
    def _limits_agree(self) -> ModelRecord:
        if self.max_tokens > self.nominal_tokens:
            raise ValueError(f"max_tokens {self.max_tokens} is above nominal_tokens {self.nominal_tokens}")
        if self.dense_heads and self.dense_heads[-1][1] != self.dimension:
            raise ValueError(f"dimension {self.dimension} is not the output of the last dense head {self.dense_heads}")
        return self

    def encoding_role(self, role: Role) -> Role:
        """The role whose vectors serve `role`: `document` when both get the same text, so each is encoded once."""
        return "document" if self.prompts.of(role) == self.prompts.document else role
