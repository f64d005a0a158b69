"""The one pipeline over windows, for embedding and for reranking: its workers, its pool, its watchdog.

    windows -> tokenise (CPU tasks) -> a worker that holds a model (actors, min..max) -> one saved file a window

A row is a window. A few texts are done in this process, by the same functions and with the same bits: Ray would not be
up sooner.
"""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from patray import errors
from patray.cluster.growth import SAY_SECONDS, demand, require, scales
from patray.cluster.held_up import LostNodes, working
from patray.cluster.meters import count_window, running
from patray.cluster.placement import Resources, held_by, slots
from patray.cluster.small import workers_here
from patray.cluster.start import PIPELINE, connect
from patray.encoders.protocol import EncoderSettings, EngineDied
from patray.errors import PatrayError, ResourceError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.progress import Progress, warn
from patray.runs.suite import Embedding

if TYPE_CHECKING:
    import ray.data

STARTED = "started"
WINDOW_TRIES = 6
"""How often a window may end its actor. Ray tries without end, and each time a model is loaded."""
TOKENISER_CPUS = 0.2
"""CPU share of one tokenising task; an actor asks for as much less than its threads, so that both fit."""


def settings_of(
    record: ModelRecord, engine: str, options: Embedding, allow_remote_code: bool, gpu_share: float = 1.0
) -> EncoderSettings:
    """How a worker runs a model: on a GPU where the suite gives one, else on so many threads."""
    on_gpu = options.gpus > 0
    return EncoderSettings(
        engine=engine,
        dtype=record.dtype,
        device="cuda" if on_gpu else "cpu",
        threads=options.threads,
        tokens_per_batch=options.tokens_per_batch or (65_536 if on_gpu else 2_048),
        allow_remote_code=allow_remote_code,
        gpu_share=gpu_share,
    )


class WindowWorker:
    """Holds a model and does window after window; a subclass says how, in `load` and `do`."""

    def __init__(self, work: Any) -> None:
        with working():
            self.load(work)

    def load(self, work: Any) -> None:
        """Make the model ready, once an actor."""
        raise NotImplementedError

    def __call__(self, row: pa.Table) -> pa.Table:
        if "error" in row.column_names:
            return row
        try:
            with working():
                return self.do(row)
        except PatrayError as error:
            return failed(error)
        except EngineDied as error:
            # An error would end the step, a retry would meet this broken actor again: Ray replaces a dead process
            # and gives its windows to others.
            print(f"{error}; this actor ends and is started again", file=sys.stderr, flush=True)
            os._exit(1)

    def do(self, row: pa.Table) -> pa.Table:
        """Do one window (a row of what the tokeniser gave) and save it; its counts as a row."""
        raise NotImplementedError


@dataclass(frozen=True)
class WindowPipeline:
    """What is done with every window, by whom, and where: `WindowPipeline(...).run(rows, progress)`.

    tokenise: a window and `work` to its token ids. worker: a class of WindowWorker, given `work` once an actor.
    started: the folders in which windows in flight are marked. counted: the column of texts (or pairs) in what a worker
    gives.
    """

    label: str
    work: Any
    tokenise: Callable[[pa.Table, Any], pa.Table]
    worker: Callable[[Any], WindowWorker]
    started: Sequence[Folder]
    counted: str
    options: Embedding
    gpus: float = 0.0

    def run(self, rows: list[dict[str, Any]], progress: Progress, here: bool = False) -> int:
        """Do all windows; the number of workers there may be. here: in this process, without Ray."""
        if not rows:
            return 1
        for folder in self.started:
            forget_tries(folder)
        if here:
            return self._here(rows, progress)
        connect()
        import ray

        cpus = self.options.threads - TOKENISER_CPUS
        lowest, highest = pool_size(self.options, len(rows), Resources(cpus, self.gpus), self.label)
        tokenise: Any = _tokenised  # Ray's own annotation does not know functions with keyword arguments
        worker: Any = self.worker
        results = (
            ray.data.from_items(rows, override_num_blocks=len(rows))
            .map_batches(
                tokenise,
                fn_kwargs={"work": self.work, "tokenise": self.tokenise},
                batch_size=1,
                batch_format="pyarrow",
                num_cpus=TOKENISER_CPUS,
            )
            .map_batches(
                worker,
                fn_constructor_kwargs={"work": self.work},
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(min_size=lowest, max_size=highest, max_tasks_in_flight_per_actor=2),
                num_cpus=cpus,
                num_gpus=self.gpus or None,
            )
        )
        for batch in watched(results, self.options.stall_seconds, self.label):
            self._tell(batch, progress)
        return highest

    def _here(self, rows: list[dict[str, Any]], progress: Progress) -> int:
        """All windows in threads of this process, each with a worker of its own, as many as actors would be."""
        import torch

        threads, before = int(self.options.threads), torch.get_num_threads()
        with _no_bars():
            workers = [self.worker(self.work) for _ in range(min(workers_here(self.options), len(rows)))]
        free: queue.SimpleQueue[WindowWorker] = queue.SimpleQueue()
        for one in workers:
            free.put(one)

        at_work = set[int]()

        def do(row: dict[str, Any]) -> pa.Table:
            one, thread = free.get(), threading.get_ident()
            at_work.add(thread)
            try:
                return one(_tokenised(pa.Table.from_pylist([row]), self.work, self.tokenise))
            finally:
                at_work.discard(thread)
                free.put(one)

        with ThreadPoolExecutor(len(workers), initializer=torch.set_num_threads, initargs=(threads,)) as pool:
            try:
                for found in pool.map(do, rows):
                    self._tell(found, progress)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                _interrupt(at_work)
                raise
            finally:
                torch.set_num_threads(before)
        return len(workers)

    def _tell(self, batch: pa.Table, progress: Progress) -> None:
        for item in batch.to_pylist():
            raise_failed(item)
            progress.advance(item[self.counted], item["tokens"])


def _interrupt(threads: set[int]) -> None:
    """Raise KeyboardInterrupt in threads of this process, at their next step in Python: a window may take minutes."""
    for ident in list(threads):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(KeyboardInterrupt))


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the bars that transformers draws over the driver's own lines; what a notebook has stays as it is."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _tokenised(row: pa.Table, work: Any, tokenise: Callable[[pa.Table, Any], pa.Table]) -> pa.Table:
    """One window (a row) with its token ids; or its error."""
    try:
        with working():
            return tokenise(row, work)
    except PatrayError as error:
        return failed(error)


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

    threading.Thread(target=consume, daemon=True, name=PIPELINE).start()
    with running(label):
        yield from _received(results, end, stall_seconds, label)


def _received(results: queue.Queue[Any], end: object, stall_seconds: int, label: str) -> Iterator[pa.Table]:
    last, watch, came = time.monotonic(), LostNodes(label, stall_seconds), False
    while True:
        try:
            item = results.get(timeout=min(SAY_SECONDS, stall_seconds))
        except queue.Empty:
            still = time.monotonic() - last
            watch.look(came)
            came = False
            if still >= stall_seconds:
                raise watch.stalled(
                    f"{label}: no window was finished for {stall_seconds} s (embedding.stall_seconds). The cluster may "
                    "have no room for an actor: see `ray status`."
                ) from None
            warn(f"{label}: no window was finished for {still:.0f} s, {demand()}")
            continue
        last, came = time.monotonic(), True
        if item is end:
            return
        if isinstance(item, BaseException):
            watch.look(True)  # a worker may have died with a node that nobody has missed yet
            raise watch.cause(item) from item
        for window in item.to_pylist():
            if not window.get("error"):
                count_window(label, window)
        yield item
