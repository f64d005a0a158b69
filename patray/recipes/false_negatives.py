"""In-batch negatives that are none.

In-batch training takes every other pair's positive for a negative of an anchor. A patent cites many, so with citation
pairs some of these "negatives" are positives, and the better the pairs, the more of them: unmasked, the loss pushes
apart what it should pull together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from patray.errors import InputError


@dataclass(frozen=True)
class Relations:
    """What is known of the documents of a pair set.

    ids (M,) str, ascending. family (M,) int32. citations (E,) int64: FAMILY * families + FAMILY for every citation
    between two of the families, both ways, ascending, unique. texts (M, V) int64: code of the text in each view of the
    recipe, equal codes for equal texts, -1 for none. labels (M, W) uint64: bits of the labels of its shared-label
    sources.
    """

    ids: np.ndarray
    family: np.ndarray
    citations: np.ndarray
    texts: np.ndarray
    labels: np.ndarray

    @property
    def families(self) -> int:
        return int(self.family.max(initial=-1)) + 1

    def rows(self, ids: np.ndarray | list[str]) -> np.ndarray:
        """(n,) int64: row of each id; InputError for an id that the pair set does not hold."""
        wanted = np.asarray(ids, dtype=str)
        place = np.minimum(np.searchsorted(self.ids, wanted), max(len(self.ids) - 1, 0))
        unknown = np.flatnonzero(self.ids[place] != wanted) if len(self.ids) else np.arange(len(wanted))
        if len(unknown):
            raise InputError(f"relations: {str(wanted[unknown[0]])!r} is in no pair of this set")
        return place


def mask(batch: pa.Table, relations: Relations, kinds: Sequence[str]) -> np.ndarray:
    """(B, C) bool: True where candidate j is no negative of pair i; never for a pair's own positive, (i, i).

    batch: B rows of a PAIRS table. Candidates: the B positives, then the hard negatives of all rows in order.
    """
    positives = batch["positive_id"].to_pylist()
    negatives = [id for ids in batch["negative_ids"].to_pylist() for id in ids]
    own = np.arange(len(positives))
    return false_negatives(relations, batch["anchor_id"].to_pylist(), positives, positives + negatives, own, kinds)


def false_negatives(
    relations: Relations,
    anchor_ids: np.ndarray | list[str],
    positive_ids: np.ndarray | list[str],
    candidate_ids: np.ndarray | list[str],
    own: np.ndarray,
    kinds: Sequence[str],
) -> np.ndarray:
    """(B, C) bool: True where candidate j is no negative of pair i.

    anchor_ids, positive_ids (B,): the pairs; candidate_ids (C,): documents whose texts stand in the columns (gathered
    from all workers, hard negatives too); own (B,): column of each pair's own positive, never masked.

    By kinds, as a recipe's `mask` names them. `family`: of the anchor's or the positive's family. `citation`: a
    citation, either way, joins its family to the anchor's. `text`: in some view of the recipe it has a text that the
    anchor or the positive has in some view. `label`: shares a label with the anchor.
    """
    anchor, positive, candidate = (relations.rows(ids) for ids in (anchor_ids, positive_ids, candidate_ids))
    out = np.zeros((len(anchor), len(candidate)), bool)
    family = relations.family
    if "family" in kinds:
        for side in (anchor, positive):
            out[_equal(family[side], family[candidate])] = True
    if "citation" in kinds:
        row, joined = _neighbours(relations, family[anchor])
        at, column = _equal(joined, family[candidate])
        out[row[at], column] = True
    if "text" in kinds:
        views = relations.texts.shape[1]
        for side in (anchor, positive):
            at, column = _equal(relations.texts[side].ravel(), relations.texts[candidate].ravel())
            out[at // views, column // views] = True
    if "label" in kinds:
        for word in range(relations.labels.shape[1]):
            bits = relations.labels[:, word]
            out |= (bits[anchor][:, None] & bits[candidate][None, :]) != 0
    out[np.arange(len(anchor)), own] = False
    return out


def related(relations: Relations, a: np.ndarray, b: np.ndarray, kinds: Sequence[str]) -> np.ndarray:
    """bool, of the broadcast shape of rows a and b: whether one of `kinds` holds between the two documents."""
    a, b = np.broadcast_arrays(a, b)
    out = np.zeros(a.shape, bool)
    if "family" in kinds:
        out |= relations.family[a] == relations.family[b]
    if "citation" in kinds and len(relations.citations):
        key = relations.family[a].astype(np.int64) * relations.families + relations.family[b]
        place = np.minimum(np.searchsorted(relations.citations, key), len(relations.citations) - 1)
        out |= relations.citations[place] == key
    if "text" in kinds:
        for one in range(relations.texts.shape[1]):
            mine = relations.texts[a, one]
            for other in range(relations.texts.shape[1]):
                out |= (mine == relations.texts[b, other]) & (mine >= 0)
    if "label" in kinds:
        out |= ((relations.labels[a] & relations.labels[b]) != 0).any(axis=-1)
    return out


def _neighbours(relations: Relations, family: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(row, family) for every family that a citation joins to family[row]."""
    n = relations.families
    low = np.searchsorted(relations.citations, family.astype(np.int64) * n)
    high = np.searchsorted(relations.citations, (family.astype(np.int64) + 1) * n)
    row, place = _spans(low, high)
    return row, relations.citations[place] % n


def _equal(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All (i, j) with left[i] == right[j] and left[i] >= 0."""
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    wanted = np.flatnonzero(left >= 0)
    low, high = (np.searchsorted(ordered, left[wanted], side) for side in ("left", "right"))
    row, place = _spans(low, high)
    return wanted[row], order[place]


def _spans(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(i, p) for every p in low[i]..high[i]-1."""
    size = high - low
    row = np.repeat(np.arange(len(low)), size)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size) + np.repeat(low, size)
