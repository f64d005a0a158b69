"""Prior-art retrieval: a system's ranking and the truth in, one value per query, slice and measure out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from patray.errors import InputError
from patray.landscapes.records import Slice, Truth
from patray.metrics.measures import RETRIEVAL, Measure
from patray.metrics.ranking import find_hits, measure_hits
from patray.search.ranking import Ranking
from patray.tasks.scores import MeanScore, Where

TASK = "retrieval"


def evaluate(
    truth: Truth,
    ranking: Ranking,
    slices: Sequence[Slice],
    measures: Sequence[Measure] = RETRIEVAL,
    *,
    landscape: str,
    view: str,
    system: str,
) -> list[MeanScore]:
    """One MeanScore per slice and measure, in that order; its items are the ids of the slice's queries.

    All slices are measured on the same ranking of the full corpus; a slice only decides which pairs count as relevant
    and which queries are averaged. A slice without queries has nothing to average and gives no score. Raises
    InputError when the ranking has not one row per query, or was cut off above a measure's cutoff.
    """
    if len(ranking.patents) != len(truth.query_ids):
        raise InputError(f"ranking of {system}: {len(ranking.patents)} rows for {len(truth.query_ids)} queries")
    _require_depth(truth, ranking, measures, system)
    hits = find_hits(ranking.patents, truth.query, truth.patent, truth.relevance)
    scores = []
    for part in slices:
        if not part.queries.any():
            continue
        items = truth.query_ids[part.queries]
        where = Where(TASK, landscape, view, system, part.name)
        values = measure_hits(hits, measures, part.pairs)
        scores += [MeanScore(where, str(measure), items, values[measure][part.queries]) for measure in measures]
    return scores


def domain_pairs(scores: Iterable[MeanScore]) -> list[tuple[MeanScore, MeanScore]]:
    """The (in, out) scores of each landscape, view, system and measure that has both: what `drop` compares.

    The two are means over different sets of queries, so a bootstrap resamples each side (or the families of both).
    """
    sides: dict[tuple[str, ...], dict[str, MeanScore]] = {}
    for score in scores:
        where = score.where
        if where.task == TASK and where.slice in ("in", "out"):
            key = (where.landscape, where.view, where.system, score.metric)
            sides.setdefault(key, {})[where.slice] = score
    return [(found["in"], found["out"]) for found in sides.values() if len(found) == 2]


def drop(mean_in: np.ndarray | float, mean_out: np.ndarray | float) -> np.ndarray:
    """Share of its in-domain value that a system loses out of domain, 1 - out / in, elementwise; nan where in is 0."""
    inside, outside = np.broadcast_arrays(np.asarray(mean_in, np.float64), np.asarray(mean_out, np.float64))
    return 1.0 - np.divide(outside, inside, out=np.full(inside.shape, np.nan), where=inside != 0)


def _require_depth(truth: Truth, ranking: Ranking, measures: Sequence[Measure], system: str) -> None:
    """A list that ends because its depth was reached, with patents left to rank, would lower Recall@100 unseen."""
    depth = ranking.patents.shape[1]
    needed = max((measure.cutoff for measure in measures), default=0)
    rankable = len(truth.patent_ids) - np.diff(truth.excluded_start)
    full = (ranking.patents >= 0).sum(axis=1) == depth
    if depth < needed and (full & (rankable > depth)).any():
        raise InputError(f"ranking of {system}: holds the first {depth} patents; the measures need {needed}")
