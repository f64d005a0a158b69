"""A node is lost in a sweep: its trial is tried again on another, and the table is that of an undisturbed sweep."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from tests.chaos.arena import CLEAN, ROOT, until
from tests.chaos.several_nodes import several_nodes
from tests.chaos.tiny_sweep import make_snapshot

pytestmark = pytest.mark.slow
ALIKE = json.dumps({"scheduler": None, "space": {"learning_rate": {"values": [0.001, 0.003, 0.01]}}})
"""No trial fails by itself, and none is stopped early: which one is depends on who is first."""


def start(snapshot: Path, workdir: Path, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.chaos.tiny_sweep", str(snapshot), str(workdir), "random", "3", ALIKE]
    return subprocess.Popen(
        command, cwd=ROOT, env=CLEAN | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def trials(process: "subprocess.Popen[str]", workdir: Path) -> list[tuple[Any, ...]]:
    out, said = process.communicate(timeout=400)
    assert out.strip().endswith("best.yaml"), said
    assert "Traceback" not in said
    rows = pq.read_table(workdir / "sweeps" / "tiny-sweep" / "trials.parquet").to_pylist()
    return [(row["trial"], row["status"], row["steps"], row["objective"]) for row in rows]


def at_work(raylets: list[int]) -> int | None:
    """The raylet of a node with a training worker."""
    for raylet in raylets:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(raylet).children(recursive=True):
                if "RayTrainWorker" in " ".join(child.cmdline()):
                    return raylet
    return None


def test_a_trial_whose_node_is_lost_is_no_failed_trial(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path / "bert")
    wanted = trials(start(snapshot, tmp_path / "quiet"), tmp_path / "quiet")
    with several_nodes(0, 1, 1) as nodes:
        process = start(snapshot, tmp_path / "work", RAY_ADDRESS=nodes.address)
        running = tmp_path / "work" / "sweeps" / "tiny-sweep" / "training"
        until(lambda: list(running.glob("*/progress.json")), "a step of a trial")
        os.kill(until(lambda: at_work(nodes.raylets), "a worker of a trial"), signal.SIGKILL)
        found = trials(process, tmp_path / "work")
    assert found == wanted
    assert {status for _, status, _, _ in found} == {"finished"}
