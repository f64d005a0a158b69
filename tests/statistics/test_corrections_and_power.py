"""Corrections against statsmodels; the smallest detectable difference against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from patray.errors import InputError
from patray.statistics.corrections import adjust, benjamini_hochberg, holm
from patray.statistics.paired import paired_tests
from patray.statistics.power import smallest_detectable
from patray.statistics.resample import group_families


@settings(max_examples=20, deadline=None)  # statsmodels collects garbage in every call of "holm"
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 4))
def test_holm_and_benjamini_hochberg_are_statsmodels(seed: int, count: int, digits: int) -> None:
    p = np.round(np.random.default_rng(seed).random(count) ** 3, digits)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


@pytest.mark.parametrize("method", ["holm", "benjamini-hochberg"])
def test_a_missing_p_stays_missing_and_does_not_count(method: str) -> None:
    p = np.array([0.01, np.nan, 0.04, np.nan, 0.03])
    found = adjust(p, method)
    assert np.isnan(found).tolist() == [False, True, False, True, False]
    assert found[[0, 2, 4]] == pytest.approx(adjust(p[[0, 2, 4]], method))
    assert len(adjust(np.zeros(0), method)) == 0


def test_an_unknown_correction_and_a_p_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="holm, benjamini-hochberg"):
        adjust(np.array([0.1]), "bonferoni")
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        holm(np.array([1.2]))


@pytest.mark.parametrize("comparisons", [1, 10])
def test_the_smallest_detectable_difference_is_found_four_times_in_five(comparisons: int) -> None:
    n, trials = 200, 3000
    families = group_families(np.arange(n))
    effect = float(smallest_detectable(np.array(1 / np.sqrt(n)), comparisons))
    differences = np.random.default_rng(comparisons).normal(effect, 1.0, (n, trials))
    values = np.concatenate([differences, np.zeros((n, 1))], axis=1)
    pairs = np.stack([np.arange(trials), np.full(trials, trials)], axis=1)
    found = np.mean(paired_tests(values, families, pairs).p_t < 0.05 / comparisons)
    assert found == pytest.approx(0.8, abs=0.03)


def test_a_larger_family_of_comparisons_can_see_less() -> None:
    error = np.array([0.01, np.nan])
    alone, many = smallest_detectable(error, 1), smallest_detectable(error, 45)
    assert alone[0] == pytest.approx(0.02801585, rel=1e-6)
    assert many[0] > alone[0]
    assert np.isnan(many[1])
