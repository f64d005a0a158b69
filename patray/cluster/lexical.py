"""BM25 on the cluster: the counts of a view's terms are made once, over parts, and queries are ranked over parts too.

Counts lie in the store (`lexical/LANDSCAPE/VIEW/KEY`), cut into shards of documents; statistics (how many patents have
a term, how long they are) are those of all shards, so scores have the same bits for any number of shards and tasks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patray.artifacts import Ledger, complete, is_whole, key_of, read_record, read_seals
from patray.cluster.growth import nodes
from patray.cluster.placement import Resources
from patray.cluster.search import ONE_CPU, TASK_BYTES, Place, save_ranking
from patray.cluster.tasks import gather, in_this_process, submit, value_of
from patray.cluster.views import HALF_CPU, INDEX_SECONDS, SMALL_PARTS
from patray.files import Folder
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.records import Truth
from patray.landscapes.views import RULES, View, render
from patray.runs.suite import Search
from patray.search.exclusion import exclusions
from patray.search.language import choose_language
from patray.search.lexical import Bm25, Statistics, TermCounts, count_terms, join_counts, take_counts
from patray.search.merge import merge
from patray.search.ranking import Ranking
from patray.search.words import encode, parse_language
from patray.systems.lexical import Lexical

SHARD_ENTRIES = 64_000_000
"""Counts of a shard: 0.5 GB, held once a node."""
ENTRY_BYTES = 24
"""Memory of a shard's count: as read, its score, its place."""
ROW_GROUP = 1 << 22
TASKS_PER_CPU = 4
SAMPLE = 2000
"""Texts of a landscape and view that say which language they are in."""


def _choose(prepared: Folder, view: View) -> str:
    """The language of about SAMPLE patents, at even distances over all parts."""
    parts = part_names(prepared, "patents")
    sizes = [prepared_rows(prepared, part) for part in parts]
    stride = max(1, sum(sizes) // SAMPLE)
    texts: list[str] = []
    for part, size, before in zip(parts, sizes, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True):
        rows = np.arange(-before % stride, size, stride)
        if len(rows):
            texts += render(read_rows(prepared, part, view.of(part).sections, rows), view.of(part))
    return choose_language(texts)


def prepared_rows(prepared: Folder, part: str) -> int:
    """Rows of one part of a clean copy."""
    with prepared.input(part) as stream:
        return int(pq.ParquetFile(stream).metadata.num_rows)


def choose_languages(places: Sequence[tuple[str, Folder, View]]) -> dict[str, str]:
    """`LANDSCAPE/VIEW` -> the language of its texts; places: (landscape, its clean copy, view)."""
    started = []
    for _, prepared, view in places:
        with in_this_process(len(part_names(prepared, "patents")) <= SMALL_PARTS):
            started.append(submit(_choose, HALF_CPU, prepared, view))
    found = gather(started, "tell languages", INDEX_SECONDS)
    return {f"{name}/{view.name}": language for (name, _, view), language in zip(places, found, strict=True)}


def _count(prepared: Folder, parts: list[str], view: View, language: str) -> tuple[list[str], TermCounts]:
    """Ids of the patents of some parts, and their terms."""
    ids: list[str] = []
    counts = []
    for part in parts:
        table = read_rows(prepared, part, view.of(part).sections)
        ids += table["patent_id"].to_pylist()
        counts.append(count_terms(encode(render(table, view.of(part)), parse_language(language))))
    return ids, join_counts(counts)


def _write_counts(target: Folder, language: str, begin: float, *found: tuple[list[str], TermCounts]) -> float:
    """Join the counts of all parts, patents in the order of their ids, and save them; seconds since `begin`."""
    ids = np.array([name for names, _ in found for name in names], dtype=object)
    order = np.argsort(ids, kind="stable")  # as the truth has them: by code point, which is the order of bytes
    counts = take_counts(join_counts([part for _, part in found]), order)
    frequency = np.bincount(counts.term, minlength=len(counts.vocabulary))
    ledger = Ledger(target)
    ledger.write_table("terms.parquet", pa.table({"term": pa.array(counts.vocabulary), "patents": frequency}))
    sizes = pa.array(np.diff(counts.start).astype(np.int32))
    documents = {"patent_id": pa.array(ids[order], pa.string()), "length": counts.length, "terms": sizes}
    ledger.write_table("documents.parquet", pa.table(documents))
    ledger.write_table("counts.parquet", pa.table({"term": counts.term, "count": counts.count}), ROW_GROUP)
    facts = {"language": language, "patents": len(ids), "terms": len(counts.vocabulary), "entries": len(counts.term)}
    complete(target, facts, ledger.seals)
    return max(0.0, time.time() - begin)


def _load_shard(target: Folder, low: int, high: int, k1: float | None, b: float | None, language: str) -> Bm25:
    """The scores of the documents low..high, by the statistics of all."""
    seals = read_seals(target)
    words = target.read_table("terms.parquet", seal=seals.get("terms.parquet"))
    documents = target.read_table("documents.parquet", ["length", "terms"], seals.get("documents.parquet"))
    lengths = documents["length"].to_numpy()
    start = np.concatenate([[0], np.cumsum(documents["terms"].to_numpy(), dtype=np.int64)])
    entries = _read_entries(target, int(start[low]), int(start[high]))
    start = start[low : high + 1] - start[low]
    term, count = entries["term"].to_numpy(), entries["count"].to_numpy()
    counts = TermCounts(start, term, count, lengths[low:high], words["term"].to_pylist())
    return Bm25.of_counts(counts, k1, b, language, Statistics.of(lengths, words["patents"].to_numpy()))


def _read_entries(target: Folder, first: int, last: int) -> pa.Table:
    """Rows first..last of the counts; of the file only the row groups that hold them."""
    with target.input("counts.parquet") as stream:
        parquet = pq.ParquetFile(stream, page_checksum_verification=True)
        sizes = [parquet.metadata.row_group(at).num_rows for at in range(parquet.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        groups = [at for at in range(len(sizes)) if ends[at] < last and ends[at + 1] > first]
        table = parquet.read_row_groups(groups)
    return table.slice(first - (int(ends[groups[0]]) if groups else 0), last - first).combine_chunks()


def _rank(
    prepared: Folder, parts: list[str], view: View, truth: Truth, depth: int, bounds: list[int], shards: list[Any]
) -> tuple[np.ndarray, Ranking]:
    """(positions of the queries whose texts lie in these parts, their ranking); one shard is held at a time."""
    texts: list[str] = []
    rows: list[np.ndarray] = []
    place = {name: at for at, name in enumerate(truth.query_ids.tolist())}
    for part in parts:
        outside = part.startswith("queries")
        names = read_rows(prepared, part, ())["patent_id"].to_pylist()
        query = np.array([place.get(name, -1) for name in names], np.int64)
        # A query document takes the place of a patent with the same id.
        mine = np.flatnonzero((query >= 0) & ((truth.query_in_corpus[query] < 0) == outside))
        if len(mine):
            rows.append(query[mine])
            texts += render(read_rows(prepared, part, view.of(part).sections, mine), view.of(part))
    if not texts:
        return np.zeros(0, np.int64), Ranking(np.zeros((0, depth), np.int32), np.zeros((0, depth)))
    asked = np.concatenate(rows)
    found = []
    for shard, low, high in zip(shards, bounds[:-1], bounds[1:], strict=True):
        codes = np.arange(low, high, dtype=np.int32)
        index: Bm25 = value_of(shard)
        found.append(index.search(texts, depth, exclusions(truth, asked, codes), codes))
    return asked, found[0] if len(found) == 1 else merge(found, depth)


def _save(
    run: Folder, place: Place, truth: Truth, depth: int, begin: float, facts: dict[str, Any],
    *found: tuple[np.ndarray, Ranking],
) -> dict[str, Any]:  # fmt: skip
    """Join the rankings of all queries; begin: when they were asked for (time.time())."""
    patents = np.full((len(truth.query_ids), depth), -1, np.int32)
    scores = np.full(patents.shape, -np.inf)
    for rows, ranking in found:
        patents[rows], scores[rows] = ranking.patents, ranking.scores
    missing = len(patents) - sum(len(rows) for rows, _ in found)
    if missing:
        raise AssertionError(f"{missing} queries have no text in the clean copy")
    save_ranking(run, place, truth, Ranking(patents, scores))
    return {"queries": len(patents), "seconds": max(0.0, time.time() - begin) + facts["count_seconds"], **facts}


def _groups(parts: list[str]) -> list[list[str]]:
    """The parts in a few groups for each CPU of the cluster."""
    most = max(1, int(TASKS_PER_CPU * sum(node.cpus for node in nodes())))
    groups = min(len(parts), most)
    return [parts[at::groups] for at in range(groups)]


def start_counts(store: Folder, place: Place, prepared: Folder, view: View, language: str) -> tuple[Folder, Any | None]:
    """(folder of the counts of a view's terms, a reference to their being made; None where they are there). Made once
    for all systems and runs."""
    identity = {
        "prepared": prepared.name, "sections": list(view.sections), "rules": RULES, "language": language, "format": 1,
        "bm25s": version("bm25s"), "PyStemmer": version("PyStemmer"),
    }  # fmt: skip
    target = store / "lexical" / place.landscape / place.view / key_of(identity)
    if is_whole(target):
        return target, None
    groups = _groups(part_names(prepared, "patents"))
    found = [submit(_count, ONE_CPU, prepared, group, view, language) for group in groups]
    return target, submit(_write_counts, ONE_CPU, target, language, time.time(), *found)


def start_lexical(
    run: Folder, place: Place, target: Folder, seconds: float | None, prepared: Folder, view: View, truth: Truth,
    truth_ref: Any, system: Lexical, options: Search,
) -> Any:  # fmt: skip
    """Begin BM25 over the rendered texts of a view; a reference to what the step's record gets.

    target: the counts, made; seconds: how long that took, None where they were there. Raises InputError when no text
    has a term.
    """
    language = system.language_of(place.landscape, place.view)
    facts = read_record(target)
    patents, entries = int(facts["patents"]), int(facts["entries"])
    if patents != len(truth.patent_ids):
        raise AssertionError(f"{target}: {patents} patents, the landscape has {len(truth.patent_ids)}")
    count = min(options.shards or max(1, math.ceil(entries / SHARD_ENTRIES)), patents)
    bounds = np.linspace(0, patents, count + 1).astype(int).tolist()
    needs = Resources(1, 0, ENTRY_BYTES * entries // count + TASK_BYTES)
    shards = [submit(_load_shard, needs, target, *pair, system.k1, system.b, language) for pair in pairwise(bounds)]
    inside, outside = truth.query_in_corpus >= 0, truth.query_in_corpus < 0
    parts = part_names(prepared, "patents") if inside.any() else []
    parts += part_names(prepared, "queries") if outside.any() else []
    groups, depth = _groups(parts), options.depth
    found = [submit(_rank, needs, prepared, group, view, truth_ref, depth, bounds, shards) for group in groups]
    told = {
        "language": language, "count_seconds": seconds or 0.0, "counts_reused": seconds is None,
        "terms": facts["terms"], "entries": entries, "shards": len(shards),
    }  # fmt: skip
    return submit(_save, ONE_CPU, run, place, truth_ref, depth, time.time(), told, *found)
