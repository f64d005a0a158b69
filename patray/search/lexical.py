"""BM25: exact order, exclusions honoured, queries in blocks.

The score of every term in every document is computed once (Lucene's variant, to bm25s' bits). A query's score of a
document is the sum of its terms' scores in float64, in the order of the query, rounded to float32 once. That sum is
only made where it can matter: one sparse product in float32 scores a block of queries over all documents within a
proven bound, and what the bound cannot rule out is summed again exactly. So the bits depend neither on the block nor
on the number of shards. A document that shares no term with the query is no result, as in Lucene.

The bound: all scores s are positive float32 numbers. A sum of n products (whole number) x s in float32, in any order,
errs by at most g = (n + 1) u / (1 - (n + 1) u) of itself, u = 2^-24 (Higham 2002, 3.1, with n - 1 sums and a product).
If c is the k-th best coarse score, k documents have exact scores of at least c / (1 + g); whatever is as good, or equal
after rounding, has a coarse score of at least c (1 - g) / (1 + g) (1 - 2u).

The order of a sum matters only where float64 rounds. All scores are multiples of the spacing q of float32 numbers at
the smallest one; sums below 2^53 q are exact in whatever order, and are then made in the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.search.exclusion import Exclusions
from patray.search.order import order_candidates
from patray.search.ranking import Ranking
from patray.search.words import Encoded, encode, parse_language

BLOCK_CELLS = 16_000_000
"""Coarse scores of a block of queries that are held at once: 64 MB, three times while the best are found."""
BLOCK_QUERIES = 128
EXACT_CELLS = 4_000_000
"""Terms x documents of one query that are summed exactly at once (32 MB)."""
UNIT = 2.0**-24


@dataclass(frozen=True)
class TermCounts:
    """How often each document has each term: CSR rows start (n+1,) int64, term, count (m,) int32.

    length (n,) int64: terms of each document; vocabulary: the term of each number.
    """

    start: np.ndarray
    term: np.ndarray
    count: np.ndarray
    length: np.ndarray
    vocabulary: list[str]


def count_terms(texts: Encoded) -> TermCounts:
    """The counts of encoded texts."""
    from scipy.sparse import csr_array

    start = np.concatenate([[0], np.cumsum(texts.lengths)])
    shape = (len(texts.lengths), max(1, len(texts.vocabulary)))
    counts = csr_array((np.ones(len(texts.ids), np.int32), texts.ids, start), shape=shape)
    counts.sum_duplicates()
    return TermCounts(
        counts.indptr.astype(np.int64), counts.indices.astype(np.int32), counts.data, texts.lengths, texts.vocabulary
    )


def join_counts(parts: Sequence[TermCounts]) -> TermCounts:
    """The counts of several sets of documents, one after another; terms are numbered by their first part."""
    places: dict[str, int] = {}
    terms = []
    for part in parts:
        table = np.array([places.setdefault(word, len(places)) for word in part.vocabulary], np.int32)
        terms.append(table[part.term] if len(table) else part.term)
    starts = np.cumsum([0, *(len(part.term) for part in parts)])
    return TermCounts(
        np.concatenate([[0], *(part.start[1:] + base for part, base in zip(parts, starts, strict=False))]),
        np.concatenate([np.zeros(0, np.int32), *terms]),
        np.concatenate([np.zeros(0, np.int32), *(part.count for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.length for part in parts)]),
        list(places),
    )


def take_counts(counts: TermCounts, rows: np.ndarray) -> TermCounts:
    """Some documents in another order; the vocabulary stays."""
    entry, sizes = _entries(counts.start, rows)
    start = np.concatenate([[0], np.cumsum(sizes)])
    return TermCounts(start, counts.term[entry], counts.count[entry], counts.length[rows], counts.vocabulary)


def _entries(start: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positions of the entries of some CSR rows, one row after another; entries of each row)."""
    sizes = start[rows + 1] - start[rows]
    return np.arange(sizes.sum()) + np.repeat(start[rows] - (np.cumsum(sizes) - sizes), sizes), sizes


@dataclass(frozen=True)
class Statistics:
    """What BM25 knows of the whole corpus: its size, its mean length, and (V,) how many documents have each term."""

    documents: int
    length: float
    frequency: np.ndarray

    @staticmethod
    def of(lengths: np.ndarray, frequency: np.ndarray) -> Statistics:
        return Statistics(len(lengths), float(lengths.mean()), frequency)


def score_terms(counts: TermCounts, whole: Statistics, k1: float, b: float) -> np.ndarray:
    """(m,) float32: ln(1 + (N - df + 0.5) / (df + 0.5)) times tf / (tf + k1 (1 - b + b length / mean length)).

    The bits of bm25s (method lucene, NumPy 2): the logarithm is rounded to float32, then the product.
    """
    n = whole.documents
    by_frequency, place = np.unique(whole.frequency, return_inverse=True)
    logs = [math.log(1 + (n - df + 0.5) / (df + 0.5)) for df in by_frequency.tolist()]
    idf = np.array(logs, np.float32)[place]
    norm = k1 * ((1 - b) + b * counts.length / whole.length)
    norm = np.repeat(norm, np.diff(counts.start))
    tf = counts.count.astype(np.float32)
    return np.asarray(idf[counts.term] * (tf / (norm + tf)), np.float32)


@dataclass(frozen=True)
class Bm25:
    """An index of documents, or some rows of one: CSR start (n+1,), term (m,) int32, score (m,) float32.

    vocabulary: term -> number; language: how texts become terms.
    """

    start: np.ndarray
    term: np.ndarray
    score: np.ndarray
    vocabulary: Mapping[str, int]
    language: str = "english"

    @staticmethod
    def build(texts: Sequence[str], k1: float | None = None, b: float | None = None, language: str = "english") -> Bm25:
        """Index the documents in order (k1 1.2 and b 0.75 by default, Lucene's variant).

        Raises InputError when no text has a term.
        """
        return Bm25.of_counts(count_terms(encode(texts, parse_language(language))), k1, b, language)

    @staticmethod
    def of_counts(
        counts: TermCounts, k1: float | None = None, b: float | None = None, language: str = "english",
        whole: Statistics | None = None,
    ) -> Bm25:  # fmt: skip
        """The index of counted documents; whole: of the corpus, where these are a part of it.

        Raises InputError when no text has a term.
        """
        if whole is None:
            whole = Statistics.of(counts.length, np.bincount(counts.term, minlength=len(counts.vocabulary)))
        if not whole.frequency.any():
            raise InputError(f"bm25: none of the {whole.documents} texts has a word to search for")
        scores = score_terms(counts, whole, 1.2 if k1 is None else k1, 0.75 if b is None else b)
        numbers = {word: place for place, word in enumerate(counts.vocabulary)}
        return Bm25(counts.start, counts.term, scores, numbers, language)

    def search(
        self, texts: Sequence[str], k: int, exclusions: Exclusions | None = None, codes: np.ndarray | None = None
    ) -> Ranking:
        """The k best documents of each query: Ranking (Q, k).

        codes (n,) int32, ascending: what the documents are called in the ranking; by default their positions. A query's
        repeated terms count each time, as in Lucene. Raises InputError when k < 1.
        """
        if k < 1:
            raise InputError(f"k = {k}: expected at least 1")
        exclusions = exclusions or Exclusions.none()
        size = len(self.start) - 1
        names = np.arange(size, dtype=np.int32) if codes is None else codes
        patents = np.full((len(texts), k), -1, np.int32)
        values = np.full((len(texts), k), -np.inf)
        queries = self._numbers(texts)
        weight, column = np.zeros(len(self.vocabulary)), np.full(len(self.vocabulary), -1, np.int32)
        spacing = float(np.spacing(self.score.min(initial=np.inf))) if len(self.score) else 1.0
        step = max(1, min(BLOCK_QUERIES, BLOCK_CELLS // max(1, size, len(self.vocabulary))))
        for at in range(0, len(texts), step):
            block = queries[at : at + step]
            coarse = self._coarse(block)
            exclusions.block(at, at + step).blank(coarse, 0.0)
            longest = max(map(len, block))
            query, document = _candidates(coarse, k, longest)
            exact_in_any_order = float(coarse.max(initial=0)) * (1 + 2 * (longest + 1) * UNIT) < 2.0**53 * spacing
            bounds = np.searchsorted(query, np.arange(len(block) + 1))
            exact = [
                self._sum(words, document[low:high], weight)
                if exact_in_any_order
                else self._sum_in_order(words, document[low:high], column)
                for words, (low, high) in zip(block, pairwise(bounds.tolist()), strict=True)
            ]
            score = np.concatenate(exact).astype(np.float32)
            ranking = order_candidates(query, names[document], score, len(block), k)
            patents[at : at + step], values[at : at + step] = ranking.patents, ranking.scores
        return Ranking(patents, values)

    def _numbers(self, texts: Sequence[str]) -> list[np.ndarray]:
        """For each text the numbers of its terms in order, without those that no document has."""
        found = encode(texts, parse_language(self.language))
        table = np.array([self.vocabulary.get(word, -1) for word in found.vocabulary] or [-1], np.int32)
        numbers = np.split(table[found.ids], np.cumsum(found.lengths)[:-1]) if len(texts) else []
        return [row[row >= 0] for row in numbers]

    def _coarse(self, queries: Sequence[np.ndarray]) -> np.ndarray:
        """(Q, n) float32: scores within the bound, exactly 0 where query and document share no term."""
        weights = np.zeros((len(self.vocabulary), len(queries)), np.float32)
        for at, words in enumerate(queries):
            term, times = np.unique(words, return_counts=True)
            weights[term, at] = times
        return np.ascontiguousarray((self._matrix() @ weights).T)

    def _matrix(self) -> Any:
        from scipy.sparse import csr_array

        return csr_array((self.score, self.term, self.start), shape=(len(self.start) - 1, len(self.vocabulary)))

    def _sum(self, words: np.ndarray, documents: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(D,) float64: the sum of the scores of `words` (W,) in each document, in no order.

        weight (V,) float64: 0 everywhere, before and after.
        """
        term, times = np.unique(words, return_counts=True)
        weight[term] = times
        entry, sizes = _entries(self.start, documents)
        shares = weight[self.term[entry]] * self.score[entry]
        weight[term] = 0
        return np.bincount(np.repeat(np.arange(len(documents)), sizes), shares, minlength=len(documents))

    def _sum_in_order(self, words: np.ndarray, documents: np.ndarray, column: np.ndarray) -> np.ndarray:
        """(D,) float64: the sum of the scores of `words` (W,), in their order, in each document.

        column (V,) int32: -1 everywhere, before and after.
        """
        term, place = np.unique(words, return_inverse=True)
        column[term] = np.arange(len(term), dtype=np.int32)
        total = np.zeros(len(documents))
        step = max(1, EXACT_CELLS // max(1, len(words)))
        for at in range(0, len(documents), step):
            rows = documents[at : at + step]
            entry, sizes = _entries(self.start, rows)
            found = column[self.term[entry]]
            shared = found >= 0
            scores = np.zeros((len(term), len(rows)))
            scores[found[shared], np.repeat(np.arange(len(rows)), sizes)[shared]] = self.score[entry[shared]]
            # accumulate adds one after another; a plain sum would add in pairs where there is one document
            total[at : at + step] = np.add.accumulate(scores[place], axis=0)[-1]
        column[term] = -1
        return total


def _candidates(coarse: np.ndarray, k: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """(query, document) of every positive score that the bound cannot put below the row's k-th best.

    coarse (Q, n) float32; longest: most terms of a query.
    """
    least = np.full(len(coarse), np.finfo(np.float32).tiny, np.float32)
    if coarse.shape[1] > k:
        kth = np.partition(coarse, coarse.shape[1] - k, axis=1)[:, coarse.shape[1] - k].astype(np.float64)
        error = (longest + 1) * UNIT / (1 - (longest + 1) * UNIT)
        bound = kth * ((1 - error) / (1 + error) * (1 - 2 * UNIT))
        least = np.maximum(np.nextafter(bound.astype(np.float32), np.float32(0)), least)
    return np.divmod(np.flatnonzero(coarse >= least[:, None]), coarse.shape[1])
