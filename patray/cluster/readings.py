"""Readings on the cluster: one task ranks a landscape and view by the vectors of spans."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.cluster.growth import require
from patray.cluster.placement import Resources
from patray.cluster.search import TASK_BYTES, Place, bytes_of, query_vectors, save_ranking
from patray.cluster.tasks import submit
from patray.encoders.vectors import load_vectors
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.search.exclusion import exclusions
from patray.search.readings import Pool, search_readings


def start_readings(
    run: Folder, place: Place, spans: Folder, queries: Sequence[Folder], truth: Any, pool: Pool, depth: int,
    stall: float,
) -> Any:  # fmt: skip
    """Begin to rank the whole corpus for every query; a reference to what the step's record gets."""
    needs = Resources(1, 0, 3 * bytes_of(spans) + 2 * bytes_of(queries[0]) + TASK_BYTES)
    require(f"search of {place.system} by spans", needs, 1, stall)
    return submit(rank_readings, needs, run, place, spans, list(queries), truth, pool, depth)


def rank_readings(
    run: Folder, place: Place, spans: Folder, queries: list[Folder], truth: Truth, pool: Pool, depth: int
) -> dict[str, Any]:
    """Rank and save; what the step's record gets."""
    begin = time.perf_counter()
    ids, vectors = load_vectors(spans)
    codes = positions(ids, truth.patent_ids)
    vectors, codes = vectors[codes >= 0], codes[codes >= 0].astype(np.int32)
    first = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])  # the spans of a patent stand together
    start = np.append(first, len(codes)).astype(np.int64)
    asked = query_vectors(queries, truth)
    skip = exclusions(truth, np.arange(len(asked)), codes[first])
    ranking = search_readings(asked, vectors, start, codes[first], depth, pool, skip)
    save_ranking(run, place, truth, ranking)
    return {
        "queries": len(asked), "seconds": time.perf_counter() - begin, "spans": len(codes),
        "spans_per_document": len(codes) / max(1, len(first)), "vector_bytes": vectors.nbytes,
    }  # fmt: skip
