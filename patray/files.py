"""A folder on any filesystem that pyarrow knows: a local path, s3://, gs://.

All of patray's durable files go through this, so that "written" has one meaning: a file is either absent or whole.
Local writes go to a temporary name in the same folder and are renamed; object stores publish an object when it is
closed. Artifacts are complete when their `artifact.json` exists, which is written last.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from patray.errors import InputError, PatrayError, ResourceError


def locate(uri: str, problem: type[PatrayError]) -> tuple[pafs.FileSystem, str]:
    """Filesystem and path of a local path or URI; raises `problem` where it cannot be opened."""
    if "://" not in uri:
        return pafs.LocalFileSystem(), os.path.abspath(os.path.expanduser(uri))
    try:
        return pafs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:  # not a URI, a scheme that pyarrow lacks
        raise problem(f"{uri}: cannot open this location: {error}") from error


@dataclass(frozen=True)
class Folder:
    """A folder by its URI or local path. Cheap to pickle: the filesystem is opened where it is used."""

    uri: str

    @staticmethod
    def at(uri: str | os.PathLike[str]) -> Folder:
        """A folder for `uri`; a local path is made absolute, so that workers in another directory find it."""
        text = os.fspath(uri)
        return Folder(text.rstrip("/") if "://" in text else os.path.abspath(os.path.expanduser(text)))

    def __truediv__(self, name: str) -> Folder:
        return Folder(f"{self.uri}/{name}")

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        return self.uri.rsplit("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        return "://" not in self.uri

    def _open(self) -> tuple[pafs.FileSystem, str]:
        return locate(self.uri, ResourceError)

    def exists(self, name: str = "") -> bool:
        filesystem, path = (self / name if name else self)._open()
        return filesystem.get_file_info(path).type != pafs.FileType.NotFound

    def list(self) -> list[str]:
        """Names directly inside, sorted; hidden and temporary names left out; empty when the folder is absent."""
        filesystem, path = self._open()
        infos = filesystem.get_file_info(pafs.FileSelector(path, allow_not_found=True))
        return sorted(info.base_name for info in infos if not info.base_name.startswith((".", "_tmp")))

    def walk(self) -> Sequence[str]:
        """Names of all files below, with their folders (`1_Pooling/config.json`), sorted."""
        filesystem, path = self._open()
        infos = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
        return sorted(info.path[len(path) :].lstrip("/") for info in infos if info.type == pafs.FileType.File)

    def size(self, name: str) -> int:
        """Bytes of one file inside."""
        filesystem, path = (self / name)._open()
        return int(filesystem.get_file_info(path).size)

    def make(self) -> Folder:
        """Create it and check that it can be written, so that a job fails before it works, not after."""
        filesystem, path = self._open()
        try:
            filesystem.create_dir(path, recursive=True)
            self.write_bytes(".writable", b"")
            filesystem.delete_file(f"{path}/.writable")
        except OSError as error:
            raise ResourceError(f"{self.uri}: cannot write here: {error}") from error
        return self

    def delete(self, name: str) -> None:
        """Remove a file or a whole folder inside; absent is fine."""
        filesystem, path = (self / name)._open()
        kind = filesystem.get_file_info(path).type
        if kind == pafs.FileType.Directory:
            filesystem.delete_dir(path)
        elif kind == pafs.FileType.File:
            filesystem.delete_file(path)

    def input(self, name: str) -> pa.NativeFile:
        """A seekable file for reading."""
        filesystem, path = (self / name)._open()
        try:
            return filesystem.open_input_file(path)
        except FileNotFoundError as error:
            raise InputError(f"{self.uri}/{name}: no such file") from error

    def read_bytes(self, name: str) -> bytes:
        with self.input(name) as stream:
            return bytes(stream.read())

    def read_text(self, name: str) -> str:
        return self.read_bytes(name).decode("utf-8")

    def read_json(self, name: str) -> Any:
        return json.loads(self.read_text(name))

    def read_table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        with self.input(name) as stream:
            return pq.read_table(stream, columns=None if columns is None else [*columns])

    def write_bytes(self, name: str, data: bytes) -> None:
        self.publish(name, lambda sink: sink.write(data))

    def write_text(self, name: str, text: str) -> None:
        self.write_bytes(name, text.encode("utf-8"))

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n")

    def write_table(self, name: str, table: pa.Table, row_group_size: int | None = None) -> None:
        self.publish(name, lambda sink: pq.write_table(table, sink, compression="zstd", row_group_size=row_group_size))

    def upload(self, name: str, path: str) -> None:
        """Save a local file under `name`."""
        with open(path, "rb") as source:
            self.publish(name, lambda sink: shutil.copyfileobj(source, sink, 1 << 22))

    def download(self, name: str, path: str) -> None:
        """Copy the file `name` to a local path."""
        with self.input(name) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 22)

    def publish(self, name: str, write: Any) -> None:
        """Write `name` so that a reader sees all of it or nothing."""
        filesystem, path = (self / name)._open()
        parent, _, base = path.rpartition("/")
        target = f"{parent}/_tmp-{uuid.uuid4().hex}-{base}" if self.is_local else path
        try:
            filesystem.create_dir(parent, recursive=True)
            with filesystem.open_output_stream(target) as sink:
                write(sink)
            if target != path:
                filesystem.move(target, path)
        except OSError as error:
            if target != path and filesystem.get_file_info(target).type == pafs.FileType.File:
                filesystem.delete_file(target)
            raise ResourceError(f"{self.uri}/{name}: could not be saved: {error}") from error
