"""Recipes by name, from a file, and with some fields changed."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from patray.errors import InputError
from patray.recipes.record import Recipe
from patray.yaml_model import read_text, validate
from patray.yaml_source import YamlSource, parse_yaml


@cache
def recipes() -> dict[str, Recipe]:
    """The built-in recipes by name, in alphabetical order."""
    found = {}
    for entry in sorted(resources.files("patray.recipes").joinpath("builtin").iterdir(), key=lambda item: item.name):
        recipe = parse_recipe(entry.read_text(encoding="utf-8"), f"patray/recipes/builtin/{entry.name}")
        if entry.name != f"{recipe.name.lower()}.yaml":
            raise InputError(f"patray/recipes/builtin/{entry.name}: the file must be called {recipe.name.lower()}.yaml")
        found[recipe.name] = recipe
    return found


def find_recipe(name: str) -> Recipe:
    """The built-in recipe of that name, in any case; InputError with the nearest names when there is none."""
    known = {known.lower(): recipe for known, recipe in recipes().items()}
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(known[one].name for one in near)}? " if near else ""
        raise InputError(
            f"recipe {name!r} is not built in: {hint}Known: {', '.join(recipes())}. "
            "Another one is a few lines of YAML: give its `file`, or its fields in the suite."
        )
    return known[name.lower()]


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file; InputError names file, line and key of every mistake."""
    return parse_recipe(read_text(path, "recipe"), str(path))


def parse_recipe(text: str, name: str) -> Recipe:
    """As `read_recipe`, from the text of a file called `name`."""
    source = parse_yaml(text, name)
    if not isinstance(source.value, dict):
        raise InputError(f"{name}: a recipe is a mapping of keys; allowed: {', '.join(Recipe.model_fields)}")
    return validate(Recipe, source)


def dump_recipe(recipe: Recipe) -> str:
    """A recipe as YAML with every default written out; reading it back gives an equal recipe."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def change_recipe(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with fields set by their path: `{"learning_rate": 1e-4, "sources.0.weight": 2, "lora.rank": 8}`.

    A field inside an absent part (lora, hard_negatives) makes that part, its other fields at their defaults. `steps`
    takes the place of `epochs` and the other way round. Raises InputError for an unknown field, naming it.
    """
    fields = recipe.model_dump(mode="json")
    for path, value in values.items():
        _set(fields, path, copy.deepcopy(value))
    for given, other in (("steps", "epochs"), ("epochs", "steps")):
        if values.get(given) is not None and values.get(other) is None:
            fields[other] = None
    return validate(Recipe, YamlSource(f"recipe {recipe.name}", fields, {}))


def _set(fields: dict[str, Any], path: str, value: Any) -> None:
    parts: list[str | int] = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = fields
    for depth, part in enumerate(parts):
        inside = part < len(target) if isinstance(part, int) and isinstance(target, list) else part in target
        new_part = depth == 1 and parts[0] in ("lora", "hard_negatives")  # its own fields are checked by the record
        if not inside and not new_part:
            known = ", ".join(target) if isinstance(target, dict) else f"0 to {len(target) - 1}"
            raise InputError(f"recipe: there is no field {path!r}; allowed at {part!r}: {known}")
        if depth == len(parts) - 1:
            target[part] = value
            return
        if target[part] is None and depth == 0 and part in ("lora", "hard_negatives"):
            target[part] = {}
        target = target[part]
        if not isinstance(target, (dict, list)):
            raise InputError(f"recipe: there is no field {path!r}: {part!r} is a single value")
