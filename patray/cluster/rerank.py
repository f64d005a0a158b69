"""Rerank the top of a system's ranking, in one Ray Data pipeline over windows of queries.

    windows -> join and tokenise the pairs (CPU tasks) -> score (actors, min..max) -> one file of scores a window

The texts that the pairs need are rendered once, part by part, and kept in Ray's object store (which spills to disk),
where every worker reads them. A window whose file exists is not done again; its queries, and so its batches and bits,
do not depend on the number of workers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from patray.artifacts import (
    RECORD,
    complete,
    is_complete,
    is_sealed,
    is_whole,
    key_of,
    open_artifact,
    read_record,
    read_sealed,
    write_sealed,
)
from patray.cluster.certify import certify_scores
from patray.cluster.models import Model
from patray.cluster.pipeline import STARTED, WindowPipeline, WindowWorker, count_try, settings_of
from patray.cluster.rerank_plan import RerankWindow, check_depth, plan_pairs, rerank_identity, window_row
from patray.cluster.search import Place
from patray.cluster.start import connect
from patray.cluster.tasks import gather, submit
from patray.cluster.tokenizers import MODEL_CACHE, pair_tokenizer
from patray.cluster.views import HALF_CPU
from patray.encoders.cross_encoder import checked_scores
from patray.encoders.load import load_scorer
from patray.encoders.pairs import Pairs
from patray.encoders.protocol import EncoderSettings
from patray.encoders.vectors import STATS, part_names, part_stats
from patray.encoders.versions import encoder_versions
from patray.encoders.windows import ViewIndex
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.load import read_rows
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.landscapes.views import View, render
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot, localise
from patray.progress import Progress
from patray.runs.suite import Actors, Embedding
from patray.search.reranked import ranking_hash, rerank_top
from patray.search.table import SPLIT, from_table, to_table
from patray.steps.certified import made_token, merged, origin, other_versions


@dataclass(frozen=True)
class _Work:
    """What a worker needs to know. texts: references to the needed texts of each part, in the order of their rows."""

    record: ModelRecord
    snapshot: Snapshot
    settings: EncoderSettings
    folder: Folder
    texts: list[Any]
    again: str | None = None


@dataclass(frozen=True)
class _Job:
    """What is scored, with what, and where the scores go."""

    place: Place
    folder: Folder
    prepared: Folder
    view: View
    index: ViewIndex
    truth: Truth
    model: Model
    options: Embedding
    allow_remote_code: bool
    again: str | None = None


def _texts(prepared: Folder, part: str, view: View, rows: np.ndarray) -> pa.Array:
    shown = view.of(part)
    return pa.array(render(read_rows(prepared, part, shown.sections, rows), shown), pa.large_string())


def _tokenise(row: pa.Table, work: _Work) -> pa.Table:
    """One window (a row) with its pairs' token ids, flat."""
    import ray

    window = row.to_pylist()[0]
    parts = sorted(set(window["text_part"]))
    held = dict(zip(parts, ray.get([work.texts[part] for part in parts]), strict=True))
    texts = [held[part][at].as_py() for part, at in zip(window["text_part"], window["text_row"], strict=True)]
    pairs = np.array([window["left"], window["right"]], dtype=np.int64).T
    found = pair_tokenizer(work.record, work.snapshot)(texts, texts, pairs)
    lists = {
        "tokens": np.concatenate(found.ids),
        "lengths": np.array([len(ids) for ids in found.ids], dtype=np.int32),
        "first": found.first,
        "truncated": found.truncated,
    }
    table = row.select(["name", "query_id", "patent_id"])
    for name, values in lists.items():
        offsets = pa.array([0, len(values)], type=pa.int32())
        table = table.append_column(name, pa.ListArray.from_arrays(offsets, pa.array(values)))
    return table


class _ScoreWindow(WindowWorker):
    """Loads a model once, scores window after window, saves each."""

    def load(self, work: _Work) -> None:
        self._work = work
        self._scorer = load_scorer(work.record, localise(work.snapshot, work.record, MODEL_CACHE), work.settings)

    def do(self, row: pa.Table) -> pa.Table:
        folder, name = self._work.folder, row["name"][0].as_py()
        tries = count_try(folder / STARTED, name, self._work.record.name)
        tokens, lengths, first, truncated = (
            row[key].chunk(0).flatten().to_numpy(zero_copy_only=False)
            for key in ("tokens", "lengths", "first", "truncated")
        )
        queries, patents = (row[key][0].as_py() for key in ("query_id", "patent_id"))
        begin = time.perf_counter()
        scores = self._scorer.score(Pairs(np.split(tokens, np.cumsum(lengths)[:-1]), first, truncated))
        seconds = time.perf_counter() - begin
        checked_scores(scores, list(zip(queries, patents, strict=True)), self._work.record.name)
        stats = {
            "pairs": len(scores),
            "tokens": int(lengths.sum()),
            "truncated": int(truncated.sum()),
            "encode_seconds": seconds,
            "versions": encoder_versions(self._work.settings.engine),
            "again": self._work.again,
            "tries": tries,
        }
        table = pa.table(
            {
                "query_id": pa.array(queries, pa.string()),
                "patent_id": pa.array(patents, pa.string()),
                "score": pa.array(scores, pa.float32()),
                "tokens": pa.array(lengths, pa.int32()),
                "truncated": pa.array(truncated, pa.bool_()),
            }
        )
        folder.write_table(name, table.replace_schema_metadata({STATS: json.dumps(stats).encode()}))
        return pa.table({key: [value] for key, value in stats.items()})


def rerank(
    run: Folder,
    place: Place,
    base: Place,
    prepared: Folder,
    view: View,
    index: ViewIndex,
    truth: Truth,
    model: Model,
    depth: int,
    longest: int,
    store: Folder,
    options: Embedding,
    allow_remote_code: bool,
    again: str | None = None,
) -> dict[str, Any]:
    """Score the best `depth` results of every query in the saved ranking of `base` and save the new ranking at `place`.

    longest: what a ranking of this run may hold a query (search.depth). index: of `view` over `prepared`. Scores are
    kept in the store, so a killed step repeats at most the windows in flight. What other versions scored is used when a
    sample of it, scored again, agrees. again: score all again but what bears this mark already. Returns the facts of
    the step's record. Raises InputError when depth is beyond the ranking, EmbeddingError when scores do not agree.
    """
    facts: dict[str, Any] = {"model": model.name, "base": base.system, "depth": depth}
    if is_sealed(run, place.file):
        return {**facts, "reused": True, "seconds": 0.0}
    check_depth(place.system, base.system, depth, longest)
    ranking = from_table(read_sealed(run, base.file), truth.query_ids, truth.patent_ids, longest)
    top = ranking.patents[:, :depth]
    if not (top >= 0).any():
        raise InputError(f"{place.system}: the ranking of {base.system} in {place.landscape}/{place.view} is empty")
    windows = plan_pairs(top, truth, index)
    identity = rerank_identity(model, windows, index, ranking_hash(top, truth.query_ids, truth.patent_ids), depth)
    folder = store / "rerankings" / place.landscape / place.view / model.record.name / key_of(identity)
    job = _Job(place, folder, prepared, view, index, truth, model, options, allow_remote_code, again)
    if is_whole(folder) and again is not None and read_record(folder).get("again") != again:
        folder.delete(RECORD)
    done = _scored(job)
    then, others = other_versions(folder, done, encoder_versions(model.engine))
    certificate = None
    if then is not None:
        what = f"{place.system} ({place.landscape}/{place.view})"
        one = options.model_copy(update={"actors": Actors(min=1, max=1)})

        def score(scratch: Folder, sampled: list[RerankWindow], progress: Progress) -> int:
            return _run(replace(job, folder=scratch, options=one), sampled, progress)

        certificate = certify_scores(what, folder, windows, others, model, then, store, score)
    reused = is_complete(folder)
    if not reused:
        kept = [] if certificate is None else [certificate.facts]
        scored = _score_all(job, windows, done, others)
        complete(folder, {"identity": identity, **scored, "certificates": kept, "made": made_token(), "again": again})
        folder.delete(STARTED)
    reranked = rerank_top(ranking, _scores(folder, top, truth))
    write_sealed(run, place.file, to_table(reranked, truth.query_ids, truth.patent_ids), SPLIT)
    short = int(((top >= 0).sum(axis=1) < depth).sum())
    totals = read_record(folder)["totals"] | {"queries": len(top), "queries_short": short}
    facts |= {"reused": reused, **totals, **origin(not reused, certificate)}
    return {**facts, **({"seconds": 0.0} if reused else {})}


def _scored(job: _Job) -> list[str]:
    """The parts that are there, of a rerank that is made again those that were made again."""
    names = part_names(job.folder)
    if job.again is None or is_complete(job.folder):
        return names
    return [name for name in names if part_stats(job.folder, name).get("again") == job.again]


def _score_all(job: _Job, windows: list[RerankWindow], there: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    """Score the windows that are not `there` yet; parts, totals and versions of all. others: parts that have a
    certificate."""
    folder = job.folder
    done = set(there)
    pending = [window for window in windows if window.name not in done]
    repeated = len(set((folder / STARTED).list()) - done)
    connect()
    progress = Progress(f"rerank {job.place.system}", sum(len(window.query) for window in windows), "pairs")
    if len(pending) < len(windows) or repeated:
        kept = sum(len(window.query) for window in windows if window.name in done)
        progress.say(
            f"{job.place.landscape}/{job.place.view} resumed: {len(windows) - len(pending)} of {len(windows)} windows "
            f"exist ({kept} pairs); {len(pending)} to do, of which {repeated} were in flight and are scored again"
        )
        progress.advance(kept, 0)
    actors = _run(job, pending, progress)
    progress.close()
    names = [window.name for window in windows]
    stats = [part_stats(folder, name) for name in names]
    counted = [key for key, value in stats[0].items() if isinstance(value, int | float) and key != "tries"]
    totals: dict[str, Any] = {key: sum(item[key] for item in stats) for key in counted}
    repeated += sum(max(0, item.get("tries", 1) - 1) for item in stats)
    fresh = set(names) - set(others) or set(names)
    versions = [item.get("versions") or {} for item, name in zip(stats, names, strict=True) if name in fresh]
    seconds = max(1e-9, totals["encode_seconds"] / max(1, actors))
    options = job.options
    on_gpu = options.gpus > 0
    totals.update(
        seconds=seconds,
        actors=actors,
        windows=len(names),
        windows_repeated=repeated,
        pairs_per_s=totals["pairs"] / seconds,
        tokens_per_s=totals["tokens"] / seconds,
        cpu_hours=0.0 if on_gpu else totals["encode_seconds"] * options.threads / 3600,
        gpu_hours=totals["encode_seconds"] * options.gpus / 3600,
    )
    return {"parts": names, "totals": totals, "versions": merged(versions)}


def _run(job: _Job, pending: list[RerankWindow], progress: Progress) -> int:
    """Score windows on the cluster; returns the number of actors that the pool may grow to."""
    if not pending:
        return 1
    model, options = job.model, job.options
    texts, place = _render(job, pending)
    settings = settings_of(model.record, model.engine, options, job.allow_remote_code)
    pipeline = WindowPipeline(
        label=f"rerank with {model.name}",
        work=_Work(model.record, model.snapshot, settings, job.folder, texts, job.again),
        tokenise=_tokenise,
        worker=_ScoreWindow,
        started=[job.folder / STARTED],
        counted="pairs",
        options=options,
        gpus=options.gpus,
    )
    return pipeline.run([window_row(window, job.index, job.truth, place) for window in pending], progress)


def _render(job: _Job, windows: list[RerankWindow]) -> tuple[list[Any], np.ndarray]:
    """References to the needed texts of each part, and (M,) int64: where each text of the index is in its part's."""
    index = job.index
    used = np.unique(np.concatenate([part for window in windows for part in (window.left, window.right)]))
    place = np.full(len(index.ids), -1, np.int64)
    texts: list[Any] = []
    for number, part in enumerate(index.parts):
        mine = used[index.part[used] == number]
        place[mine] = np.arange(len(mine))
        texts.append(submit(_texts, HALF_CPU, job.prepared, part, job.view, index.row[mine]) if len(mine) else None)
    # The pool of scoring actors may take all CPUs but a tokeniser's, and tokenisers wait for these texts.
    ready = [text for text in texts if text is not None]
    gather(ready, f"read texts for {job.place.system}", job.options.stall_seconds, "parts", fetch=False)
    return texts, place


def _scores(folder: Folder, top: np.ndarray, truth: Truth) -> np.ndarray:
    """(Q, depth) float32: the saved score of each result, -inf where there is none."""
    scores = np.full(top.shape, -np.inf, np.float32)
    query, place = np.nonzero(top >= 0)
    record, seals = open_artifact(folder)
    columns = ["query_id", "patent_id", "score"]
    tables = [folder.read_table(name, columns, seals.get(name)) for name in record["parts"]]
    table = pa.concat_tables(tables)
    same = len(query) == table.num_rows and bool(
        (positions(table["query_id"], truth.query_ids) == query).all()
        and (positions(table["patent_id"], truth.patent_ids) == top[query, place]).all()
    )
    if not same:
        raise InputError(f"{folder}: the saved scores are not those of this ranking; delete the folder and run again")
    scores[query, place] = table["score"].to_numpy()
    return scores
