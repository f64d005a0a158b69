"""Column chunks of several Parquet files as one file, copied without decoding them.

A part's texts are compressed once, by the process that read them; putting parts together then costs a copy. Only the
footer is made anew: the schema of a template, and the parts' row groups with their offsets moved. The footer is Thrift
in its compact protocol, which describes itself, so it is read and written generically; what the numbers mean is in
parquet.thrift of the format's specification.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_VERSION_NUM_ROWS, _ROW_GROUPS = 3, 4  # of FileMetaData
_COLUMNS, _TOTAL_BYTES, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_COMPRESSED, _ORDINAL = 1, 2, 3, 5, 6, 7  # of RowGroup
_CHUNK_OFFSET, _CHUNK_META = 2, 3  # of ColumnChunk
_PATH, _UNCOMPRESSED, _COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 3, 6, 7, 9, 11  # of ColumnMetaData
_META_DROPPED = (10, 14, 15)  # index page, bloom filter: not copied

Struct = dict[int, tuple[int, Any]]
"""Field id -> (type, value); a list's value is (element type, elements)."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def taken(self, size: int) -> bytes:
        self.place += size
        return self.data[self.place - size : self.place]

    def value(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self.byte()
        if kind in (_I16, _I32, _I64):
            return self.integer()
        if kind == _DOUBLE:
            return self.taken(8)
        if kind == _BINARY:
            return self.taken(self.varint())
        if kind in (_LIST, _SET):
            head = self.byte()
            size, element = head >> 4, head & 0x0F
            size = self.varint() if size == 15 else size
            read = self.byte if element in (_TRUE, _FALSE) else lambda: self.value(element)
            return element, [read() for _ in range(size)]
        if kind == _STRUCT:
            return self.struct()
        raise pa.ArrowInvalid(f"Thrift type {kind} in a Parquet footer")

    def struct(self) -> Struct:
        found: Struct = {}
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            found[number] = (head & 0x0F, self.value(head & 0x0F))
        return found


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray()

    def varint(self, value: int) -> None:
        while value >= 0x80:
            self.out.append(value & 0x7F | 0x80)
            value >>= 7
        self.out.append(value)

    def integer(self, value: int) -> None:
        self.varint(value << 1 if value >= 0 else (-value << 1) - 1)

    def value(self, kind: int, value: Any) -> None:
        if kind in (_TRUE, _FALSE):
            return  # a boolean field is its type
        if kind == _BYTE:
            self.out.append(value)
        elif kind in (_I16, _I32, _I64):
            self.integer(value)
        elif kind == _DOUBLE:
            self.out += value
        elif kind == _BINARY:
            self.varint(len(value))
            self.out += value
        elif kind in (_LIST, _SET):
            element, elements = value
            self.out.append((min(len(elements), 15) << 4) | element)
            if len(elements) >= 15:
                self.varint(len(elements))
            for one in elements:
                if element in (_TRUE, _FALSE):
                    self.out.append(one)
                else:
                    self.value(element, one)
        else:
            self.struct(value)

    def struct(self, fields: Struct) -> None:
        last = 0
        for number, (kind, value) in sorted(fields.items()):
            if 0 < number - last <= 15:
                self.out.append((number - last) << 4 | kind)
            else:
                self.out.append(kind)
                self.integer(number)
            self.value(kind, value)
            last = number
        self.out.append(0)


def read_footer(source: pa.NativeFile) -> Struct:
    """FileMetaData of an open Parquet file."""
    size = source.size()
    source.seek(size - 8)
    length, magic = struct.unpack("<I4s", source.read(8))
    if magic != MAGIC:
        raise pa.ArrowInvalid("no Parquet file")
    source.seek(size - 8 - length)
    return _Reader(bytes(source.read(length))).struct()


@dataclass(frozen=True)
class Piece:
    """Columns of one row group of an open file. names: its column -> the column of the merged file."""

    source: pa.NativeFile
    footer: Struct
    group: int
    names: dict[str, str]


class ParquetMerger:
    """Writes a file of `schema` from pieces; call `close` at the end.

    Every row group is given as pieces that together hold each leaf of the schema once, with equal numbers of rows and
    of the types that a writer gives for `schema`.
    """

    def __init__(self, sink: Any, schema: pa.Schema) -> None:
        self._sink = sink
        template = pa.BufferOutputStream()
        pq.write_table(schema.empty_table(), template)
        self._footer = read_footer(pa.BufferReader(template.getvalue()))
        self._leaves = [column.path for column in _columns(schema)]
        self._groups: list[Struct] = []
        self._rows = 0
        self._place = len(MAGIC)
        sink.write(MAGIC)

    def add(self, pieces: Sequence[Piece]) -> None:
        """One row group. Raises pa.ArrowInvalid when leaves are missing or the rows differ."""
        chunks: dict[str, tuple[Piece, Struct]] = {}
        rows = set()
        for piece in pieces:
            group = piece.footer[_ROW_GROUPS][1][1][piece.group]
            rows.add(group[_GROUP_ROWS][1])
            for chunk in group[_COLUMNS][1][1]:
                path = [part.decode() for part in chunk[_CHUNK_META][1][_PATH][1][1]]
                if path[0] in piece.names:
                    chunks[".".join([piece.names[path[0]], *path[1:]])] = (piece, chunk)
        if len(rows) != 1 or set(chunks) != set(self._leaves):
            raise pa.ArrowInvalid(f"a row group of {sorted(rows)} rows with the columns {sorted(chunks)}")
        count, start = rows.pop(), self._place
        copied = [self._copy(*chunks[leaf], leaf) for leaf in self._leaves]
        metas = [chunk[_CHUNK_META][1] for chunk in copied]
        self._groups.append(
            {
                _COLUMNS: (_LIST, (_STRUCT, copied)),
                _TOTAL_BYTES: (_I64, sum(meta[_UNCOMPRESSED][1] for meta in metas)),
                _GROUP_ROWS: (_I64, count),
                _GROUP_OFFSET: (_I64, start),
                _GROUP_COMPRESSED: (_I64, sum(meta[_COMPRESSED][1] for meta in metas)),
                _ORDINAL: (_I16, len(self._groups)),
            }
        )
        self._rows += count

    def _copy(self, piece: Piece, chunk: Struct, leaf: str) -> Struct:
        meta: Struct = {key: value for key, value in chunk[_CHUNK_META][1].items() if key not in _META_DROPPED}
        first = meta[_DATA_PAGE][1]
        if _DICTIONARY_PAGE in meta:
            first = min(first, meta[_DICTIONARY_PAGE][1])
        piece.source.seek(first)
        self._sink.write(piece.source.read(meta[_COMPRESSED][1]))
        move = self._place - first
        self._place += meta[_COMPRESSED][1]
        for key in (_DATA_PAGE, _DICTIONARY_PAGE):
            if key in meta:
                meta[key] = (_I64, meta[key][1] + move)
        meta[_PATH] = (_LIST, (_BINARY, [part.encode() for part in leaf.split(".")]))
        return {_CHUNK_OFFSET: (_I64, 0), _CHUNK_META: (_STRUCT, meta)}

    def close(self) -> None:
        """Write the footer."""
        self._footer[_VERSION_NUM_ROWS] = (_I64, self._rows)
        self._footer[_ROW_GROUPS] = (_LIST, (_STRUCT, self._groups))
        writer = _Writer()
        writer.struct(self._footer)
        self._sink.write(bytes(writer.out) + struct.pack("<I4s", len(writer.out), MAGIC))


def _columns(schema: pa.Schema) -> list[Any]:
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [found.column(place) for place in range(len(found))]
