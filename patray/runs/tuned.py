"""Fine-tuned models in a suite: which recipes, on which bases, at which homes, with how many seeds.

Every base x recipe x home x seed is a model BASE--RECIPE--HOME--sSEED of the suite, and a dense system like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.recipes.read import change_recipe, find_recipe, read_recipe
from patray.recipes.record import Recipe

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class RecipeEntry(BaseModel):
    """A recipe of the suite: a built-in one (`recipe`), a file (`file`) or its fields (`record`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = Field(default=None, description="what it is called in results; default the recipe's own name")
    recipe: str | None = Field(default=None, description="R1, R2, R3, R4, sham")
    file: str | None = Field(default=None, description="a recipe's YAML file, such as a sweep writes")
    record: Recipe | None = None
    seeds: int = Field(default=1, ge=1, description="trainings that differ in their seed alone: 0, 1, ...")
    change: dict[str, Any] = Field(
        default_factory=dict, description="fields that this suite sets: `{batch: 64, sources.0.weight: 2}`"
    )

    @model_validator(mode="after")
    def _one_source(self) -> RecipeEntry:
        given = [key for key in ("recipe", "file", "record") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `recipe` (built in), `file`, `record` (its fields)")
        return self


class Tuned(BaseModel):
    """What a tuned model was made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    recipe: str
    home: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.base}--{self.recipe}--{self.home}--s{self.seed}"


def resolve_recipe(entry: RecipeEntry) -> RecipeEntry:
    """The entry with the recipe's every field written out."""
    if entry.record is not None:
        recipe = entry.record
    elif entry.file is not None:
        recipe = read_recipe(entry.file)
    else:
        recipe = find_recipe(str(entry.recipe))
    changed = change_recipe(recipe, {**entry.change, "name": entry.name or recipe.name})
    return RecipeEntry(name=changed.name, record=changed, seeds=entry.seeds)


def tuned_models(
    recipes: Sequence[RecipeEntry], bases: Sequence[str], homes: Sequence[str], known: Mapping[str, ModelRecord],
    landscapes: Iterable[str],
) -> list[tuple[Tuned, ModelRecord]]:  # fmt: skip
    """Every model that the suite's recipes make, with its base's record under the new name.

    Raises InputError for a base that is no dense model of the suite in floating point, a home that is no landscape of
    it, or recipes without either.
    """
    if not recipes:
        if bases or homes:
            raise InputError("`bases` and `homes` have a meaning with `recipes` alone")
        return []
    dense = [name for name, record in known.items() if record.kind == "dense" and record.dtype != "int8"]
    for key, given, allowed in (("bases", bases, dense), ("homes", homes, list(landscapes))):
        if not given:
            raise InputError(f"recipes: the suite needs `{key}`; there are {', '.join(allowed) or 'none'}")
        unknown = [name for name in given if name not in allowed]
        if unknown:
            raise InputError(f"{key}: {unknown[0]!r} is not one of {', '.join(allowed) or 'none'}")
    made = [
        Tuned(base=base, recipe=str(entry.name), home=home, seed=seed)
        for base in bases
        for entry in recipes
        for home in homes
        for seed in range(entry.seeds)
    ]
    return [(tuned, known[tuned.base].model_copy(update={"name": tuned.name})) for tuned in made]
