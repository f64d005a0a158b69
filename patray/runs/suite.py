"""The suite: a YAML file that declares a whole experiment. Every key, its type, its default and what it means.

Reading happens in three steps: parse (with line numbers), check against this schema, `resolve` (every default and name
written out). The resolved suite is what a run stores and what identifies it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from patray.landscapes.cited_pairs import CitedBy, Who, as_words, check_relevant
from patray.landscapes.slices import ALLOWED, is_slice
from patray.measures.definitions import AGREEMENT, F1, RETRIEVAL
from patray.models.engines import Engine
from patray.models.record import ModelRecord
from patray.recipes.options import Training
from patray.runs.tuned import Name, RecipeEntry, Tuned
from patray.statistics.draws import Draws
from patray.systems.base import System
from patray.systems.kinds import read_system

AnySystem = Annotated[SerializeAsAny[System], BeforeValidator(read_system)]
"""One line of `systems`, of any kind (patray/systems/)."""


def _of(allowed: tuple[str, ...], value: tuple[str, ...]) -> tuple[str, ...]:
    """`value`, when all of it is allowed."""
    for name in value:
        if name not in allowed:
            raise ValueError(f"measure {name!r}: no such measure here; allowed are {', '.join(allowed)}")
    return value


class Part(BaseModel):
    """A part of a suite: extra keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generate(Part):
    """A landscape made by the seeded generator."""

    seed: int = Field(default=0, ge=0)
    patents: int = Field(default=600, ge=20)
    cross_domain: float = Field(default=0.25, ge=0, le=1, description="share of citations between domains")


class LandscapeEntry(Part):
    """One landscape: a folder (`path`, joined to `landscapes_root`) or a generated one (`generate`)."""

    name: Name | None = None
    path: str | None = None
    generate: Generate | None = None
    max_bad_share: float = Field(default=0.05, ge=0, le=1, description="share of dropped rows that stops the run")
    content: str | None = Field(default=None, description="hash of its content; written when resolved")

    @model_validator(mode="after")
    def _one_source(self) -> LandscapeEntry:
        if (self.path is None) == (self.generate is None):
            raise ValueError("give either `path` or `generate`")
        if self.generate is not None and self.name is None:
            raise ValueError("a generated landscape needs a `name`")
        return self


class ViewEntry(Part):
    """A view of the suite's own: a name and its sections in order; queries outside the corpus may have others."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    sections: tuple[str, ...] = Field(min_length=1)
    query_sections: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="of query documents (queries.parquet) where they differ"
    )


class ModelEntry(Part):
    """A model: a registry name (`model`), a complete record (`record`), or a folder whose files say it all (`path`),
    with what this suite changes."""

    name: Name | None = Field(default=None, description="what it is called in results; default the record's name")
    model: str | None = None
    record: ModelRecord | None = None
    path: str | None = Field(default=None, description="a local snapshot")
    engine: Engine | None = None
    dtype: Literal["float32", "bfloat16", "float16", "int8"] | None = None
    prompts: str | None = Field(default=None, description="name of one of the record's prompt sets")
    max_tokens: int | None = Field(default=None, ge=8)
    content: str | None = Field(
        default=None,
        description="what its files are: the pinned commit where their hashes prove it, else a hash of them; written "
        "when resolved",
    )
    tuned: Tuned | None = Field(default=None, description="how this run makes it; written when resolved")

    @model_validator(mode="after")
    def _one_source(self) -> ModelEntry:
        if self.model is not None and self.record is not None:
            raise ValueError("give either `model` (a registry name) or `record` (a complete record), not both")
        if self.model is None and self.record is None and self.path is None:
            raise ValueError(
                "give `model` (a registry name), `record` (a complete record), or `path` alone (a folder with a model)"
            )
        return self


class Retrieval(Part):
    """Citations (or qrels) to rankings to measures."""

    direction: Literal["cited", "citing", "both"] = "cited"
    exclude_family: bool = Field(default=True, description="never rank a patent of the query's own family")
    earlier_only: bool = Field(default=False, description="rank only patents dated before the query")
    domain_from: Literal["ipc", "cpc", "ipc,cpc"] = Field(default="ipc", description="codes that decide in and out")
    relevant_from: int = Field(
        default=1,
        ge=1,
        description="grade of qrels, or of `relevant`, from which a patent counts; nDCG and ERR take all grades",
    )
    relevant: dict[str, int] | None = Field(
        default=None,
        description="grades of citations by category: {X: 3, Y: 2, A: 1, unknown: 0}, or {102: 3, 103: 2} of US "
        "rejections; the best of a citation counts, `unknown` is for those without any, what is not named has grade "
        "0; default: each citation 1",
    )
    origin: tuple[Who, ...] | None = Field(
        default=None, min_length=1, description="only citations by these count; default: by all"
    )
    measures: tuple[str, ...] = Field(
        default=tuple(map(str, RETRIEVAL)), min_length=1, description="what is reported; the first one leads"
    )
    slices: tuple[str, ...] = Field(
        default=("all", "in", "out", "jurisdictions"),
        description="or jurisdiction=US, category=X, origin=examiner for one; categories and origins for every one",
    )
    queries: Literal["all", "untuned", "test"] | None = Field(
        default=None,
        description="queries that are reported: all; all but validation (untuned); test. Default: untuned where a "
        "system of the suite is tuned on validation queries, else all",
    )

    @field_validator("slices")
    @classmethod
    def _known_slices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not is_slice(name):
                raise ValueError(f"unknown slice {name!r}; allowed are {ALLOWED}")
        return value

    _words = field_validator("relevant", mode="before")(as_words)

    @field_validator("relevant")
    @classmethod
    def _graded(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        return None if value is None else check_relevant(value)

    @model_validator(mode="after")
    def _reachable(self) -> Retrieval:
        if self.relevant is not None and self.relevant_from > max(self.relevant.values()):
            highest = max(self.relevant.values())
            raise ValueError(f"relevant_from: {self.relevant_from} is above {highest}, the highest grade in `relevant`")
        return self

    @property
    def cited_by(self) -> CitedBy:
        """Which citations count."""
        return CitedBy(self.relevant, self.origin or ())


class Classification(Part):
    """Label sets to multi-label k-NN and logistic probes, tuned on validation, reported on test."""

    labels: tuple[str, ...] = Field(
        default=("files", "ipc-subclass"),
        description="`files` = every label file; a file's name; or ipc-, cpc- with section, class or subclass",
    )
    probes: tuple[Literal["knn", "logistic"], ...] = Field(default=("knn", "logistic"), min_length=1)
    neighbours: tuple[int, ...] = Field(default=(1, 3, 5, 10, 20, 30, 50), min_length=1, description="grid of k")
    strengths: tuple[float, ...] = Field(default=(0.1, 1.0, 10.0, 100.0), min_length=1, description="grid of C")
    min_train: int = Field(default=5, ge=1, description="labels with fewer train patents are left out")
    measures: tuple[str, ...] = Field(default=F1, min_length=1, description="of each probe; the first one leads")

    @field_validator("measures")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _of(F1, value)


class Clustering(Part):
    """Label sets as classes (patents with exactly one label), k-means over seeds."""

    labels: tuple[str, ...] = Field(default=("files", "ipc-subclass"), description="as in classification")
    seeds: int = Field(default=5, ge=1)
    min_class: int = Field(default=5, ge=1, description="classes with fewer patents are left out")
    measures: tuple[str, ...] = Field(default=AGREEMENT, min_length=1, description="the first one leads")

    @field_validator("measures")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _of(AGREEMENT, value)


class Tasks(Part):
    """Which tasks run; `null` leaves one out."""

    retrieval: Retrieval | None = Retrieval()
    classification: Classification | None = Classification()
    clustering: Clustering | None = Clustering()


class Splits(Part):
    """Shares of families in train, validation and test, by a hash of the family id with this salt."""

    train: float = Field(default=0.6, ge=0, le=1)
    validation: float = Field(default=0.2, ge=0, le=1)
    test: float = Field(default=0.2, ge=0, le=1)
    salt: str = "patray"

    @model_validator(mode="after")
    def _add_up(self) -> Splits:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError(f"train + validation + test is {self.train + self.validation + self.test:g}, it must be 1")
        return self


class Comparison(Part):
    """A declared family of comparisons: corrected together."""

    name: str
    task: str = Field(description="retrieval, classification:LABELS, clustering:LABELS; LABELS may be *")
    metric: str
    slice: str = "all"
    between: Literal["systems", "views", "bases", "recipes"] = Field(
        default="systems",
        description="systems of a view, views of a system; bases: each tuned system with its base, and the verdicts; "
        "recipes: every two recipes on one base at their home",
    )
    against: str | None = Field(default=None, description="compare with this one alone; default every pair")
    systems: tuple[str, ...] | None = Field(default=None, description="compare these alone; default all")


class NonInferior(Part):
    """What is no difference that matters: systems within the margin of the best are told from those beyond it."""

    margin: float = Field(gt=0, lt=1, description="on the scale of the measure: 0.01 is one point of nDCG")


class Statistics(Part):
    """Intervals and tests."""

    resamples: int = Field(default=10_000, ge=100)
    flips: int = Field(default=10_000, ge=100)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    correction: Literal["auto", "max-t", "holm", "benjamini-hochberg"] = Field(
        default="auto", description="of the p of one family; auto: holm up to 50 comparisons, max-t beyond"
    )
    non_inferior: NonInferior | None = None
    seed: int = Field(default=0, ge=0)
    comparisons: tuple[Comparison, ...] | None = Field(default=None, description="default: main metric of every task")

    @property
    def draws(self) -> Draws:
        """What every number of the run is made with."""
        margin = None if self.non_inferior is None else self.non_inferior.margin
        return Draws(self.resamples, self.flips, self.seed, self.correction, self.level, margin)


class Actors(Part):
    """How many encoder actors: from min, growing to max as the cluster gives room. max null: as many as fit."""

    min: int = Field(default=1, ge=1)
    max: int | None = Field(default=None, ge=1)


class Embedding(Part):
    """How vectors are made. Nothing here but the engine and dtype of a model decides a vector."""

    actors: Actors = Actors()
    threads: int = Field(default=1, ge=1, description="CPU threads of one actor")
    gpus: float = Field(default=0, ge=0, description="GPUs of one actor; 0 runs on the CPU")
    tokens_per_batch: int | None = Field(default=None, ge=16, description="default 2048 on CPU, 65536 on GPU")
    stall_seconds: int = Field(default=1800, ge=10, description="no window done for so long stops the run")


class Search(Part):
    """Exact dense search."""

    depth: int = Field(default=100, ge=10, description="length of every ranking")
    shards: int | None = Field(default=None, ge=1, description="search actors; default one a 4 GiB of vectors")
    coarse: Literal["float32", "bfloat16", "float16", "faiss"] = Field(
        default="float32", description="precision of the candidate pass; results are exact for each"
    )


class ModelsFrom(Part):
    """Where snapshots may come from beside explicit paths and packages."""

    mirror: str | None = None
    hub: bool = False
    remote_code: bool = Field(default=False, description="allow pinned remote code")


Export = Literal["trec", "faiss"]


class Prices(Part):
    """US dollars an hour, for the cost in the provenance; null leaves cost out."""

    cpu_hour: float | None = Field(default=None, ge=0)
    gpu_hour: float | None = Field(default=None, ge=0)


class Suite(Part):
    """A whole experiment."""

    name: Name
    title: str = ""
    landscapes_root: str = Field(default=".", description="joined with relative landscape paths")
    landscapes: tuple[LandscapeEntry, ...] = Field(min_length=1)
    views: tuple[str | ViewEntry, ...] = Field(default=("ta",), min_length=1)
    models: tuple[ModelEntry, ...] = ()
    systems: tuple[AnySystem, ...] | None = Field(default=None, description="default: every model, and bm25")
    recipes: tuple[RecipeEntry, ...] = Field(default=(), description="fine-tunings; each is tried on every base")
    bases: tuple[str, ...] = Field(default=(), description="models of this suite that the recipes tune")
    homes: tuple[str, ...] = Field(
        default=(),
        description="landscapes whose training families they are tuned on; only test families are judged there",
    )
    matched: bool = Field(
        default=False, description="cut all recipes of a home to the same number of pairs, so that data is no advantage"
    )
    tasks: Tasks = Tasks()
    splits: Splits = Splits()
    statistics: Statistics = Statistics()
    embedding: Embedding = Embedding()
    training: Training = Training()
    search: Search = Search()
    models_from: ModelsFrom = ModelsFrom()
    exports: tuple[Export, ...] = Field(
        default=(),
        description="files for other tools that the run writes itself: trec, faiss; `patray export` makes them later",
    )
    prices: Prices = Prices()

    @property
    def own_views(self) -> dict[str, tuple[str, ...]]:
        """Name -> sections of the views of a resolved suite."""
        return {view.name: view.sections for view in self.views if isinstance(view, ViewEntry)}

    @field_validator("models", mode="before")
    @classmethod
    def _model_names(cls, value: Any) -> Any:
        """`models: [minilm]` is short for `models: [{model: minilm}]`."""
        if isinstance(value, (list, tuple)):
            return [{"model": item} if isinstance(item, str) else item for item in value]
        return value

    @field_validator("recipes", mode="before")
    @classmethod
    def _recipe_names(cls, value: Any) -> Any:
        """`recipes: [R1]` is short for `recipes: [{recipe: R1}]`."""
        if isinstance(value, (list, tuple)):
            return [{"recipe": item} if isinstance(item, str) else item for item in value]
        return value
