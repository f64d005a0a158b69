"""TREC runs and qrels, which trec_eval and every other evaluation tool read.

trec_eval reads a score into a C float and orders equal ones by document id, descending, as patray does. patray's scores
are float32 values, written here with all their digits, so every reader sees the same order, ties included.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.landscapes.records import Slice, Truth
from patray.search.ranking import Ranking

QUERIES = 4096
"""Queries whose lines are made at once."""


def run_lines(ranking: Ranking, truth: Truth, queries: np.ndarray, system: str) -> Iterator[str]:
    """Lines `query Q0 patent rank score system` for the queries (Q,) bool, by query and rank from 1.

    In parts, so that a run of any size is written with little memory. Scores that are not float32 values are lowered to
    the next that keeps the order. Blanks in the system's name become underscores. Raises InputError for an id that is
    empty or has white space, which the format cannot hold.
    """
    for start in range(0, len(queries), QUERIES):
        chosen = np.zeros(len(queries), dtype=bool)
        chosen[start : start + QUERIES] = queries[start : start + QUERIES]
        part = slice(start, start + QUERIES)
        yield _run_lines(Ranking(ranking.patents[part], ranking.scores[part]), truth, chosen, start, system)


def _run_lines(ranking: Ranking, truth: Truth, queries: np.ndarray, start: int, system: str) -> str:
    """Lines of the queries of a ranking that begins at query `start`."""
    filled = (ranking.patents >= 0) & queries[start : start + len(ranking.patents), None]
    query, place = np.nonzero(filled)
    return _lines(
        _ids(truth.query_ids, query + start),
        "Q0",
        _ids(truth.patent_ids, ranking.patents[filled]),
        pa.array(place + 1),
        pa.array(_ordered(ranking)[filled]),
        "_".join(system.split()),
    )


def qrels_text(truth: Truth, part: Slice) -> str:
    """Lines `query 0 patent relevance` of the slice's pairs for the slice's queries. InputError as `run_lines`."""
    kept = part.pairs & part.queries[truth.query]
    return _lines(
        _ids(truth.query_ids, truth.query[kept]),
        "0",
        _ids(truth.patent_ids, truth.patent[kept]),
        pa.array(truth.relevance[kept]),
    )


def _ordered(ranking: Ranking) -> np.ndarray:
    """(Q, K) float64: scores as float32 values that put the patents in the ranking's order under trec_eval's rule."""
    scores = ranking.scores.astype(np.float32)
    for place in range(1, scores.shape[1]):
        before = scores[:, place - 1]
        # An equal score is in order when the patent is smaller.
        falls = ranking.patents[:, place] < ranking.patents[:, place - 1]
        highest = np.where(falls, before, np.nextafter(before, np.float32(-np.inf)))
        scores[:, place] = np.minimum(scores[:, place], highest)
    return scores.astype(np.float64)


def _ids(ids: np.ndarray, chosen: np.ndarray) -> pa.Array:
    names = pa.array(ids, pa.large_string())
    bad = pc.match_substring_regex(names, r"^$|[\s\pZ\p{Cc}]")
    if len(chosen) and pc.any(bad).as_py():
        raise InputError(f"TREC files: the id {names.filter(bad)[0].as_py()!r} is empty or has white space")
    return names.take(pa.array(chosen))


def _lines(*columns: pa.Array | str) -> str:
    """Columns joined by a blank, each row ended by a line feed."""
    size = len(next(column for column in columns if isinstance(column, pa.Array)))
    if not size:
        return ""
    text = [
        pa.scalar(column, pa.large_string()) if isinstance(column, str) else column.cast(pa.large_string())
        for column in columns
    ]
    rows = pc.binary_join_element_wise(*text, pa.scalar(" ", pa.large_string()))
    rows = pc.binary_join_element_wise(rows, pa.scalar("\n", pa.large_string()), pa.scalar("", pa.large_string()))
    # An Arrow string array lies in memory as its strings, end to end.
    return str(rows.buffers()[2].slice(0, pc.sum(pc.binary_length(rows)).as_py()).to_pybytes(), "utf-8")
