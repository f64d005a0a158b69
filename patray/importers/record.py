"""What a format's reader hands over: rows in canonical columns, and every row that it could not use.

Readers are generators of `Rows`, so memory holds one stretch of a source. Each `Rows` accounts for what it read:
read = rows of the table + dropped + filtered; `Rows` checks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from patray.importers.nested import STRINGS
from patray.landscapes.schema import DOCUMENTS, TEXT_COLUMNS, arrow_schema

Action = Literal["dropped", "kept"]

PATENTS = pa.schema(
    [
        *arrow_schema(DOCUMENTS, without=("dwpi_title", "dwpi_abstract")),
        pa.field("kind", pa.string()),
        pa.field("language", pa.string()),
        pa.field("source_id", pa.string()),
        pa.field("members", STRINGS),
        pa.field("line", pa.int64()),
    ]
)
"""Patents as readers give them. source_id: the source's own name of the row, where it is not the patent_id (a Lens id).

members: source_ids (or patent_ids) of the row's simple family. line: 1-based line or number of the row in its unit.
"""

CITED = pa.schema(
    [
        ("citing_id", pa.string()),
        ("cited_id", pa.string()),
        ("cited_source_id", pa.string()),
        ("origin", pa.string()),
    ]
)
"""Citations as readers give them: the cited publication's key, its name in the source, or both."""
CITED_HOW = pa.schema([*CITED, ("category", pa.string()), ("phase", pa.string())])
"""The same of sources that say how: letters of the search report, and when it was cited.

A citing_id without a kind stands for the publication of that number that was read (search reports have no text)."""

QRELS = pa.schema(
    [
        ("query_id", pa.string()),
        ("patent_id", pa.string()),
        ("relevance", pa.int32()),
        ("domain", pa.string()),
        ("line", pa.int64()),
    ]
)
LABELS = pa.schema([("patent_id", pa.string()), ("labels", STRINGS), ("split", pa.string()), ("line", pa.int64())])
TEXTS = tuple(name for name in TEXT_COLUMNS if name in PATENTS.names)
INTERNAL = ("line", "members", "chars")
"""Columns that serve the import and do not enter the landscape."""

FINDINGS = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("reason", pa.string()),
        ("action", pa.string()),
    ]
)
"""quarantine.parquet of an import. line: 1-based, as an editor shows it; the row number in a Parquet file."""


@dataclass(frozen=True)
class Finding:
    """One row with something wrong. A reason is a fixed phrase, optionally followed by ': ' and what was found."""

    line: int
    id: str | None
    reason: str
    action: Action = "dropped"


@dataclass
class Rows:
    """Some rows of one table: 'patents', 'queries', 'citations', 'qrels' or 'labels/NAME'.

    A table 'source NAME' accounts for rows of a source table that are joined into others; it is counted, not written.
    last: the last line of the unit read so far, where a unit is a stretch of a file.
    """

    table: str
    data: pa.Table
    read: int
    findings: list[Finding] = field(default_factory=list)
    filtered: Counter[str] = field(default_factory=Counter)
    last: int = 0

    @property
    def dropped(self) -> int:
        return sum(finding.action == "dropped" for finding in self.findings)

    def check(self) -> None:
        """read = kept + dropped + filtered, or the importer has a bug."""
        filtered = sum(self.filtered.values())
        if self.read != self.data.num_rows + self.dropped + filtered:
            raise AssertionError(
                f"{self.table}: {self.read} rows read, but {self.data.num_rows} kept, {self.dropped} quarantined and "
                f"{filtered} filtered"
            )


def patents_table(columns: dict[str, pa.Array], rows: int) -> pa.Table:
    """Columns in the order of PATENTS, absent ones empty, extra ones behind."""
    whole = {name: columns.get(name, empty_column(PATENTS.field(name).type, rows)) for name in PATENTS.names}
    extra = {name: column for name, column in columns.items() if name not in whole}
    table = pa.table({**whole, **extra})
    return table.cast(pa.schema([*PATENTS, *(table.schema.field(name) for name in extra)]))


def empty_column(kind: pa.DataType, rows: int) -> pa.Array:
    """Nulls, or empty lists."""
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], kind.value_type))
    return pa.nulls(rows, kind)


def at(lines: np.ndarray, ids: pa.Array, mask: np.ndarray, reason: str, action: Action = "dropped") -> list[Finding]:
    """Findings with one reason for the rows where mask (n,) bool holds."""
    rows = np.flatnonzero(mask)
    names: Sequence[str | None] = ids.take(pa.array(rows)).to_pylist()
    return [Finding(int(line), name, reason, action) for line, name in zip(lines[rows], names, strict=True)]
