"""Sparse rankings on the cluster: one task a landscape and view, which holds the inverted index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.cluster.growth import require
from patray.cluster.placement import Resources
from patray.cluster.search import TASK_BYTES, Place, of_queries, save_ranking
from patray.cluster.tasks import submit
from patray.cluster.token_memory import megabytes
from patray.encoders.sparse_vectors import BYTES, concatenate_sparse, load_sparse_vectors
from patray.encoders.vectors import part_names, part_stats
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.progress import say
from patray.runs.store import read_record
from patray.search.exclusion import exclusions
from patray.search.sparse import InvertedIndex

COPIES = 4
"""The vectors as read, in the order of the corpus, sorted by term, and the index."""


def start_sparse(
    run: Folder, place: Place, documents: Folder, queries: Sequence[Folder], truth: Any, depth: int, stall: float
) -> Any:
    """Begin to rank the whole corpus for every query; a reference to what the step's record gets. Its memory is asked
    for and said first. ResourceError as `require` raises it where no node has that much."""
    size = BYTES * sum(int(part_stats(documents, name)["patent_vectors"]) for name in part_names(documents))
    needs = Resources(1, 0, COPIES * size + TASK_BYTES)
    require(f"search of {place.system} by an index of {megabytes(size)}", needs, 1, stall)
    say(f"search {place.system} ({place.landscape}/{place.view}): an inverted index of {megabytes(size)}")
    return submit(rank_sparse, needs, run, place, documents, list(queries), truth, depth)


def rank_sparse(
    run: Folder, place: Place, documents: Folder, queries: list[Folder], truth: Truth, depth: int
) -> dict[str, Any]:
    """Rank and save; what the step's record gets."""
    begin = time.perf_counter()
    ids, vectors = load_sparse_vectors(documents)
    codes = positions(ids, truth.patent_ids)
    inside = np.flatnonzero(codes >= 0)  # query documents outside the corpus are never ranked
    index = InvertedIndex.build(vectors.take(inside), codes[inside], int(read_record(documents)["dimension"]))
    asked = of_queries(queries, truth, load_sparse_vectors, concatenate_sparse)
    skip = exclusions(truth, np.arange(len(asked)), index.codes)
    ranking = index.search(asked, depth, skip)
    save_ranking(run, place, truth, ranking)
    nothing = int((ranking.patents[:, 0] < 0).sum())
    notes = [f"{place.landscape}, {place.view}, {place.system}: {nothing:,} queries found nothing"] if nothing else []
    return {
        "queries": len(asked), "seconds": time.perf_counter() - begin, "index_bytes": BYTES * len(index.document),
        "terms_per_document": len(index.document) / max(1, len(codes)), "notes": notes,
    }  # fmt: skip
