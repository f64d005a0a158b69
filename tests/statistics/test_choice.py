import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.statistics.choice import best_option, choice_interval
from patray.statistics.draws import Draws
from patray.statistics.resample import group_families

GRID = np.round(np.linspace(0, 1, 21), 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_best_option_is_that_of_a_plain_loop(seed: int) -> None:
    random = np.random.default_rng(seed)
    means = random.integers(0, 3, (8, 21)) / 4
    for row, found in zip(means, best_option(means, GRID), strict=True):
        equal = [at for at in range(21) if row[at] == max(row)]
        assert found == min(equal, key=lambda at: (round(abs(float(GRID[at]) - 0.5), 9), at))


def test_rounding_of_sums_does_not_decide_between_equals() -> None:
    means = np.full((1, 21), 0.1 + 0.2)
    means[0, 10], means[0, 3] = 0.3, 0.3 + 1e-15
    assert best_option(means, GRID)[0] == 10


def test_the_interval_is_that_of_choices_made_again_on_drawn_families() -> None:
    random = np.random.default_rng(1)
    family = random.integers(0, 25, 60)
    best = 0.6 + 0.3 * random.standard_normal(60)
    values = -((GRID[None, :] - best[:, None]) ** 2)
    low, high = choice_interval(values, group_families(family), GRID, Draws(resamples=4000))
    chosen = []
    for _ in range(4000):
        drawn = random.choice(np.unique(family), len(np.unique(family)))
        rows = np.concatenate([np.flatnonzero(family == one) for one in drawn])
        chosen.append(GRID[np.argmax(values[rows].mean(axis=0))])
    assert (low, high) == pytest.approx(np.quantile(chosen, [0.025, 0.975]), abs=0.051)
    assert low in GRID
    assert high in GRID
    assert low < 0.6 < high


def test_a_choice_that_every_item_agrees_on_is_certain_and_one_family_says_nothing() -> None:
    values = np.tile(-((GRID - 0.35) ** 2), (9, 1))
    assert choice_interval(values, group_families(np.arange(9)), GRID, Draws(resamples=200)) == (0.35, 0.35)
    assert np.isnan(choice_interval(values, group_families(np.zeros(9)), GRID, Draws(resamples=200))).all()
