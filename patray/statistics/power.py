"""What a comparison could have seen, so that "no difference" is never confused with "too few queries"."""

from __future__ import annotations

import numpy as np
from scipy import special


def smallest_detectable(
    standard_error: np.ndarray, comparisons: int = 1, alpha: float = 0.05, power: float = 0.8
) -> np.ndarray:
    """The true difference that a two-sided test would find with the given power: (z_{1-a/(2m)} + z_power) SE.

    standard_error: of the difference, any shape. comparisons: m, the size of the declared family; a/m is what Holm asks
    of the smallest p, so the result is conservative for the others. Normal approximation (Cohen 1988, chapter 2).
    """
    reach = -special.ndtri(alpha / (2.0 * comparisons)) + power_reach(power)
    return np.asarray(standard_error, dtype=np.float64) * reach


def power_reach(power: float = 0.8) -> float:
    """Standard errors beyond a test's critical value at which it finds a true difference with the given power."""
    return float(special.ndtri(power))
