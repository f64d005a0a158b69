"""BM25 with bm25s: exact order, exclusions honoured, queries in blocks.

bm25s computes the score of every term in every document once; a query's scores are the sum of its terms' columns. Here
that sum is one sparse product for a block of queries, in float64, so that it does not depend on the block. A document
that shares no term with the query is no result, as in Lucene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.search.exclusion import Exclusions
from patray.search.order import order_candidates
from patray.search.ranking import Ranking

BLOCK_CELLS = 16_000_000
"""Scores of a block of queries that are held at once (128 MB)."""


def terms(texts: Sequence[str]) -> list[list[str]]:
    """Lower-cased words without English stop words, stemmed (Snowball English): one list of terms a text."""
    import bm25s
    import Stemmer

    return list(
        bm25s.tokenize(
            list(texts), lower=True, stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False,
            show_progress=False,
        )
    )  # fmt: skip


@dataclass(frozen=True)
class Bm25:
    """An index. scores: scipy CSR (terms, documents) float64; vocabulary: term -> row."""

    scores: Any
    vocabulary: dict[str, int]

    @staticmethod
    def build(texts: Sequence[str], k1: float | None = None, b: float | None = None) -> Bm25:
        """Index the documents in order (k1 1.2 and b 0.75 by default, Lucene's variant).

        Raises InputError when no text has a term.
        """
        import bm25s
        from scipy.sparse import csr_array

        tokens = terms(texts)
        if not any(tokens):
            raise InputError(f"bm25: none of the {len(texts)} texts has a word to search for")
        index = bm25s.BM25(k1=1.2 if k1 is None else k1, b=0.75 if b is None else b, method="lucene")
        index.index(tokens, show_progress=False)
        found = index.scores
        shape = (len(found["indptr"]) - 1, len(texts))
        scores = csr_array((found["data"].astype(np.float64), found["indices"], found["indptr"]), shape=shape)
        return Bm25(scores, dict(index.vocab_dict))

    def search(self, texts: Sequence[str], k: int, exclusions: Exclusions | None = None) -> Ranking:
        """The k best documents of each query (codes are positions in the order of `build`): Ranking (Q, k).

        A query's repeated terms count each time, as in Lucene. A document that shares no term with the query is no
        result. Raises InputError when k < 1.
        """
        if k < 1:
            raise InputError(f"k = {k}: expected at least 1")
        exclusions = exclusions or Exclusions.none()
        size = self.scores.shape[1]
        patents = np.full((len(texts), k), -1, np.int32)
        values = np.full((len(texts), k), -np.inf)
        step = max(1, BLOCK_CELLS // max(1, size))
        for start in range(0, len(texts), step):
            block = (self._weights(terms(texts[start : start + step])) @ self.scores).toarray()
            exclusions.block(start, start + step).blank(block, 0.0)
            query, document = _candidates(block, k)
            ranking = order_candidates(query, document, block[query, document].astype(np.float32), len(block), k)
            patents[start : start + step], values[start : start + step] = ranking.patents, ranking.scores
        return Ranking(patents, values)

    def _weights(self, queries: list[list[str]]) -> Any:
        """CSR (queries, terms): how often a query has a term."""
        from scipy.sparse import csr_array

        rows = [[self.vocabulary[term] for term in query if term in self.vocabulary] for query in queries]
        pointer = np.r_[0, np.cumsum([len(row) for row in rows])]
        columns = np.array([term for row in rows for term in row], np.int64)
        return csr_array((np.ones(len(columns)), columns, pointer), shape=(len(queries), self.scores.shape[0]))


def _candidates(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(query, document) of every positive score that is at least the row's k-th best, ties included."""
    smallest = np.finfo(np.float64).tiny
    least = np.full(len(scores), smallest)
    if scores.shape[1] > k:
        kth = np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k]
        # A score that rounds to the same float32 as the k-th best ties with it.
        least = np.maximum(np.nextafter(kth.astype(np.float32), np.float32(-np.inf)), smallest)
    found = np.flatnonzero(scores >= least[:, None])
    return np.divmod(found, scores.shape[1])
