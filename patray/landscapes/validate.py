"""From the folder that a person has to the clean copy that everything downstream reads.

Patents stream through in batches, so memory does not grow with the corpus; only ids and metadata are held. Every row
that breaks a rule is in quarantine.parquet with what was done. `prepared.json` is written last: without it there is no
clean copy.

    patents/part-00000.parquet ...   canonical columns, then the source's other columns
    queries/part-00000.parquet ...   when the source has query documents
    metadata.parquet, queries-metadata.parquet    the non-text columns, and SECTION_chars for each text column
    citations.parquet  qrels.parquet  labels/NAME.parquet  landscape.yaml  quarantine.parquet  prepared.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import yaml

from patray.artifacts import Ledger
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.cleaning import text_lengths
from patray.landscapes.content import ColumnHash, combine, hash_table
from patray.landscapes.documents import DocumentRules
from patray.landscapes.families import large_families
from patray.landscapes.links import clean_citations, clean_labels, clean_qrels
from patray.landscapes.parts import check_is_landscape, find_parts, label_files, open_parts
from patray.landscapes.quarantine import Quarantine, count_reasons
from patray.landscapes.reading import landscape_name, read_description
from patray.landscapes.schema import CITATIONS, DOCUMENTS, LABELS, QRELS, TEXT_COLUMNS, Column

FORMAT = 1
"""Part of prepared.json; raised when the clean copy's layout changes."""


@dataclass(frozen=True)
class FileCount:
    """Rows of one source file; read = kept + dropped."""

    read: int
    kept: int
    dropped: int


@dataclass(frozen=True)
class Prepared:
    """What a clean copy holds; also the content of its prepared.json.

    files: source file -> counts. hashes: 'patents/title', 'queries/abstract', 'citations', 'qrels', 'labels/NAME' ->
    hash of that content, in row order. reasons: (file, reason, action, rows). notes: things worth knowing that are not
    errors, such as an ignored column that looks misspelt.
    """

    name: str
    source: str
    folder: Folder
    content_hash: str
    files: dict[str, FileCount]
    hashes: dict[str, str]
    reasons: tuple[tuple[str, str, str, int], ...]
    notes: tuple[str, ...]

    @property
    def quarantined(self) -> dict[str, int]:
        """'file: reason (action)' -> rows, most frequent first."""
        return {f"{file}: {reason} ({action})": n for file, reason, action, n in self.reasons}

    @property
    def part_hashes(self) -> dict[str, str]:
        """Hash of each part of the landscape: patents, queries, citations, qrels, labels/NAME; those that it has."""
        parts: dict[str, dict[str, str]] = {}
        for name, digest in self.hashes.items():
            part = name if name.startswith("labels/") else name.partition("/")[0]
            parts.setdefault(part, {})[name] = digest
        return {part: combine(hashes) for part, hashes in parts.items()}


def prepare(
    source: Folder,
    destination: Folder,
    name: str | None = None,
    max_text_chars: int = 2_000_000,
    max_bad_share: float = 0.05,
    rows_per_part: int = 2048,
) -> Prepared:
    """Validate `source` and write its clean copy to `destination`.

    name: name of the landscape; by default the one in landscape.yaml, else the folder's. max_text_chars: a longer text
    is cut. max_bad_share: largest share of dropped rows of patents or queries. rows_per_part: rows of a part file.

    Raises InputError for a file that is missing, damaged or wrongly typed, for an empty landscape, and when more than
    `max_bad_share` of the patents were dropped (quarantine.parquet is written before).
    """
    check_is_landscape(source)
    if source.uri == destination.uri:
        raise InputError(f"{source}: the clean copy needs a folder of its own")
    description = read_description(source)
    name = landscape_name(source, description, name)
    destination.make()
    for stale in ("prepared.json", "patents", "queries", "labels", "citations.parquet", "qrels.parquet"):
        destination.delete(stale)
    destination.delete("queries-metadata.parquet")
    ledger = Ledger(destination)
    quarantine = Quarantine(name)
    files: dict[str, FileCount] = {}
    hashes: dict[str, str] = {}
    notes: list[str] = []

    ids = {}
    for which in ("patents", "queries"):
        if find_parts(source, f"{which}.parquet"):
            copied = _copy_documents(source, ledger, which, quarantine, max_text_chars, rows_per_part)
            files[f"{which}.parquet"], ids[which] = copied.count, copied.ids
            hashes.update({f"{which}/{column}": digest for column, digest in copied.hashes.items()})
            notes += copied.notes
            _stop_if_bad(f"{source}/{which}.parquet", copied.count, max_bad_share, quarantine, destination)
            notes += large_families(copied.families) if which == "patents" else []
    patents = ids["patents"]
    documents = pa.concat_arrays([patents, ids["queries"]]).unique() if "queries" in ids else patents

    links: list[tuple[str, Sequence[Column], Callable[[str, pa.Table], pa.Table]]] = [
        ("citations.parquet", CITATIONS, lambda file, table: clean_citations(file, table, documents, quarantine)),
        ("qrels.parquet", QRELS, lambda file, table: clean_qrels(file, table, patents, documents, quarantine)),
    ]
    tables, ignored = label_files(source)
    notes += ignored
    links += [(file, LABELS, lambda file, table: clean_labels(file, table, patents, quarantine)) for file in tables]
    for file, columns, clean in links:
        if not find_parts(source, file):
            continue
        parts = open_parts(source, file, columns)
        table = parts.table()
        notes += parts.notes
        kept = clean(file, table)
        files[file] = FileCount(table.num_rows, kept.num_rows, table.num_rows - kept.num_rows)
        canonical = [column.name for column in columns if column.name in kept.column_names]
        hashes[file.removesuffix(".parquet")] = hash_table(kept.select(canonical))
        ledger.write_table(file, kept)

    ledger.write_text(
        "landscape.yaml", yaml.safe_dump({**description, "name": name}, sort_keys=False, allow_unicode=True)
    )
    rows = quarantine.to_table()
    ledger.write_table("quarantine.parquet", rows)
    prepared = Prepared(
        name=name,
        source=str(source),
        folder=destination,
        content_hash=combine(hashes),
        files=files,
        hashes=hashes,
        reasons=tuple(count_reasons(rows)),
        notes=tuple(notes),
    )
    value = asdict(prepared)
    del value["folder"]
    seals = {file: seal.as_json() for file, seal in sorted(ledger.seals.items())}
    destination.write_json("prepared.json", {"format": FORMAT, **value, "seals": seals})
    return prepared


def read_prepared(folder: Folder) -> Prepared:
    """The record of a clean copy. Raises InputError when there is none, or one of another format."""
    if not folder.exists("prepared.json"):
        raise InputError(
            f"{folder}: no prepared.json, so this is not a prepared landscape (or its making was interrupted)"
        )
    value = folder.read_json("prepared.json")
    if value.pop("format", None) != FORMAT:
        raise InputError(f"{folder}/prepared.json: written by another version of patray; prepare the landscape again")
    value.pop("seals", None)  # clean_copy.py
    value["files"] = {file: FileCount(**count) for file, count in value["files"].items()}
    value["reasons"] = tuple(tuple(row) for row in value["reasons"])
    value["notes"] = tuple(value["notes"])
    return Prepared(folder=folder, **value)


def is_prepared(folder: Folder) -> bool:
    """True when `folder` holds a whole clean copy."""
    return folder.exists("prepared.json")


@dataclass(frozen=True)
class _Copied:
    count: FileCount
    ids: pa.Array
    families: pa.Array
    hashes: dict[str, str]
    notes: list[str]


def _copy_documents(
    source: Folder, destination: Ledger, which: str, quarantine: Quarantine, max_text_chars: int, rows_per_part: int
) -> _Copied:
    file = f"{which}.parquet"
    rules = DocumentRules(file, quarantine, max_text_chars, set())
    hashers = {column.name: ColumnHash() for column in DOCUMENTS}
    written = _PartWriter(destination / which, rows_per_part)
    metadata: list[pa.RecordBatch] = []
    parts = open_parts(source, file, DOCUMENTS)
    if not set(parts.schema.names).intersection(TEXT_COLUMNS):
        raise InputError(f"{source}/{file}: no text column; at least one of {', '.join(TEXT_COLUMNS)} is needed")
    for batch in parts.batches(rows_per_part):
        kept = rules.apply(batch)
        for name, hasher in hashers.items():
            hasher.update(kept.column(name))
        metadata.append(_metadata(kept))
        written.add(kept)
    written.close()
    whole = pa.Table.from_batches(metadata) if metadata else None
    kept_rows = whole.num_rows if whole is not None else 0
    count = FileCount(rules.read, kept_rows, rules.read - kept_rows)
    dropped = sum(
        n for name, _, action, n in count_reasons(quarantine.to_table()) if (name, action) == (file, "dropped")
    )
    if dropped != count.dropped:
        raise AssertionError(f"{file}: {count.read} rows read, {count.kept} kept, but {dropped} listed as dropped")
    if whole is None or (kept_rows == 0 and count.read == 0):
        raise InputError(f"{source}/{file}: holds no rows")
    destination.write_table("metadata.parquet" if which == "patents" else f"{which}-metadata.parquet", whole)
    ids, families = (pa.concat_arrays(whole[name].chunks) for name in ("patent_id", "family_id"))
    return _Copied(count, ids, families, {name: hasher.hexdigest() for name, hasher in hashers.items()}, [*parts.notes])


def _metadata(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = {column.name: batch.column(column.name) for column in DOCUMENTS if column.name not in TEXT_COLUMNS}
    columns.update({f"{name}_chars": text_lengths(batch.column(name)) for name in TEXT_COLUMNS})
    return pa.RecordBatch.from_pydict(columns)


class _PartWriter:
    """Cuts a stream of batches into part files of exactly `rows` rows, the last one shorter."""

    def __init__(self, folder: Ledger, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._parts = 0

    def add(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            head = batch.slice(0, self.rows - self._waiting_rows)
            batch = batch.slice(head.num_rows)
            self._waiting.append(head)
            self._waiting_rows += head.num_rows
            if self._waiting_rows == self.rows:
                self.close()

    def close(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
            self.folder.write_table(f"part-{self._parts:05d}.parquet", table, row_group_size=self.rows)
            self._parts += 1
            self._waiting, self._waiting_rows = [], 0


def _stop_if_bad(
    path: str, count: FileCount, max_bad_share: float, quarantine: Quarantine, destination: Folder
) -> None:
    if count.kept and count.dropped <= max_bad_share * count.read:
        return
    rows = quarantine.to_table()
    destination.write_table("quarantine.parquet", rows)
    file = path.rsplit("/", 1)[-1]
    reasons = "; ".join(
        f"{n} {reason}" for name, reason, action, n in count_reasons(rows) if (name, action) == (file, "dropped")
    )
    allowed = "none is left" if not count.kept else f"at most {max_bad_share:.1%} may be"
    raise InputError(
        f"{path}: {count.dropped} of {count.read} rows were dropped, {allowed}. Reasons: {reasons}. "
        f"Every row is listed in {destination}/quarantine.parquet"
    )
