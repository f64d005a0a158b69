"""How far judges agree, beyond chance: Krippendorff's alpha for any number of them, Cohen's kappa for two.

Krippendorff 2011, Computing Krippendorff's alpha-reliability;
Cohen 1960, doi:10.1177/001316446002000104 (scikit-learn's).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """alpha: 1 full agreement, 0 that of chance, nan where it cannot be told. kappa: of two judges, else nan.

    pairs: pairs that two judges or more graded; same: the share of these on which all agree.
    """

    alpha: float
    kappa: float
    pairs: int
    same: float


def agreement(grades: np.ndarray) -> Agreement:
    """Of grades (J, N) float64, nan where a judge gave none; they are ordered, so a near miss counts less."""
    several = grades[:, (~np.isnan(grades)).sum(axis=0) > 1]
    if several.shape[1] == 0:
        return Agreement(np.nan, np.nan, 0, np.nan)
    same = float(np.mean(np.nanmax(several, axis=0) == np.nanmin(several, axis=0)))
    return Agreement(alpha(grades), _kappa(grades), several.shape[1], same)


def alpha(grades: np.ndarray, ordinal: bool = True) -> float:
    """Krippendorff's alpha of grades (J, N), nan missing; ordinal, or nominal. nan where only one grade was given."""
    values = np.unique(grades[~np.isnan(grades)])
    counts = np.stack([(grades == value).sum(axis=0) for value in values]) if len(values) else np.zeros((0, 0))
    counts = counts[:, counts.sum(axis=0) > 1].astype(np.float64)
    if len(values) < 2 or counts.shape[1] == 0:
        return float("nan")
    weights = 1.0 / (counts.sum(axis=0) - 1.0)
    coincidences = (counts * weights) @ counts.T - np.diag((counts * weights).sum(axis=1))
    totals = coincidences.sum(axis=1)
    if ordinal:
        upto = np.cumsum(totals) - totals / 2.0
        distance = (upto[:, None] - upto[None, :]) ** 2
    else:
        distance = 1.0 - np.eye(len(values))
    expected = (np.outer(totals, totals) * distance).sum()
    if not expected:
        return float("nan")
    return float(1.0 - (totals.sum() - 1.0) * (coincidences * distance).sum() / expected)


def _kappa(grades: np.ndarray) -> float:
    """Cohen's kappa of two judges on what both graded, weighted by the square of the distance of grades."""
    if len(grades) != 2:
        return float("nan")
    both = ~np.isnan(grades).any(axis=0)
    if len(np.unique(grades[:, both])) < 2:
        return float("nan")
    from sklearn.metrics import cohen_kappa_score

    first, second = grades[:, both].astype(np.int64)
    return float(cohen_kappa_score(first, second, weights="quadratic"))
