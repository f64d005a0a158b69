"""Where ids stand among others."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ids: TypeAlias = np.ndarray | pa.Array | pa.ChunkedArray


def positions(ids: Ids, known: Ids) -> np.ndarray:
    """(n,) int64: the first position in `known` (m,) of each of `ids` (n,), -1 where it is not there or null."""
    if len(ids) == 0:  # arrow would hash all that is known first
        return np.zeros(0, np.int64)
    values = known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known
    place = pc.index_in(_arrow(ids), value_set=_arrow(values), skip_nulls=True)
    return pc.fill_null(place, -1).to_numpy().astype(np.int64)


def _arrow(ids: Ids) -> pa.Array | pa.ChunkedArray:
    return pa.array(ids, pa.string()) if isinstance(ids, np.ndarray) else ids
