"""A paired comparison as the report sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

ALPHA = 0.05
"""A difference is called one when its adjusted p is below this."""

Verdict = Literal["better", "worse", "level", "untested"]


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.parquet, seen from `a`: diff = a - b. No wins, ties, losses where items have no value."""

    family: str
    task: str
    landscape: str
    view: str
    slice: str
    metric: str
    a: str
    b: str
    mean_a: float
    mean_b: float
    diff: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    effect: float | None
    wins: int | None
    ties: int | None
    losses: int | None
    n: int
    min_detectable: float | None
    p_equivalent: float | None = None

    def swapped(self) -> Comparison:
        """The same comparison seen from `b`."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            mean_a=self.mean_b,
            mean_b=self.mean_a,
            diff=-self.diff,
            low=None if self.high is None else -self.high,
            high=None if self.low is None else -self.low,
            effect=None if self.effect is None else -self.effect,
            wins=self.losses,
            losses=self.wins,
        )

    @property
    def identical(self) -> bool:
        """Whether both have the same score on every item; where items have none, on every resample of them."""
        if self.wins is None:
            return self.diff == 0 and self.low == 0 and self.high == 0
        return self.diff == 0 and self.wins == 0 and self.losses == 0

    @property
    def verdict(self) -> Verdict:
        """What the corrected test says of `a`: better, worse, or level (no difference seen)."""
        if self.p_adjusted is None or not math.isfinite(self.diff):
            return "untested"
        if self.p_adjusted >= ALPHA or self.diff == 0:
            return "level"
        return "better" if self.diff > 0 else "worse"
