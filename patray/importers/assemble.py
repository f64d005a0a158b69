"""From part folders to the landscape: duplicates, families, representatives, citations, the sample, the files.

Only ids and metadata of all rows are in memory; texts are copied as they are compressed, see parquet_merge.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patray.files import Folder
from patray.importers.citations import HOW, Citations, Lookup
from patray.importers.families import across_kinds, known_family, simple_families
from patray.importers.format import Format
from patray.importers.nested import whole
from patray.importers.options import Options
from patray.importers.parquet_merge import ParquetMerger, Piece, read_footer
from patray.importers.part import TableCount, encoding
from patray.importers.record import FINDINGS, INTERNAL
from patray.importers.select import dense_sample, representatives
from patray.landscapes.families import large_families
from patray.landscapes.positions import positions

DUPLICATE = "publication met before, the first was kept"
NOT_CHOSEN = "another publication stands for its family"
NOT_SAMPLED = "not in the sample"
LEFT_OUT = "its patent or query was filtered"
UNKNOWN_LINK = "names a patent or query that was not read"
CITATIONS_AT_ONCE = 1_000_000
"""Resolved together: each time costs hash tables of all ids, each row some 170 bytes."""
_META = ("patent_id", "family_id", "jurisdiction", "date", "kind", "language", "source_id", "members", "line", "chars")


@dataclass(frozen=True)
class Part:
    """A finished unit's folder. offset: lines before it in its file."""

    folder: Folder
    file: str
    offset: int
    tables: frozenset[str]


@dataclass
class Assembled:
    """What came out. counts: table -> rows, of this stage only. facts: numbers for the report."""

    counts: dict[str, TableCount] = field(default_factory=dict)
    findings: list[pa.Table] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Documents:
    """All rows read, in part order: metadata, the first row with the id of each, which stay, family; rows per part."""

    table: pa.Table
    first: np.ndarray
    keep: np.ndarray
    family: pa.Array
    sizes: list[int]

    @property
    def ids(self) -> pa.Array:
        return whole(self.table["patent_id"])


def assemble(
    parts: Sequence[Part], fmt: Format, options: Options, destination: Folder, step: Callable[[int], object]
) -> Assembled:
    """Write patents, queries, citations, qrels and labels. step is called with the rows written, for progress."""
    out = Assembled()
    patents = _documents(parts, "patents", fmt, out)
    queries = _documents(parts, "queries", fmt, out)
    if patents is not None and any("citations" in part.tables for part in parts):
        patents = _with_citations(parts, patents, fmt, options, destination, out)
    elif patents is not None and (options.selection.representative or options.selection.sample):
        patents = _collapse_and_sample(patents, None, options, out)[0]
    for which, documents in (("patents", patents), ("queries", queries)):
        if documents is not None:
            count = out.counts[which]
            count.kept = int(documents.keep.sum())
            _write_documents(parts, which, documents, fmt, destination, step)
            out.facts[which] = _facts(documents)
    for table in sorted({name for part in parts for name in part.tables if name == "qrels" or "/" in name}):
        _write_links(parts, table, patents, queries, destination, out)
    return out


def _documents(parts: Sequence[Part], which: str, fmt: Format, out: Assembled) -> _Documents | None:
    tables, sizes, files = [], [], []
    for part in parts:
        if which in part.tables:
            table = part.folder.read_table(f"{which}.parquet", columns=list(_META))
            lines = pc.add(table["line"], part.offset)
            tables.append(table.set_column(table.column_names.index("line"), "line", lines))
            files.append(pa.repeat(pa.scalar(part.file), table.num_rows))
        sizes.append(tables[-1].num_rows if which in part.tables else 0)
    if not tables:
        return None
    table = pa.concat_tables(tables).combine_chunks()
    count = out.counts.setdefault(which, TableCount(read=table.num_rows))
    ids = whole(table["patent_id"])
    first = positions(ids, ids)
    keep = first == np.arange(len(first))
    again = pa.array(np.flatnonzero(~keep))
    count.dropped = len(again)
    if len(again):
        columns = [pa.chunked_array(files).take(again), table["line"].take(again), ids.take(again)]
        same = [pa.repeat(pa.scalar(text), len(again)) for text in (DUPLICATE, "dropped")]
        out.findings.append(pa.table([*columns, *same], schema=FINDINGS))
    names = ids if fmt.printed_ids else pc.coalesce(whole(table["source_id"]), ids)
    given, members = known_family(whole(table["family_id"])), whole(table["members"])
    family = simple_families(names, given, across_kinds(ids, members, given) if fmt.printed_ids else members)
    return _Documents(table.drop_columns(["members", "family_id"]), first, keep, family, sizes)


def _with_citations(
    parts: Sequence[Part], patents: _Documents, fmt: Format, options: Options, destination: Folder, out: Assembled
) -> _Documents:
    source_ids = whole(patents.table["source_id"])
    lookup = Lookup(patents.ids, source_ids, _days(patents), patents.first, fmt.printed_ids)
    citations = Citations(lookup)
    waiting: list[pa.Table] = []
    for part in parts:
        if "citations" in part.tables:
            waiting.append(part.folder.read_table("citations.parquet"))
        if sum(table.num_rows for table in waiting) >= CITATIONS_AT_ONCE:
            citations.add(pa.concat_tables(waiting))
            waiting = []
    if waiting:
        citations.add(pa.concat_tables(waiting))
    documents, stands_for = _collapse_and_sample(patents, citations, options, out)
    pairs, origins, names = citations.finish(stands_for)
    inside = documents.keep[pairs[0]] & documents.keep[pairs[1]]
    lost = int((~inside).sum())
    pairs, origins = pairs[:, inside], origins[inside]
    count = out.counts.setdefault("citations", TableCount(read=citations.read, kept=pairs.shape[1]))
    count.filtered = +citations.removed
    if citations.outside:
        out.facts["citations outside, such as"] = citations.outside
    if lost:
        count.filtered[LEFT_OUT] += lost
    family = documents.family.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    same = family[pairs[0]] == family[pairs[1]]
    out.facts["citations within a family"] = int(same.sum())
    codes = pa.array(origins, pa.int64())
    how = {}
    for place, name in enumerate(HOW):
        words = pa.array([one[place] if place < len(one) else "" for one in names], pa.string()).take(codes)
        if name == "origin" or pc.any(pc.not_equal(words, "")).as_py():
            how[name] = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    table = pa.table(
        {
            "citing_id": documents.ids.take(pa.array(pairs[0])),
            "cited_id": documents.ids.take(pa.array(pairs[1])),
            **how,
            "same_family": pa.array(same),
        }
    )
    destination.write_table("citations.parquet", table)
    return documents


def _collapse_and_sample(
    patents: _Documents, citations: Citations | None, options: Options, out: Assembled
) -> tuple[_Documents, np.ndarray | None]:
    """The documents that stay, and for every row the one that stands for its family (None when not collapsed)."""
    selection, count = options.selection, out.counts["patents"]
    keep, stands_for = patents.keep.copy(), None
    if selection.representative:
        rows = np.flatnonzero(keep)
        chosen = representatives(
            patents.family.dictionary_encode().indices.to_numpy(zero_copy_only=False)[rows],
            _days(patents)[rows],
            np.array(patents.table["jurisdiction"].take(pa.array(rows)).to_pylist(), dtype=object),
            patents.table["chars"].to_numpy()[rows],
            pc.rank(patents.ids, sort_keys="ascending").to_numpy()[rows],
            selection.representative,
        )
        stands_for = np.arange(len(keep))
        stands_for[rows] = rows[chosen]
        keep[rows[chosen != np.arange(len(rows))]] = False
        count.filtered[NOT_CHOSEN] = len(rows) - int(keep.sum())
    if selection.sample:
        pairs = np.zeros((2, 0), np.int32)
        if citations is not None:
            removed = Counter(citations.removed)
            pairs = citations.finish(stands_for)[0]
            citations.removed = removed  # counted again when the citations are written
        rows = np.flatnonzero(keep)
        order = np.argsort(pc.rank(patents.ids, sort_keys="ascending").to_numpy()[rows])
        rows = rows[order]  # in the order of ids: the sample does not depend on how the files were cut
        place = np.full(len(keep), -1)
        place[rows] = np.arange(len(rows))
        pairs = place[pairs[:, (place[pairs] >= 0).all(axis=0)]]
        taken = dense_sample(len(rows), pairs[0], pairs[1], selection.sample, selection.seed)
        keep[rows[~taken]] = False
        count.filtered[NOT_SAMPLED] = int((~taken).sum())
    return replace(patents, keep=keep), stands_for


def _days(documents: _Documents) -> np.ndarray:
    days = whole(documents.table["date"]).cast(pa.int32()).fill_null(2**31 - 1)
    return days.to_numpy(zero_copy_only=False).astype(np.int64)


def _write_documents(
    parts: Sequence[Part],
    which: str,
    documents: _Documents,
    fmt: Format,
    destination: Folder,
    step: Callable[[int], object],
) -> None:
    empty = [
        name
        for name in ("kind", "language", "source_id")
        if documents.table[name].null_count == documents.table.num_rows
    ]
    if not fmt.source_id and "source_id" not in empty:
        empty.append("source_id")
    found = pa.unify_schemas([_schema(part, which) for part in parts if which in part.tables])
    names = {name: name for name in found.names if name not in (*INTERNAL, *empty)}
    if "source_id" in names:
        names["source_id"] = fmt.source_id
    schema = pa.schema([pa.field(new, found.field(old).type) for old, new in names.items()])

    def write(sink: pa.NativeFile) -> None:
        merger, start = ParquetMerger(sink, schema), 0
        for part in parts:
            if which not in part.tables:
                continue
            with part.folder.input(f"{which}.parquet") as source:
                parquet = pq.ParquetFile(source, pre_buffer=False)
                footer = read_footer(source)
                there = [key for key in names if key != "family_id" and key in parquet.schema_arrow.names]
                for group in range(parquet.num_row_groups):
                    stop = start + parquet.metadata.row_group(group).num_rows
                    mask = documents.keep[start:stop]
                    family = pa.table({"family_id": documents.family.slice(start, stop - start)})
                    if mask.all():
                        texts = Piece(source, footer, group, {key: names[key] for key in there})
                    else:
                        chosen = parquet.read_row_group(group, columns=there)
                        chosen = chosen.filter(pa.array(mask))
                        family = family.filter(pa.array(mask))
                        texts = _encoded(chosen, {key: names[key] for key in chosen.column_names})
                    absent = [key for key in names if key not in (*there, "family_id")]
                    pieces = [texts, _encoded(family, {"family_id": "family_id"})]
                    if absent:  # a column of some files alone
                        nulls = {key: pa.nulls(family.num_rows, found.field(key).type) for key in absent}
                        pieces.append(_encoded(pa.table(nulls), {key: key for key in absent}))
                    if mask.any():
                        merger.add(pieces)
                    step(stop - start)
                    start = stop
        merger.close()

    destination.publish(f"{which}.parquet", write)


def _schema(part: Part, which: str) -> pa.Schema:
    with part.folder.input(f"{which}.parquet") as stream:
        return pq.read_schema(stream)


def _encoded(table: pa.Table, names: dict[str, str]) -> Piece:
    """A table as one row group in memory."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=max(table.num_rows, 1), **encoding(table.schema))
    source = pa.BufferReader(sink.getvalue())
    return Piece(source, read_footer(source), 0, names)


def _write_links(
    parts: Sequence[Part],
    name: str,
    patents: _Documents | None,
    queries: _Documents | None,
    destination: Folder,
    out: Assembled,
) -> None:
    """Qrels and labels whose patents and queries are there."""
    tables, files = [], []
    for part in parts:
        if name in part.tables:
            table = part.folder.read_table(f"{name}.parquet")
            lines = pc.add(table["line"], part.offset)
            tables.append(table.set_column(table.column_names.index("line"), "line", lines))
            files.append(pa.repeat(pa.scalar(part.file), table.num_rows))
    table, file = pa.concat_tables(tables), pa.chunked_array(files)
    count = out.counts.setdefault(name, TableCount(read=table.num_rows))
    known, kept = _known(table["patent_id"], [patents])
    if name == "qrels":
        query_known, query_kept = _known(table["query_id"], [queries, patents])
        known, kept = known & query_known, kept & query_kept
    gone = np.flatnonzero(~known)
    if len(gone):
        rows = pa.array(gone)
        same = [pa.repeat(pa.scalar(text), len(gone)) for text in (UNKNOWN_LINK, "dropped")]
        ids = table["query_id" if name == "qrels" else "patent_id"].take(rows)
        out.findings.append(pa.table([file.take(rows), table["line"].take(rows), ids, *same], schema=FINDINGS))
    count.dropped = len(gone)
    left = int((known & ~kept).sum())
    if left:
        count.filtered[LEFT_OUT] = left
    chosen = table.filter(pa.array(known & kept)).drop_columns(["line"])
    empty = [one for one in ("domain", "split") if one in chosen.column_names]
    chosen = chosen.drop_columns([one for one in empty if chosen[one].null_count == chosen.num_rows])
    count.kept = chosen.num_rows
    destination.write_table(f"{name}.parquet", chosen)


def _known(ids: pa.ChunkedArray, where: Sequence[_Documents | None]) -> tuple[np.ndarray, np.ndarray]:
    """((n,) bool: the id was read, (n,) bool: it is kept), in any of the tables."""
    known = np.zeros(len(ids), dtype=bool)
    kept = known.copy()
    for documents in where:
        if documents is not None:
            known |= pc.is_in(ids, value_set=documents.ids, skip_nulls=True).to_numpy()
            chosen = documents.ids.filter(pa.array(documents.keep))
            kept |= pc.is_in(ids, value_set=chosen, skip_nulls=True).to_numpy()
    return known, kept


def _facts(documents: _Documents) -> dict[str, object]:
    mask = pa.array(documents.keep)
    table = documents.table.filter(mask)
    facts: dict[str, object] = {"families": len(documents.family.filter(mask).unique())}
    for name in ("jurisdiction", "language", "kind"):
        counts = pc.value_counts(whole(table[name])).to_pylist()
        ranked = sorted((-one["counts"], one["values"] or "unknown") for one in counts)
        facts[name] = {value: -number for number, value in ranked}
    facts["notes"] = large_families(whole(documents.family.filter(mask)))
    dates = pc.min_max(table["date"])
    facts["dates"] = [str(dates["min"]), str(dates["max"])]
    facts["without date"] = table["date"].null_count
    return facts
