"""The faults that may befall a run, each as a function that plays it and says what came of it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from patray.files import Folder
from tests.chaos.arena import QUICK, Arena, Driver, damage, kill, left_behind, until
from tests.chaos.hosts import two_hosts
from tests.chaos.several_nodes import free_port, several_nodes
from tests.s3_server import Answer, S3Server

PARTS = "embeddings/*/*/*/*/*.parquet"
NODES_AT_WORK = 2
"""Windows that a driver had given out beside those that were marked, one a node."""


@dataclass(frozen=True)
class Outcome:
    """What came of a fault. words: for the table; allowed: windows that may have been in flight, and so may be done
    twice; least: those that were for certain, and so must be counted."""

    words: str
    allowed: int = 0
    least: int = 0


@dataclass
class Trial:
    """One fault on its way. random: seeded by the schedule's seed and the fault's name; workdir: on disk, with all but
    the run of an undisturbed one (vectors, clean copies), or empty for a fault that hits the embedding."""

    arena: Arena
    random: random.Random
    workdir: Path
    suite: str = "dense"
    s3: S3Server | None = None

    @property
    def store(self) -> Folder:
        return Folder.at(self.workdir)

    def start(self, *phases: str) -> Driver:
        return self.arena.driver(self.suite, str(self.workdir), phases)

    def again(self) -> str:
        """What the same command says, which must end well."""
        driver = self.start()
        assert driver.end() == 0, driver.said()
        return driver.said()

    def in_flight(self) -> list[Path]:
        """Windows that an actor took and has not saved."""
        marked = self.workdir.glob("embeddings/*/*/*/*/started/[!_]*.parquet")  # not while a mark is being written
        return [path for path in marked if not (path.parent.parent / path.name).exists()]

    def embedding(self, driver: Driver) -> list[tuple[psutil.Process, int]]:
        """The encoder actors and their nodes at a moment when windows are in flight, in each actor if that comes before
        a window is done."""

        def busy() -> list[tuple[psutil.Process, int]]:
            assert driver.process.poll() is None, driver.said()
            actors, flying = self.arena.processes("_EncodeWindow"), self.in_flight()
            enough = len(flying) >= (1 if list(self.workdir.glob(PARTS)) else len(actors))
            return actors if actors and enough else []

        found: list[tuple[psutil.Process, int]] = until(busy, "a window in flight")
        return found


def ends_well(driver: Driver) -> str:
    driver.go()
    assert driver.end() == 0, driver.said()
    assert "Traceback" not in driver.said()
    return driver.said()


def ends_with(driver: Driver, *words: str) -> str:
    """The one sentence of a run that may not go on."""
    driver.go()
    status = driver.end()
    said = driver.said()
    assert status == 1, said
    assert "Traceback" not in said, said
    sentence = next(line for line in said.splitlines() if line.startswith("patray: error: "))
    for word in words:
        assert word in sentence, said
    return sentence


@contextmanager
def standing_still(actors: list[tuple[psutil.Process, int]]) -> Iterator[None]:
    """Encoder actors that take and save nothing meanwhile."""
    for actor, _ in actors:
        actor.suspend()
    try:
        yield
    finally:
        for actor, _ in actors:
            with contextlib.suppress(psutil.NoSuchProcess):
                actor.resume()


def lose_node(trial: Trial, phase: str) -> Outcome:
    """A node with an encoder actor is lost while windows are in flight: each actor has one at most."""
    driver = trial.start()
    actors = trial.embedding(driver)
    with standing_still(actors):
        every = len(trial.in_flight()) == len(actors)
        _, raylet = trial.random.choice(actors)
        kill(raylet)
    ends_well(driver)
    return Outcome("went on", 1, int(every))


def kill_actor(trial: Trial, phase: str) -> Outcome:
    """An encoder actor is killed, as by the kernel for want of memory; its node stays."""
    driver = trial.start()
    actors = trial.embedding(driver)
    with standing_still(actors):
        every = len(trial.in_flight()) == len(actors)
        actor, _ = trial.random.choice(actors)
        actor.kill()
    ends_well(driver)
    return Outcome("another took its place", 1, int(every))


def stop_actor(trial: Trial, phase: str) -> Outcome:
    """An encoder actor stands still until the others have done all else, and goes on."""
    driver = trial.start()
    actors = trial.embedding(driver)
    stopped = trial.random.choice(actors)
    with standing_still([stopped]):
        done = len(list(trial.workdir.glob(PARTS)))
        until(lambda: len(list(trial.workdir.glob(PARTS))) > done, "a window of another actor")
    ends_well(driver)
    return Outcome("waited for", 0)


def lose_node_at_work(trial: Trial, phase: str) -> Outcome:
    """A node is lost while a phase is under way; what its workers did is done again elsewhere."""
    driver = trial.start(phase)
    driver.reach(phase)
    _, raylet = trial.random.choice(trial.arena.workers)
    kill(raylet)
    ends_well(driver)
    return Outcome("went on")


def kill_workers(trial: Trial, phase: str) -> Outcome:
    """All workers of all nodes are killed while a phase is under way; their nodes stay, which end with their agents."""
    driver = trial.start(phase)
    driver.reach(phase)
    workers = [one for one in trial.arena.processes("ray::") if "Agent" not in " ".join(one[0].cmdline())]
    for worker, _ in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    assert workers
    ends_well(driver)
    return Outcome(f"went on without {len(workers)} workers")


def stop_node(trial: Trial, phase: str) -> Outcome:
    """A node stands still from a phase on, until Ray takes it for lost and its machine is taken away."""
    driver = trial.start(phase)
    driver.reach(phase)
    _, raylet = trial.random.choice(trial.arena.workers)
    psutil.Process(raylet).suspend()
    driver.go()
    until(lambda: "is gone" in driver.said() or driver.process.poll() is not None, "a word on the node")
    kill(raylet)
    ends_well(driver)
    return Outcome("taken for lost; went on when it was gone")


def kill_driver(trial: Trial, phase: str) -> Outcome:
    """The driver is killed in a phase; the same command goes on."""
    driver = trial.start(phase)
    driver.reach(phase)
    allowed = len(trial.in_flight())
    driver.kill()
    trial.again()
    return Outcome("the same command went on", allowed + NODES_AT_WORK)


def two_drivers(trial: Trial, phase: str) -> Outcome:
    """A second driver begins while the first stands still in a phase: it waits, says so, and takes what was made."""
    first = trial.start(phase)
    first.reach(phase)
    second = trial.start()
    until(lambda: "waiting for" in second.said() or second.process.poll() is not None, "a word of the second driver")
    assert second.process.poll() is None, second.said()
    ends_well(first)
    assert second.end() == 0, second.said()
    return Outcome("the second waited, and said so")


def fill_disk(trial: Trial, phase: str) -> Outcome:
    """The disk of the work directory is full from a phase on; there is room again when the run has ended."""
    small = trial.workdir.parent / "small-disk"
    small.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]).returncode:
        pytest.skip("a disk of its own needs the right to mount one")
    try:
        store = Folder.at(small / "work").make()
        shutil.copytree(trial.workdir, small / "work", dirs_exist_ok=True)
        driver = trial.arena.driver(trial.suite, store.uri, (phase,))
        driver.reach(phase)
        room = shutil.disk_usage(small).free
        with contextlib.suppress(OSError):  # what the run takes meanwhile is not there any more
            (small / "filler").write_bytes(b"0" * room)
        sentence = ends_with(driver, "space")
        assert str(small) in sentence
        (small / "filler").unlink()
        again = trial.arena.driver(trial.suite, store.uri)
        assert again.end() == 0, again.said()
        shutil.copytree(small / "work", trial.workdir, dirs_exist_ok=True)
        assert left_behind(store) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    return Outcome("said so; then went on", 8)


def leave_lease(trial: Trial, phase: str) -> Outcome:
    """A lease of a driver on another machine that is gone."""
    name = "runs+small@0123456789ab.json"
    claim = {"what": "runs/small", "host": "gone.example", "boot": "another", "pid": 1, "started": "1", "beat": 7}
    (trial.store / "leases").write_json(name, claim | {"since": "2026-01-01T00:00:00+00:00"})
    assert "taken over from process 1 on gone.example" in trial.again()
    return Outcome("taken over when it did not beat")


def address_nobody(trial: Trial, phase: str) -> Outcome:
    driver = Driver(trial.arena.suites[trial.suite], str(trial.workdir), RAY_ADDRESS=f"127.0.0.1:{free_port()}")
    ends_with(driver, "RAY_ADDRESS is 127.0.0.1:", "nobody answers there")
    trial.again()
    return Outcome("said that nobody answers")


def part_hosts(trial: Trial, phase: str) -> Outcome:
    """The worker's host and the head's no longer reach each other; both are still there, and neither is told."""
    with two_hosts() as hosts:
        suite = trial.arena.suites[trial.suite]
        driver = Driver(suite, str(trial.workdir), (phase,), hosts.inside, RAY_ADDRESS=hosts.address, **QUICK)
        driver.reach(phase)
        hosts.part()
        ends_well(driver)
    return Outcome("went on without the other host", 1)


def lose_head(trial: Trial, phase: str) -> Outcome:
    """The head of a cluster of two nodes is killed while a phase is under way."""
    with several_nodes(0, 1, 1) as nodes:
        command = trial.arena.suites[trial.suite], str(trial.workdir), (phase,)
        driver = Driver(*command, RAY_ADDRESS=nodes.address, RAY_gcs_rpc_server_reconnect_timeout_s="10")
        driver.reach(phase)
        os.kill(nodes.head, signal.SIGKILL)
        driver.go()
        assert driver.end() != 0
    said = driver.said()
    assert f"the head of the Ray at {nodes.address} does not answer" in said, said
    assert "the same command goes on" in said, said
    assert "Traceback" not in said, said
    trial.again()
    return Outcome("said so; then went on", NODES_AT_WORK)


def damage_vectors(how: str) -> Callable[[Trial, str], Outcome]:
    def play(trial: Trial, phase: str) -> Outcome:
        parts = sorted(trial.workdir.glob(PARTS))
        part = trial.random.choice(parts)
        made = {path: path.stat().st_mtime_ns for path in parts if path != part}
        damage(Folder.at(part.parent), part.name, how, trial.random)
        trial.again()
        notes = (trial.store / "runs" / "small").read_json("provenance.json")["notes"]
        assert any(part.name in note or part.parent.name in note for note in notes) or how != "a bit", notes
        assert all(path.stat().st_mtime_ns == since for path, since in made.items()), "more was made again"
        return Outcome("named, and made again: 1 window")

    return play


def damage_copy(how: str) -> Callable[[Trial, str], Outcome]:
    """A file of a landscape's clean copy is damaged: the copy is made again, and nothing else."""

    def play(trial: Trial, phase: str) -> Outcome:
        copies = sorted(path for path in trial.workdir.glob("landscapes/*/*/**/*.parquet"))
        file = trial.random.choice(copies)
        made = {path: path.stat().st_mtime_ns for path in trial.workdir.glob(PARTS)}
        damage(Folder.at(file.parent), file.name, how, trial.random)
        assert file.name in trial.again()
        assert all(path.stat().st_mtime_ns == since for path, since in made.items()), "vectors were made again"
        return Outcome("named, and made again")

    return play


def damage_counts(trial: Trial, phase: str) -> Outcome:
    """A file of a view's counts of words is damaged."""
    file = trial.random.choice(sorted(trial.workdir.glob("lexical/**/*.parquet")))
    damage(Folder.at(file.parent), file.name, "a bit", trial.random)
    assert file.name in trial.again()
    return Outcome("named, and made again")


def damage_ranking(trial: Trial, phase: str) -> Outcome:
    """A ranking of a run that was stopped while it judged."""
    driver = trial.start("judge")
    driver.reach("judge")
    driver.kill()
    rankings = sorted(path for path in trial.workdir.glob("runs/small/rankings/**/*.parquet"))
    ranking = trial.random.choice(rankings)
    damage(Folder.at(ranking.parent), ranking.name, "cut short", trial.random)
    trial.again()
    return Outcome("named, and made again")


Rule = Callable[[random.Random], Callable[[str, str], Answer | float | None]]


def all_of(answer: Answer) -> Rule:
    return lambda random: lambda method, path: answer


def first_of(answer: Answer, most: int) -> Rule:
    """The first `most` requests are answered so, then the store is well."""

    def rule(random: random.Random) -> Callable[[str, str], Answer | float | None]:
        left = iter(range(most))
        return lambda method, path: None if next(left, None) is None else answer

    return rule


def slowly(seconds: float) -> Rule:
    return lambda random: lambda method, path: seconds


def trouble_store(
    rule: Rule, sentence: str = "", words: str = "said so; then went on"
) -> Callable[[Trial, str], Outcome]:
    """A store on S3 that fails from the phase on; where `sentence` is given the run ends with it, and goes on once the
    store is well again."""

    def play(trial: Trial, phase: str) -> Outcome:
        assert trial.s3 is not None
        store = trial.s3.bucket() / "work"
        trial.arena.stores[trial.workdir] = store
        driver = trial.arena.driver(trial.suite, store.uri, (phase,))
        driver.reach(phase)
        with trial.s3.failing(rule(trial.random)) as answered:
            if sentence:
                ends_with(driver, sentence)
            else:
                ends_well(driver)
        assert answered
        if sentence:
            again = trial.arena.driver(trial.suite, store.uri)
            assert again.end() == 0, again.said()
        told = f"{words}, {len(answered)} requests met"
        return Outcome(told, 8 if sentence else 0)

    return play
