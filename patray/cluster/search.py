"""Dense rankings on the cluster: exact search over shards in actors, saved into the run folder.

A ranking that is there is not made again. Fusions are cheap and made from the saved rankings.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from patray.artifacts import is_sealed, write_sealed
from patray.encoders.vectors import load_vectors, part_names
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.runs.certified import made_of
from patray.runs.store import complete, is_complete, read_record
from patray.runs.suite import Search
from patray.runs.systems import LOSSY, SystemEntry
from patray.search.dense import Coarse, search_shard
from patray.search.derive import derived
from patray.search.exclusion import exclusions
from patray.search.faiss_file import write_parts
from patray.search.merge import merge
from patray.search.quantise import join_ranges, value_ranges
from patray.search.quantised import Candidates, finish, search_codes
from patray.search.ranking import Ranking
from patray.search.table import SPLIT, to_table
from patray.tables import ranking_file

SHARD_BYTES = 4 << 30


@dataclass(frozen=True)
class Place:
    """Where a ranking belongs in the run folder."""

    landscape: str
    view: str
    system: str

    @property
    def file(self) -> str:
        return ranking_file(self.landscape, self.view, self.system)


class ShardSearcher:
    """Holds one shard of a corpus and answers with its exact top k."""

    def __init__(self, folder: Folder, parts: list[str], truth: Truth, system: SystemEntry) -> None:
        ids, vectors = load_vectors(folder, parts)
        codes = positions(ids, truth.patent_ids)
        inside = codes >= 0  # query documents outside the corpus are encoded beside it, but never ranked
        self._vectors = derived(vectors[inside], system.width)
        self._codes, self._truth, self._system = codes[inside].astype(np.int32), truth, system

    def search(self, queries: np.ndarray, depth: int, coarse: Coarse) -> Ranking:
        skip = exclusions(self._truth, np.arange(len(queries)), self._codes)
        return search_shard(derived(queries, self._system.width), self._vectors, self._codes, depth, skip, coarse)

    def ranges(self) -> np.ndarray:
        """(2, d): smallest and largest value of each dimension in this shard."""
        return value_ranges(self._vectors)

    def candidates(self, queries: np.ndarray, depth: int, *ranges: np.ndarray) -> Candidates:
        """The best by int8 or binary codes; `ranges` are those of all shards for int8, none for binary."""
        skip = exclusions(self._truth, np.arange(len(queries)), self._codes)
        cut = derived(queries, self._system.width)
        joined = join_ranges(ranges, cut.shape[1]) if ranges else None
        precision, rescore = self._system.precision or "float32", self._system.rescore
        return search_codes(cut, self._vectors, self._codes, depth, skip, precision, rescore, joined)


@ray.remote(num_cpus=0)
def _query_vectors(folders: list[Folder], truth: Truth) -> np.ndarray:
    """(Q, d) float32 in the order of truth.query_ids, from the artifacts that hold the queries."""
    found: np.ndarray | None = None
    missing = np.ones(len(truth.query_ids), dtype=bool)
    for folder in folders:
        ids, vectors = load_vectors(folder)
        rows = positions(truth.query_ids, ids)
        take = missing & (rows >= 0)
        if found is None:
            found = np.zeros((len(truth.query_ids), vectors.shape[1]), np.float32)
        found[take] = vectors[rows[take]]
        missing &= ~take
    if found is None or missing.any():
        raise AssertionError(f"{missing.sum()} queries have no vector in {', '.join(map(str, folders))}")
    return found


@ray.remote(num_cpus=0)
def merge_and_save(run: Folder, place: Place, truth: Truth, depth: int, *rankings: Ranking) -> int:
    merged = merge(rankings, depth)
    write_sealed(run, place.file, to_table(merged, truth.query_ids, truth.patent_ids), SPLIT)
    return len(merged.patents)


@ray.remote(num_cpus=0)
def _finish_and_save(run: Folder, place: Place, truth: Truth, depth: int, *parts: Candidates) -> int:
    ranking = finish(parts, depth)
    write_sealed(run, place.file, to_table(ranking, truth.query_ids, truth.patent_ids), SPLIT)
    return len(ranking.patents)


def _cpus_each(shards: int) -> float:
    """CPUs of one search actor: an equal share of the cluster, whole numbers where there is one for each."""
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    share = sum(nodes) / shards
    return float(int(min(share, max(nodes)))) if share >= 1 else share


def search_dense(
    run: Folder,
    place: Place,
    documents: Folder,
    queries: list[Folder],
    truth: Truth,
    system: SystemEntry,
    options: Search,
) -> dict[str, Any]:
    """Rank the whole corpus for every query and save it; returns the step's record.

    Truncated and quantised systems are made here from the one set of full vectors that is stored.
    """
    step = {"step": "search", "landscape": place.landscape, "view": place.view, "system": place.system}
    if is_sealed(run, place.file):
        return {**step, "reused": True, "seconds": 0.0}
    begin = time.perf_counter()
    parts = part_names(documents)
    size = sum(documents.size(name) for name in parts)
    shards = min(options.shards or max(1, math.ceil(size / SHARD_BYTES)), len(parts))
    truth_ref = ray.put(truth)
    cpus = _cpus_each(shards)
    searchers: list[Any] = [
        ray.remote(num_cpus=cpus)(ShardSearcher).remote(documents, parts[at::shards], truth_ref, system)
        for at in range(shards)
    ]
    vectors = _query_vectors.remote(queries, truth_ref)
    if system.precision in LOSSY:
        ranges = [searcher.ranges.remote() for searcher in searchers] if system.precision == "int8" else []
        found = [searcher.candidates.remote(vectors, options.depth, *ranges) for searcher in searchers]
        count = ray.get(_finish_and_save.remote(run, place, truth_ref, options.depth, *found))
    else:
        found = [searcher.search.remote(vectors, options.depth, options.coarse) for searcher in searchers]
        count = ray.get(merge_and_save.remote(run, place, truth_ref, options.depth, *found))
    for searcher in searchers:
        ray.kill(searcher)
    seconds = time.perf_counter() - begin
    return {**step, "reused": False, "seconds": seconds, "queries": count, "shards": shards}


@ray.remote(num_cpus=0)
def _write_index(target: Folder, documents: Folder) -> None:
    patents = write_parts(target, (load_vectors(documents, [name]) for name in part_names(documents)))
    seals = {name: target.seal(name) for name in ("index.faiss", "ids.parquet")}
    complete(target, {"vectors": str(documents), "patents": patents, "made_of": made_of(documents)}, seals)


def save_index(store: Folder, landscape: str, view: str, model: str, documents: Folder) -> None:
    """The merged FAISS index of an artifact as a file for others, made once: indexes/LANDSCAPE/VIEW/MODEL/KEY."""
    target = store / "indexes" / landscape / view / model / documents.name
    if not is_complete(target) or read_record(target).get("made_of") != made_of(documents):
        ray.get(_write_index.remote(target, documents))
