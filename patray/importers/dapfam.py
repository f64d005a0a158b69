"""DAPFAM as published: one landscape whose views and slices are the 18 task variants.

Texts are kept character for character (views join them as mteb does). A relation's own domain (IN, OUT, NC) is the
truth's domain; NC rows are negatives of relevance 0. Ids are families, so each is a family of its own. Date and
jurisdiction are those of the earliest claim; the jurisdiction's column is misspelt in the release and read either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.columns import dates
from patray.importers.format import Format, Unit, parquet_units
from patray.importers.nested import STRINGS, conform, elements, to_lists, unique_in_rows, whole
from patray.importers.options import Options
from patray.importers.parquet_rows import read_parquet
from patray.importers.record import QRELS, Finding, Rows, patents_table
from patray.importers.source import SourceFile
from patray.landscapes.grades import parse_grades

S = pa.string()
_OFFICES = ("earliest_claim_jusrisdiction", "earliest_claim_jurisdiction", "jurisdiction")
_CLASSES = "classifications_ipcr_list_first_three_chars_list"
_TEXTS = {"title": "title_en", "abstract": "abstract_en", "claims": "claims_text", "description": "description_en"}
_CODE = r"[A-HY]\d\d[A-Z]\s*\d{1,4}\s*/\s*\d{2,6}"
_WORDS = {"corpus": ("corpus",), "queries": ("queries",), "qrels": ("qrels", "relations")}
ABBREVIATIONS = {"TitlAbs": "ta", "TitlAbsClm": "tac", "FullText": "full"}
"""mteb's word for a text -> the name of the view."""
SECTIONS = {
    "ta": ("title", "abstract"),
    "tac": ("title", "abstract", "claims"),
    "full": ("title", "abstract", "claims", "description"),
}
"""Texts of the variants. jobs/suites/dapfam.yaml has the six pairs of them as views."""


@dataclass(frozen=True)
class Variant:
    """One published task. slice: all, in or out. query_view, view: keys of SECTIONS."""

    name: str
    slice: str
    query_view: str
    view: str

    @property
    def suite_view(self) -> str:
        """Name of the pair as a view of jobs/suites/dapfam.yaml."""
        return self.view if self.view == self.query_view else f"{self.query_view}-to-{self.view}"


VARIANTS = tuple(
    Variant(f"DAPFAM{scope}{query}To{document}Retrieval", scope.lower(), ABBREVIATIONS[query], ABBREVIATIONS[document])
    for scope, query, document in product(("All", "In", "Out"), ("TitlAbs", "TitlAbsClm"), ABBREVIATIONS)
)
"""All 18, under mteb's names."""


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units: list[Unit] = []
    for role, words in _WORDS.items():
        found = [file for file in files if file.base.endswith(".parquet") and _role(file) == role]
        if not found:
            raise InputError(
                f"dapfam: no {' or '.join(words)} Parquet file; found {', '.join(file.label for file in files[:8])}"
            )
        for file in found:
            units += parquet_units(role, file)
    return units


def _role(file: SourceFile) -> str | None:
    """By the file's name, else by its folder: the Hub's conversion has corpus/train/0000.parquet."""
    for role, words in _WORDS.items():
        if any(word in file.base for word in words):
            return role
    folders = file.uri.lower().split("/")[-3:-1]
    return next((role for role, words in _WORDS.items() if any(word in folders for word in words)), None)


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    if unit.role == "qrels":
        needed = ["query_id", "relevant_id", "relevance_score", "domain_rel"]
        for block in read_parquet(unit.file, None, unit.start, unit.stop, needed, needed):
            yield _relations(block.table, block.lines)
        return
    needed = ["relevant_id" if unit.role == "corpus" else "query_id", *_TEXTS.values()]
    for block in read_parquet(unit.file, None, unit.start, unit.stop, needed):
        yield _documents(unit.role, needed[0], block.table, block.lines)


def _documents(role: str, id_column: str, table: pa.Table, lines: np.ndarray) -> Rows:
    count, findings = table.num_rows, list[Finding]()

    def text(name: str) -> pa.Array:
        return conform(whole(table[name]), S) if name in table.column_names else pa.nulls(count, S)

    ids = text(id_column)
    offices = [_office(whole(table[name])) for name in _OFFICES if name in table.column_names]
    office = pc.coalesce(*offices, pa.nulls(count, S))
    claims = text(_TEXTS["claims"])
    filled = pc.fill_null(pc.not_equal(claims, ""), False)
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": ids,
            "jurisdiction": office,
            "date": dates(_as_text(table, "earliest_claim_date", count), lines, ids, findings),
            "title": text(_TEXTS["title"]),
            "abstract": text(_TEXTS["abstract"]),
            "claims": to_lists(np.flatnonzero(filled.to_numpy(zero_copy_only=False)), claims.filter(filled), count),
            "description": text(_TEXTS["description"]),
            "ipc": _codes(table, count),
            "line": pa.array(lines),
        },
        count,
    )
    return Rows("patents" if role == "corpus" else "queries", data, count, findings)


def _as_text(table: pa.Table, name: str, count: int) -> pa.Array:
    return whole(table[name]).cast(S) if name in table.column_names else pa.nulls(count, S)


def _office(column: pa.Array) -> pa.Array:
    """The first office of a list, or of a text that spells one."""
    text = pc.binary_join(conform(column, STRINGS), " ") if pa.types.is_list(column.type) else conform(column, S)
    return pc.struct_field(pc.extract_regex(text, pattern=r"(?P<office>[A-Z]{2})"), "office")


def _codes(table: pa.Table, count: int) -> pa.ListArray:
    """IPC codes: the full ones where there are any, else the published 3-character classes.

    Both columns are met as real lists, as JSON text and as Python's repr of a list.
    """
    full = _found(table, "ipcr_codes_str", _CODE, count)
    classes = _found(table, _CLASSES, r"[A-HY]\d\d", count)
    has_full = pc.greater(pc.list_value_length(full), 0)
    return pc.if_else(has_full, full, classes)


def _found(table: pa.Table, name: str, pattern: str, count: int) -> pa.ListArray:
    if name not in table.column_names:
        return to_lists(np.zeros(0, np.int64), pa.array([], S), count)
    column = whole(table[name])
    lists = conform(column, STRINGS)
    rows, texts = elements(lists)
    # One match at a time: what stands between the codes is cut away, then the rest is split at the marks.
    marked = pc.replace_substring_regex(pc.utf8_upper(texts), pattern=f"({pattern})", replacement="\x01\\1\x02")
    inner, pieces = elements(pc.split_pattern(marked, "\x01"))
    codes = pc.struct_field(pc.extract_regex(pieces, pattern=f"^(?P<code>{pattern})\x02"), "code")
    return unique_in_rows(to_lists(rows[inner], codes, count))


def _relations(table: pa.Table, lines: np.ndarray) -> Rows:
    queries, patents = (conform(whole(table[name]), S) for name in ("query_id", "relevant_id"))
    grades, refused = parse_grades(whole(table["relevance_score"]), "relevance_score")
    findings = [Finding(int(lines[row]), queries[row].as_py(), reason) for row, reason in refused]
    good = np.ones(table.num_rows, bool)
    good[[row for row, _ in refused]] = False
    domains = pc.utf8_upper(conform(whole(table["domain_rel"]), S))
    data = pa.table([queries, patents, pa.array(grades), domains, pa.array(lines)], schema=QRELS).filter(pa.array(good))
    return Rows("qrels", data, table.num_rows, findings)


FORMAT = Format(
    name="dapfam",
    plan=plan,
    read=read,
    source="DAPFAM (datalyes/DAPFAM_patent)",
    licence="CC BY-NC-SA 4.0",
)
