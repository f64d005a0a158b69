"""How a table lies in its file: which line is the header, what separates the fields, whether quotes quote.

    search URL:,https://patents.google.com/...       <- left out, and said
    id,title,assignee,...                            <- the header: the first line with the most names that are known

Told from the first bytes, whatever the file is called; --delimiter wins.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from patray.importers.csv_rows import USUAL, Quotes
from patray.importers.source import SourceFile, Stream

HEAD = 4 << 20
"""Bytes that are looked at."""
FIRST_ROWS = 60
DELIMITERS = (",", "\t", ";", "|")
_SAID = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """skip: physical lines before the header. header: its cells, stripped."""

    delimiter: str
    skip: int
    header: tuple[str, ...]
    quotes: Quotes = USUAL


def head_of(file: SourceFile, size: int = HEAD) -> bytes:
    """The first `size` bytes of the content, less where the file is shorter or damaged."""
    with Stream(file, keep_truncated=True) as stream, io.BufferedReader(stream, 1 << 16) as reader:
        return reader.read(size)


def encoding_of(head: bytes, said: str) -> str:
    """The encoding that was said, but UTF-16 (Excel's Unicode text) where the first bytes prove it."""
    return "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) and said.lower().startswith("utf") else said


def find_layout(
    head: bytes, encoding: str, delimiter: str, usual: str, score: Callable[[Sequence[str]], int]
) -> Layout | None:
    """The layout of a text table; None where no line of the first ones looks like a header.

    delimiter: what the person said, '' for nothing. usual: what the file's name stands for, taken where others fit no
    better. score: names of a line that are known, 0 where the line is no header.
    """
    text = head.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, errors="replace")
    said = _SAID.match(text)  # Excel's own line above the header
    if said:
        text, delimiter = text[said.end() :], delimiter or said[1]
    best: tuple[int, int, bool] | None = None
    found: Layout | None = None
    for one in [delimiter] if delimiter else [usual, *(sign for sign in DELIMITERS if sign != usual)]:
        for skip, row, cells in _rows(text, one):
            known = score(cells)
            if known and (row == 0 or known > 1) and (best is None or known > best[0]):
                best = (known, row, True)
                found = Layout(one, skip, tuple(cell.strip() for cell in cells))
    if found is None:
        return None
    unquoted = found.delimiter == "\t" and _is_unquoted(text, found)
    found = replace(found, quotes=Quotes("")) if unquoted else _with_quotes(text, found)
    return replace(found, skip=found.skip + bool(said))


def _with_quotes(text: str, layout: Layout) -> Layout:
    """The layout with single quotes, a backslash before quotes in a cell, or blanks before quotes, where its rows can
    be read only so."""
    lines = [*io.StringIO(text[: 1 << 18], newline="")][layout.skip :]
    if len(text) > 1 << 18:
        lines = lines[:-1]
    head = "".join(lines)
    others = []
    if re.search(rf'{re.escape(layout.delimiter)} +"', head):
        others.append(Quotes(blanks=True))
    if '\\"' in head and not _reads(lines, layout):
        others.append(Quotes(escape="\\"))
    if "'" in head:
        others.append(Quotes("'", "\\" if "\\'" in head else ""))
    for quotes in others:
        found = replace(layout, quotes=quotes)
        if header := _reads(lines, found):
            return replace(found, header=header)
    return layout


def _reads(lines: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """The header, where every row has as many cells as it; else ().

    In single quotes, which every row must have, most rows need fit: in others an apostrophe ends a cell, and they are
    lost and counted.
    """
    sign, single = re.escape(layout.delimiter), layout.quotes.sign == "'"
    wrapped = re.compile(rf"(?:\A|{sign})'(?:[^'\\]|''|\\.)*'(?={sign}|[\r\n]*\Z)", re.DOTALL)
    reader = layout.quotes.reader(lines, layout.delimiter)
    header: tuple[str, ...] = ()
    fit = odd = before = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            row = [""] * (len(header) + 1)
        if row is None:
            break
        raw, before = "".join(lines[before : reader.line_num]), reader.line_num
        if not header:
            header = tuple(cell.strip() for cell in row)
        elif row:
            fits = len(row) == len(header)
            if not (wrapped.search(raw) if single else fits):
                return ()
            fit, odd = fit + fits, odd + (not fits)
    named = single and all(cell[:1] == cell[-1:] == "'" for cell in layout.header if cell)
    return header if fit > odd or (named and odd) else ()


def _rows(text: str, delimiter: str) -> list[tuple[int, int, list[str]]]:
    """(physical lines before, number, cells) of the first rows."""
    rows: list[tuple[int, int, list[str]]] = []
    reader = csv.reader(io.StringIO(text[: 1 << 18], newline=""), delimiter=delimiter)
    before = 0
    try:
        for number, cells in enumerate(reader):
            rows.append((before, number, cells))
            before = reader.line_num
            if number >= FIRST_ROWS:
                break
    except csv.Error:
        pass
    return rows


def _is_unquoted(text: str, layout: Layout) -> bool:
    """True where every line has the header's fields when quotes are plain signs, and some cell begins with a quote that
    quotes nothing: `"Smart" widget`, `"open`."""
    lines = text.replace("\r\n", "\n").split("\n")[layout.skip :]
    if len(text) >= HEAD:
        lines = lines[:-1]
    width, plain = len(layout.header), False
    for line in lines:
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != width:
            return False
        for cell in cells:
            if cell.startswith('"'):
                wrapped = len(cell) > 1 and cell.endswith('"') and '"' not in cell[1:-1].replace('""', "")
                plain = plain or not wrapped
    return plain
