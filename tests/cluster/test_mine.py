"""A fine-tuning suite with hard negatives on a local Ray: mined with the base, trained on, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from patray.cluster.fine_tune import fine_tune
from patray.cluster.mine import Miner
from patray.cluster.models import Model, find_model
from patray.cluster.prepare import prepare_landscape
from patray.files import Folder
from patray.planning.estimates import read_estimates
from patray.planning.plan import make_plan
from patray.recipes.match import match
from patray.recipes.pairs import make_pairs
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite
from patray.steps.landscape import Landscape, open_landscape
from tests.chaos.tiny_sweep import make_snapshot
from tests.recipes.tiny_bases import tiny_record

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]

TOKENS, FIRST, LAST = 24, 3, 20
CHANGE = {
    "steps": 3, "batch": 8, "mini_batch": 8, "max_tokens": TOKENS, "validate_every": 3, "validation_corpus": 20,
}  # fmt: skip
PROMPTS = {"document": "the motor of a chair ", "query": "screen and speech for ", "origin": "this test"}
HARD = {"per_anchor": 2, "from_rank": FIRST, "to_rank": LAST}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_snapshot(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def suite(snapshot: Path, small_landscape: Path) -> Suite:
    fields: dict[str, Any] = {
        "name": "mined",
        "landscapes": [{"path": str(small_landscape)}],
        "models": [{"record": tiny_record(prompts=PROMPTS).model_dump(mode="json"), "path": str(snapshot)}],
        "recipes": [
            {"recipe": "R3", "name": "plain", "change": CHANGE},
            {"recipe": "R3", "name": "hard", "change": CHANGE | {"hard_negatives": HARD}},
        ],
        "bases": ["tiny"],
        "homes": ["small"],
        "matched": True,
        "training": {"stall_seconds": 240},
        "embedding": {"stall_seconds": 240},
    }
    return resolve(parse_suite(yaml.safe_dump(fields, sort_keys=False), "mined.yaml", []))


@pytest.fixture(scope="module")
def place(suite: Suite, local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Landscape, Model]:
    store = Folder.at(tmp_path_factory.mktemp("work")).make()
    prepared, _ = prepare_landscape(suite.landscapes[0], suite, store)
    return store, open_landscape(prepared, suite), find_model(suite.models[0], suite.models_from)


def tune(suite: Suite, place: tuple[Folder, Landscape, Model], run: str) -> list[dict[str, Any]]:
    store, home, base = place
    folder = (store / "runs" / run).make()
    return [step for _, steps, _ in fine_tune(suite, [home], {"tiny": base}, store, folder) for step in steps]


@pytest.fixture(scope="module")
def steps(suite: Suite, place: tuple[Folder, Landscape, Model]) -> list[dict[str, Any]]:
    return tune(suite, place, "first")


def written(store: Folder) -> dict[Path, int]:
    roots = [Path(store.uri) / name for name in ("mined", "checkpoints")]
    return {path: path.stat().st_mtime_ns for root in roots for path in root.rglob("*") if path.is_file()}


def test_the_loss_stands_against_the_negatives_and_the_work_is_recorded(
    steps: list[dict[str, Any]], place: tuple[Folder, Landscape, Model]
) -> None:
    assert [step["step"] for step in steps] == ["train", "mine", "train"]
    plain, mining, hard = steps
    assert (mining["recipe"], mining["landscape"], mining["reused"]) == ("hard", "small", False)
    assert mining["seconds"] > 0
    assert mining["tokens"] > mining["texts"] > 0
    assert sum(plain["counts"].values()) == sum(hard["counts"].values())
    assert plain["counts"].keys() <= hard["counts"].keys()
    curves = (place[0] / "runs" / "first").read_table("training.parquet").to_pylist()
    losses = {row["recipe"]: row["loss"] for row in curves if row["step"] == 1}
    assert losses["hard"] > losses["plain"] + 0.1


def test_another_run_finds_all_of_it_and_so_does_a_plan(
    steps: list[dict[str, Any]], suite: Suite, place: tuple[Folder, Landscape, Model]
) -> None:
    before = written(place[0])
    again = tune(suite, place, "second")
    assert written(place[0]) == before
    assert [(step["step"], step["reused"], step["seconds"]) for step in again] == [
        ("train", True, 0.0), ("mine", True, 0.0), ("train", True, 0.0),
    ]  # fmt: skip
    assert [step.get("counts") for step in again] == [step.get("counts") for step in steps]
    plan = make_plan(suite, place[0].uri, None, read_estimates())
    assert {step.recipe: step.state for step in plan.training} == {"plain": "done", "hard": "done"}


def test_the_negatives_are_those_that_sentence_transformers_itself_ranks_there(
    steps: list[dict[str, Any]], suite: Suite, place: tuple[Folder, Landscape, Model], snapshot: Path
) -> None:
    store, home, base = place
    recipes = {str(entry.name): entry.record for entry in suite.recipes}
    made = {name: make_pairs(home.folder, recipe) for name, recipe in recipes.items() if recipe is not None}
    matched, hard = match(made)["hard"], recipes["hard"]
    assert hard is not None
    got, step = Miner(suite, store, home).mine(matched, hard, base)
    assert step["reused"]
    assert got.table.num_rows == matched.table.num_rows
    rows = got.table.to_pylist()
    texts = sorted({row["positive"] for row in rows})
    documents = encode(snapshot, texts, "document")
    for row, query in zip(rows, encode(snapshot, [row["anchor"] for row in rows], "query"), strict=True):
        scores = np.sort(documents @ query)[::-1]
        for text in row["negatives"]:
            score = documents[texts.index(text)] @ query
            assert scores[LAST - 1] - 1e-5 <= score <= scores[FIRST - 1] + 1e-5  # where float32 sums differ
            assert text != row["positive"]
    assert sum(len(row["negatives"]) for row in rows) > len(rows)


def encode(snapshot: Path, texts: Sequence[str], role: str) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(snapshot), device="cpu")
    model.max_seq_length = TOKENS
    return np.asarray(model.encode([PROMPTS[role] + text for text in texts], normalize_embeddings=True), np.float64)
