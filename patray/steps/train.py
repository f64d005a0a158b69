"""Which models a run tunes: of which pairs, and where each checkpoint lies, the same list for run and plan.

tunings = tunings_of(suite, home)
made = match_materials({one.at: make_material(folder, one.recipe, suite) for one in tunings}, suite)
train_step(tunings[0], made[tunings[0].at], base).folder(store)     # WORKDIR/checkpoints/R1/minilm/3f0c…
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from patray.artifacts import key_of
from patray.files import Folder
from patray.landscapes.cited_pairs import ALL
from patray.models.record import ModelRecord
from patray.recipes.identity import training_identity, validation_hash
from patray.recipes.match import match
from patray.recipes.pairs import PairSet, make_pairs
from patray.recipes.record import Recipe
from patray.recipes.validation import Validation, make_validation
from patray.runs.suite import ModelEntry, Suite
from patray.runs.tuned import Tuned
from patray.steps.embed import Embeds
from patray.steps.landscape import shares

At = tuple[str, int]
"""Name and seed of a recipe: all tunings of one home with the same share their pairs."""


@dataclass(frozen=True)
class Tuning:
    """A tuned model of a suite. recipe: with the seed of this one."""

    entry: ModelEntry
    tuned: Tuned
    recipe: Recipe

    @property
    def at(self) -> At:
        return self.tuned.recipe, self.tuned.seed


@dataclass(frozen=True)
class Material:
    """What a recipe learns from at one home, and what it is watched by."""

    pairs: PairSet
    validation: Validation


@dataclass(frozen=True)
class TrainStep:
    """One model to be tuned. name: BASE--RECIPE--HOME--sSEED; home: the landscape of its pairs; the seed stands in the
    recipe. content: what the base's files are, see `models.content.identify`."""

    name: str
    base: ModelRecord
    recipe: Recipe
    home: str
    pairs: PairSet
    validation: Validation | None
    content: str | None = None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the weights."""
        watched = None if self.validation is None else validation_hash(self.validation)
        return training_identity(self.name, self.base, self.recipe, self.home, self.pairs, watched, self.content)

    @cached_property
    def key(self) -> str:
        return key_of(self.identity)

    def folder(self, store: Folder) -> Folder:
        """Where the checkpoint lies, made or not."""
        return store / "checkpoints" / self.recipe.name / self.base.name / self.key


def tunings_of(suite: Suite, home: str) -> list[Tuning]:
    """The tuned models of a resolved suite whose pairs come from `home`, in their order."""
    recipes = {str(entry.name): entry.record for entry in suite.recipes}
    found = []
    for entry in suite.models:
        if entry.tuned is not None and entry.tuned.home == home:
            recipe = recipes[entry.tuned.recipe]
            assert recipe is not None, "the suite was not resolved"
            seeded = recipe.model_copy(update={"seed": recipe.seed + entry.tuned.seed})
            found.append(Tuning(entry, entry.tuned, seeded))
    return found


def make_material(home: Folder, recipe: Recipe, suite: Suite) -> Material:
    """Pairs and validation of a recipe from a clean copy; InputError where there are none."""
    splits, retrieval = suite.splits, suite.tasks.retrieval
    where = (shares(splits), splits.salt, suite.own_views)
    asked = ("cited", ALL) if retrieval is None else (retrieval.direction, retrieval.cited_by)
    return Material(make_pairs(home, recipe, *where), make_validation(home, recipe, *where, *asked))


def match_materials(made: Mapping[At, Material], suite: Suite) -> dict[At, Material]:
    """All materials of one home, cut to as many pairs each where the suite asks for a matched control."""
    if not suite.matched or not made:
        return dict(made)
    cut = match({f"{name} seed {seed}": material.pairs for (name, seed), material in made.items()})
    return {(name, seed): replace(one, pairs=cut[f"{name} seed {seed}"]) for (name, seed), one in made.items()}


def train_step(tuning: Tuning, material: Material, base: Embeds) -> TrainStep:
    tuned = tuning.tuned
    of = (tuning.recipe, tuned.home, material.pairs, material.validation, base.content)
    return TrainStep(tuned.name, base.record, *of)
