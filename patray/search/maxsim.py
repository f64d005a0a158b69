"""Late interaction over one shard: the exact top k by MaxSim, the sum over query tokens of the best document token.

A coarse pass multiplies in float32 and keeps every patent that can be among the k best. These are scored exactly: an
inner product of two float16 vectors is a sum of multiples of 2^-48, so float64 holds it without any rounding whatever
the order, the blocks, the threads or the machine; the maxima are added in the query's token order and rounded to
float32 once. So scores have the same bits on one shard and, after `merge`, on many.

The bound of the coarse pass: products of float16 numbers are exact in float32, and adding d of them errs by at most
d u |q| |x| with u = 2^-24, in any order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). A maximum errs
by no more than the worst of its values, and adding T maxima by T u their sum. Every exact score is held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from patray.encoders.token_vectors import TokenVectors, flat_rows
from patray.errors import EmbeddingError, InputError, ResourceError
from patray.search.exclusion import Exclusions
from patray.search.order import order_candidates
from patray.search.ranking import Ranking
from patray.search.vectors import tensor

if TYPE_CHECKING:
    import torch

LONGEST = 2.0
"""Largest length of a token vector for which sums of 2^-48 stay exact; they are unit vectors up to rounding."""
COLUMNS = 1024
"""Query tokens that are multiplied at once."""
CELLS = {"cpu": 1 << 19, "cuda": 1 << 27}
"""Products held at once, by device: on a CPU they stay in its cache (2 MB)."""
EXACT_CELLS = 1 << 22
"""Numbers of candidates' vectors held in float64 at once (32 MB)."""


@dataclass(frozen=True)
class TokenShard:
    """One shard, ready to be searched many times: its texts by number of vectors, so that little is padded.

    tokens: as given; codes (n,) int32: position of each text in Truth.patent_ids; order (n,): texts by number of
    vectors, descending; longest: largest length of a vector.
    """

    tokens: TokenVectors
    codes: np.ndarray
    order: np.ndarray
    longest: float


def prepare_token_shard(tokens: TokenVectors, codes: np.ndarray) -> TokenShard:
    """A shard of n texts with codes (n,), unique. Raises EmbeddingError for vectors that are not usable or a text
    without any, InputError for codes that do not fit."""
    if len(codes) != len(tokens) or len(np.unique(codes)) != len(codes) or (len(codes) and codes.min() < 0):
        raise InputError(f"{len(tokens)} texts and {len(codes)} codes: expected a code from 0 for each, all different")
    longest = _longest(tokens, "documents")
    return TokenShard(tokens, codes.astype(np.int32), np.argsort(-tokens.counts, kind="stable"), longest)


def search_tokens(
    shard: TokenShard, queries: TokenVectors, k: int, exclusions: Exclusions | None = None, device: str = "cpu"
) -> Ranking:
    """The exact k best of the shard for Q queries, without excluded pairs: Ranking (Q, k).

    Memory beside the shard: one block of queries' scores, (Q', n) float32 with Q' tokens up to COLUMNS, and CELLS
    products. Raises InputError when k < 1, EmbeddingError for queries that are not usable or of another width.
    """
    if k < 1:
        raise InputError(f"k = {k}: expected at least 1")
    exclusions = exclusions or Exclusions.none()
    ranking = Ranking(np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf))
    if not len(queries) or not len(shard.codes):
        return ranking
    longest = _longest(queries, "queries")
    if queries.vectors.shape[1] != shard.tokens.vectors.shape[1]:
        raise EmbeddingError(
            f"queries have {queries.vectors.shape[1]} dimensions, the corpus {shard.tokens.vectors.shape[1]}"
        )
    width = int(queries.counts.max())
    bound = error_bound(width, queries.vectors.shape[1], longest * shard.longest)
    step = max(1, COLUMNS // width)
    for at in range(0, len(queries), step):
        block = queries.take(np.arange(at, min(at + step, len(queries))))
        coarse = coarse_scores(shard, block, device)
        exclusions.block(at, at + len(block)).blank(coarse, -np.inf)
        query, row = _candidates(coarse, k, bound)
        exact = exact_scores(shard.tokens, block, query, row, device)
        _check(exact, coarse[query, row], bound)
        found = order_candidates(query, shard.codes[row], exact, len(block), k)
        ranking.patents[at : at + len(block)], ranking.scores[at : at + len(block)] = found.patents, found.scores
    return ranking


def error_bound(tokens: int, width: int, longest: float) -> float:
    """How far a coarse score of a query with `tokens` vectors of `width` numbers can be from the exact one, which is
    rounded to float32; longest: largest product of a query vector's and a document vector's length."""
    unit = 2.0**-24
    return 1.01 * tokens * longest * unit * (width + tokens + 4)


def coarse_scores(shard: TokenShard, queries: TokenVectors, device: str = "cpu") -> np.ndarray:
    """(Q, n) float32: MaxSim of every pair within `error_bound`; columns are the shard's texts as given."""
    import torch

    width = int(queries.counts.max())
    matrix = _query_matrix(queries, width, device)
    columns = len(queries) * width
    counts, start = shard.tokens.counts, shard.tokens.start
    vectors = tensor(shard.tokens.vectors)
    scores = np.empty((len(queries), len(shard.codes)), np.float32)
    at = 0
    while at < len(shard.order):
        longest = int(counts[shard.order[at]])
        texts = shard.order[at : at + max(1, CELLS[device] // (columns * longest))]
        at += len(texts)
        # A shorter text repeats its first vector, which changes no maximum.
        place = np.arange(longest)
        index = start[texts][:, None] + np.where(place < counts[texts][:, None], place, 0)
        block = vectors[torch.from_numpy(index.reshape(-1))].to(device).float()
        products = (block @ matrix).view(len(texts), longest, columns)
        best = products.amax(dim=1).view(len(texts), len(queries), width)
        scores[:, texts] = best.sum(dim=2).t().cpu().numpy()
    return scores


def exact_scores(
    documents: TokenVectors, queries: TokenVectors, query: np.ndarray, row: np.ndarray, device: str = "cpu"
) -> np.ndarray:
    """(C,) float32: MaxSim of the pairs (query[i], row[i]); query (C,) ascending. The same bits everywhere."""
    import torch

    vectors = tensor(documents.vectors)
    exact = np.empty(len(query), np.float32)
    bounds = np.searchsorted(query, np.arange(len(queries) + 1))
    most = max(1, EXACT_CELLS // max(1, int(documents.counts.max(initial=1)) * documents.vectors.shape[1]))
    for at in range(len(queries)):
        own = tensor(queries.vectors[queries.start[at] : queries.start[at + 1]]).to(device).double()
        for begin in range(bounds[at], bounds[at + 1], most):
            pairs = slice(begin, min(begin + most, bounds[at + 1]))
            start, index = flat_rows(documents.start, row[pairs])
            products = own @ vectors[torch.from_numpy(index)].to(device).double().t()
            best = np.maximum.reduceat(products.cpu().numpy(), start[:-1], axis=1)
            total = np.zeros(best.shape[1])
            for token in best:  # one fixed order
                total += token
            exact[pairs] = total
    return exact


def _query_matrix(queries: TokenVectors, width: int, device: str) -> torch.Tensor:
    """(d, Q * width) float32; a shorter query ends in zeros, which add nothing."""
    import torch

    matrix = torch.zeros(len(queries), width, queries.vectors.shape[1])
    for at in range(len(queries)):
        own = queries.vectors[queries.start[at] : queries.start[at + 1]]
        matrix[at, : len(own)] = torch.from_numpy(own.astype(np.float32))
    return matrix.view(-1, matrix.shape[2]).t().to(device)


def _candidates(coarse: np.ndarray, k: int, bound: float) -> tuple[np.ndarray, np.ndarray]:
    """Query and row of every allowed pair that can be among its query's k best, by query."""
    least = np.full(len(coarse), -np.inf)
    if coarse.shape[1] > k:
        # The k-th best coarse score is at most `bound` above the k-th best exact one, and so is every candidate's.
        least = np.partition(coarse, coarse.shape[1] - k, axis=1)[:, coarse.shape[1] - k].astype(np.float64) - 2 * bound
    query, row = np.nonzero((coarse >= least[:, None]) & (coarse > -np.inf))
    return query, row


def _longest(tokens: TokenVectors, what: str) -> float:
    if tokens.vectors.ndim != 2 or tokens.vectors.dtype != np.float16 or tokens.vectors.shape[1] == 0:
        raise EmbeddingError(
            f"token vectors of {what}: {tokens.vectors.dtype} array of shape {tokens.vectors.shape}: expected float16, "
            "T x d, d > 0"
        )
    empty = np.flatnonzero(tokens.counts <= 0)
    if len(empty):
        raise EmbeddingError(f"token vectors of {what}: text {empty[0]} has none")
    longest = 0.0
    step = max(1, (1 << 22) // tokens.vectors.shape[1])
    for at in range(0, len(tokens.vectors), step):
        block = tokens.vectors[at : at + step].astype(np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", block, block))
        bad = np.flatnonzero(~(norms <= LONGEST))
        if len(bad):
            raise EmbeddingError(
                f"token vectors of {what}: vector {at + bad[0]} is NaN, infinite or longer than {LONGEST:g}"
            )
        longest = max(longest, float(norms.max()))
    return longest * 1.001


def _check(exact: np.ndarray, coarse: np.ndarray, bound: float) -> None:
    worst = float(np.abs(exact.astype(np.float64) - coarse).max(initial=0.0))
    if worst > bound:
        raise ResourceError(
            f"this machine's float32 products of token vectors err by {worst:.3g}, above their proven bound "
            f"{bound:.3g}: it multiplies with less precision than float32, so no exact ranking can be made on it"
        )
