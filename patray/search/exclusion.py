"""What a search over one shard must skip: a query's own patent, its family, and what is not earlier than it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.landscapes.records import Truth

NO_LIMIT = np.iinfo(np.int32).max
UNDATED = np.iinfo(np.int32).min


@dataclass(frozen=True)
class Exclusions:
    """Pairs of a query and a shard's row that are never ranked.

    query, row (E,) int32: rows of the query block and of the shard, sorted by (query, row), unique: the few.
    before (Q,), date (n,) int32 or None: a row is skipped when date[row] >= before[query]. Days since 1970; a query
    of unknown date has before = NO_LIMIT, an undated row UNDATED, so that neither excludes anything.
    """

    query: np.ndarray
    row: np.ndarray
    before: np.ndarray | None = None
    date: np.ndarray | None = None

    @staticmethod
    def none() -> Exclusions:
        return Exclusions(np.empty(0, np.int32), np.empty(0, np.int32))

    def block(self, start: int, stop: int) -> Exclusions:
        """Those of queries start..stop, counted from 0 again."""
        low, high = np.searchsorted(self.query, (start, stop))
        before = None if self.before is None else self.before[start:stop]
        return Exclusions(self.query[low:high] - np.int32(start), self.row[low:high], before, self.date)

    def select(self, queries: np.ndarray) -> Exclusions:
        """Those of some queries, (S,) ascending positions, counted in that order."""
        place = np.searchsorted(queries, self.query)
        kept = np.append(queries, -1)[place] == self.query
        before = None if self.before is None else self.before[queries]
        return Exclusions(place[kept].astype(np.int32), self.row[kept], before, self.date)

    def most(self) -> int:
        """The largest number of pairs of one query."""
        return int(np.bincount(self.query).max(initial=0))

    def contain(self, query: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Whether each pair (query[i], row[i]) is excluded: bool, of their broadcast shape."""
        stride = 1 + int(max(self.row.max(initial=0), row.max(initial=0)))
        keys = self.query.astype(np.int64) * stride + self.row
        wanted = query.astype(np.int64) * stride + row
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        found = keys[place] == wanted if len(keys) else np.zeros(wanted.shape, bool)
        if self.before is not None and self.date is not None:
            found |= self.date[row] >= self.before[query]
        return found

    def blank(self, scores: np.ndarray, value: float) -> None:
        """Write `value` over the excluded cells of scores (Q, n), in place."""
        scores[self.query, self.row] = value
        if self.before is not None and self.date is not None:
            np.putmask(scores, self.date[None, :] >= self.before[:, None], value)


def exclusions(truth: Truth, queries: np.ndarray, codes: np.ndarray) -> Exclusions:
    """What the truth forbids to rank, for a block of queries over one shard.

    queries (Q,): positions in truth.query_ids; codes (n,): the shard's positions in truth.patent_ids, unique, in any
    order. Raises InputError for a position outside the truth.
    """
    for name, positions, size in (
        ("queries", queries, len(truth.query_ids)),
        ("patents", codes, len(truth.patent_ids)),
    ):
        if len(positions) and not 0 <= positions.min() <= positions.max() < size:
            raise InputError(f"{name}: positions {positions.min()}..{positions.max()}, the truth has 0..{size - 1}")
    start = truth.excluded_start[queries]
    counts = truth.excluded_start[queries + 1] - start
    query = np.repeat(np.arange(len(queries)), counts)
    # Position within the query's part of the list, from its start.
    entry = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(start, counts)
    row_of = np.full(len(truth.patent_ids), -1, np.int32)
    row_of[codes] = np.arange(len(codes), dtype=np.int32)
    row = row_of[truth.excluded[entry]]
    query, row = query[row >= 0], row[row >= 0]
    order = np.lexsort((row, query))
    query, row = query[order].astype(np.int32), row[order]
    if not truth.earlier_only:
        return Exclusions(query, row)
    before, date = truth.query_date[queries], truth.patent_date[codes]
    return Exclusions(
        query,
        row,
        np.where(before == -1, NO_LIMIT, before).astype(np.int32),
        np.where(date == -1, UNDATED, date).astype(np.int32),
    )
