"""Sparse search: exact inner products by an inverted index, ordered by the one rule.

The index holds for each term the documents that have it and their weights. A query adds, term after term in ascending
order, weight of query x weight of document to each of its documents: products of two float32 numbers are exact in
float64, and the sum is rounded to float32 once, so the bits depend on query and document alone. A document without a
common term is no result, as in BM25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.encoders.sparse_vectors import SparseVectors
from patray.errors import InputError
from patray.search.exclusion import Exclusions
from patray.search.order import order_candidates
from patray.search.ranking import Ranking


@dataclass(frozen=True)
class InvertedIndex:
    """start (V + 1,) int64; document (T,) int32 and weight (T,) float32: the entries of term t are start[t]:start[t+1].

    codes (n,) int32, ascending: what the documents are called in a ranking.
    """

    start: np.ndarray
    document: np.ndarray
    weight: np.ndarray
    codes: np.ndarray

    @staticmethod
    def build(documents: SparseVectors, codes: np.ndarray, width: int) -> InvertedIndex:
        """The index of documents with codes (n,), unique, in any order; width: terms of the vocabulary."""
        by_code = np.argsort(codes, kind="stable")
        documents = documents.take(by_code)
        owner = np.repeat(np.arange(len(documents), dtype=np.int32), np.diff(documents.start))
        order = np.argsort(documents.terms, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(documents.terms, minlength=width))]).astype(np.int64)
        return InvertedIndex(start, owner[order], documents.weights[order], codes[by_code].astype(np.int32))

    def search(self, queries: SparseVectors, k: int, exclusions: Exclusions | None = None) -> Ranking:
        """The k best documents of each query: Ranking (Q, k). Raises InputError when k < 1."""
        if k < 1:
            raise InputError(f"k = {k}: expected at least 1")
        exclusions = exclusions or Exclusions.none()
        patents = np.full((len(queries), k), -1, np.int32)
        scores = np.full((len(queries), k), -np.inf)
        for query in range(len(queries)):
            score = self.scores(queries, query).astype(np.float32)
            exclusions.block(query, query + 1).blank(score[None, :], 0.0)
            found = np.flatnonzero(score > 0)
            best = order_candidates(np.zeros(len(found), np.int64), self.codes[found], score[found], 1, k)
            patents[query], scores[query] = best.patents[0], best.scores[0]
        return Ranking(patents, scores)

    def scores(self, queries: SparseVectors, query: int) -> np.ndarray:
        """(n,) float64: inner products of one query with every document, 0 where they share no term."""
        total = np.zeros(len(self.codes))
        mine = slice(queries.start[query], queries.start[query + 1])
        for term, weight in zip(queries.terms[mine], queries.weights[mine].astype(np.float64), strict=True):
            entries = slice(self.start[term], self.start[term + 1])
            total[self.document[entries]] += weight * self.weight[entries]  # a document has a term once
        return total
