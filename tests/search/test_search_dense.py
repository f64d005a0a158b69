import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, inner_products, make_truth, same

from patray.errors import EmbeddingError, InputError, ResourceError
from patray.search import coarse as coarse_pass
from patray.search import dense
from patray.search.dense import prepare_shard, search_prepared, search_shard
from patray.search.exclusion import Exclusions, exclusions
from patray.search.merge import merge

COARSE = ["float32", "bfloat16", "float16", "faiss"]


def clustered(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around a few centres, as embeddings are: many close scores."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((8, d))[random.integers(0, 8, n)] + 0.5 * random.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("coarse", COARSE)
@pytest.mark.parametrize("scale", [1.0, 3e-19, 7e11])
def test_equals_brute_force_whatever_the_length_of_vectors(coarse: str, scale: float) -> None:
    vectors = (clustered(700, 33) * scale).astype(np.float32)
    queries = (clustered(40, 33, seed=1) * np.geomspace(1e-3, 1e3, 40)[:, None]).astype(np.float32)
    codes = np.random.default_rng(2).permutation(700)
    same(
        search_shard(queries, vectors, codes, 10, coarse=coarse),
        best(inner_products(queries, vectors), codes, 10),
    )


@pytest.mark.parametrize("coarse", COARSE)
def test_equals_brute_force_over_several_tiles_and_pools(coarse: str) -> None:
    vectors, queries = clustered(9000, 16), clustered(12, 16, seed=1)
    codes = np.arange(9000)
    for k in (1, 30, 400):
        found = search_shard(queries, vectors, codes, k, coarse=coarse)
        same(found, best(inner_products(queries, vectors), codes, k))


@pytest.mark.parametrize("coarse", COARSE)
def test_thousands_of_ties_at_the_last_place_go_to_the_largest_codes(coarse: str) -> None:
    vectors = np.tile(clustered(1, 24), (6000, 1))
    vectors[:7] = clustered(7, 24, seed=5)
    codes = np.random.default_rng(0).permutation(6000)
    queries = np.concatenate([vectors[-1:], clustered(2, 24, seed=6), np.zeros((1, 24), np.float32)])
    same(
        search_shard(queries, vectors, codes, 20, coarse=coarse),
        best(inner_products(queries, vectors), codes, 20),
    )


def test_ties_are_counted_as_repeated_for_faiss_and_only_they() -> None:
    vectors = np.concatenate([np.tile(clustered(1, 24), (500, 1)), clustered(500, 24, seed=3)])
    shard = prepare_shard(vectors, np.arange(1000), "faiss")
    queries = np.stack([vectors[0], -vectors[0]])
    ranking, effort = search_prepared(shard, queries, 5)
    same(ranking, best(inner_products(queries, vectors), np.arange(1000), 5))
    assert effort.repeated == 1
    assert effort.candidates >= 500


@pytest.mark.parametrize("coarse", COARSE)
def test_k_beyond_the_corpus_pads_with_minus_one(coarse: str) -> None:
    vectors, queries = clustered(5, 8), clustered(3, 8, seed=1)
    found = search_shard(queries, vectors, np.arange(5), 9, coarse=coarse)
    same(found, best(inner_products(queries, vectors), np.arange(5), 9))
    assert (found.patents[:, 5:] == -1).all()
    assert np.isneginf(found.scores[:, 5:]).all()


@pytest.mark.parametrize("coarse", COARSE)
def test_no_queries_and_no_documents_give_empty_rankings(coarse: str) -> None:
    vectors = clustered(5, 8)
    assert search_shard(vectors[:0], vectors, np.arange(5), 3, coarse=coarse).patents.shape == (0, 3)
    empty = search_shard(vectors, vectors[:0], np.arange(0), 3, coarse=coarse)
    assert (empty.patents == -1).all()
    assert np.isneginf(empty.scores).all()


@pytest.mark.parametrize("coarse", COARSE)
@pytest.mark.parametrize("earlier_only", [False, True])
def test_excluded_patents_are_never_ranked_and_nothing_else_is_lost(coarse: str, earlier_only: bool) -> None:
    random = np.random.default_rng(4)
    n_queries, n = 60, 900
    vectors, queries = clustered(n, 12), clustered(n_queries, 12, seed=1)
    scores = inner_products(queries, vectors)
    # The best ones are excluded, some queries have large families, and one query loses everything.
    excluded = [list(np.argsort(-row)[: random.integers(0, 50)]) for row in scores]
    excluded[7] = list(range(n))
    dates = [-1, -5000, 100, 200, 300]
    truth = make_truth(
        n_queries,
        n,
        excluded,
        query_date=random.choice(dates, n_queries).tolist() if earlier_only else None,
        patent_date=random.choice(dates, n).tolist(),
    )
    codes = random.permutation(n)[:600]
    allowed = np.ones((n_queries, 600), bool)
    for query in range(n_queries):
        for place, code in enumerate(codes):
            late = -1 not in (truth.query_date[query], truth.patent_date[code])
            late &= truth.patent_date[code] >= truth.query_date[query]
            allowed[query, place] = code not in excluded[query] and not (earlier_only and late)
    skip = exclusions(truth, np.arange(n_queries), codes)
    found = search_shard(queries, vectors[codes], codes, 25, skip, coarse)
    same(found, best(scores[:, codes], codes, 25, allowed))
    assert (found.patents[7] == -1).all()


@pytest.mark.parametrize("coarse", COARSE)
def test_one_shard_and_sixty_four_give_the_same_bits(coarse: str) -> None:
    vectors = clustered(3000, 48)
    vectors[1000:2000] = vectors[:1000]  # duplicates that fall into different shards
    queries = vectors[::30]
    codes = np.random.default_rng(1).permutation(3000).astype(np.int32)
    whole = search_shard(queries, vectors, codes, 40)
    parts = [
        search_shard(queries, vectors[shard], codes[shard], 40, coarse=coarse)
        for shard in np.array_split(np.random.default_rng(2).permutation(3000), 64)
    ]
    same(merge(parts, 40), whole)


def test_number_of_threads_and_blocks_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = clustered(2000, 20), clustered(101, 20, seed=1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = search_shard(queries, vectors, np.arange(2000), 7, coarse="bfloat16")
        torch.set_num_threads(3)
        monkeypatch.setattr(coarse_pass, "BLOCK_QUERIES", 16)
        monkeypatch.setattr(coarse_pass, "PAIRS", 100)
        shard = prepare_shard(vectors, np.arange(2000), "bfloat16")
        together, effort = search_prepared(shard, queries, 7)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    same(together, alone)
    assert effort.queries == 101
    assert 7 * 101 <= effort.candidates < 2000 * 101 / 4


values = st.integers(-8, 8).map(lambda step: step / 4)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), k=st.integers(1, 12), d=st.integers(1, 5), coarse=st.sampled_from(COARSE))
def test_any_small_case_with_many_ties_equals_brute_force(data: st.DataObject, k: int, d: int, coarse: str) -> None:
    def rows(most: int) -> np.ndarray:
        found = data.draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=1, max_size=most))
        return np.array(found, np.float32)

    queries, vectors = rows(4), rows(30)
    codes = np.array(data.draw(st.permutations(range(len(vectors)))))
    cells = st.tuples(st.integers(0, len(queries) - 1), st.integers(0, len(vectors) - 1))
    pairs = sorted(data.draw(st.sets(cells, max_size=20)))
    skip = Exclusions(*np.array(pairs, np.int32).reshape(-1, 2).T)
    allowed = np.ones((len(queries), len(vectors)), bool)
    allowed[skip.query, skip.row] = False
    found = search_shard(queries, vectors, codes, k, skip, coarse)
    same(found, best(inner_products(queries, vectors), codes, k, allowed))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_unusable_vectors_are_named(bad: float) -> None:
    vectors = clustered(50, 6)
    vectors[33, 2] = bad
    with pytest.raises(EmbeddingError, match=r"corpus vectors: 1 of 50 .* row 33"):
        prepare_shard(vectors, np.arange(50))
    with pytest.raises(EmbeddingError, match=r"query vectors: 1 of 50 .* row 33"):
        search_shard(vectors, clustered(50, 6), np.arange(50), 3)


def test_wrong_arguments_are_named() -> None:
    vectors = clustered(50, 6)
    with pytest.raises(EmbeddingError, match="float64"):
        prepare_shard(vectors.astype(np.float64), np.arange(50))
    with pytest.raises(EmbeddingError, match="queries have 5 dimensions, the corpus 6"):
        search_shard(clustered(3, 5), vectors, np.arange(50), 3)
    with pytest.raises(InputError, match="all different"):
        prepare_shard(vectors, np.zeros(50, np.int64))
    with pytest.raises(InputError, match=r"int8.*float32, bfloat16"):
        prepare_shard(vectors, np.arange(50), "int8")
    with pytest.raises(InputError, match="k = 0"):
        search_shard(vectors, vectors, np.arange(50), 0)


def test_a_machine_with_inexact_products_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def sloppy(queries: torch.Tensor) -> object:
        return lambda documents, out: out.copy_((documents.float() @ queries.float().T) * 1.05)

    monkeypatch.setattr(dense, "choose", lambda documents, n_queries: sloppy)
    with pytest.raises(ResourceError, match="less exact than their error bound"):
        search_shard(clustered(5, 32), clustered(500, 32), np.arange(500), 10, coarse="bfloat16")


def test_the_bound_holds_for_every_pair_and_is_not_vacuous() -> None:
    vectors = torch.from_numpy(clustered(400, 64))
    exact = (vectors.double() @ vectors.double().T).numpy()
    for dtype, widest in (("float32", 1e-4), ("bfloat16", 1e-2), ("float16", 2e-3)):
        ones = np.square(vectors.numpy().astype(np.float64)).sum(axis=1)
        documents = coarse_pass.round_to(vectors, ones, dtype, shared=True)
        queries = coarse_pass.round_to(vectors, ones, dtype, shared=False)
        bound = coarse_pass.error_bound(queries, documents, dtype)
        scale = np.ldexp(1.0, -(queries.exponent[:, None] + documents.exponent[None, :]))
        error = np.abs((queries.values.float() @ documents.values.float().T).double().numpy() - exact * scale)
        assert (error <= bound[:, None]).all()
        assert bound.max() < widest
