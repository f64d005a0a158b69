"""The durable form of vectors: part files of an embedding artifact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patray.errors import EmbeddingError
from patray.files import Folder

STATS = b"patray"


def vectors_table(
    ids: list[str], vectors: np.ndarray, tokens: np.ndarray, truncated: np.ndarray, stats: dict[str, Any]
) -> pa.Table:
    """One part: patent_id, vector (FixedSizeList float32), tokens int32, truncated bool; `stats` in its metadata.

    `vectors` (n, d) float32, all others of length n.
    """
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    table = pa.table(
        {
            "patent_id": pa.array(ids, type=pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            "tokens": pa.array(tokens, type=pa.int32()),
            "truncated": pa.array(truncated, type=pa.bool_()),
        }
    )
    return table.replace_schema_metadata({STATS: json.dumps(stats).encode()})


def part_stats(folder: Folder, name: str) -> dict[str, Any]:
    """The statistics that were saved with one part; reads its footer alone."""
    with folder.input(name) as stream:
        return dict(json.loads(pq.read_schema(stream).metadata[STATS]))


def part_names(folder: Folder) -> list[str]:
    return [name for name in folder.list() if name.endswith(".parquet")]


def load_vectors(folder: Folder, names: list[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """ids (n,) str objects and vectors (n, d) float32 of the named parts (default all), in the order of the parts."""
    tables = [
        folder.read_table(name, ["patent_id", "vector"]) for name in (part_names(folder) if names is None else names)
    ]
    if not tables:
        raise EmbeddingError(f"{folder}: this embedding artifact has no parts")
    table = pa.concat_tables(tables).combine_chunks()
    column = table["vector"].chunk(0) if table["vector"].num_chunks else pa.array([], table["vector"].type)
    width = table["vector"].type.list_size
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return np.asarray(table["patent_id"].to_pylist(), dtype=object), vectors
