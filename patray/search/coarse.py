"""The fast pass of dense search: approximate scores of all pairs, and every pair that can be in the exact top k.

Nothing is hoped for. For query q and patent d with stored copies q', d' of lower precision,

    |computed - q.d|  <=  ||q - q'|| ||d|| + ||q'|| ||d - d'|| + (accumulation) ||q'|| ||d'||  =  e   (Cauchy-Schwarz)

before the sum is rounded to the type of the output, which is monotone. First, at least k patents with high computed
scores are scored exactly. If x is the k-th largest of these exact scores, a patent of the exact top k has an exact
score of x or more, so its computed score is at least round(x - e). All that reach this threshold are scored exactly
too; the rest is proven to be out. Each candidate's exact score is also compared with its bound, so a machine whose
products are less exact than stated is found out and not believed.

The first patents cost no selection over all scores: those at or above the k-th largest maximum of disjoint groups, the
floor f. Their computed scores are at least f, so x - e >= f - |f| (rounding) - 2e: one look at the scores finds all
that either step can ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from patray.errors import ResourceError
from patray.search.exclusion import Exclusions
from patray.search.products import Multiply

if TYPE_CHECKING:
    import torch

OUTPUT_ROUNDING = {"float32": 0.0, "bfloat16": 2.0**-8, "float16": 2.0**-11}
"""Half a unit in the last place of the output type, relative; a float32 sum is not rounded again."""
UNIT = 2.0**-24
ACCUMULATION = {"float32": 2 * UNIT, "bfloat16": 8 * UNIT, "float16": 8 * UNIT}
"""Error per dimension of a float32 sum in any order. Twice the textbook value (Higham, Accuracy and Stability of
Numerical Algorithms, 3.1) for float32; more for low precision, whose hardware may cut off instead of rounding."""
UNDERFLOW = {"float32": 1e-30, "bfloat16": 1e-15, "float16": 2.0**-24}

TILE = 4096
GROUP = 16
POOL = 16
BLOCK_BYTES = 1 << 28
BLOCK_QUERIES = 512
PAIRS = 1 << 18
"""Groups looked into at once; GROUP times as many scores are gathered."""


@dataclass(frozen=True)
class Rounded:
    """Vectors in the coarse type. Low precision is scaled by powers of two to lengths of at most 1: that is exact, and
    float16 cannot overflow.

    values (n, d); norm (n,), residual (n,) float64: the scaled vectors' lengths and the lengths of what rounding took
    away. exponent (n,) int: value = vector * 2**-exponent.
    """

    values: torch.Tensor
    norm: np.ndarray
    residual: np.ndarray
    exponent: np.ndarray


@dataclass(frozen=True)
class Candidates:
    """Pairs that can be in the top k of queries start..stop of the block: query (C,) ascending from 0 at `start`,
    row (C,) int64; score (C,) in the coarse type."""

    start: int
    stop: int
    query: torch.Tensor
    row: torch.Tensor
    score: torch.Tensor

    def where(self, wanted: torch.Tensor) -> Candidates:
        """Those with `wanted` (C,) bool."""
        at = wanted.nonzero().squeeze(1)
        return Candidates(self.start, self.stop, self.query[at], self.row[at], self.score[at])


def round_to(vectors: torch.Tensor, squared: np.ndarray, dtype: str, shared: bool) -> Rounded:
    """vectors (n, d) float32 with squared lengths (n,) in the coarse type; `shared`: one exponent for all."""
    import torch

    norm = np.sqrt(squared)
    if dtype == "float32":
        return Rounded(vectors, norm, np.zeros_like(norm), np.zeros(len(norm), np.int32))
    # 2**126 is the largest power that float32 holds with its inverse.
    exponent = np.maximum(np.frexp(norm)[1].astype(np.int32), -126)
    if shared:
        exponent = np.full_like(exponent, exponent.max(initial=0))
    norm = np.ldexp(norm, -exponent)
    values = torch.empty(vectors.shape, dtype=getattr(torch, dtype), device=vectors.device)
    residual = np.empty_like(norm)
    for at in range(0, len(vectors), TILE):
        cut = slice(at, at + TILE)
        factor = torch.from_numpy(np.ldexp(np.float32(1), -exponent[cut])).to(vectors.device)
        # Both are exact: a power of two, and a difference that needs fewer digits than the vector.
        scaled = vectors[cut] * factor[:, None]
        values[cut] = scaled.to(values.dtype)
        residual[cut] = torch.linalg.vector_norm(scaled - values[cut].float(), dim=1).double().cpu().numpy()
    # The lengths of the residuals are float32 sums: allow for their own rounding.
    return Rounded(values, norm, residual * (1 + vectors.shape[1] * UNIT), exponent)


def error_bound(queries: Rounded, documents: Rounded, dtype: str) -> np.ndarray:
    """(Q,) float64: the e of this module's docstring, for every document at once, in the scaled units."""
    length, lost = documents.norm.max(initial=0.0), documents.residual.max(initial=0.0)
    computed = (queries.norm + queries.residual) * (length + lost)
    bound = queries.residual * length + (queries.norm + queries.residual) * lost
    bound += ACCUMULATION[dtype] * documents.values.shape[1] * computed
    # Reported scores are rounded to float32, which may lift one to the k-th place's value.
    return bound + 4 * UNIT * queries.norm * length + UNDERFLOW[dtype]


def check_bound(computed: np.ndarray, exact: np.ndarray, bound: np.ndarray, dtype: str) -> None:
    """Raises ResourceError when a computed score is further from its exact score than the proof allows."""
    allowed = bound + 1.01 * OUTPUT_ROUNDING[dtype] * np.abs(computed)
    worst = np.abs(computed - exact) - allowed
    if len(worst) and not worst.max() <= 0:
        at = int(worst.argmax())
        raise ResourceError(
            f"this machine's {dtype} inner products are less exact than their error bound: {computed[at]!r} instead "
            f"of {exact[at]!r}, allowed difference {allowed[at]!r}; search with another coarse type"
        )


class Scan:
    """The coarse pass over one shard, for blocks of up to `n_queries` queries. Holds the memory of their scores.

    product: of `products.choose`."""

    def __init__(
        self, documents: Rounded, n_queries: int, dtype: str, product: Callable[[torch.Tensor], Multiply]
    ) -> None:

        self.documents, self.dtype, self.product = documents, dtype, product
        n, device = len(documents.values), documents.values.device
        tile = TILE if device.type == "cpu" else 16 * TILE
        self.tile = min(tile, -(-n // (GROUP * POOL)) * GROUP * POOL)
        self.padded = -(-n // self.tile) * self.tile
        kind = documents.values.dtype
        self._scores = _room(self.padded * n_queries, kind, device)
        self._maxima = _room(self.padded // GROUP * n_queries, kind, device)

    def multiply(self, queries: Rounded, exclusions: Exclusions) -> None:
        """Compute all scores of a block of queries; excluded cells become -inf."""
        import torch

        docs, n_queries = self.documents.values, len(queries.values)
        n, tile, stride = len(docs), self.tile, self.tile // GROUP
        scores = self._scores[: self.padded * n_queries].view(self.padded, n_queries)
        maxima = self._maxima[: self.padded // GROUP * n_queries].view(-1, n_queries)
        scores[n:] = -torch.inf
        multiply = self.product(queries.values)
        skip = _Skip(exclusions, docs.device)
        for start in range(0, self.padded, tile):
            here, rows = scores[start : start + tile], min(tile, n - start)
            multiply(docs[start : start + rows], here[:rows])
            skip.blank(here, start, rows)
            # Groups are strided, since neighbours are often alike and would share one group's maximum.
            torch.amax(here.view(GROUP, stride, n_queries), 0, out=maxima[start // GROUP : (start + tile) // GROUP])
        self.scores, self.maxima = scores, maxima

    def kth_at_least(self, k: int) -> torch.Tensor:
        """(Q,) coarse type: at most the k-th largest score of each query; -inf when fewer than k are allowed."""
        import torch

        pooled = self.maxima.view(POOL, -1, self.maxima.shape[1]).amax(0)
        for values in (pooled, self.maxima, self.scores):
            # With several groups for every place, few of the k best share a group, and little more than k is found.
            if len(values) >= 4 * k:
                break
        if len(values) < k:
            return torch.full_like(values[0], -torch.inf)
        return values.T.contiguous().topk(k, dim=1).values[:, -1]

    def at_least(self, least: torch.Tensor) -> Iterator[Candidates]:
        """Pairs whose computed score is at least `least`, (Q,) coarse type, never an excluded one; a range of the
        block's queries at a time."""
        import torch

        n_queries, device, stride = self.maxima.shape[1], self.maxima.device, self.tile // GROUP
        least = least.clamp_min(torch.finfo(least.dtype).min)
        queries, groups = (self.maxima >= least).T.contiguous().nonzero(as_tuple=True)
        ends = np.cumsum(np.bincount(queries.cpu().numpy(), minlength=n_queries))
        flat, members = self.scores.view(-1), torch.arange(GROUP, device=device) * (stride * n_queries)
        first = before = 0
        while first < n_queries:
            last = max(first + 1, int(np.searchsorted(ends, before + PAIRS, side="right")))
            cut = slice(before, before := int(ends[last - 1]))
            query, group = queries[cut], groups[cut]
            row = group // stride * self.tile + group % stride
            cells = (row * n_queries + query)[:, None] + members
            found = flat.index_select(0, cells.view(-1)).view(cells.shape)
            kept, member = (found >= least[query][:, None]).nonzero(as_tuple=True)
            yield Candidates(first, last, query[kept] - first, row[kept] + member * stride, found[kept, member])
            first = last


def block_queries(n: int, dtype: str, workers: int) -> int:
    """How many queries a worker scans at once, so that the scores of all workers take at most BLOCK_BYTES."""
    size = 4 if dtype == "float32" else 2
    return int(np.clip(BLOCK_BYTES // (max(n, 1) * size * workers), 16, BLOCK_QUERIES))


def _room(count: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Memory for `count` numbers. On a CPU it is numpy's, which asks Linux for huge pages where torch does not: they
    are read at far apart places, and each would else cost a look into the table of pages."""
    import torch

    if device.type != "cpu":
        return torch.empty(count, dtype=dtype, device=device)
    return torch.from_numpy(np.empty(max(count, 1) * dtype.itemsize, np.uint8)).view(dtype)[:count]


class _Skip:
    """A block's exclusions, ready to be written into tiles of scores."""

    def __init__(self, exclusions: Exclusions, device: torch.device) -> None:
        import torch

        order = np.argsort(exclusions.row, kind="stable")
        self.row = exclusions.row[order].astype(np.int64)
        self.query = exclusions.query[order].astype(np.int64)
        self.device = device
        self.date = self.before = None
        if exclusions.before is not None and exclusions.date is not None:
            self.date = torch.from_numpy(exclusions.date).to(device)
            self.before = torch.from_numpy(exclusions.before).to(device)

    def blank(self, tile: torch.Tensor, start: int, rows: int) -> None:
        import torch

        low, high = np.searchsorted(self.row, (start, start + rows))
        if low < high:
            row = torch.from_numpy(self.row[low:high] - start).to(self.device)
            tile[row, torch.from_numpy(self.query[low:high]).to(self.device)] = -torch.inf
        if self.date is not None and self.before is not None:
            late = self.date[start : start + rows, None] >= self.before[None, :]
            tile[:rows].masked_fill_(late, -torch.inf)
