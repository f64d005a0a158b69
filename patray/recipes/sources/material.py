"""What a source draws from, and what it gives: rows of documents, before any of them is ruled out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.landscapes.labels import LabelSet
from patray.recipes.documents import Documents

NO_PARTNER = -1


class NothingThereError(InputError):
    """The landscape has nothing that this source could use (no citations, no labels, no expert text)."""


@dataclass(frozen=True)
class Material:
    """documents; split: position in splits.SPLITS that pairs are made for; labels: the sets of each source by its key;
    codes (N, V): see texts.text_codes; views: source key -> columns of `codes` of anchor and positive."""

    documents: Documents
    split: int
    labels: dict[str, list[LabelSet]]
    codes: np.ndarray
    views: dict[str, tuple[int, int]]

    @property
    def name(self) -> str:
        return self.documents.metadata.name

    @property
    def own(self) -> np.ndarray:
        """(N,) bool: documents of the split."""
        return self.documents.split == self.split


@dataclass(frozen=True)
class Candidates:
    """anchor, positive (P,) int64: rows of documents, positive NO_PARTNER where the anchor found none.

    one_patent: a pair is two texts of one patent, so its family is no reason against it.
    """

    anchor: np.ndarray
    positive: np.ndarray
    one_patent: bool = False
