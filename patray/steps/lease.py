"""Leases: of several drivers in one work directory one makes a thing, the others wait and take what it made.

A lease is a small file `leases/WHAT@HOLDER.json` that its holder writes again every few seconds. No store needs to know
atomic or conditional writes for it, only that a listing shows what was written before: a driver writes its claim, then
looks; who sees another claim takes its own back and waits. Of two that come together the later one sees the earlier, so
at most one holds. Clocks are never compared: a holder is dead when its file was not written again for STALE seconds of
the watcher's own clock, or, on the same machine, when its process is gone.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from patray.errors import ConflictError, InputError, ResourceError
from patray.files import Folder
from patray.progress import say

LEASES = "leases"
BEAT, STALE, LOOK = 5.0, 40.0, 2.0
"""Seconds between two beats; without a beat until a lease is stale; between two looks of who waits."""


@dataclass(frozen=True)
class Claim:
    """What a lease file says. name: of the file; what: path of the thing in the store; beat: counts up."""

    name: str
    what: str
    host: str
    boot: str
    pid: int
    started: str
    beat: int
    since: str

    @property
    def holder(self) -> str:
        return f"process {self.pid} on {self.host}, there since {self.since}"

    def is_dead_here(self) -> bool:
        """True when its process ran on this machine and is gone."""
        return self.boot == _boot() and self.host == socket.gethostname() and _process_start(self.pid) != self.started


class Clock:
    """Time as who waits sees it; a test brings its own."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Watch:
    """Remembers since when each claim has had the same beat."""

    clock: Clock = field(default_factory=Clock)
    seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def is_stale(self, claim: Claim) -> bool:
        beat, since = self.seen.get(claim.name, (-1, 0.0))
        if beat != claim.beat:
            self.seen[claim.name] = claim.beat, self.clock.now()
            return claim.is_dead_here()
        return claim.is_dead_here() or self.clock.now() - since >= STALE


def claims(store: Folder, what: str | None = None) -> list[Claim]:
    """The claims on a thing, or all of a store."""
    folder, found = store / LEASES, []
    for name in folder.list():
        if what is not None and name.rpartition("@")[0] != _key(what):
            continue
        try:
            found.append(Claim(name=name, **folder.read_json(name)))
        except (InputError, TypeError):
            continue  # released in this moment
    return found


class Lease:
    """One claim of this process: taken, beaten by a thread, released."""

    def __init__(self, store: Folder, what: str) -> None:
        self._folder, self._what = store / LEASES, what
        self._name = f"{_key(what)}@{uuid.uuid4().hex[:12]}.json"
        self._since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._beat = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="patray-lease")
        self.lost = False

    @property
    def name(self) -> str:
        return self._name

    def write(self) -> None:
        pid = os.getpid()
        value: dict[str, Any] = {"what": self._what, "host": socket.gethostname(), "boot": _boot(), "pid": pid}
        value |= {"started": _process_start(pid), "beat": self._beat, "since": self._since}
        self._folder.write_bytes(self._name, json.dumps(value).encode())

    def beat(self) -> None:
        """Say that this process lives; the lease is lost where another one has taken it for dead."""
        if not self._folder.exists(self._name):
            self.lost = True
            return
        self._beat += 1
        self.write()

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(BEAT) and not self.lost:
            try:
                self.beat()
            except ResourceError as error:
                say(f"the lease of {self._what} could not be renewed: {error}")

    def withdraw(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        self._folder.delete(self._name)


def take(
    store: Folder, what: str, clock: Clock | None = None, done: Callable[[], bool] = lambda: False
) -> Lease | None:
    """The lease of a thing, once nobody else holds it; None as soon as `done` says that another one made the thing.

    Says once whom it waits for. The lease beats once it is started.
    """
    clock = clock or Clock()
    watch, said = Watch(clock), False
    while True:
        others = _living(store, what, watch, None)
        if not others:
            lease = Lease(store, what)
            lease.write()
            others = _living(store, what, watch, lease.name)
            if not others:
                return lease
            lease.withdraw()
            clock.wait(LOOK * random.random())
        elif done():
            return None
        else:
            if not said:
                say(f"{what}: {others[0].holder}, is at it; waiting for what it makes")
                said = True
            clock.wait(LOOK)


def _living(store: Folder, what: str, watch: Watch, own: str | None) -> list[Claim]:
    """The claims of others that are not stale; what the dead left is deleted."""
    living = []
    for claim in claims(store, what):
        if claim.name == own:
            continue
        if watch.is_stale(claim):
            say(f"{what}: taken over from {claim.holder}, which is gone")
            (store / LEASES).delete(claim.name)
        else:
            living.append(claim)
    return living


@contextmanager
def holding(store: Folder, things: Iterable[str]) -> Iterator[None]:
    """Hold the leases of some things (paths in the store) while inside, waiting for whoever has them.

    Taken in the order of their names, so that two drivers never wait for each other. Raises ConflictError at the end
    when another driver took this one for dead, as after a machine slept: both may have written.
    """
    with ExitStack() as stack:
        leases = []
        for what in sorted(set(things)):
            lease = take(store, what)
            if lease is None:
                raise AssertionError("a lease without an end of waiting was not taken")
            stack.callback(lease.withdraw)
            lease.start()
            leases.append((what, lease))
        yield
        lost = [what for what, lease in leases if lease.lost]
        if lost:
            raise ConflictError(
                f"{lost[0]}: another driver took this one for dead after {STALE:.0f} s without a sign of life, and "
                "goes on with it; this one stops. Give one of them another --name or --workdir"
            )


def _key(what: str) -> str:
    return what.replace("/", "+")


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{socket.gethostname()}-{uuid.getnode()}"


def _process_start(pid: int) -> str:
    """When a process of this machine began, in the kernel's own count; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "" if not _runs(pid) else "unknown"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not Path("/proc/self").exists()
