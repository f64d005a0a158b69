"""The exact index as files that others can use: index.faiss and ids.parquet (row -> patent_id)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from patray.errors import InputError, ResourceError
from patray.files import Folder


def write_index(folder: Folder, vectors: np.ndarray, ids: np.ndarray) -> None:
    """An IndexFlatIP of vectors (n, d) float32 in the order of ids (n,) str; read it with faiss.read_index."""
    write_parts(folder, [(ids, vectors)])


def write_parts(folder: Folder, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> int:
    """`write_index` of ids and vectors that come in parts: what is held is the index. Returns how many vectors."""
    faiss = _faiss()
    index: Any = None
    names: list[np.ndarray] = []
    for ids, vectors in parts:
        if len(vectors) != len(ids):
            raise InputError(f"{folder}: {len(vectors)} vectors and {len(ids)} ids, expected one id for each vector")
        index = faiss.IndexFlatIP(vectors.shape[1]) if index is None else index
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        names.append(ids)
    if index is None:
        raise InputError(f"{folder}: an index needs at least one part of vectors")
    ids = np.concatenate(names)
    with tempfile.TemporaryDirectory(prefix="patray-index-") as scratch:
        path = os.path.join(scratch, "index.faiss")
        faiss.write_index(index, path)
        folder.upload("index.faiss", path)
    row = pa.array(np.arange(len(ids)), pa.int64())
    folder.write_table("ids.parquet", pa.table({"row": row, "patent_id": pa.array(ids, pa.string())}))
    return len(ids)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ResourceError("a FAISS index needs the package faiss-cpu: pip install 'patray[cpu]'") from error
    return faiss


def read_index(folder: Folder) -> tuple[Any, np.ndarray]:
    """The faiss index and the ids (n,) str of its rows."""
    faiss = _faiss()
    with tempfile.TemporaryDirectory(prefix="patray-index-") as scratch:
        path = os.path.join(scratch, "index.faiss")
        folder.download("index.faiss", path)
        index = faiss.read_index(path)
    return index, np.asarray(folder.read_table("ids.parquet")["patent_id"].to_pylist(), dtype=object)
