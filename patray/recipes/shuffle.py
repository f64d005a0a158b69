"""The sham: the same anchors and the same positives, no pair true."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from patray.errors import InputError
from patray.recipes.false_negatives import Relations, related

LOOK = 512
"""Partners that a true pair may swap with."""
MATCHED = 4000
"""Pairs matched anew, at most, where swaps do not help."""

TRUE_BY = {
    "citations": ("family", "text", "citation"),
    "shared-label": ("family", "text", "label"),
    "cross-section": ("family", "text"),
    "expert": ("family", "text"),
}
"""Kind of source -> relations that would make a pair true."""


def shuffle(
    relations: Relations,
    ends: tuple[np.ndarray, np.ndarray],
    texts: tuple[np.ndarray, np.ndarray],
    kind: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """(P,) positions: pair i gets the positive of pair order[i]; a permutation in which no pair is true.

    ends (P,), (P,): anchor and positive as rows of relations; texts (P,), (P,): codes of their texts. A pair is true
    when it is of one family, has a text in common, is what the kind of source looks for (joined by a citation, sharing
    a label), or when its two texts are a pair already. Raises InputError where no such permutation was found.
    """
    anchor, positive = ends
    size = len(anchor)
    order = rng.permutation(size)
    kinds = TRUE_BY[kind]
    base = 1 + int(max(side.max(initial=0) for side in texts))

    def key(at: np.ndarray, of: np.ndarray) -> np.ndarray:
        first, second = texts[0][at], texts[1][of]
        return np.minimum(first, second) * base + np.maximum(first, second)

    known = np.unique(key(np.arange(size), np.arange(size)))

    def true(at: np.ndarray, of: np.ndarray) -> np.ndarray:
        return related(relations, anchor[at], positive[of], kinds) | np.isin(key(at, of), known)

    left = []
    for at in np.flatnonzero(true(np.arange(size), order)).tolist():
        if not true(np.array([at]), order[[at]])[0]:
            continue  # mended by an earlier swap
        span = rng.permutation(size)[:LOOK]
        good = span[~true(np.array(at), order[span]) & ~true(span, order[at])]
        if len(good):
            order[[at, good[0]]] = order[[good[0], at]]
        else:
            left.append(at)
    if left:  # no single swap helps: match the rest anew among as many others as a dense matrix allows
        others = rng.permutation(np.setdiff1d(np.arange(size), left))[: max(0, MATCHED - len(left))]
        group = np.concatenate([np.array(left, np.int64), others])
        allowed = ~true(group[:, None], order[group][None, :])
        found = maximum_bipartite_matching(csr_matrix(allowed), perm_type="column")
        if (found < 0).any():
            raise InputError(
                f"shuffle_positives: {kind} pairs cannot be shuffled: too few of the {size} positives are untrue for "
                "every anchor (too few pairs, or labels that nearly all share)"
            )
        order[group] = order[group][found]
    return order
