"""Excel workbooks (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument sheets as rows of text, by python-calamine.

Dates come out as YYYY-MM-DD, whole numbers without `.0`, empty cells as ''. The first sheet, or --sheet NAME.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from patray.errors import InputError
from patray.importers.csv_rows import BATCH_ROWS, CsvBlock, check_header, columns_of
from patray.importers.layout import FIRST_ROWS
from patray.importers.record import Finding
from patray.importers.source import SourceFile, Stream


def read_rows(file: SourceFile, sheet: str = "") -> list[list[str]]:
    """All rows of a sheet as text. Raises InputError without the reader, for another sheet, and for a damaged file."""
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
            if sheet and sheet not in book.sheet_names:
                raise InputError(f"{file.label}: no sheet {sheet!r}; there are {', '.join(book.sheet_names)}")
            if not book.sheet_names:
                raise InputError(f"{file.label}: a workbook without sheets")
            found = book.get_sheet_by_name(sheet or book.sheet_names[0])
            rows: list[list[Any]] = found.to_python(skip_empty_area=False)
    except python_calamine.PasswordError as error:
        raise InputError(f"{file.label}: protected by a password; save it without one") from error
    except python_calamine.CalamineError as error:
        raise InputError(f"{file.label}: not a whole workbook (cut off, damaged or another format): {error}") from error
    return [[_text(cell) for cell in row] for row in rows]


def find_header(rows: Sequence[Sequence[str]], score: Callable[[Sequence[str]], int]) -> int:
    """The row of the first ones with the most known names; 0 where none has any."""
    scores = [score(row) for row in rows[: FIRST_ROWS + 1]]
    best = max(scores, default=0)
    return scores.index(best) if best else 0


def header_of_sheet(file: SourceFile, sheet: str, score: Callable[[Sequence[str]], int]) -> tuple[list[str], int]:
    """(the header's cells, how many rows stand before it)."""
    rows = read_rows(file, sheet)
    place = find_header(rows, score)
    return ([name.strip() for name in rows[place]] if rows else []), place


def read_sheet(
    file: SourceFile, sheet: str, score: Callable[[Sequence[str]], int], needed: Sequence[str]
) -> Iterator[CsvBlock]:
    """Blocks of the rows below the header, as read_csv gives them. Rows without any cell are no rows."""
    rows = read_rows(file, sheet)
    place = find_header(rows, score)
    header = [name.strip() for name in rows[place]] if rows else []
    if not any(header):
        raise InputError(f"{file.label}: an empty sheet")
    check_header(file.label, header, needed)
    width = max(index for index, name in enumerate(header) if name) + 1
    filled = [(line, row) for line, row in enumerate(rows[place + 1 :], place + 2) if any(row)]
    for start in range(0, max(len(filled), 1), BATCH_ROWS):
        part = filled[start : start + BATCH_ROWS]
        kept = [(row + [""] * width)[:width] for _, row in part]
        findings: list[Finding] = []
        yield columns_of(kept, header[:width], [line for line, _ in part], len(part), findings)


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
