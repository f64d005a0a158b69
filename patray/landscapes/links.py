"""The rules for citations, qrels and labels: whole small tables, checked column by column.

A row is dropped for the first rule that it breaks, in the order of the rules below, so each row has one reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from patray.errors import InputError
from patray.landscapes.absent import LABEL
from patray.landscapes.cited_how import BAD_CATEGORY, category_letters, origin_words
from patray.landscapes.cleaning import Findings, clean_lists, clean_strings
from patray.landscapes.grades import parse_grades
from patray.landscapes.positions import positions
from patray.landscapes.quarantine import Quarantine
from patray.landscapes.schema import CITATIONS, INTEGER, LABELS, QRELS, STRING, Column, to_lists, to_strings

DOMAINS = ("IN", "OUT", "NC", "UNKNOWN")
"""Accepted in qrels.domain, in any case; NC is DAPFAM's word for its sampled negatives."""
SPLIT_NAMES = ("train", "validation", "test")


class _Rows:
    """Rows of one table that are still kept, and the way of dropping some."""

    def __init__(self, file: str, ids: pa.Array, quarantine: Quarantine) -> None:
        self.file, self.ids, self.quarantine = file, ids, quarantine
        self.keep = np.ones(len(ids), dtype=bool)

    def drop(self, broken: np.ndarray, reason: str, detail: pa.Array | None = None) -> None:
        """Drop the kept rows where `broken` (n,) bool; `detail` (n,) strings follow the reason."""
        rows = np.flatnonzero(broken & self.keep)
        self.keep[rows] = False
        if len(rows) == 0:
            return
        index = pa.array(rows)
        said: str | pa.Array = reason
        if detail is not None:
            said = pc.binary_join_element_wise(
                pa.repeat(pa.scalar(reason), len(rows)), pc.fill_null(detail.take(index), ""), ": "
            )
        self.quarantine.add_rows(self.file, rows, self.ids.take(index), said, "dropped")

    def drop_each(self, broken: Sequence[tuple[int, str]]) -> None:
        """Drop kept rows, each for a reason of its own: (row, reason)."""
        kept = [(row, reason) for row, reason in broken if self.keep[row]]
        rows = np.array([row for row, _ in kept], np.int64)
        self.keep[rows] = False
        self.quarantine.add_rows(
            self.file, rows, self.ids.take(pa.array(rows)), [reason for _, reason in kept], "dropped"
        )


def _columns(table: pa.Table, columns: Sequence[Column]) -> dict[str, pa.Array]:
    """The format's columns as plain arrays, absent optional ones left out; the schema was checked before."""
    found: dict[str, pa.Array] = {}
    for column in columns:
        if column.name not in table.column_names:
            continue
        array = pa.concat_arrays(table[column.name].chunks) if table.num_rows else pa.nulls(0, column.type)
        if column.type == STRING:
            array = to_strings(array)
        elif column.type == INTEGER:
            array = array if not pt.is_null(array.type) else pa.nulls(len(array), INTEGER)
        else:
            array = to_lists(array)
        found[column.name] = array
    return found


def _assemble(table: pa.Table, columns: dict[str, pa.Array], keep: np.ndarray) -> pa.Table:
    extra = {name: table[name] for name in table.column_names if name not in columns}
    return pa.table({**columns, **extra}).filter(pa.array(keep))


def _blank(ids: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.equal(pc.binary_length(ids), 0), True).to_numpy(zero_copy_only=False)


def _repeated(key: np.ndarray, keep: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """(n,) bool: kept rows whose key was seen in an earlier kept row; `order` (n,) puts other rows first."""
    rows = np.flatnonzero(keep)
    if order is not None:
        rows = rows[np.argsort(order[rows], kind="stable")]
    _, first = np.unique(key[rows], return_index=True)
    again = np.zeros(len(keep), dtype=bool)
    again[rows] = True
    again[rows[first]] = False
    return again


def clean_citations(file: str, table: pa.Table, known: pa.Array, quarantine: Quarantine) -> pa.Table:
    """Citations between known documents, each pair once for every origin, category and reliance that is given for it.

    known: ids of patents and query documents (unique strings). Origins and categories get one spelling (cited_how).
    """
    found = _columns(table, CITATIONS)
    citing, cited = found["citing_id"], found["cited_id"]
    source, target = positions(citing, known), positions(cited, known)
    rows = _Rows(file, citing, quarantine)
    rows.drop(_blank(citing) | _blank(cited), "missing citing_id or cited_id")
    same = pc.fill_null(pc.equal(citing, cited), False).to_numpy(zero_copy_only=False)
    rows.drop(same, "citation to itself")
    rows.drop(source < 0, "citation from an unknown patent")
    rows.drop(target < 0, "citation to an unknown patent", cited)
    says = np.zeros(len(citing), dtype=np.int64)
    if "origin" in found:
        found["origin"] = origin_words(found["origin"])
        says = _codes(found["origin"])
    if "category" in found:
        found["category"], strange = category_letters(found["category"])
        for row in np.flatnonzero(strange & rows.keep).tolist():
            said = table["category"][row].as_py()
            quarantine.add(file, row, citing[row].as_py(), f"{BAD_CATEGORY}: {said[:40]!r}", "kept")
    for name in ("category", "reliance"):
        codes = _codes(found[name]) if name in found else np.zeros(len(citing), np.int64)
        says = says * (int(codes.max(initial=0)) + 1) + codes
    _, says = np.unique(says, return_inverse=True)
    key = (source * len(known) + target) * (int(says.max(initial=0)) + 1) + says
    rows.drop(_repeated(key, rows.keep), "duplicate citation, the first was kept", cited)
    return _assemble(table, found, rows.keep)


def _codes(column: pa.Array) -> np.ndarray:
    """(n,) int64: from 1 for each value, 0 for null."""
    codes = column.dictionary_encode().indices.cast(pa.int64())
    return np.asarray(pc.fill_null(pc.add(codes, 1), 0).to_numpy(zero_copy_only=False))


def clean_qrels(file: str, table: pa.Table, patents: pa.Array, documents: pa.Array, quarantine: Quarantine) -> pa.Table:
    """Judgements of corpus patents for known query documents, each pair once, with its highest relevance.

    patents: ids of the corpus. documents: ids of the corpus and of the query documents.
    """
    found = _columns(table, QRELS)
    queries, judged = found["query_id"], found["patent_id"]
    source, target = positions(queries, documents), positions(judged, patents)
    rows = _Rows(file, queries, quarantine)
    rows.drop(_blank(queries) | _blank(judged), "missing query_id or patent_id")
    grades, refused = parse_grades(found["relevance"])
    rows.drop_each(refused)
    rows.drop(source < 0, "qrel of an unknown query")
    rows.drop(target < 0, "qrel to an unknown patent", judged)
    again = _repeated(source * max(len(patents), 1) + target, rows.keep, order=-grades.astype(np.int64))
    rows.drop(again, "pair judged more than once, its highest relevance was kept", judged)
    found["relevance"] = pa.array(grades, INTEGER)
    if "domain" in found:
        found["domain"] = _domains(file, queries, found["domain"], rows.keep, quarantine)
    return _assemble(table, found, rows.keep)


def _domains(file: str, ids: pa.Array, domain: pa.Array, keep: np.ndarray, quarantine: Quarantine) -> pa.Array:
    upper = pc.utf8_upper(domain)
    strange = pc.fill_null(pc.invert(pc.is_in(upper, value_set=pa.array(DOMAINS))), False)
    strange = pc.and_(strange, domain.is_valid()).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(strange & keep)
    reasons = [
        f"domain is none of {', '.join(DOMAINS)}, taken as unknown: {domain[int(row)].as_py()!r}" for row in rows
    ]
    quarantine.add_rows(file, rows, ids.take(pa.array(rows, pa.int64())), reasons, "kept")
    return pc.if_else(pa.array(strange), pa.scalar(None, STRING), upper)


def clean_labels(file: str, table: pa.Table, patents: pa.Array, quarantine: Quarantine) -> pa.Table:
    """Label rows of known patents, one row per patent, every label once per row and without blanks."""
    found = _columns(table, LABELS)
    ids = found["patent_id"]
    position = positions(ids, patents)
    findings = Findings()
    found["labels"], doubled = _unique_labels(clean_lists(found["labels"], "labels", findings, absent=LABEL))
    for row in doubled:
        findings.add(row, "label repeated in one row, kept once", "kept")
    rows = _Rows(file, ids, quarantine)
    rows.drop(_blank(ids), "missing patent_id")
    rows.drop(position < 0, "labels of an unknown patent")
    rows.drop(found["labels"].value_lengths().to_numpy(zero_copy_only=False) == 0, "no label in this row")
    rows.drop(_repeated(position, rows.keep), "second row of labels for a patent, the first was kept")
    for row, reason, action in findings.items:
        if rows.keep[row]:
            quarantine.add(file, row, ids[row].as_py(), reason, action)
    if "split" in found:
        found["split"] = clean_strings(found["split"], "split", Findings())
        used = pc.unique(found["split"].drop_null()).to_pylist()
        strange = sorted(set(used) - set(SPLIT_NAMES))
        if strange:
            raise InputError(
                f"{quarantine.landscape}: {file}: split {strange[0]!r} is unknown; "
                f"allowed are {', '.join(SPLIT_NAMES)} or nothing"
            )
    return _assemble(table, found, rows.keep)


def _unique_labels(labels: pa.ListArray) -> tuple[pa.ListArray, list[int]]:
    """(every label once per row, rows that repeated one)."""
    sizes = labels.value_lengths().to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(labels)), sizes)
    names = labels.flatten().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    again = _repeated(rows * (len(names.dictionary) + 1) + codes, np.ones(len(codes), dtype=bool))
    if not again.any():
        return labels, []
    kept = np.bincount(rows[~again], minlength=len(labels))
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, labels.flatten().filter(pa.array(~again))), np.unique(rows[again]).tolist()
