"""The files of a tar archive, read front to back; an archive that is cut off is an error, also between two files."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any

from patray.errors import InputError
from patray.importers.source import SourceFile


def tar_files(stream: Any, file: SourceFile, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the members with these endings, tars inside the tar opened; in the order of the archive."""
    tail = _Tail(stream)
    archive = tarfile.open(fileobj=tail, mode="r|")  # type: ignore[call-overload]  # noqa: SIM115
    while True:
        try:
            member = archive.next()
            if member is None:
                break
            inner = archive.extractfile(member) if member.isfile() else None
            if inner is None:
                continue
            if member.name.lower().endswith(endings):
                yield member.name.rsplit("/", 1)[-1], inner.read()
            elif member.name.endswith((".tar", ".tar.gz", ".tgz")):
                yield from _from_nested(inner, endings)
        except tarfile.TarError as error:
            if getattr(stream, "cut", ""):
                break
            raise InputError(f"{file.label}: not a whole tar archive (cut off or damaged): {error}") from error
    if not tail.is_end() and not getattr(stream, "cut", ""):
        raise InputError(f"{file.label}: not a whole tar archive: it ends without its end marker (cut off)")


class _Tail:
    """A reader that remembers the last bytes: tarfile takes an archive cut between two files for a whole one."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._last = stream, b""

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size) or b""
        self._last = (self._last + data)[-1024:]
        return data

    def is_end(self) -> bool:
        """True when the rest of the file ends in the two empty blocks that close a tar archive."""
        while self.read(1 << 16):
            pass
        return self._last == bytes(1024)


def _from_nested(inner: Any, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=inner, mode="r|*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and member.name.lower().endswith(endings):
                yield member.name.rsplit("/", 1)[-1], content.read()
