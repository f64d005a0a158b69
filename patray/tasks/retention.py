"""What is left of a score when vectors are cut or stored in fewer bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.tasks.joint import Function, Joint, Side, joint
from patray.tasks.populations import Catalogue


def kept(
    full: Side,
    smaller: Sequence[Side],
    metric: str,
    catalogue: Catalogue,
    draws: Draws = DEFAULT_DRAWS,
) -> Joint | None:
    """For each smaller side its score / the full one's on their common items, one estimate each, in order.

    A ratio of two scores of one resample: queries that are hard for both count in both, so the interval is far narrower
    than that of either score. nan where the full score is not positive. `scores` begins with the full one's.
    """
    functions = [Function(partial(_share, column=at)) for at in range(1, len(smaller) + 1)]
    return joint([full, *smaller], metric, functions, catalogue, draws)


def _share(scores: np.ndarray, column: int) -> np.ndarray:
    full = scores[:, 0]
    return np.divide(scores[:, column], full, out=np.full(len(scores), np.nan), where=full > 0)
