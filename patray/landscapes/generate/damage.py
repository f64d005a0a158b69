"""Plants every kind of damage into a landscape folder and says exactly what lies where.

Rows are added, never changed, so what was good before stays good: a reader that drops or repairs the planted rows must
end with the landscape as it was. Whole files are read and rewritten: meant for landscapes of a test's size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate.draws import below, keys

HUGE_TEXT_BYTES = 5_000_000
UNKNOWN_ID = "ZZ9999999A1"

_PLANTED = pa.schema([("file", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("kind", pa.string())])
_PATENTS, _CITATIONS, _AREA = "patents.parquet", "citations.parquet", "labels/area.parquet"


@dataclass
class _File:
    """A table and the rows that are to be put before its rows `places` (its length: at the end)."""

    name: str
    table: pa.Table
    rows: list[pa.Table] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    kinds: list[str | None] = field(default_factory=list)

    def add(self, row: pa.Table, place: int, kind: str | None) -> None:
        """kind None: a good row that another planted one needs."""
        self.rows.append(row)
        self.places.append(place)
        self.kinds.append(kind)

    def finish(self) -> tuple[pa.Table, list[tuple[str, int, str | None, str]]]:
        """The table with the rows in it, and (file, row, id, kind) of each; the id is null where it is not a string."""
        old, new = self.table.num_rows, len(self.rows)
        whole = pa.concat_tables([self.table, *self.rows]).combine_chunks()
        before = np.concatenate([2 * np.arange(old) + 1, 2 * np.array(self.places, dtype=np.int64)])
        order = np.argsort(before, kind="stable")
        row_of = np.empty(old + new, np.int64)
        row_of[order] = np.arange(old + new)
        planted = [
            (self.name, int(row_of[old + position]), row.column(0)[0].as_py(), kind)
            for position, (row, kind) in enumerate(zip(self.rows, self.kinds, strict=True))
            if kind is not None
        ]
        return whole.take(pa.array(order)), planted


def _put(row: pa.Table, **values: pa.Array) -> pa.Table:
    for name, value in values.items():
        row = row.set_column(row.schema.get_field_index(name), name, value.cast(row.schema.field(name).type))
    return row


def _string(value: str | None) -> pa.Array:
    return pa.array([value], pa.string())


def _raw(value: bytes) -> pa.Array:
    """A string array whose bytes need not be UTF-8."""
    return pa.array([value], pa.binary()).view(pa.string())


_NO_CLAIMS = pa.array([[]], pa.list_(pa.string()))

_ROWS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "missing-id": lambda row: _put(row, patent_id=_string(None)),
    "empty-id": lambda row: _put(row, patent_id=_string("")),
    "whitespace-in-id": lambda row: _put(row, patent_id=_string("ZZ 9000001\tA1")),
    "no-text": lambda row: _put(
        row, title=_string(None), abstract=_string("  "), claims=_NO_CLAIMS, description=_string(None)
    ),
    "bad-date": lambda row: _put(row, date=_string("2019-02-30")),
    "control-characters": lambda row: _put(row, title=_string("Bed\x00rail \x07with\x1b guard")),
    "lone-surrogate": lambda row: _put(row, abstract=_raw(b"A bed rail has a guard \xed\xa0\x80 and a latch.")),
    "broken-utf8": lambda row: _put(row, title=_raw(b"Geh\xe4use f\xfcr ein Bett")),
    "huge-text": lambda row: _put(row, description=_string("A bed rail. " * (HUGE_TEXT_BYTES // 12 + 1))),
}
"""Damage of one row of patents.parquet: a good row in, a bad one out. bad-date makes the whole column a text column."""

_CITATION_KINDS = ("self-citation", "unknown-citation", "duplicate-citation", "family-only-query")
_FILE_KINDS = ("wrong-type", "missing-column", "no-citations", "empty-landscape", "cut-off")

KINDS = (*_ROWS, "duplicate-id", *_CITATION_KINDS, "unknown-label", "one-class-labels", *_FILE_KINDS)
"""Every kind that can be planted."""

RECOVERABLE = tuple(kind for kind in KINDS if kind not in _FILE_KINDS)
"""Kinds that leave a landscape that can be read, and that can all be planted together."""


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise InputError for an unknown kind or for kinds that undo each other."""
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"damage {kind!r}: allowed are {', '.join(KINDS)}")
    if "empty-landscape" in kinds and len(set(kinds)) > 1:
        raise InputError("damage 'empty-landscape' removes every row and cannot be planted with other kinds")
    for kind in _CITATION_KINDS:
        if "no-citations" in kinds and kind in kinds:
            raise InputError(f"damage 'no-citations' removes what {kind!r} plants")


def plant(folder: Folder, kinds: Sequence[str], seed: int = 0) -> pa.Table:
    """Plant one instance of each kind into a generated folder; return file, row (int64), id, kind of each.

    Rows count from 0 in the file as it lies there afterwards. id is the first column of the planted row (patent_id,
    citing_id), null for a missing one. Damage of a whole file has row -1 and no id. Raises InputError for an unknown
    kind, kinds that undo each other, or a landscape too small to hold one.
    """
    check_kinds(kinds)
    if not kinds:
        return _PLANTED.empty_table()
    wanted = [kind for kind in KINDS if kind in kinds]
    planted: list[tuple[str, int, str | None, str]] = []
    patents = _File(_PATENTS, folder.read_table(_PATENTS))
    if patents.table.num_rows == 0:
        raise InputError(f"{folder}/{_PATENTS}: there is no patent to make damaged ones from")
    if "bad-date" in wanted:
        position = patents.table.schema.get_field_index("date")
        patents.table = patents.table.set_column(position, "date", patents.table["date"].cast(pa.string()))
    _plant_patents(patents, wanted, seed)
    if any(kind in wanted for kind in _CITATION_KINDS):
        citations = _File(_CITATIONS, folder.read_table(_CITATIONS))
        _plant_citations(citations, patents, wanted, seed)
        table, found = citations.finish()
        folder.write_table(_CITATIONS, table)
        planted += found
    if patents.rows or "bad-date" in wanted:
        table, found = patents.finish()
        folder.write_table(_PATENTS, table)
        planted += found
    if "unknown-label" in wanted:
        labels = _File(_AREA, folder.read_table(_AREA))
        row = _put(labels.table.slice(0, 1), patent_id=_string(UNKNOWN_ID))
        labels.add(row, _place(seed, "unknown-label", 0, labels.table.num_rows), "unknown-label")
        table, found = labels.finish()
        folder.write_table(_AREA, table)
        planted += found
    planted += [(file, -1, None, kind) for kind in wanted for file in _damage_file(folder, kind)]
    order = {kind: position for position, kind in enumerate(KINDS)}
    planted.sort(key=lambda item: order[item[3]])
    return pa.table([list(column) for column in zip(*planted, strict=True)], schema=_PLANTED)


def _place(seed: int, kind: str, least: int, most: int) -> int:
    return least + int(below(keys(seed, "damage", 1), kind, most - least + 1)[0])


def _donor(patents: _File, seed: int, kind: str) -> tuple[int, pa.Table]:
    place = _place(seed, f"donor of {kind}", 0, patents.table.num_rows - 1)
    return place, patents.table.slice(place, 1)


def _new_row(patents: _File, seed: int, kind: str, nth: int = 0) -> pa.Table:
    """A good row with an id and family of its own and the text of a drawn patent."""
    number = 9_000_000 + 10 * KINDS.index(kind) + nth
    _, row = _donor(patents, seed, kind)
    return _put(row, patent_id=_string(f"ZZ{number}A1"), family_id=_string(f"FZ{number}"))


def _plant_patents(patents: _File, wanted: Sequence[str], seed: int) -> None:
    rows = patents.table.num_rows
    for kind in wanted:
        if kind in _ROWS:
            patents.add(_ROWS[kind](_new_row(patents, seed, kind)), _place(seed, kind, 0, rows), kind)
        elif kind == "duplicate-id":
            # After the original, so that a reader which keeps the first row keeps the good one.
            place, row = _donor(patents, seed, kind)
            row = _put(row, title=_string("Second row of one identifier"))
            patents.add(row, _place(seed, kind, place + 1, rows), kind)


def _plant_citations(citations: _File, patents: _File, wanted: Sequence[str], seed: int) -> None:
    rows = citations.table.num_rows
    known = patents.table["patent_id"]
    for kind in wanted:
        if kind not in _CITATION_KINDS:
            continue
        least, place = 0, _place(seed, f"donor of {kind}", 0, len(known) - 1)
        citing = cited = known[place].as_py()
        if kind == "unknown-citation":
            cited = UNKNOWN_ID
        elif kind == "family-only-query":
            family = _string("FZ0000001")
            members = [_put(_new_row(patents, seed, kind, nth), family_id=family) for nth in range(2)]
            for nth, member in enumerate(members):
                patents.add(member, _place(seed, f"{kind} {nth}", 0, len(known)), None)
            citing, cited = (member["patent_id"][0].as_py() for member in members)
        elif kind == "duplicate-citation":
            if rows == 0:
                raise InputError(f"damage {kind!r}: {_CITATIONS} has no row to repeat")
            place = _place(seed, f"repeated by {kind}", 0, rows - 1)
            citing, cited = (citations.table[name][place].as_py() for name in ("citing_id", "cited_id"))
            least = place + 1
        columns = [_string(citing), _string(cited), _string("applicant")]
        citations.add(pa.table(columns, schema=citations.table.schema), _place(seed, kind, least, rows), kind)


def _damage_file(folder: Folder, kind: str) -> list[str]:
    """Apply damage of whole files; the names of the files."""
    if kind == "one-class-labels":
        table = folder.read_table(_AREA)
        table = table.filter(pc.not_equal(table["patent_id"], UNKNOWN_ID))
        one = pa.array([["assistive"]] * table.num_rows, pa.list_(pa.string()))
        file = "labels/one-class.parquet"
        folder.write_table(file, table.set_column(1, "labels", one))
        return [file]
    if kind == "wrong-type":
        table = folder.read_table(_PATENTS)
        numbers = pa.array(np.arange(table.num_rows), pa.int64())
        folder.write_table(_PATENTS, table.set_column(table.schema.get_field_index("title"), "title", numbers))
        return [_PATENTS]
    if kind == "missing-column":
        folder.write_table(_PATENTS, folder.read_table(_PATENTS).drop_columns(["patent_id"]))
        return [_PATENTS]
    if kind == "no-citations":
        folder.delete(_CITATIONS)
        return [_CITATIONS]
    if kind == "empty-landscape":
        files = [_PATENTS, _CITATIONS, *(f"labels/{name}" for name in (folder / "labels").list())]
        for file in files:
            folder.write_table(file, folder.read_table(file).slice(0, 0))
        return files
    if kind == "cut-off":
        whole = folder.read_bytes(_PATENTS)
        folder.write_bytes(_PATENTS, whole[: len(whole) // 2])
        return [_PATENTS]
    return []
