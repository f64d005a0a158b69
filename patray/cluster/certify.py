"""Compare artifacts of other versions with a sample that is encoded again, before any of their vectors is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from patray.cluster.models import Model
from patray.cluster.rerank_plan import RerankWindow
from patray.encoders.certificate import Certificate, choose_pairs, compare_scores
from patray.encoders.vectors import part_stats
from patray.encoders.versions import encoder_versions
from patray.files import Folder
from patray.progress import Progress, say
from patray.steps.certified import (
    compare_sample,
    keep_certificate,
    made_token,
    merged,
    read_certificate,
    refusal,
    sample_windows,
)

SCRATCH = "certifying"
"""Folder of the store where samples lie while they are compared."""


def certify(states: Sequence[Any], workdir: Folder, run: Callable[[list[Any], Progress], object]) -> None:
    """Give each state of embedding a certificate; EmbeddingError that names all artifacts that do not agree.

    states: of one model, with artifacts (or parts of them) that other versions made. What was found before, with the
    same versions, is taken; `run` encodes the samples of the others, which are states too.
    """
    give_certificates(states, workdir, run)
    refused = [
        (state.step.name, state.folder, found) for state in states for found in [state.certificate] if not found.agrees
    ]
    if refused:
        raise refusal(refused)


def give_certificates(
    states: Sequence[Any],
    workdir: Folder,
    run: Callable[[list[Any], Progress], object],
    always: bool = False,
) -> None:
    """As `certify`, whatever is found. always: what was found before is not taken."""
    todo: list[tuple[Any, Any]] = []
    for state in states:
        then: Mapping[str, str] = state.then or {}
        now = encoder_versions(state.step.engine)
        state.certificate = None if always else read_certificate(state.folder, then, now)
        if state.certificate is None:
            windows = sample_windows(state.folder, [one for one in state.windows if one.name in set(state.others)])
            scratch = workdir / SCRATCH / made_token()
            todo.append((state, replace(state, folder=scratch, windows=windows, pending=windows, repeated=0)))
    if todo:
        _encode_again(todo, workdir, run)


def _encode_again(
    todo: Sequence[tuple[Any, Any]], workdir: Folder, run: Callable[[list[Any], Progress], object]
) -> None:
    model, texts = todo[0][0].step.model, sum(len(window.rows) for _, sample in todo for window in sample.windows)
    say(f"{model}: other versions made {len(todo)} artifact(s); {texts} of their texts are encoded again and compared")
    progress = Progress(f"compare {model}", texts)
    try:
        run([sample for _, sample in todo], progress)
        for state, sample in todo:
            found = compare_sample(state.folder, sample.folder, sample.windows, state.step.record, state.then or {})
            state.certificate = found
            keep_certificate(state.folder, found, encoder_versions(state.step.engine))
            agreed = "they are used" if found.agrees else "they do not agree"
            say(f"{state.step.name}: {found.words}: {agreed}")
    finally:
        progress.close()
        for _, sample in todo:
            (workdir / SCRATCH).delete(sample.folder.name)


def certify_scores(
    what: str, folder: Folder, windows: Sequence[RerankWindow], others: Sequence[str], model: Model,
    then: Mapping[str, str], store: Folder, run: Callable[[Folder, list[RerankWindow], Progress], object],
) -> Certificate:  # fmt: skip
    """The certificate of a reranker's scores (all or the parts `others`) that other versions made; EmbeddingError when
    they do not agree. `run` scores windows into a folder."""
    now = encoder_versions(model.engine)
    found = read_certificate(folder, then, now)
    if found is None:
        sampled, table = _sample_pairs(folder, [window for window in windows if window.name in set(others)])
        pairs, scratch = table.num_rows, store / SCRATCH / made_token()
        say(f"{what}: other versions scored it; {pairs} of its pairs are scored again and compared")
        progress = Progress(f"compare {model.name}", pairs, "pairs")
        try:
            run(scratch, sampled, progress)
            names = [window.name for window in sampled]
            again = pa.concat_tables([scratch.read_table(name) for name in names])
            if not again.select(KEYS).equals(table.select(KEYS)):
                raise AssertionError(f"{what}: other pairs were scored again than were chosen")
            made = merged([part_stats(scratch, name).get("versions") or {} for name in names])
            queries, patents = (table[key].to_pylist() for key in KEYS)
            old, new = (one["score"].to_numpy() for one in (table, again))
            found = compare_scores(queries, patents, old, new, model.record.dtype, then, made)
            keep_certificate(folder, found, now)
            say(f"{what}: {found.words}: {'they are used' if found.agrees else 'they do not agree'}")
        finally:
            progress.close()
            (store / SCRATCH).delete(scratch.name)
    if not found.agrees:
        raise refusal([(what, folder, found)])
    return found


KEYS = ["query_id", "patent_id"]


def _sample_pairs(folder: Folder, windows: Sequence[RerankWindow]) -> tuple[list[RerankWindow], pa.Table]:
    """The windows cut to the pairs that are scored again, and these pairs as they were saved."""
    tables = [folder.read_table(window.name, [*KEYS, "tokens", "score"]) for window in windows]
    table = pa.concat_tables(tables)
    queries, patents = (table[key].to_pylist() for key in KEYS)
    rows = choose_pairs(queries, patents, table["tokens"].to_numpy())
    starts = np.concatenate([[0], np.cumsum([len(one) for one in tables])])
    found = []
    for window, start, end in zip(windows, starts, starts[1:], strict=False):
        mine = rows[(rows >= start) & (rows < end)] - start
        if len(mine):
            cut = {key: getattr(window, key)[mine] for key in ("query", "patent", "left", "right")}
            found.append(replace(window, **cut))
    return found, table.take(rows)
