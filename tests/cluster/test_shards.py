"""Sparse and readings rankings over shards: what a loop over all pairs gives, for any number of shards."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.artifacts import complete
from patray.cluster.placement import Resources
from patray.cluster.readings import start_readings
from patray.cluster.search import Place
from patray.cluster.sparse import start_sparse
from patray.encoders.sparse_vectors import SparseVectors, sparse_vectors_table
from patray.encoders.vectors import vectors_table
from patray.errors import ResourceError
from patray.files import Folder
from patray.search.ranking import Ranking
from patray.search.table import from_table
from tests.search.search_oracle import best, make_truth

TERMS, WIDTH, DEPTH, PARTS = 30, 8, 12, 5
TRUTH = make_truth(4, 30, [[1], [], [2, 3], []])
PLACE = Place("land", "ta", "system")
NODES = [Resources(2, 0, 8 << 30)]


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tasks", "growth"):
        monkeypatch.setattr(f"patray.cluster.{module}.is_up", lambda: False)  # an earlier test may have left one up


def save(folder: Folder, ids: list[str], tables: Any, stats: Any) -> Folder:
    """An artifact in parts; what a part holds is made by `tables` of its rows."""
    names = [f"patents-part-{at}.parquet" for at in range(PARTS)]
    for name, rows in zip(names, np.array_split(np.arange(len(ids)), PARTS), strict=True):
        folder.write_table(name, tables(rows, stats(rows)))
    complete(folder, {"parts": names, "dimension": TERMS})
    return folder


def ranked(run: Folder, made: Any) -> tuple[Ranking, dict[str, Any]]:
    table = run.read_table(PLACE.file)
    return from_table(table, TRUTH.query_ids, TRUTH.patent_ids, DEPTH), made.value


def save_sparse(folder: Folder, ids: list[str], dense: np.ndarray) -> Folder:
    """Rows (n, TERMS) as sparse vectors."""

    def table(rows: np.ndarray, stats: dict[str, Any]) -> Any:
        owner, terms = np.nonzero(dense[rows])
        start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(rows)))])
        vectors = SparseVectors(start, terms.astype(np.int32), dense[rows][owner, terms])
        lengths = np.ones(len(rows), np.int32)
        return sparse_vectors_table([ids[row] for row in rows], vectors, lengths, lengths > 1, stats)

    return save(folder, ids, table, lambda rows: {"patent_vectors": int((dense[rows] != 0).sum())})


@pytest.mark.parametrize("shards", [1, 2, 5, 99])
def test_sparse_shards_give_the_bits_of_a_loop(tmp_path: Path, shards: int) -> None:
    numbers = np.random.default_rng(3)
    documents = numbers.random((31, TERMS), np.float32) * (numbers.random((31, TERMS)) < 0.2)
    documents[4] = documents[9]  # equal scores: the higher id first
    queries = numbers.random((4, TERMS), np.float32) * (numbers.random((4, TERMS)) < 0.2)
    queries[3] = 0  # finds nothing
    root = Folder.at(tmp_path)
    corpus = save_sparse(root / "corpus", [*TRUTH.patent_ids, "outside"], documents)
    asked = save_sparse(root / "queries", list(TRUTH.query_ids), queries)
    found, step = ranked(
        root / "run", start_sparse(root / "run", PLACE, corpus, [asked], TRUTH, DEPTH, shards, NODES, 9.0)
    )
    exact = [[np.float32(math.fsum(q.astype(float) * d.astype(float))) for d in documents[:30]] for q in queries]
    allowed = np.array(exact) > 0
    allowed[[0, 2, 2], [1, 2, 3]] = False
    wanted = best(np.array(exact), np.arange(30), DEPTH, allowed)
    assert np.array_equal(found.patents, wanted.patents)
    assert np.array_equal(found.scores, wanted.scores)
    assert step["shards"] == min(shards, PARTS)
    assert step["terms_per_document"] == pytest.approx((documents[:30] != 0).sum() / 30)
    assert step["notes"] == ["land, ta, system: 1 queries found nothing"]


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_readings_shards_give_the_ranking_of_a_loop(
    tmp_path: Path, shard_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patray.cluster.token_memory.SHARD_BYTES", shard_bytes)
    numbers = np.random.default_rng(4)
    counts = numbers.integers(1, 5, 30)
    spans = numbers.standard_normal((int(counts.sum()), WIDTH)).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    queries = numbers.standard_normal((4, WIDTH)).astype(np.float32)

    def of_spans(rows: np.ndarray, stats: dict[str, Any]) -> Any:
        held = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
        ids = np.repeat(TRUTH.patent_ids[rows], counts[rows]).tolist()
        ones = np.ones(len(held), np.int32)
        return vectors_table(ids, spans[held], ones, ones > 1, stats)

    def of_queries(rows: np.ndarray, stats: dict[str, Any]) -> Any:
        ones = np.ones(len(rows), np.int32)
        return vectors_table(TRUTH.query_ids[rows].tolist(), queries[rows], ones, ones > 1, stats)

    root = Folder.at(tmp_path)
    corpus = save(root / "spans", list(TRUTH.patent_ids), of_spans, lambda rows: {})
    asked = save(root / "queries", list(TRUTH.query_ids), of_queries, lambda rows: {})
    found, step = ranked(root / "run", start_readings(root / "run", PLACE, corpus, [asked], TRUTH, "max", DEPTH, 9.0))
    products = queries.astype(np.float64) @ spans.astype(np.float64).T
    scores = [[max(row[a:b]) for a, b in pairwise(starts)] for row in products]
    allowed = np.ones((4, 30), bool)
    allowed[[0, 2, 2], [1, 2, 3]] = False
    wanted = best(np.array(scores, np.float32), np.arange(30), DEPTH, allowed)
    assert np.array_equal(found.patents, wanted.patents)
    assert np.allclose(found.scores, wanted.scores, rtol=1e-6)
    assert step["shards"] == (PARTS if shard_bytes == 1 else 1)
    assert (step["spans"], step["spans_per_document"]) == (len(spans), len(spans) / 30)


def test_a_shard_that_no_node_can_hold_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Folder.at(tmp_path)
    corpus = save_sparse(root / "corpus", list(TRUTH.patent_ids), np.ones((30, TERMS), np.float32))
    monkeypatch.setattr("patray.cluster.growth.nodes", lambda: [Resources(2, 0, 1 << 20)])
    with pytest.raises(ResourceError, match=r"search of system by 2 index\(es\)"):
        start_sparse(root / "run", PLACE, corpus, [corpus], TRUTH, DEPTH, None, NODES, 9.0)
    assert not (root / "run").exists()
