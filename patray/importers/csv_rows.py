"""Delimited text into columns of strings: quoted newlines and tabs, BOM, ragged rows, undecodable bytes.

Every row is matched to the header by name. A row with another number of fields, or with a broken quote, is
quarantined with its line; every line that a quote swallowed is counted; the rows after it are read on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from patray.errors import InputError
from patray.importers.json_lines import BAD_BYTES, cut
from patray.importers.record import Finding
from patray.importers.source import SourceFile, Stream
from patray.importers.suggest import suggest

BATCH_ROWS, BATCH_CHARS = 8192, 32 << 20
MAX_FIELD = 256 << 20
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
RAGGED = "row and header differ in the number of fields"
HEADER_AGAIN = "the header once more, as in files that were put together"
BROKEN_QUOTE = "broken quoting"


@dataclass(frozen=True)
class Quotes:
    """sign: around cells, '' where `"` is a sign like others. escape: the sign in front of a quote inside a cell, ''
    where it is doubled. blanks: may stand between delimiter and quote."""

    sign: str = '"'
    escape: str = ""
    blanks: bool = False

    def reader(self, lines: Iterable[str], delimiter: str) -> Any:
        """A csv.reader of such rows, which raises csv.Error for a broken quote."""
        return csv.reader(
            lines,
            delimiter=delimiter,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if self.sign else csv.QUOTE_NONE,
            quotechar=self.sign or '"',
            escapechar=self.escape or None,
            skipinitialspace=self.blanks,
        )


USUAL = Quotes()


@dataclass(frozen=True)
class CsvBlock:
    """columns: header name -> strings (n,). lines (n,): first line of each row. read: rows met, bad ones too.

    header: every name as it stands, doubled ones too.
    """

    columns: dict[str, pa.Array]
    lines: np.ndarray
    read: int
    findings: list[Finding]
    header: tuple[str, ...] = ()


def read_csv(
    file: SourceFile,
    delimiter: str,
    encoding: str = "utf-8",
    keep_truncated: bool = False,
    needed: Sequence[str] = (),
    names: Sequence[str] = (),
    skip: int = 0,
    quotes: Quotes = USUAL,
) -> Iterator[CsvBlock]:
    """Blocks of rows. needed: columns without which the file is of no use. names: the header, where a file has none.

    skip: lines before the header.

    Raises InputError for a missing column (with the likely one), a wrong delimiter and an empty file.
    """
    csv.field_size_limit(MAX_FIELD)
    stream = Stream(file, keep_truncated)
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    with stream, io.BufferedReader(stream, 1 << 20) as binary:
        if binary.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") and "16" not in encoding:
            raise InputError(f"{file.label}: UTF-16; say so with --encoding utf-16")
        text = io.TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="")
        looks = _delimiter(binary.peek(1 << 12))
        for _ in range(skip):
            text.readline()
        rows = quotes.reader(text, delimiter)
        header = list(names) or respelled(_header(rows, file, delimiter, looks), needed)
        check_header(file.label, header, needed, delimiter)
        yield from _blocks(rows, header, skip)
        line = skip + rows.line_num + 1
    if stream.cut:
        yield CsvBlock(
            {name: pa.array([], pa.string()) for name in header},
            np.zeros(0, np.int64),
            0,
            [Finding(line, None, cut(stream), "kept")],
            tuple(header),
        )


def _delimiter(head: bytes) -> str:
    """What the first line looks separated by."""
    line = head.split(b"\n", 1)[0].decode("latin-1")
    return max(DELIMITERS, key=line.count)


def _header(rows: Any, file: SourceFile, delimiter: str, looks: str) -> list[str]:
    try:
        header = next(rows, None)
    except csv.Error as error:
        if looks != delimiter:
            said = DELIMITERS.get(delimiter, repr(delimiter))
            raise InputError(
                f"{file.label}: the header cannot be read with {said} as delimiter; it looks separated by "
                f"{DELIMITERS[looks]}"
            ) from error
        raise InputError(f"{file.label}, line 1: the header cannot be read: {error}") from error
    if header is None:
        raise InputError(f"{file.label}: an empty file")
    return [name.strip() for name in header]


def respelled(header: Sequence[str], known: Sequence[str]) -> list[str]:
    """The header with the known names as they are known, whatever their capitals: `lens id` -> `Lens ID`."""
    names = {name.casefold(): name for name in known if name not in header}
    return [names.get(name.casefold(), name) for name in header]


def check_once(label: str, header: Sequence[str], names: Sequence[str]) -> None:
    """Raise InputError when a column that is read stands in the header more than once."""
    for name in names:
        places = [place for place, one in enumerate(header, 1) if one == name]
        if len(places) > 1:
            raise InputError(
                f"{label}: column {name!r} appears more than once (columns {', '.join(map(str, places))}); rename or "
                "remove all but the one that is meant"
            )


def check_header(label: str, header: Sequence[str], needed: Sequence[str], delimiter: str = "") -> None:
    """Raise InputError when a needed column is missing, with the likely column or delimiter."""
    doubled = sorted({name for name in header if header.count(name) > 1 and name in needed})
    if doubled:
        raise InputError(f"{label}: column {doubled[0]!r} appears more than once")
    missing = [name for name in needed if name not in header]
    if not missing:
        return
    if delimiter and len(header) == 1:
        other = max(DELIMITERS, key=header[0].count)
        if other != delimiter and header[0].count(other):
            said = DELIMITERS.get(delimiter, repr(delimiter))
            raise InputError(
                f"{label}: read with {said} as delimiter the header is one column; it looks separated by "
                f"{DELIMITERS[other]}: --delimiter {'$' if other == chr(9) else ''}{other!r}"
            )
    hints = []
    for name in missing:
        near = suggest(name, header)
        hints.append(f"{name!r}" + (f" (did you mean {near!r}?)" if near else ""))
    shown = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in header]
    hint = ""
    if shown != list(header) or any("\ufffd" in name for name in header):
        hint = "; the header is not UTF-8: --encoding says what it is, such as gb18030, cp1252 or latin1"
    elif "patent_id" in missing:
        hint = "; --map patent_id=COLUMN names the one with the publication numbers"
    raise InputError(f"{label}: missing column {', '.join(hints)}; columns found: {', '.join(shown)}{hint}")


def _blocks(rows: Any, header: Sequence[str], skip: int) -> Iterator[CsvBlock]:
    kept: list[list[str]] = []
    lines: list[int] = []
    findings: list[Finding] = []
    read = chars = 0
    width, first = len(header), header[0].casefold() if header else ""
    while True:
        line = skip + rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            lost = _lost(line, skip + rows.line_num, f"{BROKEN_QUOTE}: {error}")
            read += len(lost)
            findings += lost
            continue
        if row and len(row) != width:
            row = fitted(row, header)
        if row and row[0].strip("\ufeff ").casefold() == first and is_header(row, header):
            read += 1
            findings.append(Finding(line, None, HEADER_AGAIN))
        elif row and len(row) == width:
            read += 1
            kept.append(row)
            lines.append(line)
            chars += sum(map(len, row))
        elif row:
            lost = _lost(line, skip + rows.line_num, f"{RAGGED}: {len(row)} fields, header has {width}")
            read += len(lost)
            findings += lost
        if row is None or len(kept) >= BATCH_ROWS or chars >= BATCH_CHARS:
            if kept or findings:
                yield columns_of(kept, header, lines, read, findings)
            kept, lines, findings, read, chars = [], [], [], 0, 0
        if row is None:
            return


def is_header(row: Sequence[str], header: Sequence[str]) -> bool:
    """True where the cells are the header's names, in any capitals."""
    same = (cell.strip("\ufeff ").casefold() == name.casefold() for cell, name in zip(row, header, strict=False))
    return len(row) == len(header) and all(same)


def fitted(row: list[str], header: Sequence[str]) -> list[str]:
    """The row as wide as the header where they differ by empty cells at the end alone, else as it is."""
    width = len(header)
    if len(row) > width:
        return row if any(cell.strip() for cell in row[width:]) else row[:width]
    return row if any(header[len(row) :]) else row + [""] * (width - len(row))


def _lost(line: int, last: int, reason: str) -> list[Finding]:
    """A finding for each line of a bad row: a quote that nothing closes swallows the lines below it."""
    end = f" (lines {line} to {last})" if last > line else ""
    return [Finding(one, None, reason + end) for one in range(line, max(last, line) + 1)]


def columns_of(
    rows: list[list[str]], header: Sequence[str], lines: list[int], read: int, findings: list[Finding]
) -> CsvBlock:
    """Rows of as many cells as the header has, as a block."""
    columns: dict[str, pa.Array] = {}
    broken: set[int] = set()
    values: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) or [()] * len(header)
    for name, column in zip(header, values, strict=True):
        try:
            columns[name] = pa.array(column, pa.string())
        except UnicodeEncodeError:  # bytes that could not be decoded stand as lone surrogates
            repaired = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in column]
            broken |= {i for i, (old, new) in enumerate(zip(column, repaired, strict=True)) if old != new}
            columns[name] = pa.array(repaired, pa.string())
    findings = findings + [Finding(lines[i], None, BAD_BYTES, "kept") for i in sorted(broken)]
    return CsvBlock(columns, np.array(lines, dtype=np.int64), read, findings, tuple(header))
