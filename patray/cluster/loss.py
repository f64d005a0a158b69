"""Measure what a coarser number type loses: a sample of each artifact is encoded in float32 too, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from patray.artifacts import key_of, read_record
from patray.cluster.certify import SCRATCH
from patray.encoders.loss import EXACT, LOSSY, Loss, loss_of, measure_loss
from patray.encoders.versions import encoder_versions
from patray.files import Folder
from patray.progress import Progress, say
from patray.steps.certified import made_token, sample_vectors, sample_windows


def give_losses(
    states: Sequence[Any], workdir: Folder, run: Callable[[list[Any], Progress], object]
) -> dict[Folder, Loss]:
    """The loss of every complete artifact of one model whose number type loses something; none for other models.

    states: of embedding. `run` encodes windows of states, here in float32 by sentence-transformers into a scratch
    folder. What was measured of the very same artifact before, with the same versions, is taken.
    """
    engine, dtype = EXACT
    found: dict[Folder, Loss] = {}
    todo: list[tuple[Any, Any]] = []
    for state in states:
        if state.step.record.dtype not in LOSSY or state.step.spans is not None or state.folder in found:
            continue
        kept = _file(state.folder)
        if state.folder.exists(kept):
            found[state.folder] = loss_of(state.folder.read_json(kept))
            continue
        windows = sample_windows(state.folder, state.step.texts.windows())
        if sum(len(window.rows) for window in windows) < 2:
            continue
        exact = replace(state.step, record=state.step.record.model_copy(update={"dtype": dtype}), engine=engine)
        scratch = workdir / SCRATCH / made_token()
        todo.append((state, replace(state, step=exact, folder=scratch, windows=windows, pending=windows, repeated=0)))
    return found | (_measure(todo, workdir, run) if todo else {})


def _measure(
    todo: Sequence[tuple[Any, Any]], workdir: Folder, run: Callable[[list[Any], Progress], object]
) -> dict[Folder, Loss]:
    step, texts = todo[0][0].step, sum(len(window.rows) for _, sample in todo for window in sample.windows)
    say(f"{step.model}: {texts} of its texts are encoded in {EXACT[1]} too, to see what {step.record.dtype} loses")
    progress = Progress(f"measure {step.model}", texts)
    found = {}
    try:
        run([sample for _, sample in todo], progress)
        for state, sample in todo:
            ids, coarse, exact = sample_vectors(state.folder, sample.folder, sample.windows, state.step.record)
            loss = measure_loss(ids, np.concatenate(exact), np.concatenate(coarse))
            state.folder.write_json(_file(state.folder), loss.facts)
            say(f"{state.step.name}: {loss.words}")
            found[state.folder] = loss
    finally:
        progress.close()
        for _, sample in todo:
            (workdir / SCRATCH).delete(sample.folder.name)
    return found


def _file(folder: Folder) -> str:
    """Where the loss of this very artifact is kept, measured with today's versions."""
    return f"loss-{key_of({'made': read_record(folder).get('made'), 'versions': encoder_versions(EXACT[0])})}.json"
