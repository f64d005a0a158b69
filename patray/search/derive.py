"""The vectors of a truncated or quantised system, from the one set of full vectors that is stored."""

from __future__ import annotations

import numpy as np

from patray.search.quantise import Precision, decoded
from patray.search.truncate import truncate


def derived(
    vectors: np.ndarray,
    dimensions: int | None = None,
    precision: Precision = "float32",
    ranges: np.ndarray | None = None,
) -> np.ndarray:
    """Vectors (n, d) float32 cut to `dimensions` (None: all of them, as they are), then stored as `precision`.

    What comes back is float32, for int8 and binary what their codes stand for; so classification and clustering see
    exactly what a user of the smaller vectors has. ranges: for int8 alone, `quantise.value_ranges` of the corpus *cut
    to the same dimensions*. Raises InputError and EmbeddingError as `truncate` and `decoded` do.
    """
    cut = vectors if dimensions is None or dimensions == vectors.shape[1] else truncate(vectors, dimensions)
    return decoded(cut, precision, ranges)
