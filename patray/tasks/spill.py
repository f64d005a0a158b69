"""Scores that wait on disk until all are there: a judge takes them as they come and reads them back in another order.

The file has no name and goes with its process, so a judge that is killed leaves nothing behind. Ids of items are held,
once for all scores of the same items; everything else of a score lies in the file.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
import pyarrow as pa

from patray.errors import ResourceError
from patray.tasks.evidence import ScoreKey
from patray.tasks.scores import LabelScore, Score

Order = tuple[int, ...]


@dataclass(frozen=True)
class Spilled:
    """Where a score lies. order: its place among all scores, whoever came first; items: the digest of its ids."""

    order: Order
    key: ScoreKey
    start: int
    size: int
    items: bytes
    labels: int = 0


class Spill:
    """Scores in a file: `spill.add((0, 1), score)`, then `spill.load(spill.entries[0])`.

    folder: where the file is made, the system's place for temporary files when None.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.entries: list[Spilled] = []
        self._folder = folder or tempfile.gettempdir()
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._items: dict[bytes, np.ndarray] = {}

    def add(self, order: Order, score: Score) -> None:
        """Take a score; what is held of it is its place in the file."""
        digest = digest_of(score.items)
        self._items.setdefault(digest, score.items)
        kept = replace(score, items=np.zeros(0, dtype=object))
        labels = 0
        if isinstance(kept, LabelScore):
            labels = kept.truth.shape[1]
            kept = replace(kept, truth=np.packbits(kept.truth), predicted=np.packbits(kept.predicted))
        try:
            start = self._file.seek(0, 2)
            pickle.dump(kept, self._file, protocol=5)
            self._file.flush()  # a disk that is full says so here, not at some later read
        except OSError as error:
            raise ResourceError(f"{self._folder}: scores that are judged could not be kept there: {error}") from error
        self.entries.append(Spilled(order, ScoreKey.of(score), start, self._file.tell() - start, digest, labels))

    def load(self, entry: Spilled) -> Score:
        """A score as it was; scores of the same items share one array of ids."""
        self._file.seek(entry.start)
        score: Score = pickle.loads(self._file.read(entry.size))  # written by this process, read by nobody else
        items = self._items[entry.items]
        if isinstance(score, LabelScore):
            shape = len(items), entry.labels
            truth, predicted = (
                np.unpackbits(part, count=shape[0] * shape[1]).view(bool).reshape(shape)
                for part in (score.truth, score.predicted)
            )
            score = replace(score, truth=truth, predicted=predicted)
        return replace(score, items=items)

    def items(self, entry: Spilled) -> np.ndarray:
        """The ids of a score's items, one array for all scores of the same."""
        return self._items[entry.items]

    def close(self) -> None:
        self._file.close()


def digest_of(items: np.ndarray) -> bytes:
    """16 bytes from ids, (n,) str, in their order."""
    array = pa.array(items, pa.string())
    found = hashlib.blake2b(digest_size=16)
    for part in array.buffers()[1:]:
        found.update(part)
    return found.digest()
