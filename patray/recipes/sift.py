"""Candidates to pairs: every one that breaks a rule is counted under the first rule that it breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.landscapes.splits import SPLITS
from patray.recipes.sources.material import NO_PARTNER, Candidates, Material

FOUND, KEPT, CUT = "found", "kept", "cut to matched number"


@dataclass(frozen=True)
class Sifted:
    """anchor, positive (P,) int64: rows of the pairs that are left, in a random order. counts: reason -> pairs."""

    anchor: np.ndarray
    positive: np.ndarray
    counts: dict[str, int]


def other_splits(split: int) -> str:
    """The splits that no pair may touch, in words: 'validation or test'."""
    return " or ".join(name for at, name in enumerate(SPLITS) if at != split)


def sift(
    candidates: Candidates,
    material: Material,
    places: tuple[int, int],
    max_per_anchor: int | None,
    rng: np.random.Generator,
) -> Sifted:
    """The pairs that may be trained on, shuffled, each once.

    places: columns of material.codes that hold the texts of anchor and positive. A pair is a duplicate of an earlier
    one (in the shuffled order) when it joins the same two documents, or the same two texts, either way round.
    """
    documents, codes = material.documents, material.codes
    order = np.lexsort((candidates.positive, candidates.anchor))
    order = order[rng.permutation(len(order))]
    anchor, positive = candidates.anchor[order], candidates.positive[order]
    alone = positive == NO_PARTNER
    ends = anchor, np.where(alone, anchor, positive)  # a lone anchor is judged by itself
    text = codes[ends[0], places[0]], codes[ends[1], places[1]]

    foreign = ~material.own
    moved = foreign & (documents.split_by_hash == material.split)
    seen = np.zeros(codes.max(initial=-1) + 2, bool)
    seen[codes[foreign].ravel()] = True  # NO_TEXT marks the last place, which is no code
    seen[-1] = False
    others = other_splits(material.split)

    alive = np.ones(len(anchor), bool)
    counts = {FOUND: len(anchor)}

    def drop(reason: str, broken: np.ndarray) -> None:
        counts[reason] = int((alive & broken).sum())
        alive[broken] = False

    drop(f"{others} family", (foreign & ~moved)[ends[0]] | (foreign & ~moved)[ends[1]])
    drop(f"{others} row of a label file", moved[ends[0]] | moved[ends[1]])
    drop("no partner", alone)
    if not candidates.one_patent:
        drop("same family", documents.family[ends[0]] == documents.family[ends[1]])
    drop("no text", (text[0] < 0) | (text[1] < 0))
    drop(f"text of a {others} family", seen[text[0]] | seen[text[1]])
    drop("one text twice", text[0] == text[1])
    drop("duplicates", _repeated(ends, alive))
    drop("duplicates, by text", _repeated(text, alive))
    if max_per_anchor is not None:
        drop("beyond max_per_anchor", _ordinal(anchor, alive) > max_per_anchor)
    counts[KEPT] = int(alive.sum())
    return Sifted(anchor[alive], positive[alive], counts)


def _repeated(ends: tuple[np.ndarray, np.ndarray], alive: np.ndarray) -> np.ndarray:
    """(P,) bool: living pairs whose unordered ends an earlier living pair has."""
    rows = np.flatnonzero(alive)
    low, high = np.minimum(*ends)[rows], np.maximum(*ends)[rows]
    _, first = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_index=True)
    again = np.zeros(len(alive), bool)
    again[rows] = True
    again[rows[first]] = False
    return again


def _ordinal(anchor: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """(P,) int64: 1, 2, ... for the living pairs of each anchor, in their order; 0 for the others."""
    rows = np.flatnonzero(alive)
    order = np.argsort(anchor[rows], kind="stable")
    ordered = anchor[rows][order]
    begin = np.searchsorted(ordered, ordered)
    out = np.zeros(len(alive), np.int64)
    out[rows[order]] = np.arange(len(rows)) - begin + 1
    return out
