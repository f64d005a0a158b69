"""Late interaction on the cluster: exact MaxSim over shards of token vectors, by a pool of actors.

Token vectors of a corpus can be larger than the cluster's memory. So each actor takes shard after shard, holds one at
a time, and asks Ray for the memory that this takes; the results of a query are merged once all shards are done.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import ray

from patray.artifacts import is_sealed, read_record
from patray.cluster.search import Place, merge_and_save
from patray.cluster.token_memory import megabytes, plan_shards, search_bytes
from patray.encoders.token_vectors import BYTES, TokenVectors, concatenate, load_token_vectors
from patray.encoders.vectors import part_names, part_stats
from patray.errors import ResourceError
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.progress import say
from patray.runs.suite import Search
from patray.search.exclusion import exclusions
from patray.search.maxsim import prepare_token_shard, search_tokens
from patray.search.ranking import Ranking


class TokenSearcher:
    """Reads one shard after another and answers with its exact top k by MaxSim."""

    def __init__(self, folder: Folder, truth: Truth, device: str) -> None:
        import torch

        if device == "cpu":
            torch.set_num_threads(1)
        self._folder, self._truth, self._device = folder, truth, device

    def search(self, parts: list[str], queries: TokenVectors, depth: int) -> Ranking:
        ids, tokens = load_token_vectors(self._folder, parts)
        codes = positions(ids, self._truth.patent_ids)
        inside = np.flatnonzero(codes >= 0)  # query documents outside the corpus are never ranked
        if len(inside) < len(ids):
            tokens, codes = tokens.take(inside), codes[inside]
        skip = exclusions(self._truth, np.arange(len(queries)), codes.astype(np.int32))
        return search_tokens(prepare_token_shard(tokens, codes), queries, depth, skip, self._device)


@ray.remote(num_cpus=0)
def _query_tokens(folders: list[Folder], truth: Truth) -> TokenVectors:
    """The queries' token vectors in the order of truth.query_ids, from the artifacts that hold them."""
    parts: list[TokenVectors] = []
    place = np.full(len(truth.query_ids), -1, np.int64)
    before = 0
    for folder in folders:
        ids, tokens = load_token_vectors(folder)
        rows = positions(truth.query_ids, ids)
        place = np.where((place < 0) & (rows >= 0), rows + before, place)
        parts.append(tokens)
        before += len(tokens)
    if (place < 0).any():
        raise AssertionError(f"{(place < 0).sum()} queries have no vectors in {', '.join(map(str, folders))}")
    return concatenate(parts).take(place)


def search_late(
    run: Folder, place: Place, documents: Folder, queries: list[Folder], truth: Truth, options: Search
) -> dict[str, Any]:
    """Rank the whole corpus for every query by MaxSim and save it; returns the step's record.

    documents, queries: artifacts of token vectors, the queries' first match wins. The ranking has the same bits for
    any number of shards and actors. Uses GPUs, one an actor, where the cluster has any. Raises ResourceError when no
    node has the memory for one shard.
    """
    step = {"step": "search", "landscape": place.landscape, "view": place.view, "system": place.system}
    if is_sealed(run, place.file):
        return {**step, "reused": True, "seconds": 0.0}
    begin = time.perf_counter()
    names = part_names(documents)
    width = int(read_record(documents)["dimension"]) * BYTES
    sizes = [int(part_stats(documents, name)["patent_vectors"]) * width for name in names]
    gpus = int(ray.cluster_resources().get("GPU", 0))
    workers = gpus or max(1, int(ray.cluster_resources().get("CPU", 1)))
    shards = plan_shards(sizes, options.shards or workers)
    memory = search_bytes(sizes, shards)
    actors = min(workers, len(shards), _fitting(memory, place.system))
    say(
        f"search {place.system} ({place.landscape}/{place.view}): {megabytes(sum(sizes))} of token vectors in "
        f"{len(shards)} shards, {actors} actors with {megabytes(memory)} each"
    )
    truth_ref = ray.put(truth)
    tokens = _query_tokens.remote(queries, truth_ref)
    searchers: list[Any] = [
        ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, memory=memory)(TokenSearcher).remote(
            documents, truth_ref, "cuda" if gpus else "cpu"
        )
        for _ in range(actors)
    ]
    try:
        rankings = _in_turn(searchers, [[names[part] for part in shard] for shard in shards], tokens, options.depth)
        count = ray.get(merge_and_save.remote(run, place, truth_ref, options.depth, *rankings))
    finally:
        for searcher in searchers:
            ray.kill(searcher)
    seconds = time.perf_counter() - begin
    return {
        **step, "reused": False, "seconds": seconds, "queries": count, "shards": len(shards), "actors": actors,
        "token_bytes": sum(sizes), "actor_bytes": memory,
    }  # fmt: skip


def _fitting(memory: int, system: str) -> int:
    """How many actors of `memory` bytes the nodes hold; ResourceError for none."""
    offers = [node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"]]
    fitting = sum(int(offer // memory) for offer in offers)
    if not fitting:
        raise ResourceError(
            f"{system}: searching one shard of token vectors takes {megabytes(memory)} of memory, but the largest node "
            f"of this cluster offers {megabytes(max(offers, default=0.0))}. Add a larger node, or set more "
            "`search.shards`."
        )
    return fitting


def _in_turn(searchers: list[Any], shards: list[list[str]], queries: Any, depth: int) -> list[Any]:
    """References to the rankings of all shards, in their order; an actor gets its next shard when it is free."""
    found: list[Any] = [None] * len(shards)
    waiting = list(range(len(shards)))
    busy: dict[Any, Any] = {}
    free = list(searchers)
    while waiting or busy:
        while waiting and free:
            shard, searcher = waiting.pop(0), free.pop(0)
            found[shard] = searcher.search.remote(shards[shard], queries, depth)
            busy[found[shard]] = searcher
        done, _ = ray.wait(list(busy), num_returns=1)
        for reference in done:
            ray.get(reference)  # an error stops the search at once
            free.append(busy.pop(reference))
    return found
