"""A hash of what a column holds, the same for any row groups, chunks or string encodings of the same rows.

Lengths and bytes go into separate hashes, each fed in row order, so no boundary between chunks can show. Parquet bytes
would not do: they change with the writer's version and settings.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

DIGEST_BYTES = 16


def string_parts(array: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """(offsets (n+1,) int32, bytes uint8) of a string array, without a copy; offsets index the bytes returned."""
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    return bounds, np.zeros(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)


class ColumnHash:
    """Feed it the chunks of one column in row order; `hexdigest` at any time. string, list<string>, date and ints."""

    def __init__(self) -> None:
        self._lengths = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._bytes = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._sizes = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self.rows = 0

    def update(self, column: pa.Array | pa.ChunkedArray) -> None:
        for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            self.rows += len(chunk)
            if pt.is_string(chunk.type):
                self._update_strings(chunk)
            elif pt.is_list(chunk.type):
                sizes = chunk.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False)
                self._sizes.update(sizes.astype("<i8").tobytes())
                self._update_strings(chunk.flatten())
            else:
                valid = chunk.is_valid().to_numpy(zero_copy_only=False)
                kind = pa.int32() if pt.is_date(chunk.type) else chunk.type
                numbers = chunk.cast(kind).fill_null(0).to_numpy(zero_copy_only=False)
                self._sizes.update(valid.astype(np.uint8).tobytes())
                self._bytes.update(numbers.astype("<i8").tobytes())

    def _update_strings(self, array: pa.StringArray) -> None:
        offsets, data = string_parts(array)
        lengths = np.diff(offsets.astype(np.int64))
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        self._lengths.update(np.where(valid, lengths, -1).astype("<i8").tobytes())
        # A null may cover bytes that nobody can see; only then are the visible ones gathered.
        if array.null_count and lengths[~valid].any():
            array = array.drop_null()
            offsets, data = string_parts(pa.concat_arrays([array]))
        if len(data):
            self._bytes.update(data[offsets[0] : offsets[-1]].tobytes())

    def hexdigest(self) -> str:
        whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
        whole.update(str(self.rows).encode())
        for part in (self._lengths, self._bytes, self._sizes):
            whole.update(part.digest())
        return whole.hexdigest()


def combine(hashes: dict[str, str]) -> str:
    """One hash of several named ones, whatever their order."""
    text = "\n".join(f"{name}={hashes[name]}" for name in sorted(hashes))
    return hashlib.blake2b(text.encode("utf-8"), digest_size=DIGEST_BYTES).hexdigest()


def hash_table(table: pa.Table) -> str:
    """Hash of a small table: the names and contents of its columns."""
    hashes = {}
    for name in table.column_names:
        column = ColumnHash()
        column.update(table[name])
        hashes[name] = column.hexdigest()
    return combine(hashes)
