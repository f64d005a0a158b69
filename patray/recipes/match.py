"""Matched data: pair sets cut to one size, so that recipes are compared and not amounts of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.recipes.allot import allot
from patray.recipes.pairs import COUNTS, PairSet
from patray.recipes.sift import CUT, KEPT


def match(pair_sets: Mapping[str, PairSet], n: int | None = None) -> dict[str, PairSet]:
    """Every pair set cut to n pairs (None: the size of the smallest), sources in proportion to their weights.

    Raises InputError where a set has fewer than n, naming each with its size.
    """
    sizes = {name: pair_set.table.num_rows for name, pair_set in pair_sets.items()}
    least = min(sizes.values())
    if n is not None and least < n:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"matched data: asked for {n} pairs of each recipe; there are {listed}; ask for {least}")
    return {name: cut_pairs(pair_set, least if n is None else n) for name, pair_set in pair_sets.items()}


def cut_pairs(pair_set: PairSet, n: int) -> PairSet:
    """The first pairs of every source, n in all, shared out by weight; what was cut is counted."""
    source = pair_set.table["source"]
    names = list(pair_set.weights)
    rows = [np.flatnonzero(pc.equal(source, name).to_numpy()) for name in names]
    sizes = np.array([len(of_source) for of_source in rows])
    given = allot(sizes, np.array(list(pair_set.weights.values())), n)
    kept = np.concatenate([of_source[:size] for of_source, size in zip(rows, given, strict=True)])
    lost = dict(zip(names, (sizes - given).tolist(), strict=True))
    return replace(pair_set, table=pair_set.table.take(pa.array(kept)), counts=_counted(pair_set.counts, lost))


def _counted(counts: pa.Table, lost: Mapping[str, int]) -> pa.Table:
    rows = {(row["source"], row["reason"]): row["pairs"] for row in counts.to_pylist()}
    for name, pairs in lost.items():
        if pairs:
            kept = rows.pop((name, KEPT))
            rows[name, CUT] = rows.pop((name, CUT), 0) + pairs
            rows[name, KEPT] = kept - pairs
    order = {name: at for at, name in enumerate(dict.fromkeys(name for name, _ in rows))}
    listed = sorted(rows.items(), key=lambda item: order[item[0][0]])
    return pa.Table.from_pylist(
        [{"source": name, "reason": reason, "pairs": pairs} for (name, reason), pairs in listed], schema=COUNTS
    )
