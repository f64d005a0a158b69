"""Retrieval measures of whole result lists, as trec_eval defines them, without dictionaries.

Nearly all cells of a ranking are irrelevant, so the relevant ones (the hits) are looked up once, and every measure and
every slice is a few sums over hits. trec_eval 9's definitions: nDCG has linear gains, a discount of log2(rank + 1) and
an ideal list made of all the query's relevant pairs; AP@k divides by all relevant pairs (map_cut); P@k divides by k
even when fewer were ranked. A relevance of zero or less is not relevant and gains nothing. Recall, AP, RR and P count
what has at least the grade `relevant_from` (trec_eval -l); nDCG takes every grade above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from patray.errors import InputError

if TYPE_CHECKING:
    from patray.measures.definitions import Measure

BLOCK_CELLS = 65_536
"""Cells looked up at once: the block's keys and its relevant pairs stay in the processor's cache."""


@dataclass(frozen=True)
class Hits:
    """Where a ranking shows its relevant pairs, and the pairs themselves.

    query (H,) int64, rank (H,) int64 from 1, pair (H,) int64 position in the pairs; sorted by (query, rank).
    n_queries: rows of the ranking. pair_query (P,), pair_relevance (P,): the pairs, in the caller's order.
    ideal (P,) int64: pair positions ordered by (query, relevance descending). length (Q,) int64: how many were ranked.
    """

    query: np.ndarray
    rank: np.ndarray
    pair: np.ndarray
    n_queries: int
    pair_query: np.ndarray
    pair_relevance: np.ndarray
    ideal: np.ndarray
    length: np.ndarray


def find_hits(ranked: np.ndarray, query: np.ndarray, patent: np.ndarray, relevance: np.ndarray) -> Hits:
    """Look up a ranking's cells among the judged pairs.

    ranked (Q, K) integer: row q holds the patent codes ranked for query q, best first, -1 after the last. query,
    patent, relevance (P,) integer: the judged pairs, sorted by (query, patent), without duplicates. Beside its inputs
    it needs a few MB, whatever Q is. Raises InputError for unsorted or repeated pairs, a query without a row, and a
    patent that a query ranks twice.
    """
    if ranked.ndim != 2 or ranked.shape[0] == 0 or ranked.shape[1] == 0:
        raise InputError(f"ranking of shape {ranked.shape}: expected queries x results, at least one of each")
    if not len(query) == len(patent) == len(relevance):
        raise InputError(f"pairs: {len(query)} queries, {len(patent)} patents, {len(relevance)} relevances")
    n_queries, depth = ranked.shape
    if len(query) and (query.min() < 0 or query.max() >= n_queries or patent.min() < 0):
        raise InputError(f"pairs: query codes must lie in 0..{n_queries - 1} (the ranking's rows), patent codes from 0")
    # Padding becomes the key of "patent -1", which no pair has.
    stride = 2 + int(max(ranked.max(), patent.max(initial=0)))
    keys = query.astype(np.int64) * stride + patent + 1
    unordered = np.flatnonzero(keys[1:] <= keys[:-1])
    if len(unordered):
        at = int(unordered[0])
        raise InputError(f"pairs: must be sorted by (query, patent) and unique, which ends at row {at + 1}")

    cells, pairs = [], []
    length = np.zeros(n_queries, np.int64)
    rows = max(1, BLOCK_CELLS // depth)
    for start in range(0, n_queries, rows):
        block = ranked[start : start + rows]
        length[start : start + rows] = np.count_nonzero(block >= 0, axis=1)
        low, high = np.searchsorted(query, (start, start + len(block)))
        if low == high:
            continue
        wanted = (np.arange(start, start + len(block), dtype=np.int64)[:, None] * stride + block + 1).ravel()
        found = np.searchsorted(keys[low:high], wanted) + low
        hit = np.flatnonzero(keys[np.minimum(found, high - 1)] == wanted)
        cells.append(hit + start * depth)
        pairs.append(found[hit])
    cell = np.concatenate(cells) if cells else np.empty(0, np.int64)
    pair = np.concatenate(pairs) if pairs else np.empty(0, np.int64)
    repeated = np.flatnonzero(np.bincount(pair, minlength=len(query)) > 1)
    if len(repeated):
        at = int(repeated[0])
        raise InputError(f"ranking: query {query[at]} ranks patent {patent[at]} more than once")
    row, column = np.divmod(cell, depth)
    ideal = np.lexsort((-relevance.astype(np.int64), query))
    return Hits(row, column + 1, pair, n_queries, query, relevance, ideal, length)


@dataclass(frozen=True)
class Counted:
    """What measures are made of, for one slice of the pairs; each part is computed once, when a measure asks for it.

    gain_query, gain_rank, grade, gain (G,): hits of any grade above zero. ideal_query, ideal_rank,
    ideal_grade, ideal_gain (I,): of the best possible ranking. query, rank, ordinal (H,): hits that count as
    relevant, ordinal 1 for a query's first.
    n_relevant (Q,): pairs that count, ranked or not. denied_query, denied_rank (D,): hits that were judged and do not
    count: of grade 0, or of one below `relevant_from`; n_denied (Q,): such pairs. judged_query, judged_rank (J,): hits
    of any judgement.
    """

    hits: Hits
    pairs: np.ndarray | None = None
    relevant_from: int = 1

    @property
    def n_queries(self) -> int:
        return self.hits.n_queries

    @cached_property
    def _graded(self) -> np.ndarray:
        above = self.hits.pair_relevance > 0
        return above if self.pairs is None else above & self.pairs

    @cached_property
    def _relevant(self) -> np.ndarray:
        return self._graded & (self.hits.pair_relevance >= self.relevant_from)

    @cached_property
    def _shown_graded(self) -> np.ndarray:
        return self._graded[self.hits.pair]

    @cached_property
    def _shown(self) -> np.ndarray:
        return self._relevant[self.hits.pair]

    @cached_property
    def gain_query(self) -> np.ndarray:
        return self.hits.query[self._shown_graded]

    @cached_property
    def gain_rank(self) -> np.ndarray:
        return self.hits.rank[self._shown_graded]

    @cached_property
    def grade(self) -> np.ndarray:
        return self.hits.pair_relevance[self.hits.pair[self._shown_graded]]

    @cached_property
    def gain(self) -> np.ndarray:
        return self.grade / np.log2(self.gain_rank + 1.0)

    @cached_property
    def _ideal(self) -> np.ndarray:
        return self.hits.ideal[self._graded[self.hits.ideal]]

    @cached_property
    def ideal_query(self) -> np.ndarray:
        return self.hits.pair_query[self._ideal]

    @cached_property
    def ideal_rank(self) -> np.ndarray:
        return ordinals(self.ideal_query, np.bincount(self.ideal_query, minlength=self.n_queries))

    @cached_property
    def ideal_grade(self) -> np.ndarray:
        return self.hits.pair_relevance[self._ideal]

    @cached_property
    def ideal_gain(self) -> np.ndarray:
        return self.ideal_grade / np.log2(self.ideal_rank + 1.0)

    @cached_property
    def query(self) -> np.ndarray:
        return self.hits.query[self._shown]

    @cached_property
    def rank(self) -> np.ndarray:
        return self.hits.rank[self._shown]

    @cached_property
    def ordinal(self) -> np.ndarray:
        return ordinals(self.query, np.bincount(self.query, minlength=self.n_queries))

    @cached_property
    def _denied(self) -> np.ndarray:
        return (self.hits.pair_relevance == 0) | (self._graded & ~self._relevant)

    @cached_property
    def _shown_denied(self) -> np.ndarray:
        return self._denied[self.hits.pair]

    @property
    def denied_query(self) -> np.ndarray:
        return self.hits.query[self._shown_denied]

    @property
    def denied_rank(self) -> np.ndarray:
        return self.hits.rank[self._shown_denied]

    @property
    def n_denied(self) -> np.ndarray:
        return np.bincount(self.hits.pair_query[self._denied], minlength=self.n_queries)

    @cached_property
    def _judged(self) -> np.ndarray:
        return self.hits.pair_relevance[self.hits.pair] >= 0

    @property
    def judged_query(self) -> np.ndarray:
        return self.hits.query[self._judged]

    @property
    def judged_rank(self) -> np.ndarray:
        return self.hits.rank[self._judged]

    @cached_property
    def n_relevant(self) -> np.ndarray:
        return np.bincount(self.hits.pair_query[self._relevant], minlength=self.n_queries)


def measure_hits(
    hits: Hits, measures: Sequence[Measure], pairs: np.ndarray | None = None, relevant_from: int = 1
) -> dict[Measure, np.ndarray]:
    """Value of each measure for each query: (Q,) float64.

    pairs (P,) bool: only these pairs count as relevant (a slice); all when None. relevant_from: least grade that counts
    in measures without grades. A query without a relevant pair gets 0 everywhere; whoever averages drops it. A cutoff
    beyond the ranking's depth takes what was ranked, as trec_eval.
    """
    seen = Counted(hits, pairs, relevant_from)
    return {measure: measure.value(seen) for measure in measures}


def evaluate(
    ranked: np.ndarray,
    query: np.ndarray,
    patent: np.ndarray,
    relevance: np.ndarray,
    measures: Sequence[Measure],
    pairs: np.ndarray | None = None,
    relevant_from: int = 1,
) -> dict[Measure, np.ndarray]:
    """`find_hits` and `measure_hits` in one call; use the two where one ranking is measured for several slices."""
    return measure_hits(find_hits(ranked, query, patent, relevance), measures, pairs, relevant_from)


def ordinals(group: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """1, 2, 3, ... within each group; `group` is sorted and `sizes` counts each group's members."""
    return np.arange(1, len(group) + 1) - (np.cumsum(sizes) - sizes)[group]


def sums(group: np.ndarray, weights: np.ndarray | None, size: int) -> np.ndarray:
    """Sum of weights, or with None the number of members, of each of `size` groups: (size,) float64."""
    return np.bincount(group, weights, minlength=size).astype(np.float64, copy=False)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, 0 where the denominator is."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
