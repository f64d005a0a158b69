"""A slow step is told from one that a lost node holds up: by whether anyone says that he works."""

import queue
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patray.cluster import held_up, pipeline
from patray.cluster.growth import Demand
from patray.cluster.held_up import LostNodes, said, working
from patray.cluster.placement import Resources
from patray.cluster.tasks import Beside, gather, submit
from patray.errors import LostNodeError, ResourceError, WorkerDiedError
from tests.chaos.arena import until

BOTH = {"ab" * 14, "cd" * 14}


class World:
    """A cluster of two nodes as a watch sees it, on a clock that the test turns."""

    def __init__(self) -> None:
        self.now, self.alive, self.words, self.demand = 0.0, set(BOTH), dict[bytes, bytes](), Demand()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(held_up, "time", SimpleNamespace(monotonic=lambda: world.now))
    monkeypatch.setattr(held_up, "node_ids", lambda: set(world.alive))
    monkeypatch.setattr(held_up, "nodes", lambda: [Resources(2)])
    monkeypatch.setattr(held_up, "said", lambda: dict(world.words))
    monkeypatch.setattr(held_up, "demand", lambda: world.demand)
    return world


def wait(world: World, watch: LostNodes, seconds: float, came: bool = False, works: bool = False) -> None:
    """Look every ten seconds."""
    for _ in range(int(seconds / 10)):
        world.now += 10
        if works:
            world.words = {b"worker": str(world.now).encode()}
        watch.look(came)


def test_without_a_lost_node_nothing_is_held_up_however_long_it_takes(world: World) -> None:
    watch = LostNodes("search", 1800)
    wait(world, watch, 7200)
    assert not watch.lost
    assert type(watch.stalled("nothing for long")) is ResourceError
    assert type(watch.cause(WorkerDiedError("a worker died"))) is WorkerDiedError


def test_a_lost_node_is_told_and_holds_up_what_neither_moves_nor_says_that_it_works(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = LostNodes("search", 1800)
    world.now, world.alive = 500.0, {"ab" * 14}
    watch.look()
    assert "search: node cdcdcdcd is gone" in capsys.readouterr().err
    wait(world, watch, 170)
    with pytest.raises(LostNodeError, match=r"^search: nothing was done for 180 s, since a node was lost$"):
        wait(world, watch, 10)
    assert type(watch.stalled("nothing for long")) is LostNodeError
    assert type(watch.cause(WorkerDiedError("a worker died"))) is LostNodeError
    assert type(watch.cause(ResourceError("the disk is full"))) is ResourceError


@pytest.mark.parametrize("sign", ["came", "works"])
def test_a_window_that_takes_longer_is_not_held_up_while_anything_comes_or_anyone_says_that_he_works(
    sign: str, world: World
) -> None:
    watch = LostNodes("embed m", 1800)
    world.alive = {"ab" * 14}
    wait(world, watch, 3600, **{sign: True})
    wait(world, watch, 170)
    with pytest.raises(LostNodeError):
        wait(world, watch, 10)


def test_what_waits_for_a_node_that_is_to_come_is_not_held_up(world: World) -> None:
    watch = LostNodes("embed m", 1800)
    world.alive, world.demand = {"ab" * 14}, Demand(((Resources(4), 1),))
    wait(world, watch, 3600)
    world.demand = Demand(((Resources(2), 1),))  # fits on what is there
    with pytest.raises(LostNodeError):
        wait(world, watch, 10)


@pytest.mark.parametrize("lost", [True, False])
def test_windows_that_a_lost_node_holds_are_not_waited_for_without_end(
    lost: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(queue.Queue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            world.now += timeout or 0
            if lost:
                world.alive = {"ab" * 14}
            raise queue.Empty

    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=lambda: world.now))
    monkeypatch.setattr(pipeline, "demand", lambda: "waiting for what runs")
    with pytest.raises(ResourceError) as raised:
        list(pipeline._received(Clock(), object(), 600, "embed m"))
    assert isinstance(raised.value, LostNodeError) == lost
    assert world.now == (210 if lost else 600)


def hold(until_there: str) -> int:
    """A task or call that works until a file is there."""
    pause = threading.Event()
    while not Path(until_there).exists():
        pause.wait(0.02)
    return 7


class Holds:
    def hold(self, until_there: str) -> int:
        return hold(until_there)


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_tasks_and_actors_say_that_they_work_and_no_longer_once_they_are_done(tmp_path: Path) -> None:
    there = tmp_path / "go"
    both = [submit(hold, Resources(cpus=1), str(there)), Beside(Holds).call("hold", str(there))]
    first = until(lambda: found if len(found := said()) == 2 else None, "a word of both")
    until(lambda: all(said()[key] != word for key, word in first.items()), "another word of both")
    there.touch()
    assert gather(both, "hold", 60) == [7, 7]
    until(lambda: not said(), "the end of their words")


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_what_is_over_at_once_says_nothing() -> None:
    with working():
        pass
    assert said() == {}
