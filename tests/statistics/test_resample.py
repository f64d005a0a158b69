"""Resamples are drawn by family, are the same for everyone who asks, and fit in memory."""

import numpy as np
import pytest
import scipy.sparse as sp

from patray.errors import InputError
from patray.statistics import resample
from patray.statistics.bootstrap import MeanStatistic
from patray.statistics.resample import bootstrap_weights, group_families, leave_out, recompute


def rows(families: int, resamples: int, seed: int) -> np.ndarray:
    return np.concatenate([weights.rows for weights in bootstrap_weights(families, resamples, seed)])


def test_families_are_numbered_by_their_sorted_ids_and_hold_every_item() -> None:
    families = group_families(np.array(["f2", "f1", "f2", "f3"]))
    assert families.index.tolist() == [1, 0, 1, 2]
    assert families.sizes.tolist() == [1, 2, 1]
    assert (families.count, families.items) == (3, 4)
    assert families.sums(np.array([1.0, 10.0, 100.0, 1000.0])).tolist() == [10.0, 101.0, 1000.0]
    assert families.sums(np.arange(8.0).reshape(4, 2)).tolist() == [[2.0, 3.0], [4.0, 6.0], [6.0, 7.0]]


def test_a_resample_draws_as_many_families_as_there_are() -> None:
    counts = rows(37, 500, 3)
    assert counts.shape == (500, 37)
    assert (counts.sum(axis=1) == 37).all()
    # Multinomial with equal shares: mean 1, variance 1 - 1/F.
    assert counts.mean() == pytest.approx(1.0)
    assert counts.var() == pytest.approx(1 - 1 / 37, abs=0.03)


def test_draws_depend_on_the_seed_and_the_families_and_not_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    once = rows(501, 300, 5)
    monkeypatch.setattr(resample, "BLOCK_BYTES", 501 * 8 * 7)
    assert resample.block_size(501) == 7
    assert np.array_equal(rows(501, 300, 5), once)
    assert not np.array_equal(rows(501, 300, 6), once)


def test_items_of_one_family_always_come_together() -> None:
    generator = np.random.default_rng(0)
    ids = generator.integers(0, 12, 40)
    families = group_families(ids)
    values = generator.random((40, 3))
    (means,) = recompute(bootstrap_weights(families.count, 50, 1), [MeanStatistic.of(values, families)])
    counts = rows(families.count, 50, 1)
    for row, mean in zip(counts, means, strict=True):
        items = np.repeat(np.arange(40), row[families.index].astype(int))
        assert mean == pytest.approx(values[items].mean(axis=0), abs=1e-12)


def test_all_statistics_see_the_same_draws() -> None:
    families = group_families(np.arange(30))
    values = np.random.default_rng(2).random((30, 2))
    both = recompute(bootstrap_weights(30, 40, 0), [MeanStatistic.of(values, families)] * 2)
    alone = recompute(bootstrap_weights(30, 40, 0), [MeanStatistic.of(values[:, :1], families)])
    assert np.array_equal(both[0], both[1])
    assert both[0][:, 0] == pytest.approx(alone[0][:, 0], abs=1e-14)


def test_a_sparse_matrix_gives_the_totals_of_a_dense_one() -> None:
    matrix = np.random.default_rng(4).integers(0, 3, (5, 20)).astype(float)
    (weights,) = bootstrap_weights(20, 15, 0)
    assert np.array_equal(weights.totals(sp.csr_array(matrix)), weights.totals(matrix.T.copy()))


def test_leaving_out_is_the_total_without_each_family_dense_or_sparse() -> None:
    matrix = np.random.default_rng(4).integers(0, 3, (20, 5)).astype(float)
    expected = np.stack([np.delete(matrix, family, axis=0).sum(axis=0) for family in range(20)])
    assert np.array_equal(leave_out(20).totals(matrix), expected)
    assert np.array_equal(leave_out(20).totals(sp.csr_array(matrix.T)), expected)


def test_many_families_are_left_out_by_groups_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "JACKKNIFE_GROUPS", 7)
    totals = leave_out(20).totals(np.eye(20))
    assert totals.shape == (7, 20)
    assert (totals.sum(axis=0) == 6).all()


@pytest.mark.parametrize(("families", "resamples"), [(0, 10), (10, 0)])
def test_nothing_to_draw_is_refused(families: int, resamples: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        list(bootstrap_weights(families, resamples, 0))
