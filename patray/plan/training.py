"""The training steps of a plan: pairs are made as the run makes them, so their numbers, and whether the checkpoint is
there, are facts; the work of a step is estimated in forward passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from patray.artifacts import is_complete, key_of
from patray.errors import InputError, PatrayError
from patray.files import Folder
from patray.landscapes.cited_pairs import ALL
from patray.models.content import identify
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot
from patray.plan.corpus import Corpus
from patray.plan.embeddings import NOTHING, PlannedModel, State
from patray.plan.estimates import Range
from patray.recipes.batches import training_steps
from patray.recipes.checkpoint import open_checkpoint
from patray.recipes.identity import training_identity, validation_hash
from patray.recipes.match import match
from patray.recipes.model import lora_of
from patray.recipes.pairs import PairSet, make_pairs
from patray.recipes.record import Recipe
from patray.recipes.validation import Validation, make_validation
from patray.runs.suite import ModelEntry, Suite
from patray.runs.tuned import Tuned
from patray.steps.mined import Ranker, as_trained, draw_mined

PASSES = 4
"""Forward passes that one training token is worth: without gradients for the cache, with them, and twice as much back
(Gao et al. 2021, section 3; Kaplan et al. 2020, section 2.1)."""
VALIDATIONS = 10
"""In a training whose recipe names no distance between them."""
FULL_BYTES, ADAPTER_SHARE = 16, 0.02
"""Bytes for each weight that is trained: float32 weight, gradient, two moments of AdamW. Share of weights that LoRA
adds, taken high."""


@dataclass(frozen=True)
class TrainStep:
    """One training. pairs, steps: counted. tokens: forward tokens that it is worth, 0 where it is done.

    memory: bytes of weights, gradients and optimiser; activations of one mini-batch come on top. why: of a refused one.
    """

    model: str
    base: str
    recipe: str
    home: str
    seed: int
    state: State
    pairs: int
    steps: int
    tokens: Range
    memory: int
    why: str


@dataclass(frozen=True)
class _Material:
    pairs: PairSet
    validation: Validation


def plan_training(
    suite: Suite, corpora: Mapping[str, Corpus], bases: Mapping[str, PlannedModel], store: Folder
) -> tuple[list[TrainStep], dict[str, PlannedModel]]:
    """The trainings of a resolved suite, and its tuned models (with their own record where the checkpoint is there)."""
    steps, models = list[TrainStep](), dict[str, PlannedModel]()
    recipes = {str(entry.name): entry.record for entry in suite.recipes}
    for home in suite.homes:
        entries = [(entry, entry.tuned) for entry in suite.models if entry.tuned is not None]
        mine = [(entry, tuned) for entry, tuned in entries if tuned.home == home]
        seeded = {(tuned.recipe, tuned.seed): _seeded(recipes[tuned.recipe], tuned.seed) for _, tuned in mine}
        made, problems = _materials(corpora[home], seeded, suite)
        for entry, tuned in mine:
            at = tuned.recipe, tuned.seed
            step, model = _step(entry, tuned, seeded[at], made.get(at), problems.get(at, ""), bases[tuned.base], store)
            steps.append(step)
            models[model.name] = model
    return steps, models


def _seeded(recipe: Recipe | None, seed: int) -> Recipe:
    if recipe is None:
        raise AssertionError("the suite was not resolved")
    return recipe.model_copy(update={"seed": recipe.seed + seed})


def _materials(
    corpus: Corpus, recipes: Mapping[tuple[str, int], Recipe], suite: Suite
) -> tuple[dict[tuple[str, int], _Material], dict[tuple[str, int], str]]:
    """Pairs and validation of every recipe and seed at one home, matched where asked; or why there are none."""
    splits = suite.splits
    where = ((splits.train, splits.validation, splits.test), splits.salt, suite.own_views)
    retrieval = suite.tasks.retrieval
    asked = ("cited", ALL) if retrieval is None else (retrieval.direction, retrieval.cited_by)
    made, problems = dict[tuple[str, int], _Material](), dict[tuple[str, int], str]()
    folder = corpus.prepared.folder
    for at, recipe in recipes.items():
        try:
            made[at] = _Material(make_pairs(folder, recipe, *where), make_validation(folder, recipe, *where, *asked))
        except InputError as error:
            problems[at] = str(error)
    if suite.matched and made:
        cut = match({f"{name} seed {seed}": material.pairs for (name, seed), material in made.items()})
        made = {(name, seed): replace(one, pairs=cut[f"{name} seed {seed}"]) for (name, seed), one in made.items()}
    return made, problems


def _step(
    entry: ModelEntry,
    tuned: Tuned,
    recipe: Recipe,
    material: _Material | None,
    problem: str,
    base: PlannedModel,
    store: Folder,
) -> tuple[TrainStep, PlannedModel]:
    model = replace(base, name=tuned.name, record=_named(base.record, tuned.name), found="this run", content=None)
    if material is None:
        why = f"cannot be tuned: {problem}"
        return _train_step(tuned, recipe, base, None, "refused", why, NOTHING), replace(model, refused=why)
    ranker = Ranker(as_trained(base.record, recipe), base.engine, base.content, tuned.home)
    try:
        pairs = draw_mined(material.pairs, recipe, ranker, store)
    except InputError as error:
        why = f"cannot be tuned: {error}"
        return _train_step(tuned, recipe, base, material, "refused", why, NOTHING), replace(model, refused=why)
    folder = None if pairs is None else _checkpoint(tuned, recipe, base, pairs, material.validation, store)
    if folder is not None and is_complete(folder):
        try:
            record = open_checkpoint(folder)
        except PatrayError as error:
            why = str(error)
            return _train_step(tuned, recipe, base, material, "refused", why, NOTHING), replace(model, refused=why)
        content = identify(record, Snapshot(folder.uri, "this run"), trust_listing=True).content
        done = replace(model, record=record, content=content)
        return _train_step(tuned, recipe, base, material, "done", "", NOTHING), done
    if base.refused:
        why = f"its base {base.name} cannot run"
        return _train_step(tuned, recipe, base, material, "refused", why, NOTHING), replace(model, refused=why)
    tokens = _tokens(recipe, material, base, mining=pairs is None)
    return _train_step(tuned, recipe, base, material, "to do", "", tokens), model


def _checkpoint(
    tuned: Tuned, recipe: Recipe, base: PlannedModel, pairs: PairSet, validation: Validation, store: Folder
) -> Folder:
    watched = validation_hash(validation)
    identity = training_identity(tuned.name, base.record, recipe, tuned.home, pairs, watched, base.content)
    return store / "checkpoints" / recipe.name / base.record.name / key_of(identity)


def _named(record: ModelRecord, name: str) -> ModelRecord:
    return record.model_copy(update={"name": name})


def _train_step(
    tuned: Tuned, recipe: Recipe, base: PlannedModel, material: _Material | None, state: State, why: str, tokens: Range
) -> TrainStep:
    pairs = 0 if material is None else material.pairs.table.num_rows
    return TrainStep(
        model=tuned.name,
        base=tuned.base,
        recipe=tuned.recipe,
        home=tuned.home,
        seed=tuned.seed,
        state=state,
        pairs=pairs,
        steps=training_steps(pairs, recipe.batch, recipe.epochs, recipe.steps) if pairs else 0,
        tokens=tokens,
        memory=_memory(recipe, base.record),
        why=why,
    )


def _memory(recipe: Recipe, record: ModelRecord) -> int:
    size = record.size or 0
    if lora_of(recipe, record) is None:
        return size * FULL_BYTES
    frozen = 2 if recipe.strategy == "ddp" and record.dtype != "float32" else 4
    return round(size * (frozen + ADAPTER_SHARE * FULL_BYTES))


def _tokens(recipe: Recipe, material: _Material, base: PlannedModel, mining: bool) -> Range:
    """Forward tokens that a training is worth: its steps, its validations, and where hard negatives are to be mined
    each text of its pairs once (seeds with the same texts share that, so several together are less)."""
    limit = recipe.max_tokens or base.record.max_tokens
    table, validation = material.pairs.table, material.validation
    steps = training_steps(table.num_rows, recipe.batch, recipe.epochs, recipe.steps)
    anchors = _mean(table["anchor"].to_pylist(), "query", base, limit)
    positives = _mean(table["positive"].to_pylist(), "document", base, limit)
    queries = _mean(validation.queries, "query", base, limit)
    documents = _mean(validation.documents, "document", base, limit)
    sides = 1 + (0 if recipe.hard_negatives is None else recipe.hard_negatives.per_anchor)
    passes = PASSES + (1 if recipe.gradient_checkpointing else 0)
    looks = VALIDATIONS + 1 if recipe.validate_every is None else steps // recipe.validate_every + 1
    texts = [table[side].combine_chunks() for side in ("anchor", "positive")] if mining else []
    pools = [len(column.unique()) for column in texts] or [0, 0]
    found = [
        steps * recipe.batch * passes * (anchor + sides * positive)
        + looks * (len(validation.queries) * query + len(validation.documents) * document)
        + pools[0] * anchor
        + pools[1] * positive
        for anchor, positive, query, document in zip(anchors, positives, queries, documents, strict=True)
    ]
    return found[0], found[1], found[2]


def _mean(texts: Sequence[str], role: str, base: PlannedModel, limit: int) -> Range:
    """Mean tokens of texts behind the base's prompt, truncated: lowest, expected, highest."""
    if not texts:
        return NOTHING
    prompt = base.record.prompts.query if role == "query" else base.record.prompts.document
    distinct, counts = np.unique(np.asarray(texts, dtype=object), return_counts=True)
    lengths = [np.minimum(part, limit) for part in base.lengths_of([prompt + text for text in distinct], limit)]
    low, middle, high = (float(np.average(part, weights=counts)) for part in lengths)
    return low, middle, high
