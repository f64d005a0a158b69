"""Reads standings.parquet: who may be the best of each task, landscape and view."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from patray import tables
from patray.errors import InputError
from patray.files import Folder
from patray.report.words import clean

FILE = "standings.parquet"


@dataclass(frozen=True)
class Standing:
    """One row of the schema `tables.STANDINGS`; None where a number does not exist."""

    family: str
    task: str
    landscape: str
    view: str
    slice: str
    metric: str
    system: str
    mean: float
    rank: int
    rank_low: int
    rank_high: int
    may_win: bool
    shortfall: float | None
    not_worse: bool | None
    picked: float | None
    held_out: float | None
    winner_held_out: float | None
    n: int


def load_standings(run: Folder) -> tuple[Standing, ...]:
    """All rows; none for a run of patray 0.1, which has no such file.

    Raises InputError for a file that cannot be read or lacks a column.
    """
    if not run.exists(FILE):
        return ()
    try:
        table = run.read_table(FILE)
    except pa.ArrowInvalid as error:
        raise InputError(f"{run}/{FILE}: not a readable Parquet file: {error}") from error
    lacking = [name for name in tables.STANDINGS.names if name not in table.column_names]
    if lacking:
        expected = ", ".join(tables.STANDINGS.names)
        raise InputError(f"{run}/{FILE}: no column {', '.join(lacking)}; expected {expected}")
    texts = ("family", "task", "landscape", "view", "slice", "metric", "system")
    rows = table.select(tables.STANDINGS.names).to_pylist()
    return tuple(
        Standing(**{**row, **{name: clean(row[name]) for name in texts}}) for row in rows if row["mean"] is not None
    )
