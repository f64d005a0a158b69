"""Excel workbooks (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument sheets as rows of text, by python-calamine.

Dates come out as YYYY-MM-DD, whole numbers without `.0`, empty cells as ''. The sheet with a known header,
or --sheet NAME.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patray.errors import InputError
from patray.importers.csv_rows import BATCH_ROWS, HEADER_AGAIN, CsvBlock, check_header, columns_of, is_header
from patray.importers.layout import FIRST_ROWS
from patray.importers.record import Finding
from patray.importers.source import SourceFile, Stream

Score = Callable[[Sequence[str]], int]
"""Names of a row that are known, 0 where it is no header."""


@dataclass(frozen=True)
class Sheet:
    """rows: all of it as text. place: of the header. names: of all sheets of the workbook."""

    name: str
    rows: list[list[str]]
    place: int
    names: tuple[str, ...] = ()

    @property
    def header(self) -> list[str]:
        return [name.strip() for name in self.rows[self.place]] if self.rows else []


def open_sheet(file: SourceFile, sheet: str, score: Score) -> Sheet:
    """The sheet of that name; without a name the first one with the most known names, else the first with any cell.

    Raises InputError without the reader, for a name that is not there, for a damaged file, and where several sheets
    hold a table with the same header.
    """
    try:
        import python_calamine
    except ImportError as error:
        raise InputError(
            f"{file.label}: an Excel workbook; `pip install 'patray[excel]'` reads it, or save it as CSV (UTF-8)"
        ) from error
    with Stream(file) as stream:
        data = io.BytesIO(stream.read())
    try:
        with python_calamine.load_workbook(data) as book:
            names = book.sheet_names
            if sheet and sheet not in names:
                raise InputError(f"{file.label}: no sheet {sheet!r}; there are {', '.join(names)}")
            if not names:
                raise InputError(f"{file.label}: a workbook without sheets")
            found = [_read(book, name, score) for name in ([sheet] if sheet else names)]
    except python_calamine.PasswordError as error:
        raise InputError(f"{file.label}: protected by a password; save it without one") from error
    except python_calamine.CalamineError as error:
        raise InputError(f"{file.label}: not a whole workbook (cut off, damaged or another format): {error}") from error
    best = max(found, key=lambda one: (_score(one, score), bool(one.rows)))
    known = [one for one in found if one.name != best.name and _score(one, score)]
    same = [one.name for one in known if one.header == best.header and len(one.rows) > one.place + 1]
    if same:
        raise InputError(
            f"{file.label}: sheets {best.name!r} and {', '.join(map(repr, same))} hold tables with the same header; "
            "--sheet says which, or put them into one sheet"
        )
    return replace(best, names=tuple(names))


def read_rows(file: SourceFile, sheet: str = "") -> list[list[str]]:
    """All rows of a sheet as text, of the first one with any cell where none is named."""
    return open_sheet(file, sheet, lambda cells: 0).rows


def _read(book: Any, name: str, score: Score) -> Sheet:
    try:
        cells: list[list[Any]] = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except Exception as error:  # a sheet of charts alone has no cells
        if "WorksheetNotFound" not in type(error).__name__:
            raise
        cells = []
    rows = [[_text(cell) for cell in row] for row in cells]
    return Sheet(name, rows, find_header(rows, score))


def _score(sheet: Sheet, score: Score) -> int:
    return score(sheet.rows[sheet.place]) if sheet.rows else 0


def find_header(rows: Sequence[Sequence[str]], score: Score) -> int:
    """The row of the first ones with the most known names; 0 where none has any."""
    scores = [score(row) for row in rows[: FIRST_ROWS + 1]]
    best = max(scores, default=0)
    return scores.index(best) if best else 0


def read_sheet(file: SourceFile, sheet: str, score: Score, needed: Sequence[str]) -> Iterator[CsvBlock]:
    """Blocks of the rows below the header, as read_csv gives them. Rows without any cell are no rows."""
    found = open_sheet(file, sheet, score)
    rows, place, header = found.rows, found.place, found.header
    if not any(header):
        raise InputError(f"{file.label}: an empty sheet")
    check_header(file.label, header, needed)
    width = max(index for index, name in enumerate(header) if name) + 1
    filled = [(line, row) for line, row in enumerate(rows[place + 1 :], place + 2) if any(row)]
    for start in range(0, max(len(filled), 1), BATCH_ROWS):
        part = filled[start : start + BATCH_ROWS]
        again = {line for line, row in part if is_header(row[:width], header[:width])}
        findings = [Finding(line, None, HEADER_AGAIN) for line in sorted(again)]
        kept = [(row + [""] * width)[:width] for line, row in part if line not in again]
        lines = [line for line, _ in part if line not in again]
        yield columns_of(kept, header[:width], lines, len(part), findings)


def _text(cell: Any) -> str:
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**63 else repr(cell)
    return "" if cell is None else str(cell).strip()
