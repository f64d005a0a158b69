"""Embed one landscape in one view with one model: a Ray Data pipeline over windows.

    windows -> tokenise (CPU tasks) -> encode (actors, min..max) -> one file of vectors a window

A window whose file exists is not done again, so a killed step repeats at most the windows in flight. An empty file
`_started-NAME` marks a window that an actor took; after a kill the marked windows without vectors are the ones that
are embedded twice, and their number is reported.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from patray.cluster.errors import cause_of
from patray.cluster.progress import Progress
from patray.cluster.start import require
from patray.encoders.check import checked_unit_vectors
from patray.encoders.protocol import EncoderSettings, load_encoder
from patray.encoders.tokens import InputTokenizer
from patray.encoders.vectors import part_names, part_stats, vectors_table
from patray.encoders.windows import ViewIndex, Window, embedding_identity, plan_windows
from patray.errors import ResourceError
from patray.files import Folder
from patray.landscapes.load import read_rows
from patray.landscapes.views import View, render
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot, localise
from patray.runs.store import complete, is_complete, key_of, read_record
from patray.runs.suite import Embedding

MODEL_CACHE = Path.home() / ".cache" / "patray" / "models"
STARTED = "started"
TOKENISER_CPUS = 0.2
"""CPU share of one tokenising task; an actor asks for as much less than its threads, so that both fit."""


@dataclass(frozen=True)
class EmbedJob:
    """What one artifact is made of: `chosen` (M,) bool says which texts of `index` are encoded."""

    landscape: str
    prepared: Folder
    view: View
    index: ViewIndex
    chosen: np.ndarray
    model: str
    record: ModelRecord
    snapshot: Snapshot
    engine: str
    role: Role

    def folder(self, workdir: Folder) -> Folder:
        identity = embedding_identity(
            self.record, self.engine, self.role, self.view.sections, self.index.inputs_hash(self.chosen)
        )
        return workdir / "embeddings" / self.landscape / self.view.name / self.record.name / key_of(identity)


@dataclass(frozen=True)
class _Work:
    """What a worker needs to know; small, pickled once per actor."""

    prepared: Folder
    folder: Folder
    view: View
    record: ModelRecord
    snapshot: Snapshot
    role: Role
    settings: EncoderSettings


@functools.lru_cache(maxsize=4)
def _tokenizer(record_json: str, snapshot: Snapshot) -> InputTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return InputTokenizer(record, localise(snapshot, record, MODEL_CACHE))


def _tokenise(row: pa.Table, work: _Work) -> pa.Table:
    """One window (a row) with its texts' token ids, flat, and their lengths."""
    window = row.to_pylist()[0]
    texts = render(read_rows(work.prepared, window["source"], work.view.sections, window["rows"]), work.view)
    tokenised = _tokenizer(work.record.model_dump_json(), work.snapshot)(texts, work.record.prompts.of(work.role))
    lengths = np.array([len(ids) for ids in tokenised.ids], dtype=np.int32)
    return pa.table(
        {
            "name": [window["name"]],
            "members": [window["members"]],
            "tokens": _one_list(np.concatenate(tokenised.ids)),
            "lengths": _one_list(lengths),
            "truncated": pa.array([tokenised.truncated.tolist()], type=pa.list_(pa.bool_())),
            "empty": [sum(not text for text in texts)],
        }
    )


def _one_list(values: np.ndarray) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], type=pa.int32()), pa.array(values, type=pa.int32()))


class _EncodeWindow:
    """An actor: loads the model once, encodes window after window, saves each."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        snapshot = localise(work.snapshot, work.record, MODEL_CACHE)
        self._encoder = load_encoder(work.record, snapshot, work.settings)

    def __call__(self, row: pa.Table) -> pa.Table:
        work, name = self._work, row["name"][0].as_py()
        (work.folder / STARTED).write_bytes(name, b"")
        lengths = row["lengths"].chunk(0).flatten().to_numpy()
        flat = row["tokens"].chunk(0).flatten().to_numpy()
        members: list[list[str]] = row["members"][0].as_py()
        begin = time.perf_counter()
        vectors = self._encoder.encode(np.split(flat, np.cumsum(lengths)[:-1]))
        seconds = time.perf_counter() - begin
        vectors = checked_unit_vectors(vectors, [ids[0] for ids in members], work.record.dimension, work.record.name)
        repeat = np.repeat(np.arange(len(members)), [len(ids) for ids in members])
        truncated = np.array(row["truncated"][0].as_py(), dtype=bool)
        stats = {
            "inputs": len(lengths),
            "patents": len(repeat),
            "tokens": int(lengths.sum()),
            "truncated": int(truncated[repeat].sum()),
            "empty": row["empty"][0].as_py(),
            "encode_seconds": seconds,
        }
        ids = [patent for group in members for patent in group]
        work.folder.write_table(name, vectors_table(ids, vectors[repeat], lengths[repeat], truncated[repeat], stats))
        return pa.table({key: [value] for key, value in {"name": name, **stats}.items()})


def embed(job: EmbedJob, workdir: Folder, options: Embedding, allow_remote_code: bool) -> tuple[Folder, dict[str, Any]]:
    """The folder of the job's vectors and its record for the provenance; made now, resumed, or found complete."""
    folder = job.folder(workdir)
    label = f"embed {job.landscape}/{job.view.name}/{job.model}" + ("" if job.role == "document" else f"/{job.role}")
    base = {"step": "embed", "landscape": job.landscape, "view": job.view.name, "model": job.model, "role": job.role}
    if is_complete(folder):
        return folder, {**base, **read_record(folder)["totals"], "reused": True, "seconds": 0.0}
    begin = time.perf_counter()
    windows = plan_windows(job.index, job.chosen)
    done = set(part_names(folder))
    pending = [window for window in windows if window.name not in done]
    repeated = sorted(set((folder / STARTED).list()) - done)
    progress = Progress(label, total=int(job.chosen.sum()))
    if done:
        kept = sum(len(ids) for window in windows if window.name in done for ids in window.members)
        progress.say(
            f"resumed: {len(done)} of {len(windows)} windows exist ({kept} patents); {len(pending)} to do, of which "
            f"{len(repeated)} were in flight and are embedded again"
        )
        progress.advance(kept, 0)
    actors = _run(job, folder, pending, options, allow_remote_code, progress, label) if pending else 0
    progress.close()
    names = [window.name for window in windows]
    stats = [part_stats(folder, name) for name in names]
    totals = {key: sum(item[key] for item in stats) for key in stats[0]}
    seconds = time.perf_counter() - begin
    device = options.gpus if options.gpus else 0.0
    totals.update(
        actors=actors,
        windows=len(windows),
        windows_repeated=len(repeated),
        patents_per_s=totals["patents"] / seconds if not done else None,
        tokens_per_s=totals["tokens"] / seconds if not done else None,
        cpu_hours=totals["encode_seconds"] * options.threads / 3600 if not device else 0.0,
        gpu_hours=totals["encode_seconds"] * device / 3600,
    )
    identity = embedding_identity(
        job.record, job.engine, job.role, job.view.sections, job.index.inputs_hash(job.chosen)
    )
    complete(folder, {"identity": identity, "parts": names, "totals": totals, "dimension": job.record.dimension})
    folder.delete(STARTED)
    return folder, {**base, **totals, "reused": False, "seconds": seconds}


def _run(
    job: EmbedJob,
    folder: Folder,
    pending: list[Window],
    options: Embedding,
    allow_remote_code: bool,
    progress: Progress,
    label: str,
) -> int:
    """Encode the pending windows; returns the number of actors that the pool may grow to."""
    on_gpu = options.gpus > 0
    settings = EncoderSettings(
        engine=job.engine,  # type: ignore[arg-type]
        dtype=job.record.dtype,
        device="cuda" if on_gpu else "cpu",
        threads=options.threads,
        tokens_per_batch=options.tokens_per_batch or (65_536 if on_gpu else 2_048),
        allow_remote_code=allow_remote_code,
    )
    gpus = options.gpus * job.record.tensor_parallel
    cpus = options.threads - TOKENISER_CPUS
    lowest, highest = _pool(options, pending, cpus, gpus, label)
    work = _Work(job.prepared, folder, job.view, job.record, job.snapshot, job.role, settings)
    rows = [
        {"name": item.name, "source": item.source, "rows": item.rows.tolist(), "members": item.members}
        for item in pending
    ]
    results = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map_batches(
            _tokenise, fn_kwargs={"work": work}, batch_size=1, batch_format="pyarrow", num_cpus=TOKENISER_CPUS
        )
        .map_batches(
            _EncodeWindow,
            fn_constructor_kwargs={"work": work},
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                min_size=lowest, max_size=highest, max_tasks_in_flight_per_actor=2
            ),
            num_cpus=cpus,
            num_gpus=gpus or None,
        )
    )
    for item in _watched(results, options.stall_seconds, label):
        for patents, tokens in zip(item["patents"].to_pylist(), item["tokens"].to_pylist(), strict=True):
            progress.advance(patents, tokens)
    return highest


def _pool(options: Embedding, pending: list[Window], cpus: float, gpus: float, label: str) -> tuple[int, int]:
    """Smallest and largest number of actors: never more than windows, or than the cluster can ever hold."""
    found = require(f"{label}: {options.actors.min} encoder actor(s)", options.actors.min * cpus, options.actors.min * gpus)

    def room(resources: dict[str, float]) -> int:
        by_cpu = int((resources["CPU"] - TOKENISER_CPUS + 1e-9) // cpus)
        return max(1, min(by_cpu, int(resources["GPU"] // gpus)) if gpus else by_cpu)

    most = min(options.actors.max or room(found.most), room(found.most), len(pending))
    least = min(options.actors.min if found.grows else min(most, room(found.now)), most)
    return max(1, least), max(1, most)


def _watched(dataset: ray.data.Dataset, stall_seconds: int, label: str) -> Iterator[pa.Table]:
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

    threading.Thread(target=consume, daemon=True, name="patray-embed").start()
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
