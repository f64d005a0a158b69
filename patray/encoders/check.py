"""Vectors that are not usable stop the step and name the patent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.errors import EmbeddingError


def checked_unit_vectors(vectors: np.ndarray, ids: Sequence[str], dimension: int, model: str) -> np.ndarray:
    """L2-normalised float32 copy of `vectors` (n, dimension); EmbeddingError on wrong width, NaN, infinity or zero."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise EmbeddingError(
            f"model {model}: vectors have shape {vectors.shape}, its record says width {dimension}. A dropped Dense "
            "head or a wrong record is the usual cause: run `patray models verify NAME --path PATH`."
        )
    unit = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(unit.astype(np.float64), axis=1)
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0.0))
    if len(bad):
        what = "zero" if norms[bad[0]] == 0.0 else "NaN or infinite"
        raise EmbeddingError(
            f"model {model}: {len(bad)} of {len(norms)} vectors are {what}, the first for patent {ids[bad[0]]}. "
            "Half precision overflows in some models: set `dtype: bfloat16` or `dtype: float32` for it in the suite. "
            "An empty text gives such a vector where a tokenizer adds no token of its own: leave that view out."
        )
    return (unit / norms[:, None]).astype(np.float32)
