"""Write out the systems of a suite: lists expanded, names and defaults in place, everything they name checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.systems.base import System
from patray.systems.dense import Dense
from patray.systems.late import Late
from patray.systems.lexical import Lexical
from patray.systems.sparse import Sparse


def resolve_systems(
    systems: Iterable[System] | None, models: Mapping[str, ModelRecord], ranking_depth: int
) -> tuple[System, ...]:
    """Every system with its name and settings written out, lists expanded; by default every model, and bm25.

    `models`: records by their names in the suite. InputError for a part that does not stand before, a model of the
    wrong kind, a width beyond the model's, a rerank deeper than the rankings.
    """
    if systems is None:
        systems = [*_every_model(models), Lexical(lexical="bm25")]
    resolved: dict[str, System] = {}
    for system in (one for given in systems for one in given.expanded()):
        name = system.name or system.default_name()
        if name in resolved:
            raise InputError(f"systems: the name {name} stands there twice; give one of them another `name`")
        _check_models(name, system, models)
        _check_parts(name, system, resolved)
        system.check(name, models, resolved, ranking_depth)
        resolved[name] = system.model_copy(update={"name": name, **system.completed(ranking_depth)})
    return tuple(resolved.values())


def _every_model(models: Mapping[str, ModelRecord]) -> Iterator[System]:
    for name, record in models.items():
        if record.kind == "dense":
            yield Dense(dense=name)
        elif record.kind == "late-interaction":
            yield Late(late=name)
        elif record.kind == "sparse":
            yield Sparse(sparse=name)


def _check_models(name: str, system: System, models: Mapping[str, ModelRecord]) -> None:
    for model, kind in system.uses.items():
        known = ", ".join(key for key, record in models.items() if record.kind == kind) or "none"
        if model not in models:
            raise InputError(f"systems: {name}: there is no model {model!r} in this suite; {kind} models: {known}")
        if models[model].kind != kind:
            raise InputError(
                f"systems: {name}: {model} is a {models[model].kind} model, not {kind}; {kind} models: {known}"
            )


def _check_parts(name: str, system: System, before: Mapping[str, System]) -> None:
    missing = [part for part in system.parts if part not in before]
    if missing:
        raise InputError(
            f"systems: {name}: {missing[0]!r} is not a system that stands before it; there are "
            f"{', '.join(before) or 'none'}"
        )
