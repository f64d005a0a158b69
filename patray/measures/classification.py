"""F1 of multi-label predictions, from summed counts, so that a resample needs sums and nothing else."""

from __future__ import annotations

import numpy as np


def label_counts(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, false positives and false negatives per label.

    truth, predicted (n, L) bool. weights (..., n): how often each item counts, such as how often a bootstrap drew it;
    the counts are then (..., L) float64. Without weights they are (L,) float64.
    """
    parts = (truth & predicted, ~truth & predicted, truth & ~predicted)
    if weights is None:
        tp, fp, fn = (part.sum(axis=0, dtype=np.float64) for part in parts)
    else:
        tp, fp, fn = (np.asarray(weights, np.float64) @ part.astype(np.float64) for part in parts)
    return tp, fp, fn


FREQUENT, RARE = 100, 20
BANDS = ("head", "middle", "tail")


def frequency_bands(seen: np.ndarray) -> np.ndarray:
    """Say which labels are common and which rare: (L,) of BANDS, from how many train patents have each, (L,) integers.

    frequency_bands([300, 100, 20, 19]) is head, middle, middle, tail: over 100, 20 to 100, under 20. The cuts are
    those of many-, medium- and few-shot classes (Liu et al. 2019, doi:10.1109/CVPR.2019.00264), fixed so that a band
    means the same on every landscape.
    """
    return np.array(BANDS, dtype=object)[np.where(seen > FREQUENT, 0, np.where(seen >= RARE, 1, 2))]


def f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """2 tp / (2 tp + fp + fn), elementwise float64; nan where a label was neither true nor predicted."""
    denominator = 2.0 * np.asarray(tp) + fp + fn
    return np.divide(2.0 * np.asarray(tp), denominator, out=np.full(denominator.shape, np.nan), where=denominator > 0)


def macro_f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Mean F1 of the labels: (..., L) counts to (...,) float64.

    A label that was neither true nor predicted is left out of the mean (scikit-learn's zero_division=nan), not counted
    as 0 or 1; nan when that leaves none.
    """
    values = f1(tp, fp, fn)
    defined = ~np.isnan(values)
    n_defined = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return np.divide(total, n_defined, out=np.full(total.shape, np.nan), where=n_defined > 0)


def micro_f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """F1 of the counts summed over labels: (..., L) counts to (...,) float64."""
    return f1(np.sum(tp, axis=-1), np.sum(fp, axis=-1), np.sum(fn, axis=-1))
