"""How a run makes intervals and tests, as one record that is handed to everything which makes a number."""

from __future__ import annotations

from dataclasses import dataclass

from patray.errors import InputError
from patray.statistics.corrections import METHODS


@dataclass(frozen=True)
class Draws:
    """How intervals and tests are made: `Draws(resamples=1000, seed=7)`.

    resamples: bootstrap samples an interval; flips: sign flips a permutation test; seed: of both. correction: of the p
    of one family, one of `corrections.METHODS`. level: of the intervals. margin: the largest difference that does not
    matter, for tests of equivalence; None makes none. Raises InputError for an unknown correction.
    """

    resamples: int = 10_000
    flips: int = 10_000
    seed: int = 0
    correction: str = "auto"
    level: float = 0.95
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.correction not in METHODS:
            allowed = ", ".join(METHODS)
            raise InputError(f"correction {self.correction!r}: no such correction; allowed are {allowed}")


DEFAULT_DRAWS = Draws()
