"""Any table: CSV, TSV, Excel, JSON lines or Parquet, with the column names of the usual services or a mapping.

A landscape column takes what --map says, else the source column of its own name in any case, else a known name of an
export (headers.py); what was taken for what is said before the rows are read. The header need not be the first line.
Lists may be lists or cells (cells.py), publication numbers and dates as printed (printed.py, dates.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from patray.errors import InputError
from patray.importers.cells import check_separators
from patray.importers.csv_rows import USUAL, CsvBlock, Quotes, check_header, check_once, read_csv
from patray.importers.format import Format, Unit, line_units, only, parquet_units
from patray.importers.headers import CITED_BY, assign, between_versions, further, score
from patray.importers.json_documents import RECORD_SEPARATOR
from patray.importers.json_lines import CELLS, first_keys, read_json_lines
from patray.importers.layout import encoding_of, find_layout, head_of
from patray.importers.nested import STRINGS
from patray.importers.options import Options
from patray.importers.parquet_rows import open_parquet, read_parquet
from patray.importers.record import Rows
from patray.importers.sheets import open_sheet, read_sheet
from patray.importers.source import SourceFile, is_workbook
from patray.importers.table_rows import COLUMNS, LISTS, SECTIONS, Converter

S = pa.string()
_TAKEN = (*COLUMNS, *CITED_BY)
_CELL_LISTS = (*LISTS, *CITED_BY)
_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_LINES = (".jsonl", ".json", ".ndjson")
_SUFFIXES = (".csv", ".tsv", ".txt", *_LINES, ".parquet", *_SHEETS)


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    unknown = [name for name in options.columns if name not in COLUMNS]
    if unknown:
        raise InputError(f"--map {unknown[0]}=...: no such column; allowed are {', '.join(COLUMNS)}")
    check_separators(options.separators, (*LISTS, *SECTIONS))
    units: list[Unit] = []
    for file in only(files, _SUFFIXES, "table"):
        role = _role(file)
        if role == "parquet":
            units += parquet_units(role, file)
        else:
            units += line_units(role, file) if role == "json" else [Unit(role, file)]
    return units


def _role(file: SourceFile) -> str:
    """What a file is, by its first bytes where these tell, else by its name."""
    head = head_of(file, 4096)
    if is_workbook(head):
        return "sheet"
    if head.startswith(b"PAR1") or file.base.endswith(".parquet"):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n" + RECORD_SEPARATOR)
    return "json" if file.base.endswith(_LINES) or text.startswith((b'{"', b'[{"')) else "csv"


@dataclass(frozen=True)
class _Found:
    """names: landscape column -> source column. more: of texts, the columns that fill what it leaves empty.
    header: all source columns. line: of the header, 0 for none. place: the sheet, in words."""

    names: dict[str, str]
    more: dict[str, tuple[str, ...]]
    header: Sequence[str]
    line: int = 0
    delimiter: str = ""
    skip: int = 0
    quotes: Quotes = USUAL
    place: str = ""


def _score(options: Options) -> partial[int]:
    return partial(score, columns=_TAKEN, said=options.columns, date=options.date)


def _found(unit: Unit, options: Options) -> _Found:
    """What of the file is taken for what."""
    file, delimiter, skip, quotes, place = unit.file, options.delimiter, 0, USUAL, ""
    if unit.role == "csv":
        usual = "\t" if file.base.endswith((".tsv", ".txt")) else ","
        head = head_of(file)
        layout = find_layout(head, encoding_of(head, options.encoding), delimiter, usual, _score(options))
        delimiter = delimiter or usual
        header: Sequence[str] = ()
        if layout is not None:
            header, delimiter, skip, quotes = layout.header, layout.delimiter, layout.skip, layout.quotes
    elif unit.role == "sheet":
        sheet = open_sheet(file, options.sheet, _score(options))
        header, skip = sheet.header, sheet.place
        place = f", sheet {sheet.name!r} of {', '.join(sheet.names)}" if len(sheet.names) > 1 else ""
    elif unit.role == "parquet":
        with open_parquet(file) as parquet:
            header = parquet.schema_arrow.names
    else:
        header = first_keys(file, _score(options))
    line = skip + 1 if unit.role in ("csv", "sheet") else 0
    names = assign(header, _TAKEN, options.columns, options.date)
    check_once(file.label, header, tuple(names.values()))
    more = {column: further(header, names, options.columns, column) for column in SECTIONS}
    return _Found(names, more, header, line, delimiter, skip, quotes, place)


def explain(units: Sequence[Unit], options: Options) -> list[str]:
    """What is taken for what, a line a file."""
    lines = []
    for unit in {unit.file: unit for unit in units}.values():
        found = _found(unit, options)
        serving = {column: (name, *found.more.get(column, ())) for column, name in found.names.items()}
        said = {column: ", else ".join(map(repr, names)) for column, names in serving.items()}
        taken = ", ".join(f"{column} = {said[column]}" for column in _TAKEN if column in said)
        used = {name for names in serving.values() for name in names}
        left = [name for name in found.header if name and name not in used]
        where = found.place + (f", header in line {found.line}" if found.line > 1 else "")
        rest = f"; not used: {', '.join(left[:12])}" + (f" and {len(left) - 12} more" if len(left) > 12 else "")
        between = between_versions(found.header)
        rest = (rest if left else "") + (f"; of texts with {between!r} between versions the first" if between else "")
        lines.append(f"{unit.file.label}{where}: {taken or 'no column known'}{rest}")
    return lines


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    found = _found(unit, options)
    columns = {name: found.names.get(name, name) for name in _TAKEN}
    needed = [columns["patent_id"], *(columns[name] for name in options.columns)]
    sources = dict.fromkeys([*columns.values(), *(name for names in found.more.values() for name in names)])
    rows = Converter(columns, options, found.more, between_versions(found.header))
    if unit.role in ("csv", "sheet"):
        blocks: Iterator[CsvBlock]
        if unit.role == "csv":
            blocks = read_csv(
                unit.file,
                found.delimiter,
                encoding_of(head_of(unit.file, 4), options.encoding),
                options.keep_truncated,
                needed,
                (),
                found.skip,
                found.quotes,
            )
        else:
            blocks = read_sheet(unit.file, options.sheet, _score(options), needed)
        for block in blocks:
            yield from rows.convert(pa.table(block.columns), block.lines, block.read, block.findings)
    elif unit.role == "parquet":
        check_header(unit.file.label, list(found.header), needed)
        wanted = [source for source in sources if source in found.header]
        for part in read_parquet(unit.file, None, unit.start, unit.stop, columns=wanted):
            try:
                yield from rows.convert(part.table, part.lines, part.table.num_rows, [])
            except pa.ArrowException as error:
                raise InputError(f"{unit.file.label}: {error}") from error
    else:
        lists = {columns[name] for name in _CELL_LISTS}
        schemas = [
            pa.schema(
                [
                    pa.field(name, kind if name in lists else S, metadata=CELLS if name in lists else None)
                    for name in sources
                ]
            )
            for kind in (STRINGS, S)
        ]
        keep = options.keep_truncated
        for lines in read_json_lines(unit.file, schemas, unit.start, unit.stop, keep, needed=needed):
            yield from rows.convert(lines.table, lines.lines, lines.read, lines.findings)


FORMAT = Format(
    name="table",
    plan=plan,
    read=read,
    source="a table of one's own",
    dates=("publication", "filing", "priority"),
    source_id="printed_number",
    printed_ids=True,
    explain=explain,
)
