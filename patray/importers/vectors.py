"""Vectors that were made elsewhere: by an API, another team, another tool.

PATH is a folder with a folder LANDSCAPE/VIEW (or LANDSCAPE, where the maker had a text of its own), or the files
themselves where a suite has one landscape and one view. In it:

    documents.parquet                      patent_id, vector (any list of numbers)
    documents.npy  + documents.ids.txt     (n, d) float array, and n ids, one a line
    documents.faiss + documents.ids.txt    a flat index

`queries.*` likewise, where queries were encoded in another way; else the documents' vectors serve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patray.errors import InputError
from patray.files import Folder

FORMS = (".parquet", ".npy", ".faiss")
UNIT = 1e-3
"""A vector whose length is off by more is said to have been scaled."""


@dataclass(frozen=True)
class GivenVectors:
    """ids (n,) str objects, unique; vectors (n, d) float32 of length 1. scaled: how many were not of length 1."""

    ids: np.ndarray
    vectors: np.ndarray
    scaled: int
    file: str


def folder_of(path: str, landscape: str, view: str, alone: bool) -> Folder:
    """Where the vectors of a place lie. alone: the suite has no other place, so `path` itself may hold them.

    Raises InputError that names what was looked for.
    """
    root = Folder.at(path)
    places = [root / landscape / view, root / landscape, *([root] if alone else [])]
    for place in places:
        if any(f"documents{form}" in place.list() for form in FORMS):
            return place
    looked = " or ".join(str(place) for place in places)
    raise InputError(f"vectors: no documents{' or documents'.join(FORMS)} in {looked}")


def shapes_of(folder: Folder) -> dict[str, tuple[int, int]]:
    """(vectors, width) of `documents`, and of `queries` where there are any, without reading the vectors of Parquet.

    InputError as `read_vectors` raises it for a file that cannot be read at all.
    """
    found = {}
    for role in ("documents", "queries"):
        name = next((f"{role}{form}" for form in FORMS if f"{role}{form}" in folder.list()), None)
        if name is None:
            continue
        if name.endswith(".parquet"):
            with folder.input(name) as stream:
                file = pq.ParquetFile(stream)
                rows = file.metadata.num_rows
                first = (
                    next(file.iter_batches(1, columns=["vector"]), None)
                    if "vector" in file.schema_arrow.names
                    else None
                )
                width = 0 if first is None or not len(first) else len(first["vector"][0].as_py())
        else:
            rows, width = _of_array(folder, name, f"{folder / name}").shape
        found[role] = rows, width
    return found


def read_vectors(folder: Folder, role: str) -> GivenVectors | None:
    """The vectors of `documents` or `queries` in a folder; None where it has none of that role.

    Raises InputError, with file and row, for several files of one role, ids that do not fit or come twice, vectors of
    several widths, numbers that are not finite, and vectors of zeros.
    """
    there = [f"{role}{form}" for form in FORMS if f"{role}{form}" in folder.list()]
    if not there:
        return None
    if len(there) > 1:
        raise InputError(f"vectors: {folder} holds {' and '.join(there)}; delete one of them")
    name, file = there[0], f"{folder / there[0]}"
    if name.endswith(".parquet"):
        ids, vectors = _of_parquet(folder, name, file)
    else:
        ids, vectors = _ids(folder, f"{role}.ids.txt"), _of_array(folder, name, file)
        if len(ids) != len(vectors):
            raise InputError(f"{file}: {len(vectors)} vectors, but {folder / f'{role}.ids.txt'} has {len(ids)} ids")
    return checked_vectors(ids, vectors, file)


def checked_vectors(ids: np.ndarray, vectors: np.ndarray, file: str) -> GivenVectors:
    """Vectors (n, d) of n ids as they may be used. file: where they are from, for the InputError of `read_vectors`."""
    if not len(ids):
        raise InputError(f"{file}: no vectors")
    names, first = np.unique(ids, return_index=True)
    if len(names) < len(ids):
        at = int(np.setdiff1d(np.arange(len(ids)), first)[0])
        raise InputError(f"{file}, row {at}: {ids[at]} stands there a second time")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    for wrong, what in ((~np.isfinite(lengths), "a number that is not finite"), (lengths == 0, "zeros alone")):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{file}, row {at} ({ids[at]}): {what}; {int(wrong.sum())} such vectors")
    unit = (vectors / lengths[:, None]).astype(np.float32)
    return GivenVectors(ids, unit, int((np.abs(lengths - 1) > UNIT).sum()), file)


def _of_parquet(folder: Folder, name: str, file: str) -> tuple[np.ndarray, np.ndarray]:
    table = folder.read_table(name)
    lacking = [column for column in ("patent_id", "vector") if column not in table.column_names]
    if lacking:
        raise InputError(f"{file}: no column {' or '.join(lacking)}; it has {', '.join(table.column_names)}")
    column = table["vector"].combine_chunks()
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(f"{file}: column vector is {kind}; wanted a list of numbers")
    if table["patent_id"].null_count or column.null_count:
        raise InputError(f"{file}: {table['patent_id'].null_count + column.null_count} rows lack an id or a vector")
    widths = pc.list_value_length(column).to_numpy()
    if len(widths) and (widths != widths[0]).any():
        at = int(np.flatnonzero(widths != widths[0])[0])
        raise InputError(f"{file}, row {at}: {widths[at]} numbers, the first has {widths[0]}")
    flat = pc.list_flatten(column).cast(pa.float32())
    width = int(widths[0]) if len(widths) else 0
    numbers = flat.to_numpy(zero_copy_only=False).reshape(len(column), width)
    return np.array(table["patent_id"].cast(pa.string()).to_pylist(), dtype=object), numbers


def _ids(folder: Folder, name: str) -> np.ndarray:
    if name not in folder.list():
        raise InputError(f"vectors: {folder / name} is missing: the ids of the vectors, one a line")
    return np.array(folder.read_text(name).splitlines(), dtype=object)


def _of_array(folder: Folder, name: str, file: str) -> np.ndarray:
    content = folder.read_buffer(name)
    if name.endswith(".npy"):
        try:
            found = np.lib.format.read_array(pa.BufferReader(content), allow_pickle=False)
        except ValueError as error:
            raise InputError(f"{file}: not a readable .npy file: {error}") from error
    else:
        import faiss

        try:
            index = faiss.deserialize_index(np.frombuffer(content, np.uint8))
            found = index.reconstruct_n(0, index.ntotal)
        except RuntimeError as error:
            raise InputError(f"{file}: not a FAISS index that keeps its vectors: {error}") from error
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.number) or np.iscomplexobj(found):
        raise InputError(f"{file}: {found.dtype} of shape {found.shape}; wanted numbers of shape (vectors, width)")
    return np.asarray(found, np.float32)
