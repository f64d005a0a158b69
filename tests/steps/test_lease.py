"""One of several drivers holds a thing: on a fake clock, on a disk and on an object store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from patray.errors import ConflictError
from patray.files import Folder
from patray.steps import lease
from patray.steps.lease import BEAT, LEASES, STALE, Clock, Lease, Watch, claims, holding, take
from tests.s3_server import S3Server

WHAT = "embeddings/small/ta/minilm/0123"


class FakeClock(Clock):
    """A clock that only waiting moves; `then` is called at each wait."""

    def __init__(self, then: list[object] | None = None) -> None:
        self.time, self.waits, self.then = 0.0, 0, then or []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.waits += 1
        if self.then:
            self.then.pop(0)()  # type: ignore[operator]
        assert self.waits < 1000, "it waits for ever"


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "disk":
        return Folder.at(tmp_path)
    server: S3Server = request.getfixturevalue("s3")
    return server.bucket()


def elsewhere(store: Folder, what: str = WHAT, beat: int = 0) -> str:
    """The claim of a driver on another machine; its clock is years off."""
    name = f"{what.replace('/', '+')}@elsewhere.json"
    value = {"what": what, "host": "other", "boot": "b", "pid": 7, "started": "1", "beat": beat, "since": "1999"}
    (store / LEASES).write_bytes(name, json.dumps(value).encode())
    return name


def test_a_free_thing_is_taken_at_once_and_given_back(store: Folder) -> None:
    clock = FakeClock()
    found = take(store, WHAT, clock)
    assert found is not None
    assert [claim.what for claim in claims(store)] == [WHAT]
    found.withdraw()
    assert claims(store) == []
    assert clock.waits == 0


def test_who_comes_second_waits_and_says_for_whom_until_the_first_is_done(
    store: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    name = elsewhere(store)
    clock = FakeClock([lambda: None, lambda: None, lambda: (store / LEASES).delete(name)])
    found = take(store, WHAT, clock)
    assert found is not None
    assert clock.waits == 3
    said = capsys.readouterr().err
    assert said.count(f"{WHAT}: process 7 on other, there since 1999, is at it; waiting for what it makes") == 1
    found.withdraw()


def test_who_waits_takes_what_the_first_has_made(store: Folder) -> None:
    elsewhere(store)
    made: list[bool] = []
    assert take(store, WHAT, FakeClock([lambda: made.append(True)]), done=lambda: bool(made)) is None


def test_a_holder_that_beats_is_waited_for_however_long_it_takes(store: Folder) -> None:
    elsewhere(store)
    beats = [lambda beat=beat: elsewhere(store, beat=beat) for beat in range(1, 80)]
    clock = FakeClock([*beats, lambda: (store / LEASES).delete(elsewhere(store))])
    found = take(store, WHAT, clock)
    assert found is not None
    assert clock.time > 3 * STALE
    found.withdraw()


def test_a_holder_without_a_beat_is_taken_for_dead_by_the_watchers_own_clock(
    store: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere(store)
    clock = FakeClock()
    found = take(store, WHAT, clock)
    assert found is not None
    assert STALE <= clock.time < STALE + 3 * lease.LOOK
    assert "taken over from process 7 on other" in capsys.readouterr().err
    assert [claim.pid for claim in claims(store)] == [os.getpid()]
    found.withdraw()


def test_a_dead_process_of_this_machine_is_not_waited_for(store: Folder) -> None:
    code = (
        "from patray.files import Folder; from patray.steps.lease import take; import sys, os; "
        f"take(Folder.at(sys.argv[1]), {WHAT!r}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, store.uri], check=False)
    assert len(claims(store)) == 1
    clock = FakeClock()
    found = take(store, WHAT, clock)
    assert found is not None
    assert clock.waits == 0
    found.withdraw()


def test_of_many_that_come_together_one_at_a_time_holds(tmp_path: Path) -> None:
    store, inside, most = Folder.at(tmp_path), [0], [0]
    guard = threading.Lock()
    barrier = threading.Barrier(6)

    def drive() -> None:
        barrier.wait()
        for _ in range(3):
            found = take(store, WHAT, QuickClock())
            assert found is not None
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            store.exists("something")
            with guard:
                inside[0] -= 1
            found.withdraw()

    threads = [threading.Thread(target=drive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert claims(store) == []


class QuickClock(Clock):
    """Real time, with waits a hundred times as short."""

    def wait(self, seconds: float) -> None:
        super().wait(seconds / 100)


def test_a_holder_that_was_taken_for_dead_finds_out_and_stops(store: Folder) -> None:
    def taken_from() -> None:
        with holding(store, [WHAT, "runs/first"]):
            for name in (store / LEASES).list():
                (store / LEASES).delete(name)
            for found in list(alive):
                found.beat()

    alive: list[Lease] = []
    original = Lease.start
    Lease.start = lambda self: alive.append(self)  # type: ignore[method-assign]
    try:
        with pytest.raises(ConflictError, match=r"another driver took this one for dead"):
            taken_from()
    finally:
        Lease.start = original  # type: ignore[method-assign]
    assert claims(store) == []


def test_leases_are_given_back_when_the_work_fails(store: Folder) -> None:
    with pytest.raises(ValueError, match="work"), holding(store, [WHAT]):
        raise ValueError("work")
    assert claims(store) == []


def test_a_beat_is_seen_by_who_watches(store: Folder) -> None:
    found = Lease(store, WHAT)
    found.write()
    clock = FakeClock()
    watch = Watch(clock)
    for _ in range(20):
        [claim] = claims(store)
        assert not watch.is_stale(claim)
        found.beat()
        clock.time += 2 * BEAT
    found.withdraw()
