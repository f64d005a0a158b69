"""Intervals: equal to scipy's where scipy has them, and covering where the plain percentile interval does not."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patray.measures.classification import label_counts, macro_f1
from patray.measures.clustering import agreement_of_cells, cells_of
from patray.statistics.bootstrap import (
    CountStatistic,
    MeanStatistic,
    count_matrix,
    interval,
    jackknife_error,
    shift_p,
    tail,
)
from patray.statistics.ratio import DropStatistic, relative_drop
from patray.statistics.resample import Drawn, Families, bootstrap_weights, group_families, leave_out, recompute


def replicates_of(values: np.ndarray, families: Families, resamples: int = 10_000) -> np.ndarray:
    statistic = MeanStatistic.of(values, families)
    return recompute(bootstrap_weights(families.count, resamples, 0), [statistic])[0]


@pytest.mark.parametrize("n", [25, 400])
def test_intervals_of_means_are_scipys_percentile_intervals_at_the_widened_level(n: int) -> None:
    values = np.random.default_rng(1).beta(0.4, 1.0, (n, 3))
    families = group_families(np.arange(n))
    low, high = interval(replicates_of(values, families), values.mean(axis=0), n)
    level = 1 - 2 * tail(0.95, n)
    theirs = stats.bootstrap(
        (values.T,), np.mean, axis=-1, n_resamples=10_000, confidence_level=level, method="percentile", rng=9
    )
    error = values.std(axis=0) / np.sqrt(n)
    # Monte-Carlo error of a 2.5% quantile from 10,000 draws is 0.027 standard errors; four of the difference of two.
    assert np.abs(low - theirs.confidence_interval.low).max() < 4 * 0.038 * error.max()
    assert np.abs(high - theirs.confidence_interval.high).max() < 4 * 0.038 * error.max()
    assert replicates_of(values, families).std(axis=0) == pytest.approx(theirs.standard_error, rel=0.05)


def test_the_widened_tail_is_the_normal_tail_for_many_families_and_thinner_for_few() -> None:
    assert tail(0.95, 10**7) == pytest.approx(0.025, rel=1e-4)
    assert tail(0.90, 10**7) == pytest.approx(0.05, rel=1e-4)
    tails = [tail(0.95, count) for count in (2, 5, 10, 50, 1000)]
    assert tails == sorted(tails)
    # Hesterberg 2015, n = 20: 0.0159 instead of 0.025, from t with 19 degrees of freedom.
    assert tail(0.95, 20) == pytest.approx(stats.norm.cdf(-np.sqrt(20 / 19) * stats.t.ppf(0.975, 19)))


def test_intervals_by_family_are_as_wide_as_the_number_of_families_allows() -> None:
    generator = np.random.default_rng(3)
    ids = np.repeat(np.arange(100), 4)
    values = np.repeat(generator.random((100, 1)), 4, axis=0)
    by_family = group_families(ids)
    by_item = group_families(np.arange(400))
    wide = replicates_of(values, by_family).std(axis=0)
    narrow = replicates_of(values, by_item).std(axis=0)
    assert wide / narrow == pytest.approx(2.0, rel=0.05)


def test_the_jackknife_error_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).random((60, 2))
    statistic = MeanStatistic.of(values, group_families(np.arange(60)))
    (left_out,) = recompute([leave_out(60)], [statistic])
    assert jackknife_error(left_out) == pytest.approx(stats.sem(values))
    assert np.isnan(jackknife_error(left_out[:1])).all()


def testfitted_replicates_have_the_estimate_as_mean_and_the_given_error_as_spread() -> None:
    replicates = np.random.default_rng(0).normal(0.7, 0.1, (20_000, 1))
    low, high = interval(replicates, np.array([0.5]), 10**6, error=np.array([0.2]))
    assert (low[0], high[0]) == pytest.approx((0.5 - 1.96 * 0.2, 0.5 + 1.96 * 0.2), abs=0.01)
    low, high = interval(np.full((50, 1), 0.7), np.array([0.5]), 10**6, error=np.array([0.0]))
    assert (low[0], high[0]) == pytest.approx((0.5, 0.5))


def test_one_family_or_too_many_undefined_resamples_have_no_interval() -> None:
    replicates = np.random.default_rng(0).random((1000, 2))
    assert np.isnan(interval(replicates, np.array([0.5, 0.5]), 1)).all()
    replicates[:11, 0] = np.nan
    replicates[:10, 1] = np.nan
    low, high = interval(replicates, np.array([0.5, 0.5]), 100)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < 0.1 < 0.9 < high[1]
    for error in (0.3, np.nan):
        errors = np.array([0.3, error])
        missing = [True, np.isnan(error)]
        assert np.isnan(shift_p(replicates, np.array([0.5, 0.5]), errors)).tolist() == missing
        assert np.isnan(interval(replicates, np.array([0.5, 0.5]), 100, error=errors)[0]).tolist() == missing


def test_the_shift_p_of_a_mean_is_the_p_of_a_z_test() -> None:
    generator = np.random.default_rng(5)
    values = generator.normal(0.1, 1.0, (500, 4))
    estimate = values.mean(axis=0)
    error = stats.sem(values)
    p = shift_p(replicates_of(values, group_families(np.arange(500)), 20_000), estimate, error)
    expected = 2 * stats.norm.sf(np.abs(estimate) / error)
    assert p == pytest.approx(expected, abs=0.015)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_f1_of_a_resample_is_f1_of_the_items_that_were_drawn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n, width = 30, 5
    truth, predicted = generator.random((2, n, width)) < 0.3
    families = group_families(generator.integers(0, 12, n))
    parts = (truth & predicted, ~truth & predicted, truth & ~predicted)
    cells = np.concatenate([kind * width + np.nonzero(part)[1] for kind, part in enumerate(parts)])
    drawn = np.concatenate([families.index[np.nonzero(part)[0]] for part in parts])
    matrix = count_matrix(cells, drawn, (3 * width, families.count))
    statistic = CountStatistic(matrix, lambda totals: macro_f1(*np.split(totals, 3, axis=-1)))
    (weights,) = bootstrap_weights(families.count, 20, seed)
    for row, value in zip(weights.rows, statistic(weights), strict=True):
        items = np.repeat(np.arange(n), row[families.index].astype(int))
        expected = macro_f1(*label_counts(truth[items], predicted[items]))
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def clustered(generator: np.random.Generator, n: int, kinds: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes, and clusters that agree with them for a share of the items."""
    classes = generator.integers(0, kinds, n)
    return classes, np.where(generator.random(n) < share, classes, generator.integers(0, kinds, n))


def test_a_v_measure_of_many_clusters_lies_in_its_fitted_interval_and_outside_the_plain_one() -> None:
    """The reason for fitting; the coverage of both is measured in benchmarks/coverage.py."""
    n, kinds = 300, 20
    inside_plain = insidefitted = 0
    expected = np.mean(
        [v_measure(*clustered(np.random.default_rng(seed), n, kinds, 0.5)) for seed in range(1000, 1400)]
    )
    for seed in range(60):
        classes, clusters = clustered(np.random.default_rng(seed), n, kinds, 0.5)
        cell_class, cell_cluster, item_cell = cells_of(classes, clusters)
        matrix = count_matrix(item_cell, np.arange(n), (len(cell_class), n))
        statistic = CountStatistic(
            matrix, lambda c, a=cell_class, b=cell_cluster: agreement_of_cells(c, a, b)["V-measure"]
        )
        (replicates,) = recompute(bootstrap_weights(n, 400, seed), [statistic])
        (left_out,) = recompute([leave_out(n)], [statistic])
        estimate = statistic(Drawn(np.ones((1, n))))
        low, high = interval(replicates[:, None], estimate, n)
        inside_plain += int(low[0] <= expected <= high[0])
        low, high = interval(replicates[:, None], estimate, n, error=jackknife_error(left_out[:, None]))
        insidefitted += int(low[0] <= expected <= high[0])
    assert insidefitted >= 0.9 * 60
    assert inside_plain <= 0.3 * 60


def v_measure(classes: np.ndarray, clusters: np.ndarray) -> float:
    cell_class, cell_cluster, item_cell = cells_of(classes, clusters)
    counts = np.bincount(item_cell, minlength=len(cell_class)).astype(float)
    return float(agreement_of_cells(counts, cell_class, cell_cluster)["V-measure"])


def test_the_drop_is_recomputed_from_both_means_on_joint_draws() -> None:
    generator = np.random.default_rng(6)
    inside_items, outside_items = np.arange(0, 80), np.arange(50, 120)
    values = generator.random(120)
    single = group_families(np.arange(120))

    def part(items: np.ndarray) -> MeanStatistic:
        holds = np.zeros(120)
        holds[items] = 1.0
        return MeanStatistic((values * holds)[:, None], holds)

    statistic = DropStatistic(part(inside_items), part(outside_items))
    (weights,) = bootstrap_weights(single.count, 30, 0)
    for row, value in zip(weights.rows, statistic(weights)[:, 0], strict=True):
        mean_in = np.average(values[inside_items], weights=row[inside_items])
        mean_out = np.average(values[outside_items], weights=row[outside_items])
        assert value == pytest.approx(1 - mean_out / mean_in)


def test_a_drop_from_nothing_has_no_value() -> None:
    assert np.isnan(relative_drop(np.array([0.0]), np.array([0.3])))[0]
    assert relative_drop(np.array([0.4]), np.array([0.1]))[0] == pytest.approx(0.75)


def test_count_matrices_count() -> None:
    matrix = count_matrix(np.array([0, 0, 2, 0]), np.array([1, 1, 0, 2]), (3, 3))
    assert isinstance(matrix, sp.csr_array)
    assert matrix.toarray().tolist() == [[0, 2, 1], [0, 0, 0], [1, 0, 0]]


def test_counts_too_large_for_float32_are_kept_in_float64() -> None:
    assert count_matrix(np.zeros(3, int), np.zeros(3, int), (1, 1000)).dtype == np.float32
    assert count_matrix(np.zeros(3, int), np.zeros(3, int), (1, 2**24 // 3 + 1)).dtype == np.float64
