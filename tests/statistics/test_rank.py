import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patray.statistics.rank import kendall, order_p, spearman


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_correlations_are_scipys_ties_included(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 6, count).astype(float)
    y = random.integers(0, 6, (5, count)) / 7
    for row, tau, rho in zip(y, kendall(x, y), spearman(x, y), strict=True):
        if len(set(x)) < 2 or len(set(row)) < 2:
            assert np.isnan(tau)
            assert np.isnan(rho)
        else:
            assert tau == pytest.approx(stats.kendalltau(x, row).statistic, abs=1e-12)
            assert rho == pytest.approx(stats.spearmanr(x, row).statistic, abs=1e-12)


def test_within_groups_only_their_own_pairs_count() -> None:
    # Larger is better in each family, while the family of small models is the better one.
    size = np.array([1.0, 2, 3, 10, 20, 30])
    family = np.array(["a", "a", "a", "b", "b", "b"], object)
    score = np.array([[0.7, 0.8, 0.9, 0.1, 0.2, 0.3]])
    assert kendall(size, score, family)[0] == pytest.approx(1.0)
    assert kendall(size, score)[0] == pytest.approx((6 - 9) / 15)
    assert np.isnan(kendall(size, score, np.arange(6).astype(object))[0])


def test_differences_of_rounding_are_ties() -> None:
    assert np.isnan(kendall(np.array([1.0, 2.0]), np.array([[0.3, 0.1 + 0.2]]))[0])


def test_the_permutation_p_within_groups_counts_every_deal() -> None:
    size = np.array([1.0, 2, 3, 10, 20])
    family = np.array(["a", "a", "a", "b", "b"], object)
    # One deal of 3! x 2! is as ordered as this one, and one is its reverse.
    assert order_p(size, np.array([0.1, 0.2, 0.3, 0.1, 0.2]), family) == pytest.approx(2 / 12)
    alone = np.full(5, "a", object)
    score = np.array([0.1, 0.3, 0.2, 0.5, 0.4])
    expected = stats.kendalltau(size, score, method="exact").pvalue
    assert order_p(size, score, alone) == pytest.approx(expected)
    sampled = order_p(size, score, alone, most=100)
    assert sampled == pytest.approx(expected, abs=0.12)
