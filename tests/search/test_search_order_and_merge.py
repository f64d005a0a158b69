import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_oracle import best, same

from patray.errors import InputError
from patray.search import order as order_module
from patray.search.merge import merge
from patray.search.order import order_candidates, order_rows
from patray.search.ranking import Ranking

float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
tied = st.sampled_from([-1.5, -0.0, 0.0, 1e-45, 0.25, 0.25000003, 1.0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.one_of(tied, float32), min_size=9, max_size=9), min_size=1, max_size=4), st.integers(1, 12))
def test_rows_are_ordered_by_score_then_patent_descending(rows: list[list[float]], k: int) -> None:
    scores = np.array(rows, np.float32)
    codes = np.random.default_rng(0).permutation(1000)[:9]
    width = min(k, 9)
    same(order_rows(np.tile(codes, (len(rows), 1)), scores, k), best(scores + 0, codes, width))


def test_empty_cells_come_last_even_after_negative_scores() -> None:
    ranking = order_rows(np.array([[-1, 4, 0]]), np.array([[9.0, -5.0, -7.0]]), 3)
    assert ranking.patents.tolist() == [[4, 0, -1]]
    assert ranking.scores.tolist() == [[-5.0, -7.0, -np.inf]]


def test_flat_candidates_equal_rows_however_they_are_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 30, 50)
    query = np.repeat(np.arange(50), counts)
    codes = np.concatenate([random.permutation(100)[:count] for count in counts])
    scores = random.integers(0, 5, len(codes)).astype(np.float32)
    expected = order_candidates(query, codes, scores, 50, 6)
    for row in range(50):
        chosen = query == row
        one = best(scores[None, chosen], codes[chosen], 6)
        same(Ranking(expected.patents[row : row + 1], expected.scores[row : row + 1]), one)
    monkeypatch.setattr(order_module, "KEY_CELLS", 40)
    same(order_candidates(query, codes, scores, 50, 6), expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 64), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_merging_any_number_of_shards_equals_ranking_the_whole(shards: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 6, (3, 80)).astype(np.float32) / 7
    codes = random.permutation(80)
    parts = [best(scores[:, part], codes[part], k) for part in np.array_split(random.permutation(80), shards)]
    same(merge(parts, k), best(scores, codes, k))


def test_merging_pads_to_k_and_refuses_what_does_not_fit() -> None:
    part = best(np.ones((2, 3), np.float32), np.arange(3), 3)
    assert merge([part], 5).patents.tolist() == [[2, 1, 0, -1, -1]] * 2
    with pytest.raises(InputError, match=r"numbers of queries \[2, 3\]"):
        merge([part, best(np.ones((3, 3), np.float32), np.arange(3), 3)], 5)
    with pytest.raises(InputError, match="0 rankings"):
        merge([], 5)


def test_nan_scores_and_no_places_are_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        order_rows(np.array([[1]]), np.array([[np.nan]]), 1)
    with pytest.raises(InputError, match="k = 0"):
        order_rows(np.array([[1]]), np.array([[1.0]]), 0)
