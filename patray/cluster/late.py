"""Late interaction on the cluster: exact MaxSim over shards of token vectors, one task a shard.

Token vectors of a corpus can be larger than the cluster's memory. So a shard is read by the task that searches it,
which asks Ray for the memory that this takes: as many run at once as the nodes hold. The results of a query are merged
once all shards are done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.artifacts import read_record
from patray.cluster.growth import require
from patray.cluster.placement import Resources, slots
from patray.cluster.search import ONE_CPU, TASK_BYTES, Place, merge_and_save, of_queries, torch_threads
from patray.cluster.tasks import submit
from patray.cluster.token_memory import megabytes, plan_shards, search_bytes
from patray.encoders.token_vectors import BYTES, TokenVectors, concatenate, load_token_vectors
from patray.encoders.vectors import part_names, part_stats
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.progress import say
from patray.runs.suite import Search
from patray.search.exclusion import exclusions
from patray.search.maxsim import prepare_token_shard, search_tokens
from patray.search.ranking import Ranking


def _search(folder: Folder, parts: list[str], truth: Truth, queries: TokenVectors, depth: int, device: str) -> Ranking:
    """The exact top of one shard by MaxSim."""
    with torch_threads(1):
        ids, tokens = load_token_vectors(folder, parts)
        codes = positions(ids, truth.patent_ids)
        inside = np.flatnonzero(codes >= 0)  # query documents outside the corpus are never ranked
        if len(inside) < len(ids):
            tokens, codes = tokens.take(inside), codes[inside]
        skip = exclusions(truth, np.arange(len(queries)), codes.astype(np.int32))
        return search_tokens(prepare_token_shard(tokens, codes), queries, depth, skip, device)


def _query_tokens(folders: list[Folder], truth: Truth) -> TokenVectors:
    """The queries' token vectors in the order of truth.query_ids."""
    return of_queries(folders, truth, load_token_vectors, concatenate)


def start_late(
    run: Folder,
    place: Place,
    documents: Folder,
    queries: list[Folder],
    truth: Any,
    options: Search,
    nodes: Sequence[Resources],
    stall_seconds: float,
) -> Any:
    """Begin to rank the whole corpus for every query by MaxSim; a reference to what the step's record gets.

    documents, queries: artifacts of token vectors, the queries' first match wins; truth: a reference. The ranking has
    the same bits for any number of shards and tasks. Uses GPUs, one a task, where the cluster has any. Raises
    ResourceError as `require` does where no node has the memory for one shard.
    """
    begin = time.time()
    names = part_names(documents)
    width = int(read_record(documents)["dimension"]) * BYTES
    sizes = [int(part_stats(documents, name)["patent_vectors"]) * width for name in names]
    gpu = any(node.gpus >= 1 for node in nodes)
    workers = int(sum(node.gpus if gpu else node.cpus for node in nodes)) or 1
    shards = plan_shards(sizes, options.shards or workers)
    memory = search_bytes(sizes, shards)
    needs = Resources(1, 1 if gpu else 0, memory)
    what = f"search of {place.system} in {len(shards)} shard(s) of token vectors"
    room = slots(require(what, needs, 1, stall_seconds), needs)
    say(
        f"search {place.system} ({place.landscape}/{place.view}): {megabytes(sum(sizes))} of token vectors in "
        f"{len(shards)} shards, {min(room, len(shards))} at once with {megabytes(memory)} each"
    )
    asked = 2 * width * sum(int(part_stats(one, name)["patent_vectors"]) for one in queries for name in part_names(one))
    tokens = submit(_query_tokens, Resources(1, 0, asked + TASK_BYTES), queries, truth)
    parts = [[names[part] for part in shard] for shard in shards]
    device = "cuda" if gpu else "cpu"
    found = [submit(_search, needs, documents, part, truth, tokens, options.depth, device) for part in parts]
    facts = {"token_bytes": sum(sizes), "task_bytes": memory}
    return submit(_save, ONE_CPU, run, place, truth, options.depth, begin, facts, *found)


def _save(
    run: Folder, place: Place, truth: Truth, depth: int, begin: float, facts: dict[str, int], *found: Ranking
) -> dict[str, Any]:
    return merge_and_save(run, place, truth, depth, begin, *found) | facts
