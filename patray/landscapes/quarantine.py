"""The list of every row that broke a rule, and what was done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.tables import QUARANTINE

Action = Literal["dropped", "kept with empty section", "truncated", "kept"]


class Quarantine:
    """Collects rows in arrow chunks, so that a million citations to unknown patents cost no Python objects.

    row: 0-based number of the row in the source file. A reason is a fixed phrase, optionally followed by ': ' and what
    was found there; rows are counted by the fixed phrase.
    """

    def __init__(self, landscape: str) -> None:
        self.landscape = landscape
        self._chunks: list[pa.Table] = []

    def add(self, file: str, row: int, id: str | None, reason: str, action: Action) -> None:
        self.add_rows(file, np.array([row], dtype=np.int64), [id], [reason], action)

    def add_rows(
        self,
        file: str,
        rows: np.ndarray,
        ids: pa.Array | pa.ChunkedArray | Sequence[str | None],
        reason: str | pa.Array | pa.ChunkedArray | Sequence[str],
        action: Action,
    ) -> None:
        """rows (n,): int64. reason: one for all rows, or one per row."""
        n = len(rows)
        if n == 0:
            return
        reasons = pa.repeat(pa.scalar(reason, pa.string()), n) if isinstance(reason, str) else _column(reason)
        self._chunks.append(
            pa.table(
                [
                    pa.repeat(pa.scalar(self.landscape, pa.string()), n),
                    pa.repeat(pa.scalar(file, pa.string()), n),
                    pa.array(rows, pa.int64()),
                    _column(ids),
                    reasons,
                    pa.repeat(pa.scalar(action, pa.string()), n),
                ],
                schema=QUARANTINE,
            )
        )

    def to_table(self) -> pa.Table:
        """All rows in the order of their discovery; columns of tables.QUARANTINE."""
        return pa.concat_tables([QUARANTINE.empty_table(), *self._chunks])


def _column(values: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> pa.Array | pa.ChunkedArray:
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())


def count_reasons(table: pa.Table) -> list[tuple[str, str, str, int]]:
    """(file, reason without its detail, action, rows) of a quarantine table, most frequent first."""
    if table.num_rows == 0:
        return []
    kinds = pc.replace_substring_regex(table["reason"], pattern=r"(?s): .*$", replacement="")
    grouped = pa.table({"file": table["file"], "reason": kinds, "action": table["action"]}).group_by(
        ["file", "reason", "action"]
    )
    counts = grouped.aggregate([([], "count_all")]).to_pylist()
    found = [(row["file"], row["reason"], row["action"], row["count_all"]) for row in counts]
    return sorted(found, key=lambda item: (-item[3], item[:3]))
