"""Paired tests against scipy and statsmodels, and against brute force over every permutation."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patray.errors import InputError
from patray.measures.classification import label_counts, macro_f1
from patray.statistics import paired, resample
from patray.statistics.bootstrap import CountStatistic
from patray.statistics.paired import Flips, flip_test, paired_tests, swap_test
from patray.statistics.resample import group_families

PAIR = np.array([[0, 1]])


def rounded(seed: int, n: int, systems: int = 2) -> np.ndarray:
    """Values with ties and zeros, as measures at small cutoffs have."""
    return np.round(np.random.default_rng(seed).beta(0.5, 1.0, (n, systems)), 1)


@pytest.mark.parametrize("n", [12, 45, 300])
def test_single_families_give_the_ordinary_paired_t_and_wilcoxon(n: int) -> None:
    for values in (rounded(1, n, 3), np.random.default_rng(2).random((n, 3))):
        pairs = np.array([[0, 1], [1, 2], [2, 0]])
        found = paired_tests(values, group_families(np.arange(n)), pairs)
        for row, (a, b) in enumerate(pairs):
            assert found.p_t[row] == pytest.approx(stats.ttest_rel(values[:, a], values[:, b]).pvalue, abs=1e-12)
            difference = np.where(np.abs(values[:, a] - values[:, b]) < 1e-12, 0.0, values[:, a] - values[:, b])
            assert found.p_wilcoxon[row] == pytest.approx(stats.wilcoxon(difference).pvalue, abs=1e-12)
            assert found.diff[row] == pytest.approx(difference.mean())
            assert found.effect_size[row] == pytest.approx(difference.mean() / difference.std(ddof=1))
            counts = ((difference > 0).sum(), (difference == 0).sum(), (difference < 0).sum())
            assert (found.wins[row], found.ties[row], found.losses[row]) == counts


def test_the_t_by_family_is_statsmodels_cluster_robust_t() -> None:
    generator = np.random.default_rng(4)
    ids = generator.integers(0, 25, 120)
    values = generator.random((120, 2)) + 0.3 * generator.normal(size=(25, 2))[ids]
    found = paired_tests(values, group_families(ids), PAIR)
    model = sm.OLS(values[:, 0] - values[:, 1], np.ones(120))
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": ids, "df_correction": True}, use_t=True)
    assert found.standard_error[0] == pytest.approx(theirs.bse[0], rel=1e-10)
    assert found.p_t[0] == pytest.approx(theirs.pvalues[0], rel=1e-8)


def test_the_wilcoxon_by_family_is_that_of_the_families_mean_differences() -> None:
    generator = np.random.default_rng(8)
    ids = np.sort(generator.integers(0, 30, 100))
    values = generator.random((100, 2))
    means = [np.mean((values[:, 0] - values[:, 1])[ids == family]) for family in np.unique(ids)]
    found = paired_tests(values, group_families(ids), PAIR)
    assert found.p_wilcoxon[0] == pytest.approx(stats.wilcoxon(means).pvalue, abs=1e-12)


def test_equal_systems_have_p_one_everywhere() -> None:
    values = np.repeat(np.random.default_rng(0).random((40, 1)), 2, axis=1)
    families = group_families(np.arange(40))
    found = paired_tests(values, families, PAIR)
    assert (found.p_t[0], found.p_wilcoxon[0], found.effect_size[0]) == (1.0, 1.0, 0.0)
    assert (found.wins[0], found.ties[0], found.losses[0]) == (0, 40, 0)
    assert flip_test(values, families, PAIR, Flips(40, 1000, 0))[0] == 1.0


def test_one_family_has_no_t_no_wilcoxon_and_no_error() -> None:
    found = paired_tests(np.random.default_rng(0).random((5, 2)), group_families(np.zeros(5, dtype=int)), PAIR)
    assert np.isnan([found.p_t[0], found.p_wilcoxon[0], found.standard_error[0]]).all()
    assert np.isfinite(found.effect_size[0])


def test_a_sampled_flip_test_agrees_with_scipys_permutation_test() -> None:
    generator = np.random.default_rng(10)
    values = generator.beta(0.5, 1.0, (80, 4)) + np.array([0.0, 0.05, 0.1, 0.0])
    pairs = np.array(list(itertools.combinations(range(4), 2)))
    ours = flip_test(values, group_families(np.arange(80)), pairs, Flips(80, 20_000, 0))
    for p, (a, b) in zip(ours, pairs, strict=True):
        theirs = stats.permutation_test(
            (values[:, a] - values[:, b],),
            lambda difference, axis: np.abs(difference.mean(axis=axis)),
            permutation_type="samples",
            vectorized=True,
            n_resamples=20_000,
            alternative="greater",
            rng=1,
        ).pvalue
        assert p == pytest.approx(theirs, abs=4 * np.sqrt(2 * max(p * (1 - p), 1e-4) / 20_000))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_few_families_are_enumerated_exactly_ties_included(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    ids = np.concatenate([np.arange(count), generator.integers(0, count, 6)])
    values = np.round(generator.random((len(ids), 2)), 1)
    families = group_families(ids)
    flips = Flips(count, 1000, 0)
    assert flips.exact
    sums = families.sums(values[:, 0] - values[:, 1])
    every = [abs(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=count)]
    expected = np.mean(np.array(every) >= abs(sums.sum()) - 1e-9)
    assert flip_test(values, families, PAIR, flips)[0] == pytest.approx(expected, abs=1e-12)


def test_an_exact_flip_test_is_scipys_exact_permutation_test() -> None:
    values = np.random.default_rng(3).random((9, 2))
    theirs = stats.permutation_test(
        (values[:, 0] - values[:, 1],), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert flip_test(values, group_families(np.arange(9)), PAIR, Flips(9, 512, 0))[0] == pytest.approx(theirs)
    assert not Flips(9, 511, 0).exact


def test_the_flip_test_holds_its_level_when_families_are_copies_and_a_test_by_item_does_not() -> None:
    generator = np.random.default_rng(11)
    ids = np.repeat(np.arange(20), 6)
    by_family = by_item = 0
    for seed in range(200):
        values = np.repeat(generator.normal(size=(20, 2)), 6, axis=0)
        by_family += flip_test(values, group_families(ids), PAIR, Flips(20, 400, seed))[0] < 0.05
        by_item += flip_test(values, group_families(np.arange(120)), PAIR, Flips(120, 400, seed))[0] < 0.05
    assert by_family <= 20
    assert by_item >= 40


def test_signs_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def signs(flips: Flips) -> np.ndarray:
        return np.concatenate([block.rows for block in flips.blocks()])

    sampled, exact = signs(Flips(77, 90, 5)), signs(Flips(6, 90, 5))
    assert set(np.unique(sampled)) == {-1.0, 1.0}
    assert len(exact) == 64
    assert len(np.unique(exact, axis=0)) == 64
    monkeypatch.setattr(resample, "BLOCK_BYTES", 8 * 77 * 4)
    assert np.array_equal(signs(Flips(77, 90, 5)), sampled)
    assert np.array_equal(signs(Flips(6, 90, 5)), exact)


def counts_of(truth: np.ndarray, predicted: np.ndarray, ids: np.ndarray) -> CountStatistic:
    parts = np.concatenate([truth & predicted, ~truth & predicted, truth & ~predicted], axis=1).astype(float)
    matrix = np.stack([parts[ids == family].sum(axis=0) for family in np.unique(ids)], axis=1)
    return CountStatistic(sp.csr_array(matrix), lambda totals: macro_f1(*np.split(totals, 3, axis=-1)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_swapping_counts_is_swapping_the_predictions_of_families(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count = 6
    ids = np.concatenate([np.arange(count), generator.integers(0, count, 8)])
    truth = generator.random((len(ids), 4)) < 0.4
    first, second = truth ^ (generator.random((2, len(ids), 4)) < 0.3)
    p = swap_test([[counts_of(truth, first, ids)], [counts_of(truth, second, ids)]], PAIR, Flips(count, 100, 0))

    def difference(swapped: np.ndarray) -> float:
        mine = np.where(swapped[ids][:, None], second, first)
        other = np.where(swapped[ids][:, None], first, second)
        return float(macro_f1(*label_counts(truth, mine)) - macro_f1(*label_counts(truth, other)))

    observed = abs(difference(np.zeros(count, dtype=bool)))
    every = [abs(difference(np.array(swap))) for swap in itertools.product((False, True), repeat=count)]
    assert p[0] == pytest.approx(np.mean(np.array(every) >= observed - 1e-9))


def test_a_mean_over_label_sets_is_swapped_in_all_of_them_at_once() -> None:
    generator = np.random.default_rng(1)
    ids = np.arange(40)
    truth = generator.random((40, 4)) < 0.4
    good, bad = truth ^ (generator.random((40, 4)) < 0.1), truth ^ (generator.random((40, 4)) < 0.4)
    one, other = counts_of(truth, good, ids), counts_of(truth, bad, ids)
    flips = Flips(40, 2000, 0)
    assert swap_test([[one, one], [other, other]], PAIR, flips)[0] == swap_test([[one], [other]], PAIR, flips)[0]
    assert swap_test([[one], [other]], PAIR, flips)[0] == pytest.approx(1 / 2001)


def test_nothing_to_flip_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Flips(0, 100, 0)


@pytest.mark.parametrize("families", range(2, 14))
def test_wilcoxon_with_ties_and_zeros_is_scipys_over_all_sign_flips(families: int) -> None:
    rng = np.random.default_rng(families)
    values = rng.integers(-2, 3, (families, 4)) / 4.0
    pairs = np.array([(a, b) for a in range(4) for b in range(a)])
    found = paired_tests(values, group_families(np.arange(families)), pairs)
    for row, (a, b) in enumerate(pairs):
        difference = values[:, a] - values[:, b]
        wanted = stats.wilcoxon(difference).pvalue if difference.any() else 1.0
        assert found.p_wilcoxon[row] == wanted


@pytest.mark.parametrize("held", [1, 500, 1 << 15])
def test_pairs_of_many_systems_are_tested_as_each_pair_by_itself(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "CACHED_TOTALS", held)
    generator, ids = np.random.default_rng(4), np.repeat(np.arange(15), 2)
    truth = generator.random((30, 3)) < 0.4
    systems = [[counts_of(truth, truth ^ (generator.random((30, 3)) < at / 10), ids)] * 2 for at in range(1, 6)]
    pairs = np.array([[b, a] for a in range(5) for b in range(a)])
    flips = Flips(15, 300, 8)
    alone = [swap_test([systems[a], systems[b]], PAIR, flips)[0] for a, b in pairs]
    assert len(set(alone)) > 5
    assert swap_test(systems, pairs, flips).tolist() == alone
