"""What is asked of judges: everything that is pooled and nothing that is judged, and nothing that tells the system."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.judging.pool import Pool, choose_pairs
from patray.judging.sheet import COLUMNS, sheet_rows


def made(
    seed: int, queries: int, systems: int, patents: int = 30, depth: int = 12
) -> tuple[list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    rankings = [np.stack([random.permutation(patents)[:depth] for _ in range(queries)]) for _ in range(systems)]
    rankings[0][:, depth - 2 :] = -1
    judged = np.argwhere(random.random((queries, patents)) < 0.2)
    return rankings, judged


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4), st.integers(1, 12), st.integers(1, 9))
def test_the_pool_is_every_unjudged_first_result_once(
    seed: int, queries: int, systems: int, depth: int, most: int
) -> None:
    rankings, judged = made(seed, queries, systems)
    reported = np.random.default_rng(seed).random(queries) < 0.8
    order, asked, found = choose_pairs(rankings, (judged[:, 0], judged[:, 1]), reported, depth, most, seed)
    chosen = set(order.tolist())
    assert chosen <= set(np.flatnonzero(reported).tolist())
    assert len(chosen) == len(order) == min(most, int(reported.sum()))
    known = set(map(tuple, judged.tolist()))
    expected = {
        (query, int(patent))
        for query in chosen
        for ranking in rankings
        for patent in ranking[query, :depth]
        if patent >= 0 and (query, int(patent)) not in known
    }
    pairs = list(zip(asked.tolist(), found.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
    again = choose_pairs(rankings, (judged[:, 0], judged[:, 1]), reported, depth, most, seed)
    assert all((a == b).all() for a, b in zip(again, (order, asked, found), strict=True))


def test_fewer_queries_are_the_first_of_more_so_a_sheet_can_be_stopped_anywhere() -> None:
    rankings, judged = made(1, 40, 3)
    reported = np.ones(40, bool)
    few, many = (choose_pairs(rankings, (judged[:, 0], judged[:, 1]), reported, 5, n, 9)[0] for n in (7, 40))
    assert few.tolist() == many[:7].tolist()
    assert sorted(many.tolist()) == list(range(40)) != many.tolist()


def test_the_order_within_a_query_says_nothing_of_ranks() -> None:
    ranking = np.tile(np.arange(200), (50, 1))
    nothing = np.zeros(0, np.int64)
    _, _, found = choose_pairs([ranking], (nothing, nothing), np.ones(50, bool), 10)
    places = found.reshape(50, 10)
    assert abs(np.corrcoef(places.ravel(), np.tile(np.arange(10), 50))[0, 1]) < 0.15


@pytest.mark.parametrize(("depth", "queries"), [(0, None), (10, 0)])
def test_an_empty_pool_is_refused(depth: int, queries: int | None) -> None:
    nothing = np.zeros(0, np.int64)
    with pytest.raises(InputError, match="both must be 1 or more"):
        choose_pairs([np.zeros((1, 1), int)], (nothing, nothing), np.ones(1, bool), depth, queries)


def test_a_pool_comes_back_from_its_file_and_another_file_is_refused() -> None:
    pool = Pool("run", "land", "ta", ("a", "b"), 10, 1, 0, 5, ("Q1", "Q2"), (("Q1", "P1"), ("Q2", "P9")))
    assert Pool.of_json(json.loads(json.dumps(pool.as_json())), "x") == pool
    with pytest.raises(InputError, match=r"x: not a pool that `patray pool` wrote; expected the keys run, landscape"):
        Pool.of_json({"run": "run"}, "x")
    rows = sheet_rows(pool, {"Q1": ("Chair", "A chair."), "P1": ("Seat", "A seat.")})
    assert rows[0] == list(COLUMNS)
    assert rows[1] == ["1", "Q1", "Chair", "A chair.", "P1", "Seat", "A seat.", "", "", ""]
    assert not {"a", "b"} & {cell for row in rows for cell in row}
