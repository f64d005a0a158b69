"""Sparse rankings on the cluster: an inverted index for each shard of a corpus, one task a shard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.artifacts import read_record
from patray.cluster.growth import require
from patray.cluster.placement import Resources, slots
from patray.cluster.search import ONE_CPU, TASK_BYTES, Place, merge_and_save, of_queries
from patray.cluster.tasks import submit
from patray.cluster.token_memory import megabytes, plan_shards
from patray.encoders.sparse_vectors import BYTES, SparseVectors, concatenate_sparse, load_sparse_vectors
from patray.encoders.vectors import part_names, part_stats
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.progress import say
from patray.search.exclusion import exclusions
from patray.search.ranking import Ranking
from patray.search.sparse import InvertedIndex

COPIES = 4
"""The vectors as read, in the order of the corpus, sorted by term, and the index."""
Found = tuple[Ranking, int, int]
"""A shard's ranking, the entries of its index, its documents."""


def start_sparse(
    run: Folder, place: Place, documents: Folder, queries: Sequence[Folder], truth: Any, depth: int,
    shards: int | None, nodes: Sequence[Resources], stall: float,
) -> Any:  # fmt: skip
    """Begin to rank the whole corpus for every query; a reference to what the step's record gets.

    shards: at least so many, else one a CPU; a score depends on query and document alone, so their number changes no
    bit. Memory is asked for and said first: ResourceError as `require` raises it where no node has what a shard takes.
    """
    begin, names = time.time(), part_names(documents)
    sizes = [BYTES * int(part_stats(documents, name)["patent_vectors"]) for name in names]
    cut = plan_shards(sizes, shards or max(1, int(sum(node.cpus for node in nodes))))
    most = max(sum(sizes[part] for part in shard) for shard in cut)
    needs = Resources(1, 0, COPIES * most + TASK_BYTES)
    what = f"search of {place.system} by {len(cut)} index(es) of {megabytes(most)}"
    room = slots(require(what, needs, 1, stall), needs)
    say(
        f"search {place.system} ({place.landscape}/{place.view}): inverted indexes of {megabytes(sum(sizes))} in "
        f"{len(cut)} shards, {min(room, len(cut))} at once with {megabytes(needs.memory)} each"
    )
    asked = submit(_queries, ONE_CPU, list(queries), truth)
    parts = [[names[part] for part in shard] for shard in cut]
    found = [submit(_search, needs, documents, part, truth, asked, depth) for part in parts]
    return submit(_save, ONE_CPU, run, place, truth, depth, begin, *found)


def _queries(folders: list[Folder], truth: Truth) -> SparseVectors:
    return of_queries(folders, truth, load_sparse_vectors, concatenate_sparse)


def _search(documents: Folder, parts: list[str], truth: Truth, asked: SparseVectors, depth: int) -> Found:
    """The exact top of one shard."""
    ids, vectors = load_sparse_vectors(documents, parts)
    codes = positions(ids, truth.patent_ids)
    inside = np.flatnonzero(codes >= 0)  # query documents outside the corpus are never ranked
    index = InvertedIndex.build(vectors.take(inside), codes[inside], int(read_record(documents)["dimension"]))
    skip = exclusions(truth, np.arange(len(asked)), index.codes)
    return index.search(asked, depth, skip), len(index.document), len(inside)


def _save(run: Folder, place: Place, truth: Truth, depth: int, begin: float, *found: Found) -> dict[str, Any]:
    rankings = [ranking for ranking, _, _ in found]
    nothing = int(np.all([ranking.patents[:, 0] < 0 for ranking in rankings], axis=0).sum())
    notes = [f"{place.landscape}, {place.view}, {place.system}: {nothing:,} queries found nothing"] if nothing else []
    entries, documents = sum(one[1] for one in found), sum(one[2] for one in found)
    facts = {"index_bytes": BYTES * entries, "terms_per_document": entries / max(1, documents), "notes": notes}
    return merge_and_save(run, place, truth, depth, begin, *rankings) | facts
