"""A recipe: everything that decides what a base model is tuned on and how. Read from YAML, complete defaults.

What a training run costs (workers, GPUs, where checkpoints lie) is no part of it: that stands in the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from patray.errors import InputError
from patray.kinds import Registry
from patray.landscapes.cited_pairs import Category, Who, as_words
from patray.landscapes.views import SECTIONS
from patray.measures.definitions import LEADING, parse_measure
from patray.recipes.kinds import LOSSES, SOURCES

Relation = Literal["family", "citation", "text", "label"]
Text = str | Annotated[tuple[str, ...], Field(min_length=1)]
"""The name of a view, or a list of sections."""

DEFAULT_TEXTS: dict[str, tuple[Text, Text]] = {
    "citations": ("ta", "ta"),
    "shared-label": ("ta", "ta"),
    "cross-section": ("abstract", "claims"),
    "expert": ("ta", "dwpi-ta"),
}
"""Kind of source -> (anchor, positive) where the recipe names none; of kinds of other packages ta, ta."""

DECIDES_NO_WEIGHT = ("name", "title", "origin", "mini_batch", "gradient_checkpointing", "strategy")
"""Fields that name a recipe, or say in which pieces the same sums are computed."""


def _known(registry: Registry[Any]) -> Callable[[str], str]:
    """A validator of names in a registry."""

    def check(name: str) -> str:
        if name not in registry:
            raise ValueError(f"{name!r} is none of the {registry.group}: {', '.join(registry.names())}")
        return name

    return check


class Part(BaseModel):
    """A part of a recipe: extra keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Where pairs come from. Every batch is drawn from one source; sources are mixed by weight."""

    kind: Annotated[str, AfterValidator(_known(SOURCES))] = Field(description="what makes two texts a pair")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+~-]*$")] | None = Field(
        default=None, description="what it is called in counts and curves; default from kind and texts"
    )
    weight: float = Field(default=1.0, gt=0, description="share of the batches, relative to the other sources")
    anchor: Text | None = Field(default=None, description="view or sections of the anchor; default by kind")
    positive: Text | None = Field(default=None, description="view or sections of the positive; default by kind")
    labels: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="of shared-label: a label file's name, `files` for all of them, or ipc-, cpc- with section, class "
        "or subclass; of several, those that the landscape has",
    )
    max_label_share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of shared-label: labels that more than this share of the labelled training patents have make no "
        "pair; default 0.5",
    )
    direction: Literal["cited", "citing", "both"] | None = Field(
        default=None,
        description="of citations: the positive is what the anchor cites, what cites it, or, by a coin a citation, "
        "either; default cited",
    )
    origin: tuple[Who, ...] | None = Field(
        default=None, min_length=1, description="of citations: only those by these; default by all"
    )
    category: tuple[Category, ...] | None = Field(
        default=None, min_length=1, description="of citations: only those of these letters or sections; default all"
    )
    max_per_anchor: int | None = Field(
        default=None, ge=1, description="most pairs of one anchor; default all, of shared-label 1"
    )
    optional: bool = Field(default=False, description="leave the source out where the landscape has nothing for it")

    _words = field_validator("category", mode="before")(as_words)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, value: Any) -> Any:
        """Defaults that depend on the kind are written out, so that a record never says less than what is done."""
        if not isinstance(value, dict) or value.get("kind") not in SOURCES:
            return value
        kind = value["kind"]
        if isinstance(value.get("labels"), str):
            value = {**value, "labels": (value["labels"],)}
        texts: dict[str, object] = dict(zip(("anchor", "positive"), DEFAULT_TEXTS.get(kind, ("ta", "ta")), strict=True))
        if kind == "citations":
            texts |= {"direction": "cited"}
        if kind == "shared-label":
            texts |= {"max_label_share": 0.5, "max_per_anchor": 1}
        return {**value, **{key: default for key, default in texts.items() if value.get(key) is None}}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Source:
        owners = (
            *(("labels", "shared-label"), ("max_label_share", "shared-label")),
            *(("direction", "citations"), ("origin", "citations"), ("category", "citations")),
        )
        for key, kind in owners:
            if getattr(self, key) is not None and self.kind != kind:
                raise ValueError(f"`{key}` has no meaning for {self.kind}; it belongs to {kind}")
        if self.kind == "shared-label" and self.labels is None:
            raise ValueError("shared-label needs `labels`: a label file's name, `files`, ipc-subclass, cpc-class, ...")
        if self.kind in ("cross-section", "expert") and self.anchor == self.positive:
            raise ValueError(f"anchor and positive are both {self.anchor}: a {self.kind} pair needs two texts")
        if self.kind == "expert" and not any(_is_expert(text) for text in (self.anchor, self.positive)):
            raise ValueError("an expert pair needs the dwpi sections on one side, for example positive: dwpi-ta")
        for text in (self.anchor, self.positive):
            unknown = [section for section in text if section not in SECTIONS] if isinstance(text, tuple) else []
            if unknown:
                raise ValueError(f"unknown section {unknown[0]!r}; allowed are {', '.join(SECTIONS)}")
        return self

    @property
    def key(self) -> str:
        """Its name in counts, pairs and curves."""
        if self.name is not None:
            return self.name
        texts = [text if isinstance(text, str) else "+".join(text) for text in (self.anchor, self.positive) if text]
        if self.kind == "shared-label":
            return self.kind
        if self.kind == "citations":
            parts = ["citations"] + ([] if self.direction in (None, "cited") else [str(self.direction)])
            parts += ["+".join(words).replace(" ", "-") for words in (self.origin, self.category) if words]
            return ":".join(parts)
        return f"{self.kind}:{'~'.join(texts)}"


def _is_expert(text: Text | None) -> bool:
    sections = (text,) if isinstance(text, str) else text or ()
    return any(section.startswith("dwpi") for section in sections)


class HardNegatives(Part):
    """Negatives mined with the base model before training: ranks of its own exact search among the positives' texts."""

    per_anchor: int = Field(default=1, ge=1, description="negatives beside every pair")
    from_rank: int = Field(default=10, ge=1, description="first rank taken, from 1; the best ones are often true")
    to_rank: int = Field(default=50, ge=1, description="last rank taken")

    @model_validator(mode="after")
    def _room(self) -> HardNegatives:
        if self.to_rank - self.from_rank + 1 < self.per_anchor:
            raise ValueError(
                f"ranks {self.from_rank} to {self.to_rank} hold fewer than per_anchor = {self.per_anchor} negatives"
            )
        return self


class Lora(Part):
    """Low-rank adapters (peft) in place of full fine-tuning."""

    rank: int = Field(default=16, ge=1, description="rank of every adapter")
    alpha: float = Field(default=32, gt=0, description="scale; the update is multiplied by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout before the adapter")
    targets: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default="all-linear", description="names of the layers that get one, or all-linear"
    )


class Recipe(Part):
    """A recipe of fine-tuning."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(description="name in results")
    title: str = Field(default="", description="what it is, in a line")
    origin: str = Field(default="own", description="who published it, or that it is a reading or a control")
    sources: tuple[Source, ...] = Field(min_length=1, description="where its pairs come from")
    pairs: int | None = Field(default=None, ge=2, description="cut to so many pairs (matched data); null: all")
    shuffle_positives: bool = Field(default=False, description="the sham: no pair keeps its positive")
    mask: tuple[Relation, ...] = Field(
        default=("family", "citation", "text"),
        description="in-batch negatives that are none: of the anchor's family, joined to it by a citation, with the "
        "text of its anchor or positive, or with a label of a shared-label source in common; [] masks nothing",
    )
    hard_negatives: HardNegatives | None = Field(default=None, description="mined with the base model; null: none")
    loss: Annotated[str, AfterValidator(_known(LOSSES))] = Field(
        default="ranking", description="what is made small: a name of recipes/kinds.py or of another package"
    )
    temperature: float = Field(default=0.05, gt=0, description="similarities are divided by it")
    matryoshka: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="further widths that the loss is summed over, descending"
    )
    batch: int = Field(default=256, ge=2, description="pairs of one step, over all workers")
    mini_batch: int = Field(default=32, ge=1, description="pairs encoded at once (chunk of the gradient cache)")
    epochs: float | None = Field(default=None, gt=0, description="passes over the pairs; default 1 without `steps`")
    steps: int | None = Field(default=None, ge=1, description="optimiser steps, in place of epochs")
    learning_rate: float = Field(default=2e-5, gt=0, description="highest learning rate, of AdamW")
    warmup_share: float = Field(default=0.1, ge=0, lt=1, description="share of the steps that the rate rises in")
    schedule: Literal["linear", "cosine", "constant"] = Field(default="linear", description="the rate after warm-up")
    weight_decay: float = Field(default=0.01, ge=0, description="of AdamW; never on biases and norms")
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are cut to this norm")
    max_tokens: int | None = Field(default=None, ge=8, description="longest training text; null: the model's own limit")
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="of the forward pass (autocast)")
    gradient_checkpointing: bool = Field(default=False, description="recompute activations: less memory, more time")
    lora: Lora | None = Field(
        default=None,
        description="adapters; null: full fine-tuning, but default adapters from bases of 1e9 weights on",
    )
    strategy: Literal["ddp", "fsdp"] = Field(default="ddp", description="copies of the model, or one cut into pieces")
    validate_every: int | None = Field(default=None, ge=1, description="steps; null: ten times in a training")
    patience: int | None = Field(
        default=None, ge=1, description="validations without a better one after which it stops; null: never"
    )
    select_by: str = Field(
        default=LEADING, description="the checkpoint that is kept: best by this retrieval measure, or by `loss`"
    )
    validation_view: str = Field(default="ta", description="view of the texts of the validation retrieval")
    validation_queries: int | None = Field(default=200, ge=1, description="most queries; null: all")
    validation_corpus: int | None = Field(
        default=2000, ge=10, description="most patents ranked, the relevant ones always among them; null: all"
    )
    seed: int = Field(default=0, ge=0, description="of pairs, order and dropout; a suite's `seeds` replace it")

    @model_validator(mode="before")
    @classmethod
    def _one_length(cls, value: Any) -> Any:
        """One epoch where neither `epochs` nor `steps` is given."""
        if isinstance(value, dict) and value.get("epochs") is None and value.get("steps") is None:
            return {**value, "epochs": 1.0}
        return value

    @field_validator("select_by")
    @classmethod
    def _known_measure(cls, value: str) -> str:
        if value != "loss":
            try:
                parse_measure(value)
            except InputError as error:
                raise ValueError(f"{error}; or `loss`") from error
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Recipe:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("give either `epochs` or `steps`")
        if self.mini_batch > self.batch:
            raise ValueError(f"mini_batch {self.mini_batch} is above batch {self.batch}")
        if self.pairs is not None and self.pairs < self.batch:
            raise ValueError(f"pairs {self.pairs} is fewer than one batch of {self.batch}")
        if list(self.matryoshka) != sorted(set(self.matryoshka), reverse=True):
            raise ValueError(f"matryoshka {list(self.matryoshka)}: give each width once, the largest first")
        keys = [source.key for source in self.sources]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"two sources are called {twice}; give one of them a `name`")
        if "label" in self.mask and not any(source.kind == "shared-label" for source in self.sources):
            raise ValueError("mask has `label`, but no source is of the kind shared-label: whose labels?")
        if len(set(self.mask)) < len(self.mask):
            raise ValueError(f"mask {list(self.mask)}: each once")
        return self


def identity(recipe: Recipe) -> dict[str, Any]:
    """What decides the weights, as plain values for a hash. Two recipes with equal identities are one.

    Left out: names and words, and how the sums are split up (mini_batch, gradient_checkpointing, strategy), which
    changes results by rounding alone.
    """
    fields = recipe.model_dump(mode="json", exclude=set(DECIDES_NO_WEIGHT))
    fields["mask"] = sorted(fields["mask"])
    for source in fields["sources"]:  # those that say nothing keep the identity that they had before they could
        for key in ("origin", "category"):
            if source[key] is None:
                del source[key]
    return fields
