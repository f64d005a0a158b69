"""Hard negatives: texts that the base model takes for near ones of an anchor, though nothing relates them to it.

The base ranks, for every anchor of a source, the source's own positives; negatives come from a range of ranks. The very
best are left out because many of them are true; what is related to the pair is left out wherever it stands. A pair only
gains texts: one for which too few are left is trained on with those, since all negatives of a batch stand against all
its anchors, and dropping it would take away the pairs with the most relations and the amount of data with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.recipes.false_negatives import false_negatives
from patray.recipes.pairs import COUNTS, PairSet
from patray.recipes.record import HardNegatives
from patray.recipes.sift import KEPT
from patray.search.dense import search_shard

SHORT = "kept, with fewer hard negatives than asked"
BLOCK = 512
"""Pairs whose candidates are looked up at once."""


@dataclass(frozen=True)
class Pool:
    """What the base must encode of one source, each text once: anchors with the role `query`, positives `document`.

    anchors (A,), positives (D,): texts. positive_ids (D,): str, a document with that text. anchor_of (P,): for each
    pair of the source its anchor's place.
    """

    anchors: tuple[str, ...]
    positives: tuple[str, ...]
    positive_ids: np.ndarray
    anchor_of: np.ndarray


def make_pool(pairs: PairSet, source: str) -> Pool:
    """The texts of one source, ascending: another seed has the same pairs in another order, and so the same pool."""
    table = pairs.table.filter(pc.equal(pairs.table["source"], source)).combine_chunks()
    anchors, positives = (table[side].unique().sort() for side in ("anchor", "positive"))
    first = pc.index_in(positives, value_set=_whole(table["positive"])).to_numpy()
    ids = np.array(table["positive_id"].to_pylist())[first]
    anchor_of = pc.index_in(table["anchor"], value_set=anchors).to_numpy()
    return Pool(tuple(anchors.to_pylist()), tuple(positives.to_pylist()), ids, anchor_of)


def rank_pool(anchor_vectors: np.ndarray, positive_vectors: np.ndarray, options: HardNegatives) -> np.ndarray:
    """(A, to_rank) int32: the base's exact ranking of the pool's positives for every anchor, -1 after the last.

    anchor_vectors (A, d), positive_vectors (D, d): float32 unit vectors, in the order of the pool.
    """
    return search_shard(anchor_vectors, positive_vectors, np.arange(len(positive_vectors)), options.to_rank).patents


def add_hard_negatives(
    pairs: PairSet,
    ranked: Mapping[str, np.ndarray],
    options: HardNegatives,
    seed: int,
    mask: tuple[str, ...] = ("family", "citation", "text"),
) -> PairSet:
    """The same pairs, each with up to `per_anchor` negatives, drawn evenly from ranks from_rank to to_rank (from 1, all
    positives counted) without those that `mask` calls false negatives of the pair.

    ranked: source -> what `rank_pool` gave. A pair with fewer left has those, and is counted under SHORT in place of
    `kept`. mask: the recipe's; the pair's own family and text are always left out. Raises InputError where no pair of
    a source has all that were asked for.
    """
    rng = np.random.default_rng([seed, 0x4E47])
    kinds = tuple(dict.fromkeys((*mask, "family", "text")))
    ids, texts = ([list[str]()] * pairs.table.num_rows for _ in range(2))
    counts = {(row["source"], row["reason"]): row["pairs"] for row in pairs.counts.to_pylist()}
    for source in pairs.weights:
        mine = pc.equal(pairs.table["source"], source)
        table = pairs.table.filter(mine).combine_chunks()
        pool = make_pool(pairs, source)
        window = ranked[source][pool.anchor_of, options.from_rank - 1 : options.to_rank]
        drawn = np.concatenate(
            [
                _draw(pairs, table.slice(start, BLOCK), window[start : start + BLOCK], pool, kinds, options, rng)
                for start in range(0, table.num_rows, BLOCK)
            ]
        )
        short = int((drawn < 0).any(axis=1).sum())
        if short == len(drawn):
            raise InputError(
                f"hard_negatives: source {source}: no pair has {options.per_anchor} negatives in ranks "
                f"{options.from_rank} to {options.to_rank} of {len(pool.positives)} texts; widen the range"
            )
        if short:
            kept = counts.pop((source, KEPT))
            counts |= {(source, SHORT): short, (source, KEPT): kept - short}
        for row, places in zip(np.flatnonzero(mine.to_numpy()).tolist(), drawn.tolist(), strict=True):
            found = [place for place in places if place >= 0]
            ids[row] = [str(pool.positive_ids[place]) for place in found]
            texts[row] = [pool.positives[place] for place in found]
    table = pairs.table
    for name, lists in (("negative_ids", ids), ("negatives", texts)):
        table = table.set_column(table.column_names.index(name), name, pa.array(lists, pa.list_(pa.string())))
    order = list(pairs.weights)
    listed = sorted(counts.items(), key=lambda item: order.index(item[0][0]))
    rows = [{"source": name, "reason": reason, "pairs": n} for (name, reason), n in listed]
    return replace(pairs, table=table, counts=pa.Table.from_pylist(rows, schema=COUNTS))


def _draw(
    pairs: PairSet,
    table: pa.Table,
    window: np.ndarray,
    pool: Pool,
    kinds: tuple[str, ...],
    options: HardNegatives,
    rng: np.random.Generator,
) -> np.ndarray:
    """(B, per_anchor) int64: places in the pool, -1 where too few are left. window (B, R): ranked places, -1: none."""
    places = np.unique(window[window >= 0])
    chance = rng.random(window.shape)  # drawn for all, so that one pair's draw does not depend on another's
    out = np.full((len(window), options.per_anchor), -1, np.int64)
    if not len(places):
        return out
    anchors, positives = table["anchor_id"].to_pylist(), table["positive_id"].to_pylist()
    ids = [*pool.positive_ids[places].tolist(), *positives]
    own = len(places) + np.arange(len(positives))
    false = false_negatives(pairs.relations, anchors, positives, ids, own, kinds)[:, : len(places)]
    bad = (window < 0) | np.take_along_axis(false, np.searchsorted(places, np.maximum(window, places[0])), axis=1)
    chance[bad] = np.inf
    width = min(options.per_anchor, window.shape[1])
    best = np.argsort(chance, axis=1, kind="stable")[:, :width]
    picked = np.take_along_axis(window, best, axis=1)
    out[:, :width] = np.where(np.isfinite(np.take_along_axis(chance, best, axis=1)), picked, -1)
    return out


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
