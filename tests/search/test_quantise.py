from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, inner_products, make_truth, same

from patray.errors import EmbeddingError, InputError
from patray.search.derive import derived
from patray.search.exclusion import exclusions
from patray.search.quantise import (
    binary_codes,
    decoded,
    decoded_binary,
    decoded_int8,
    int8_codes,
    join_ranges,
    value_ranges,
    vector_bytes,
)
from patray.search.quantised import finish, search_codes
from patray.search.ranking import Ranking
from patray.search.truncate import truncate

BOTH = ["int8", "binary"]


def search_quantised(
    queries: np.ndarray, vectors: np.ndarray, codes: np.ndarray, depth: int, *more: Any, **options: Any
) -> Ranking:
    """Candidates and end of a corpus of one shard."""
    return finish([search_codes(queries, vectors, codes, depth, *more, **options)], depth)


def embeddings(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around a few centres, float32."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((8, d))[random.integers(0, 8, n)] + 0.7 * random.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def ranges_for(precision: str, vectors: np.ndarray) -> np.ndarray | None:
    return value_ranges(vectors) if precision == "int8" else None


@pytest.mark.parametrize("d", [8, 33, 384])
def test_codes_are_those_of_sentence_transformers(d: int) -> None:
    from sentence_transformers.util.quantization import quantize_embeddings

    corpus, queries = embeddings(300, d), embeddings(20, d, seed=1)
    ranges = value_ranges(corpus)
    for vectors in (corpus, queries):
        expected = quantize_embeddings(vectors, "int8", calibration_embeddings=corpus)
        np.testing.assert_array_equal(int8_codes(vectors, ranges), expected)
        np.testing.assert_array_equal(binary_codes(vectors), quantize_embeddings(vectors, "ubinary"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 5))
def test_ranges_of_shards_join_to_those_of_the_corpus_and_decoding_is_within_half_a_step(
    seed: int, d: int, shards: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((30, d)).astype(np.float32)
    vectors[:, 0] = 0.25  # a dimension in which all are equal
    parts = [value_ranges(vectors[at::shards]) for at in range(shards)]
    parts.append(value_ranges(vectors[:0]))
    ranges = join_ranges(parts, d)
    np.testing.assert_array_equal(ranges, np.stack([vectors.min(axis=0), vectors.max(axis=0)]))
    back = decoded_int8(int8_codes(vectors, ranges), ranges)
    step = (ranges[1].astype(np.float64) - ranges[0]) / 255
    assert (np.abs(back - vectors) <= 0.501 * step + 1e-6).all()
    assert (back[:, 0] == 0.25).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_bits_decode_to_unit_vectors_whose_inner_products_are_hamming_distances(seed: int, d: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((6, d)).astype(np.float32)
    back = decoded_binary(binary_codes(vectors), d)
    np.testing.assert_array_equal(back > 0, vectors > 0)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1, rtol=1e-6)
    differ = ((vectors[0] > 0) != (vectors > 0)).sum(axis=1)
    np.testing.assert_allclose(back @ back[0], 1 - 2 * differ / d, atol=1e-5)


def oracle(precision: str, queries: np.ndarray, vectors: np.ndarray, ranges: np.ndarray | None) -> np.ndarray:
    """First-pass scores (Q, n), the slow way."""
    if precision == "binary":
        differ = np.array([[((q > 0) != (v > 0)).sum() for v in vectors] for q in queries])
        return (1 - 2 * differ / vectors.shape[1]).astype(np.float32)
    return inner_products(decoded(queries, "int8", ranges), decoded(vectors, "int8", ranges))


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("d", [24, 70])
def test_the_first_pass_equals_brute_force_ties_included(precision: str, d: int) -> None:
    vectors, queries = embeddings(400, d), embeddings(9, d, seed=1)
    vectors[200:300] = vectors[:100]
    codes, ranges = np.random.default_rng(2).permutation(400), ranges_for(precision, vectors)
    scores = oracle(precision, queries, vectors, ranges)
    for depth in (1, 25, 500):
        found = search_quantised(queries, vectors, codes, depth, None, precision, ranges=ranges)
        same(found, best(scores, codes, depth))


@pytest.mark.parametrize("precision", BOTH)
def test_rescoring_orders_the_candidates_of_the_whole_corpus_by_the_float_query(precision: str) -> None:
    vectors, queries = embeddings(400, 48), embeddings(9, 48, seed=1)
    codes, ranges = np.random.default_rng(2).permutation(400), ranges_for(precision, vectors)
    first = best(oracle(precision, queries, vectors, ranges), codes, 30)
    allowed = np.array([np.isin(codes, row) for row in first.patents])
    second = inner_products(queries, decoded(vectors, precision, ranges))
    found = search_quantised(queries, vectors, codes, 10, None, precision, 3, ranges)
    same(found, best(second, codes, 10, allowed))


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("rescore", [None, 4])
def test_one_shard_and_many_give_the_same_bits(precision: str, rescore: int | None) -> None:
    vectors, queries = embeddings(500, 40), embeddings(12, 40, seed=1)
    vectors[250:] = vectors[:250]  # every score twice, mostly in different shards
    codes, ranges = np.random.default_rng(0).permutation(500), ranges_for(precision, vectors)
    whole = search_quantised(queries, vectors, codes, 15, None, precision, rescore, ranges)
    for shards in (2, 7, 64):
        parts = [
            search_codes(queries, vectors[at::shards], codes[at::shards], 15, None, precision, rescore, ranges)
            for at in range(shards)
        ]
        parts.append(search_codes(queries, vectors[:0], codes[:0], 15, None, precision, rescore, ranges))
        same(finish(parts[::-1], 15), whole)


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("rescore", [None, 2])
def test_excluded_and_later_patents_are_never_ranked(precision: str, rescore: int | None) -> None:
    random = np.random.default_rng(4)
    vectors, queries = embeddings(90, 24), embeddings(10, 24, seed=1)
    excluded = [sorted(random.permutation(90)[: random.integers(0, 40)].tolist()) for _ in range(10)]
    excluded[3] = list(range(90))
    truth = make_truth(10, 90, excluded, query_date=[100] * 10, patent_date=random.choice([50, 100], 90).tolist())
    codes, ranges = np.arange(90), ranges_for(precision, vectors)
    skip = exclusions(truth, np.arange(10), codes)
    allowed = np.array([[at not in excluded[q] and truth.patent_date[at] < 100 for at in codes] for q in range(10)])
    # Asked for more than is left, so that rescoring sees every allowed patent.
    found = search_quantised(queries, vectors, codes, 80, skip, precision, rescore, ranges)
    scores = oracle(precision, queries, vectors, ranges)
    if rescore:
        scores = inner_products(queries, decoded(vectors, precision, ranges))
    same(found, best(scores, codes, 80, allowed))
    assert (found.patents[3] == -1).all()


def test_hamming_agrees_with_faiss_binary() -> None:
    import faiss

    vectors, queries = embeddings(800, 64), embeddings(20, 64, seed=1)
    index = faiss.IndexBinaryFlat(64)
    index.add(binary_codes(vectors))
    distance, _ = index.search(binary_codes(queries), 40)
    found = search_quantised(queries, vectors, np.arange(800), 40, None, "binary")
    np.testing.assert_array_equal(found.scores, (1 - 2 * distance / 64).astype(np.float32))


@pytest.mark.parametrize("precision", BOTH)
def test_rescored_results_are_those_of_sentence_transformers(precision: str) -> None:
    from sentence_transformers.util.quantization import quantize_embeddings, semantic_search_faiss

    vectors, queries = embeddings(60, 64), embeddings(10, 64, seed=1)
    # Both candidate sets hold the whole corpus, since sentence-transformers' own first pass scores raw codes.
    theirs = {"int8": "uint8", "binary": "ubinary"}[precision]
    corpus = quantize_embeddings(vectors, theirs, calibration_embeddings=vectors)
    expected, _ = semantic_search_faiss(
        queries, corpus, corpus_precision=theirs, top_k=20, calibration_embeddings=vectors, rescore_multiplier=3
    )
    found = search_quantised(queries, vectors, np.arange(60), 20, None, precision, 3, ranges_for(precision, vectors))
    assert [[hit["corpus_id"] for hit in row] for row in expected] == found.patents.tolist()


def test_rescoring_recovers_what_bits_alone_lose() -> None:
    vectors, queries = embeddings(2000, 64), embeddings(50, 64, seed=1)
    exact = best((queries @ vectors.T).astype(np.float32), np.arange(2000), 10)

    def kept(rescore: int | None) -> float:
        found = search_quantised(queries, vectors, np.arange(2000), 10, None, "binary", rescore)
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact.patents, found.patents, strict=True)]))

    assert kept(None) + 0.05 < kept(10) < 1


def test_one_set_of_vectors_serves_every_width_and_precision() -> None:
    vectors = embeddings(50, 32)
    assert derived(vectors) is vectors
    assert derived(vectors, 32) is vectors
    cut = truncate(vectors, 12)
    np.testing.assert_array_equal(derived(vectors, 12), cut)
    np.testing.assert_allclose(derived(vectors, 12, "binary"), np.where(cut > 0, 1, -1) / np.sqrt(12), rtol=1e-6)
    ranges = value_ranges(cut)
    np.testing.assert_array_equal(derived(vectors, 12, "int8", ranges), decoded(cut, "int8", ranges))
    assert np.abs(derived(vectors, 12, "int8", ranges) - cut).max() < 0.01


@pytest.mark.parametrize(
    ("dimensions", "precision", "expected"),
    [(384, "float32", 1536), (384, "int8", 384), (384, "binary", 48), (65, "binary", 9), (1, "binary", 1)],
)
def test_bytes_of_a_vector(dimensions: int, precision: str, expected: int) -> None:
    assert vector_bytes(dimensions, precision) == expected


def test_bad_input_is_named() -> None:
    vectors, codes = embeddings(10, 8), np.arange(10)
    ranges = value_ranges(vectors)
    with pytest.raises(InputError, match="precision 'int4': expected one of float32, int8, binary"):
        decoded(vectors, "int4")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="int8: ranges of the corpus are needed"):
        search_quantised(vectors, vectors, codes, 5, None, "int8")
    with pytest.raises(InputError, match="binary: takes no ranges"):
        decoded(vectors, "binary", ranges)
    with pytest.raises(InputError, match=r"float32 of shape \(2, 7\): expected float32 \(2, 8\)"):
        decoded(vectors, "int8", ranges[:, :7])
    with pytest.raises(InputError, match="not finite"):
        decoded(vectors, "int8", join_ranges([], 8))
    with pytest.raises(InputError, match="precision float32"):
        search_quantised(vectors, vectors, codes, 5, None, "float32")
    with pytest.raises(InputError, match="depth 5, rescore 0: expected at least 1"):
        search_quantised(vectors, vectors, codes, 5, None, "binary", 0)
    with pytest.raises(InputError, match="10 vectors and 9 codes"):
        search_quantised(vectors, vectors, codes[:9], 5, None, "binary")
    with pytest.raises(EmbeddingError, match="queries have 7 dimensions, the corpus 8"):
        search_quantised(vectors[:, :7], vectors, codes, 5, None, "binary")
    bad = vectors.copy()
    bad[3, 2] = np.nan
    with pytest.raises(EmbeddingError, match="row 3: NaN"):
        search_quantised(vectors, bad, codes, 5, None, "binary")
