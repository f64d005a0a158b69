"""Shorter vectors from long ones: a truncated model is a system like any other."""

from __future__ import annotations

import numpy as np

from patray.errors import UnplacedError
from patray.search.vectors import squared_norms


def truncate(vectors: np.ndarray, dims: int) -> np.ndarray:
    """The first `dims` dimensions, each vector scaled to length 1 again: (n, dims) float32 from (n, d) float32.

    Matryoshka models are trained for this; others lose more. Raises UnplacedError when dims is not in 1..d,
    and when nothing of a vector is left, with its row; EmbeddingError when it is not finite.
    """
    if not 1 <= dims <= vectors.shape[1]:
        raise UnplacedError(f"cannot cut vectors of {vectors.shape[1]} dimensions to {dims}")
    cut = np.ascontiguousarray(vectors[:, :dims])
    norms = np.sqrt(squared_norms(cut, "truncated vectors"))
    zero = np.flatnonzero(norms == 0)
    if len(zero):
        first = int(zero[0])
        raise UnplacedError(
            f"{len(zero)} vectors are zero in their first {dims} dimensions, the first is row {first}", first
        )
    return (cut / norms[:, None]).astype(np.float32)
