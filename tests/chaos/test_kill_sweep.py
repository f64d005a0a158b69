"""The driver of a sweep is killed with SIGKILL: the same command goes on, and no finished trial runs again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from patray.recipes.read import read_recipe
from tests.chaos.killing import kill_with_children
from tests.chaos.tiny_sweep import make_snapshot

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
TRIALS = 3


def start(snapshot: Path, workdir: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.chaos.tiny_sweep", str(snapshot), str(workdir), "optuna", str(TRIALS)]
    return subprocess.Popen(
        command, cwd=ROOT, env=CLEAN, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def test_a_sweep_whose_driver_is_killed_goes_on_and_runs_no_finished_trial_again(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path / "bert")
    process = start(snapshot, tmp_path / "work")
    records = tmp_path / "work" / "sweeps" / "tiny-sweep" / "trials"
    while not list(records.glob("[!_]*.json")):
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.05)
    kill_with_children(process)
    folder = records.parent
    assert not (folder / "best.yaml").exists(), "it was killed too late to test anything"
    finished = {path: path.stat().st_mtime_ns for path in records.glob("[!_]*.json")}

    out, said = start(snapshot, tmp_path / "work").communicate(timeout=300)
    assert out.strip().endswith("best.yaml"), said
    assert "goes on from" in said
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    rows = pq.read_table(folder / "trials.parquet").to_pylist()
    assert len(rows) == TRIALS
    ends = [json.loads(path.read_text())["metrics"] for path in records.glob("[!_]*.json")]
    known = {(end["step"], end["best_value"]) for end in ends}
    assert {(row["steps"], row["objective"]) for row in rows if row["status"] == "finished"} <= known
    assert read_recipe(folder / "best.yaml").name == "tiny-sweep"
