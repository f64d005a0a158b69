import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, make_truth

from patray.errors import InputError
from patray.measures.definitions import Measure
from patray.measures.ranking import evaluate
from patray.search.fusion import linear, rrf, tune_weight
from patray.search.order import order_rows
from patray.search.ranking import Ranking
from patray.tables import TUNING


def random_ranking(random: np.random.Generator, n_queries: int, n: int, depth: int) -> Ranking:
    """Lists of different lengths, some empty or constant, with ties."""
    scores = (random.integers(0, 40, (n_queries, n)) / 7).astype(np.float32)
    scores[random.random(n_queries) < 0.1] = 3
    allowed = random.random((n_queries, n)) < random.choice([0.0, 0.05, 0.3, 1.0], (n_queries, 1))
    return best(scores, np.arange(n), depth, allowed)


def as_dicts(ranking: Ranking) -> list[dict[int, float]]:
    return [
        {int(code): float(score) for code, score in zip(codes, scores, strict=True) if code >= 0}
        for codes, scores in zip(ranking.patents, ranking.scores, strict=True)
    ]


def scaled(found: dict[int, float]) -> dict[int, float]:
    low, high = min(found.values(), default=0), max(found.values(), default=0)
    return {code: (score - low) / (high - low) if high > low else 1.0 for code, score in found.items()}


def check(fused: Ranking, expected: list[dict[int, float]], depth: int) -> None:
    assert fused.patents.shape == (len(expected), depth)
    for found, wanted in zip(as_dicts(fused), expected, strict=True):
        order = sorted(wanted.items(), key=lambda item: (np.float32(item[1]), item[0]), reverse=True)[:depth]
        np.testing.assert_allclose(list(found.values()), [score for _, score in order], rtol=1e-6, atol=1e-7)
        scores = [np.float32(score) for _, score in order]
        if len(set(np.round(scores, 5))) == len(scores):
            assert list(found) == [code for code, _ in order]
        assert len(set(found)) == len(found) == min(depth, len(wanted))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(1, 50))
def test_linear_fusion_equals_dictionaries(seed: int, weight: float, depth: int) -> None:
    random = np.random.default_rng(seed)
    dense, lexical = random_ranking(random, 6, 40, 15), random_ranking(random, 6, 40, 20)
    expected = []
    for one, two in zip(as_dicts(dense), as_dicts(lexical), strict=True):
        first, second = scaled(one), scaled(two)
        expected.append(
            {code: weight * first.get(code, 0) + (1 - weight) * second.get(code, 0) for code in {**first, **second}}
        )
    check(linear(dense, lexical, weight, depth), expected, depth)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([10, 60, 100]), st.integers(1, 4), st.integers(1, 50))
def test_reciprocal_rank_fusion_equals_dictionaries(seed: int, k: int, lists: int, depth: int) -> None:
    random = np.random.default_rng(seed)
    rankings = [random_ranking(random, 5, 40, 12 + at) for at in range(lists)]
    expected: list[dict[int, float]] = [{} for _ in range(5)]
    for ranking in rankings:
        for total, codes in zip(expected, ranking.patents, strict=True):
            for rank, code in enumerate(codes[codes >= 0].tolist(), 1):
                total[code] = total.get(code, 0) + 1 / (k + rank)
    check(rrf(rankings, k, depth), expected, depth)


def test_equal_fused_scores_go_to_the_larger_patent() -> None:
    one = Ranking(np.array([[3, 5]]), np.array([[2.0, 1.0]]))
    two = Ranking(np.array([[5, 3]]), np.array([[9.0, 4.0]]))
    assert linear(one, two, 0.5, 2).patents.tolist() == [[5, 3]]
    assert rrf([one, two], 60, 2).patents.tolist() == [[5, 3]]


def test_a_list_without_spread_counts_as_found() -> None:
    dense = Ranking(np.array([[4, -1, -1]]), np.array([[0.7, -np.inf, -np.inf]]))
    lexical = Ranking(np.array([[2, 1, 0]]), np.array([[9.0, 6.0, 3.0]]))
    fused = linear(dense, lexical, 0.75, 4)
    assert fused.patents.tolist() == [[4, 2, 1, 0]]
    assert fused.scores.tolist() == [[0.75, 0.25, 0.125, 0.0]]


def test_weights_outside_zero_to_one_are_refused() -> None:
    ranking = Ranking(np.array([[1]]), np.array([[1.0]]))
    with pytest.raises(InputError, match=r"fusion weight 1\.2: expected 0 to 1"):
        linear(ranking, ranking, 1.2, 1)


def test_the_tuned_weight_is_the_best_on_validation_and_sees_nothing_else() -> None:
    random = np.random.default_rng(3)
    n_queries, n = 80, 60
    pairs = [(query, int(patent), 1) for query in range(n_queries) for patent in random.permutation(n)[:4]]
    truth = make_truth(n_queries, n, pairs=pairs)
    relevant = np.zeros((n_queries, n))
    relevant[truth.query, truth.patent] = 1
    # Two noisy views of the truth, so that some mixture is better than either.
    everyone = np.tile(np.arange(n), (n_queries, 1))
    lexical, dense = (order_rows(everyone, 0.4 * relevant + random.random((n_queries, n)), 30) for _ in range(2))
    validation = np.arange(n_queries) < 30
    measure = Measure("nDCG", 10)
    tuned = tune_weight(lexical, dense, truth, validation, measure)
    assert [weight for weight, _ in tuned.curve] == [round(0.05 * step, 2) for step in range(21)]
    judged = (truth.query, truth.patent, truth.relevance)
    for weight, mean in tuned.curve:
        fused = linear(lexical, dense, weight, 30)
        expected = evaluate(fused.patents, *judged, [measure])[measure][validation].mean()
        assert mean == pytest.approx(expected, abs=1e-12)
    means = dict(tuned.curve)
    assert means[tuned.weight] == max(means.values())
    assert 0 < tuned.weight < 1

    for view in (lexical, dense):
        view.patents[30:] = view.patents[30:, ::-1]
    assert tune_weight(lexical, dense, truth, validation, measure) == tuned

    rows = tuned.rows("ultrasound", "ta", "fusion")
    assert [set(row) for row in rows] == [set(TUNING.names)] * 23
    assert [row["value"] for row in rows if row["chosen"]] == [tuned.weight]
    ends = {row["parameter"]: (row["value"], row["mean"]) for row in rows[21:]}
    assert tuned.low is not None
    assert tuned.high is not None
    assert ends == {
        "fusion.weight.ci_low": (tuned.low, means[tuned.low]),
        "fusion.weight.ci_high": (tuned.high, means[tuned.high]),
    }
    assert tuned.low <= tuned.weight <= tuned.high
    assert rows[0]["n"] == 30


def test_of_equally_good_weights_the_middle_is_taken_and_no_query_is_an_error() -> None:
    truth = make_truth(2, 3, pairs=[(0, 1, 1), (1, 2, 1)])
    ranking = Ranking(np.array([[1, 0], [2, 0]]), np.array([[2.0, 1.0], [2.0, 1.0]]))
    both = np.array([True, True])
    assert tune_weight(ranking, ranking, truth, both, Measure("nDCG", 10)).weight == 0.5
    with pytest.raises(InputError, match="no validation query"):
        tune_weight(ranking, ranking, truth, ~both, Measure("nDCG", 10))
