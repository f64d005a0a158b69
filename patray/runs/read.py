"""Read a suite file: every mistake is told with file, line, key, what was wrong and what is allowed there."""

from __future__ import annotations

import difflib
import types
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from patray.errors import InputError
from patray.runs.suite import Suite
from patray.runs.yaml_source import Location, YamlSource, parse_yaml, set_value


def read_suite(path: str | Path, assignments: list[str] | None = None) -> Suite:
    """The suite in `path` with `key=value` assignments (from --set) applied; InputError lists every mistake."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such suite file") from error
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: not a readable UTF-8 file: {error}") from error
    return parse_suite(text, str(path), assignments or [])


def parse_suite(text: str, name: str, assignments: list[str]) -> Suite:
    """As `read_suite`, from the text of a file called `name`."""
    source = parse_yaml(text, name)
    if not isinstance(source.value, dict):
        raise InputError(f"{name}: a suite is a mapping of keys; allowed: {', '.join(Suite.model_fields)}")
    placed = {set_value(source.value, assignment): assignment for assignment in assignments}
    try:
        return Suite.model_validate(source.value)
    except ValidationError as error:
        problems = [_explain(item, source, placed) for item in error.errors(include_url=False)]
        raise InputError("\n".join(dict.fromkeys(problems))) from error


def dump_suite(suite: Suite) -> str:
    """A suite as YAML with every default written out; reading it back gives an equal suite."""
    return yaml.safe_dump(suite.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True, width=120)


def _explain(problem: Any, source: YamlSource, placed: dict[Location, str]) -> str:
    location = _in_file(problem["loc"], source.value)
    where = next(
        (f"--set {text}" for place, text in placed.items() if location[: len(place)] == place), source.where(location)
    )
    if problem["type"] == "extra_forbidden":
        allowed = _allowed_keys(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
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


def _allowed_keys(location: Location) -> list[str]:
    """The keys that may stand at a place of the suite."""
    kinds: list[Any] = [Suite]
    for part in location:
        found: list[Any] = []
        for kind in kinds:
            if isinstance(part, int):
                found.extend(arg for arg in typing.get_args(kind) if arg is not Ellipsis)
            elif isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
                found.append(kind.model_fields[part].annotation)
        kinds = [member for kind in found for member in _members(kind)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return list(dict.fromkeys(field.alias or key for model in models for key, field in model.model_fields.items()))


def _members(kind: Any) -> list[Any]:
    """The members of a union or Annotated type, flat."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return [member for arg in typing.get_args(kind) for member in _members(arg)]
    if origin is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    return [kind]
