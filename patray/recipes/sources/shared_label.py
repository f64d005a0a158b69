"""Two patents with a label in common."""

from __future__ import annotations

import itertools

import numpy as np

from patray.errors import InputError
from patray.landscapes.labels import DERIVED, LabelSet, get_label_set, label_set_names
from patray.landscapes.records import Metadata
from patray.recipes.record import Source
from patray.recipes.sources.material import NO_PARTNER, Candidates, Material, NothingThereError

TRIES = 16
"""Random partners tried before the rest are drawn from an exact list."""


def label_sets_of(metadata: Metadata, source: Source) -> list[LabelSet]:
    """The label sets that a source names and the landscape has, those with a single label left out.

    Raises InputError for a name that is neither a label file nor a derived set, NothingThereError where no set is left.
    """
    available = label_set_names(metadata)
    asked = [name for one in source.labels or () for name in (sorted(metadata.labels) if one == "files" else [one])]
    sets, reasons = [], []
    for name in dict.fromkeys(asked):
        if name not in available:
            if name not in DERIVED:
                raise InputError(
                    f"{metadata.name}: source {source.key}: unknown label set {name!r}; "
                    f"allowed are files, {', '.join([*sorted(metadata.labels), *DERIVED])}"
                )
            reasons.append(f"no patent has a code for {name}")
            continue
        labels = get_label_set(metadata, name)
        if len(labels.labels) < 2:
            reasons.append(f"{name} has one class, {labels.labels[0]}: any two patents would be a pair")
        else:
            sets.append(labels)
    if "files" in (source.labels or ()) and not metadata.labels:
        reasons.insert(0, "there are no label files")
    if not sets:
        raise NothingThereError(f"{metadata.name}: source {source.key}: {'; '.join(reasons)}")
    return sets


def label_members(material: Material, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """(rows (M,), codes (M,) int64): which corpus document has which label of the source's sets, sorted by row.

    Labels that more than `max_label_share` of the split's labelled documents have are left out. NothingThereError where
    none is left.
    """
    documents = material.documents
    rows, codes, offset = [], [], 0
    for labels in material.labels[source.key]:
        of_patent = documents.rows(labels.patent_ids)
        rows.append(of_patent[labels.rows])
        codes.append(labels.codes.astype(np.int64) + offset)
        offset += len(labels.labels)
    row, code = np.concatenate(rows), np.concatenate(codes)
    own = material.own[row]
    labelled = len(np.unique(row[own]))
    common = np.bincount(code[own], minlength=offset) > (source.max_label_share or 1.0) * labelled
    keep = ~common[code]
    if labelled and not keep[own].any():
        raise NothingThereError(
            f"{material.name}: source {source.key}: every label is held by more than {source.max_label_share:.0%} of "
            "the labelled patents; raise max_label_share, or name other labels"
        )
    order = np.lexsort((code[keep], row[keep]))
    return row[keep][order], code[keep][order]


def shared_label_pairs(material: Material, source: Source, rng: np.random.Generator) -> Candidates:
    """`max_per_anchor` pairs for every labelled patent: one of its labels, then one of the split's patents of another
    family that has it, each drawn evenly. A rare label counts as much as a frequent one.

    Patents outside the split get no partner and are counted by `sift`.
    """
    row, code = label_members(material, source)
    family = material.documents.family
    own = material.own
    mine = own[row]
    # Members of every label, split only.
    by_code = np.argsort(code[mine], kind="stable")
    members, member_code = row[mine][by_code], code[mine][by_code]
    low = np.searchsorted(member_code, np.arange(code.max(initial=-1) + 2))
    anchors, start = np.unique(row, return_index=True)
    stop = np.append(start[1:], len(row))

    times = source.max_per_anchor or 1
    anchor, first, last = (np.repeat(values, times) for values in (anchors, start, stop))
    positive = np.full(len(anchor), NO_PARTNER, np.int64)
    open_ = np.flatnonzero(own[anchor])
    for _ in range(TRIES):
        label = code[(first[open_] + rng.random(len(open_)) * (last - first)[open_]).astype(np.int64)]
        size = low[label + 1] - low[label]
        partner = members[(low[label] + rng.random(len(open_)) * size).astype(np.int64)]
        good = family[partner] != family[anchor[open_]]
        positive[open_[good]] = partner[good]
        open_ = open_[~good]
    for at in open_.tolist():  # few: labels of a single family, or nearly
        spans = [members[low[label] : low[label + 1]] for label in code[first[at] : last[at]]]
        others = np.array([one for one in itertools.chain(*spans) if family[one] != family[anchor[at]]], np.int64)
        if len(others):
            positive[at] = rng.choice(others)
    return Candidates(anchor, positive)
