"""Whether a family can find anything, against the corrections themselves on the most extreme p that a test can give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.statistics.corrections import adjust
from patray.statistics.paired import Flips, flip_test
from patray.statistics.reach import fewest_together, flips_that_carry, smallest_adjusted, smallest_p
from patray.statistics.resample import group_families

METHODS = ("holm", "benjamini-hochberg")
COUNTS = st.integers(1, 3000)


@given(method=st.sampled_from(METHODS), comparisons=COUNTS, flips=st.integers(100, 50_000), data=st.data())
def test_the_smallest_adjusted_p_is_what_the_correction_makes_of_the_smallest_p(
    method: str, comparisons: int, flips: int, data: st.DataObject
) -> None:
    together = data.draw(st.integers(1, comparisons))
    p = np.ones(comparisons)
    p[:together] = smallest_p(flips)
    found = adjust(p, method).min()
    assert smallest_adjusted(method, comparisons, smallest_p(flips), together) == pytest.approx(found, rel=1e-12)


@given(method=st.sampled_from(METHODS), comparisons=COUNTS)
def test_the_flips_that_carry_a_family_let_one_difference_be_found_and_one_flip_less_does_not(
    method: str, comparisons: int
) -> None:
    flips = flips_that_carry(comparisons)
    assert smallest_adjusted(method, comparisons, smallest_p(flips)) < 0.05
    assert not smallest_adjusted(method, comparisons, smallest_p(flips - 1)) < 0.05


@given(method=st.sampled_from(METHODS), comparisons=COUNTS, flips=st.integers(100, 20_000))
def test_the_number_that_must_reach_the_smallest_p_together_is_the_first_that_is_enough(
    method: str, comparisons: int, flips: int
) -> None:
    needed = fewest_together(method, comparisons, smallest_p(flips))
    enough = [
        k
        for k in range(1, comparisons + 1)
        if adjust(np.r_[np.full(k, smallest_p(flips)), np.ones(comparisons - k)], method).min() < 0.05
    ] if comparisons <= 40 else None  # fmt: skip
    if enough is not None:
        assert needed == next(iter(enough), None)
    elif method == "holm":
        assert needed in (1, None)


def test_506_comparisons_on_10000_flips_can_find_nothing_by_holm_and_10120_flips_carry_them() -> None:
    assert fewest_together("holm", 506, smallest_p(10_000)) is None
    assert fewest_together("benjamini-hochberg", 506, smallest_p(10_000)) == 2
    assert flips_that_carry(506) == 10_120
    assert fewest_together("holm", 506, smallest_p(10_120)) == 1


@pytest.mark.parametrize("families", [1, 2, 5, 9])
def test_with_few_families_the_smallest_p_is_that_of_the_test_itself(families: int) -> None:
    values = np.stack([np.ones(families), np.zeros(families)], axis=1)
    p = flip_test(values, group_families(np.arange(families)), np.array([[0, 1]]), Flips(families, 10_000, 0))
    assert smallest_p(10_000, families) == pytest.approx(float(p[0]))


def test_another_correction_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="bonferroni"):
        smallest_adjusted("bonferroni", 3, 0.01)


@given(comparisons=COUNTS, flips=st.integers(100, 20_000))
def test_max_t_needs_no_more_flips_for_a_family_than_for_one_comparison(comparisons: int, flips: int) -> None:
    assert smallest_adjusted("max-t", comparisons, smallest_p(flips)) == smallest_p(flips)
    assert fewest_together("auto", comparisons, smallest_p(10_000)) == 1
