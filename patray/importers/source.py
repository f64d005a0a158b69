"""Finding and opening sources: files, folders, zip members, compressed or not, local or behind any pyarrow.fs URI.

The compression is read from the first bytes, not from the name. Damage in a compressed stream is an InputError that
names the file and how far its content could be read, unless the caller asked to keep what came before it.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from patray import files
from patray.errors import InputError
from patray.filesystems import join, parent_and_name

MAGIC = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst", b"PK\x03\x04": "zip"}
BUFFER = 1 << 20
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError, pa.ArrowInvalid, zipfile.BadZipFile)


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARTS = (b"[Content_Types].xml", b"_rels/", b"xl/", b"mimetypeapplication/vnd.oasis", b"docProps/")


def is_workbook(head: bytes) -> bool:
    """True for the first bytes of .xlsx, .xlsm, .xlsb, .ods and .xls, whatever the file is called."""
    return head.startswith(_OLE) or (head.startswith(b"PK\x03\x04") and head[30:].startswith(_PARTS))


@dataclass(frozen=True)
class SourceFile:
    """A file, or a member of a zip archive. size: bytes as stored. compression: '', gz, xz, bz2, zst or zip."""

    uri: str
    size: int
    compression: str = ""
    member: str = ""

    @property
    def label(self) -> str:
        """How messages and quarantine rows name it: the file's own name, and its member."""
        name = parent_and_name(self.uri.rstrip("/"))[1]
        return f"{name}:{self.member}" if self.member else name

    @property
    def base(self) -> str:
        """The name without folders and compression suffixes, lower case: `g_patent.tsv`."""
        name = (self.member or parent_and_name(self.uri)[1]).rsplit("/", 1)[-1].lower()
        for suffix in (".gz", ".xz", ".bz2", ".zst", ".zip"):
            name = name.removesuffix(suffix)
        return name


def locate(uri: str) -> tuple[pafs.FileSystem, str]:
    """Filesystem and path of a local path or URI; InputError where it cannot be opened."""
    return files.locate(uri, InputError)


def find_files(sources: Sequence[str], open_archives: bool = True) -> list[SourceFile]:
    """Every file behind the sources, in the order of their names; folders are searched, zip archives opened.

    Raises InputError for a source that does not exist, a damaged archive, and when nothing is found.
    """
    found: list[SourceFile] = []
    for source in sources:
        filesystem, path = locate(source)
        info = filesystem.get_file_info(path)
        if info.type == pafs.FileType.NotFound:
            raise InputError(f"{source}: no such file or folder")
        if info.type == pafs.FileType.Directory:
            infos = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
            files = sorted(
                (one for one in infos if one.type == pafs.FileType.File and not _hidden(one.path, path)),
                key=lambda one: one.path,
            )
        else:
            files = [info]
        for one in files:
            if isinstance(filesystem, pafs.LocalFileSystem):
                uri = one.path
            else:
                inside = one.path[len(path) :].lstrip("/")
                uri = join(source, inside) if inside else source
            found += _members(uri, one.size, open_archives)
    if not found:
        raise InputError(f"{', '.join(sources)}: no file found")
    return found


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith((".", "_tmp")) for part in path[len(root) :].split("/") if part)


def _members(uri: str, size: int, open_archives: bool) -> list[SourceFile]:
    filesystem, path = locate(uri)
    with filesystem.open_input_file(path) as stream:
        head = stream.read(4096)
        compression = next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")
        if compression != "zip" or is_workbook(head) or not open_archives:
            return [SourceFile(uri, size, "" if is_workbook(head) else compression)]
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                members = [one for one in archive.infolist() if not one.is_dir() and "__MACOSX" not in one.filename]
        except zipfile.BadZipFile as error:
            raise InputError(f"{uri}: not a whole zip archive (cut off or damaged): {error}") from error
        return [SourceFile(uri, one.compress_size, "zip", one.filename) for one in members]


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gz": lambda: zlib.decompressobj(wbits=31),
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
_STEP = 1 << 16


class _Decompressed:
    """Gives what could be decompressed before it raises for damage; the standard readers lose their last buffer."""

    def __init__(self, raw: Any, kind: str) -> None:
        self._raw, self._new = raw, _DECOMPRESSORS[kind]
        self._current: Any = None
        self._data = b""
        self._unused = b""

    def read(self, size: int) -> bytes:
        while not self._data:
            data = self._unused or bytes(self._raw.read(_STEP))
            self._unused = b""
            if not data:
                if self._current is not None:
                    raise EOFError("compressed file ended before its end marker")
                return b""
            if self._current is None:
                data = data.lstrip(b"\0")  # padding between members
                if not data:
                    continue
                self._current = self._new()
            self._data = self._current.decompress(data)
            if self._current.eof:
                self._unused, self._current = self._current.unused_data, None
        found, self._data = self._data[:size], self._data[size:]
        return found


class Stream(io.RawIOBase):
    """The decompressed bytes of a source file, front to back.

    keep_truncated: damage ends the stream and stands in `cut`; otherwise it raises InputError.
    """

    def __init__(self, file: SourceFile, keep_truncated: bool = False, start: int = 0) -> None:
        super().__init__()
        self.file, self.keep_truncated = file, keep_truncated
        self.position = start
        self.cut = ""
        self._closing = ExitStack()
        filesystem, path = locate(file.uri)
        raw = self._closing.enter_context(filesystem.open_input_file(path))
        if start:
            raw.seek(start)
        self._inner: Any = self._decompressed(raw)

    def _decompressed(self, raw: Any) -> Any:
        kind = self.file.compression
        if kind in _DECOMPRESSORS:
            return _Decompressed(raw, kind)
        if kind == "zst":
            return self._closing.enter_context(pa.CompressedInputStream(raw, "zstd"))
        if kind == "zip":
            archive = self._closing.enter_context(zipfile.ZipFile(raw))
            return self._closing.enter_context(archive.open(self.file.member))
        return raw

    def _read_some(self, size: int) -> bytes:
        """Up to `size` bytes; less where more cannot be had without meeting damage."""
        if self.file.compression == "zip":
            return bytes(self._inner.read1(size))
        return bytes(self._inner.read(min(size, _STEP) if self.file.compression == "zst" else size))

    def raw(self) -> Any:
        """The file itself where it is not compressed, else a buffered reader over this stream."""
        return io.BufferedReader(self, BUFFER) if self.file.compression else self._inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.cut:
            return 0
        try:
            data = self._read_some(len(buffer))
        except _DAMAGE as error:
            detail = str(error).strip() or type(error).__name__
            self.cut = f"{self.file.label}: cut off or damaged after {self.position:,} bytes of its content ({detail})"
            if self.keep_truncated:
                return 0
            raise InputError(f"{self.cut}; --keep-truncated keeps the rows before that") from error
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._closing.close()
        super().close()


def _rest_of_line(reader: Any) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        data = reader.read(1 << 16)
        end = data.find(b"\n") + 1
        found += data[:end] if end else data
        if not data or end:
            break
    return found


def line_blocks(reader: Any, size: int, stop: int | None = None) -> Iterator[bytearray]:
    """Blocks of whole lines of about `size` bytes. stop: bytes to read at least, to the end of the line there.

    All blocks are one bytearray, filled anew: a block is gone when the next one is asked for.
    """
    block, rest, used = bytearray(), b"", 0
    while stop is None or used < stop:
        wanted, held = size if stop is None else min(size, stop - used), len(rest)
        if block:
            block.extend(bytes(max(0, held + wanted - len(block))))
        else:
            block = bytearray(held + wanted)  # one pass over fresh memory, not two
        with memoryview(block) as whole, whole[held : held + wanted] as free:
            whole[:held] = rest
            read = reader.readinto(free)
        if not read:
            break
        used += read
        del block[held + read :]
        if stop is not None and used >= stop and not block.endswith(b"\n"):
            block += _rest_of_line(reader)
        end = block.rfind(b"\n", held) + 1  # there is none in what was held
        rest = bytes(block[end:])
        if end:
            del block[end:]
            yield block
    if rest:
        yield bytearray(rest)


def content_of(path: str) -> str:
    """32 hex digits over the names and bytes of files: the part of a suite's identity that a path is not."""
    found = find_files([path], open_archives=False)
    root = locate(path)[1]
    total = hashlib.blake2b(digest_size=16)
    for file in found:
        filesystem, inside = locate(file.uri)
        total.update(f"{inside.removeprefix(root)}\0{file.size}\0".encode())
        with filesystem.open_input_stream(inside, compression=None) as stream:
            while chunk := stream.read(1 << 22):
                total.update(chunk)
    return total.hexdigest()
