"""A search space over the fields of a recipe: which values each field may take, and the recipe that a draw makes.

Every field is drawn as one plain number or word, so that any searcher can draw it: a listed value as its JSON, a
stepped range as the number of steps, any other range as its value.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from patray.errors import InputError
from patray.recipes.read import change_recipe
from patray.recipes.record import Recipe

FIXED = {
    "name": "it names the sweep's result",
    "title": "it decides nothing",
    "origin": "it decides nothing",
    "seed": "trials would differ by luck; tune the winner with several seeds instead",
    "select_by": "trials would be compared by different measures; set `objective`",
    "validation_view": "trials would be compared on different texts",
    "validation_queries": "trials would be compared on different queries",
    "validation_corpus": "trials would be compared on different patents",
    "validate_every": "trials would be compared at different steps",
    "patience": "the scheduler decides when a trial stops",
    "shuffle_positives": "that is a control",
    "hard_negatives": "a sweep mines none; give them to the winner in a suite",
    "strategy": "it decides no weight",
    "gradient_checkpointing": "it decides no weight",
}
"""Fields that no space may hold, and why."""
COUPLED = (
    {"batch", "mini_batch", "pairs"},
    {"mask", "sources"},
)
"""Fields that a recipe checks against each other: their values must agree in every combination."""
DECIDE_LOSS = ("batch", "temperature", "mask", "sources", "pairs", "max_tokens")
"""Fields on which the validation loss itself depends, so that it compares no two trials that differ in them."""
MOST_COMBINATIONS = 4096


class Part(BaseModel):
    """A part of a sweep file: extra keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Values(Part):
    """Some values, all equally likely at first."""

    values: tuple[Any, ...] = Field(min_length=1, description="each a value that the field may have")

    @model_validator(mode="after")
    def _different(self) -> Values:
        written = [_word(value) for value in self.values]
        if len(set(written)) < len(written):
            twice = next(word for word in written if written.count(word) > 1)
            raise ValueError(f"the value {twice} stands there twice")
        return self


class Range(Part):
    """A range with both ends. Whole numbers are drawn where both ends are written as such."""

    low: int | float = Field(description="lowest value")
    high: int | float = Field(description="highest value, drawn too")
    log: bool = Field(default=False, description="draw the logarithm evenly")
    step: int | float | None = Field(default=None, gt=0, description="draw low, low + step, ... alone")

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} has no logarithm; it must be above 0")
        if self.log and self.step is not None:
            raise ValueError("give either `log` or `step`")
        if self.step is not None and abs((self.high - self.low) / self.step - self.steps) > 1e-9 * max(1, self.steps):
            raise ValueError(f"high {self.high} is not low {self.low} and a whole number of steps of {self.step}")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def steps(self) -> int:
        """How many steps lie between low and high; 0 without `step`."""
        return 0 if self.step is None else round((self.high - self.low) / self.step)


Domain = Values | Range
Space = Mapping[str, Domain]


def check_space(recipe: Recipe, space: Space, where: Callable[[tuple[str | int, ...]], str], by_loss: bool) -> None:
    """InputError for a field that does not exist or may not be in a space, or a value that makes an invalid recipe.

    where: the file, line and key of a place in the space, such as ("batch", "values", 1). by_loss: the objective is
    the validation loss. Values are tried with those of the fields they depend on, the recipe's own elsewhere.
    """
    if not space:
        raise InputError(f"{where(())}: the space is empty; name at least one field of the recipe")
    allowed = [name for name in Recipe.model_fields if name not in FIXED]
    for field in space:
        top = field.split(".")[0]
        if top in FIXED:
            raise InputError(f"{where((field,))}: {top} cannot be swept: {FIXED[top]}")
        if top not in allowed:
            raise InputError(
                f"{where((field,))}: a recipe has no field {field!r}; allowed: {', '.join(allowed)}, and their parts, "
                "such as lora.rank or sources.0.weight"
            )
        if by_loss and top in DECIDE_LOSS:
            raise InputError(
                f"{where((field,))}: the objective `loss` depends on {top} itself, so trials that differ in it cannot "
                "be compared by it; use a retrieval measure"
            )
    if "steps" in space and "epochs" in space:
        raise InputError(f"{where(('steps',))}: give either `steps` or `epochs`")
    for fields in _groups(space):
        _check_group(recipe, {field: space[field] for field in fields}, where)


def recipe_of(recipe: Recipe, space: Space, drawn: Mapping[str, Any]) -> Recipe:
    """The recipe that a draw (field -> number or word, as a searcher gives it) makes of `recipe`."""
    return change_recipe(recipe, {field: _value(space[field], value) for field, value in drawn.items()})


def field_of(recipe: Recipe, path: str) -> Any:
    """The value at `path`, such as `sources.0.weight`, as plain YAML values; None inside a part that is absent."""
    value: Any = recipe.model_dump(mode="json")
    for part in path.split("."):
        if value is None:
            return None
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def words_of(domain: Values) -> list[str]:
    """What a searcher draws from, one word a value."""
    return [_word(value) for value in domain.values]


def _word(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _value(domain: Domain, drawn: Any) -> Any:
    if isinstance(domain, Values):
        return json.loads(drawn)
    if domain.step is not None:
        value = domain.low + int(drawn) * domain.step
        return int(value) if domain.whole and float(domain.step).is_integer() else float(f"{value:.12g}")
    return int(drawn) if domain.whole else float(drawn)


def _groups(space: Space) -> list[list[str]]:
    """The fields, those that a recipe checks against each other together."""
    rest, groups = list(space), []
    for names in COUPLED:
        group = [field for field in rest if field in names or field.split(".")[0] in names]
        if group:
            groups.append(group)
            rest = [field for field in rest if field not in group]
    return groups + [[field] for field in rest]


def _check_group(recipe: Recipe, space: Space, where: Callable[[tuple[str | int, ...]], str]) -> None:
    options: list[list[tuple[tuple[str | int, ...], Any]]] = []
    for field, domain in space.items():
        if isinstance(domain, Values):
            options.append([((field, "values", at), value) for at, value in enumerate(domain.values)])
        else:
            options.append([((field, "low"), domain.low), ((field, "high"), domain.high)])
            if domain.step is not None:
                options[-1].append(((field, "step"), _value(domain, 1)))
    if math.prod(map(len, options)) > MOST_COMBINATIONS:
        raise InputError(
            f"{where((next(iter(space)),))}: {', '.join(space)} depend on each other and have more than "
            f"{MOST_COMBINATIONS} combinations; list fewer values, or give ranges"
        )
    for chosen in itertools.product(*options):
        values = {str(place[0]): value for place, value in chosen}
        try:
            change_recipe(recipe, values)
        except InputError as error:
            shown = ", ".join(f"{field}: {value}" for field, value in values.items())
            raise InputError(f"{where(chosen[-1][0])}: {shown} makes no recipe: {error}") from error
