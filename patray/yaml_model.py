"""YAML against a pydantic model: every mistake is told with file, line, key and what is allowed there."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from patray.errors import InputError
from patray.yaml_source import Location, YamlSource

Model = TypeVar("Model", bound=BaseModel)


class UnknownKey(ValueError):
    """Raised by a validator that reads a mapping itself: a key that may not stand there, and those that may."""

    def __init__(self, key: str, allowed: list[str]) -> None:
        super().__init__(f"unknown key {key}")
        self.key, self.allowed = key, allowed


def read_text(path: str | Path, what: str) -> str:
    """The text of a UTF-8 file; InputError calls it a `what` file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such {what} file") from error
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: not a readable UTF-8 file: {error}") from error


def validate(model: type[Model], source: YamlSource, placed: Mapping[Location, str] | None = None) -> Model:
    """The value of `source` as a `model`; InputError has a line for every mistake.

    placed: place of a value -> the `--set` assignment that put it there; mistakes in it name the assignment.
    """
    try:
        return model.model_validate(source.value)
    except ValidationError as error:
        problems = [_explain(item, source, placed or {}, model) for item in error.errors(include_url=False)]
        raise InputError("\n".join(dict.fromkeys(problems))) from error


def _explain(problem: Any, source: YamlSource, placed: Mapping[Location, str], model: type[BaseModel]) -> str:
    location, told = _in_file(problem["loc"], source.value), problem.get("ctx", {}).get("error")
    if isinstance(told, UnknownKey):
        location = (*location, told.key)
    where = next(
        (f"--set {text}" for place, text in placed.items() if location[: len(place)] == place), source.where(location)
    )
    if problem["type"] == "extra_forbidden" or isinstance(told, UnknownKey):
        allowed = told.allowed if isinstance(told, UnknownKey) else _allowed_keys(location[:-1], model)
        near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        return f"{where}: unknown key{hint} Allowed here: {', '.join(allowed)}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    shown = f" (found {value!r})" if isinstance(value, (str, int, float, bool, type(None))) else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def _in_file(location: tuple[Any, ...], value: Any) -> Location:
    """pydantic's location without the names of union members that it inserts."""
    kept: list[str | int] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        in_list = isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
        if in_list or (isinstance(value, dict) and part in value):
            value = value[part]
        elif not (last and isinstance(value, dict)):
            continue
        kept.append(part)
    return tuple(kept)


def _allowed_keys(location: Location, model: type[BaseModel]) -> list[str]:
    """The keys that may stand at a place of a file that is a `model`."""
    kinds: list[Any] = [model]
    for part in location:
        found: list[Any] = []
        for kind in kinds:
            if isinstance(part, int):
                found.extend(arg for arg in typing.get_args(kind) if arg is not Ellipsis)
            elif isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
                found.append(kind.model_fields[part].annotation)
        kinds = [member for kind in found for member in _members(kind)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return list(dict.fromkeys(key for model in models for key in model.model_fields))


def _members(kind: Any) -> list[Any]:
    """The members of a union or Annotated type, flat."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return [member for arg in typing.get_args(kind) for member in _members(arg)]
    if origin is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    return [kind]
