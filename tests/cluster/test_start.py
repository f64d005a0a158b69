"""Which Ray a run joins, where it keeps its files, and how it ends when it is stopped, seen from outside."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from patray.cluster.start import connect, is_up
from patray.errors import ResourceError
from tests.chaos.several_nodes import several_nodes

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
CONNECT = """
import sys, time
from patray.stop import stoppable

def work():
    from patray.cluster.start import connect
    connect()
    print("ready", flush=True)
    if sys.argv[1:]:
        time.sleep(300)
    return 0

sys.exit(stoppable(work))
"""


def start(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CONNECT, *arguments], cwd=ROOT, env={**CLEAN, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_without_an_address_a_local_ray_is_started_whatever_another_left_behind(tmp_path: Path) -> None:
    left = tmp_path / ("a-long-name-as-a-scheduler-gives-one-" * 3) / "ray"
    left.mkdir(parents=True)
    (left / "ray_current_cluster").write_text("127.0.0.1:9")  # nobody answers there
    process = start(tmp_path, "stay", TMPDIR=str(left.parent))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate(timeout=60)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 143
    assert said.splitlines()[0].startswith("patray: on a local Ray: 1 node, ")
    assert said.splitlines()[1:] == ["patray: ended (SIGTERM); the same command goes on from here"]
    assert not out


def test_an_address_at_which_nobody_answers_is_named_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, RAY_ADDRESS="127.0.0.1:9")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.startswith("patray: error: RAY_ADDRESS is 127.0.0.1:9, but nobody answers there")
    assert len(said.splitlines()) == 1


@pytest.mark.slow
def test_a_job_whose_driver_was_told_of_another_ray_is_refused(tmp_path: Path) -> None:
    """As happens where two Rays run on a machine: the one that is joined does not know the job."""
    told = json.dumps({"runtime_env": {}, "metadata": {"job_submission_id": "raysubmit_elsewhere"}})
    with several_nodes(1) as nodes:
        here = {"RAY_ADDRESS": nodes.address, "RAY_AUTH_MODE": "disabled"}
        other = start(tmp_path, **here, RAY_JOB_CONFIG_JSON_ENV_VAR=told)
        said = other.communicate(timeout=120)[1]
        assert other.returncode == 1, said
        assert "the job raysubmit_elsewhere was given to one Ray, and its driver was told to join another" in said
        assert f"at {nodes.address}" in said
        assert "Traceback" not in said
        own = start(tmp_path, **here, RAY_JOB_CONFIG_JSON_ENV_VAR='{"runtime_env": {}, "metadata": {}}')
        assert own.communicate(timeout=120)[0].strip() == "ready"


def test_a_folder_for_ray_that_is_too_long_is_named(tmp_path: Path) -> None:
    process = start(tmp_path, RAY_TMPDIR="/tmp/" + "x" * 90)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "RAY_TMPDIR is too long for Ray's sockets (95 letters, at most " in said
    assert len(said.splitlines()) == 1


def test_a_ray_that_another_thread_is_still_importing_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    assert not is_up()


def test_a_local_ray_that_does_not_come_up_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray says by a bare Exception that a node did not answer within its 30 seconds."""
    import ray

    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", late)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ResourceError, match="a local Ray could not be started or joined: The current node timed out"):
        connect()
