import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, v_measure_score

from patray.measures.clustering import agreement, agreement_of_cells, cells_of

ORACLES = {"V-measure": v_measure_score, "ARI": adjusted_rand_score, "NMI": normalized_mutual_info_score}


@st.composite
def partitions(draw):
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = rng.integers(0, draw(st.integers(1, 8)), n)
    clusters = rng.integers(0, draw(st.integers(1, 8)), n)
    return classes, np.where(rng.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0])), classes, clusters)


def table_of(classes, clusters):
    table = np.zeros((classes.max() + 1, clusters.max() + 1))
    np.add.at(table, (classes, clusters), 1)
    return table


@settings(max_examples=150, deadline=None)
@given(partitions())
def test_every_measure_equals_scikit_learn_in_both_forms(partition):
    classes, clusters = partition
    cell_class, cell_cluster, item_cell = cells_of(classes, clusters)
    dense = agreement(table_of(classes, clusters))
    sparse = agreement_of_cells(np.bincount(item_cell), cell_class, cell_cluster)
    for name, oracle in ORACLES.items():
        expected = oracle(classes, clusters)
        assert dense[name] == pytest.approx(expected, abs=1e-12), name
        assert sparse[name] == pytest.approx(expected, abs=1e-12), name


@settings(max_examples=40, deadline=None)
@given(partitions(), st.integers(0, 2**32 - 1))
def test_resamples_measured_together_equal_scikit_learn_on_each(partition, seed):
    classes, clusters = partition
    n = len(classes)
    drawn = np.random.default_rng(seed).integers(0, n, (2, 3, n))
    cell_class, cell_cluster, item_cell = cells_of(classes, clusters)
    counts = np.apply_along_axis(lambda row: np.bincount(item_cell[row], minlength=len(cell_class)), -1, drawn)
    shuffled = np.random.default_rng(seed).permutation(len(cell_class))
    found = agreement_of_cells(counts[..., shuffled].astype(float), cell_class[shuffled], cell_cluster[shuffled])
    for name, oracle in ORACLES.items():
        assert found[name].shape == (2, 3)
        for at in np.ndindex(2, 3):
            assert found[name][at] == pytest.approx(oracle(classes[drawn[at]], clusters[drawn[at]]), abs=1e-12), name


def test_weights_need_not_be_whole_numbers_and_scale_does_not_change_information():
    table = np.array([[0.1, 0.7], [0.3, 0.2]])
    assert agreement(table)["V-measure"] == pytest.approx(agreement(table * 30)["V-measure"], abs=1e-12)


def test_one_class_in_several_clusters_shares_exactly_nothing():
    table = np.zeros((50, 5, 40))
    table[:, 2] = np.random.default_rng(0).integers(1, 9, (50, 40))
    found = agreement(table)
    assert (found["V-measure"] == 0.0).all()
    assert (found["ARI"] == 0.0).all()


def test_a_resample_that_drew_nothing_has_no_value():
    found = agreement(np.stack([np.zeros((2, 2)), np.eye(2)]))
    assert np.isnan([found[name][0] for name in ORACLES]).all()
    assert [found[name][1] for name in ORACLES] == [1.0, 1.0, 1.0]
