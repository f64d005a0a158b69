"""Rankings of shards come in; the ranking of the whole corpus goes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.errors import InputError
from patray.search.order import order_rows
from patray.search.ranking import Ranking


def merge(rankings: Sequence[Ranking], k: int) -> Ranking:
    """The k best of each query over all shards.

    rankings: one per shard, rows are the same queries; a patent is in one shard only. Each must hold its shard's k
    best. Scores are compared as float32, which they are when patray.search made them, so any number of shards gives
    the same bits. Returns Ranking of shape (Q, k), padded with -1 and -inf. Raises InputError when there is no
    ranking or their numbers of queries differ.
    """
    rows = sorted({len(ranking.patents) for ranking in rankings})
    if len(rows) != 1:
        raise InputError(f"cannot merge {len(rankings)} rankings with numbers of queries {rows}: expected one number")
    merged = order_rows(
        np.concatenate([ranking.patents for ranking in rankings], axis=1),
        np.concatenate([ranking.scores for ranking in rankings], axis=1),
        k,
    )
    missing = k - merged.patents.shape[1]
    if missing == 0:
        return merged
    pad = ((0, 0), (0, missing))
    return Ranking(np.pad(merged.patents, pad, constant_values=-1), np.pad(merged.scores, pad, constant_values=-np.inf))
