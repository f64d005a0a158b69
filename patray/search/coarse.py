"""The fast pass of dense search: approximate scores of all pairs, and every pair that can be in the exact top k.

Nothing is hoped for. For query q and patent d with stored copies q', d' of lower precision,

    |computed - q.d|  <=  ||q - q'|| ||d|| + ||q'|| ||d - d'|| + (accumulation) ||q'|| ||d'||  =  e      (Cauchy-Schwarz)

before the sum is rounded to the type of the output, a monotone step of relative size h. Let c be a lower bound of the
k-th largest computed score. At least k patents have an exact score of c - h|c| - e or more, so a patent of the exact
top k has a computed score of c - h|c| - 2e or more. All patents that reach this threshold are candidates; they are
scored exactly and the rest is proven to be out. Each candidate's exact score is compared with its bound as well, so a
machine whose products are less exact than stated is found out and not believed.

The lower bound c costs no selection over all scores: the k-th largest of the maxima of disjoint groups of scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from patray.errors import ResourceError
from patray.search.exclusion import Exclusions

if TYPE_CHECKING:
    import torch

OUTPUT_ROUNDING = {"float32": 0.0, "bfloat16": 2.0**-8, "float16": 2.0**-11}
"""Half a unit in the last place of the output type, relative; a float32 sum is not rounded again."""
UNIT = 2.0**-24
ACCUMULATION = {"float32": 2 * UNIT, "bfloat16": 8 * UNIT, "float16": 8 * UNIT}
"""Error per dimension of a float32 sum in any order. Twice the textbook value (Higham, Accuracy and Stability of
Numerical Algorithms, 3.1) for float32; more for low precision, whose hardware may cut off instead of rounding."""
UNDERFLOW = {"float32": 1e-30, "bfloat16": 1e-30, "float16": 2.0**-24}

TILE = 4096
GROUP = 32
POOL = 8
BLOCK_BYTES = 1 << 28
BLOCK_QUERIES = 512
PAIRS = 1 << 18
"""Groups looked into at once; GROUP times as many scores are gathered."""


@dataclass(frozen=True)
class Rounded:
    """Vectors in the coarse type, scaled by powers of two to lengths of at most 1 (exact, and float16 cannot overflow).

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


def round_to(vectors: torch.Tensor, squared: np.ndarray, dtype: str, shared: bool) -> Rounded:
    """vectors (n, d) float32 with squared lengths (n,) in the coarse type; `shared`: one exponent for all."""
    import torch

    norm = np.sqrt(squared)
    exponent = np.frexp(norm)[1].astype(np.int32)
    if shared:
        exponent = np.full_like(exponent, exponent.max(initial=0))
    norm = np.ldexp(norm, -exponent)
    if dtype == "float32" and not exponent.any():
        return Rounded(vectors, norm, np.zeros_like(norm), exponent)
    values = torch.empty(vectors.shape, dtype=getattr(torch, dtype), device=vectors.device)
    residual = np.empty_like(norm)
    for at in range(0, len(vectors), TILE):
        cut = slice(at, at + TILE)
        factor = torch.from_numpy(np.ldexp(1.0, -exponent[cut])).to(vectors.device)
        scaled = vectors[cut].double() * factor[:, None]
        values[cut] = scaled.to(values.dtype)
        residual[cut] = torch.linalg.vector_norm(scaled - values[cut].double(), dim=1).cpu().numpy()
    # Lengths are sums of squares: allow for their own rounding.
    return Rounded(values, norm, residual * (1 + 1e-9), exponent)


def error_bound(queries: Rounded, documents: Rounded, dtype: str) -> np.ndarray:
    """(Q,) float64: the e of this module's docstring, for every document at once, in the scaled units."""
    length, lost = documents.norm.max(initial=0.0), documents.residual.max(initial=0.0)
    computed = (queries.norm + queries.residual) * (length + lost)
    bound = queries.residual * length + (queries.norm + queries.residual) * lost
    bound += ACCUMULATION[dtype] * documents.values.shape[1] * computed
    # Reported scores are rounded to float32, which may lift one to the k-th place's value.
    return bound + 4 * UNIT * queries.norm * length + UNDERFLOW[dtype]


def threshold(score: np.ndarray, bound: np.ndarray, dtype: str) -> np.ndarray:
    """Computed scores below this are proven to be outside the top k, given a lower bound of the k-th computed score."""
    return score - OUTPUT_ROUNDING[dtype] * np.abs(score) - 2 * bound


def check_bound(computed: np.ndarray, exact: np.ndarray, bound: np.ndarray, dtype: str) -> None:
    """Raises ResourceError when a computed score is further from its exact score than the proof allows."""
    allowed = bound + 1.01 * OUTPUT_ROUNDING[dtype] * np.abs(computed)
    worst = np.abs(computed - exact) - allowed
    if len(worst) and worst.max() > 0:
        at = int(worst.argmax())
        raise ResourceError(
            f"this machine's {dtype} inner products are less exact than their error bound: {computed[at]!r} instead "
            f"of {exact[at]!r}, allowed difference {allowed[at]!r}; search with another coarse type"
        )


def scan(
    documents: Rounded, queries: Rounded, bound: np.ndarray, k: int, exclusions: Exclusions, dtype: str
) -> Iterator[Candidates]:
    """Candidates of a block of queries over all documents, a range of queries at a time."""
    import torch

    docs, device = documents.values, documents.values.device
    n, n_queries = len(docs), len(queries.values)
    tile = TILE if device.type == "cpu" else 16 * TILE
    tile = min(tile, -(-n // (GROUP * POOL)) * GROUP * POOL)
    padded = -(-n // tile) * tile
    stride = tile // GROUP
    scores = torch.empty((padded, n_queries), dtype=docs.dtype, device=device)
    scores[n:] = -torch.inf
    maxima = torch.empty((padded // GROUP, n_queries), dtype=docs.dtype, device=device)
    transposed = queries.values.T.contiguous()
    skip = _Skip(exclusions, device)
    for start in range(0, padded, tile):
        here = scores[start : start + tile]
        rows = min(tile, n - start)
        torch.mm(docs[start : start + rows], transposed, out=here[:rows])
        skip.blank(here, start, rows)
        # Groups are strided, since neighbours are often alike and would share one group's maximum.
        torch.amax(here.view(GROUP, stride, n_queries), 0, out=maxima[start // GROUP : (start + tile) // GROUP])

    floor = threshold(_kth_at_least(scores, maxima, k), bound, dtype)
    # Blanked cells are -inf and are no candidates, even where fewer than k are allowed.
    least = torch.from_numpy(np.maximum(floor, torch.finfo(docs.dtype).min)).to(device, docs.dtype)
    reached = (maxima >= least).T.contiguous()
    ends = torch.cumsum(reached.sum(1), 0).cpu().numpy()
    flat, offsets = scores.view(-1), torch.arange(GROUP, device=device) * stride
    first = 0
    while first < n_queries:
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + PAIRS, side="right")))
        query, group = reached[first:last].nonzero(as_tuple=True)
        row = (group // stride * tile + group % stride)[:, None] + offsets
        found = flat[row * n_queries + (query + first)[:, None]]
        kept, member = (found >= least[query + first][:, None]).nonzero(as_tuple=True)
        yield Candidates(first, last, query[kept], row[kept, member], found[kept, member])
        first = last


def block_queries(n: int, dtype: str) -> int:
    """How many queries are scanned at once, so that all their scores take at most BLOCK_BYTES."""
    size = 4 if dtype == "float32" else 2
    return int(np.clip(BLOCK_BYTES // (max(n, 1) * size), 16, BLOCK_QUERIES))


def _kth_at_least(scores: torch.Tensor, maxima: torch.Tensor, k: int) -> np.ndarray:
    """(Q,) float64: a lower bound of the k-th largest score of each column; -inf when there are fewer than k."""
    pooled = maxima.view(POOL, -1, maxima.shape[1]).amax(0)
    for values in (pooled, maxima, scores):
        # With several groups for every place, few of the k best share a group, and the bound is tight.
        if len(values) >= 4 * k or values is scores:
            break
    if len(values) < k:
        return np.full(scores.shape[1], -np.inf)
    return values.T.contiguous().topk(k, dim=1, sorted=True).values[:, -1].double().cpu().numpy()


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
