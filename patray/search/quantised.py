"""Search over int8 and binary codes of one shard, with rescoring.

First pass: queries are encoded like the documents, and a score is the inner product of what both codes stand for. For
binary that is 1 - 2 h / d, h the Hamming distance of the packed bits. Rescoring, as sentence-transformers does it: the
`rescore` x depth best of the first pass are scored again as the inner product of the *float32 query* and the decoded
document. Nothing but the codes is needed for it, so a patent takes as many bytes with rescoring as without.

The candidates are those of the whole corpus: every shard gives its own `rescore` x depth best with both scores
(`search_codes`), and `finish` keeps those that are among the best of all before it orders them by the second score.
Ranges are those of the whole corpus too, so the result has the same bits for any number of shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import EmbeddingError, InputError
from patray.search.dense import Device, search_shard
from patray.search.exclusion import Exclusions
from patray.search.merge import merge
from patray.search.order import order_candidates, order_rows
from patray.search.quantise import Precision, binary_codes, check_precision, decoded
from patray.search.ranking import Ranking
from patray.search.vectors import exact_scores, squared_norms, tensor

CELLS = 1 << 20
"""Distances that are held at once."""
MOST_BITS = 65_000
"""Distances are 16-bit numbers."""


@dataclass(frozen=True)
class Candidates:
    """The first pass of one shard, Ranking (Q, K), and the second score of each cell (Q, K), None without rescoring."""

    first: Ranking
    second: np.ndarray | None


def search_codes(
    queries: np.ndarray,
    vectors: np.ndarray,
    codes: np.ndarray,
    depth: int,
    skip: Exclusions | None,
    precision: Precision,
    rescore: int | None = None,
    ranges: np.ndarray | None = None,
    device: Device | None = None,
) -> Candidates:
    """The candidates of one shard: its best depth, or rescore x depth, by the first pass.

    queries (Q, d), vectors (n, d) float32, cut and normalised; codes (n,): positions in Truth.patent_ids, as in
    `dense.search_shard`; ranges (2, d) float32: `quantise.value_ranges` of the whole corpus, for int8 alone. Raises
    InputError for float32, which `dense.search_shard` searches, for a depth or rescore below 1, missing ranges and
    codes that do not fit; EmbeddingError for vectors that are not finite or of different widths.
    """
    check_precision(precision)
    if precision == "float32":
        raise InputError("precision float32: search_codes searches int8 and binary codes")
    if depth < 1 or (rescore is not None and rescore < 1):
        raise InputError(f"depth {depth}, rescore {rescore}: expected at least 1")
    if queries.shape[1:] != vectors.shape[1:]:
        raise EmbeddingError(f"queries have {queries.shape[1]} dimensions, the corpus {vectors.shape[1]}")
    squared_norms(queries, "query vectors")
    if not len(vectors):
        return _nothing(len(queries), depth * (rescore or 1), rescore)
    wanted, skip = depth * (rescore or 1), skip or Exclusions.none()
    questions = decoded(queries, precision, ranges)
    if precision == "binary":
        squared_norms(vectors, "corpus vectors")
        first = _hamming(queries, vectors, codes, wanted, skip)
        if rescore is None:
            return Candidates(first, None)
        documents = decoded(vectors, precision)
    else:
        documents = decoded(vectors, precision, ranges)
        first = search_shard(questions, documents, codes, wanted, skip, device=device)
    return Candidates(first, _again(queries, documents, codes, first) if rescore is not None else None)


def finish(parts: Sequence[Candidates], depth: int) -> Ranking:
    """The ranking of the whole corpus, (Q, depth), from the candidates of all its shards, in any order.

    Every part must come from `search_codes` with the same depth and rescore.
    """
    wanted = sorted({part.first.patents.shape[1] for part in parts})
    if len(wanted) != 1 or len({part.second is None for part in parts}) != 1 or wanted[0] < depth:
        raise InputError(f"cannot merge candidates of depths {wanted} into {depth}: expected those of one search")
    merged = merge([part.first for part in parts], wanted[0])
    if parts[0].second is None:
        return merge([merged], depth)
    patents = np.concatenate([part.first.patents for part in parts], axis=1)
    second = np.concatenate([part.second for part in parts if part.second is not None], axis=1)
    row = np.arange(len(patents))[:, None] * (1 + int(patents.max(initial=0)))
    kept = np.isin(row + patents, (row + merged.patents)[merged.patents >= 0]) & (patents >= 0)
    ranking = order_rows(np.where(kept, patents, -1), np.where(kept, second, -np.inf), depth)
    return merge([ranking], depth)


def _nothing(queries: int, wanted: int, rescore: int | None) -> Candidates:
    empty = np.full((queries, wanted), -np.inf)
    first = Ranking(np.full((queries, wanted), -1, np.int32), empty)
    return Candidates(first, empty.copy() if rescore is not None else None)


def _hamming(queries: np.ndarray, vectors: np.ndarray, codes: np.ndarray, k: int, skip: Exclusions) -> Ranking:
    """The k nearest by Hamming distance of the packed bits, ties at the last place decided by the patent."""
    if vectors.shape[1] > MOST_BITS:
        raise InputError(f"{vectors.shape[1]} dimensions: binary codes of more than {MOST_BITS} are not searched")
    if len(codes) != len(vectors) or len(np.unique(codes)) != len(codes):
        raise InputError(f"{len(vectors)} vectors and {len(codes)} codes: expected one for each, all different")
    width = vectors.shape[1]
    left, right = _words(queries), np.ascontiguousarray(_words(vectors).T)
    step = max(1, CELLS // len(vectors))
    found = [Ranking(np.empty((0, k), np.int32), np.empty((0, k)))]
    for start in range(0, len(queries), step):
        block = left[start : start + step]
        distance = np.zeros((len(block), len(vectors)), np.uint16)
        for at, words in enumerate(right):
            distance += np.bitwise_count(block[:, at, None] ^ words)
        skip.block(start, start + len(block)).blank(distance, width + 1)
        last = np.partition(distance, k - 1, axis=1)[:, k - 1] if k < len(vectors) else np.full(len(block), width)
        query, row = np.nonzero(distance <= np.minimum(last, width)[:, None])
        score = (1 - 2 * distance[query, row].astype(np.float64) / width).astype(np.float32)
        found.append(order_candidates(query, codes[row], score, len(block), k))
    return Ranking(np.concatenate([part.patents for part in found]), np.concatenate([part.scores for part in found]))


def _words(vectors: np.ndarray) -> np.ndarray:
    """(n, w) uint64: the packed bits, padded with zeros to whole words."""
    packed = binary_codes(vectors)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def _again(queries: np.ndarray, documents: np.ndarray, codes: np.ndarray, first: Ranking) -> np.ndarray:
    """(Q, K) float64: inner products of the float32 queries and the decoded documents, -inf in empty cells."""
    order = np.argsort(codes, kind="stable")
    query, place = np.nonzero(first.patents >= 0)
    row = order[np.searchsorted(codes, first.patents[query, place], sorter=order)]
    pairs = (tensor(part.astype(np.int64)) for part in (query, row))
    second = np.full(first.patents.shape, -np.inf)
    second[query, place] = exact_scores(tensor(queries), tensor(documents), *pairs).numpy()
    return second
