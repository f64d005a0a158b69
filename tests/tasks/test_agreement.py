"""The fast sums give the agreement that metrics and scikit-learn compute from the table, on every resample."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, v_measure_score

from patray.measures.clustering import agreement_of_cells, cells_of
from patray.measures.definitions import AGREEMENT
from patray.statistics.resample import Drawn, bootstrap_weights, group_families, leave_out
from patray.tasks.agreement import agreement_statistic


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 8), st.integers(1, 8))
@example(0, 5, 1, 1)
@example(0, 5, 1, 4)
@example(0, 5, 4, 1)
def test_every_resample_has_the_agreement_of_its_table(seed: int, count: int, kinds: int, groups: int) -> None:
    generator = np.random.default_rng(seed)
    classes, clusters = generator.integers(0, kinds, count), generator.integers(3, 3 + groups, count)
    families = group_families(generator.integers(0, max(count // 2, 1), count))
    statistic = agreement_statistic(classes, clusters, families)
    cell_class, cell_cluster, item_cell = cells_of(classes, clusters)
    (weights,) = bootstrap_weights(families.count, 30, seed)
    counts = np.stack([np.bincount(item_cell, row[families.index], minlength=len(cell_class)) for row in weights.rows])
    expected = agreement_of_cells(counts, cell_class, cell_cluster)
    for column, name in enumerate(AGREEMENT):
        assert statistic(weights)[:, column] == pytest.approx(expected[name], abs=1e-10)


def test_the_data_themselves_have_scikit_learns_agreement() -> None:
    generator = np.random.default_rng(1)
    classes, clusters = generator.integers(0, 5, 300), generator.integers(0, 6, 300)
    statistic = agreement_statistic(classes, clusters, group_families(np.arange(300)))
    theirs = [
        oracle(classes, clusters) for oracle in (v_measure_score, adjusted_rand_score, normalized_mutual_info_score)
    ]
    assert statistic(Drawn(np.ones((1, 300))))[0] == pytest.approx(theirs, abs=1e-12)


def test_a_resample_without_items_has_no_agreement() -> None:
    statistic = agreement_statistic(np.array([0, 0]), np.array([1, 2]), group_families(np.array([7, 7])))
    assert np.isnan(statistic(leave_out(1))).all()
