"""What a coarser number type loses on the user's own texts: the same sample in float32 and in it, compared.

loss = measure_loss(ids, exact, coarse)          # unit vectors (n, d) of the same texts
loss.words                                       # lowest cosine 0.9912 (P7), mean 0.9975, 9.4 of 10 neighbours kept

It is no verdict: the report puts the difference of the scores, paired and tested, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patray.encoders.certificate import NEIGHBOURS

LOSSY = frozenset({"int8"})
"""Number types whose vectors are compared with those of float32 in every run that makes them."""
EXACT = ("sentence-transformers", "float32")
"""Engine and number type that they are compared with."""


@dataclass(frozen=True)
class Loss:
    """compared: texts. lowest, mean: cosine of a text's two vectors; worst: the text of the lowest.

    neighbours: how many nearest texts of the sample are looked at, kept: how many of them stay, on average. changed:
    texts of which at least one is another.
    """

    compared: int
    lowest: float
    mean: float
    worst: str
    neighbours: int
    kept: float
    changed: int

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def words(self) -> str:
        return (
            f"lowest cosine to float32 {self.lowest:.4f} ({self.worst}), mean {self.mean:.4f}; {self.kept:.1f} of the "
            f"{self.neighbours} nearest texts kept, another one for {self.changed} of {self.compared} texts"
        )


def loss_of(facts: Mapping[str, Any]) -> Loss:
    """The loss that `facts` were made of."""
    return Loss(**facts)


def measure_loss(ids: Sequence[str], exact: np.ndarray, coarse: np.ndarray) -> Loss:
    """The loss of `coarse` against `exact`, vectors (n, d) float of length 1 of the same n >= 2 texts.

    Nearness is the cosine, equal ones in the order of the sample; a text is no neighbour of itself.
    """
    if exact.shape != coarse.shape or len(ids) != len(exact) or len(ids) < 2:
        raise ValueError(f"expected two arrays for {len(ids)} texts, at least 2, got {exact.shape} and {coarse.shape}")
    exact, coarse = exact.astype(np.float64), coarse.astype(np.float64)
    cosines = (exact * coarse).sum(axis=1)
    places = min(NEIGHBOURS, len(ids) - 1)
    before, after = _nearest(exact, places), _nearest(coarse, places)
    kept = np.array([len(np.intersect1d(one, other)) for one, other in zip(before, after, strict=True)])
    worst = int(np.argmin(cosines))
    return Loss(
        compared=len(ids),
        lowest=float(cosines[worst]),
        mean=float(cosines.mean()),
        worst=str(ids[worst]),
        neighbours=places,
        kept=float(kept.mean()),
        changed=int((kept < places).sum()),
    )


def _nearest(vectors: np.ndarray, places: int) -> np.ndarray:
    """(n, places) the nearest other rows of each row."""
    near = vectors @ vectors.T
    np.fill_diagonal(near, -np.inf)
    return np.argsort(-near, axis=1, kind="stable")[:, :places]
