"""The next landscape: statsmodels' prediction of one more observation, and how often it is held."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import OLS

from patray.statistics.unseen import FEWEST, unseen


@pytest.mark.parametrize("k", [3, 4, 9])
def test_the_interval_is_statsmodels_prediction_of_one_more(k: int) -> None:
    values = np.random.default_rng(k).normal(0.03, 0.02, k)
    found = unseen(values)
    theirs = OLS(values, np.ones(k)).fit().get_prediction([1.0])
    assert (found.new_low, found.new_high) == pytest.approx(tuple(theirs.conf_int(obs=True)[0]))
    assert (found.low, found.high) == pytest.approx(tuple(theirs.conf_int(obs=False)[0]))


def test_two_landscapes_say_nothing_of_a_third() -> None:
    found = unseen(np.array([0.02, 0.04]))
    assert FEWEST == 3
    assert found.mean == pytest.approx(0.03)
    assert found.sd == pytest.approx(np.sqrt(0.0002))
    assert np.isnan([found.low, found.high, found.new_low, found.new_high]).all()
    assert np.isnan(unseen(np.array([0.02])).sd)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=9), st.floats(0.1, 5))
def test_scale_goes_through_and_the_other_side_is_the_mirror(values: list[float], scale: float) -> None:
    found, other = unseen(np.array(values)), unseen(-scale * np.array(values))
    assert (other.new_low, other.new_high) == pytest.approx((-scale * found.new_high, -scale * found.new_low), abs=1e-9)
    assert found.new_low <= found.low <= found.mean <= found.high <= found.new_high


@pytest.mark.parametrize("spread", [0.0, 1.0, 10.0])
def test_it_holds_the_true_difference_of_the_next_of_four(spread: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, spread, (4000, 5))
    shown = true + rng.normal(0, 1, true.shape)
    ends = [unseen(row[:4]) for row in shown]
    held = np.mean([one.new_low <= at <= one.new_high for one, at in zip(ends, true[:, 4], strict=True)])
    assert held >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 4000)
