"""Dense search of one shard: the exact top k by inner product.

A coarse pass finds every patent that can be among the k best (`coarse.py` has the proof), these are scored in one
fixed way (`vectors.exact_scores`), and ordered by trec_eval's rule. The coarse pass only decides how fast: results
have the same bits with every coarse type, on one shard and, after `merge`, on many.

Coarse types: `float32`; `bfloat16` (fast on CPUs with AVX512-BF16 or AMX and on GPUs); `float16` (GPUs); `faiss`
(float32 by faiss's IndexFlatIP, or GpuIndexFlatIP where faiss sees a GPU). The first three run on a GPU when torch
sees one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from patray.errors import EmbeddingError, InputError
from patray.search.coarse import (
    OUTPUT_ROUNDING,
    Candidates,
    Rounded,
    Scan,
    block_queries,
    check_bound,
    error_bound,
    round_to,
)
from patray.search.exclusion import Exclusions
from patray.search.merge import merge
from patray.search.order import order_candidates
from patray.search.products import choose, threads_of_products, torch_product
from patray.search.ranking import Ranking
from patray.search.vectors import exact_scores, squared_norms, tensor

if TYPE_CHECKING:
    import torch

Coarse = Literal["float32", "bfloat16", "float16", "faiss"]
Device = Literal["cpu", "cuda"]
MARGIN = 32
"""Results beyond k that faiss is asked for."""
FAISS_BLOCK = 4096
"""faiss's own block of queries; more at once is no faster."""


@dataclass(frozen=True)
class Shard:
    """One shard, ready to be searched many times.

    vectors (n, d) float32 on the device; codes (n,) int32: position of each row in Truth.patent_ids; rounded: the
    copy that the coarse pass reads; index: faiss's, when coarse is `faiss`.
    """

    vectors: torch.Tensor
    codes: np.ndarray
    coarse: Coarse
    rounded: Rounded
    index: Any


@dataclass(frozen=True)
class Effort:
    """What a search did. queries; candidates: pairs scored exactly; repeated: queries for which faiss's results did
    not reach below the threshold of the proof, so that they were scanned in full."""

    queries: int
    candidates: int
    repeated: int


def prepare_shard(
    vectors: np.ndarray, codes: np.ndarray, coarse: Coarse = "float32", device: Device | None = None
) -> Shard:
    """A shard of vectors (n, d) float32 with codes (n,), unique, on a device: by default a GPU when torch sees one.

    Raises EmbeddingError for vectors that are not finite, InputError for codes that do not fit or an unknown type.
    """
    import torch

    if coarse not in get_args(Coarse):
        raise InputError(f"coarse type {coarse!r}: expected one of {', '.join(get_args(Coarse))}")
    squared = squared_norms(vectors, "corpus vectors")
    if len(codes) != len(vectors) or len(np.unique(codes)) != len(codes) or (len(codes) and codes.min() < 0):
        raise InputError(
            f"{len(vectors)} vectors and {len(codes)} codes: expected one code from 0 for each, all different"
        )
    # faiss keeps its own copy; candidates are then scored on the CPU.
    seen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    held = tensor(vectors).to("cpu" if coarse == "faiss" else seen)
    dtype = _dtype(coarse)
    rounded = round_to(held, squared, dtype, shared=True)
    return Shard(held, codes.astype(np.int32), coarse, rounded, _flat_index(vectors) if coarse == "faiss" else None)


def search_shard(
    queries: np.ndarray,
    vectors: np.ndarray,
    codes: np.ndarray,
    k: int,
    exclusions: Exclusions | None = None,
    coarse: Coarse = "float32",
    device: Device | None = None,
) -> Ranking:
    """`prepare_shard` and `search_prepared` in one call: Ranking (Q, k)."""
    return search_prepared(prepare_shard(vectors, codes, coarse, device), queries, k, exclusions)[0]


def search_prepared(
    shard: Shard, queries: np.ndarray, k: int, exclusions: Exclusions | None = None
) -> tuple[Ranking, Effort]:
    """The exact k best of the shard for queries (Q, d) float32, without excluded pairs.

    Scores are inner products rounded to float32. Raises EmbeddingError for queries that are not finite or of another
    width, InputError when k < 1.
    """
    import torch

    if k < 1:
        raise InputError(f"k = {k}: expected at least 1")
    squared = squared_norms(queries, "query vectors")
    if queries.shape[1] != shard.vectors.shape[1]:
        raise EmbeddingError(f"queries have {queries.shape[1]} dimensions, the corpus {shard.vectors.shape[1]}")
    exclusions = exclusions or Exclusions.none()
    ranking = Ranking(np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf))
    if not len(shard.codes) or not len(queries):
        return ranking, Effort(len(queries), 0, 0)
    # A date limit can exclude most of the corpus, and faiss cannot be told.
    use_faiss = shard.coarse == "faiss" and exclusions.before is None
    if use_faiss:
        workers, step = 1, FAISS_BLOCK
    else:
        workers = torch.get_num_threads() if shard.vectors.device.type == "cpu" else 1
        step = block_queries(len(shard.codes), _dtype(shard.coarse), workers)
        step = min(step, max(1, -(-len(queries) // workers)))
    starts = range(0, len(queries), step)
    workers = min(workers, len(starts))
    product = choose(shard.rounded.values, len(queries))

    def work(worker: int) -> tuple[int, int]:
        scan = None if use_faiss else Scan(shard.rounded, step, _dtype(shard.coarse), product)
        candidates = repeated = 0
        for start in starts[worker::workers]:
            cut = slice(start, start + step)
            block = _Block(shard, tensor(queries[cut]), squared[cut], k, exclusions.block(start, start + step))
            found, done, again = (*block.by_scan(scan), 0) if scan else block.by_faiss()
            ranking.patents[cut], ranking.scores[cut] = found.patents, found.scores
            candidates, repeated = candidates + done, repeated + again
        return candidates, repeated

    # One thread a block, each with serial operations: threads inside every small operation would wait for each other.
    with threads_of_products(1 if workers > 1 else torch.get_num_threads()):
        if workers == 1:
            return ranking, Effort(len(queries), *work(0))
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            efforts = np.array(list(pool.map(work, range(workers))))
    return ranking, Effort(len(queries), *efforts.sum(axis=0).tolist())


class _Block:
    """A block of queries (B, d) over one shard."""

    def __init__(
        self, shard: Shard, queries: torch.Tensor, squared: np.ndarray, k: int, exclusions: Exclusions
    ) -> None:
        self.shard, self.squared, self.k, self.exclusions = shard, squared, k, exclusions
        self.dtype = _dtype(shard.coarse)
        self.queries = queries.to(shard.vectors.device)
        self.rounded = round_to(self.queries, squared, self.dtype, shared=False)
        # From scores of the vectors to scores of their scaled copies.
        shared = shard.rounded.exponent[0]
        self.scale = np.ldexp(1.0, -(self.rounded.exponent + shared))
        # Scores and products near float32's smallest number are rounded to multiples of it.
        smallest = np.ldexp(self.scale, -149) * shard.vectors.shape[1]
        self.bound = error_bound(self.rounded, shard.rounded, self.dtype) + smallest

    def by_scan(self, scan: Scan) -> tuple[Ranking, int]:
        """The ranking, and how many pairs were scored exactly."""
        scan.multiply(self.rounded, self.exclusions)
        floor = scan.kth_at_least(self.k)
        above = floor.double().cpu().numpy()
        rounding = OUTPUT_ROUNDING[self.dtype] * np.abs(above, where=np.isfinite(above), out=np.zeros_like(above))
        lowest = above - 1.02 * rounding - 2 * self.bound
        rankings, done = [], 0
        for found in scan.at_least(tensor(lowest).to(floor)):
            cut = slice(found.start, found.stop)
            high = found.score >= floor[cut][found.query]
            first, scored = self._rank(found.where(high))
            kth = first.scores[:, -1]
            # Fewer than k results: everything allowed was a candidate already.
            least = tensor(np.where(np.isfinite(kth), kth * self.scale[cut] - self.bound[cut], np.inf)).to(floor)
            second, more = self._rank(found.where(~high & (found.score >= least[found.query])))
            rankings.append(merge((first, second), self.k))
            done += scored + more
        return _stacked(rankings), done

    def _rank(self, found: Candidates) -> tuple[Ranking, int]:
        query, row = found.query.cpu().numpy(), found.row.cpu().numpy()
        exact = self._exact(query + found.start, found.row, found.score.double().cpu().numpy())
        return order_candidates(query, self.shard.codes[row], exact, found.stop - found.start, self.k), len(query)

    def by_faiss(self) -> tuple[Ranking, int, int]:
        """As by_scan; and how many queries had to be scanned, because the margin was too small for the proof."""
        n, n_queries = len(self.shard.codes), len(self.queries)
        width = min(n, self.k + MARGIN + self.exclusions.most())
        computed, row = self.shard.index.search(self.queries.numpy(), width)
        scaled = computed.astype(np.float64) * self.scale[:, None]
        excluded = self.exclusions.contain(np.arange(n_queries)[:, None], row)
        allowed = np.where(excluded, -np.inf, scaled)
        kth = -np.sort(-allowed, axis=1)[:, self.k - 1] if width >= self.k else np.full(n_queries, -np.inf)
        # As in coarse.py, but both the k-th score and the candidate's are computed ones.
        least = kth - 2 * self.bound
        proven = (scaled[:, -1] < least) | (width == n)
        query, place = np.nonzero((allowed >= least[:, None]) & ~excluded & proven[:, None])
        chosen = row[query, place]
        exact = self._exact(query, tensor(chosen), scaled[query, place])
        ranking = order_candidates(query, self.shard.codes[chosen], exact, n_queries, self.k)
        open_ = np.flatnonzero(~proven)
        done = len(query)
        step = block_queries(n, self.dtype, 1)
        scan = Scan(self.shard.rounded, min(step, len(open_)), self.dtype, torch_product)
        for at in range(0, len(open_), step):
            part = open_[at : at + step]
            block = _Block(self.shard, self.queries[part], self.squared[part], self.k, self.exclusions.select(part))
            again, scanned = block.by_scan(scan)
            ranking.patents[part], ranking.scores[part] = again.patents, again.scores
            done += scanned
        return ranking, done, len(open_)

    def _exact(self, query: np.ndarray, row: torch.Tensor, computed: np.ndarray) -> np.ndarray:
        exact = exact_scores(self.queries, self.shard.vectors, tensor(query).to(row.device), row).cpu().numpy()
        check_bound(computed, exact * self.scale[query], self.bound[query], self.dtype)
        return exact


def _stacked(rankings: list[Ranking]) -> Ranking:
    return Ranking(
        np.concatenate([ranking.patents for ranking in rankings]),
        np.concatenate([ranking.scores for ranking in rankings]),
    )


def _dtype(coarse: Coarse) -> str:
    return "float32" if coarse == "faiss" else coarse


def _flat_index(vectors: np.ndarray) -> Any:
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0:
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    return index
