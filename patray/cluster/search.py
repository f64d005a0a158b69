"""Dense rankings on the cluster: one task a shard, merged and saved into the run folder.

Every ranking is tasks of its own, so that all of a run's stand side by side, as many at once as the nodes hold; a task
whose node is lost is done again elsewhere. A ranking that is there is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from patray.artifacts import complete, is_complete, read_record, write_sealed
from patray.cluster.growth import require
from patray.cluster.placement import Resources, share, split
from patray.cluster.tasks import Done, submit
from patray.encoders.sparse_vectors import SparseVectors
from patray.encoders.token_vectors import TokenVectors
from patray.encoders.vectors import load_vectors, part_names
from patray.errors import InputError, UnplacedError
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.runs.suite import Search
from patray.search.dense import Device, search_shard
from patray.search.derive import derived
from patray.search.exclusion import exclusions
from patray.search.faiss_file import write_parts
from patray.search.merge import merge
from patray.search.quantise import join_ranges, value_ranges
from patray.search.quantised import Candidates, finish, search_codes
from patray.search.ranking import Ranking
from patray.search.table import SPLIT, to_table
from patray.steps.certified import made_of
from patray.systems.dense import LOSSY, OneVector
from patray.tables import ranking_file

Several = TypeVar("Several", TokenVectors, SparseVectors)
SHARD_BYTES = 4 << 30
TASK_BYTES = 512 << 20
"""What a search takes beside vectors: libraries, blocks of scores."""
ONE_CPU = Resources(cpus=1)


@dataclass(frozen=True)
class Place:
    """Where a ranking belongs in the run folder."""

    landscape: str
    view: str
    system: str

    @property
    def file(self) -> str:
        return ranking_file(self.landscape, self.view, self.system)


def bytes_of(artifact: Folder) -> int:
    """Bytes of the vectors of an artifact, as they are stored."""
    return sum(size for name, size in artifact.sizes().items() if name.endswith(".parquet"))


@contextmanager
def torch_threads(number: float) -> Iterator[None]:
    """Let torch use so many threads; a worker process that lives on may have had another number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, int(number)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cut_to(system: OneVector, place: Place, ids: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The vectors of these texts in the dimensions of a system; InputError that names place and text where they lack
    them or are zero there."""
    try:
        return derived(vectors, system.width)
    except UnplacedError as error:
        text = f" ({ids[error.row]})" if error.row >= 0 else ""
        made = f" ({system.KIND} {system.vectors})" * (place.system != system.vectors)
        raise InputError(f"system {place.system}{made}, {place.landscape}/{place.view}: {error}{text}") from error


@dataclass(frozen=True)
class _Shard:
    """One shard of a corpus as a system sees it: read where it is searched."""

    place: Place
    folder: Folder
    parts: tuple[str, ...]
    system: OneVector
    threads: float
    device: Device

    def load(self, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, d) float32 and codes (n,) int32, the positions of their patents in the truth."""
        ids, vectors = load_vectors(self.folder, list(self.parts))
        codes = positions(ids, truth.patent_ids)
        inside = codes >= 0  # query documents outside the corpus are encoded beside it, but never ranked
        return self.cut(ids[inside], vectors[inside]), codes[inside].astype(np.int32)

    def cut(self, ids: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return cut_to(self.system, self.place, ids, vectors)


def _search(shard: _Shard, truth: Truth, queries: np.ndarray, options: Search) -> Ranking:
    """The exact top of one shard."""
    with torch_threads(shard.threads):
        vectors, codes = shard.load(truth)
        skip = exclusions(truth, np.arange(len(queries)), codes)
        asked = shard.cut(truth.query_ids, queries)
        return search_shard(asked, vectors, codes, options.depth, skip, options.coarse, shard.device)


def _ranges(shard: _Shard, truth: Truth) -> np.ndarray:
    """(2, d): smallest and largest value of each dimension in one shard."""
    return value_ranges(shard.load(truth)[0])


def _candidates(shard: _Shard, truth: Truth, queries: np.ndarray, options: Search, *ranges: np.ndarray) -> Candidates:
    """The best of one shard by int8 or binary codes; `ranges` are those of all shards for int8, none for binary."""
    with torch_threads(shard.threads):
        vectors, codes = shard.load(truth)
        skip = exclusions(truth, np.arange(len(queries)), codes)
        cut = shard.cut(truth.query_ids, queries)
        joined = join_ranges(ranges, cut.shape[1]) if ranges else None
        precision, rescore = shard.system.precision or "float32", shard.system.rescore
        return search_codes(
            cut, vectors, codes, options.depth, skip, precision, rescore, joined, shard.device
        )  # fmt: skip


def query_vectors(folders: Sequence[Folder], truth: Truth) -> np.ndarray:
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


def of_queries(
    folders: Sequence[Folder], truth: Truth, load: Callable[[Folder], tuple[np.ndarray, Several]],
    join: Callable[[list[Several]], Several],
) -> Several:  # fmt: skip
    """Several vectors a query, in the order of truth.query_ids, from the artifacts that hold them, first match first.

    load: the ids of an artifact and what it holds; join: what several artifacts hold as one.
    """
    parts: list[Several] = []
    place = np.full(len(truth.query_ids), -1, np.int64)
    before = 0
    for folder in folders:
        ids, vectors = load(folder)
        rows = positions(truth.query_ids, ids)
        place = np.where((place < 0) & (rows >= 0), rows + before, place)
        parts.append(vectors)
        before += len(vectors)
    if (place < 0).any():
        raise AssertionError(f"{(place < 0).sum()} queries have no vectors in {', '.join(map(str, folders))}")
    return join(parts).take(place)


def save_ranking(run: Folder, place: Place, truth: Truth, ranking: Ranking) -> None:
    write_sealed(run, place.file, to_table(ranking, truth.query_ids, truth.patent_ids), SPLIT)


def _whole(
    run: Folder, place: Place, truth: Truth, queries: list[Folder], options: Search, shard: _Shard
) -> dict[str, Any]:
    """A ranking of a corpus of one shard, from its vectors to its file."""
    begin = time.perf_counter()
    vectors = query_vectors(queries, truth)
    if shard.system.precision in LOSSY:
        ranges = [_ranges(shard, truth)] if shard.system.precision == "int8" else []
        ranking = finish([_candidates(shard, truth, vectors, options, *ranges)], options.depth)
    else:
        ranking = merge([_search(shard, truth, vectors, options)], options.depth)
    save_ranking(run, place, truth, ranking)
    return {"queries": len(ranking.patents), "shards": 1, "seconds": time.perf_counter() - begin}


def merge_and_save(
    run: Folder, place: Place, truth: Truth, depth: int, begin: float, *parts: Ranking | Candidates
) -> dict[str, Any]:
    """Join the rankings of all shards; begin: when the search was asked for (time.time())."""
    candidates = [part for part in parts if isinstance(part, Candidates)]
    rankings = [part for part in parts if isinstance(part, Ranking)]
    ranking = finish(candidates, depth) if candidates else merge(rankings, depth)
    save_ranking(run, place, truth, ranking)
    return {"queries": len(ranking.patents), "shards": len(parts), "seconds": max(0.0, time.time() - begin)}


def start_dense(
    run: Folder,
    place: Place,
    documents: Folder,
    queries: list[Folder],
    truth: Any,
    system: OneVector,
    options: Search,
    nodes: Sequence[Resources],
    beside: int,
    stall_seconds: float,
) -> Any:
    """Begin to rank the whole corpus for every query; a reference to what the step's record gets.

    Truncated and quantised systems are made here from the one set of full vectors that is stored. truth: a reference.
    nodes: of the cluster; beside: how many rankings are asked for at once. Raises ResourceError as `require` does where
    no node has the memory.
    """
    parts = part_names(documents)
    size, asked = bytes_of(documents), 2 * bytes_of(queries[0])

    def memory(shards: int) -> int:
        return 3 * size // shards + asked + TASK_BYTES  # read, chosen and cut, rounded

    number = min(options.shards or split(nodes, len(parts), -(-size // SHARD_BYTES) or 1, memory), len(parts))
    gpu = any(node.gpus >= 1 for node in nodes)
    least = Resources(1, 1 if gpu else 0, memory(number))
    nodes = require(f"search of {place.system} in {number} shard(s)", least, 1, stall_seconds)
    needs = share(nodes, number * beside, least)
    device: Device = "cuda" if gpu else "cpu"
    shards = [_Shard(place, documents, tuple(parts[at::number]), system, needs.cpus, device) for at in range(number)]
    if number == 1:
        return submit(_whole, needs, run, place, truth, queries, options, shards[0])
    begin = time.time()
    vectors = submit(query_vectors, Resources(1, 0, asked + TASK_BYTES), queries, truth)
    if system.precision in LOSSY:
        light = Resources(1, 0, needs.memory)
        ranges = [submit(_ranges, light, shard, truth) for shard in shards] if system.precision == "int8" else []
        found = [submit(_candidates, needs, shard, truth, vectors, options, *ranges) for shard in shards]
    else:
        found = [submit(_search, needs, shard, truth, vectors, options) for shard in shards]
    return submit(merge_and_save, ONE_CPU, run, place, truth, options.depth, begin, *found)


def _write_index(target: Folder, documents: Folder) -> None:
    patents = write_parts(target, (load_vectors(documents, [name]) for name in part_names(documents)))
    seals = {name: target.seal(name) for name in ("index.faiss", "ids.parquet")}
    complete(target, {"vectors": str(documents), "patents": patents, "made_of": made_of(documents)}, seals)


def start_index(store: Folder, landscape: str, view: str, model: str, documents: Folder) -> Any:
    """Begin to write the merged FAISS index of an artifact as a file for others: indexes/LANDSCAPE/VIEW/MODEL/KEY."""
    target = store / "indexes" / landscape / view / model / documents.name
    if is_complete(target) and read_record(target).get("made_of") == made_of(documents):
        return Done(None)
    return submit(_write_index, Resources(1, 0, 3 * bytes_of(documents) + TASK_BYTES), target, documents)
