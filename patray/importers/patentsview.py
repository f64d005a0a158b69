"""PatentsView bulk tables: grants (`g_...`) and pre-grant publications (`pg_...`), TSV, zipped or not.

A publication is spread over tables in orders of their own, so each table is first scattered into buckets by its id and
each bucket is then joined: memory holds one bucket, whatever the size of the set, and both steps resume.

Needed: g_patent or pg_published_application. Used where they are there: abstracts, claims (g_ counts from 0, pg_ from
1), CPC (current; at issue for publications without), IPC, application dates, citations, descriptions. The crosswalk and
the application number put a grant and its pre-grant publication into one family. Rows of a table without a publication
of their id are counted. Other PatentsView tables are left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.importers.columns import blank_to_null, dates
from patray.importers.csv_rows import read_csv
from patray.importers.families import application_number, same_application
from patray.importers.format import Format, Unit
from patray.importers.nested import take, to_lists, unique_in_rows, whole
from patray.importers.numbers import join_number, parse_numbers
from patray.importers.options import Options
from patray.importers.record import CITED, FINDINGS, Finding, Rows, patents_table
from patray.importers.source import SourceFile
from patray.landscapes.positions import positions

S = pa.string()
BUCKET_BYTES = 128 << 20
MOST_BUCKETS = 512
FLUSH_BYTES = 192 << 20
NOT_NEEDED = "not needed for these options"
ORPHAN = "no publication of this id in the main table"


@dataclass(frozen=True)
class Kind:
    """How grants or pre-grant publications name their tables and columns."""

    main: str
    id: str
    date: str
    title: str
    abstract: tuple[str, str]
    filing: tuple[str, str]
    prefix: str


GRANTS = Kind(
    main="g_patent",
    id="patent_id",
    date="patent_date",
    title="patent_title",
    abstract=("g_patent_abstract", "patent_abstract"),
    filing=("g_application", "filing_date"),
    prefix="g_",
)
PREGRANT = Kind(
    main="pg_published_application",
    id="pgpub_id",
    date="published_date",
    title="application_title",
    abstract=("pg_published_application_abstract", "application_abstract"),
    filing=("pg_published_application", "filing_date"),
    prefix="pg_",
)
TABLES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "g_patent": ("patent_id", ("patent_date", "patent_title", "wipo_kind"), ("withdrawn",)),
    "g_patent_abstract": ("patent_id", ("patent_abstract",), ()),
    "g_application": ("patent_id", ("filing_date",), ("application_id",)),
    "g_claims": ("patent_id", ("claim_sequence", "claim_text"), ()),
    "g_cpc_current": ("patent_id", ("cpc_sequence", "cpc_group"), ()),
    "g_cpc_at_issue": ("patent_id", ("cpc_sequence", "cpc_group"), ()),
    "g_ipc_at_issue": (
        "patent_id",
        ("ipc_sequence", "section", "ipc_class", "subclass", "main_group", "subgroup"),
        (),
    ),
    "g_us_patent_citation": ("patent_id", ("citation_patent_id", "citation_category"), ("wipo_kind",)),
    "g_us_application_citation": ("patent_id", ("citation_document_number", "citation_category"), ("wipo_kind",)),
    "g_foreign_citation": ("patent_id", ("citation_application_id", "citation_country", "citation_category"), ()),
    "g_detail_desc_text": ("patent_id", ("description_text",), ()),
    "pg_published_application": (
        "pgpub_id",
        ("published_date", "application_title", "wipo_kind"),
        ("filing_date", "application_id"),
    ),
    "pg_published_application_abstract": ("pgpub_id", ("application_abstract",), ()),
    "pg_claims": ("pgpub_id", ("claim_sequence", "claim_text"), ()),
    "pg_cpc_current": ("pgpub_id", ("cpc_sequence", "cpc_group"), ()),
    "pg_cpc_at_issue": ("pgpub_id", ("cpc_sequence", "cpc_group"), ()),
    "pg_detail_desc_text": ("pgpub_id", ("description_text",), ()),
    "pg_granted_pgpubs_crosswalk": ("patent_id", ("pgpub_id",), ()),
}
"""Table -> (its id, columns that it must have, columns that are used where they are there)."""


def table_of(file: SourceFile) -> str | None:
    """The table that a file holds, from its name: `g_claims_2020.tsv` is g_claims."""
    name = re.sub(r"_\d{4}$", "", file.base.removesuffix(".tsv"))
    return name if name in TABLES else None


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    known = [(table, file) for file in files if (table := table_of(file))]
    if not {table for table, _ in known} & {GRANTS.main, PREGRANT.main}:
        names = ", ".join(file.label for file in files[:8])
        raise InputError(f"patentsview: needs {GRANTS.main}.tsv or {PREGRANT.main}.tsv (zipped or not); found {names}")
    total = sum(file.size * (4 if file.compression else 1) for _, file in known)
    buckets = int(min(MOST_BUCKETS, max(1, -(-total // BUCKET_BYTES))))
    return [Unit(f"scatter {table}", file, 0, buckets) for table, file in known]


def scatter(unit: Unit, options: Options) -> dict[str, int]:
    """Write a table's rows to work/bucket-NNN/TABLE/FILE.parquet, by the digits of their id."""
    table, work = unit.role.removeprefix("scatter "), Folder.at(unit.work)
    key, needed, used = TABLES[table]
    waiting: list[list[pa.Table]] = [[] for _ in range(unit.stop)]
    findings: list[Finding] = []
    total = size = flushed = 0
    delimiter = options.delimiter or "\t"
    for block in read_csv(unit.file, delimiter, options.encoding, options.keep_truncated, [key, *needed]):
        total += block.read
        findings += block.findings
        names = [key, *needed, *(name for name in used if name in block.columns)]
        rows = pa.table([*(block.columns[name] for name in names), block.lines], names=[*names, "line"])
        digits = pc.replace_substring_regex(rows[key], pattern=r"\D", replacement="")
        number = pc.if_else(pc.match_substring_regex(digits, r"^\d{1,18}$"), digits, "0").cast(pa.int64()).to_numpy()
        buckets = number % unit.stop
        for bucket in np.unique(buckets).tolist():
            waiting[bucket].append(rows.filter(pa.array(buckets == bucket)))
        size += rows.nbytes
        if size >= FLUSH_BYTES:
            flushed, size = _flush(work, table, unit.file.base, waiting, flushed), 0
    _flush(work, table, unit.file.base, waiting, flushed)
    if findings:
        rows = [(unit.file.label, one.line, one.id, one.reason, one.action) for one in findings]
        columns = [list(column) for column in zip(*rows, strict=True)]
        work.write_table(f"findings/{table}/{unit.file.base}.parquet", pa.table(columns, schema=FINDINGS))
    return {unit.file.label: total}


def _flush(work: Folder, table: str, name: str, waiting: list[list[pa.Table]], flushed: int) -> int:
    for bucket, tables in enumerate(waiting):
        if tables:
            work.write_table(f"bucket-{bucket:03d}/{table}/{name}-{flushed:04d}.parquet", pa.concat_tables(tables))
            tables.clear()
    return flushed + 1


def gather(work: str, options: Options) -> list[Unit]:
    """A unit a bucket, and one a table that had bad rows."""
    folder = Folder.at(work)
    units = [Unit("bucket", SourceFile(name, 0), work=work) for name in folder.list() if name.startswith("bucket-")]
    for table in (folder / "findings").list():
        files = (folder / f"findings/{table}").list()
        units += [Unit(f"findings {table}", SourceFile(name, 0), work=work) for name in files]
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    work = Folder.at(unit.work)
    if unit.role.startswith("findings "):
        table = unit.role.removeprefix("findings ")
        rows = work.read_table(f"findings/{table}/{unit.file.uri}").to_pylist()
        found = [Finding(row["line"], row["id"], f"{table}: {row['reason']}", row["action"]) for row in rows]
        dropped = sum(one.action == "dropped" for one in found)
        yield Rows(f"source {table}", pa.table({"line": pa.array([], pa.int64())}), dropped, found)
        return
    bucket = _Bucket(work / unit.file.uri)
    for kind in (GRANTS, PREGRANT):
        if bucket.has(kind.main):
            yield from _publications(bucket, kind, options)
    yield from bucket.accounts()


class _Bucket:
    """The tables of one bucket, and how many of their rows were of use."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.names = set(folder.list())
        self.rows: Counter[str] = Counter()
        self.orphans: Counter[str] = Counter()

    def has(self, table: str) -> bool:
        return table in self.names

    def table(self, name: str) -> pa.Table:
        folder = self.folder / name
        tables = [folder.read_table(file) for file in folder.list()]
        return pa.concat_tables(tables, promote_options="default").combine_chunks()

    def joined(self, name: str, ids: pa.Array, sequence: str = "") -> tuple[np.ndarray, pa.Table]:
        """(place in ids of each row (m,), ascending; the rows), in the order of `sequence` within a publication."""
        if not self.has(name):
            columns = [TABLES[name][0], *TABLES[name][1], *TABLES[name][2]]
            return np.zeros(0, np.int64), pa.table({column: pa.array([], S) for column in columns})
        table = self.table(name)
        place = positions(table[TABLES[name][0]], ids)
        self.rows[name], self.orphans[name] = table.num_rows, int((place < 0).sum())
        order = np.arange(table.num_rows)
        if sequence:
            digits = pc.struct_field(pc.extract_regex(whole(table[sequence]), r"(?P<n>\d{1,9})"), "n")
            order = pc.fill_null(digits.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        order = np.lexsort((order, place))
        order = order[place[order] >= 0]
        return place[order].astype(np.int64), table.take(pa.array(order))

    def first(self, name: str, column: str, ids: pa.Array) -> pa.Array:
        """One value a publication, the first where there are several; null where the table lacks the column."""
        rows, table = self.joined(name, ids)
        if column not in table.column_names:
            return pa.nulls(len(ids), S)
        index = np.full(len(ids), -1, dtype=np.int64)
        index[rows[::-1]] = np.arange(len(rows))[::-1]
        return blank_to_null(take(whole(table[column]), index))

    def accounts(self) -> Iterator[Rows]:
        """For each table but the main ones: rows read = used + without a publication + not needed."""
        for name in sorted(self.names - {GRANTS.main, PREGRANT.main} - set(self.rows)):
            count = self.table(name).num_rows
            main = GRANTS.main if TABLES[name][0] == GRANTS.id else PREGRANT.main
            reason = NOT_NEEDED if self.has(main) else ORPHAN
            yield Rows(
                f"source {name}", pa.table({"line": pa.nulls(0, pa.int64())}), count, [], Counter({reason: count})
            )
        for name, read_rows in self.rows.items():
            lost = self.orphans[name]
            data = pa.table({"line": pa.nulls(read_rows - lost, pa.int64())})
            yield Rows(f"source {name}", data, read_rows, [], Counter({ORPHAN: lost}) if lost else Counter())


def _publications(bucket: _Bucket, kind: Kind, options: Options) -> Iterator[Rows]:
    main = bucket.table(kind.main)
    main = main.take(pa.array(np.argsort(main["line"].to_numpy(), kind="stable")))
    names, count = blank_to_null(whole(main[kind.id])), main.num_rows
    lines, findings = main["line"].to_numpy(), list[Finding]()
    office = pa.repeat(pa.scalar("US"), count)
    kinds = blank_to_null(whole(main["wipo_kind"]))
    ids = join_number(office, names, kinds)
    if options.date == "filing" and kind is GRANTS:
        dated = bucket.first(*kind.filing, names)
    elif options.date == "filing":
        dated = whole(main["filing_date"]) if "filing_date" in main.column_names else pa.nulls(count, S)
    else:
        dated = whole(main[kind.date])
    nothing = to_lists(np.zeros(0, np.int64), pa.array([], S), count)
    description = f"{kind.prefix}detail_desc_text"
    claim_rows, claims = bucket.joined(f"{kind.prefix}claims", names, "claim_sequence")
    us, application = pa.repeat(pa.scalar("US"), count), _application(bucket, kind, names, main)
    data = patents_table(
        {
            "patent_id": ids,
            "jurisdiction": office,
            "date": dates(dated, lines, ids, findings),
            "title": blank_to_null(whole(main[kind.title])),
            "abstract": bucket.first(*kind.abstract, names),
            "claims": to_lists(claim_rows, blank_to_null(whole(claims["claim_text"])), count),
            "description": bucket.first(description, "description_text", names),
            "ipc": _ipc(bucket, names) if kind is GRANTS else nothing,
            "cpc": _cpc(bucket, kind, names),
            "kind": kinds,
            "language": pa.repeat(pa.scalar("en"), count),
            "source_id": names,
            "members": _members(bucket, kind, names, application),
            "application": application_number(us, application),
            "line": pa.array(lines),
        },
        count,
    )
    filtered: Counter[str] = Counter()
    if "withdrawn" in main.column_names:
        gone = pc.is_in(
            pc.utf8_lower(main["withdrawn"]), value_set=pa.array(["1", "1.0", "true", "t", "yes"])
        ).to_numpy()
        filtered["withdrawn"] = int(gone.sum())
        data = data.filter(pa.array(~gone))
        kept = set(data["patent_id"].to_pylist())
        findings = [one for one in findings if one.id in kept]
    yield Rows("patents", data, count, findings, +filtered)
    if kind is GRANTS:
        for cited in _citations(bucket, names, ids):
            yield Rows("citations", cited, cited.num_rows)


def _ipc(bucket: _Bucket, names: pa.Array) -> pa.ListArray:
    """Codes put together from their parts; class and subgroup are padded to two digits again."""
    rows, table = bucket.joined("g_ipc_at_issue", names, "ipc_sequence")
    section, number, letter, main, sub = (
        pc.utf8_trim_whitespace(whole(table[name]))
        for name in ("section", "ipc_class", "subclass", "main_group", "subgroup")
    )
    joined = pc.binary_join_element_wise(section, pc.utf8_lpad(number, 2, "0"), letter, "")
    main = pc.replace_substring_regex(main, pattern=r"^0+(\d)", replacement=r"\1")
    fine = pc.binary_join_element_wise(joined, pc.binary_join_element_wise(main, pc.utf8_lpad(sub, 2, "0"), "/"), "")
    known = pc.fill_null(pc.and_(pc.not_equal(main, ""), pc.not_equal(sub, "")), False)
    return unique_in_rows(to_lists(rows, pc.if_else(known, fine, joined), len(names)))


def _cpc(bucket: _Bucket, kind: Kind, names: pa.Array) -> pa.ListArray:
    """Current codes; those at issue for publications that have no current ones."""
    lists = []
    for table in ("cpc_current", "cpc_at_issue"):
        rows, codes = bucket.joined(f"{kind.prefix}{table}", names, "cpc_sequence")
        lists.append(unique_in_rows(to_lists(rows, whole(codes["cpc_group"]), len(names))))
    return pc.if_else(pc.greater(pc.list_value_length(lists[0]), 0), lists[0], lists[1])


def _application(bucket: _Bucket, kind: Kind, names: pa.Array, main: pa.Table) -> pa.Array:
    if kind is GRANTS:
        return bucket.first("g_application", "application_id", names)
    return whole(main["application_id"]) if "application_id" in main.column_names else pa.nulls(len(names), S)


def _members(bucket: _Bucket, kind: Kind, names: pa.Array, application: pa.Array) -> pa.ListArray:
    """The pre-grant publications of a grant, and the application of both."""
    rows, members = np.zeros(0, np.int64), pa.array([], S)
    if kind is GRANTS:
        rows, table = bucket.joined("pg_granted_pgpubs_crosswalk", names)
        members = whole(table["pgpub_id"])
    own = same_application(pa.repeat(pa.scalar("US"), len(names)), application)
    rows = np.concatenate([rows, np.arange(len(names))])
    order = np.argsort(rows, kind="stable")
    return unique_in_rows(to_lists(rows[order], pa.concat_arrays([members, own]).take(pa.array(order)), len(names)))


def _citations(bucket: _Bucket, names: pa.Array, ids: pa.Array) -> Iterator[pa.Table]:
    for table, column in (
        ("g_us_patent_citation", "citation_patent_id"),
        ("g_us_application_citation", "citation_document_number"),
        ("g_foreign_citation", "citation_application_id"),
    ):
        rows, found = bucket.joined(table, names)
        number = whole(found[column])
        kinds = whole(found["wipo_kind"]) if "wipo_kind" in found.column_names else pa.nulls(len(rows), S)
        if table == "g_foreign_citation":
            key = join_number(whole(found["citation_country"]), number)
        else:
            bare = parse_numbers(number, office="US").field("key")
            key = pc.coalesce(join_number(pa.repeat(pa.scalar("US"), len(rows)), number, kinds), bare)
        origin = pc.replace_substring_regex(whole(found["citation_category"]), r"^cited by ", "")
        out = pa.table([take(ids, rows), key, pa.nulls(len(rows), S), blank_to_null(origin)], schema=CITED)
        yield out.filter(out["cited_id"].is_valid())


FORMAT = Format(
    name="patentsview",
    plan=plan,
    read=read,
    source="PatentsView (USPTO)",
    licence="CC BY 4.0",
    dates=("publication", "filing"),
    source_id="patentsview_id",
    scatter=scatter,
    gather=gather,
)
