"""The systems of a suite: anything that ranks, declared in one line each, expanded and named.

A system is one of seven kinds; a setting that has no meaning for its kind is an error. A list of widths or of k stands
for one system each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.search.words import parse_language

KINDS = ("dense", "late", "lexical", "linear", "rrf", "rerank", "run")
SETTINGS = {
    "dimensions": "dense", "precision": "dense", "rescore": "dense", "k1": "lexical", "b": "lexical",
    "language": "lexical", "k": "rrf", "with_": "rerank", "depth": "rerank", "content": "run",
}  # fmt: skip
"""Which kind a setting belongs to."""
LOSSY = ("int8", "binary")


class SystemEntry(BaseModel):
    """Anything that ranks: one of `dense`, `late`, `lexical`, `linear`, `rrf`, `rerank`, `run`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@(),-]*$")] | None = None
    dense: str | None = Field(default=None, description="name of a dense model of this suite")
    dimensions: Annotated[int, Field(gt=0)] | tuple[Annotated[int, Field(gt=0)], ...] | None = Field(
        default=None, description="of dense: leading dimensions kept, scaled to length 1 again; a list: one system each"
    )
    precision: Literal["float32", "int8", "binary"] | None = Field(
        default=None, description="of dense: how the documents' vectors are held; default float32"
    )
    rescore: int | None = Field(
        default=None, ge=1, description="of int8 and binary: so many times the depth are scored again in float32"
    )
    late: str | None = Field(default=None, description="name of a late-interaction model of this suite")
    lexical: Literal["bm25"] | None = None
    k1: float | None = Field(default=None, ge=0, description="of bm25; default 1.2")
    b: float | None = Field(default=None, ge=0, le=1, description="of bm25; default 0.75")
    language: str | dict[str, str] | None = Field(
        default=None,
        description="of bm25: how texts become terms (docs/suites.md), or one for each LANDSCAPE/VIEW; by default as "
        "the texts are, written when they were read",
    )
    linear: tuple[str, str] | None = Field(
        default=None,
        description="a dense or late and a lexical system, min-max per query, weight picked on validation queries",
    )
    rrf: tuple[str, ...] | None = Field(default=None, min_length=2, description="systems fused by reciprocal rank")
    k: Annotated[int, Field(gt=0)] | tuple[Annotated[int, Field(gt=0)], ...] | None = Field(
        default=None, description="of rrf; default 60; a list: one system each"
    )
    rerank: str | None = Field(default=None, description="a system that stands before it")
    with_: str | None = Field(default=None, alias="with", description="of rerank: a reranker of this suite's models")
    depth: int | None = Field(default=None, ge=1, description="of rerank: how many are reranked; default 100")
    run: str | None = Field(
        default=None, description="a TREC run made elsewhere: a file, or a folder with LANDSCAPE[/VIEW].run"
    )
    content: str | None = Field(default=None, description="of run: hash of its files; written when resolved")

    @model_validator(mode="after")
    def _one_kind(self) -> SystemEntry:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(f'`{kind}`' for kind in KINDS)}")
        for key, kind in SETTINGS.items():
            if getattr(self, key) is not None and kind != kinds[0]:
                raise ValueError(f"`{key.rstrip('_')}` has no meaning for a {kinds[0]} system")
        for language in self.language.values() if isinstance(self.language, dict) else filter(None, [self.language]):
            try:
                parse_language(language)
            except InputError as error:
                raise ValueError(str(error)) from error
        if self.rescore is not None and self.precision not in LOSSY:
            raise ValueError("`rescore` has a meaning for `precision` int8 and binary alone")
        if self.rerank is not None and self.with_ is None:
            raise ValueError("`rerank` needs `with`, a reranker of this suite's models")
        if self.run is not None and self.name is None:
            raise ValueError("`run` needs a `name`")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def parts(self) -> tuple[str, ...]:
        """Systems whose rankings this one is made from."""
        return self.linear or self.rrf or ((self.rerank,) if self.rerank is not None else ())

    @property
    def width(self) -> int | None:
        """Dimensions of a resolved dense system; None is the model's own."""
        return self.dimensions if isinstance(self.dimensions, int) else None


def system_name(system: SystemEntry) -> str:
    """The name of a system that has none of its own: its parts and settings."""
    if system.dense is not None:
        marks = [str(system.width)] if system.width is not None else []
        if system.precision in LOSSY:
            marks.append(f"{system.precision}+r{system.rescore}" if system.rescore else str(system.precision))
        return f"{system.dense}@{','.join(marks)}" if marks else system.dense
    if system.late is not None:
        return system.late
    if system.linear is not None:
        return f"linear({','.join(system.linear)})"
    if system.rrf is not None:
        return f"rrf{system.k or 60}({','.join(system.rrf)})"
    if system.rerank is not None:
        return f"{system.with_}{'' if system.depth in (None, 100) else f'@{system.depth}'}({system.rerank})"
    name = f"bm25-{system.language}" if isinstance(system.language, str) else "bm25"
    default = system.k1 in (None, 1.2) and system.b in (None, 0.75)
    return name if default else f"{name}-k{system.k1 or 1.2:g}-b{0.75 if system.b is None else system.b:g}"


def language_of(system: SystemEntry, landscape: str, view: str) -> str:
    """The language in which a resolved lexical system reads a landscape's view."""
    if isinstance(system.language, dict):
        place = f"{landscape}/{view}"
        if place not in system.language:
            raise InputError(f"systems: {system.name}: `language` lacks {place}; it has {', '.join(system.language)}")
        return system.language[place]
    return system.language or "english"


def resolve_systems(
    systems: Iterable[SystemEntry] | None, models: Mapping[str, ModelRecord], ranking_depth: int
) -> tuple[SystemEntry, ...]:
    """Every system with its name and settings written out, lists expanded; by default every model, and bm25.

    `models`: records by their names in the suite. InputError for a part that does not stand before, a model of the
    wrong kind, a width beyond the model's, a rerank deeper than the rankings.
    """
    if systems is None:
        systems = [*_every_model(models), SystemEntry(lexical="bm25")]
    resolved: dict[str, SystemEntry] = {}
    for system in _expanded(systems):
        name = system.name or system_name(system)
        if name in resolved:
            raise InputError(f"systems: the name {name} stands there twice; give one of them another `name`")
        _check_models(name, system, models)
        _check_parts(name, system, resolved, ranking_depth)
        changes: dict[str, object] = {"name": name}
        if system.dense is not None:
            changes.update(precision=system.precision or "float32")
        if system.lexical is not None:
            changes.update(k1=1.2 if system.k1 is None else system.k1, b=0.75 if system.b is None else system.b)
        if system.rrf is not None:
            changes.update(k=system.k or 60)
        if system.rerank is not None:
            changes.update(depth=system.depth or min(100, ranking_depth))
        resolved[name] = system.model_copy(update=changes)
    return tuple(resolved.values())


def _every_model(models: Mapping[str, ModelRecord]) -> Iterator[SystemEntry]:
    for name, record in models.items():
        if record.kind == "dense":
            yield SystemEntry(dense=name)
        elif record.kind == "late-interaction":
            yield SystemEntry(late=name)


def _expanded(systems: Iterable[SystemEntry]) -> Iterator[SystemEntry]:
    for system in systems:
        for key in ("dimensions", "k"):
            values = getattr(system, key)
            if isinstance(values, tuple):
                if system.name is not None and len(values) > 1:
                    raise InputError(f"systems: {system.name}: a list of {key} makes several systems; leave `name` out")
                yield from (system.model_copy(update={key: value}) for value in values)
                break
        else:
            yield system


def _check_models(name: str, system: SystemEntry, models: Mapping[str, ModelRecord]) -> None:
    for model, kind in ((system.dense, "dense"), (system.late, "late-interaction"), (system.with_, "reranker")):
        if model is None:
            continue
        known = ", ".join(key for key, record in models.items() if record.kind == kind) or "none"
        if model not in models:
            raise InputError(f"systems: {name}: there is no model {model!r} in this suite; {kind} models: {known}")
        if models[model].kind != kind:
            raise InputError(
                f"systems: {name}: {model} is a {models[model].kind} model, not {kind}; {kind} models: {known}"
            )
        if system.width is not None and system.width > models[model].dimension:
            raise InputError(
                f"systems: {name}: {model} has {models[model].dimension} dimensions, it cannot be cut to {system.width}"
            )


def _check_parts(name: str, system: SystemEntry, before: Mapping[str, SystemEntry], ranking_depth: int) -> None:
    missing = [part for part in system.parts if part not in before]
    if missing:
        raise InputError(
            f"systems: {name}: {missing[0]!r} is not a system that stands before it; there are "
            f"{', '.join(before) or 'none'}"
        )
    if system.linear is not None:
        kinds = tuple(before[part].kind for part in system.linear)
        if kinds[0] not in ("dense", "late") or kinds[1] != "lexical":
            raise InputError(
                f"systems: {name}: linear takes a dense or late system first and a lexical one second, not {kinds}"
            )
    if system.depth is not None and system.depth > ranking_depth:
        raise InputError(
            f"systems: {name}: depth {system.depth} is beyond the rankings, which hold {ranking_depth} (search.depth)"
        )
