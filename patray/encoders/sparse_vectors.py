"""The durable form of sparse vectors: for each text its terms, ascending, and their weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from patray.artifacts import open_artifact, read_seals
from patray.encoders.token_vectors import flat_rows
from patray.encoders.vectors import STATS, part_names
from patray.errors import EmbeddingError
from patray.files import Folder

BYTES = 8
"""Of one term of one text: int32 and float32."""


@dataclass(frozen=True)
class SparseVectors:
    """Vectors of several texts, ragged: text i has terms[start[i]:start[i + 1]].

    start (n + 1,) int64, from 0; terms (T,) int32, ascending within a text; weights (T,) float32, above 0.
    """

    start: np.ndarray
    terms: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    def take(self, rows: np.ndarray) -> SparseVectors:
        """The texts at `rows` (m,) integer, in that order; a text may come several times."""
        start, index = flat_rows(self.start, rows)
        return SparseVectors(start, self.terms[index], self.weights[index])

    def dense(self, width: int) -> np.ndarray:
        """(n, width) float32, for a few texts."""
        found = np.zeros((len(self), width), np.float32)
        found[np.repeat(np.arange(len(self)), np.diff(self.start)), self.terms] = self.weights
        return found


def concatenate_sparse(parts: Sequence[SparseVectors]) -> SparseVectors:
    """The texts of all parts, in order."""
    counts = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.start) for part in parts)])
    return SparseVectors(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([np.zeros(0, np.int32), *(part.terms for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.weights for part in parts)]),
    )


def checked_sparse_vectors(vectors: SparseVectors, ids: Sequence[str], dimension: int, model: str) -> SparseVectors:
    """The same vectors; EmbeddingError, naming the patent, for a weight that is not finite, or a term beyond the width.

    A text without any term is none: it meets no query, as a text without a word does in BM25.
    """
    bad = np.flatnonzero(~np.isfinite(vectors.weights) | (vectors.weights <= 0))
    if len(bad):
        text = int(np.searchsorted(vectors.start, bad[0], side="right")) - 1
        raise EmbeddingError(
            f"model {model}: {len(bad)} term weights are NaN, infinite or not above 0, the first for patent "
            f"{ids[text]}. If the dtype is float16, use bfloat16 or float32."
        )
    if len(vectors.terms) and int(vectors.terms.max()) >= dimension:
        raise EmbeddingError(f"model {model}: gives term {vectors.terms.max()}, its record says {dimension} terms")
    return vectors


def sparse_vectors_table(
    ids: list[str], vectors: SparseVectors, lengths: np.ndarray, truncated: np.ndarray, stats: dict[str, Any]
) -> pa.Table:
    """One part: patent_id, terms (list of int32), weights (list of float32), tokens int32, truncated bool."""
    start = pa.array(vectors.start, type=pa.int32())
    table = pa.table(
        {
            "patent_id": pa.array(ids, type=pa.string()),
            "terms": pa.ListArray.from_arrays(start, pa.array(vectors.terms, type=pa.int32())),
            "weights": pa.ListArray.from_arrays(start, pa.array(vectors.weights, type=pa.float32())),
            "tokens": pa.array(lengths, type=pa.int32()),
            "truncated": pa.array(truncated, type=pa.bool_()),
        }
    )
    return table.replace_schema_metadata({STATS: json.dumps(stats).encode()})


def load_sparse_vectors(
    folder: Folder, names: list[str] | None = None, whole: bool = True
) -> tuple[np.ndarray, SparseVectors]:
    """ids (n,) str objects and their SparseVectors, of the named parts (default all), as `load_vectors`."""
    names = part_names(folder) if names is None else names
    if not names:
        raise EmbeddingError(f"{folder}: this artifact of sparse vectors has no parts")
    seals = open_artifact(folder)[1] if whole else read_seals(folder)
    ids: list[str] = []
    parts = []
    for name in names:
        table = folder.read_table(name, ["patent_id", "terms", "weights"], seals.get(name)).combine_chunks()
        ids += table["patent_id"].to_pylist()
        counts = table["terms"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        terms, weights = (table[key].combine_chunks().flatten().to_numpy() for key in ("terms", "weights"))
        parts.append(SparseVectors(start, terms.astype(np.int32), weights.astype(np.float32)))
    return np.asarray(ids, dtype=object), concatenate_sparse(parts)
