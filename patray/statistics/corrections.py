"""Adjusted p-values of a declared family of comparisons. A comparison without a p (nan) is no member of the family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from patray.errors import InputError

METHODS = ("auto", "max-t", "holm", "benjamini-hochberg")
SMALL = 50
"""Comparisons up to which `auto` is Holm: at 10,000 flips its smallest adjusted p is then at most 0.005."""


def procedure(method: str, comparisons: int) -> str:
    """What corrects a family of so many comparisons: `auto` is Holm for a small one and max-T for a larger one.

    procedure("auto", 506) is "max-t". Raises InputError for a method that is none of METHODS.
    """
    if method not in METHODS:
        raise InputError(f"correction {method!r}: no such correction; allowed are {', '.join(METHODS)}")
    return method if method != "auto" else "holm" if comparisons <= SMALL else "max-t"


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment (Holm 1979): controls the chance of any false finding, whatever the dependence.

    p (m,) in [0, 1] or nan; returns (m,) float64, nan where p is.
    """
    return _adjust(p, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg 1995: controls the expected share of false findings among the findings.

    Valid for independent or positively dependent tests. p (m,) in [0, 1] or nan; returns (m,), nan where p is.
    """

    def step_up(ordered: np.ndarray) -> np.ndarray:
        scaled = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
        return np.minimum.accumulate(scaled[::-1])[::-1]

    return _adjust(p, step_up)


def adjust(p: np.ndarray, method: str) -> np.ndarray:
    """p adjusted by `holm` or `benjamini-hochberg`, which see nothing but p. Raises InputError for any other."""
    if method == "holm":
        return holm(p)
    if method == "benjamini-hochberg":
        return benjamini_hochberg(p)
    raise InputError(f"correction {method!r} of p-values alone: allowed are holm, benjamini-hochberg")


def _adjust(p: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    if np.any((p[known] < 0) | (p[known] > 1)):
        raise InputError("p-values must lie in [0, 1]")
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(scale(p[order]), 1.0)
    return adjusted
