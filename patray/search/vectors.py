"""Vectors as search needs them: checked, and scored in one fixed way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from patray.errors import EmbeddingError

if TYPE_CHECKING:
    import torch

LARGEST_NORM = 1e15
"""Longer vectors would overflow float32 inner products. Embeddings have norms near 1."""
PRODUCT_CELLS = 1 << 18
"""float64 products held at once: 2 MB, near the size of a second-level cache."""


def squared_norms(vectors: np.ndarray, what: str) -> np.ndarray:
    """(n,) float64 squared lengths of vectors (n, d) float32.

    Raises EmbeddingError when the array is not such, or a vector has NaN or infinite values or is absurdly long; the
    message names the first bad row of `what`.
    """
    if vectors.ndim != 2 or vectors.dtype != np.float32 or vectors.shape[1] == 0:
        raise EmbeddingError(f"{what}: {vectors.dtype} array of shape {vectors.shape}: expected float32, n x d, d > 0")
    norms = np.empty(len(vectors), np.float64)
    step = max(1, PRODUCT_CELLS // vectors.shape[1])
    for at in range(0, len(vectors), step):
        block = vectors[at : at + step].astype(np.float64)
        np.einsum("ij,ij->i", block, block, out=norms[at : at + step])
    bad = np.flatnonzero(~(norms <= LARGEST_NORM**2))
    if len(bad):
        row = int(bad[0])
        raise EmbeddingError(
            f"{what}: {len(bad)} of {len(vectors)} vectors are not usable, the first is row {row}: "
            f"{'its length is over ' + format(LARGEST_NORM, 'g') if np.isfinite(norms[row]) else 'NaN or infinite'}"
        )
    return norms


def tensor(vectors: np.ndarray) -> torch.Tensor:
    """A tensor that shares the array's memory. Only read it: the array may be a read-only map of a file."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(vectors))


def exact_scores(queries: torch.Tensor, vectors: torch.Tensor, query: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
    """Inner products of the pairs (query[i], row[i]), (C,) float32: the scores that patray reports.

    queries (Q, d), vectors (n, d) float32; query, row (C,) int64. Products of two float32 are exact in float64. They
    are added in float64, always the second half of the row onto the first, and the sum is rounded to float32 once.
    Only elementwise IEEE operations are used, so a pair's score has the same bits in any batch, on any number of
    shards and threads, and on CPU and GPU.
    """
    import torch

    count, width, device = len(row), vectors.shape[1], vectors.device
    scores = torch.empty(count, dtype=torch.float32, device=device)
    exact = queries.double()
    step = max(1, min(PRODUCT_CELLS // width, count))
    # Written into the same memory again and again: freshly taken from the system it costs up to three times as much.
    room = torch.empty(step, width, dtype=torch.float32, device=device)
    products, factors = torch.empty(2, step, width, dtype=torch.float64, device=device)
    for at in range(0, count, step):
        rows = min(step, count - at)
        cells = products[:rows]
        cells.copy_(torch.index_select(vectors, 0, row[at : at + rows], out=room[:rows]))
        cells.mul_(torch.index_select(exact, 0, query[at : at + rows], out=factors[:rows]))
        left = width
        while left > 1:
            half = left // 2
            cells[:, :half] += cells[:, left - half : left]
            left -= half
        scores[at : at + rows] = cells[:, 0]
    return scores
