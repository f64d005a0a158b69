"""Lens.org: CSV and Excel exports of the web interface, and JSON lines of the API or the bulk export.

A publication is named by its canonical number; its Lens id stands in `lens_id`, by which families and citations are
found. The CSV has no claims, descriptions or cited publications; the JSON lines have all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.columns import blank_to_null, dates, one_text, preferred_text, separate_claims, split_list
from patray.importers.csv_rows import CsvBlock, read_csv, respelled
from patray.importers.dates import DateOrder
from patray.importers.families import docdb_application, same_application
from patray.importers.format import Format, Unit, line_units, only
from patray.importers.json_lines import JsonBlock, read_json_lines
from patray.importers.layout import head_of
from patray.importers.nested import (
    choose_language,
    elements,
    field,
    is_blank,
    take,
    to_lists,
    unique_in_rows,
    whole,
)
from patray.importers.numbers import join_number, parse_numbers
from patray.importers.options import Options
from patray.importers.record import CITED_HOW, Rows, patents_table
from patray.importers.sheets import read_sheet
from patray.importers.source import SourceFile, is_workbook
from patray.landscapes.cited_how import of_columns

S = pa.string()
_TEXTS = pa.list_(pa.struct([("text", S), ("lang", S)]))
_CODES = pa.struct([("classifications", pa.list_(pa.struct([("symbol", S)])))])
_DOCUMENT = pa.struct([("jurisdiction", S), ("doc_number", S), ("kind", S)])
CSV_NEEDED = ("Lens ID", "Title", "Abstract", "Display Key")
CSV_OPTIONAL = (
    "Jurisdiction", "Kind", "IPCR Classifications", "CPC Classifications", "Simple Family Members",
    "Application Number",
)  # fmt: skip
CSV_DATES = {"publication": "Publication Date", "filing": "Application Date", "priority": "Earliest Priority Date"}


def _schema(cited: pa.DataType, family_id: pa.DataType) -> pa.Schema:
    dated = pa.struct([("date", S)])
    application = pa.struct([("jurisdiction", S), ("doc_number", S), ("date", S)])
    citation = pa.struct(
        [
            ("patcit", pa.struct([("document_id", cited), ("lens_id", S)])),
            ("category", pa.list_(S)),
            ("cited_phase", S),
        ]
    )
    biblio = pa.struct(
        [
            ("publication_reference", _DOCUMENT),
            ("application_reference", application),
            ("priority_claims", pa.struct([("earliest_claim", dated)])),
            ("invention_title", _TEXTS),
            ("classifications_ipcr", _CODES),
            ("classifications_cpc", _CODES),
            ("references_cited", pa.struct([("citations", pa.list_(citation))])),
        ]
    )
    family = pa.struct([("family_id", family_id), ("members", pa.list_(pa.struct([("lens_id", S)])))])
    claim = pa.struct([("claim_text", pa.list_(S))])
    return pa.schema(
        [
            ("lens_id", S),
            ("jurisdiction", S),
            ("doc_number", S),
            ("kind", S),
            ("date_published", S),
            ("lang", S),
            ("abstract", _TEXTS),
            ("claims", pa.list_(pa.struct([("claims", pa.list_(claim)), ("lang", S)]))),
            ("description", pa.struct([("text", S), ("lang", S)])),
            ("biblio", biblio),
            ("families", pa.struct([("simple_family", family)])),
        ]
    )


SCHEMAS = [_schema(cited, family_id) for family_id in (S, pa.int64()) for cited in (_DOCUMENT, pa.list_(_DOCUMENT))]
"""document_id is one object in real records and a list in the documentation; family ids are numbers where given."""


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units: list[Unit] = []
    for file in only(files, (".csv", ".xlsx", ".jsonl", ".json", ".ndjson"), "lens"):
        role = "sheet" if is_workbook(head_of(file, 4096)) else "csv"
        units += [Unit(role, file)] if file.base.endswith((".csv", ".xlsx")) else line_units("json", file)
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    if unit.role in ("csv", "sheet"):
        needed = [*CSV_NEEDED, CSV_DATES[options.date]]
        if unit.role == "sheet":
            blocks = read_sheet(unit.file, options.sheet, lambda cells: len({*needed} & {*cells}), needed)
        else:
            delimiter = options.delimiter or ","
            blocks = read_csv(unit.file, delimiter, options.encoding, options.keep_truncated, needed)
        order = DateOrder(options.date_format)
        for block in blocks:
            yield from_csv(block, options, order)
        return
    keys = ("lens_id", "jurisdiction", "doc_number", "kind")
    for rows in read_json_lines(unit.file, SCHEMAS, unit.start, unit.stop, options.keep_truncated, needed=keys):
        yield from from_json(rows, options)


def from_csv(block: CsvBlock, options: Options, order: DateOrder) -> Rows:
    """Rows of an export, by the names of its columns: their number and order changed over the years.

    order: of the dates, which a spreadsheet may have written anew (`25/04/2013`).
    """
    named = zip(respelled([*block.columns], CSV_OPTIONAL), block.columns.values(), strict=True)
    columns, count = dict(named), len(block.lines)
    findings = list(block.findings)
    numbers = parse_numbers(columns["Display Key"])
    lens_id = blank_to_null(columns["Lens ID"])
    ids = pc.coalesce(numbers.field("key"), lens_id)
    none = pa.repeat(pa.scalar(""), count)
    application = blank_to_null(columns.get("Application Number", none))
    data = patents_table(
        {
            "patent_id": ids,
            "jurisdiction": pc.coalesce(blank_to_null(columns.get("Jurisdiction", none)), numbers.field("office")),
            "date": dates(columns[CSV_DATES[options.date]], block.lines, ids, findings, order),
            "title": blank_to_null(columns["Title"]),
            "abstract": blank_to_null(columns.get("Abstract", none)),
            "ipc": split_list(columns.get("IPCR Classifications", none)),
            "cpc": split_list(columns.get("CPC Classifications", none)),
            "kind": pc.coalesce(blank_to_null(columns.get("Kind", none)), numbers.field("kind")),
            "source_id": lens_id,
            "members": _or_application(
                split_list(columns.get("Simple Family Members", none)), pa.nulls(count, S), application
            ),
            "application": docdb_application(pa.nulls(count, S), application),
            "line": pa.array(block.lines),
        },
        count,
    )
    return Rows("patents", data, block.read, findings)


def from_json(block: JsonBlock, options: Options) -> Iterator[Rows]:
    """The patents of a block, then their citations."""
    table, count = block.table, block.table.num_rows
    column = {name: whole(table[name]) for name in table.column_names}
    biblio, findings = column["biblio"], list(block.findings)
    reference = field(biblio, "publication_reference")
    office, number, kind = (
        pc.coalesce(column[name], field(reference, name)) for name in ("jurisdiction", "doc_number", "kind")
    )
    ids = pc.coalesce(join_number(office, number, kind), column["lens_id"])
    dated = {
        "publication": column["date_published"],
        "filing": field(biblio, "application_reference", "date"),
        "priority": field(biblio, "priority_claims", "earliest_claim", "date"),
    }[options.date]
    own = pc.utf8_lower(column["lang"])
    title, title_language = preferred_text(field(biblio, "invention_title"), "lang", options.prefer, own)
    abstract, abstract_language = preferred_text(column["abstract"], "lang", options.prefer, own)
    claims, claims_language = _claims(column["claims"], options, own)
    application = [field(biblio, "application_reference", name) for name in ("jurisdiction", "doc_number")]
    language = pc.coalesce(abstract_language, title_language, claims_language, own)
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": field(column["families"], "simple_family", "family_id"),
            "jurisdiction": office,
            "date": dates(dated, block.lines, ids, findings),
            "title": title,
            "abstract": abstract,
            "claims": claims,
            "description": blank_to_null(field(column["description"], "text")),
            "ipc": _codes(field(biblio, "classifications_ipcr")),
            "cpc": _codes(field(biblio, "classifications_cpc")),
            "kind": kind,
            "language": language,
            "source_id": column["lens_id"],
            "members": _or_application(
                _inside(field(column["families"], "simple_family", "members"), "lens_id"), *application
            ),
            "application": docdb_application(*application),
            "line": pa.array(block.lines),
        },
        count,
    )
    last = int(block.lines[-1]) if len(block.lines) else 0
    last = max([last, *(finding.line for finding in block.findings)])
    yield Rows("patents", data, block.read, findings, last=last)
    cited = _citations(ids, field(biblio, "references_cited", "citations"))
    yield Rows("citations", cited, cited.num_rows)


def _or_application(members: pa.ListArray, office: pa.Array, number: pa.Array) -> pa.ListArray:
    """Members of the simple family; where the export has none, what publications of one application share."""
    alone = pc.equal(pc.list_value_length(members), 0)
    if not pc.any(alone).as_py():
        return members
    return pc.if_else(alone, one_text(same_application(office, number)), members)


def _claims(lists: pa.Array, options: Options, own: pa.Array) -> tuple[pa.ListArray, pa.Array]:
    """(claims of one language: fragments of a claim joined by newline; their language)."""
    chosen, language = choose_language(lists, "lang", options.prefer, own)
    sets = take(field(lists.flatten(), "claims"), chosen) if len(lists.flatten()) else pa.nulls(len(lists))
    if pa.types.is_null(sets.type):
        return separate_claims(to_lists(np.zeros(0, np.int64), pa.array([], S), len(lists))), language
    rows, claims = elements(sets)
    objects, fragments = elements(field(claims, "claim_text"))
    own = rows[objects]
    listed = _are_claims(own, objects, fragments, np.bincount(rows, minlength=len(lists)))
    starts = np.flatnonzero(listed | np.diff(objects, prepend=-1).astype(bool))
    texts = fragments
    if len(starts) < len(fragments):
        bounds = pa.array(np.append(starts, len(fragments)), pa.int32())
        texts = pc.binary_join(pa.ListArray.from_arrays(bounds, fragments), "\n")
    blank = is_blank(texts)
    texts = pc.if_else(blank, pa.scalar(None, S), texts) if pc.any(blank).as_py() else texts
    return separate_claims(to_lists(own[starts], texts, len(lists))), language


def _are_claims(rows: np.ndarray, objects: np.ndarray, fragments: pa.Array, sizes: np.ndarray) -> np.ndarray:
    """(m,) bool: the fragment is a claim, as WO publications have them: one object whose fragments count 1, 2, 3 ...

    rows, objects (m,): row and claim object of each fragment, ascending. sizes: objects of each row.
    """
    alone = np.flatnonzero(sizes[rows] == 1)
    found = np.zeros(len(rows), dtype=bool)
    if len(alone) == 0:
        return found
    parts = pc.extract_regex(fragments.take(pa.array(alone)), pattern=r"^\s*(?P<number>\d{1,3})\s?[.)]\s")
    number = pc.fill_null(pc.struct_field(parts, "number").cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    place = alone - np.searchsorted(objects, objects[alone]) + 1
    wrong = np.bincount(rows[alone], weights=number != place, minlength=len(sizes)) > 0
    found[alone] = ~wrong[rows[alone]]
    return found


def _codes(column: pa.Array) -> pa.ListArray:
    return unique_in_rows(_inside(field(column, "classifications"), "symbol"))


def _inside(lists: pa.Array, name: str) -> pa.ListArray:
    """list<string> of one field of list<struct>."""
    rows, structs = elements(lists)
    return to_lists(rows, field(structs, name).cast(S), len(lists))


def _citations(ids: pa.Array, lists: pa.Array) -> pa.Table:
    rows, citations = elements(lists)
    patent = field(citations, "patcit")
    document = field(patent, "document_id")
    keys = join_number(*(field(document, name) for name in ("jurisdiction", "doc_number", "kind")))
    lens_ids = field(patent, "lens_id")
    known = pc.or_(keys.is_valid(), lens_ids.is_valid())
    said = of_columns(field(citations, "cited_phase"), pc.binary_join(field(citations, "category"), ","))
    table = pa.table([take(ids, rows), keys, lens_ids, *said], schema=CITED_HOW)
    return table.filter(known)


FORMAT = Format(
    name="lens",
    plan=plan,
    read=read,
    source="The Lens (lens.org)",
    licence="The Lens terms of use (lens.org/about/policies)",
    dates=("publication", "filing", "priority"),
    source_id="lens_id",
    threads=True,
)
