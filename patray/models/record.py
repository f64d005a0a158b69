"""A model's record: every fact that decides a vector, or that a person must know before using it.

Wrong pooling, a dropped Dense head, a missing prompt or a blank too few ruin a number without any error (one patent
model falls from .372 to .041 nDCG without its prompt), so nothing here has a guessed default: a fact that nobody has
verified is listed in `unknown`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from patray.models.engines import Engine

Role = Literal["document", "query", "classification", "clustering"]
ROLES: tuple[Role, ...] = ("document", "query", "classification", "clustering")
Native = Literal["gte", "jina", "llama", "nomic-moe", "qwen2", "xlm-roberta"]
UNFILLED = re.compile(r"\{\{?\s*\w*\s*\}?\}")
"""A template's slot, such as {task}: sent to a model as it is, it would ruin the prompt silently."""


class Prompts(BaseModel):
    """Text put before an input, by role. Blanks count. `classification` and `clustering` default to `document`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    query: str
    classification: str | None = None
    clustering: str | None = None
    origin: str = Field(description="where the strings were read: a card, a config file, a paper")

    @model_validator(mode="after")
    def _nothing_is_left_to_fill(self) -> Prompts:
        for role in ROLES:
            left = UNFILLED.search(self.of(role))
            if left is not None:
                raise ValueError(f"the prompt for {role} holds the unfilled placeholder {left[0]}; write its text")
        return self

    def of(self, role: Role) -> str:
        own = getattr(self, role)
        return self.document if own is None else own


class RemoteCode(BaseModel):
    """Python code that the checkpoint needs, pinned. Runs only where the suite allows it.

    A null `repo` or `commit` means that no pin has been verified: then the code must not run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str | None
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None


class RerankTemplate(BaseModel):
    """The text of one query-document pair for a generative reranker: prefix + body + suffix.

    `body` holds the slots {task}, {query} and {document}; they are filled by replacement, never by str.format, since
    patents contain braces. Blanks count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str
    body: str
    suffix: str
    task: str
    origin: str

    @model_validator(mode="after")
    def _slots_are_there(self) -> RerankTemplate:
        for slot in ("{task}", "{query}", "{document}"):
            if self.body.count(slot) != 1:
                raise ValueError(f"body must hold the slot {slot} exactly once, got {self.body!r}")
        left = UNFILLED.search(self.task)
        if left is not None:
            raise ValueError(f"task holds the unfilled placeholder {left[0]}; write its text")
        return self

    def body_of(self, query: str, document: str) -> str:
        """The body with its slots filled. Texts that contain a slot's name are left as they are."""
        texts = {"task": self.task, "query": query, "document": document}
        return re.sub(r"\{(task|query|document)\}", lambda slot: texts[slot.group(1)], self.body)


class ModelRecord(BaseModel):
    """One model. `dimension` is the width after the Dense heads; `max_tokens` is what patray truncates to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="short name used in suites")]
    repo: str = Field(description="hub repository, or the name it is known by")
    revision: Annotated[str, Field(pattern="^([0-9a-f]{40}|local)$", description="40 hex digits, or `local`")]
    kind: Literal["dense", "late-interaction", "sparse", "reranker", "listwise"]
    family: str = Field(description="models trained the same way in several sizes share a family")
    parameters: int | None = Field(description="number of weights; null when not known exactly")
    rounded_parameters: int | None = Field(default=None, description="the published size where only that is known")
    dimension: int = Field(gt=0)
    trained_dimensions: tuple[int, ...] | None = Field(
        description="widths below `dimension` that it was trained to be cut to (Matryoshka); null when not known"
    )
    trained_dimension_range: tuple[int, int] | None = Field(
        default=None, description="(lowest, highest) where it was trained for every width between"
    )
    max_tokens: int = Field(gt=0, description="inputs are truncated to this, special tokens included")
    nominal_tokens: int = Field(gt=0, description="what the architecture accepts")
    limit_shipped: bool | None = Field(
        default=True,
        description="whether the snapshot's own files cut at max_tokens; false: further on, and max_tokens is patray's "
        "choice; null when not known",
    )
    pooling: Literal["mean", "cls", "last", "token", "max", "sum", "none"]
    dense_heads: tuple[tuple[int | None, int], ...] = Field(
        description="(in, out) of each Dense module after pooling, of each token for late interaction; null: not known"
    )
    normalised: bool | None = Field(
        description="whether the checkpoint ends in a Normalize module (null: not known); patray normalises anyway"
    )
    attention: Literal["bidirectional", "causal", "none", "unknown"]
    architecture: str | None = Field(description="class named in config.json or its auto_map; null when not known")
    prompts: Prompts
    prompt_sets: dict[str, Prompts] = Field(default_factory=dict, description="other prompt sets, by name")
    prompts_shipped: bool | None = Field(
        default=True, description="whether the snapshot's own config states the prompts; null when not known"
    )
    adapters: dict[Role, str] = Field(
        default_factory=dict, description="folder of the snapshot with the LoRA adapter for each role (peft's format)"
    )
    ships_modules: bool = Field(default=True, description="false: the repository states no pooling (no modules.json)")
    query_tokens: int | None = Field(default=None, gt=0, description="late interaction: query length with expansion")
    document_tokens: int | None = Field(default=None, gt=0, description="late interaction: document length")
    expansion_attended: bool | None = Field(
        default=None,
        description="late interaction: whether attention reaches the query's expansion tokens; null: no expansion",
    )
    punctuation_skipped: bool | None = Field(
        default=None, description="late interaction: whether document punctuation gets no vector; null when not known"
    )
    query_table: bool = Field(
        default=False, description="sparse: queries are looked up in a table of term weights and pass no network"
    )
    template: RerankTemplate | None = Field(default=None, description="rerankers: the pair's text where it has one")
    score: Literal["sigmoid", "yes-no"] | None = Field(
        default=None, description="rerankers: sigmoid of one logit, or P(yes) against P(no) at the last token"
    )
    padding_side: Literal["left", "right"] | None = Field(
        description="null when not known: then patray pads right, which the attention mask hides"
    )
    last_token: int | None = Field(default=None, description="token id that must end every input after truncation")
    engines: tuple[Engine, ...] = Field(
        description="engines that run it, the preferred one first; empty when none here can, and `notes` says why"
    )
    engine_arguments: dict[str, object] = Field(default_factory=dict)
    tensor_parallel: int = Field(default=1, ge=1)
    dtype: Literal["float32", "bfloat16", "float16", "int8"]
    remote_code: RemoteCode | None = None
    native: Native | None = Field(
        default=None, description="class that runs it in place of its repository's own code (patray/encoders/native.py)"
    )
    package: str | None = Field(default=None, description="installed Python package whose `model` folder carries it")
    licence: str
    commercial: bool | None = Field(description="whether the licence allows commercial use; null when unstated")
    gated: bool = False
    excluded_regions: tuple[str, ...] = Field(default=(), description="where the licence does not allow its use")
    released: str | None = Field(description="date, as exactly as it is known; null when unknown")
    training_data: str
    contamination: str | None = Field(
        default=None, description="patents, citations or benchmark tasks that it was trained on, where that is known"
    )
    notes: str = ""
    unknown: tuple[str, ...] = Field(default=(), description="facts nobody has verified, in words")

    @field_validator("released")
    @classmethod
    def _released_is_a_date(cls, value: str | None) -> str | None:
        """`2024`, `2024-03` and `2024-03-14` are dates; a run compares them with those of patents."""
        try:
            day = "" if value is None else date.fromisoformat(value + "-01-01"[len(value) - 4 :]).isoformat()
        except ValueError:
            day = "no date"
        if value is not None and not (day.startswith(value) and len(value) in (4, 7, 10)):
            raise ValueError(f"released {value!r}: expected YYYY, YYYY-MM or YYYY-MM-DD, as exactly as it is known")
        return value

    @model_validator(mode="after")
    def _limits_agree(self) -> ModelRecord:
        if self.max_tokens > self.nominal_tokens:
            raise ValueError(f"max_tokens {self.max_tokens} is above nominal_tokens {self.nominal_tokens}")
        if self.dense_heads and self.dense_heads[-1][1] != self.dimension:
            raise ValueError(f"dimension {self.dimension} is not the output of the last dense head {self.dense_heads}")
        if self.kind == "late-interaction" and (self.query_tokens is None or self.document_tokens is None):
            raise ValueError("a late-interaction model needs query_tokens and document_tokens")
        if max(self.query_tokens or 0, self.document_tokens or 0) > self.nominal_tokens:
            raise ValueError(f"query_tokens or document_tokens is above nominal_tokens {self.nominal_tokens}")
        if self.query_table and self.kind != "sparse":
            raise ValueError("`query_table` has a meaning for sparse models alone")
        if self.native is not None and self.remote_code is not None:
            raise ValueError("`native` runs it without the repository's code: leave `remote_code` out")
        if not self.engines and not self.notes:
            raise ValueError("no engine runs it: `notes` must say why")
        return self

    @property
    def size(self) -> int | None:
        """Number of weights, exact where that is known, else as published; None when neither is."""
        return self.parameters if self.parameters is not None else self.rounded_parameters

    def trained_for(self, dimension: int) -> bool | None:
        """Whether it was trained to be cut to `dimension`; None when nobody has verified for which widths it was."""
        if dimension == self.dimension:
            return True
        if self.trained_dimension_range is not None:
            low, high = self.trained_dimension_range
            if low <= dimension <= high:
                return True
        return None if self.trained_dimensions is None else dimension in self.trained_dimensions

    def encoding_role(self, role: Role) -> Role:
        """The role whose vectors serve `role`: `document` when both get the same text, so each is encoded once."""
        if self.kind == "late-interaction" and role == "query":
            return role  # another length, expansion, and punctuation that counts
        if self.query_table and role == "query":
            return role
        same_adapter = self.adapter_of(role) == self.adapter_of("document")
        return "document" if same_adapter and self.prompts.of(role) == self.prompts.document else role

    def adapter_of(self, role: Role) -> str | None:
        """The LoRA adapter that encodes `role`, None where the model has none."""
        return self.adapters.get(role, self.adapters.get("document"))

    def code_pin(self) -> dict[str, str]:
        """`code_revision` for the loaders of transformers, where the code lies in another repository than the weights.

        Such code has a commit of its own; a snapshot pins what lies beside its weights.
        """
        code = self.remote_code
        if code is None or code.commit is None or code.repo == self.repo:
            return {}
        return {"code_revision": code.commit}
