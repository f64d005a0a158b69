"""Where faults are tried: several Ray nodes, a small suite, a driver that can be met in the middle of a phase.

Everything here is begun by the test and ended by its own handle. Waits are polls with a deadline.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import yaml

from patray.files import Folder
from patray.landscapes.generate import generate
from tests.chaos.several_nodes import OPEN, free_port

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 420.0
"""Seconds for a run of some twenty: a loaded machine takes many times as long."""
QUICK = {
    "RAY_health_check_initial_delay_ms": "1000", "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000", "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
}  # fmt: skip
"""So that Ray takes a node that stands still for lost in half a minute."""
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | OPEN


def until(true: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """The first true value of a poll; an AssertionError that says what never came."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        pause.wait(0.02)
    raise AssertionError(f"{what} did not come in {seconds:g} s")


class Driver:
    """A run of its own process, which may stand still in the phases that are named."""

    def __init__(
        self, suite: Path, workdir: str, phases: tuple[str, ...] = (), inside: tuple[str, ...] = (), **environment: str
    ) -> None:
        command = [*inside, sys.executable, "-m", "tests.chaos.phased_driver", str(suite), workdir, *phases]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**CLEAN, **environment}, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            self._lines[name].append(line)

    def said(self) -> str:
        return "".join(self._lines["stderr"])

    def reach(self, phase: str) -> None:
        def reached() -> bool:
            assert self.process.poll() is None or f"reached {phase}\n" in self._lines["stdout"], self.said()
            return f"reached {phase}\n" in self._lines["stdout"]

        until(reached, f"the phase {phase}")

    def go(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def end(self) -> int:
        """The status, once the process has ended; all that it began is ended with it when it does not."""
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run did not end in {DEADLINE:g} s: {self.said()[-3000:]}") from None
        for reader in self._readers:
            reader.join(30)
        return status

    def kill(self) -> None:
        kill(self.process.pid)
        self.process.wait(60)


def kill(pid: int) -> None:
    """SIGKILL a process and all that it began, as when a machine is lost; waits until all are gone."""
    try:
        family = [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return
    family += family[0].children(recursive=True)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family, timeout=60)


@dataclass
class Arena:
    """The cluster and what a fault needs of it. workers: (handle, raylet's pid) of nodes with one CPU; stores: work
    directories elsewhere than on disk; done: evidence of undisturbed runs, by
    suite."""

    cluster: Any
    folder: Path
    suites: dict[str, Path]
    workers: list[tuple[Any, int]] = field(default_factory=list)
    stores: dict[Path, Folder] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def grow(self, count: int) -> None:
        """Bring the number of workers back to `count`."""
        living = []
        for handle, raylet in self.workers:
            if psutil.pid_exists(raylet) and psutil.Process(raylet).status() != psutil.STATUS_ZOMBIE:
                living.append((handle, raylet))
            else:
                self.cluster.remove_node(handle, allow_graceful=False)
        self.workers = living
        while len(self.workers) < count:
            handle = self.cluster.add_node(num_cpus=1)
            self.workers.append((handle, handle.all_processes["raylet"][0].process.pid))

    def processes(self, word: str) -> list[tuple[psutil.Process, int]]:
        """Worker processes whose title holds a word, each with the pid of its node's raylet."""
        found = []
        for _, raylet in self.workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(raylet).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        if word in " ".join(child.cmdline()):
                            found.append((child, raylet))
        return found

    def undisturbed(self, suite: str) -> Any:
        """The evidence of a run that nothing befell; its work directory is the folder `undisturbed-SUITE`."""
        if suite not in self.done:
            driver = self.driver(suite, str(self.folder / f"undisturbed-{suite}"))
            assert driver.end() == 0, driver.said()
            self.done[suite] = evidence(Folder.at(self.folder / f"undisturbed-{suite}"))
        return self.done[suite]

    def driver(self, suite: str, workdir: str, phases: tuple[str, ...] = ()) -> Driver:
        return Driver(self.suites[suite], workdir, phases, RAY_ADDRESS=self.address)


@contextmanager
def open_arena(folder: Path) -> Iterator[Arena]:
    """A head without CPUs and what it needs to be told; ends with all of its nodes."""
    from ray.cluster_utils import Cluster

    before = {name: os.environ.get(name) for name in (*OPEN, *QUICK)}
    os.environ.update({**OPEN, **QUICK})
    head = {"num_cpus": 0, "include_dashboard": False, "gcs_server_port": free_port()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    arena = Arena(cluster, folder, write_suites(folder))
    try:
        yield arena
    finally:
        for _, raylet in arena.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(raylet, signal.SIGCONT)
        cluster.shutdown()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def write_suites(folder: Path) -> dict[str, Path]:
    """Suites that a loaded machine runs in a minute or less, since each loads one model or none: `dense`, MiniLM with
    the tasks; `words`, BM25 alone."""
    generate(Folder.at(folder / "landscape"), seed=9, patents=300, name="landscape")
    common: dict[str, Any] = {
        "name": "small", "landscapes": [{"path": str(folder / "landscape")}], "views": ["claim1"],
        "tasks": {"classification": None, "clustering": None}, "statistics": {"resamples": 200, "flips": 200},
        "embedding": {"stall_seconds": 300},
    }  # fmt: skip
    tasks = {
        "classification": {"labels": ["files"], "min_train": 3},
        "clustering": {"labels": ["files"], "seeds": 2, "min_class": 3},
    }
    words = [{"lexical": "bm25"}, {"lexical": "bm25", "k1": 0.9}]
    suites: dict[str, dict[str, Any]] = {
        "dense": {"models": ["minilm"], "systems": [{"dense": "minilm"}], "tasks": tasks, "search": {"shards": 2}},
        "words": {"models": [], "systems": words},
    }
    written = {name: folder / f"{name}.yaml" for name in suites}
    for name, changes in suites.items():
        written[name].write_text(yaml.safe_dump({**common, **changes}))
    return written


def evidence(workdir: Folder, name: str = "small") -> Any:
    return pq.read_table((workdir / "runs" / name).input("evidence.parquet"))


def repeated(workdir: Folder, name: str = "small") -> int:
    """Windows that were done twice, as the run itself counts them."""
    steps = (workdir / "runs" / name).read_json("provenance.json")["steps"]
    return sum(int(step.get("windows_repeated", 0)) for step in steps)


def left_behind(workdir: Folder) -> list[str]:
    """What a run must not leave: halves of files, markers, leases, trainings under way."""
    names = [name for name in workdir.file_times() if not name.startswith("anew/")]
    return [
        name
        for name in names
        if "_tmp-" in name or "/started/" in name or name.startswith(("leases/", "training/")) or ".writable-" in name
    ]


def damage(folder: Folder, name: str, how: str, random: random.Random) -> None:
    """Cut a file short, empty it, turn one of its bits, or take it away."""
    if how == "missing":
        folder.delete(name)
        return
    content = bytearray(folder.read_bytes(name))
    if how == "a bit":
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    kept = {"cut short": random.randrange(1, len(content)), "emptied": 0}.get(how, len(content))
    folder.write_bytes(name, bytes(content[:kept]))
