"""docs/recipes.md names every field with its true default, and its example is a recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from patray.recipes.read import parse_recipe
from patray.recipes.record import Recipe, Source
from patray.recipes.sift import CUT, FOUND, KEPT

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def rows() -> dict[str, str]:
    """Key -> default of every table row that starts with a key in backticks."""
    found: dict[str, str] = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        keys, defaults = re.findall(r"`([a-z_]+)`", cells[0]), cells[1:2]
        if keys and defaults and line.startswith("|"):
            found.update(dict.fromkeys(keys, defaults[0]))
    return found


@pytest.mark.parametrize("model", [Recipe, Source])
def test_every_field_stands_in_the_documentation(model: type[BaseModel]) -> None:
    assert set(model.model_fields) <= set(rows())


def test_the_defaults_in_the_documentation_are_those_of_the_record() -> None:
    recipe = parse_recipe("{name: x, sources: [{kind: cross-section}]}", "x.yaml")
    plain = set(Recipe.model_fields) - {"name", "sources", "title", "origin"}
    for field in plain:
        said = rows()[field].split("`")[1]
        value = recipe.model_dump(mode="json")[field]
        assert value == (float(said) if isinstance(value, float) else yaml.safe_load(said)), field


def test_the_example_is_a_recipe() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    recipe = parse_recipe(example[1], "example.yaml")
    assert recipe.learning_rate == 1e-5
    assert [source.kind for source in recipe.sources] == ["cross-section", "citations"]


def test_every_reason_of_the_counts_is_explained() -> None:
    code = (Path(__file__).resolve().parents[2] / "patray/recipes/sift.py").read_text(encoding="utf-8")
    reasons = re.findall(r'drop\(f?"([^"]+)"', code)
    assert len(reasons) > 8
    for reason in [FOUND, KEPT, CUT, *(one.replace("{others}", "validation or test") for one in reasons)]:
        assert f"`{reason}`" in TEXT, reason
