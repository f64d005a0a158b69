"""The learning rate over the steps of a training, as a share of its highest value."""

from __future__ import annotations

import math
from typing import Literal


def rate_share(step: int, steps: int, warmup_share: float, kind: Literal["linear", "cosine", "constant"]) -> float:
    """Share of the highest rate at `step`, counted from 0, of `steps`.

    Rises linearly over the first warmup_share of the steps (at least one step above zero), then falls to nearly zero
    in a straight line or half a cosine, or stays.
    """
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if kind == "constant":
        return 1.0
    done = (step - warmup) / max(1, steps - warmup)
    return 1.0 - done if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
