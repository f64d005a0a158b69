"""How far a mean would move with other queries and with other seeds (or prompts): variance in two crossed parts.

Every query meets every seed, so value[q, s] = mean + query[q] + seed[s] + rest[q, s]: crossed random effects of a
balanced design, estimated by the mean squares of a two-way analysis of variance without replication (the method of
moments; Searle, Casella and McCulloch 1992, Variance Components, chapter 4), which is what REML gives where no part
is at zero. An interval over queries alone says nothing of another training; with 3 seeds the honest one is wide.

    crossed(values)          where the metric is a mean of items
    crossed(pseudo_values)   any other: what each family adds by the jackknife (`pseudo_values`)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.errors import InputError

FEWEST = 3
"""Seeds that an interval over seeds needs: with two it fails in 7% of cases where seeds decide, and says little."""


@dataclass(frozen=True)
class Components:
    """Variances of one value: items (between queries), draws (between seeds or prompts), rest (query by seed).

    n, k: queries and seeds. error_items, error_draws: the standard errors of the mean over both that other queries,
    and other seeds, would cause; error_items holds the rest. low, high: interval of the mean over both, nan with
    k < FEWEST.
    """

    n: int
    k: int
    items: float
    draws: float
    rest: float
    error_items: float
    error_draws: float
    low: float
    high: float


def crossed(values: np.ndarray, estimate: float | None = None, level: float = 0.95) -> Components:
    """Split the variance of values (n, k) float64, n queries by k seeds; crossed([[1, 2], [3, 5]]) has n 2, k 2.

    estimate: the middle of the interval; the mean of the values by default. A component that comes out negative is 0.
    The interval's half width squared is t[n-1]^2 error_items^2 + t[k-1]^2 error_draws^2, each error with its own t
    (as Zou and Donner 2008, doi:10.1002/sim.3095, join two intervals): Satterthwaite's single t, measured beside it, is
    too narrow at 3 seeds (`benchmarks/coverage.py`). Raises InputError for fewer than 2 queries or seeds.
    """
    from scipy import stats

    n, k = values.shape
    if n < 2 or k < 2:
        raise InputError(f"variance components of {n} items and {k} draws: both must be at least 2")
    mean = float(values.mean())
    of_items, of_draws = values.mean(axis=1), values.mean(axis=0)
    left = values - of_items[:, None] - of_draws + mean
    rest = float(np.sum(left * left)) / ((n - 1) * (k - 1))
    square_items, square_draws = k * float(of_items.var(ddof=1)), n * float(of_draws.var(ddof=1))
    error_items, error_draws = square_items / (n * k), max(square_draws - rest, 0.0) / (n * k)
    tail = (1.0 - level) / 2.0
    reach_items, reach_draws = (float(stats.t.isf(tail, count - 1)) for count in (n, k))
    half = np.sqrt(reach_items**2 * error_items + reach_draws**2 * error_draws) if k >= FEWEST else np.nan
    middle = mean if estimate is None else estimate
    return Components(
        n=n,
        k=k,
        items=max((square_items - rest) / k, 0.0),
        draws=max((square_draws - rest) / n, 0.0),
        rest=rest,
        error_items=float(np.sqrt(error_items)),
        error_draws=float(np.sqrt(error_draws)),
        low=float(middle - half),
        high=float(middle + half),
    )


def pseudo_values(estimates: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """What each of G groups of families adds to statistics (k,) by the jackknife: (G, k), G all - (G - 1) without it.

    left_out (G, k): the statistics without each group (Tukey 1958). Of a mean over single items these are its values.
    """
    groups = len(left_out)
    return groups * estimates - (groups - 1) * left_out
