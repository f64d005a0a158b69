"""A table of a landscape as one Parquet file or as a folder of part files, read alike.

`patents.parquet` may be a file, a folder of that name, or a folder `patents`; parts are read in the order of their
names, numbers as numbers, so rows count through them as through one file. What Spark and others leave beside the parts
(`_SUCCESS`, `.part-0.crc`) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.types as pt

from patray.errors import InputError
from patray.files import Folder, locate
from patray.landscapes.reading import iterate, open_parquet, read_whole
from patray.landscapes.schema import Column, check_schema

_DIGITS = re.compile(r"(\d+)")
_SUFFIX = ".parquet"
TABLES = ("patents.parquet", "queries.parquet", "citations.parquet", "qrels.parquet")


def find_parts(source: Folder, file: str) -> tuple[str, ...]:
    """The files inside `source` that hold the table `file` ('patents.parquet'), in order; none when it is absent.

    Example: `find_parts(folder, "patents.parquet")` -> `("patents/part-0.parquet", "patents/part-1.parquet")`.
    Raises InputError for a table that is there twice, a folder without a part, and one partitioned by a column.
    """
    bare = file.removesuffix(_SUFFIX)
    kind = _kind(source / file)
    parts: tuple[str, ...] = ()
    if _kind(source / bare) == pafs.FileType.Directory:
        parts = _inside(source, bare)
    if kind == pafs.FileType.NotFound:
        return parts
    if parts:
        raise InputError(f"{source}: both {file} and {bare}/ hold {bare}; remove or rename the one that does not count")
    if kind != pafs.FileType.Directory:
        return (file,)
    found = _inside(source, file)
    if not found:
        raise InputError(f"{source}/{file}: a folder without a {_SUFFIX} file in it")
    return found


def _kind(place: Folder) -> pafs.FileType:
    filesystem, path = locate(place.uri, InputError)
    return filesystem.get_file_info(path).type


def _inside(source: Folder, folder: str) -> tuple[str, ...]:
    found = []
    for name in (source / folder).walk():
        steps = name.split("/")
        if not name.lower().endswith(_SUFFIX) or any(step.startswith((".", "_")) for step in steps):
            continue
        column = next((step for step in steps[:-1] if "=" in step), None)
        if column:
            raise InputError(
                f"{source}/{folder}/{name}: partitioned by a column ({column}), which the parts themselves lack; "
                "write them without partitions"
            )
        found.append(f"{folder}/{name}")
    return tuple(sorted(found, key=_natural))


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key by which part-2 stands before part-10."""
    return [(0, int(one), "") if one.isdecimal() else (1, 0, one) for one in _DIGITS.split(name) if one], name


def label_files(source: Folder) -> tuple[list[str], list[str]]:
    """('labels/NAME.parquet' of every label table, whether file or folder; notes on what is none)."""
    tables, notes = [], []
    for name in (source / "labels").list():
        if name.endswith(_SUFFIX):
            tables.append(f"labels/{name}")
        elif _kind(source / "labels" / name) == pafs.FileType.Directory and _inside(source, f"labels/{name}"):
            tables.append(f"labels/{name}{_SUFFIX}")
        else:
            notes.append(f"labels/{name}: not a .parquet file, ignored")
    return list(dict.fromkeys(tables)), notes


def source_files(source: Folder) -> list[str]:
    """Every file whose bytes make the landscape: all parts, other Parquet files beside them, landscape.yaml, labels."""
    beside = [name for name in source.list() if name.endswith((_SUFFIX, ".yaml")) and name not in TABLES]
    files = [name for name in beside if _kind(source / name) == pafs.FileType.File]
    labels, _ = label_files(source)
    other = [f"labels/{name}" for name in (source / "labels").list()]
    files += [name for name in other if name not in labels and _kind(source / name) == pafs.FileType.File]
    return files + [part for table in (*TABLES, *labels) for part in find_parts(source, table)]


def is_landscape(source: Folder) -> bool:
    """True for a folder with patents, in one file or in parts."""
    return bool(find_parts(source, "patents.parquet"))


def check_is_landscape(source: Folder) -> None:
    """Raise InputError, with what to do, for what is no folder with patents."""
    filesystem, path = locate(source.uri, InputError)
    kind = filesystem.get_file_info(path).type
    if kind == pafs.FileType.NotFound:
        raise InputError(f"{source}: no such folder")
    makes = f"`patray import table {source} DEST` makes a landscape of it"
    if kind == pafs.FileType.File:
        raise InputError(
            f"{source}: a file; a landscape is a folder with patents.parquet (docs/landscapes.md). {makes}"
        )
    if is_landscape(source):
        return
    names = source.list()
    infos = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
    tables = [
        one for one in infos if one.path.lower().endswith((".parquet", ".csv", ".tsv", ".jsonl", ".json", ".xlsx"))
    ]
    found = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    hint = f". {makes}" if tables else ""
    raise InputError(f"{source}: no patents.parquet in this folder (found: {found or 'nothing'}){hint}")


@dataclass(frozen=True)
class Parts:
    """A table that was found: its part files, their common schema, rows and notes."""

    folder: Folder
    names: tuple[str, ...]
    schema: pa.Schema
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all parts as stored."""
        return sum(self.folder.size(name) for name in self.names)

    def batches(self, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Batches of at most `rows` rows through all parts, one part open at a time, all in the common schema.

        columns: those to read; None for all.
        """
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        for name in self.names:
            with open_parquet(self.folder, name) as parquet:
                for batch in iterate(parquet, f"{self.folder}/{name}", rows, columns):
                    yield batch if len(self.names) == 1 else _conformed(batch, schema)

    def table(self) -> pa.Table:
        """All rows, of a small table."""
        if len(self.names) == 1:
            return read_whole(self.folder, self.names[0])
        return pa.Table.from_batches(self.batches(1 << 16), self.schema)


def open_parts(source: Folder, file: str, columns: Sequence[Column] = ()) -> Parts:
    """Find a table and check every part of it against `columns`.

    Raises InputError when it is absent, when a part is damaged or wrongly typed, and when two parts hold a column in
    types that do not go together.
    """
    names = find_parts(source, file)
    if not names:
        raise InputError(f"{source / file}: no such file")
    rows, notes, merged = 0, [], pa.schema([])
    for name in names:
        with open_parquet(source, name) as parquet:
            schema = parquet.schema_arrow
            rows += parquet.metadata.num_rows
        notes += check_schema(f"{source}/{name}", schema, columns)
        if len(names) == 1:
            return Parts(source, names, schema, rows, tuple(notes))
        merged = _merged(merged, schema, f"{source}/{name}", names[0])
    if len(notes) > 3:
        notes = [*notes[:3], f"{file}: {len(notes) - 3} more notes of this kind on its parts"]
    return Parts(source, names, merged, rows, tuple(notes))


def _merged(known: pa.Schema, schema: pa.Schema, file: str, first: str) -> pa.Schema:
    fields = {field.name: field.type for field in known}
    for field in schema:
        kind = field.type.value_type if pt.is_dictionary(field.type) else field.type
        before = fields.get(field.name, kind)
        try:
            pair = [pa.schema([(field.name, one)]) for one in (before, kind)]
            fields[field.name] = pa.unify_schemas(pair, promote_options="permissive").field(0).type
        except pa.ArrowException as error:
            raise InputError(
                f"{file}: column {field.name!r} has type {field.type}, but {before} in the parts before it "
                f"(from {first}); write all parts with one type"
            ) from error
    return pa.schema(list(fields.items()))


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in schema:
        if field.name in batch.schema.names:
            column = batch.column(field.name)
            if pt.is_dictionary(column.type):
                column = column.dictionary_decode()
            columns.append(column if column.type == field.type else column.cast(field.type))
        else:
            columns.append(pa.nulls(batch.num_rows, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)
