"""A recipe says everything; a wrong one says which file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from patray.errors import InputError
from patray.recipes.read import change_recipe, dump_recipe, find_recipe, parse_recipe, read_recipe, recipes
from patray.recipes.record import HardNegatives, Lora, Recipe, Source, identity

GOOD = """\
name: mine
sources:
  - kind: citations
    direction: both
  - {kind: cross-section, anchor: ta, positive: [claim1, description], weight: 2}
hard_negatives: {per_anchor: 2}
lora: {rank: 8}
learning_rate: 1e-4
"""


def test_a_recipe_in_a_few_lines_reads_and_its_dump_reads_back_equal(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    recipe = read_recipe(tmp_path / "mine.yaml")
    assert [source.key for source in recipe.sources] == ["citations:both", "cross-section:ta~claim1+description"]
    assert recipe.hard_negatives == HardNegatives(per_anchor=2)
    assert recipe.lora == Lora(rank=8)
    assert recipe.epochs == 1.0
    assert parse_recipe(dump_recipe(recipe), "again.yaml") == recipe


@pytest.mark.parametrize("model", [Recipe, Source, HardNegatives, Lora])
def test_every_field_says_what_it_is(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("learning_rate: 1e-4", "lerning_rate: 1e-4",
         ["bad.yaml, line 8, key lerning_rate", "did you mean learning_rate?", "temperature"]),
        ("direction: both", "direction: sideways", ["line 4, key sources.0.direction", "sideways", "'citing'"]),
        ("direction: both", "labels: files", ["line 3, key sources.0", "`labels` has no meaning for citations"]),
        ("kind: citations", "kind: citation", ["line 3, key sources.0.kind", "shared-label", "citation"]),
        ("    direction: both\n", "", []),
        ("weight: 2", "weight: 0", ["line 5, key sources.1.weight", "greater than 0", "found 0"]),
        ("[claim1, description]", "[claim2]", ["sources.1", "unknown section 'claim2'", "independent_claims"]),
        ("[claim1, description]", "ta", ["sources.1", "a cross-section pair needs two texts"]),
        ("{per_anchor: 2}", "{per_anchor: 2, to_rank: 10}", ["hard_negatives", "ranks 10 to 10 hold fewer"]),
        ("lora: {rank: 8}", "lora: {rnk: 8}", ["line 7, key lora.rnk", "did you mean rank?"]),
        ("lora: {rank: 8}", "steps: 10\nepochs: 2", ["either `epochs` or `steps`"]),
        ("lora: {rank: 8}", "mini_batch: 512", ["mini_batch 512 is above batch 256"]),
        ("lora: {rank: 8}", "pairs: 100", ["pairs 100 is fewer than one batch of 256"]),
        ("lora: {rank: 8}", "select_by: nDGC@10", ["key select_by", "nDCG@K", "or `loss`"]),
        ("lora: {rank: 8}", "mask: [label]", ["no source is of the kind shared-label"]),
        ("lora: {rank: 8}", "mask: [familly]", ["key mask.0", "'family', 'citation', 'text' or 'label'"]),
        ("lora: {rank: 8}", "matryoshka: [64, 128]", ["matryoshka [64, 128]", "the largest first"]),
        ("name: mine", "title: mine", ["key name: this key is missing"]),
        ("kind: citations\n    direction: both", "kind: cross-section\n  - kind: cross-section",
         ["two sources are called cross-section:abstract~claims; give one of them a `name`"]),
        ("kind: citations\n    direction: both", "kind: shared-label", ["sources.0", "needs `labels`", "ipc-subclass"]),
        ("kind: citations\n    direction: both", "kind: expert\n    positive: claims", ["needs the dwpi sections"]),
        ("name: mine", "name: [", ["not valid YAML"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_key_and_what_is_allowed(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    if not words:
        assert parse_recipe(text, "bad.yaml").sources[0].direction == "cited"
        return
    with pytest.raises(InputError) as raised:
        parse_recipe(text, "bad.yaml")
    for word in ["bad.yaml", *words]:
        assert word in str(raised.value), raised.value


def test_a_file_that_is_not_there_or_holds_no_mapping_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such recipe file"):
        read_recipe(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="a recipe is a mapping of keys; allowed: name, title"):
        parse_recipe("- R1", "list.yaml")


def test_the_built_in_recipes_say_what_is_published_and_what_is_our_reading() -> None:
    assert list(recipes()) == ["R1", "R2", "R3", "R4", "sham"]
    for name in ("R1", "R2"):
        assert "our reading" in recipes()[name].origin
    for name in ("R3", "R4"):
        assert "published by the study" in recipes()[name].origin
    assert "control" in recipes()["sham"].origin
    kinds = {name: [source.kind for source in recipe.sources] for name, recipe in recipes().items()}
    assert kinds["R1"] == ["citations"]
    assert kinds["R2"] == ["shared-label"]
    assert kinds["R3"] == ["cross-section"]
    assert set(kinds["R4"]) == {"citations", "shared-label", "cross-section", "expert"}


def test_the_sham_is_r3_but_for_its_shuffled_positives() -> None:
    true, sham = identity(find_recipe("R3")), identity(find_recipe("sham"))
    assert sham.pop("shuffle_positives") is True
    assert true.pop("shuffle_positives") is False
    assert true == sham


def test_an_unknown_recipe_names_the_nearest() -> None:
    assert find_recipe("r3") == find_recipe("R3")
    with pytest.raises(InputError, match=r"recipe 'R5' is not built in: did you mean .*Known: R1, R2, R3, R4, sham"):
        find_recipe("R5")


def test_identity_leaves_out_names_and_how_sums_are_split_and_nothing_else() -> None:
    base = find_recipe("R3")
    same = {
        "name": "x",
        "title": "x",
        "origin": "x",
        "mini_batch": 8,
        "gradient_checkpointing": True,
        "strategy": "fsdp",
    }
    assert identity(change_recipe(base, same)) == identity(base)
    assert identity(base).keys() == Recipe.model_fields.keys() - same.keys()
    changed = {
        "sources.0.weight": 2, "pairs": 300, "shuffle_positives": True, "mask": [], "hard_negatives.per_anchor": 1,
        "loss": "positive-aware", "temperature": 0.1, "matryoshka": [8], "batch": 64, "epochs": 2.0, "steps": 9,
        "learning_rate": 1e-3, "warmup_share": 0.2, "schedule": "cosine", "weight_decay": 0.2, "max_grad_norm": 2,
        "max_tokens": 64,
        "precision": "bfloat16", "lora.rank": 4, "validate_every": 3, "patience": 2, "select_by": "loss",
        "validation_view": "tac", "validation_queries": 5, "validation_corpus": 50, "seed": 5,
    }  # fmt: skip
    assert {key.split(".")[0] for key in changed} | same.keys() == Recipe.model_fields.keys()
    for key, value in changed.items():
        assert identity(change_recipe(base, {key: value})) != identity(base), key


def test_the_order_of_the_mask_decides_nothing() -> None:
    orders = (["family", "text"], ["text", "family"])
    first, second = (identity(change_recipe(find_recipe("R3"), {"mask": order})) for order in orders)
    assert first == second


@given(rate=st.floats(1e-7, 1e-1), rank=st.integers(1, 64), weight=st.floats(0.1, 10))
def test_fields_are_changed_by_their_path(rate: float, rank: int, weight: float) -> None:
    recipe = change_recipe(
        find_recipe("R4"), {"learning_rate": rate, "lora.rank": rank, "lora.alpha": 3, "sources.1.weight": weight}
    )
    assert (recipe.learning_rate, recipe.lora, recipe.sources[1].weight) == (rate, Lora(rank=rank, alpha=3), weight)
    assert recipe.sources[0] == find_recipe("R4").sources[0]


def test_steps_take_the_place_of_epochs_and_back() -> None:
    steps = change_recipe(find_recipe("R3"), {"steps": 20})
    assert (steps.steps, steps.epochs) == (20, None)
    again = change_recipe(steps, {"epochs": 3})
    assert (again.steps, again.epochs) == (None, 3)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("lerning_rate", "there is no field 'lerning_rate'; allowed at 'lerning_rate': name, title"),
        ("sources.4.weight", "there is no field 'sources.4.weight'; allowed at 4: 0 to 3"),
        ("sources.weight", "there is no field 'sources.weight'; allowed at 'weight': 0 to 3"),
        ("sources.0.wait", "there is no field 'sources.0.wait'; allowed at 'wait': kind, name, weight"),
        ("lora.rnk", "key lora.rnk: unknown key; did you mean rank?"),
        ("batch.size", "there is no field 'batch.size': 'batch' is a single value"),
    ],
)
def test_an_unknown_field_is_named(path: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        change_recipe(find_recipe("R4"), {path: 1})
    assert words in str(raised.value)
