"""Readings on the cluster: exact search over shards of the vectors of spans, one task a shard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.cluster.growth import require
from patray.cluster.placement import Resources, slots
from patray.cluster.search import ONE_CPU, TASK_BYTES, Place, bytes_of, merge_and_save, query_vectors
from patray.cluster.tasks import submit
from patray.cluster.token_memory import megabytes, plan_shards
from patray.encoders.vectors import load_vectors, part_names
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.progress import say
from patray.search.exclusion import exclusions
from patray.search.ranking import Ranking
from patray.search.readings import Pool, search_readings

COPIES = 3
"""The vectors as read, those of the corpus, and a block of them in float64."""
Found = tuple[Ranking, int, int, int]
"""A shard's ranking, its spans, its documents, bytes of its vectors."""


def start_readings(
    run: Folder, place: Place, spans: Folder, queries: Sequence[Folder], truth: Any, pool: Pool, depth: int,
    stall: float,
) -> Any:  # fmt: skip
    """Begin to rank the whole corpus for every query; a reference to what the step's record gets.

    The spans of a document lie in one part, so in one shard. Shards are cut by size alone, whatever the cluster has:
    products in float64 may differ in their last bit with what is multiplied together. ResourceError as `require`
    raises it where no node has what a shard takes.
    """
    begin, names, held = time.time(), part_names(spans), spans.sizes()
    sizes = [held[name] for name in names]
    cut = plan_shards(sizes, 1)
    most = max(sum(sizes[part] for part in shard) for shard in cut)
    needs = Resources(1, 0, COPIES * most + 2 * bytes_of(queries[0]) + TASK_BYTES)
    room = slots(require(f"search of {place.system} by spans", needs, 1, stall), needs)
    say(
        f"search {place.system} ({place.landscape}/{place.view}): {megabytes(sum(sizes))} of vectors of spans in "
        f"{len(cut)} shards, {min(room, len(cut))} at once with {megabytes(needs.memory)} each"
    )
    asked = submit(query_vectors, ONE_CPU, list(queries), truth)
    parts = [[names[part] for part in shard] for shard in cut]
    found = [submit(_search, needs, spans, part, truth, asked, pool, depth) for part in parts]
    return submit(_save, ONE_CPU, run, place, truth, depth, begin, *found)


def _search(spans: Folder, parts: list[str], truth: Truth, asked: np.ndarray, pool: Pool, depth: int) -> Found:
    """The exact top of one shard."""
    ids, vectors = load_vectors(spans, parts)
    codes = positions(ids, truth.patent_ids)
    vectors, codes = vectors[codes >= 0], codes[codes >= 0].astype(np.int32)
    first = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])  # the spans of a patent stand together
    start = np.append(first, len(codes)).astype(np.int64)
    skip = exclusions(truth, np.arange(len(asked)), codes[first])
    ranking = search_readings(asked, vectors, start, codes[first], depth, pool, skip)
    return ranking, len(codes), len(first), vectors.nbytes


def _save(run: Folder, place: Place, truth: Truth, depth: int, begin: float, *found: Found) -> dict[str, Any]:
    spans, documents, size = (sum(numbers) for numbers in zip(*(counts for _, *counts in found), strict=True))
    facts = {"spans": spans, "spans_per_document": spans / max(1, documents), "vector_bytes": size}
    rankings = [ranking for ranking, *_ in found]
    return merge_and_save(run, place, truth, depth, begin, *rankings) | facts
