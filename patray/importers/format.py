"""What a format is to the importer: how its files become units of work, and how a unit becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from patray.errors import InputError
from patray.importers.options import Options
from patray.importers.record import Rows
from patray.importers.source import SourceFile, Stream

RANGE = 96 << 20
"""Bytes of a unit where a file can be cut at lines: small enough to lose little when killed."""


@dataclass(frozen=True)
class Unit:
    """The unit of work, of resume and of one part folder. role: what the format's reader does with it.

    start, stop: bytes of an uncompressed line file, or row groups of a Parquet file (stop 0: to the end). work: folder
    of intermediate files, for formats that scatter before they read. more: further small files of the same unit.
    """

    role: str
    file: SourceFile
    start: int = 0
    stop: int = 0
    work: str = ""
    more: tuple[SourceFile, ...] = ()

    @property
    def weight(self) -> int:
        """Bytes to read, for the progress bar."""
        stretch = self.stop and not self.file.compression and not self.file.base.endswith((".parquet", ".tsv"))
        return self.stop - self.start if stretch else self.file.size + sum(file.size for file in self.more)


@dataclass(frozen=True)
class Format:
    """plan: files -> units. read: unit -> rows. source, licence: what landscape.yaml says unless told otherwise.

    dates: values of --date that the format can serve. source_id: name of the column that keeps the source's own ids,
    '' for none. scatter: for sources whose tables must be joined: writes a unit's rows into buckets under unit.work
    and returns the number of rows read by table; gather then gives the units that `read` takes. archives: zip members
    are files of their own. printed_ids: True where ids and citations are as people's tools print them. explain: lines
    on what was taken for what, shown before the rows are read. says: one line of help, for formats of other packages.
    threads: `read` spends its time in arrow, which needs no interpreter, so threads of one process do for its units.
    """

    name: str
    plan: Callable[[Sequence[SourceFile], Options], list[Unit]]
    read: Callable[[Unit, Options], Iterator[Rows]]
    source: str
    licence: str = ""
    dates: tuple[str, ...] = ("publication",)
    source_id: str = ""
    scatter: Callable[[Unit, Options], dict[str, int]] | None = None
    gather: Callable[[str, Options], list[Unit]] | None = None
    archives: bool = True
    printed_ids: bool = False
    explain: Callable[[Sequence[Unit], Options], list[str]] | None = None
    says: str = ""
    threads: bool = False

    def check(self, options: Options) -> None:
        """Raise InputError for options that this format cannot serve."""
        if options.date not in self.dates:
            raise InputError(f"--date {options.date}: {self.name} sources give {', '.join(self.dates)}")


def only(files: Sequence[SourceFile], suffixes: Sequence[str], format_name: str) -> list[SourceFile]:
    """The files whose name (without compression) ends so; InputError when there is none."""
    found = [file for file in files if file.base.endswith(tuple(suffixes))]
    if not found:
        names = ", ".join(file.label for file in files[:5]) + (", ..." if len(files) > 5 else "")
        wanted = f"{format_name}: wanted files ending in {', '.join(suffixes)}; found {names}"
        like = next((suffix for sign, suffix in _LOOKS.items() if suffix in suffixes and _begins(files[0], sign)), None)
        raise InputError(f"{wanted}; {files[0].label} looks like one: rename it to end in {like}" if like else wanted)
    return found


_LOOKS = {b"{": ".jsonl", b"\x1e": ".jsonl", b"[": ".json", b"PAR1": ".parquet", b"PK\x03\x04": ".xlsx", b"<": ".xml"}


def _begins(file: SourceFile, sign: bytes) -> bool:
    with Stream(file, keep_truncated=True) as stream:
        return bytes(stream.read(64) or b"").removeprefix(b"\xef\xbb\xbf").lstrip().startswith(sign)


def line_units(role: str, file: SourceFile) -> list[Unit]:
    """Units of a JSON lines file: stretches of an uncompressed one, else the whole."""
    from patray.importers.json_lines import split_ranges

    return [Unit(role, file, start, stop) for start, stop in split_ranges(file, RANGE)]


def parquet_units(role: str, file: SourceFile) -> list[Unit]:
    """Units of a Parquet file: stretches of row groups."""
    from patray.importers.parquet_rows import row_group_ranges

    return [Unit(role, file, start, stop) for start, stop in row_group_ranges(file, RANGE)]
