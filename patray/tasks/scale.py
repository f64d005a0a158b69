"""Whether larger models score higher: rank correlation of size and score, over all models and within families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.rank import kendall, order_p, spearman
from patray.tasks.joint import Estimate, Function, Side, joint
from patray.tasks.populations import Catalogue

FEWEST = 3
"""Models below which an order of them says nothing."""


@dataclass(frozen=True)
class Scale:
    """scores (S,): of the models on their n common items. tau: Kendall's tau-b over all pairs; rho: Spearman's; within:
    tau over pairs of one family alone, None where no family has two sizes. p, p_within: of tau and of within, were the
    sizes dealt at random, to all models or to those of each family; p_within is nan where within is None.

    The intervals are over items: whether *these* models would be ordered so on other queries. p is over models: whether
    *so few models* can show an order at all.
    """

    scores: np.ndarray
    n: int
    tau: Estimate
    rho: Estimate
    within: Estimate | None
    pairs_within: int
    p: float
    p_within: float


def scale(
    sides: Sequence[Side],
    sizes: Sequence[float],
    families: Sequence[str],
    metric: str,
    catalogue: Catalogue,
    draws: Draws = DEFAULT_DRAWS,
) -> Scale | None:
    """The correlations of sizes (numbers of weights) and scores; families: of each model, by name.

    None with fewer than FEWEST models, with one size alone, and without a common item. p is scipy's kendalltau: exact
    without ties, else normal; p_within is `stats.rank.order_p`.
    """
    from scipy import stats

    size, names = np.asarray(sizes, np.float64), np.asarray(families, object)
    if len(size) < FEWEST or len(set(size.tolist())) < 2:
        return None
    one, two = np.triu_indices(len(size), 1)
    pairs = int(((names[one] == names[two]) & (size[one] != size[two])).sum())
    functions = [
        Function(lambda scores: kendall(size, scores), smooth=False),
        Function(lambda scores: spearman(size, scores), smooth=False),
    ]
    if pairs:
        functions.append(Function(lambda scores: kendall(size, scores, names), smooth=False))
    found = joint(sides, metric, functions, catalogue, draws)
    if found is None:
        return None
    tau, rho, *rest = found.estimates
    p = float(stats.kendalltau(size, found.scores).pvalue)
    p_within = order_p(size, found.scores, names, draws.seed) if rest else float("nan")
    return Scale(found.scores, found.n, tau, rho, rest[0] if rest else None, pairs, p, p_within)
