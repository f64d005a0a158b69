import math
from collections import Counter
from dataclasses import replace

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, make_truth, same

from patray.errors import InputError
from patray.search import lexical
from patray.search.exclusion import exclusions
from patray.search.lexical import Bm25, Statistics, count_terms, join_counts, take_counts
from patray.search.merge import merge
from patray.search.order import order_candidates
from patray.search.ranking import Ranking
from patray.search.words import encode, parse_language, terms

WORDS = [
    *("wheel", "chair", "brake", "motor", "sensor", "hearing", "aid", "frame"),
    *("battery", "handle", "lifting", "speech", "display", "voice", "grip"),
]


def corpus(n: int, seed: int = 0, longest: int = 30) -> list[str]:
    random = np.random.default_rng(seed)
    shares = 1 / np.arange(1, len(WORDS) + 1)
    return [
        " ".join(random.choice(WORDS, random.integers(1, longest), p=shares / shares.sum()).tolist()) for _ in range(n)
    ]


def formula(documents: list[str], queries: list[str], k1: float, b: float) -> np.ndarray:
    """Lucene's BM25: idf ln(1 + (N - df + 0.5) / (df + 0.5)), tf / (tf + k1 (1 - b + b length / mean length))."""
    counts = [Counter(words) for words in terms(documents)]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / len(lengths)
    frequency = Counter(word for count in counts for word in count)
    scores = np.zeros((len(queries), len(documents)))
    for row, query in enumerate(terms(queries)):
        for column, count in enumerate(counts):
            for word in query:
                if word in count:
                    idf = math.log(1 + (len(documents) - frequency[word] + 0.5) / (frequency[word] + 0.5))
                    norm = k1 * (1 - b + b * lengths[column] / mean)
                    scores[row, column] += idf * count[word] / (count[word] + norm)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(None, None), (0.9, 0.4), (2.0, 0.0)])
def test_scores_are_the_formula_of_lucene(k1: float | None, b: float | None) -> None:
    documents, queries = corpus(80), corpus(15, seed=1)
    found = Bm25.build(documents, k1, b).search(queries, 80)
    expected = formula(documents, queries, k1 or 1.2, 0.75 if b is None else b)
    for row in range(15):
        filled = found.patents[row] >= 0
        assert filled.sum() == (expected[row] > 0).sum()
        np.testing.assert_allclose(found.scores[row, filled], expected[row, found.patents[row, filled]], rtol=1e-6)
        assert (np.diff(found.scores[row, filled]) <= 0).all()


def test_order_is_score_then_code_and_what_shares_no_term_is_no_result() -> None:
    documents = ["wheel", "brake", "wheel", "", "the of and", "wheel brake", "wheel"]
    found = Bm25.build(documents).search(["wheels", "nothing shared", ""], 7)
    assert found.patents[0].tolist() == [6, 2, 0, 5, -1, -1, -1]
    assert found.scores[0, 0] == found.scores[0, 2] > found.scores[0, 3] > 0
    assert (found.patents[1:] == -1).all()


def test_words_are_lower_cased_stemmed_and_stop_words_dropped() -> None:
    assert list(terms(["The Lifting of WHEELS, with the (brakes)"])[0]) == ["lift", "wheel", "brake"]
    assert [list(found) for found in terms(["", "the"])] == [[], []]


@pytest.mark.parametrize("earlier_only", [False, True])
def test_exclusions_are_exact_and_the_next_best_take_their_places(earlier_only: bool) -> None:
    random = np.random.default_rng(0)
    documents, queries = corpus(120), corpus(20, seed=1)
    index = Bm25.build(documents)
    everything = index.search(queries, 120)
    scores = np.zeros((20, 120), np.float32)
    for row in range(20):
        filled = everything.patents[row] >= 0
        scores[row, everything.patents[row, filled]] = everything.scores[row, filled]
    excluded = [np.argsort(-row)[: random.integers(0, 30)].tolist() for row in scores]
    truth = make_truth(
        20,
        120,
        excluded,
        query_date=random.integers(0, 9, 20).tolist() if earlier_only else None,
        patent_date=random.integers(0, 9, 120).tolist(),
    )
    allowed = scores > 0
    for row, codes in enumerate(excluded):
        allowed[row, codes] = False
    if earlier_only:
        allowed &= truth.patent_date[None, :] < truth.query_date[:, None]
    skip = exclusions(truth, np.arange(20), np.arange(120))
    same(index.search(queries, 9, skip), best(scores, np.arange(120), 9, allowed))


def test_blocks_of_queries_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, queries = corpus(150), corpus(40, seed=1)
    index = Bm25.build(documents)
    whole = index.search(queries, 10)
    monkeypatch.setattr(lexical, "BLOCK_CELLS", 1)
    same(index.search(queries, 10), whole)
    one = [index.search([query], 10) for query in queries]
    same(Ranking(np.concatenate([part.patents for part in one]), np.concatenate([part.scores for part in one])), whole)


def test_k_beyond_the_corpus_is_padded_and_a_wordless_corpus_refused() -> None:
    found = Bm25.build(["wheel", "wheel chair"]).search(["wheel"], 5)
    assert found.patents.tolist() == [[0, 1, -1, -1, -1]]
    with pytest.raises(InputError, match="none of the 2 texts has a word"):
        Bm25.build(["the", ""])
    with pytest.raises(InputError, match="k = 0"):
        Bm25.build(["wheel"]).search(["wheel"], 0)


def by_bm25s(documents: list[str], queries: list[str], k: int, k1: float = 1.2, b: float = 0.75) -> Ranking:
    """bm25s' own scores of terms, summed in float64 in the order of the query, one by one, for every document."""
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index(terms(documents), show_progress=False)
    found = index.scores
    scores = np.zeros((len(queries), len(documents)))
    for row, query in enumerate(terms(queries)):
        for word in query:
            if word in index.vocab_dict:
                at = slice(*found["indptr"][[index.vocab_dict[word], index.vocab_dict[word] + 1]])
                scores[row, found["indices"][at]] += found["data"][at].astype(np.float64)
    row_of, document = np.nonzero(scores)
    return order_candidates(row_of, document, scores[row_of, document].astype(np.float32), len(queries), k)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 90),
    st.integers(1, 60),
    st.sampled_from([(1.2, 0.75), (0.0, 1.0), (3, 0)]),
)
def test_scores_and_order_have_the_bits_of_all_scores_summed_in_the_order_of_the_query(
    seed: int, n: int, k: int, parameters: tuple[float, float]
) -> None:
    documents, queries = corpus(n, seed, longest=60), corpus(9, seed + 1, longest=80)
    same(Bm25.build(documents, *parameters).search(queries, k), by_bm25s(documents, queries, k, *parameters))


def test_equal_documents_beyond_k_tie_and_the_highest_codes_stay() -> None:
    documents = ["wheel brake motor", "wheel", *["wheel brake"] * 400]
    found = Bm25.build(documents).search(["wheel brake"], 50)
    assert found.patents[0].tolist() == list(range(401, 351, -1))
    same(found, by_bm25s(documents, ["wheel brake"], 50))


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_any_number_of_shards_parts_and_orders_gives_the_same_bits(shards: int) -> None:
    documents, queries = corpus(150), corpus(30, seed=1)
    analysis = parse_language("english")
    backwards = [count_terms(encode(documents[at : at + 40], analysis)) for at in range(120, -40, -40)]
    order = np.concatenate([np.arange(at, min(at + 40, 150)) for at in range(120, -40, -40)])
    counts = take_counts(join_counts(backwards), np.argsort(order))
    whole = Statistics.of(counts.length, np.bincount(counts.term))
    parts = []
    for codes in np.array_split(np.arange(150, dtype=np.int32), shards):
        index = Bm25.of_counts(take_counts(counts, codes), whole=whole)
        parts.append(index.search(queries, 10, codes=codes))
    same(merge(parts, 10), Bm25.build(documents).search(queries, 10))


def test_a_term_of_every_document_scores_little_but_finds() -> None:
    documents = ["wheel " * (at + 1) for at in range(30)]
    same(Bm25.build(documents).search(["wheel", "wheel wheel"], 5), by_bm25s(documents, ["wheel", "wheel wheel"], 5))


@pytest.mark.parametrize("scale", [1.0, 2.0**-40])
def test_where_float64_rounds_scores_are_summed_in_the_order_of_the_query(scale: float) -> None:
    documents, queries = corpus(60, longest=40), corpus(12, seed=1, longest=60)
    index = Bm25.build(documents)
    small = index.term == index.vocabulary["wheel"]
    scores = np.where(small, index.score * scale, index.score).astype(np.float32)
    expected = np.zeros((12, 60))
    for row, query in enumerate(terms(queries)):
        for document in range(60):
            entries = range(index.start[document], index.start[document + 1])
            found = {int(index.term[at]): np.float64(scores[at]) for at in entries}
            for word in query:
                expected[row, document] += found.get(index.vocabulary.get(word, -1), 0.0)
    row_of, column = np.nonzero(expected)
    same(
        replace(index, score=scores).search(queries, 20),
        order_candidates(row_of, column, expected[row_of, column].astype(np.float32), 12, 20),
    )
