"""The training steps of a plan: pairs are made as the run makes them, so their numbers, and whether the checkpoint is
there, are facts; the work of a step is estimated in forward passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from patray.artifacts import is_complete
from patray.errors import InputError, PatrayError
from patray.files import Folder
from patray.models.content import identify
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot
from patray.planning.corpus import Corpus
from patray.planning.embeddings import NOTHING, PlannedModel, State
from patray.planning.estimates import Range
from patray.recipes.batches import training_steps
from patray.recipes.checkpoint import open_checkpoint
from patray.recipes.model import lora_of
from patray.recipes.record import Recipe
from patray.runs.suite import Suite
from patray.steps.mined import Ranker, as_trained, draw_mined
from patray.steps.train import At, Material, Tuning, make_material, match_materials, train_step, tunings_of

PASSES = 4
"""Forward passes that one training token is worth: without gradients for the cache, with them, and twice as much back
(Gao et al. 2021, section 3; Kaplan et al. 2020, section 2.1)."""
VALIDATIONS = 10
"""In a training whose recipe names no distance between them."""
FULL_BYTES, ADAPTER_SHARE = 16, 0.02
"""Bytes for each weight that is trained: float32 weight, gradient, two moments of AdamW. Share of weights that LoRA
adds, taken high."""


@dataclass(frozen=True)
class TrainPlan:
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


def plan_training(
    suite: Suite, corpora: Mapping[str, Corpus], bases: Mapping[str, PlannedModel], store: Folder
) -> tuple[list[TrainPlan], dict[str, PlannedModel]]:
    """The trainings of a resolved suite, and its tuned models (with their own record where the checkpoint is there)."""
    plans, models = list[TrainPlan](), dict[str, PlannedModel]()
    for home in suite.homes:
        tunings = tunings_of(suite, home)
        made, problems = _materials(corpora[home].prepared.folder, {one.at: one.recipe for one in tunings}, suite)
        for one in tunings:
            base, problem = bases[one.tuned.base], problems.get(one.at, "")
            plan, model = _plan(one, made.get(one.at), problem, base, store)
            plans.append(plan)
            models[model.name] = model
    return plans, models


def _materials(home: Folder, recipes: Mapping[At, Recipe], suite: Suite) -> tuple[dict[At, Material], dict[At, str]]:
    """Pairs and validation of every recipe and seed at one home, matched where asked; or why there are none."""
    made, problems = dict[At, Material](), dict[At, str]()
    for at, recipe in recipes.items():
        try:
            made[at] = make_material(home, recipe, suite)
        except InputError as error:
            problems[at] = str(error)
    return match_materials(made, suite), problems


def _plan(
    tuning: Tuning, material: Material | None, problem: str, base: PlannedModel, store: Folder
) -> tuple[TrainPlan, PlannedModel]:
    tuned, recipe = tuning.tuned, tuning.recipe
    model = replace(base, name=tuned.name, record=_named(base.record, tuned.name), found="this run", content=None)

    def refused(why: str) -> tuple[TrainPlan, PlannedModel]:
        return _train_plan(tuning, base, material, "refused", why, NOTHING), replace(model, refused=why)

    if material is None:
        return refused(f"cannot be tuned: {problem}")
    ranker = Ranker(as_trained(base.record, recipe), base.engine, base.content, tuned.home)
    try:
        pairs = draw_mined(material.pairs, recipe, ranker, store)
    except InputError as error:
        return refused(f"cannot be tuned: {error}")
    folder = None if pairs is None else train_step(tuning, replace(material, pairs=pairs), base).folder(store)
    if folder is not None and is_complete(folder):
        try:
            record = open_checkpoint(folder)
        except PatrayError as error:
            return refused(str(error))
        content = identify(record, Snapshot(folder.uri, "this run"), trust_listing=True).content
        done = replace(model, record=record, content=content)
        return _train_plan(tuning, base, material, "done", "", NOTHING), done
    if base.refused:
        return refused(f"its base {base.name} cannot run")
    tokens = _tokens(recipe, material, base, mining=pairs is None)
    return _train_plan(tuning, base, material, "to do", "", tokens), model


def _named(record: ModelRecord, name: str) -> ModelRecord:
    return record.model_copy(update={"name": name})


def _train_plan(
    tuning: Tuning, base: PlannedModel, material: Material | None, state: State, why: str, tokens: Range
) -> TrainPlan:
    tuned, recipe = tuning.tuned, tuning.recipe
    pairs = 0 if material is None else material.pairs.table.num_rows
    return TrainPlan(
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


def _tokens(recipe: Recipe, material: Material, base: PlannedModel, mining: bool) -> Range:
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
