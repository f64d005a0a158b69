"""What every Ray Data pipeline of patray shares: the size of its actor pool, errors as rows, and a watchdog.

The pipelines are alike: a row is a window; CPU tasks tokenise it, actors that hold a model finish and save it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from patray import errors
from patray.cluster.errors import cause_of
from patray.cluster.growth import SAY_SECONDS, demand, require, scales
from patray.cluster.meters import count_window, running
from patray.cluster.placement import Resources, held_by, slots
from patray.errors import PatrayError, ResourceError
from patray.files import Folder
from patray.progress import warn
from patray.runs.suite import Embedding

if TYPE_CHECKING:
    import ray.data

STARTED = "started"
WINDOW_TRIES = 6
"""How often a window may end its actor. Ray tries without end, and each time a model is loaded."""
TOKENISER_CPUS = 0.2
"""CPU share of one tokenising task; an actor asks for as much less than its threads, so that both fit."""


def failed(error: PatrayError) -> pa.Table:
    """An error as a row: Ray Data keeps only the text of what a worker raises, and a user must read what it says."""
    return pa.table({"error": [f"{type(error).__name__}: {error}"]})


def raise_failed(item: dict[str, Any]) -> None:
    """Raise the error that a row of `failed` holds; nothing for any other row."""
    if item.get("error"):
        kind, _, message = item["error"].partition(": ")
        raise getattr(errors, kind, PatrayError)(message)


def count_try(started: Folder, name: str, model: str) -> int:
    """Mark that an actor takes a window, and how many have by now; ResourceError when it has ended as many actors as it
    may."""
    tries = int(started.read_bytes(name) or b"0") if started.exists(name) else 0
    if tries >= WINDOW_TRIES:
        raise ResourceError(
            f"model {model}: each of {tries} actors died over the window {name}, for want of memory or in the "
            "engine: see what the workers wrote. Lower `embedding.tokens_per_batch` or `embedding.actors.max`, or give "
            "an actor more memory; what is done is kept"
        )
    started.write_bytes(name, str(tries + 1).encode())
    return tries + 1


def forget_tries(started: Folder) -> None:
    """What an earlier run left in flight was no fault of the window."""
    for name in started.list():
        started.write_bytes(name, b"")


def pool_size(options: Embedding, windows: int, worker: Resources, label: str) -> tuple[int, int]:
    """Smallest and largest number of actors: never more than windows, nor than the nodes hold beside a tokeniser.

    Where an autoscaler runs the largest is what the suite says: actors that wait for a node are what brings one. Raises
    ResourceError as `require` does.
    """
    least = min(options.actors.min, windows)
    found = require(f"{label}: {least} encoder actor(s)", worker, least, options.stall_seconds)
    if scales():
        return least, max(least, min(options.actors.max or windows, windows))
    room = slots(found, worker)
    if all(node.cpus - held_by(node, worker) * worker.cpus < TOKENISER_CPUS - 1e-6 for node in found):
        room -= 1  # a tokeniser must find a place
    most = max(1, min(options.actors.max or room, room, windows))
    return most, most


def watched(dataset: ray.data.Dataset, stall_seconds: int, label: str) -> Iterator[pa.Table]:
    """The dataset's batches as they come; a ResourceError when none comes for `stall_seconds`."""
    results: queue.Queue[Any] = queue.Queue()
    end = object()

    def consume() -> None:
        try:
            for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                results.put(batch)
            results.put(end)
        except BaseException as error:  # handed to the caller's thread, which raises it
            results.put(error)

    threading.Thread(target=consume, daemon=True, name="patray-pipeline").start()
    with running(label):
        yield from _received(results, end, stall_seconds, label)


def _received(results: queue.Queue[Any], end: object, stall_seconds: int, label: str) -> Iterator[pa.Table]:
    last = time.monotonic()
    while True:
        try:
            item = results.get(timeout=min(SAY_SECONDS, stall_seconds))
        except queue.Empty:
            still = time.monotonic() - last
            if still >= stall_seconds:
                raise ResourceError(
                    f"{label}: no window was finished for {stall_seconds} s (embedding.stall_seconds). The cluster may "
                    "have no room for an actor: see `ray status`."
                ) from None
            warn(f"{label}: no window was finished for {still:.0f} s, {demand()}")
            continue
        last = time.monotonic()
        if item is end:
            return
        if isinstance(item, BaseException):
            raise cause_of(item) from item
        for window in item.to_pylist():
            if not window.get("error"):
                count_window(label, window)
        yield item
