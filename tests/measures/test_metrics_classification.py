import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score

from patray.measures.classification import f1, label_counts, macro_f1, micro_f1

shapes = st.tuples(st.integers(1, 12), st.integers(2, 5))
predictions = shapes.flatmap(lambda shape: st.tuples(*[hnp.arrays(bool, shape)] * 2))


@settings(max_examples=120, deadline=None)
@given(predictions)
def test_f1_equals_scikit_learn_with_undefined_labels_left_out(pair):
    truth, predicted = pair
    counts = label_counts(truth, predicted)
    for average, found in ((None, f1(*counts)), ("macro", macro_f1(*counts)), ("micro", micro_f1(*counts))):
        expected = f1_score(truth, predicted, average=average, zero_division=np.nan)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(predictions, st.integers(0, 2**32 - 1))
def test_a_weight_is_how_often_an_item_was_drawn(pair, seed):
    truth, predicted = pair
    n = len(truth)
    drawn = np.random.default_rng(seed).integers(0, n, (4, n))
    weights = np.stack([np.bincount(row, minlength=n) for row in drawn])
    counts = label_counts(truth, predicted, weights)
    assert counts[0].shape == (4, truth.shape[1])
    for b, row in enumerate(drawn):
        expected = f1_score(truth[row], predicted[row], average="macro", zero_division=np.nan)
        np.testing.assert_allclose(macro_f1(*counts)[b], expected, rtol=0, atol=1e-12)
        expected = f1_score(truth[row], predicted[row], average="micro", zero_division=np.nan)
        np.testing.assert_allclose(micro_f1(*counts)[b], expected, rtol=0, atol=1e-12)


def test_an_undefined_label_is_neither_zero_nor_one():
    truth = np.array([[1, 0], [1, 0], [0, 0]], bool)
    predicted = np.array([[1, 0], [0, 0], [0, 0]], bool)
    counts = label_counts(truth, predicted)
    assert macro_f1(*counts) == pytest.approx(2 / 3)
    assert np.isnan(f1(*counts)[1])


def test_nothing_true_and_nothing_predicted_has_no_value():
    counts = label_counts(np.zeros((3, 2), bool), np.zeros((3, 2), bool))
    assert np.isnan(macro_f1(*counts))
    assert np.isnan(micro_f1(*counts))
