"""Any table: CSV, TSV, Excel, JSON lines or Parquet, with the column names of the usual services or a mapping.

A landscape column takes what --map says, else the source column of its own name in any case, else a known name of an
export (headers.py); what was taken for what is said before the rows are read. The header need not be the first line.
Lists may be lists or cells (cells.py), publication numbers and dates as printed (printed.py, dates.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.cells import CELL, check_separators, is_printed_list, split_cells, with_subclass
from patray.importers.columns import dates, one_text
from patray.importers.csv_rows import CsvBlock, check_header, check_once, read_csv
from patray.importers.dates import DateOrder
from patray.importers.families import known_family, same_application
from patray.importers.format import Format, Unit, line_units, only, parquet_units
from patray.importers.headers import CITED_BY, assign, between_versions, further, is_number_header, score
from patray.importers.json_lines import CELLS, first_keys, read_json_lines
from patray.importers.layout import encoding_of, find_layout, head_of
from patray.importers.nested import STRINGS, conform, elements, is_blank, take, to_lists, unique_in_rows, whole
from patray.importers.options import Options
from patray.importers.parquet_rows import open_parquet, read_parquet
from patray.importers.printed import canonical_ids, numbers_apart, offices_of, one_number
from patray.importers.record import CITED_HOW, LABELS, Finding, Rows, at, patents_table
from patray.importers.sheets import open_sheet, read_sheet
from patray.importers.source import SourceFile, is_workbook
from patray.importers.tidy import LOST_DIGITS, is_unit, names, plain_breaks, unwrap, whole_numbers, with_parts
from patray.importers.versions import first_version, of_own_publication
from patray.landscapes.absent import LABEL, TEXT, VALUE, without_absent

S = pa.string()
ONE = ("patent_id", "family_id", "jurisdiction", "date", "title", "abstract", "description", "kind", "language")
LISTS = ("claims", "ipc", "cpc", "citations", "labels", "members")
SECTIONS = ("title", "abstract", "description")
COLUMNS = (*ONE, "application", *LISTS)
_TAKEN = (*COLUMNS, *CITED_BY)
_CELL_LISTS = (*LISTS, *CITED_BY)
_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_LINES = (".jsonl", ".json", ".ndjson")
_SUFFIXES = (".csv", ".tsv", ".txt", *_LINES, ".parquet", *_SHEETS)
_PRINTED_CODES = (
    (r"(?i)^\s*(?:int\.?\s*cl\.?|[ic]pc)\s*(?:\([^()]*\))?[\d.:]*\s*", ""),
    (r"\s*\([^()]*\)", ""),
    (r"\s*//\s*", ";"),
    (r"(/\d{1,6})\s+([A-HYa-hy]\d\d[A-Za-z])", r"\1;\2"),
)
_BRACKETED = r"""^\s*[\[{]([^\[\]{}'",;]*)[\]}]\s*$"""
"""Espacenet's CPC has the offices in brackets behind each code; codes may stand side by side with a blank between."""


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
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
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
    quoted: bool = True
    place: str = ""


def _score(options: Options) -> partial[int]:
    return partial(score, columns=_TAKEN, said=options.columns, date=options.date)


def _found(unit: Unit, options: Options) -> _Found:
    """What of the file is taken for what."""
    file, delimiter, skip, quoted, place = unit.file, options.delimiter, 0, True, ""
    if unit.role == "csv":
        usual = "\t" if file.base.endswith((".tsv", ".txt")) else ","
        head = head_of(file)
        layout = find_layout(head, encoding_of(head, options.encoding), delimiter, usual, _score(options))
        delimiter = delimiter or usual
        header: Sequence[str] = ()
        if layout is not None:
            header, delimiter, skip, quoted = layout.header, layout.delimiter, layout.skip, layout.quoted
    elif unit.role == "sheet":
        sheet = open_sheet(file, options.sheet, _score(options))
        header, skip = sheet.header, sheet.place
        place = f", sheet {sheet.name!r} of {', '.join(sheet.names)}" if len(sheet.names) > 1 else ""
    elif unit.role == "parquet":
        with open_parquet(file) as parquet:
            header = parquet.schema_arrow.names
    else:
        header = first_keys(file)
    line = skip + 1 if unit.role in ("csv", "sheet") else 0
    names = assign(header, _TAKEN, options.columns, options.date)
    check_once(file.label, header, tuple(names.values()))
    more = {column: further(header, names, options.columns, column) for column in SECTIONS}
    return _Found(names, more, header, line, delimiter, skip, quoted, place)


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
    rows = _Converter(columns, options, found.more, between_versions(found.header))
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
                found.quoted,
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


_SCIENTIFIC = r"^\d(?:\.\d+[eE]\+?|[eE]\+)\d{1,2}$"
"""How spreadsheets print long numbers; `1E5` may be an id of the user's own."""


class _Converter:
    """Blocks of a source table into rows of a landscape; remembers what the date column proved.

    names, more: as of _Found. between: what stands between the versions of a text, where the export has several in a
    cell.
    """

    def __init__(self, names: dict[str, str], options: Options, more: dict[str, tuple[str, ...]], between: str) -> None:
        self.names, self.options, self.more, self.between = names, options, more, between
        self.order = DateOrder(options.date_format)
        self.table = pa.table({})
        self.numbers = pa.array([], S)

    def _column(self, name: str, kind: pa.DataType) -> pa.Array:
        return self._as(self.names[name], name, kind)

    def _as(self, source: str, name: str, kind: pa.DataType) -> pa.Array:
        column = whole(self.table[source])
        try:
            found = conform(column, kind)
        except pa.ArrowException as error:
            wanted = "a list of texts, or one text" if kind == STRINGS else "one text"
            said = f"column {source!r} has type {column.type}; wanted {wanted} for {name}"
            raise pa.ArrowInvalid(f"{said} ({error})") from error
        return plain_breaks(found) if kind == S else found

    def _has(self, name: str) -> bool:
        return self.names[name] in self.table.column_names

    def _text(self, name: str) -> pa.Array:
        if not self._has(name):
            return pa.nulls(self.table.num_rows, S)
        served = [self._one_text(source, name) for source in (self.names[name], *self.more.get(name, ()))]
        return pc.coalesce(*served) if len(served) > 1 else served[0]

    def _one_text(self, source: str, name: str) -> pa.Array:
        column = unwrap(self._as(source, name, S))
        if name in (*SECTIONS, "date"):
            column = self._version(name, column, self.numbers)
        spellings = TEXT if name in SECTIONS else VALUE
        return without_absent(pc.if_else(is_blank(column), pa.scalar(None, S), column), spellings)

    def _version(self, name: str, texts: pa.Array, numbers: pa.Array) -> pa.Array:
        """One of the versions that a cell holds."""
        between = self.between if name == "claims" else self.options.separators.get(name, self.between)
        return of_own_publication(first_version(texts, between), numbers)

    def _list(self, name: str) -> pa.ListArray:
        """Real lists as they are, cells cut at their separators; each element once a row."""
        count = self.table.num_rows
        if not self._has(name):
            return to_lists(np.zeros(0, np.int64), pa.array([], S), count)
        given = whole(self.table[self.names[name]])
        rows, values = elements(self._column(name, STRINGS))
        if _is_text(given.type):
            cells, texts = np.ones(len(values), dtype=bool), values
        else:
            marked = pc.fill_null(pc.starts_with(values, CELL), False)
            cells = marked.to_numpy(zero_copy_only=False)
            texts = pc.utf8_slice_codeunits(values.filter(marked), len(CELL)) if cells.any() else values.slice(0, 0)
        texts = plain_breaks(texts)
        if name == "claims":
            texts = self._version(name, texts, take(self.numbers, rows[cells]))
        inner, parts = elements(self._split(name, texts))
        rows = np.concatenate([rows[~cells], rows[cells][inner]])
        values = pa.concat_arrays([values.filter(pa.array(~cells)), parts.cast(S)])
        if cells.any() and not cells.all():
            order = np.argsort(rows, kind="stable")
            rows, values = rows[order], values.take(pa.array(order))
        values = without_absent(values, LABEL if name == "labels" else VALUE)
        if name == "claims":
            keep = pc.invert(is_blank(values))
            return to_lists(rows[keep.to_numpy(zero_copy_only=False)], values.filter(keep), count)
        return unique_in_rows(to_lists(rows, values, count))

    def _split(self, name: str, texts: pa.Array) -> pa.ListArray:
        separator = self.options.separators.get(name, "none" if name == "claims" else "")
        if name in ("ipc", "cpc", "citations", "members", *CITED_BY):
            texts = pc.replace_substring_regex(texts, pattern=_BRACKETED, replacement=r"\1")
        if name in ("ipc", "cpc") and not separator:
            for pattern, replacement in _PRINTED_CODES:
                changed = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
                texts = pc.if_else(is_printed_list(texts), texts, changed)
        if name in ("citations", "members", *CITED_BY) and not separator:
            texts = numbers_apart(texts)
        split = split_cells(texts, separator, commas=name != "labels")
        return with_subclass(split) if name in ("ipc", "cpc") else split

    def convert(self, table: pa.Table, lines: np.ndarray, read_rows: int, found: Sequence[Finding]) -> Iterator[Rows]:
        """The patents of a block, then their citations and labels."""
        self.table = table
        count, findings = table.num_rows, list(found)
        self.numbers = pa.nulls(count, S)
        said = pc.utf8_trim_whitespace(self._text("patent_id"))
        printed = pc.if_else(is_unit(said), pa.scalar(None, S), said)
        office, kind = self._text("jurisdiction"), self._text("kind")
        cells = self.numbers = numbers_apart(printed)
        own = _first_number(names(cells))
        exact, lost = whole_numbers(own)
        scientific = pc.fill_null(pc.match_substring_regex(own, pattern=_SCIENTIFIC), False)
        own = pc.if_else(scientific, exact, own)
        lost = pc.and_(lost, scientific).to_numpy(zero_copy_only=False)
        findings += at(lines, printed, lost, LOST_DIGITS, "kept")
        ids = with_parts(canonical_ids(own), office, kind, is_number_header(self.names["patent_id"]))
        family, lost = whole_numbers(self._text("family_id"))
        findings += at(lines, ids, lost.to_numpy(zero_copy_only=False), LOST_DIGITS, "kept")
        family = known_family(family)
        data = patents_table(
            {
                "patent_id": ids,
                "family_id": family,
                "jurisdiction": pc.coalesce(office, offices_of(own)),
                "date": dates(self._text("date"), lines, ids, findings, self.order),
                "title": self._text("title"),
                "abstract": self._text("abstract"),
                "claims": self._list("claims"),
                "description": self._text("description"),
                "ipc": self._list("ipc"),
                "cpc": self._list("cpc"),
                "kind": kind,
                "language": self._text("language"),
                "source_id": pc.if_else(pc.equal(printed, ids), pa.scalar(None, S), printed),
                "members": self._members(cells, ids, family, pc.coalesce(office, offices_of(own))),
                "line": pa.array(lines),
            },
            count,
        )
        last = max([int(lines[-1]) if count else 0, *(finding.line for finding in findings)])
        yield Rows("patents", data, read_rows, findings, last=last)
        for name, how in (("citations", (None, None)), *CITED_BY.items()):
            if self._has(name):
                rows, cited = elements(self._list(name))
                origin, phase = (
                    pa.nulls(len(rows), S).fill_null(word) if word else pa.nulls(len(rows), S) for word in how
                )
                columns = [take(ids, rows), canonical_ids(names(cited)), cited, origin, pa.nulls(len(rows), S), phase]
                yield Rows("citations", pa.table(columns, schema=CITED_HOW), len(rows))
        if self._has("labels"):
            labels = self._list("labels")
            labelled = pc.greater(pc.list_value_length(labels), 0)
            whole_table = pa.table([ids, labels, pa.nulls(count, S), pa.array(lines)], schema=LABELS).filter(labelled)
            yield Rows("labels/table", whole_table, whole_table.num_rows)

    def _members(self, printed: pa.Array, ids: pa.Array, family: pa.Array, office: pa.Array) -> pa.ListArray:
        """The other publications of a cell; without a family the members that are listed, and what the publications of
        one application share."""
        changed = pc.fill_null(pc.not_equal(printed, ids), False)
        cells = split_cells(pc.if_else(changed, printed, pa.scalar(None, S)), commas=False)
        rows, others = elements(cells)
        listed, members = elements(self._list("members"))
        unsaid = family.is_null().to_numpy(zero_copy_only=False)[listed]
        listed, members = listed[unsaid], names(members.filter(pa.array(unsaid)))
        several = pc.greater(pc.list_value_length(cells), 1).fill_null(False).to_numpy(zero_copy_only=False)[rows]
        rows, others = rows[several], others.filter(pa.array(several))
        application = same_application(office, self._text("application"))
        application = pc.if_else(family.is_null(), application, pa.scalar(None, S))
        kin_rows, kin = elements(one_text(application))
        rows = np.concatenate([rows, listed, kin_rows])
        order = np.argsort(rows, kind="stable")
        values = pa.concat_arrays([canonical_ids(pa.concat_arrays([others.cast(S), members.cast(S)])), kin])
        return to_lists(rows[order], values.take(pa.array(order)), len(ids))


def _first_number(printed: pa.Array) -> pa.Array:
    """The first of several publications in a cell; an id of one's own that holds `;` or `|` stays whole."""
    first = one_number(printed)
    several = pc.or_(pc.match_substring_regex(printed, pattern=r"[\r\n]"), offices_of(first).is_valid())
    return pc.if_else(pc.fill_null(several, False), first, printed)


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


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
