"""A ranking as the Parquet table that other tools read, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from patray.errors import InputError
from patray.landscapes.positions import positions
from patray.search.ranking import Ranking
from patray.tables import RANKING

SPLIT = ("score",)
"""Columns of a ranking that `Folder.write_table` is to split: a score hardly ever comes twice."""


def to_table(ranking: Ranking, query_ids: np.ndarray, patent_ids: np.ndarray) -> pa.Table:
    """Rows query_id, patent_id, rank (from 1), score, by query and rank; padding is left out."""
    filled = ranking.patents >= 0
    query, place = np.nonzero(filled)
    columns = [
        pa.array(query_ids, pa.string()).take(pa.array(query)),
        pa.array(patent_ids, pa.string()).take(pa.array(ranking.patents[filled])),
        pa.array(place + 1, pa.int32()),
        pa.array(ranking.scores[filled], pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=RANKING)


def from_table(table: pa.Table, query_ids: np.ndarray, patent_ids: np.ndarray, depth: int) -> Ranking:
    """The ranking of a table that `to_table` wrote, of shape (len(query_ids), depth).

    Raises InputError for an unknown query or patent and for a rank outside 1..depth.
    """
    query = _positions(table["query_id"], query_ids, "query_id")
    patent = _positions(table["patent_id"], patent_ids, "patent_id")
    place = table["rank"].to_numpy() - 1
    if len(place) and (place.min() < 0 or place.max() >= depth):
        raise InputError(f"ranking: ranks {place.min() + 1} to {place.max() + 1}; expected 1 to {depth}")
    patents = np.full((len(query_ids), depth), -1, np.int32)
    scores = np.full((len(query_ids), depth), -np.inf)
    patents[query, place] = patent
    scores[query, place] = table["score"].to_numpy()
    return Ranking(patents, scores)


def _positions(column: pa.ChunkedArray, known: np.ndarray, name: str) -> np.ndarray:
    found = positions(column, known)
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        at = int(unknown[0])
        raise InputError(f"ranking: {name} {column[at].as_py()!r} in row {at} is not one of this landscape")
    return found
