"""evidence.parquet, written group by group and read score by score: nobody holds all of it.

Rows lie by landscape, view, task, slice, metric and system. A row group holds whole scores, of one metric where there
are many rows, so who asks for one metric of one view reads little more than that. Every text column is a Parquet
dictionary; other tools see plain strings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patray.errors import InputError
from patray.files import Folder, parquet_options
from patray.tables import EVIDENCE
from patray.tasks.evidence import (
    ENCODED,
    PLACE,
    ScoreKey,
    about,
    encode,
    encoded_rows,
    from_evidence,
    item_codes,
    refuse_repeated,
    score_name,
)
from patray.tasks.scores import MeanScore, Score, Where
from patray.tasks.spill import Spill, Spilled, digest_of

FILE = "evidence.parquet"
MOST_ROWS, ENOUGH_ROWS = 1 << 20, 1 << 17
"""Rows of a row group: it ends before it grows over the first, and where a metric ends once it has the second."""
OF_TEXT = EVIDENCE.names[:-1]


def write_evidence(run: Folder, spill: Spill, name: str = FILE) -> int:
    """Write all scores of a spill; returns the number of rows. What is held is one row group.

    Landscapes, views, tasks, slices, metrics and systems follow each other as they do in the order of the scores.
    Raises InputError as `to_evidence` does.
    """
    entries = in_order(spill.entries)
    refuse_repeated(entry.key for entry in entries)
    rows = 0

    def write(sink: Any) -> None:
        nonlocal rows
        # Without the Arrow schema the columns are strings to every reader.
        with pq.ParquetWriter(sink, ENCODED, store_schema=False, **parquet_options(ENCODED)) as writer:
            for table in _row_groups(entries, spill):
                writer.write_table(table, row_group_size=max(len(table), 1))
                rows += len(table)

    run.publish(name, write)
    return rows


def in_order(entries: Collection[Spilled]) -> list[Spilled]:
    """Entries by landscape, view, task, slice, metric and system, each in the order of its first entry."""
    listed = sorted(entries, key=lambda entry: entry.order)
    ranks: list[dict[str, int]] = [{} for _ in range(5)]
    for entry in listed:
        for rank, part in zip(ranks, _group(entry), strict=True):
            rank.setdefault(part, len(rank))
    return sorted(listed, key=lambda e: (*(rank[part] for rank, part in zip(ranks, _group(e), strict=True)), e.order))


def _group(entry: Spilled) -> tuple[str, ...]:
    where = entry.key.where
    return where.landscape, where.view, where.task, where.slice, entry.key.name


def _row_groups(entries: list[Spilled], spill: Spill) -> Iterator[pa.Table]:
    for _, listed in groupby(entries, key=lambda entry: _group(entry)[:3]):
        part = list(listed)
        arrays = {id(items): items for items in (spill.items(entry) for entry in part)}
        known, codes = item_codes(list(arrays.values()))
        held: list[pa.RecordBatch] = []
        count, last = 0, None
        for entry in part:
            batch = encoded_rows(spill.load(entry), known, codes)
            new = _group(entry) != last and count >= ENOUGH_ROWS
            if held and (new or count + len(batch) > MOST_ROWS):
                yield _joined(held)
                held, count = [], 0
            held.append(batch)
            count, last = count + len(batch), _group(entry)
        if held:
            yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=ENCODED).unify_dictionaries().combine_chunks()


@dataclass
class Entry:
    """What the file holds of one score. groups: its row groups; names: of its rows' metrics, the most in one group."""

    rows: int = 0
    names: int = 0
    mean: bool = True
    groups: list[int] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Memory of the score once it is read, at most: a float64 an item, or two bytes an item and label."""
        return 8 * self.rows if self.mean else 2 * self.rows * self.names


class EvidenceFile:
    """The scores of an evidence file, found by `index` and read by `load`.

    Any file of the schema EVIDENCE is read, in whatever order its rows lie; one that `write_evidence` made is read with
    no more memory than the scores that are asked for.
    """

    def __init__(self, run: Folder, name: str = FILE) -> None:
        self._run, self._name = run, name
        self._shared: dict[tuple[bytes, bytes], np.ndarray] = {}

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        with self._run.input(self._name) as stream:
            there = pq.read_schema(stream).names
            for name in EVIDENCE.names:
                if name not in there:
                    raise InputError(f"evidence: no column {name}; expected {', '.join(EVIDENCE.names)}")
            stream.seek(0)
            yield pq.ParquetFile(stream, read_dictionary=OF_TEXT)

    @cached_property
    def index(self) -> dict[ScoreKey, Entry]:
        """Every score of the file, in the order of first rows."""
        found: dict[ScoreKey, Entry] = {}
        with self._open() as opened:
            for group in range(opened.num_row_groups):
                part = _Part(opened.read_row_group(group, columns=[*PLACE, "metric"]))
                for key, start, stop in part.runs():
                    entry = found.setdefault(key, Entry())
                    entry.rows += stop - start
                    entry.names = max(entry.names, len(np.unique(part.metric[start:stop])))
                    entry.mean = part.is_mean(key, start)
                    if not entry.groups or entry.groups[-1] != group:
                        entry.groups.append(group)
        return found

    def load(self, keys: Collection[ScoreKey]) -> list[Score]:
        """These scores, in the order of the file; scores of the same items share one array of ids, whenever loaded.

        Raises InputError as `from_evidence` does.
        """
        wanted = set(keys)
        index = self.index
        found: dict[ScoreKey, Score] = {}
        held: dict[ScoreKey, list[pa.Table]] = {}
        with self._open() as opened:
            for group in sorted({group for key in wanted for group in index[key].groups}):
                part = _Part(opened.read_row_group(group, columns=EVIDENCE.names))
                for key, start, stop in part.runs():
                    if key not in wanted:
                        continue
                    rows = index[key].rows
                    if stop - start == rows and part.is_mean(key, start):
                        found[key] = part.mean(key, start, stop, self._shared)
                        continue
                    pieces = held.setdefault(key, [])
                    pieces.append(part.table.slice(start, stop - start))
                    if sum(map(len, pieces)) == rows:
                        for score in from_evidence(pa.concat_tables(held.pop(key))):
                            found[ScoreKey.of(score)] = self._sharing(score)
        return [found[key] for key in index if key in found]

    def _sharing(self, score: Score) -> Score:
        return replace(score, items=self._shared.setdefault((b"", digest_of(score.items)), score.items))


class _Part:
    """One row group: codes of places and metrics, and the runs of rows that belong to one score."""

    def __init__(self, table: pa.Table) -> None:
        for name in table.column_names:
            if table[name].null_count:
                raise InputError(f"evidence: {table[name].null_count} rows have no {name}")
        self.table = table
        self.columns = [encode(table[name]) for name in PLACE]
        self.metric, self.metrics = encode(table["metric"])

    def runs(self) -> Iterator[tuple[ScoreKey, int, int]]:
        """(score, first row, row after the last) of rows that follow each other."""
        count = len(self.table)
        if not count:
            return
        names: dict[tuple[str, int], str] = {}
        change = np.zeros(count, dtype=bool)
        for codes in (*(codes for codes, _ in self.columns), self.metric):
            change[1:] |= codes[1:] != codes[:-1]
        starts = np.r_[0, np.flatnonzero(change)]
        last: ScoreKey | None = None
        begin = 0
        for start in starts.tolist():
            where = Where(*(str(values[codes[start]]) for codes, values in self.columns))
            at = (where.task, int(self.metric[start]))
            if at not in names:
                names[at] = score_name(where.task, str(self.metrics[at[1]]))
            key = ScoreKey(where, names[at])
            if key != last:
                if last is not None:
                    yield last, begin, start
                last, begin = key, start
        if last is not None:
            yield last, begin, count

    def is_mean(self, key: ScoreKey, start: int) -> bool:
        """Whether the row `start` of a score is of a mean score."""
        return key.name == str(self.metrics[self.metric[start]])

    @cached_property
    def value(self) -> np.ndarray:
        value: np.ndarray = self.table["value"].to_numpy()
        if np.isnan(value).any():
            at = int(np.argmax(np.isnan(value)))
            raise InputError(f"evidence: the value of row {at} of a row group is not a number")
        return value

    @cached_property
    def items(self) -> tuple[np.ndarray, np.ndarray, bytes]:
        """Codes and ids of items, and a digest of the ids."""
        codes, values = encode(self.table["item_id"])
        return codes, values, digest_of(values)

    def mean(self, key: ScoreKey, start: int, stop: int, shared: dict[tuple[bytes, bytes], np.ndarray]) -> MeanScore:
        codes, values, digest = self.items
        chosen = codes[start:stop]
        at = (digest, hashlib.blake2b(chosen.tobytes(), digest_size=16).digest())
        if at not in shared:
            if len(np.unique(chosen)) != len(chosen):
                raise InputError(f"evidence of {about(key.where)}: an item is listed more than once in {key.name}")
            shared[at] = values[chosen]
        return MeanScore(key.where, key.name, shared[at], self.value[start:stop].copy())
