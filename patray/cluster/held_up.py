"""Tell a slow step from one that a lost node holds up, by one rule for all that waits on a cluster.

Whoever works says so every few seconds, in the head's own small store; a process that the head cannot reach does not.
Once a node is lost, a step of which nothing came and nobody said anything for LOST_SECONDS is held up: LostNodeError,
on which `go_on` leaves the cluster and joins it again.

    with working():                       # in a worker, around what may take long
        ...
    watch = LostNodes("embed minilm", 1800)   # in the driver, which looks every few seconds
    watch.look(something_came)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from patray.cluster.errors import cause_of
from patray.cluster.growth import Demand, demand, node_ids, nodes
from patray.cluster.placement import Resources, slots
from patray.cluster.start import is_up
from patray.errors import LostNodeError, ResourceError, WorkerDiedError
from patray.progress import warn

BEAT_SECONDS = 5.0
"""How often a worker says that it works; one that is done sooner says nothing."""
LOST_SECONDS = 180.0
"""How long nothing may be done and nobody may say that he works, once a node is lost. One that cannot be reached (cut
off, not dead) keeps Ray Data 2.60 waiting for what it held."""


@contextmanager
def working() -> Iterator[None]:
    """Say that this process works, as long as it is inside: a number that grows, in the head's store."""
    if not is_up():
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_say_so, args=(over,), daemon=True, name="patray-working")
    thread.start()
    try:
        yield
    finally:
        over.set()


def _say_so(over: threading.Event) -> None:
    import ray
    from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_put

    own, beats = f"{_prefix()}{ray.get_runtime_context().get_worker_id()}/{threading.get_ident()}", 0
    while not over.wait(BEAT_SECONDS):
        beats += 1
        _internal_kv_put(own, str(beats), overwrite=True)
    if beats:
        _internal_kv_del(own)


def said() -> dict[bytes, bytes]:
    """What those who work in this job have said last, by who they are."""
    from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list

    found = {key: _internal_kv_get(key) for key in _internal_kv_list(_prefix())}
    return {key: value for key, value in found.items() if value is not None}


def _prefix() -> str:
    """The same in a driver and in all that works for it."""
    import ray

    return f"patray-working/{ray.get_runtime_context().get_job_id()}/"


class LostNodes:
    """Says which nodes are gone since it began, and ends a wait that one of them holds up.

    lost: whether any is gone. stall_seconds: how long the wait itself may see nothing done.
    """

    def __init__(self, label: str, stall_seconds: float) -> None:
        self._label, self._limit = label, min(LOST_SECONDS, stall_seconds)
        self._alive, self.lost = node_ids(), False
        self._said: dict[bytes, bytes] = {}
        self._since = time.monotonic()

    def cause(self, error: BaseException) -> BaseException:
        """What a user reads of an error; where a node is lost and a worker died of it once too often, one after which
        the cluster is joined again."""
        cause = cause_of(error)
        return LostNodeError(str(cause)) if self.lost and isinstance(cause, WorkerDiedError) else cause

    def look(self, came: bool = False) -> None:
        """Look at nodes and workers; came: something was done since the last look. LostNodeError where a lost node
        holds up the step."""
        now, alive = time.monotonic(), node_ids()
        for gone in sorted(self._alive - alive):
            warn(f"{self._label}: node {gone[:8]} is gone; what it had in flight is done again elsewhere")
            self.lost, self._since = True, now
        self._alive = alive
        if not self.lost:
            return
        words = said()
        if came or words != self._said:
            self._since, self._said = now, words
        still = now - self._since
        if still >= self._limit and no_room(demand()) is None:
            raise LostNodeError(f"{self._label}: nothing was done for {still:.0f} s, since a node was lost")

    def stalled(self, message: str) -> ResourceError:
        """What ends a wait that took too long; where a node is lost, one after which the cluster is joined again."""
        return LostNodeError(message) if self.lost else ResourceError(message)


def no_room(state: Demand) -> Resources | None:
    """What is asked for and fits on no node that is there, however long one waits for what runs."""
    there = nodes()
    return next((asked for asked, _ in state.waiting if not slots(there, asked)), None)
