"""Training pairs of a landscape: the table's format, how they were counted, and how they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.splits import SALT, SHARES, SPLITS
from patray.landscapes.views import View
from patray.recipes.allot import allot
from patray.recipes.documents import read_documents
from patray.recipes.false_negatives import Relations
from patray.recipes.kinds import SOURCES
from patray.recipes.record import Recipe, Source
from patray.recipes.relations import make_relations
from patray.recipes.shuffle import shuffle
from patray.recipes.sift import CUT, FOUND, KEPT, Sifted, sift
from patray.recipes.sources import Candidates, Material, NothingThereError
from patray.recipes.sources.shared_label import label_members, label_sets_of
from patray.recipes.texts import read_texts, text_codes, view_of, views_of

PAIRS = pa.schema(
    [
        ("anchor_id", pa.string()),
        ("positive_id", pa.string()),
        ("anchor_family", pa.string()),
        ("positive_family", pa.string()),
        ("source", pa.string()),
        ("anchor", pa.string()),
        ("positive", pa.string()),
        ("negative_ids", pa.list_(pa.string())),
        ("negatives", pa.list_(pa.string())),
    ]
)
"""One row a pair, by source, in the order of the seed. No value is null. negative_ids, negatives: empty lists until
`add_hard_negatives` fills those of a recipe that asks for them."""

COUNTS = pa.schema([("source", pa.string()), ("reason", pa.string()), ("pairs", pa.int64())])
"""What became of every pair found: `found` is the sum of all the other reasons, one of which is `kept`; a pair that
is kept with fewer hard negatives than asked has a reason of its own."""


@dataclass(frozen=True)
class PairSet:
    """Pairs of one recipe on one landscape.

    table: PAIRS. counts: COUNTS. relations: for `false_negatives.mask`. weights: source -> its weight, of the sources
    that are there. notes: what a reader must know, such as a source that was left out.
    """

    table: pa.Table
    counts: pa.Table
    relations: Relations
    weights: dict[str, float]
    notes: tuple[str, ...] = ()


def make_pairs(
    prepared: Folder,
    recipe: Recipe,
    shares: Sequence[float] = SHARES,
    salt: str = SALT,
    own_views: Mapping[str, Sequence[str]] | None = None,
    split: str = "train",
) -> PairSet:
    """The pairs of a recipe from the families of one split of a landscape; none touches a family of another split.

    prepared: a clean copy. shares, salt: as in `splits.split_families`; own_views: a suite's views, name -> sections.
    split: `train`, or `validation` for the pairs that a validation loss is taken of (of these at most
    `validation_corpus` are kept, in place of `pairs`, and a source may have fewer than a batch).

    Raises InputError for a source that the landscape cannot feed, or that yields fewer pairs than one batch, with the
    counts by reason; a source marked `optional` is left out instead, with a note.
    """
    material, views, notes = _gather(prepared, recipe, shares, salt, own_views, SPLITS.index(split))
    found: dict[str, Sifted] = {}
    members: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    least = recipe.batch if split == "train" else 1
    for source in recipe.sources:
        if source.key not in material.views:
            continue
        rng = _random(recipe.seed, source.key)
        try:
            if source.kind == "shared-label":
                members[source.key] = label_members(material, source)
            candidates: Candidates = SOURCES[source.kind](material, source, rng)
            sifted = sift(candidates, material, material.views[source.key], source.max_per_anchor, rng)
            if len(sifted.anchor) < least:
                raise NothingThereError(_too_few(material.name, recipe, source, sifted.counts, split))
        except NothingThereError as error:
            if not source.optional:
                raise
            notes.append(f"{error}; the source is optional and was left out")
            members.pop(source.key, None)
        else:
            found[source.key] = sifted
    if not found:
        raise InputError(f"{material.name}: recipe {recipe.name}: no source is left: {'; '.join(notes)}")
    if len(found) == 1 and len(recipe.sources) > 1:
        notes.append(f"{material.name}: recipe {recipe.name}: {next(iter(found))} is the only source that is left")
    found = _cut(material.name, recipe, found, split)
    return _assemble(prepared, recipe, material, views, found, members, notes)


def _gather(
    prepared: Folder,
    recipe: Recipe,
    shares: Sequence[float],
    salt: str,
    own_views: Mapping[str, Sequence[str]] | None,
    split: int,
) -> tuple[Material, tuple[View, ...], list[str]]:
    documents = read_documents(prepared, shares, salt)
    views = views_of(recipe, own_views)
    sections = [view.sections for view in views]
    places, labels, notes = {}, {}, []
    for source in recipe.sources:
        try:
            if source.kind == "shared-label":
                labels[source.key] = label_sets_of(documents.metadata, source)
        except NothingThereError as error:
            if not source.optional:
                raise
            notes.append(f"{error}; the source is optional and was left out")
            continue
        anchor, positive = (view_of(text or "", own_views).sections for text in (source.anchor, source.positive))
        places[source.key] = (sections.index(anchor), sections.index(positive))
    codes = text_codes(prepared, documents, views)
    return Material(documents, split, labels, codes, places), views, notes


def _cut(name: str, recipe: Recipe, found: dict[str, Sifted], split: str) -> dict[str, Sifted]:
    """The first pairs of every source, shared out by weight, so many in all as the recipe says."""
    sizes = np.array([len(sifted.anchor) for sifted in found.values()])
    total = int(sizes.sum())
    wanted = recipe.pairs if split == "train" else min(total, recipe.validation_corpus or total)
    if wanted is None or wanted == total:
        return found
    if wanted > total:
        listed = ", ".join(f"{key} {size}" for key, size in zip(found, sizes, strict=True))
        raise InputError(f"{name}: recipe {recipe.name}: pairs is {wanted}, there are {total} ({listed})")
    weights = np.array([source.weight for source in recipe.sources if source.key in found])
    cut = {}
    for (key, sifted), n in zip(found.items(), allot(sizes, weights, wanted).tolist(), strict=True):
        if split == "train" and n < recipe.batch:
            raise InputError(
                f"{name}: recipe {recipe.name}: cut to {wanted} pairs, {n} are left of source {key}, fewer than a "
                f"batch of {recipe.batch}; raise `pairs` or the source's weight, or lower `batch`"
            )
        counts = {**sifted.counts, CUT: len(sifted.anchor) - n, KEPT: n}
        cut[key] = Sifted(sifted.anchor[:n], sifted.positive[:n], counts)
    return cut


def _assemble(
    prepared: Folder,
    recipe: Recipe,
    material: Material,
    views: Sequence[View],
    found: dict[str, Sifted],
    members: dict[str, tuple[np.ndarray, np.ndarray]],
    notes: list[str],
) -> PairSet:
    documents = material.documents
    rows = np.unique(np.concatenate([side for sifted in found.values() for side in (sifted.anchor, sifted.positive)]))
    relations = make_relations(material, rows, list(members.values()))
    wanted = np.zeros(material.codes.shape, bool)
    kinds = {source.key: source.kind for source in recipe.sources}
    for key, sifted in found.items():
        for side, place in zip((sifted.anchor, sifted.positive), material.views[key], strict=True):
            wanted[side, place] = True
        if recipe.shuffle_positives:
            sides, places = (sifted.anchor, sifted.positive), material.views[key]
            ends = relations.rows(documents.ids[sides[0]]), relations.rows(documents.ids[sides[1]])
            codes = material.codes[sides[0], places[0]], material.codes[sides[1], places[1]]
            order = shuffle(relations, ends, codes, kinds[key], _random(recipe.seed, f"{key} shuffled"))
            found[key] = replace(sifted, positive=sifted.positive[order])
    texts = read_texts(prepared, documents, views, wanted)

    tables = []
    for key, sifted in found.items():
        (anchors, positives), n = material.views[key], len(sifted.anchor)
        none = pa.array([[]] * n, pa.list_(pa.string()))
        columns = [
            documents.ids[sifted.anchor],
            documents.ids[sifted.positive],
            documents.families[sifted.anchor],
            documents.families[sifted.positive],
            [key] * n,
            texts[anchors][sifted.anchor],
            texts[positives][sifted.positive],
        ]
        tables.append(pa.Table.from_arrays([*(pa.array(one, pa.string()) for one in columns), none, none], PAIRS.names))
    counted = [
        {"source": key, "reason": reason, "pairs": pairs}
        for key, sifted in found.items()
        for reason, pairs in sifted.counts.items()
        if pairs or reason in (FOUND, KEPT)
    ]
    return PairSet(
        table=pa.concat_tables(tables).combine_chunks(),
        counts=pa.Table.from_pylist(counted, schema=COUNTS),
        relations=relations,
        weights={source.key: source.weight for source in recipe.sources if source.key in found},
        notes=tuple(notes),
    )


def _too_few(name: str, recipe: Recipe, source: Source, counts: dict[str, int], split: str) -> str:
    listed = ", ".join(f"{reason} {n}" for reason, n in counts.items() if n or reason in (FOUND, KEPT))
    kept = counts[KEPT]
    if split != "train" or kept == 0:
        what, cure = f"yields no {split} pairs", "use another source, or a larger landscape"
    else:
        what = f"yields {kept} {split} pairs, fewer than a batch of {recipe.batch}"
        cure = f"lower `batch` to {kept} or less, or use another source"
    return f"{name}: recipe {recipe.name}: source {source.key} {what} ({listed}); {cure}"


def _random(seed: int, key: str) -> np.random.Generator:
    """Draws of one source, which do not depend on what other sources a recipe has."""
    entropy = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng([seed, entropy])
