"""Embed with one model, in one Ray Data pipeline over the windows of every landscape, view and role that needs it.

    windows -> tokenise (CPU tasks) -> encode (actors, min..max) -> one file of vectors a window

A window whose file exists is not done again, so a killed step repeats at most the windows in flight. An empty file
`started/NAME` marks a window that an actor took; after a kill the marked windows without vectors are the ones that
are embedded twice, and their number is reported.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from patray.artifacts import RECORD, complete, is_complete, is_ready, read_record
from patray.cluster.certify import certify
from patray.cluster.loss import give_losses
from patray.cluster.pipeline import STARTED, WindowPipeline, WindowWorker, count_try, settings_of
from patray.cluster.small import few_texts
from patray.cluster.token_memory import count_token_vectors, state_token_memory
from patray.cluster.tokenizers import MODEL_CACHE, input_tokenizer, span_tokenizer
from patray.encoders.certificate import Certificate
from patray.encoders.flops import ForwardCost, forward_cost, work_done
from patray.encoders.forms import FORMS
from patray.encoders.load import device_name
from patray.encoders.protocol import EncoderSettings
from patray.encoders.spans import Spans
from patray.encoders.token_vectors import flat_rows
from patray.encoders.tokens import Tokenised
from patray.encoders.vectors import part_names, part_stats
from patray.encoders.versions import encoder_versions
from patray.encoders.windows import Window
from patray.files import Folder
from patray.landscapes.load import read_rows
from patray.landscapes.views import View, render
from patray.models.engines import CPU_ALONE
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot, localise
from patray.models.stated import read_stated
from patray.progress import Progress
from patray.runs.step_record import StepRecord
from patray.runs.suite import Actors, Embedding
from patray.steps.certified import made_token, merged, origin, other_versions
from patray.steps.embed import EmbedStep, made_by
from patray.steps.lease import holding
from patray.steps.reuse import why_not_reused


@dataclass(frozen=True)
class _Target:
    """What a window of one job needs: where its texts are, how they are rendered, where its vectors go."""

    prepared: Folder
    folder: Folder
    view: View
    role: Role
    spans: Spans | None = None


@dataclass(frozen=True)
class _Work:
    """What a worker needs to know; small, pickled once an actor. targets: by the number of the job."""

    record: ModelRecord
    snapshot: Snapshot
    settings: EncoderSettings
    targets: list[_Target]
    again: str | None = None


def _tokenise(row: pa.Table, work: _Work) -> pa.Table:
    """One window (a row) with its texts' token ids, flat, and their lengths."""
    window = row.to_pylist()[0]
    target = work.targets[window["job"]]
    view = target.view.of(window["source"])
    texts = render(read_rows(target.prepared, window["source"], view.sections, window["rows"]), view)
    prompt, counts = work.record.prompts.of(target.role), np.ones(len(texts), np.int64)
    if target.spans is None:
        tokenised = input_tokenizer(work.record, work.snapshot, target.role)(texts, prompt)
    else:  # texts are read to their end: nothing of them is truncated
        tokenised, counts = span_tokenizer(work.record.model_dump_json(), work.snapshot, target.spans)(texts, prompt)
        tokenised = Tokenised(tokenised.ids, np.zeros(len(texts), bool))
    return pa.table(
        {
            "job": [window["job"]],
            "name": [window["name"]],
            "members": [window["members"]],
            "tokens": _one_list(np.concatenate(tokenised.ids)),
            "inputs": _one_list(counts),
            "lengths": _one_list(np.array([len(ids) for ids in tokenised.ids], dtype=np.int32)),
            "truncated": pa.array([tokenised.truncated.tolist()], type=pa.list_(pa.bool_())),
            "empty": [[not text for text in texts]],
        }
    )


def _one_list(values: np.ndarray) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], type=pa.int32()), pa.array(values, type=pa.int32()))


class _EncodeWindow(WindowWorker):
    """Loads a model once, encodes window after window, saves each."""

    def load(self, work: _Work) -> None:
        self._work = work
        snapshot = localise(work.snapshot, work.record, MODEL_CACHE)
        self._form = FORMS[work.record.kind]
        self._encoder: Any = self._form.load(work.record, snapshot, work.settings)
        self._cost = forward_cost(work.record, read_stated(snapshot))
        self._device = device_name(work.settings)
        self._versions = encoder_versions(work.settings.engine)
        self._worker = uuid.uuid4().hex[:8]

    def do(self, row: pa.Table) -> pa.Table:
        record, job, name = self._work.record, row["job"][0].as_py(), row["name"][0].as_py()
        folder = self._work.targets[job].folder
        tries = count_try(folder / STARTED, name, record.name)
        lengths = row["lengths"].chunk(0).flatten().to_numpy()
        flat = row["tokens"].chunk(0).flatten().to_numpy()
        members: list[list[str]] = row["members"][0].as_py()
        begin = time.perf_counter()
        inputs = np.split(flat, np.cumsum(lengths)[:-1])
        vectors: Any = self._encoder.encode(inputs, self._work.targets[job].role)
        seconds = time.perf_counter() - begin
        counts = row["inputs"].chunk(0).flatten().to_numpy()  # of each text: 1, or its spans
        owner = np.repeat(np.arange(len(members)), counts)
        vectors = self._form.check(vectors, [members[at][0] for at in owner], record.dimension, record.name)
        repeat = np.repeat(np.arange(len(members)), [len(ids) for ids in members])
        _, stored = flat_rows(np.concatenate([[0], np.cumsum(counts)]), repeat)
        truncated, empty = (np.array(row[key][0].as_py(), dtype=bool)[repeat] for key in ("truncated", "empty"))
        stats = {
            "inputs": len(lengths),
            "patents": len(repeat),
            "stored": len(stored),
            "tokens": int(lengths.sum()),
            "truncated": int(truncated.sum()),
            "empty": int(empty.sum()),
            "encode_seconds": seconds,
            "flops": self._cost.flops(lengths) if isinstance(self._cost, ForwardCost) else None,
            "flops_unknown": None if isinstance(self._cost, ForwardCost) else self._cost,
            "device": self._device,
            "versions": self._versions,
            "again": self._work.again,
            "worker": self._worker,
            "tries": tries,
        }
        ids = np.repeat([patent for group in members for patent in group], counts[repeat]).tolist()
        rows: Any = vectors[stored] if isinstance(vectors, np.ndarray) else vectors.take(stored)
        if not isinstance(vectors, np.ndarray):  # several entries a text: token vectors, or terms
            stats |= {"vectors": int(vectors.start[-1]), "patent_vectors": int(rows.start[-1])}
        folder.write_table(
            name, self._form.table(ids, rows, lengths[stored], np.repeat(truncated, counts[repeat]), stats)
        )
        return pa.table({key: [value] for key, value in {"job": job, **stats}.items()})


@dataclass(frozen=True)
class Means:
    """How vectors are made, which decides none of them. snapshot: where the model's files lie.

    again: make all again but what bears this mark already.
    """

    snapshot: Snapshot
    options: Embedding
    remote_code: bool = False
    again: str | None = None


@dataclass
class State:
    """A step on its way: what is planned, what was there before.

    then: other versions that made what is there, in the parts `others`; certificate: what was found of it.
    """

    step: EmbedStep
    folder: Folder
    windows: list[Window]
    pending: list[Window] = field(default_factory=list)
    repeated: int = 0
    then: Mapping[str, str] | None = None
    others: Sequence[str] = ()
    certificate: Certificate | None = None


def embed(steps: Sequence[EmbedStep], means: Means, workdir: Folder) -> list[tuple[Folder, StepRecord]]:
    """The folder of each step's vectors and its record for the provenance; made now, resumed, or found complete.

    What other versions made is used when a sample of it, encoded again, agrees; EmbeddingError when not.

    The steps are of one model: they share one pipeline, so that an actor loads the model once for all of them.
    """
    if steps[0].engine in CPU_ALONE:
        means = replace(means, options=means.options.model_copy(update={"gpus": 0}))
    folders = {step.folder(workdir) for step in made_by(steps)}
    with holding(workdir, [str(folder.path_in(workdir)) for folder in folders if not is_ready(folder)]):
        return _embed(steps, means, workdir)


def _embed(steps: Sequence[EmbedStep], means: Means, workdir: Folder) -> list[tuple[Folder, StepRecord]]:
    makers = made_by(steps)
    by_folder = {maker.folder(workdir): maker for maker in makers}
    states = {folder: _state(maker, workdir, means.again) for folder, maker in by_folder.items()}

    def encode(samples: list[State], progress: Progress) -> None:
        encode_samples(samples, means, progress)

    certify([state for state in states.values() if state.then is not None], workdir, encode)
    open_states = [state for state in states.values() if not is_complete(state.folder)]
    if open_states:
        progress = Progress(f"embed {steps[0].model}", sum(int(one.step.texts.chosen.sum()) for one in open_states))
        for state in open_states:
            step = state.step
            nothing = means.again is None and not part_names(state.folder)
            why = why_not_reused(step.place(workdir), step.identity) if nothing else ""
            if why:
                progress.say(f"{step.landscape}/{step.view.name}, {step.role}: nothing to reuse: {why}")
        _report_resumed(open_states, progress)
        _state_memory(open_states, means, workdir)
        _run(open_states, means, progress)
        progress.close()
        for state in open_states:
            _complete(state, means)
    losses = give_losses(list(states.values()), workdir, encode)
    made = {state.folder for state in open_states}
    found = []
    for step, maker in zip(steps, makers, strict=True):
        state = states[maker.folder(workdir)]
        reused = state.folder not in made or maker is not step
        totals = dict(read_record(state.folder)["totals"])
        seconds = totals.pop("seconds")
        facts = {**totals, **origin(state.folder in made, state.certificate)}
        if state.folder in losses:
            facts["loss"] = losses[state.folder].facts
        about = (step.landscape, step.view.name, "", step.label, step.role)
        found.append((state.folder, StepRecord("embed", *about, reused, 0.0 if reused else seconds, facts=facts)))
    return found


def _state(step: EmbedStep, workdir: Folder, again: str | None) -> State:
    folder = step.folder(workdir)
    if again is not None and is_complete(folder) and read_record(folder).get("again") != again:
        folder.delete(RECORD)
    done = set(part_names(folder))
    if again is not None and not is_complete(folder):
        done = {name for name in done if part_stats(folder, name).get("again") == again}
    then, others = other_versions(folder, sorted(done), encoder_versions(step.engine))
    if is_complete(folder) and then is None:
        return State(step, folder, [], [], 0)
    windows = step.texts.windows()
    if is_complete(folder):
        return State(step, folder, windows, [], 0, then, others)
    pending = [window for window in windows if window.name not in done]
    repeated = len(set((folder / STARTED).list()) - done)
    return State(step, folder, windows, pending, repeated, then, others)


def encode_samples(samples: list[State], means: Means, progress: Progress) -> None:
    """Encode the windows of samples, in one actor: there are few texts, and a model to load."""
    one = means.options.model_copy(update={"actors": Actors(min=1, max=1)})
    _run(samples, replace(means, options=one, again=None), progress)


def _report_resumed(states: list[State], progress: Progress) -> None:
    """Say what an earlier, stopped run left, and how much of it is done twice."""
    for state in states:
        done = len(state.windows) - len(state.pending)
        if done or state.repeated:
            names = {window.name for window in state.pending}
            kept = sum(len(ids) for window in state.windows if window.name not in names for ids in window.members)
            progress.say(
                f"{state.step.landscape}/{state.step.view.name} resumed: {done} of {len(state.windows)} windows exist "
                f"({kept} patents); {len(state.pending)} to do, of which {state.repeated} were in flight and are "
                "embedded again"
            )
            progress.advance(kept, 0)


def _state_memory(states: list[State], means: Means, workdir: Folder) -> None:
    """Say what token vectors will take, before any is made."""
    for state in states:
        step = state.step
        if step.record.kind == "late-interaction":
            of = (step.record, means.snapshot, step.role)
            count = count_token_vectors(step.prepared, step.view, state.windows, *of)
            state_token_memory(f"embed {step.name}", count, step.record, workdir, None)


def _complete(state: State, means: Means) -> None:
    """Add up the windows and declare the artifact whole.

    `seconds` is the time that the actors spent encoding, divided by their number: start-up is not in it.
    """
    names, options = [window.name for window in state.windows], means.options
    stats = [part_stats(state.folder, name) for name in names]
    totals: dict[str, Any] = {
        key: sum(item[key] for item in stats)
        for key in stats[0]
        if all(isinstance(item.get(key), int | float) for item in stats)
    }
    actors = len({item.get("worker") for item in stats})
    repeated = state.repeated + sum(max(0, item.get("tries", 1) - 1) for item in stats)
    seconds = max(1e-9, totals["encode_seconds"] / actors)
    on_gpu = options.gpus > 0
    totals.update(
        seconds=seconds,
        actors=actors,
        windows=len(names),
        windows_repeated=repeated,
        patents_per_s=totals["patents"] / seconds,
        tokens_per_s=totals["tokens"] / seconds,
        cpu_hours=0.0 if on_gpu else totals["encode_seconds"] * options.threads / 3600,
        gpu_hours=totals["encode_seconds"] * options.gpus * state.step.record.tensor_parallel / 3600,
    )
    totals.update(work_done(stats, totals, state.step.record))
    fresh = set(names) - set(state.others) or set(names)
    versions = [item.get("versions") or {} for item, name in zip(stats, names, strict=True) if name in fresh]
    content = {
        "identity": state.step.identity,
        "parts": names,
        "totals": totals,
        "dimension": state.step.record.dimension,
        "versions": merged(versions),
        "certificates": [] if state.certificate is None else [state.certificate.facts],
        "made": made_token(),
        "again": means.again,
    }
    complete(state.folder, content)
    state.folder.delete(STARTED)


def _run(states: list[State], means: Means, progress: Progress) -> None:
    """Encode the pending windows of all steps."""
    step, options = states[0].step, means.options
    settings = settings_of(step.record, step.engine, options, means.remote_code, min(1.0, options.gpus or 1.0))
    targets = [_Target(one.step.prepared, one.folder, one.step.view, one.step.role, one.step.spans) for one in states]
    rows = [
        {"job": at, "name": item.name, "source": item.source, "rows": item.rows.tolist(), "members": item.members}
        for at, state in enumerate(states)
        for item in state.pending
    ]
    pipeline = WindowPipeline(
        label=f"embed {step.model}",
        work=_Work(step.record, means.snapshot, settings, targets, means.again),
        tokenise=_tokenise,
        worker=_EncodeWindow,
        started=[state.folder / STARTED for state in states],
        counted="patents",
        options=options,
        gpus=options.gpus * step.record.tensor_parallel,
    )
    texts = sum(len(row["rows"]) for row in rows)
    here = few_texts(texts, step.record, step.engine, options) and all(one.spans is None for one in targets)
    pipeline.run(rows, progress, here)
