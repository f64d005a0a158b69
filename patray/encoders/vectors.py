"""The durable form of vectors: part files of an embedding artifact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patray.artifacts import is_complete, open_artifact, read_record, read_seals
from patray.errors import DamagedError, EmbeddingError
from patray.files import Folder
from patray.filesystems import storage_trouble

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
    """The statistics that were saved with one part; reads its footer alone. DamagedError where it cannot be read."""
    try:
        with folder.input(name) as stream:
            return dict(json.loads(pq.read_schema(stream).metadata[STATS]))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        if storage_trouble(error):
            raise
        raise DamagedError(f"{folder / name}: not a readable part (cut short or damaged): {error}") from error


def part_names(folder: Folder) -> list[str]:
    """The parts of an artifact: those that its record lists, where it is complete, else those that are there."""
    listed = read_record(folder).get("parts") if is_complete(folder) else None
    return [name for name in folder.list() if name.endswith(".parquet")] if listed is None else sorted(listed)


def load_vectors(folder: Folder, names: list[str] | None = None, whole: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """ids (n,) str objects and vectors (n, d) float32 of the named parts (default all), in the order of the parts.

    Raises DamagedError, naming the file, when a part is not what the artifact's record says, or there is no record.
    whole: False reads parts of an artifact that is not declared whole too, or not yet.
    """
    seals = open_artifact(folder)[1] if whole else read_seals(folder)
    tables = [
        folder.read_table(name, ["patent_id", "vector"], seals.get(name))
        for name in (part_names(folder) if names is None else names)
    ]
    if not tables:
        raise EmbeddingError(f"{folder}: this embedding artifact has no parts")
    table = pa.concat_tables(tables).combine_chunks()
    column = table["vector"].chunk(0) if table["vector"].num_chunks else pa.array([], table["vector"].type)
    width = table["vector"].type.list_size
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return np.asarray(table["patent_id"].to_pylist(), dtype=object), vectors
