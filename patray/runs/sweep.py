"""The sweep file: a search for the best values of a recipe's fields, on one base at one home.

It is to a sweep what the suite is to a run, and speaks the suite's words. Only validation scores decide; the winner is
a recipe file for a suite, where test families judge it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from patray.errors import ConflictError, InputError
from patray.files import Folder
from patray.landscapes.cited_pairs import Who, as_words, check_relevant
from patray.measures.definitions import AGREEMENT, F1, LEADING, parse_measure
from patray.recipes.options import Training
from patray.recipes.read import change_recipe
from patray.recipes.record import Recipe
from patray.recipes.space import Range, Values, check_space
from patray.runs.identity import differences
from patray.runs.resolve import resolve
from patray.runs.suite import LandscapeEntry, ModelEntry, ModelsFrom, Splits, Suite, ViewEntry
from patray.runs.tuned import Name, RecipeEntry, resolve_recipe
from patray.yaml_model import read_text, validate
from patray.yaml_source import YamlSource, load_yaml, parse_yaml, set_value


class Part(BaseModel):
    """A part of a sweep file: extra keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Objective(Part):
    """What the trials are compared by, on validation families: weights of the three tasks, in any unit."""

    retrieval: float = Field(default=0.0, ge=0, description="weight of `measure`")
    classification: float = Field(default=0.0, ge=0, description="weight of macro-F1 by the ten nearest neighbours")
    clustering: float = Field(default=0.0, ge=0, description="weight of k-means' V-measure")
    measure: str = Field(default=LEADING, description="the retrieval measure, or `loss` with retrieval alone")
    labels: tuple[str, ...] = Field(
        default=("files",), min_length=1, description="label sets of the other two; several count equally"
    )

    @model_validator(mode="after")
    def _some_weight(self) -> Objective:
        if self.retrieval + self.classification + self.clustering <= 0:
            raise ValueError("give retrieval, classification or clustering a weight above 0")
        if self.measure != "loss":
            try:
                parse_measure(self.measure)
            except InputError as error:
                raise ValueError(f"{error}; or `loss`") from error
        elif self.classification or self.clustering:
            raise ValueError("`loss` cannot be weighed with scores of tasks; name a retrieval measure")
        return self

    @property
    def is_weighted(self) -> bool:
        """More than the validation that a recipe has itself."""
        return bool(self.classification or self.clustering)

    @property
    def words(self) -> str:
        """Its name in tables and figures."""
        if not self.is_weighted:
            return f"validation {self.measure}"
        names = {"retrieval": self.measure, "classification": F1[0], "clustering": AGREEMENT[0]}
        kept = {task: getattr(self, task) for task in names if getattr(self, task)}
        return "validation " + " + ".join(f"{weight / sum(kept.values()):.2f} {names[t]}" for t, weight in kept.items())


class Asha(Part):
    """Asynchronous successive halving: of the trials at a rung, the best share goes on to the next."""

    grace_steps: int = Field(default=1, ge=1, description="no trial is stopped before so many steps: the first rung")
    reduction: float = Field(default=3, gt=1, description="one in so many goes on; rungs are so many times apart")


class Sweep(Part):
    """A search over a recipe's fields."""

    name: Name
    landscapes_root: str = Field(default=".", description="joined with a relative path of the home")
    home: LandscapeEntry = Field(description="the landscape of the pairs and of the validation")
    base: ModelEntry = Field(description="the model that is tuned")
    recipe: RecipeEntry = Field(description="the recipe whose fields the space changes; as in a suite, one seed")
    space: dict[str, Values | Range] = Field(description="field of the recipe -> its values or range")
    trials: Annotated[int, Field(ge=1)] = Field(description="how many draws are tried")
    objective: Objective | None = Field(default=None, description="a measure, `loss`, or weights; default: select_by")
    scheduler: Asha | None = Field(default=Asha(), description="null: every trial runs to its end")
    searcher: Literal["optuna", "random"] = "optuna"
    max_concurrent: int | None = Field(default=None, ge=1, description="default: as many trials as the cluster holds")
    seed: int = Field(default=0, ge=0, description="of the searcher")
    direction: Literal["cited", "citing", "both"] = Field(default="cited", description="as in tasks.retrieval")
    relevant: dict[str, int] | None = Field(default=None, description="as in tasks.retrieval")
    origin: tuple[Who, ...] | None = Field(default=None, min_length=1, description="as in tasks.retrieval")
    views: tuple[ViewEntry, ...] = Field(default=(), description="views of one's own that the recipe names")
    splits: Splits = Splits()
    training: Training = Training()
    models_from: ModelsFrom = ModelsFrom()

    _words = field_validator("relevant", mode="before")(as_words)

    @field_validator("relevant")
    @classmethod
    def _graded(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        return None if value is None else check_relevant(value)

    @field_validator("base", mode="before")
    @classmethod
    def _base_name(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value

    @field_validator("recipe", mode="before")
    @classmethod
    def _recipe_name(cls, value: Any) -> Any:
        return {"recipe": value} if isinstance(value, str) else value

    @field_validator("objective", mode="before")
    @classmethod
    def _measure(cls, value: Any) -> Any:
        return {"retrieval": 1.0, "measure": value} if isinstance(value, str) else value

    @field_validator("scheduler", mode="before")
    @classmethod
    def _scheduler_name(cls, value: Any) -> Any:
        """`asha` is short for its defaults, `none` for null."""
        return {"asha": {}, "none": None}.get(value, value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_seed(self) -> Sweep:
        if self.recipe.seeds != 1:
            raise ValueError("recipe.seeds: a trial has one seed; give the winner several in a suite")
        return self

    @property
    def record(self) -> Recipe:
        """The recipe, of a sweep that was read with every name resolved."""
        if self.recipe.record is None:
            raise AssertionError("the sweep was not resolved")
        return self.recipe.record

    @property
    def goal(self) -> Objective:
        if self.objective is None:
            raise AssertionError("the sweep was not resolved")
        return self.objective

    def suite(self) -> Suite:
        """The resolved suite of one landscape and one model that finds them as a run does."""
        return resolve(
            Suite(
                name=self.name,
                landscapes_root=self.landscapes_root,
                landscapes=(self.home,),
                models=(self.base,),
                splits=self.splits,
                training=self.training,
                models_from=self.models_from,
            )
        )


def read_sweep(path: str | Path, assignments: list[str] | None = None) -> Sweep:
    """The sweep in `path` with `key=value` assignments applied, every name resolved; InputError lists every mistake."""
    return parse_sweep(read_text(path, "sweep"), str(path), assignments or [])


def parse_sweep(text: str, name: str, assignments: list[str]) -> Sweep:
    """As `read_sweep`, from the text of a file called `name`."""
    source = parse_yaml(text, name)
    if not isinstance(source.value, dict):
        raise InputError(f"{name}: a sweep is a mapping of keys; allowed: {', '.join(Sweep.model_fields)}")
    placed = {set_value(source.value, assignment): assignment for assignment in assignments}
    _check_domains(source)
    sweep = validate(Sweep, source, placed)
    recipe = resolve_recipe(sweep.recipe)
    if recipe.record is None:
        raise AssertionError("a resolved recipe has a record")
    if recipe.record.hard_negatives is not None:
        raise InputError(
            f"{source.where(('recipe',))}: recipe {recipe.record.name} has hard_negatives, and a sweep mines none. "
            "Sweep it with `change: {hard_negatives: null}` and give them to the winner in a suite"
        )
    objective = sweep.objective or Objective(retrieval=1.0, measure=recipe.record.select_by)
    record = change_recipe(recipe.record, {"select_by": objective.measure})
    check_space(record, sweep.space, lambda place: source.where(("space", *place)), objective.measure == "loss")
    update = {"recipe": recipe.model_copy(update={"record": record}), "objective": objective}
    return sweep.model_copy(update=update)


def _check_domains(source: YamlSource) -> None:
    """Each field of the space says itself which of the two it is, so that its mistakes are told for that one alone."""
    space = source.value.get("space")
    for field, domain in space.items() if isinstance(space, dict) else ():
        where = source.where(("space", str(field)))
        if not isinstance(domain, dict) or not ({"values", "low", "high"} & domain.keys()):
            raise InputError(f"{where}: write {{values: [...]}}, or {{low: .., high: ..}} with log: true or step: ..")
        kind = Values if "values" in domain else Range
        unknown = [key for key in domain if key not in kind.model_fields]
        if unknown:
            raise InputError(f"{where}: unknown key {unknown[0]!r}. Allowed here: {', '.join(kind.model_fields)}")


def dump_sweep(sweep: Sweep) -> str:
    """A sweep as YAML with every default written out."""
    return yaml.safe_dump(sweep.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def claim_sweep(folder: Folder, sweep: Sweep, content: dict[str, str | None]) -> None:
    """Write the sweep into its folder, or check that the folder holds the same one; ConflictError if not.

    content: hashes of the home and the base, which a path does not tell.
    """
    free = {"landscapes_root", "max_concurrent"}
    new = load_yaml(dump_sweep(sweep.model_copy(update={"home": sweep.home.model_copy(update={"path": None})})))
    new = {key: value for key, value in new.items() if key not in free} | {"content": content}
    if folder.exists("sweep.yaml"):
        changes = differences(load_yaml(folder.read_text("sweep.yaml")), new)
        if changes:
            listed = "\n".join(f"  {change}" for change in changes[:40])
            raise ConflictError(
                f"the sweep {folder} exists with another content:\n{listed}\nGive this one another name, or delete "
                "the folder."
            )
    folder.write_text("sweep.yaml", yaml.safe_dump(new, sort_keys=False, allow_unicode=True, width=120))
