"""How sure a choice is: the interval of the option that is best, when the items it was picked on are drawn again."""

from __future__ import annotations

import numpy as np

from patray.statistics.bootstrap import TIE, MeanStatistic
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.resample import Families, bootstrap_weights, recompute


def best_option(means: np.ndarray, options: np.ndarray) -> np.ndarray:
    """Position (b,) of the best of options (W,) for each row of means (b, W).

    Of equals (within 1e-12) the one nearest the middle of the options, and of two equally near the one given first.
    """
    middle = (options.min() + options.max()) / 2
    equal = means >= means.max(axis=1, keepdims=True) - TIE
    distance = np.where(equal, np.round(np.abs(options - middle), 12), np.inf)
    return np.argmin(distance, axis=1)


def choice_interval(
    values: np.ndarray,
    families: Families,
    options: np.ndarray,
    draws: Draws = DEFAULT_DRAWS,
) -> tuple[float, float]:
    """Ends of the percentile interval of the chosen option, each one of options (W,) float64.

    values (n, W) float64: what each option gives each item; the choice is by the mean over items. Families are drawn
    with replacement and the choice is made again on each of the resamples, so the interval holds the options that
    another sample of such items would have led to. A choice is not a smooth function of the data: no correction of
    `bootstrap.interval` applies, and with few families it is too narrow. Both nan with one family.
    """
    if families.count < 2:
        return float("nan"), float("nan")
    statistic = MeanStatistic.of(values, families)
    (means,) = recompute(bootstrap_weights(families.count, draws.resamples, draws.seed), [statistic])
    chosen = options[best_option(means, options)]
    share = (1 - draws.level) / 2
    low, high = np.quantile(chosen, [share, 1 - share], method="inverted_cdf")
    return float(low), float(high)
