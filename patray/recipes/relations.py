"""What is known between the documents of a pair set, from the landscape."""

from __future__ import annotations

import numpy as np

from patray.recipes.false_negatives import Relations
from patray.recipes.sources.material import Material


def make_relations(material: Material, rows: np.ndarray, labels: list[tuple[np.ndarray, np.ndarray]]) -> Relations:
    """Relations between some documents.

    rows (M,): rows of documents, any order, unique. labels: for each shared-label source (row (L,), code (L,)) of what
    `label_members` gives. Citations are those between any two documents of the split's families.
    """
    documents = material.documents
    ids = documents.ids[rows].astype(str)
    order = np.argsort(ids, kind="stable")
    rows, ids = rows[order], ids[order]
    families, family = np.unique(documents.family[rows], return_inverse=True)

    place = np.full(int(documents.family.max(initial=-1)) + 1, -1, np.int64)
    place[families] = np.arange(len(families))
    ends = place[documents.family[documents.links]]
    ends = ends[(ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])]
    both_ways = np.concatenate([ends, ends[:, ::-1]])
    citations = np.unique(both_ways[:, 0] * len(families) + both_ways[:, 1])

    offsets = np.cumsum([0, *(int(code.max(initial=-1)) + 1 for _, code in labels)])
    bits = np.zeros((len(documents.ids), max(1, -(-int(offsets[-1]) // 64))), np.uint64)
    for (row, code), offset in zip(labels, offsets[:-1], strict=True):
        at = code + offset
        np.bitwise_or.at(bits, (row, at // 64), np.uint64(1) << (at % 64).astype(np.uint64))

    used = sorted({place for pair in material.views.values() for place in pair})
    return Relations(
        ids=ids,
        family=family.astype(np.int32),
        citations=citations.astype(np.int64),
        texts=material.codes[rows][:, used],
        labels=bits[rows],
    )
