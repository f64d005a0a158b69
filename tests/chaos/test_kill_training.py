"""A worker or the driver of a training is killed with SIGKILL: it goes on from its last checkpoint to the same end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from patray.recipes.state import load_weights
from patray.recipes.train import Work, train
from tests.chaos.killing import kill_with_children
from tests.chaos.several_nodes import OPEN, several_nodes
from tests.chaos.tiny_job import STEPS, job
from tests.recipes.tiny_bases import save_bert
from tests.recipes.tiny_training import LocalSession

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def undisturbed(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of the same training without Ray, in this process."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed")
    made = job(snapshot)
    trained = train(
        Work(made.base, snapshot, made.recipe, made.pairs, made.validation), LocalSession(folder / "kept"), folder
    )
    assert trained is not None
    return trained.weights


def start(snapshot: Path, workdir: Path, workers: int = 1, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.chaos.tiny_job", str(snapshot), str(workdir), str(workers)]
    return subprocess.Popen(
        command, cwd=ROOT, env=CLEAN | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def wait_for(process: "subprocess.Popen[str]", reached: Callable[[], bool]) -> None:
    while not reached():
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.05)


def has_checkpoint(workdir: Path) -> bool:
    snapshots = list((workdir / "training").glob("*/checkpoint_manager_snapshot.json"))
    return bool(snapshots) and bool(json.loads(snapshots[0].read_text() or "{}").get("latest_checkpoint_result"))


def check_end(said: tuple[str, str], workdir: Path, undisturbed: Path | None) -> int:
    """Same steps, each once, and the same weights; returns how often the training was started."""
    assert said[0], said[1]
    folder, starts, steps = said[0].strip().splitlines()[-1].split()
    assert int(steps) == STEPS
    log = pq.read_table(Path(folder) / "steps.parquet")
    assert log["step"].to_pylist() == list(range(STEPS + 1))
    assert not list((workdir / "training").iterdir())
    if undisturbed is not None:
        wanted, found = load_weights(undisturbed), load_weights(Path(folder) / "model.safetensors")
        assert found
        for name, value in found.items():
            assert torch.equal(value, wanted[f"0.model.{name}"]), name
    return int(starts)


def test_a_training_whose_worker_is_killed_ends_with_the_same_weights(
    snapshot: Path, undisturbed: Path, tmp_path: Path
) -> None:
    process = start(snapshot, tmp_path)
    wait_for(process, lambda: has_checkpoint(tmp_path))
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "RayTrainWorker" in " ".join(child.cmdline())
    ]
    assert len(workers) == 1
    workers[0].kill()
    assert check_end(process.communicate(timeout=200), tmp_path, undisturbed) == 2


def test_a_training_whose_node_is_lost_goes_on_on_another_and_ends_with_the_same_weights(
    snapshot: Path, undisturbed: Path, tmp_path: Path
) -> None:
    with several_nodes(0, 1, 1) as nodes:
        process = start(snapshot, tmp_path, **OPEN, RAY_ADDRESS=nodes.address)
        wait_for(process, lambda: has_checkpoint(tmp_path))
        at_work = [
            raylet
            for raylet in nodes.raylets
            for child in psutil.Process(raylet).children(recursive=True)
            if "RayTrainWorker" in " ".join(child.cmdline())
        ]
        assert len(at_work) == 1
        os.kill(at_work[0], signal.SIGKILL)  # its workers end with it
        assert check_end(process.communicate(timeout=400), tmp_path, undisturbed) == 2


def test_a_training_whose_driver_is_killed_goes_on_when_started_again(
    snapshot: Path, undisturbed: Path, tmp_path: Path
) -> None:
    process = start(snapshot, tmp_path)
    wait_for(process, lambda: has_checkpoint(tmp_path))
    kill_with_children(process)
    assert not list((tmp_path / "checkpoints").rglob("artifact.json")), "it was killed too late to test anything"
    assert check_end(start(snapshot, tmp_path).communicate(timeout=200), tmp_path, undisturbed) == 2
