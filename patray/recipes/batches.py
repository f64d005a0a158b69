"""Which pairs make up the batch of each step: fixed by the pairs, the seed and the step alone.

A resumed training and one on another number of workers see the same batches. A batch is of one source, so that an easy
source cannot tell its pairs from those of a hard one; sources take turns by weight, exactly, not by chance, so that
two seeds or two recipes with matched data never differ in how much of each they saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError


def text_codes(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """anchor (P,), positive (P,) int64: equal numbers for equal texts, over both columns of a PAIRS table."""
    both = pa.chunked_array([*table["anchor"].chunks, *table["positive"].chunks], type=pa.string())
    codes = pc.index_in(both, value_set=both.unique()).to_numpy().astype(np.int64)
    return codes[: table.num_rows], codes[table.num_rows :]


def training_steps(pairs: int, batch: int, epochs: float | None, steps: int | None) -> int:
    """Optimiser steps of a training: `steps` where given, else so many as `epochs` passes over the pairs take."""
    if steps is not None:
        return steps
    return max(1, int((epochs or 1.0) * pairs / batch))


def source_turns(weights: Sequence[float]) -> Iterator[int]:
    """Which source each step's batch comes from, without end: always the one furthest behind its share."""
    shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    taken = np.zeros(len(shares))
    step = 0
    while True:
        step += 1
        chosen = int(np.argmax(shares * step - taken))
        taken[chosen] += 1
        yield chosen


def batches(
    source: np.ndarray,
    anchor: np.ndarray,
    positive: np.ndarray,
    names: Sequence[str],
    weights: Sequence[float],
    batch: int,
    seed: int,
) -> Iterator[np.ndarray]:
    """Rows (batch,) int64 of each step's batch, without end. No two share an anchor text or a positive text.

    source (P,): position in `names` and `weights`. anchor, positive (P,): text codes. Raises InputError when a source
    cannot fill a batch.
    """
    streams = [
        _of_source(np.flatnonzero(source == at), anchor, positive, name, batch, (seed, at))
        for at, name in enumerate(names)
    ]
    for chosen in source_turns(weights):
        yield next(streams[chosen])


def _of_source(
    rows: np.ndarray, anchor: np.ndarray, positive: np.ndarray, name: str, batch: int, seed: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Pass after pass over a source's pairs in a new order; pairs that share a text wait for a later batch.

    A pass ends when the pairs left fill no batch; they are left out of it, as the rest of a division would be.
    """
    if len(rows) < batch:
        raise InputError(
            f"source {name} has {len(rows)} pairs, fewer than one batch of {batch}; "
            "reduce `batch` in the recipe, or leave the source out"
        )
    epoch = 0
    while True:
        waiting = np.random.default_rng([*seed, epoch]).permutation(rows)
        made = 0
        while True:
            picked = _first_distinct(waiting, anchor, positive, batch)
            if len(picked) < batch:
                break
            yield waiting[picked]
            made += 1
            waiting = np.delete(waiting, picked)
        if not made:
            raise InputError(
                f"source {name}: a batch of {batch} needs as many pairs without a text in common, and only "
                f"{len(picked)} of its {len(rows)} pairs are; reduce `batch` in the recipe, or leave the source out"
            )
        epoch += 1


def _first_distinct(rows: np.ndarray, anchor: np.ndarray, positive: np.ndarray, wanted: int) -> list[int]:
    """Places in `rows` of the first `wanted` pairs of which no two share a text on one side; or of all such pairs."""
    seen_anchors: set[int] = set()
    seen_positives: set[int] = set()
    picked: list[int] = []
    for start in range(0, len(rows), 4 * wanted):
        block = rows[start : start + 4 * wanted]
        for at, (left, right) in enumerate(zip(anchor[block].tolist(), positive[block].tolist(), strict=True)):
            if left in seen_anchors or right in seen_positives:
                continue
            seen_anchors.add(left)
            seen_positives.add(right)
            picked.append(start + at)
            if len(picked) == wanted:
                return picked
    return picked
