"""The kinds of systems, and reading a suite's line as one of them.

`read_system({"dense": "minilm"})` is `Dense(dense="minilm")`: the key that names the kind decides.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable
from typing import Any

from patray.errors import InputError
from patray.kinds import Registry
from patray.systems.base import System
from patray.yaml_model import UnknownKey

SYSTEMS: Registry[type[System]] = Registry(
    "systems",
    {
        "dense": "patray.systems.dense:Dense",
        "vectors": "patray.systems.dense:Vectors",
        "late": "patray.systems.late:Late",
        "readings": "patray.systems.readings:Readings",
        "sparse": "patray.systems.sparse:Sparse",
        "lexical": "patray.systems.lexical:Lexical",
        "linear": "patray.systems.fusion:Linear",
        "rrf": "patray.systems.fusion:Rrf",
        "listwise": "patray.systems.listwise:Listwise",
        "rerank": "patray.systems.rerank:Rerank",
        "ranker": "patray.systems.functions:Ranks",
        "encoder": "patray.systems.functions:Encodes",
        "run": "patray.systems.foreign:Foreign",
    },
    (type, ABCMeta),
    lambda name, thing: checked_kind(name, thing),
)
"""Kind -> its class, those of other packages among them (entry points `patray.systems`)."""


def checked_kind(name: str, thing: Any) -> Any:
    """What another package names as a kind; InputError for a class that could not be used."""
    if not isinstance(thing, type):
        return thing  # the registry says what it is
    if not issubclass(thing, System):
        raise InputError(f"{thing.__name__} is no subclass of patray.systems.base.System")
    kind = getattr(thing, "KIND", None)
    if kind != name:
        raise InputError(f"{thing.__name__}.KIND is {kind!r}; it must be the entry point's name")
    if name not in {field.alias or key for key, field in thing.model_fields.items()}:
        raise InputError(
            f"{thing.__name__} has no field {name!r} (or with that alias), by which a suite names the kind"
        )
    spread = any(one.__module__.startswith("patray.systems.") and one is not System for one in thing.__mro__)
    if thing.rank is System.rank and not spread:
        raise InputError(f"{thing.__name__} has no method `rank(self, task)`")
    return thing


def keys_of(kind: str) -> list[str]:
    """The keys that a suite may say of a kind: keys_of("late") is ["name", "late"]."""
    return [field.alias or name for name, field in SYSTEMS[kind].model_fields.items()]


def read_system(value: Any) -> System:
    """A line of `systems` as a record. Raises ValueError (pydantic's too) with what is allowed."""
    if isinstance(value, System):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"a system is a mapping with one of {_quoted(SYSTEMS.names())}")
    belongs: dict[str, list[str]] = {}
    for kind in SYSTEMS.names():
        for key in keys_of(kind):
            belongs.setdefault(key, []).append(kind)
    named = [kind for kind in SYSTEMS.names() if kind in value]
    for key in value:
        if key not in belongs:
            raise UnknownKey(str(key), keys_of(named[0]) if named else list(SYSTEMS.names()))
    said = {key: item for key, item in value.items() if item is not None}
    kinds = [kind for kind in SYSTEMS.names() if kind in said]
    if len(kinds) != 1:
        raise ValueError(f"give exactly one of {_quoted(SYSTEMS.names())}")
    for key in said:
        if kinds[0] not in belongs[key]:
            raise ValueError(f"`{key}` has no meaning for a {kinds[0]} system")
    return SYSTEMS[kinds[0]].model_validate(said)


def readable(entries: Iterable[dict[str, Any]]) -> dict[str, System]:
    """Name -> system, of the lines of a resolved suite that this patray can read.

    Others are of another version of patray, or of a package that is not installed.
    """
    known = {}
    for entry in entries:
        try:
            known[str(entry["name"])] = read_system(entry)
        except ValueError:
            continue
    return known


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
