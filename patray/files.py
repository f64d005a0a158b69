"""A folder on any filesystem: a local path, s3://, gs://, abfs://, hdfs://, or what fsspec knows.

All of patray's durable files go through this, so that "written" has one meaning: a file is either absent or whole, and
a writer that fails leaves what was there before. Filesystems with a rename get a temporary name first; object stores
get the whole object in one write from a nameless local file, since closing a stream would publish half of one.
Artifacts are complete when their `artifact.json` exists, which is written last.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from patray import filesystems
from patray.errors import DamagedError, InputError, ResourceError
from patray.filesystems import locate, persistently
from patray.seals import CHUNK, Seal, Sealing, seal_of

__all__ = ["TEMPORARY", "Folder", "locate"]

T = TypeVar("T")
TEMPORARY = "_tmp-"
"""How the name of a file begins that is not whole yet; never listed."""


DICTIONARY_BYTES = 64 << 20
LOOKS = 100
"""How often a folder is listed that others make and delete meanwhile."""


def parquet_options(schema: pa.Schema, split: Sequence[str] = ()) -> dict[str, Any]:
    """How pyarrow writes a table of this schema small, with every bit kept.

    Vectors of floats, and the columns `split`, are written a byte of all numbers after another (BYTE_STREAM_SPLIT of
    Parquet), since sign and exponent of numbers of one size hardly differ. Beside `split`, and where columns are
    dictionaries already, a dictionary may be as large as all ids of a corpus.
    """
    vectors = [
        field.name
        for field in schema
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type)
    ]
    apart = [*(f"{name}.list.element" for name in vectors), *split]
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
    if apart:
        options["column_encoding"] = dict.fromkeys(apart, "BYTE_STREAM_SPLIT")
        options["use_dictionary"] = [name for name in schema.names if name not in vectors and name not in split]
    if split or any(pa.types.is_dictionary(field.type) for field in schema):
        options["dictionary_pagesize_limit"] = DICTIONARY_BYTES
    return options


@dataclass(frozen=True)
class Folder:
    """A folder by its URI or local path. Cheap to pickle: the filesystem is opened where it is used."""

    uri: str

    @staticmethod
    def at(uri: str | os.PathLike[str]) -> Folder:
        """A folder for `uri`; a local path is made absolute, so that workers in another directory find it."""
        text = os.fspath(uri)
        if not filesystems.is_uri(text):
            return Folder(os.path.abspath(os.path.expanduser(text)))
        head, mark, query = text.partition("?")
        return Folder(f"{head.rstrip('/')}{mark}{query}")

    def __truediv__(self, name: str) -> Folder:
        return Folder(filesystems.join(self.uri, name))

    def __str__(self) -> str:
        return filesystems.shown(self.uri)

    @property
    def name(self) -> str:
        return filesystems.parent_and_name(self.uri)[1]

    @property
    def parent(self) -> Folder:
        return Folder(filesystems.parent_and_name(self.uri)[0])

    def path_in(self, above: Folder) -> str | None:
        """Its path inside another folder, or None where it lies elsewhere."""
        own, other = filesystems.shown(self.uri), filesystems.shown(above.uri)
        return own[len(other) + 1 :] if own.startswith(f"{other}/") else None

    @property
    def is_local(self) -> bool:
        return not filesystems.is_uri(self.uri)

    def _open(self) -> tuple[pafs.FileSystem, str]:
        return locate(self.uri, ResourceError)

    def _try(self, name: str, what: str, action: Callable[[pafs.FileSystem, str], T]) -> T:
        place = self / name if name else self
        filesystem, path = place._open()
        return persistently(place.uri, what, lambda: action(filesystem, path))

    def exists(self, name: str = "") -> bool:
        info = self._try(name, "could not be looked at", lambda filesystem, path: filesystem.get_file_info(path))
        return bool(info.type != pafs.FileType.NotFound)

    def _infos(self, recursive: bool) -> list[tuple[str, pafs.FileInfo]]:
        """Each file and folder inside with its name relative to this folder; none when the folder is absent."""

        def look(filesystem: pafs.FileSystem, path: str) -> list[pafs.FileInfo]:
            wanted = pafs.FileSelector(path, recursive=recursive, allow_not_found=True)
            for _ in range(LOOKS):
                # Of a folder that comes while it is looked for, pyarrow 26 says that it is not found after all.
                with suppress(FileNotFoundError):
                    return filesystem.get_file_info(wanted)
            return filesystem.get_file_info(wanted)

        _, path = self._open()
        infos = self._try("", "could not be listed", look)
        above = len(path.strip("/"))
        return sorted(((info.path.strip("/")[above:].lstrip("/"), info) for info in infos), key=lambda one: one[0])

    def list(self) -> list[str]:
        """Names directly inside, sorted; hidden and temporary names left out; empty when the folder is absent."""
        return [name for name, _ in self._infos(recursive=False) if not name.startswith((".", TEMPORARY.rstrip("-")))]

    def walk(self) -> Sequence[str]:
        """Names of all files below, with their folders (`1_Pooling/config.json`), sorted."""
        return list(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Bytes of every file below by its name, from one listing."""
        found = self._infos(recursive=True)
        return {name: int(info.size) for name, info in found if info.type == pafs.FileType.File}

    def file_times(self) -> dict[str, tuple[int, float]]:
        """Bytes of every file below, hidden ones too, and when it was last written, in seconds since 1970."""
        found = self._infos(recursive=True)
        times = {name: (int(info.size), (info.mtime_ns or 0) / 1e9) for name, info in found if info.is_file}
        return dict(sorted(times.items()))

    def temporary(self, older_than: float = 0.0) -> dict[str, int]:
        """Bytes of the temporary files below that were last written `older_than` seconds ago or before: what writers
        left that were killed."""
        limit = time.time() - older_than
        return {
            name: int(info.size)
            for name, info in self._infos(recursive=True)
            if name.rpartition("/")[2].startswith(TEMPORARY)
            and info.type == pafs.FileType.File
            and (info.mtime_ns is None or info.mtime_ns / 1e9 <= limit)
        }

    def size(self, name: str) -> int:
        """Bytes of one file inside; InputError when it is absent."""
        info = self._try(name, "could not be looked at", lambda filesystem, path: filesystem.get_file_info(path))
        if info.type != pafs.FileType.File:
            raise InputError(f"{self / name}: no such file")
        return int(info.size)

    def make(self) -> Folder:
        """Create it and check that it can be written, so that a job fails before it works, not after."""
        probe = f".writable-{uuid.uuid4().hex}"
        self._try("", "cannot write here", lambda filesystem, path: filesystem.create_dir(path, recursive=True))
        self.write_bytes(probe, b"")
        self.delete(probe)
        return self

    def delete(self, name: str) -> None:
        """Remove a file or a whole folder inside; absent is fine."""

        def remove(filesystem: pafs.FileSystem, path: str) -> None:
            kind = filesystem.get_file_info(path).type
            with suppress(FileNotFoundError):  # another one was first
                if kind == pafs.FileType.Directory:
                    filesystem.delete_dir(path)
                elif kind == pafs.FileType.File:
                    filesystem.delete_file(path)

        self._try(name, "could not be deleted", remove)

    def input(self, name: str) -> pa.NativeFile:
        """A seekable file for reading; of a store elsewhere one that is asked again where the store is busy."""

        def open_it(filesystem: pafs.FileSystem, path: str) -> pa.NativeFile:
            opened = filesystem.open_input_file(path)
            if isinstance(filesystem, pafs.LocalFileSystem):
                return opened
            return pa.PythonFile(filesystems.Patient((self / name).uri, opened), mode="r")

        return self._present(name, "could not be opened", open_it)

    def read_buffer(self, name: str, seal: Seal | None = None) -> pa.Buffer:
        """All bytes of a file; DamagedError when they are not those of `seal`."""

        def read(filesystem: pafs.FileSystem, path: str) -> pa.Buffer:
            with filesystem.open_input_file(path) as stream:
                return stream.read_buffer()

        try:
            found = self._try(name, "could not be read", read)
        except FileNotFoundError as error:
            raise (InputError if seal is None else DamagedError)(f"{self / name}: no such file") from error
        if seal is not None:
            self._check(name, seal_of(found), seal)
        return found

    def _check(self, name: str, found: Seal, wanted: Seal) -> None:
        if found.bytes != wanted.bytes:
            raise DamagedError(
                f"{self / name}: cut short or exchanged: it has {found.bytes:,} bytes, {wanted.bytes:,} were written"
            )
        if found.digest != wanted.digest:
            raise DamagedError(
                f"{self / name}: damaged or exchanged: its {found.bytes:,} bytes are not those that were written"
            )

    def read_bytes(self, name: str) -> bytes:
        return self.read_buffer(name).to_pybytes()

    def read_text(self, name: str) -> str:
        return self.read_bytes(name).decode("utf-8")

    def read_json(self, name: str) -> Any:
        text = self.read_bytes(name)
        try:
            return json.loads(text)
        except ValueError as error:
            raise DamagedError(f"{self / name}: not valid JSON, so it was cut short or changed: {error}") from error

    def read_table(self, name: str, columns: Sequence[str] | None = None, seal: Seal | None = None) -> pa.Table:
        """A Parquet file, or some of its columns. With a `seal` all its bytes are read and checked, in the same pass.

        Raises DamagedError, naming the file, when it is not what was sealed, or no readable Parquet file.
        """
        chosen = None if columns is None else [*columns]
        stream = pa.BufferReader(self.read_buffer(name, seal)) if seal or chosen is None else self.input(name)
        try:
            with stream:
                return pq.read_table(stream, columns=chosen, page_checksum_verification=seal is None)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and filesystems.storage_trouble(error):
                raise ResourceError(filesystems.trouble((self / name).uri, "could not be read", error)) from error
            raise DamagedError(f"{self / name}: not a readable Parquet file (cut short or damaged): {error}") from error

    def _present(self, name: str, what: str, action: Callable[[pafs.FileSystem, str], T]) -> T:
        """As `_try`, of a file that must be there; InputError when it is absent."""
        try:
            return self._try(name, what, action)
        except FileNotFoundError as error:
            raise InputError(f"{self / name}: no such file") from error

    def fold(self, name: str, start: Callable[[], T], add: Callable[[T, bytes], object]) -> T:
        """A fresh `start()` that was given all pieces of a file."""
        found = start()
        try:
            with self.input(name) as stream:
                while piece := stream.read(CHUNK):
                    add(found, piece)
        except OSError as error:
            raise ResourceError(filesystems.trouble((self / name).uri, "could not be read", error)) from error
        return found

    def seal(self, name: str) -> Seal:
        """The seal of a file as it is now, read in pieces; DamagedError when it is absent."""
        try:
            return self.fold(name, lambda: Sealing(_Nowhere()), Sealing.write).seal()
        except InputError as error:
            raise DamagedError(str(error)) from error

    def check(self, name: str, seal: Seal) -> None:
        """DamagedError when a file is absent or not the one that was sealed; reads all of it, in pieces."""
        self._check(name, self.seal(name), seal)

    def write_bytes(self, name: str, data: bytes) -> Seal:
        return self.publish(name, lambda sink: sink.write(data))

    def write_text(self, name: str, text: str) -> Seal:
        return self.write_bytes(name, text.encode("utf-8"))

    def write_json(self, name: str, value: Any) -> Seal:
        return self.write_text(
            name, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"
        )

    def write_table(
        self, name: str, table: pa.Table, row_group_size: int | None = None, split: Sequence[str] = ()
    ) -> Seal:
        """Save a table as Parquet; split: as `parquet_options` takes it."""
        options = parquet_options(table.schema, split)
        written = self.publish(name, lambda sink: pq.write_table(table, sink, row_group_size=row_group_size, **options))
        return replace(written, rows=table.num_rows)

    def upload(self, name: str, path: str) -> Seal:
        """Save a local file under `name`."""
        with open(path, "rb") as source:
            return self.publish(name, lambda sink: shutil.copyfileobj(source, sink, CHUNK))

    def download(self, name: str, path: str) -> None:
        """Copy the file `name` to a local path."""

        def copy(filesystem: pafs.FileSystem, remote: str) -> None:
            with filesystem.open_input_file(remote) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target, CHUNK)

        self._present(name, "could not be copied", copy)

    def publish(self, name: str, write: Callable[[Any], object]) -> Seal:
        """Write `name` so that a reader sees all of it or what was there before, whatever `write` raises; its seal.

        write: is called with a binary file and writes all to it.
        """
        place = self / name
        filesystem, path = place._open()
        try:
            if filesystems.publishes_at_close(filesystem):
                return _at_once(place.uri, filesystem, path, write)
            return _renamed(place.uri, filesystem, path, write)
        except OSError as error:
            raise ResourceError(filesystems.trouble(place.uri, "could not be saved", error)) from error


class _Nowhere:
    def write(self, data: Any) -> None:
        """Drop the data."""


def _renamed(uri: str, filesystem: pafs.FileSystem, path: str, write: Callable[[Any], object]) -> Seal:
    """Write under a temporary name beside `path`, then rename; nothing is left when that fails."""
    parent, _, base = path.rpartition("/")
    target = f"{parent}/{TEMPORARY}{uuid.uuid4().hex}-{base}"
    persistently(uri, "could not be saved", lambda: filesystem.create_dir(parent or "/", recursive=True))
    local = isinstance(filesystem, pafs.LocalFileSystem)
    try:
        sink: Any = open(target, "wb") if local else filesystem.open_output_stream(target)  # noqa: SIM115
        with sink:
            sealing = Sealing(sink)
            write(sealing)
            sink.flush()
            if local:
                os.fsync(sink.fileno())  # else a power cut could keep the name and lose the content
        if local:
            os.replace(target, path)
        else:
            _move(filesystem, target, path)
    except BaseException:
        with suppress(OSError):
            filesystem.delete_file(target)
        raise
    return sealing.seal()


def _move(filesystem: pafs.FileSystem, target: str, path: str) -> None:
    """Rename over what is there; HDFS does not, so the old file has to go first."""
    try:
        filesystem.move(target, path)
    except OSError:
        if filesystem.get_file_info(path).type != pafs.FileType.File:
            raise
        filesystem.delete_file(path)
        filesystem.move(target, path)


def _at_once(uri: str, filesystem: pafs.FileSystem, path: str, write: Callable[[Any], object]) -> Seal:
    """Write to a local file without a name, which goes with this process, then store it as one object."""
    with tempfile.TemporaryFile(prefix="patray-") as scratch:
        sealing = Sealing(scratch)
        write(sealing)
        scratch.flush()
        seal = sealing.seal()
        content: Any = mmap.mmap(scratch.fileno(), 0, access=mmap.ACCESS_READ) if seal.bytes else b""
        persistently(uri, "could not be saved", lambda: filesystems.put_whole(filesystem, path, pa.py_buffer(content)))
    return seal
