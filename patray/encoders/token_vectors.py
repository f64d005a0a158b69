"""The durable form of token vectors: one list of float16 vectors for each text, for late interaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from patray.artifacts import open_artifact, read_seals
from patray.encoders.vectors import STATS, part_names, part_stats
from patray.errors import EmbeddingError
from patray.files import Folder

BYTES = 2
"""Of one number: vectors are kept as float16. A unit vector's numbers lose at most 1/2048 of their size."""
LENGTH_ERROR = 0.01
"""How far a stored vector's length may be from 1; float16 moves it by less than 0.001."""


@dataclass(frozen=True)
class TokenVectors:
    """Vectors of several texts, ragged: those of text i are vectors[start[i]:start[i + 1]].

    start (n + 1,) int64, from 0; vectors (T, d) float16, each of length 1.
    """

    start: np.ndarray
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def counts(self) -> np.ndarray:
        """(n,) int64: vectors of each text."""
        return np.diff(self.start)

    def take(self, rows: np.ndarray) -> TokenVectors:
        """The texts at `rows` (m,) integer, in that order; a text may come several times."""
        start, index = flat_rows(self.start, rows)
        return TokenVectors(start, self.vectors[index])


def flat_rows(start: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For texts `rows` (m,) of ragged data with `start` (n + 1,): their own start (m + 1,) and the positions of their
    vectors, (sum,) int64, both in the order of `rows`."""
    counts = start[rows + 1] - start[rows]
    own = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return own, np.arange(own[-1]) + np.repeat(start[rows] - own[:-1], counts)


def concatenate(parts: Sequence[TokenVectors]) -> TokenVectors:
    """The texts of all parts, in order. Raises EmbeddingError when there is none, or widths differ."""
    widths = sorted({part.vectors.shape[1] for part in parts})
    if len(widths) != 1:
        raise EmbeddingError(f"token vectors of widths {widths} cannot be put together: expected one width")
    counts = np.concatenate([part.counts for part in parts])
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return TokenVectors(start, np.concatenate([part.vectors for part in parts]))


def checked_token_vectors(tokens: TokenVectors, ids: Sequence[str], dimension: int, model: str) -> TokenVectors:
    """The same vectors; EmbeddingError, naming the patent, on a wrong width, NaN, infinity, a length that is not 1, or
    a text without any vector."""
    if tokens.vectors.ndim != 2 or tokens.vectors.shape[1] != dimension or tokens.vectors.dtype != np.float16:
        raise EmbeddingError(
            f"model {model}: token vectors are {tokens.vectors.dtype} of shape {tokens.vectors.shape}, its record says "
            f"width {dimension}. A dropped Dense head or a wrong record is the usual cause: run "
            "`patray models verify NAME`."
        )
    empty = np.flatnonzero(tokens.counts == 0)
    if len(empty):
        raise EmbeddingError(f"model {model}: no token of patent {ids[empty[0]]} has a vector")
    norms = np.linalg.norm(tokens.vectors.astype(np.float32), axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < LENGTH_ERROR))
    if len(bad):
        text = int(np.searchsorted(tokens.start, bad[0], side="right")) - 1
        raise EmbeddingError(
            f"model {model}: {len(bad)} of {len(norms)} token vectors are NaN, infinite or zero, the first for patent "
            f"{ids[text]}. If the dtype is float16, use bfloat16 or float32."
        )
    return tokens


def token_vectors_table(
    ids: list[str], tokens: TokenVectors, lengths: np.ndarray, truncated: np.ndarray, stats: dict[str, Any]
) -> pa.Table:
    """One part: patent_id, vectors (list of 2d bytes: one token's d little-endian float16), tokens int32, truncated
    bool; `stats` in its metadata. One value a token keeps Parquet's bookkeeping small beside the vectors."""
    width = tokens.vectors.shape[1] * BYTES
    flat = np.ascontiguousarray(tokens.vectors.astype("<f2", copy=False))
    values = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(flat), [None, pa.py_buffer(flat.reshape(-1).view(np.uint8))]
    )
    table = pa.table(
        {
            "patent_id": pa.array(ids, type=pa.string()),
            "vectors": pa.ListArray.from_arrays(pa.array(tokens.start, type=pa.int32()), values),
            "tokens": pa.array(lengths, type=pa.int32()),
            "truncated": pa.array(truncated, type=pa.bool_()),
        }
    )
    return table.replace_schema_metadata({STATS: json.dumps(stats).encode()})


def load_token_vectors(
    folder: Folder, names: list[str] | None = None, whole: bool = True
) -> tuple[np.ndarray, TokenVectors]:
    """ids (n,) str objects and their TokenVectors, of the named parts (default all), as `load_vectors`.

    The vectors are read part by part into one array, whose size is known from the parts' footers.
    """
    names = part_names(folder) if names is None else names
    if not names:
        raise EmbeddingError(f"{folder}: this artifact of token vectors has no parts")
    seals = open_artifact(folder)[1] if whole else read_seals(folder)
    total = sum(int(part_stats(folder, name)["patent_vectors"]) for name in names)
    ids: list[str] = []
    counts: list[np.ndarray] = []
    vectors: np.ndarray | None = None
    at = 0
    for name in names:
        table = folder.read_table(name, ["patent_id", "vectors"], seals.get(name))
        width = table["vectors"].type.value_type.byte_width // BYTES
        vectors = np.empty((total, width), np.float16) if vectors is None else vectors
        ids += table["patent_id"].to_pylist()
        for chunk in table["vectors"].chunks:
            flat = chunk.flatten()
            counts.append(np.diff(chunk.offsets.to_numpy()).astype(np.int64))
            data = np.frombuffer(flat.buffers()[1], dtype="<f2")[
                flat.offset * width : (flat.offset + len(flat)) * width
            ]
            vectors[at : at + len(flat)] = data.reshape(-1, width)
            at += len(flat)
    assert vectors is not None
    start = np.concatenate([[0], *counts]).cumsum().astype(np.int64)
    return np.asarray(ids, dtype=object), TokenVectors(start, vectors[:at])
