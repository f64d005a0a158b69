"""The judging sheet: written as CSV or Excel with an empty column for the grade, read back and checked row by row."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from patray.errors import InputError
from patray.files import Folder
from patray.judging.pool import Pool

COLUMNS = (
    "row",
    "query_id",
    "query_title",
    "query_abstract",
    "patent_id",
    "title",
    "abstract",
    "grade",
    "judge",
    "remark",
)
NEEDED = ("query_id", "patent_id", "grade")
MOST_LETTERS = 32_000
"""Letters that a cell of Excel holds, less a few."""
FORMULA = ("=", "+", "-", "@", "\t")
"""What spreadsheets would compute, were it the beginning of a patent's text."""


@dataclass(frozen=True)
class Judgements:
    """Grades (J, N) float64 of J judges on the N pairs of a pool, nan where a judge gave none."""

    judges: tuple[str, ...]
    grades: np.ndarray

    @property
    def combined(self) -> np.ndarray:
        """(N,) float64: the median over judges, of two in the middle the lower; nan where nobody graded."""
        ordered = np.sort(self.grades, axis=0)  # nan last
        given = (~np.isnan(self.grades)).sum(axis=0)
        middle = np.maximum(given - 1, 0) // 2
        return (
            ordered[middle, np.arange(ordered.shape[1])] if len(self.judges) else np.full(self.grades.shape[1], np.nan)
        )

    @property
    def graded(self) -> int:
        """Pairs with a grade of anybody."""
        return int((~np.isnan(self.combined)).sum())


def sheet_rows(pool: Pool, texts: Mapping[str, tuple[str, str]]) -> list[list[str]]:
    """Header and a row for each pair: nothing says which system ranked it. texts: id to title and abstract."""
    rows = [list(COLUMNS)]
    for number, (query, patent) in enumerate(pool.pairs, start=1):
        asked, given = texts.get(query, ("", "")), texts.get(patent, ("", ""))
        rows.append([str(number), query, *asked, patent, *given, "", "", ""])
    return rows


def csv_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with a mark that tells Excel so."""
    text = io.StringIO()
    csv.writer(text).writerows([[_safe(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def xlsx_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook of one sheet, all cells text but the row's number; the same bytes for the same rows."""
    body = []
    for number, row in enumerate(rows, start=1):
        cells = (
            f'<c r="{_column(at)}{number}" t="inlineStr"><is>{_SPACED}{escape(_storable(cell))}</t></is></c>'
            for at, cell in enumerate(row)
            if cell
        )
        body.append(f'<row r="{number}">{"".join(cells)}</row>')
    sheet = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(body)}</sheetData></worksheet>'
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"),
        "xl/workbook.xml": _WORKBOOK,
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": sheet,
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return sink.getvalue()


_SPACED = '<t xml:space="preserve">'
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEETML = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEETML}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEETML}.worksheet+xml"/></Types>'
)
_RELATIONS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/{{kind}}" Target="{{target}}"/></Relationships>'
)
_WORKBOOK = (
    f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="judging" sheetId="1" r:id="r1"/></sheets></workbook>'
)


def _column(at: int) -> str:
    return chr(ord("A") + at)


def _storable(text: str) -> str:
    """Without what XML cannot hold, and no longer than a cell."""
    return "".join(letter for letter in text[:MOST_LETTERS] if letter >= " " or letter in "\t\n")


def read_judgements(files: Sequence[str], pool: Pool) -> Judgements:
    """The grades of one or more sheets. A row's judge is its cell `judge`, else the name of its file.

    Raises InputError that names file, row and what is allowed: an id that is not in the pool, a grade outside the
    scale, two rows of one judge for one pair, and rows of the pool that are missing. Empty grades are allowed.
    """
    place = {pair: at for at, pair in enumerate(pool.pairs)}
    grades: dict[str, np.ndarray] = {}
    seen: dict[tuple[str, int], str] = {}
    for file in files:
        folder = Folder.at(file)
        default = folder.name.rpartition(".")[0] or folder.name
        present: set[int] = set()
        for number, query, patent, grade, judge in _rows(file, folder):
            label = f"{folder.name}, row {number}"
            at = _place(label, query, patent, pool, place)
            present.add(at)
            judge = judge or default
            before = seen.setdefault((judge, at), label)
            if before != label:
                raise InputError(
                    f"{label}: judge {judge!r} has a row for query {query!r} and patent {patent!r} already, "
                    f"in {before}; allowed is one row of a judge for a pair"
                )
            mine = grades.setdefault(judge, np.full(len(pool.pairs), np.nan))
            if grade:
                mine[at] = _grade(label, grade, pool.highest)
        missing = [pair for pair, at in place.items() if at not in present]
        if missing:
            query, patent = missing[0]
            raise InputError(
                f"{folder.name}: {len(missing):,} of {len(pool.pairs):,} rows of the pool are missing, the first "
                f"of query {query!r} and patent {patent!r}; every row must be "
                "there, with an empty grade where there is none yet"
            )
    given = {judge: mine for judge, mine in grades.items() if not np.isnan(mine).all()}
    stacked = np.stack(list(given.values())) if given else np.zeros((0, len(pool.pairs)))
    return Judgements(tuple(given), stacked)


def _place(label: str, query: str, patent: str, pool: Pool, place: Mapping[tuple[str, str], int]) -> int:
    at = place.get((query, patent))
    if at is not None:
        return at
    if query not in pool.queries:
        raise InputError(f"{label}: query_id {query!r} is not one of the {len(pool.queries):,} queries of this pool")
    own = [known for asked, known in pool.pairs if asked == query]
    few = ", ".join(own[:5]) + (f" and {len(own) - 5} more" if len(own) > 5 else "")
    raise InputError(f"{label}: patent_id {patent!r} was not pooled for query {query!r}; allowed are {few or 'none'}")


def _grade(label: str, text: str, highest: int) -> int:
    number = text.removesuffix(".0")
    if not number.isdecimal() or int(number) > highest:
        allowed = ", ".join(map(str, range(highest + 1)))
        raise InputError(
            f"{label}: grade {text!r}; allowed are {allowed}, or an empty cell where there is no grade yet"
        )
    return int(number)


def _rows(file: str, folder: Folder) -> list[tuple[int, str, str, str, str]]:
    """(row as spreadsheets count, query, patent, grade, judge) of every row that is not empty."""
    table = _workbook(file) if file.lower().endswith((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")) else _csv(folder)
    if not table:
        raise InputError(f"{folder.name}: empty; expected a sheet that `patray pool` wrote")
    header = [cell.strip().lower() for cell in table[0]]
    lacking = [name for name in NEEDED if name not in header]
    if lacking:
        raise InputError(f"{folder.name}, row 1: no column {', '.join(lacking)}; expected {', '.join(COLUMNS)}")
    columns = [header.index(name) for name in NEEDED]
    judge = header.index("judge") if "judge" in header else None
    found = []
    for number, row in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = [row[at].strip() if at < len(row) else "" for at in columns]
        query, patent = (
            cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell for cell in cells[:2]
        )
        found.append(
            (number, query, patent, cells[2], row[judge].strip() if judge is not None and judge < len(row) else "")
        )
    return found


def _workbook(file: str) -> list[list[str]]:
    from patray.importers.sheets import read_rows
    from patray.importers.source import find_files

    (source,) = find_files([file], open_archives=False)
    return read_rows(source)


def _csv(folder: Folder) -> list[list[str]]:
    data = folder.parent.read_bytes(folder.name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{folder.name}, line {at}: not UTF-8; save it as `CSV UTF-8` or as an Excel workbook"
        ) from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(1 << 24)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{folder.name}: not a whole CSV file: {error}") from error
