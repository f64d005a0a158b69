"""Training through Ray Train on a local Ray: one worker or two, errors that reach the user, results that are reused."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from patray.cluster.train import TrainJob, train
from patray.errors import ResourceError, TrainingError
from patray.files import Folder
from patray.models.resolve import Snapshot
from patray.recipes.checkpoint import open_checkpoint
from patray.recipes.options import Training
from patray.recipes.state import load_weights
from tests.recipes.tiny_bases import save_bert, tiny_record
from tests.recipes.tiny_training import tiny_pairs, tiny_recipe, tiny_validation

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"), dropout=0.0)


def job(snapshot: Path, **changes: Any) -> TrainJob:
    found = Snapshot(str(snapshot), "path")
    recipe = tiny_recipe(**{"learning_rate": 0.001, **changes})
    return TrainJob(
        "tiny--R1--home--s0", tiny_record(), recipe, "home", tiny_pairs(), tiny_validation(), snapshot=found
    )


def options(**changes: Any) -> Training:
    return Training.model_validate({"stall_seconds": 240, **changes})


def test_two_workers_end_where_one_does_and_the_result_is_reused(snapshot: Path, tmp_path: Path) -> None:
    one, two = Folder.at(tmp_path / "one").make(), Folder.at(tmp_path / "two").make()
    made = job(snapshot)
    alone, first = train(made, one, options())
    together, second = train(made, two, options(workers={"min": 2, "max": 2}))
    assert alone == made.folder(one)
    assert alone.name == together.name
    assert first["steps"] == 12
    assert not first["reused"]
    assert (first["workers"], second["workers"]) == (1, 2)
    logs = [pq.read_table(Path(folder.uri) / "steps.parquet").to_pydict() for folder in (alone, together)]
    assert logs[0]["step"] == logs[1]["step"] == list(range(13))
    np.testing.assert_allclose(logs[0]["loss"][1:], logs[1]["loss"][1:], rtol=1e-3)
    weights = [load_weights(Path(folder.uri) / "model.safetensors") for folder in (alone, together)]
    for name, value in weights[0].items():
        if name.endswith("key.bias"):  # attention ignores it: its gradient is rounding alone, which AdamW blows up
            continue
        np.testing.assert_allclose(value, weights[1][name], atol=2e-3, err_msg=name)
    assert open_checkpoint(alone).name == "tiny--R1--home--s0"
    again, step = train(made, one, options())
    assert again == alone
    assert (step["reused"], step["seconds"], step["steps"]) == (True, 0.0, 12)


def test_an_elastic_training_takes_the_workers_that_there_are(snapshot: Path, tmp_path: Path) -> None:
    """How many are free is Ray's to say: it still counts those of a training that has just ended."""
    _, step = train(job(snapshot), Folder.at(tmp_path).make(), options(workers={"min": 1, "max": 2}))
    assert step["workers"] in (1, 2)
    assert step["steps"] == 12


def test_a_loss_that_is_not_finite_reaches_the_user_with_its_step(snapshot: Path, tmp_path: Path) -> None:
    spoilt = job(snapshot, learning_rate=1e37, max_grad_norm=1e30, warmup_share=0.0)
    with pytest.raises(TrainingError, match=r"train tiny--R1--home--s0: the \w+ of step \d+ are not finite"):
        train(spoilt, Folder.at(tmp_path).make(), options(max_failures=0))
    assert not spoilt.folder(Folder.at(tmp_path)).exists("artifact.json")


def test_more_than_the_cluster_has_is_refused_at_once(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"training tiny--R1--home--s0: 1 worker\(s\) of 4000 thread"):
        train(job(snapshot), Folder.at(tmp_path).make(), options(threads=4000))


def test_what_decides_the_weights_decides_the_key(snapshot: Path, tmp_path: Path) -> None:
    store, made = Folder.at(tmp_path), job(snapshot)
    key = made.folder(store)
    for changes in ({"learning_rate": 0.002}, {"seed": 1}, {"temperature": 0.1}, {"lora": {}}):
        assert job(snapshot, **changes).folder(store) != key, changes
    for changes in ({"mini_batch": 2}, {"gradient_checkpointing": True}):
        assert job(snapshot, **changes).folder(store) == key, changes
    assert dataclasses.replace(made, pairs=tiny_pairs(59)).folder(store) != key
    assert dataclasses.replace(made, validation=None).folder(store) != key
    assert dataclasses.replace(made, content="other weights").folder(store) != key
