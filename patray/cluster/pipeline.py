"""What every Ray Data pipeline of patray shares: the size of its actor pool, errors as rows, and a watchdog.

The pipelines are alike: a row is a window; CPU tasks tokenise it, actors that hold a model finish and save it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import ray

from patray import errors
from patray.cluster.errors import cause_of
from patray.cluster.start import require
from patray.errors import PatrayError, ResourceError
from patray.runs.suite import Embedding

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


def pool_size(options: Embedding, windows: int, cpus: float, gpus: float, label: str) -> tuple[int, int]:
    """Smallest and largest number of actors: never more than windows, or than the cluster can ever hold."""
    least = options.actors.min
    found = require(f"{label}: {least} encoder actor(s)", least * cpus, least * gpus)

    def room(resources: dict[str, float]) -> int:
        by_cpu = int((resources["CPU"] - TOKENISER_CPUS + 1e-9) // cpus)
        return max(1, min(by_cpu, int(resources["GPU"] // gpus)) if gpus else by_cpu)

    most = min(options.actors.max or room(found.most), room(found.most), windows)
    least = min(least if found.grows else min(most, room(found.now)), most)
    return max(1, least), max(1, most)


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
    while True:
        try:
            item = results.get(timeout=stall_seconds)
        except queue.Empty:
            raise ResourceError(
                f"{label}: no window was finished for {stall_seconds} s (embedding.stall_seconds). The cluster may "
                "have no room for an actor: see `ray status`."
            ) from None
        if item is end:
            return
        if isinstance(item, BaseException):
            raise cause_of(item) from item
        yield item
