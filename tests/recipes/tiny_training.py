"""Pairs of random words, and a session without Ray, for tests of the training loop."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from patray.recipes.false_negatives import Relations
from patray.recipes.pairs import COUNTS, PAIRS, PairSet
from patray.recipes.record import Recipe
from patray.recipes.validation import Retrieval, Validation
from tests.recipes.tiny_bases import texts


def tiny_recipe(**changes: Any) -> Recipe:
    fields = {
        "name": "R1", "sources": [{"kind": "citations"}], "batch": 8, "mini_batch": 4, "steps": 12,
        "learning_rate": 0.01, "validate_every": 4, "max_tokens": 24, "mask": [],
    }  # fmt: skip
    return Recipe.model_validate({**fields, **changes})


def tiny_pairs(count: int = 60, source: str = "citations") -> PairSet:
    """Anchor i has positive i, a text that shares most of its words."""
    anchors = texts(count, 1)
    positives = [" ".join(reversed(text.split())) + " w1" for text in anchors]
    ids = [[f"{side}{at:03}" for at in range(count)] for side in "ap"]
    columns = [*ids, *ids, [source] * count, anchors, positives, [[]] * count, [[]] * count]
    everyone = np.array(sorted(ids[0] + ids[1]))
    relations = Relations(
        everyone, np.arange(2 * count, dtype=np.int32), np.zeros(0, np.int64), np.full((2 * count, 1), -1),
        np.zeros((2 * count, 1), np.uint64),
    )  # fmt: skip
    table = pa.Table.from_arrays([pa.array(c, t.type) for c, t in zip(columns, PAIRS, strict=True)], schema=PAIRS)
    counts = pa.Table.from_pylist([{"source": source, "reason": "kept", "pairs": count}], schema=COUNTS)
    return PairSet(table, counts, relations, {source: 1.0})


def tiny_validation() -> Validation:
    """Find each anchor's positive among those of pairs that are trained on: easy to get better at."""
    table = tiny_pairs().table.slice(0, 20)
    ids = [tuple(table[name].to_pylist()) for name in ("anchor", "positive", "anchor_id", "positive_id")]
    own = np.arange(20)
    return Validation(ids[0], ids[1], ids[2], ids[3], Retrieval(own, own, np.zeros((0, 2), np.int32), "nDCG@10"))


class LocalSession:
    """One worker in this process; its last checkpoint is a folder. Stops with KeyboardInterrupt after `die_after`."""

    rank, workers, device = 0, 1, "cpu"

    def __init__(self, folder: Path, die_after: int | None = None) -> None:
        self.folder, self.die_after = folder, die_after
        self.reported: list[dict[str, Any]] = []

    def resume(self) -> Path | None:
        return self.folder if self.folder.exists() else None

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        assert checkpoint is not None
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(checkpoint, self.folder)
        self.reported.append(metrics)

    def progress(self, step: int, steps: int, loss: float, pairs_per_s: float) -> None:
        if self.die_after is not None and step >= self.die_after:
            raise KeyboardInterrupt
