"""Ranks, shortfalls and held-out winners against plain loops and by simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.statistics.best import held_out, shortfall, standing
from patray.statistics.bootstrap import MeanStatistic
from patray.statistics.max_t import flip_null, max_t
from patray.statistics.paired import Flips, paired_tests
from patray.statistics.resample import group_families

PAIRS = np.array([[0, 1], [0, 2], [1, 2]])


def test_of_three_systems_of_which_only_the_ends_differ_two_may_be_the_best() -> None:
    found = standing(PAIRS, np.array([0.1, 0.2, 0.1]), np.array([0.3, 0.01, 0.2]), 3)
    assert found.low.tolist() == [1, 1, 2]
    assert found.high.tolist() == [2, 3, 3]
    assert found.may_win.tolist() == [True, True, False]


def test_a_pair_without_a_p_orders_nothing() -> None:
    found = standing(PAIRS, np.array([0.1, 0.2, 0.1]), np.array([np.nan, np.nan, 0.001]), 3)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 1, 2], [3, 2, 3])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 9999), systems=st.integers(2, 6))
def test_ranks_and_shortfalls_are_those_of_plain_loops(seed: int, systems: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = np.array(list(combinations(range(systems), 2)))
    means = generator.random(systems)
    diff, p = means[pairs[:, 0]] - means[pairs[:, 1]], generator.random(len(pairs)) / 8
    half = generator.random(len(pairs)) / 4
    found, short = standing(pairs, diff, p, systems), shortfall(pairs, diff, half, systems)
    for system in range(systems):
        better = worse = 0
        behind = [0.0]
        for (a, b), difference, one, width in zip(pairs, diff, p, half, strict=True):
            if system not in (a, b):
                continue
            lead = difference if system == b else -difference
            behind.append(lead + width)
            better += one < 0.05 and lead > 0
            worse += one < 0.05 and lead < 0
        assert (found.low[system], found.high[system]) == (1 + better, systems - worse)
        assert short[system] == pytest.approx(max(behind))


def test_a_missing_interval_leaves_no_shortfall_for_its_two_systems() -> None:
    found = shortfall(PAIRS, np.array([0.1, 0.2, 0.1]), np.array([np.nan, 0.05, 0.05]), 3)
    assert np.isnan(found).tolist() == [True, True, False]


def test_the_true_best_is_among_the_possible_winners_and_every_rank_in_its_interval() -> None:
    effects = np.array([0.0, 0.3, 0.6, 0.65])
    pairs = np.array(list(combinations(range(4), 2)))
    held = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        values = generator.normal(size=(40, 1)) + 0.6 * generator.normal(size=(40, 4)) + effects
        families = group_families(np.arange(40))
        adjusted = max_t([flip_null(values, families, pairs, Flips(40, 499, seed))])
        tests = paired_tests(values, families, pairs)
        found = standing(pairs, tests.diff, adjusted.p, 4)
        short = shortfall(pairs, tests.diff, adjusted.reach * tests.standard_error, 4)
        ranks = np.array([4, 3, 2, 1])
        held += bool((found.low <= ranks).all() and (ranks <= found.high).all() and (0.65 - effects <= short).all())
    assert held >= 200 * 0.95 - 3.5 * np.sqrt(200 * 0.05 * 0.95)


def test_the_winner_of_equal_systems_is_worth_their_mean_on_queries_that_did_not_pick_it() -> None:
    """20 equal systems: the highest mean is too high by far, the held-out one is not."""
    naive, fair = [], []
    for seed in range(60):
        values = np.random.default_rng(seed).normal(size=(40, 20))
        families = group_families(np.arange(40))
        (found,) = held_out(MeanStatistic.of(values, families), 40, [np.arange(20)], 60, seed)
        assert found.picked.sum() == pytest.approx(1.0)
        naive.append(values.mean(axis=0).max())
        fair.append(found.winner)
    error = np.std(fair, ddof=1) / np.sqrt(60)
    assert np.mean(naive) > 0.2
    assert abs(np.mean(fair)) < 4 * error


def test_a_clear_winner_is_always_picked_and_keeps_its_mean() -> None:
    values = np.random.default_rng(0).normal(size=(31, 3)) * 0.1 + np.array([0.0, 1.0, 2.0])
    (found,) = held_out(MeanStatistic.of(values, group_families(np.arange(31))), 31, [np.arange(3)])
    assert found.picked.tolist() == [0.0, 0.0, 1.0]
    assert found.winner == pytest.approx(values[:, 2].mean(), abs=0.02)
    assert np.isnan(found.value[:2]).all()


def test_one_family_cannot_be_halved() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3))
    (found,) = held_out(MeanStatistic.of(values, group_families(np.zeros(5, dtype=int))), 1, [np.arange(3)])
    assert np.isnan(found.winner)
    assert np.isnan(found.picked).all()


def test_systems_of_different_cells_stand_against_their_own_alone() -> None:
    values = np.random.default_rng(0).normal(size=(40, 4)) + np.array([0.0, 9.0, 0.0, 0.3])
    statistic = MeanStatistic.of(values, group_families(np.arange(40)))
    together = held_out(statistic, 40, [np.array([0, 1]), np.array([2, 3])], 80, 5)
    for columns, found in zip(([0, 1], [2, 3]), together, strict=True):
        (alone,) = held_out(
            MeanStatistic.of(values[:, columns], group_families(np.arange(40))), 40, [np.arange(2)], 80, 5
        )
        np.testing.assert_allclose(found.picked, alone.picked)
        assert found.winner == pytest.approx(alone.winner)
