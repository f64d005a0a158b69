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
    hits, both = _f1_parts(tp, fp, fn)
    return ratio(2.0 * hits, both)


def macro_f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Mean F1 of the labels: (..., L) counts to (...,) float64.

    A label that was neither true nor predicted is left out of the mean (scikit-learn's zero_division=nan), not counted
    as 0 or 1; nan when that leaves none.
    """
    return macro_f1_of(*_f1_parts(tp, fp, fn))


def macro_f1_of(hits: np.ndarray, both: np.ndarray) -> np.ndarray:
    """`macro_f1` of tp and 2 tp + fp + fn, (..., L) each, which may be totals themselves: (...,) float64."""
    defined = both > 0
    values = np.divide(2.0 * hits, both, out=np.zeros(both.shape), where=defined)
    return ratio(values.sum(axis=-1), np.count_nonzero(defined, axis=-1))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, elementwise float64; nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def micro_f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """F1 of the counts summed over labels: (..., L) counts to (...,) float64."""
    return f1(np.sum(tp, axis=-1), np.sum(fp, axis=-1), np.sum(fn, axis=-1))


def _f1_parts(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """tp and 2 tp + fp + fn in float64."""
    hits = np.asarray(tp, np.float64)
    return hits, 2.0 * hits + fp + fn
