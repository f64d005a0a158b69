"""Choose what people judge: the first results of every system that nobody has judged, blind and in random order.

The queries stand in random order, so those that are judged first are a random sample of all, however many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.statistics.resample import stream

PURPOSE = 7
"""Draws that no resample and no flip shares."""


@dataclass(frozen=True)
class Pool:
    """What a judging sheet asks for.

    run, landscape, view, systems, depth: the first `depth` results of these systems. highest: grades are 0 to this.
    queries: ids in the sheet's order, those without a pair to judge too; pairs: (query, patent) ids in that order.
    """

    run: str
    landscape: str
    view: str
    systems: tuple[str, ...]
    depth: int
    highest: int
    seed: int
    reported: int
    queries: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of_json(value: Any, label: str) -> Pool:
        """Raises InputError where `value` is not what `as_json` gave."""
        fields = Pool.__dataclass_fields__
        if not isinstance(value, dict) or set(value) != set(fields):
            raise InputError(f"{label}: not a pool that `patray pool` wrote; expected the keys {', '.join(fields)}")
        pairs = tuple((str(query), str(patent)) for query, patent in value["pairs"])
        texts = {name: tuple(map(str, value[name])) for name in ("systems", "queries")}
        return Pool(**{**value, **texts, "pairs": pairs})


def choose_pairs(
    rankings: Sequence[np.ndarray],
    judged: tuple[np.ndarray, np.ndarray],
    reported: np.ndarray,
    depth: int,
    queries: int | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Queries (A,) int64 in random order, and the pairs (N,) query, (N,) patent int64 to judge, in that order.

    rankings: of each system, (Q, K) patent codes, best first, -1 after the last. judged: query (P,) and patent (P,) of
    the pairs that have a judgement already. reported (Q,) bool: the queries to choose from. queries: how many; all when
    None. Within a query the patents of all systems are mixed.
    """
    if depth < 1 or (queries is not None and queries < 1):
        raise InputError(f"a pool of depth {depth} and {queries} queries: both must be 1 or more")
    random = stream(seed, PURPOSE)
    order = random.permutation(np.flatnonzero(reported))[:queries]
    stride = 1 + max((int(ranking.max(initial=0)) for ranking in rankings), default=0)
    stride = max(stride, 1 + int(judged[1].max(initial=0)))
    known = judged[0].astype(np.int64) * stride + judged[1]
    asked, patents = [], []
    for query in order:
        pooled = np.unique(np.concatenate([ranking[query, :depth] for ranking in rankings])).astype(np.int64)
        pooled = pooled[pooled >= 0]
        new = random.permutation(pooled[~np.isin(query * stride + pooled, known)])
        asked.append(np.full(len(new), query))
        patents.append(new)
    nothing = np.zeros(0, dtype=np.int64)
    return order, np.concatenate([nothing, *asked]), np.concatenate([nothing, *patents])
