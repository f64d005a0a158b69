"""Exact MaxSim against Python's exact fractions, brute force and sentence-transformers' own."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, make_truth, same
from sentence_transformers.util import similarity

from patray.encoders.token_vectors import TokenVectors
from patray.errors import EmbeddingError, InputError, ResourceError
from patray.search import maxsim
from patray.search.exclusion import exclusions
from patray.search.maxsim import coarse_scores, error_bound, exact_scores, prepare_token_shard, search_tokens
from patray.search.merge import merge
from patray.search.ranking import Ranking


def make(seed: int, texts: int, most: int, width: int = 16, least: int = 1) -> TokenVectors:
    """Random unit vectors; every third text is a copy of an earlier one, so that scores tie."""
    random = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for at in range(texts):
        vectors = random.normal(size=(random.integers(least, most + 1), width))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        parts.append(parts[random.integers(at)] if at % 3 == 2 else vectors.astype(np.float16))
    start = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return TokenVectors(start, np.concatenate(parts))


def texts_of(tokens: TokenVectors) -> list[np.ndarray]:
    return np.split(tokens.vectors, tokens.start[1:-1])


def true_scores(queries: TokenVectors, documents: TokenVectors) -> np.ndarray:
    """The exact rational MaxSim, rounded to float32 once."""

    def one(query: np.ndarray, document: np.ndarray) -> np.float32:
        total = sum(
            max(
                sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(left, right, strict=True))
                for right in document
            )
            for left in query
        )
        return np.float32(float(total))

    return np.array([[one(q, d) for d in texts_of(documents)] for q in texts_of(queries)], np.float32)


def brute_force(queries: TokenVectors, documents: TokenVectors) -> np.ndarray:
    found = np.empty((len(queries), len(documents)))
    for at, query in enumerate(texts_of(queries)):
        for to, document in enumerate(texts_of(documents)):
            products = query.astype(np.float64) @ document.astype(np.float64).T
            found[at, to] = products.max(axis=1).sum()
    return found


def search(queries: TokenVectors, documents: TokenVectors, k: int, **how: object) -> Ranking:
    return search_tokens(prepare_token_shard(documents, np.arange(len(documents))), queries, k, **how)  # type: ignore[arg-type]


@given(seed=st.integers(0, 10_000), queries=st.integers(1, 4), documents=st.integers(1, 12), k=st.integers(1, 14))
@settings(max_examples=25, deadline=None)
def test_the_ranking_is_the_true_one_ties_and_all(seed: int, queries: int, documents: int, k: int) -> None:
    asked, corpus = make(seed, queries, 5, 8), make(seed + 1, documents, 6, 8)
    codes = np.random.default_rng(seed).permutation(documents)
    found = search_tokens(prepare_token_shard(corpus, codes), asked, k)
    same(found, best(true_scores(asked, corpus), codes, k))


def test_scores_are_those_of_sentence_transformers() -> None:
    asked, corpus = make(1, 9, 32, 64), make(2, 120, 50, 64)
    found = search(asked, corpus, 120)
    as_tensors = [[torch.from_numpy(text.astype(np.float32)) for text in texts_of(side)] for side in (asked, corpus)]
    expected = similarity.maxsim(*as_tensors).numpy()
    np.testing.assert_allclose(found.scores, np.take_along_axis(expected, found.patents, axis=1), atol=2e-5)
    np.testing.assert_allclose(
        found.scores, np.take_along_axis(brute_force(asked, corpus), found.patents, axis=1), atol=2e-6
    )


@pytest.mark.parametrize("k", [1, 7, 50])
def test_any_number_of_shards_and_any_block_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    asked, corpus = make(3, 20, 12), make(4, 200, 30)
    whole = search(asked, corpus, k)
    for shards, columns, cells in ((1, 5, 64), (2, 64, 1 << 12), (7, 1 << 20, 1 << 24)):
        monkeypatch.setattr(maxsim, "COLUMNS", columns)
        monkeypatch.setattr(maxsim, "CELLS", {"cpu": cells})
        monkeypatch.setattr(maxsim, "EXACT_CELLS", cells)
        parts = [
            search_tokens(prepare_token_shard(corpus.take(codes), codes), asked, k)
            for codes in (np.arange(200)[at::shards] for at in range(shards))
        ]
        same(merge(parts, k), whole)


def test_excluded_patents_are_never_ranked_and_later_ones_neither() -> None:
    asked, corpus = make(5, 4, 6), make(6, 40, 9)
    dates = np.random.default_rng(0).integers(0, 100, 40).tolist()
    truth = make_truth(4, 40, [[0, 5], [], [7], [1, 2, 3]], query_date=[50, -1, 20, 99], patent_date=[*dates[:-1], -1])
    skip = exclusions(truth, np.arange(4), np.arange(40))
    found = search(asked, corpus, 40, exclusions=skip)
    allowed = ~skip.contain(np.arange(4)[:, None], np.arange(40)[None, :])
    full = search(asked, corpus, 40)
    scores = np.empty((4, 40), np.float32)
    np.put_along_axis(scores, full.patents, full.scores.astype(np.float32), axis=1)
    same(found, best(scores, np.arange(40), 40, allowed))
    assert (found.patents < 0).any()


def test_the_coarse_scores_stay_within_the_proven_bound() -> None:
    asked, corpus = make(7, 12, 32, 128, least=32), make(8, 60, 40, 128)
    coarse = coarse_scores(prepare_token_shard(corpus, np.arange(60)), asked)
    query, row = np.nonzero(np.ones(coarse.shape, bool))
    exact = exact_scores(corpus, asked, query, row).reshape(coarse.shape)
    worst = np.abs(coarse.astype(np.float64) - exact).max()
    assert 0 < worst < error_bound(32, 128, 1.002) < 1e-3


def test_a_machine_that_multiplies_less_precisely_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = maxsim.coarse_scores
    monkeypatch.setattr(maxsim, "coarse_scores", lambda *given: honest(*given) + np.float32(0.01))
    with pytest.raises(ResourceError, match="multiplies with less precision than float32"):
        search(make(9, 2, 4), make(10, 5, 4), 3)


def test_fewer_patents_than_k_leave_the_rest_empty() -> None:
    found = search(make(11, 2, 3), make(12, 3, 3), 5)
    assert (found.patents[:, 3:] == -1).all()
    assert np.isneginf(found.scores[:, 3:]).all()
    assert sorted(found.patents[0, :3].tolist()) == [0, 1, 2]


def test_bad_input_is_told() -> None:
    good = make(13, 3, 4)
    with pytest.raises(InputError, match="k = 0"):
        search(good, good, 0)
    with pytest.raises(InputError, match="3 texts and 2 codes"):
        prepare_token_shard(good, np.arange(2))
    with pytest.raises(EmbeddingError, match="queries have 8 dimensions, the corpus 16"):
        search(make(1, 1, 2, 8), good, 1)
    with pytest.raises(EmbeddingError, match="float32 array"):
        search(TokenVectors(good.start, good.vectors.astype(np.float32)), good, 1)
    with pytest.raises(EmbeddingError, match="text 1 has none"):
        search(TokenVectors(np.array([0, 2, 2, 3]), good.vectors[:3]), good, 1)
    bad = good.vectors.copy()
    bad[2, 3] = np.nan
    with pytest.raises(EmbeddingError, match="vector 2 is NaN"):
        prepare_token_shard(TokenVectors(good.start, bad), np.arange(3))
