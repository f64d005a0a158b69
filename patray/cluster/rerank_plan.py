"""Which pairs a reranker scores, and in which windows: decided from the ranking and the texts alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from patray.cluster.models import Model
from patray.encoders.windows import ViewIndex
from patray.errors import InputError
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.models.identity import vector_facts

WINDOW_PAIRS = 512
"""Pairs of one window, where a query has not more by itself."""


@dataclass(frozen=True)
class RerankWindow:
    """name: of the file of scores. query, patent (n,): the window's pairs, as
    positions in the truth. left, right (n,): rows of their texts in the view's index."""

    name: str
    query: np.ndarray
    patent: np.ndarray
    left: np.ndarray
    right: np.ndarray


def check_depth(system: str, base: str, depth: int, longest: int) -> None:
    """InputError when a reranker is to go deeper than the ranking that it stands on."""
    if not 1 <= depth <= longest:
        raise InputError(
            f"{system}: depth {depth} is beyond the ranking of {base}, which holds the best {longest} of each query "
            "(search.depth); give a smaller `depth` or a larger `search.depth`"
        )


def plan_pairs(top: np.ndarray, truth: Truth, index: ViewIndex) -> list[RerankWindow]:
    """Windows of whole queries, in the order of the truth."""
    inside, outside = (np.flatnonzero(index.external == side) for side in (False, True))
    documents = inside[_found(truth.patent_ids, index.ids[inside], "patents")]
    places = positions(truth.query_ids, index.ids[outside])  # a query document outside wins over a patent of its id
    asked = np.where(places >= 0, outside[places] if len(outside) else -1, -1)
    missing = np.flatnonzero(asked < 0)
    asked[missing] = inside[_found(truth.query_ids[missing], index.ids[inside], "queries")]
    step = max(1, WINDOW_PAIRS // top.shape[1])
    windows = []
    for at in range(0, len(top), step):
        query, place = np.nonzero(top[at : at + step] >= 0)
        patent = top[at + query, place]
        if len(query):
            name = f"part-{at // step:05}.parquet"
            windows.append(RerankWindow(name, query + at, patent, asked[query + at], documents[patent]))
    return windows


def _found(ids: np.ndarray, known: np.ndarray, what: str) -> np.ndarray:
    found = positions(ids, known)
    if (found < 0).any():
        raise AssertionError(f"{(found < 0).sum()} {what} are not in the view's index")
    return found


def rerank_identity(
    model: Model, windows: list[RerankWindow], index: ViewIndex, ranked: str, depth: int
) -> dict[str, object]:
    """Everything that decides the scores. Batch size, GPU and worker count are not in it."""
    used = np.zeros(len(index.ids), dtype=bool)
    for window in windows:
        used[window.left] = used[window.right] = True
    return {
        **vector_facts(model.record, ("query", "document")),
        "ranking": ranked,
        "texts": index.inputs_hash(used),
        "depth": depth,
        "window": WINDOW_PAIRS,
        "content": model.content,
        "engine": model.engine,
        "format": 2,
    }


def window_row(window: RerankWindow, index: ViewIndex, truth: Truth, place: np.ndarray) -> dict[str, Any]:
    """A window as Ray Data carries it: its texts once, its pairs by their numbers."""
    used, inverse = np.unique(np.concatenate([window.left, window.right]), return_inverse=True)
    return {
        "name": window.name,
        "query_id": truth.query_ids[window.query].tolist(),
        "patent_id": truth.patent_ids[window.patent].tolist(),
        "text_part": index.part[used].tolist(),
        "text_row": place[used].tolist(),
        "left": inverse[: len(window.left)].tolist(),
        "right": inverse[len(window.left) :].tolist(),
    }
