"""The registry: one YAML file a model in `records/`. An unknown model raises; nothing is ever given defaults."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from typing import Any

from pydantic import ValidationError

from patray.errors import InputError, ModelError
from patray.models.record import ModelRecord
from patray.yaml_source import load_yaml


def parse_record(fields: Any, source: str) -> ModelRecord:
    """A record from parsed YAML. Errors name `source`, the field and what is allowed."""
    try:
        return ModelRecord.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'record'}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise InputError(f"{source}: this model record is not complete: {problems}") from error


@cache
def registry() -> dict[str, ModelRecord]:
    """Every model that patray knows, by name, in alphabetical order."""
    records = {}
    for entry in sorted(resources.files("patray.models").joinpath("records").iterdir(), key=lambda item: item.name):
        record = parse_record(load_yaml(entry.read_text(encoding="utf-8")), f"patray/models/records/{entry.name}")
        if entry.name != f"{record.name}.yaml":
            raise ModelError(f"patray/models/records/{entry.name}: the file must be called {record.name}.yaml")
        records[record.name] = record
    return records


def find_record(name: str) -> ModelRecord:
    """The record of `name`; raises ModelError with the nearest names when there is none."""
    known = registry()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ModelError(
            f"model {name!r} is not in the registry: {hint}Known: {', '.join(known)}. "
            "Another model is `{path: FOLDER}` in the suite; `patray models record FOLDER` prints what its files say."
        )
    return known[name]
