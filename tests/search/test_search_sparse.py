"""Sparse search against dense dot products in float64, ties and exclusions among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.encoders.sparse_vectors import SparseVectors, concatenate_sparse
from patray.errors import InputError
from patray.search.exclusion import Exclusions
from patray.search.sparse import InvertedIndex


def sparse(rows: np.ndarray) -> SparseVectors:
    where = [np.flatnonzero(row) for row in rows]
    start = np.cumsum([0, *map(len, where)]).astype(np.int64)
    terms = np.concatenate([np.zeros(0, np.int64), *where]).astype(np.int32)
    owner = np.repeat(np.arange(len(rows)), np.diff(start))
    return SparseVectors(start, terms, rows[owner, terms].astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12), st.integers(1, 15), st.booleans(), st.booleans())
def test_rankings_are_those_of_dense_products(
    seed: int, documents: int, terms: int, k: int, whole: bool, dated: bool
) -> None:
    rng = np.random.default_rng(seed)

    def rows(count: int) -> np.ndarray:
        values = rng.integers(0, 3, (count, terms)) if whole else rng.random((count, terms))  # whole: many ties
        return np.where(rng.random((count, terms)) < 0.4, values, 0).astype(np.float32)

    docs, queries = rows(documents), rows(4)
    codes = rng.permutation(2 * documents)[:documents]
    index = InvertedIndex.build(sparse(docs), codes, terms)
    assert index.codes.tolist() == sorted(codes.tolist())
    pairs = np.argwhere(rng.random((4, documents)) < 0.1)
    dates = rng.integers(0, 5, documents).astype(np.int32)
    before = rng.integers(0, 5, 4).astype(np.int32)
    skip = Exclusions(pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), *([before, dates] if dated else []))
    found = index.search(sparse(queries), k, skip)
    by_code = docs[np.argsort(codes)]
    for query in range(4):
        scores = (queries[query].astype(np.float64) @ by_code.T.astype(np.float64)).astype(np.float32)
        barred = set(pairs[pairs[:, 0] == query, 1].tolist())
        if dated:
            barred |= set(np.flatnonzero(dates >= before[query]).tolist())
        free = [at for at in range(documents) if scores[at] > 0 and at not in barred]
        left = [(float(scores[at]), int(index.codes[at])) for at in free]
        wanted = sorted(left, reverse=True)[:k]
        kept = found.patents[query] >= 0
        assert found.patents[query][kept].tolist() == [code for _, code in wanted]
        assert np.allclose(found.scores[query][kept], [score for score, _ in wanted], rtol=1e-6)
        assert (found.scores[query][~kept] == -np.inf).all()


def test_bits_do_not_depend_on_the_other_queries_and_documents() -> None:
    rng = np.random.default_rng(1)
    docs, queries = sparse(rng.random((50, 30))), sparse(rng.random((6, 30)))
    whole = InvertedIndex.build(docs, np.arange(50), 30).search(queries, 50)
    alone = InvertedIndex.build(docs.take(np.array([7])), np.array([7]), 30).search(queries.take(np.array([3])), 1)
    place = whole.patents[3].tolist().index(7)
    assert whole.scores[3][place] == alone.scores[0][0]


def test_no_terms_find_nothing_and_k_is_at_least_one() -> None:
    empty = concatenate_sparse([])
    assert len(empty) == 0
    index = InvertedIndex.build(sparse(np.ones((2, 3))), np.array([4, 1]), 3)
    found = index.search(sparse(np.zeros((1, 3))), 2)
    assert found.patents.tolist() == [[-1, -1]]
    with pytest.raises(InputError, match="k = 0"):
        index.search(sparse(np.ones((1, 3))), 0)
