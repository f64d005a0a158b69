"""A sweep file's space: what may stand in it, what a draw makes of it, and which mistakes are told where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import ConflictError, InputError
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.splits import TEST, TRAIN, VALIDATION
from patray.landscapes.validate import prepare
from patray.recipes.documents import read_documents
from patray.recipes.objective import make_weighted
from patray.recipes.read import find_recipe
from patray.recipes.space import Range, Values, field_of, recipe_of, words_of
from patray.runs.sweep import claim_sweep, parse_sweep, read_sweep

ROOT = Path(__file__).resolve().parents[2]
SWEEP = """\
name: s
home: {{name: g, generate: {{patents: 100}}}}
base: minilm
recipe: R4
space:
{space}
trials: 4
"""


def parse(space: str, more: str = ""):  # type: ignore[no-untyped-def]
    return parse_sweep(SWEEP.format(space=space) + more, "s.yaml", [])


def test_the_sweep_that_we_ship_is_read() -> None:
    sweep = read_sweep(ROOT / "jobs" / "sweeps" / "r3.yaml")
    assert sweep.record.batch == 16
    assert sweep.goal.words == "validation nDCG@10"
    assert sweep.suite().models[0].name == "minilm"


@pytest.mark.parametrize(
    ("space", "told"),
    [
        (
            "  learning_rat: {values: [1]}",
            r"s.yaml, line 6, key space.learning_rat: .*allowed: .*learning_rate",
        ),
        ("  lora.ran: {values: [1]}", r"s.yaml, line 6, key space.lora.ran.*"),
        ("  sources.9.weight: {low: 1, high: 2}", r"line 6, key space.sources.9.weight.*0 to 3"),
        ("  batch: {values: [64, 1]}", r"line 6, key space.batch.values.1: batch: 1 makes no recipe: .*batch"),
        ("  temperature: {low: -1.0, high: 1.0}", r"line 6, key space.temperature.low.*makes no recipe"),
        ("  mini_batch: {values: [8, 512]}", r"mini_batch: 512 makes no recipe: .*above batch 256"),
        ("  seed: {values: [1, 2]}", r"key space.seed: seed cannot be swept: trials would differ by luck"),
        ("  hard_negatives.per_anchor: {values: [1, 2]}", r"line 6, .*hard_negatives cannot be swept: .* mines none"),
        ("  batch: {low: 8, hi: 9}", r"line 6, key space.batch: unknown key 'hi'. Allowed here: low, high, log, step"),
        ("  batch: 8", r"line 6, key space.batch: write \{values"),
        ("  batch: {low: 9, high: 8}", r"line 6, key space.batch.*low 9 must be below high 8"),
        ("  batch: {low: 8, high: 13, step: 2}", r"whole number of steps of 2"),
        ("  temperature: {low: 0, high: 1, log: true}", r"low 0 has no logarithm"),
        ("  {}", r"line 5, key space: the space is empty"),
        ("  steps: {values: [5]}\n  epochs: {values: [1]}", r"either `steps` or `epochs`"),
    ],
)
def test_a_mistake_in_the_space_is_told_with_file_line_and_field(space: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse(space)


def test_a_recipe_with_hard_negatives_is_refused_before_anything_starts() -> None:
    recipe = "recipe: {recipe: R4, change: {hard_negatives: {per_anchor: 1}}}"
    text = SWEEP.format(space="  batch: {values: [64]}").replace("recipe: R4", recipe)
    with pytest.raises(InputError, match=r"s.yaml, line 4, key recipe: recipe R4 has hard_negatives, .*mines none"):
        parse_sweep(text, "s.yaml", [])


def test_an_unknown_key_of_the_file_is_told_with_those_that_are_allowed() -> None:
    with pytest.raises(InputError, match=r"line 8, key trails: unknown key; did you mean trials"):
        parse("  batch: {values: [64]}", "trails: 3\n")


def test_fields_that_depend_on_each_other_are_tried_together() -> None:
    assert parse("  batch: {values: [16, 64]}\n  mini_batch: {values: [8, 16]}").record.batch == 256
    with pytest.raises(InputError, match="batch: 16, mini_batch: 32 makes no recipe"):
        parse("  batch: {values: [16, 64]}\n  mini_batch: {values: [8, 32]}")


def test_trials_that_the_loss_cannot_compare_are_refused() -> None:
    with pytest.raises(InputError, match="the objective `loss` depends on temperature itself"):
        parse("  temperature: {values: [0.1, 0.2]}", "objective: loss\n")
    assert parse("  learning_rate: {values: [0.1, 0.2]}", "objective: loss\n").record.select_by == "loss"


def test_loss_is_not_weighed_with_scores() -> None:
    with pytest.raises(InputError, match="cannot be weighed"):
        parse("  epochs: {values: [1, 2]}", "objective: {retrieval: 1, clustering: 1, measure: loss}\n")


def test_a_weighting_is_spelled_out() -> None:
    sweep = parse("  epochs: {values: [1, 2]}", "objective: {retrieval: 3, classification: 1}\n")
    assert sweep.goal.words == "validation 0.75 nDCG@10 + 0.25 macro-F1"


@given(st.integers(1, 50), st.integers(1, 9), st.integers(1, 9))
def test_every_step_of_a_range_lies_in_it_and_both_ends_are_drawn(low: int, step: int, count: int) -> None:
    domain = Range(low=low, high=low + step * count, step=step)
    space = {"epochs": domain}
    found = [recipe_of(find_recipe("R1"), space, {"epochs": at}).epochs for at in range(domain.steps + 1)]
    assert found == [float(value) for value in range(low, low + step * count + 1, step)]


@given(st.lists(st.sampled_from([[], ["family"], ["text", "citation"]]), min_size=1, unique_by=tuple))
def test_a_listed_value_comes_back_from_its_word(masks: list[list[str]]) -> None:
    domain = Values(values=tuple(masks))
    found = [field_of(recipe_of(find_recipe("R1"), {"mask": domain}, {"mask": w}), "mask") for w in words_of(domain)]
    assert found == masks


def test_a_draw_sets_fields_inside_parts() -> None:
    space = {"lora.rank": Range(low=4, high=64, log=True), "sources.1.weight": Range(low=0.5, high=2.0)}
    recipe = recipe_of(find_recipe("R4"), space, {"lora.rank": 8, "sources.1.weight": 1.25})
    assert recipe.lora is not None
    assert (recipe.lora.rank, recipe.sources[1].weight) == (8, 1.25)
    assert field_of(find_recipe("R4"), "lora.rank") is None


def test_the_same_name_with_another_space_is_refused_and_where_it_runs_is_not_part_of_it(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path).make()
    first = parse("  epochs: {values: [1, 2]}")
    claim_sweep(folder, first, {"home": "a", "base": "b"})
    claim_sweep(
        folder,
        parse("  epochs: {values: [1, 2]}", "max_concurrent: 1\ntraining: {threads: 2}\n"),
        {"home": "a", "base": "b"},
    )
    with pytest.raises(ConflictError, match=r"space.epochs.values.1: 2 -> 3"):
        claim_sweep(folder, parse("  epochs: {values: [1, 3]}"), {"home": "a", "base": "b"})
    with pytest.raises(ConflictError, match=r"content\.home"):
        claim_sweep(folder, first, {"home": "c", "base": "b"})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("objective")
    generate(Folder.at(root / "raw"), seed=3, patents=200, name="g")
    return prepare(Folder.at(root / "raw"), Folder.at(root / "clean"), "g").folder


def test_a_weighted_objective_is_one_for_perfect_label_vectors_and_knows_no_test_family(prepared: Folder) -> None:
    weights = {"classification": 2.0, "clustering": 2.0}
    made = make_weighted(prepared, find_recipe("R3"), weights, ["files"])
    assert made.weights == {"retrieval": 0.0, "classification": 0.5, "clustering": 0.5}
    documents = read_documents(prepared)
    split = documents.split[documents.rows(np.array(made.document_ids, object))]
    assert not (split == TEST).any()
    for labels in made.labelled:
        assert set(split[labels.train]) == {TRAIN}
        assert set(split[labels.judged]) == {VALIDATION}
    labels = made.labelled[0]
    vectors = np.zeros((len(made.documents), labels.truth.shape[1]), np.float32)
    vectors[labels.train], vectors[labels.judged] = labels.truth_train, labels.truth
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    noise = np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    nothing = np.zeros((0, vectors.shape[1]), np.float32)
    perfect, chance = made.parts(nothing, vectors), made.parts(nothing, noise)
    assert perfect["classification"] > chance["classification"] + 0.3
    assert perfect["clustering"] > chance["clustering"] + 0.2
    assert made.score(nothing, vectors) == pytest.approx(np.mean(list(perfect.values())))


def test_a_weighted_objective_holds_the_retrieval_of_a_recipe(prepared: Folder) -> None:
    from patray.recipes.validation import make_validation

    recipe = find_recipe("R3")
    plain = make_validation(prepared, recipe)
    made = make_weighted(prepared, recipe, {"retrieval": 1, "clustering": 1}, ["files"])
    assert made.documents[: made.ranked] == plain.documents
    rng = np.random.default_rng(1)
    queries, documents = (rng.normal(size=(n, 8)).astype(np.float32) for n in (len(made.queries), len(made.documents)))
    queries, documents = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (queries, documents))
    assert made.parts(queries, documents)["retrieval"] == plain.score(queries, documents[: made.ranked])
