"""Prior-art retrieval: a system's ranking and the truth in, one value per query, slice and measure out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from patray.errors import InputError, UnplacedError
from patray.landscapes.records import Slice, Truth
from patray.measures.definitions import RETRIEVAL, Measure
from patray.measures.ranking import find_hits, measure_hits
from patray.search.ranking import Ranking
from patray.tasks.scores import MeanScore, Where

TASK = "retrieval"
FOUND_NOTHING = re.compile(r"([\d,]+) of ([\d,]+) queries found nothing")
"""How the note of a system with empty result lists reads."""


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
    judged = any(measure.judged for measure in measures) and len(truth.denied_query) > 0
    pairs, place = _with_denied(truth) if judged else ((truth.query, truth.patent, truth.relevance), None)
    hits = find_hits(ranking.patents, *pairs)
    scores = []
    for part in slices:
        if not part.queries.any():
            continue
        items = truth.query_ids[part.queries]
        where = Where(TASK, landscape, view, system, part.name)
        chosen = part.pairs if place is None else np.append(part.pairs, np.zeros(len(truth.denied_query), bool))[place]
        try:
            values = measure_hits(hits, measures, chosen, truth.relevant_from)
        except UnplacedError as error:
            query = f", query {truth.query_ids[error.row]}" if error.row >= 0 else ""
            raise InputError(f"{error} ({landscape}, {view}, {system}, slice {part.name}{query})") from error
        scores += [MeanScore(where, str(measure), items, values[measure][part.queries]) for measure in measures]
    return scores


def _with_denied(truth: Truth) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """The truth's pairs and those judged not relevant, of grade 0, in order; and where each of the joined came from."""
    query = np.append(truth.query, truth.denied_query)
    patent = np.append(truth.patent, truth.denied_patent)
    relevance = np.append(truth.relevance, np.zeros(len(truth.denied_query), truth.relevance.dtype))
    place = np.lexsort((patent, query))
    return (query[place], patent[place], relevance[place]), place


def found_nothing(ranking: Ranking, slices: Sequence[Slice]) -> str:
    """`40 of 40 queries found nothing; they count with 0` of the reported queries; "" where each found something."""
    reported = np.zeros(len(ranking.patents), bool)
    for part in slices:
        reported |= part.queries
    empty = int((reported & (ranking.patents < 0).all(axis=1)).sum())
    return f"{empty:,} of {int(reported.sum()):,} queries found nothing; they count with 0" if empty else ""


def is_warning(note: str) -> bool:
    """Whether a note says of a system that a tenth of the queries or more found nothing: its means say little."""
    said = FOUND_NOTHING.search(note)
    return said is not None and 10 * int(said[1].replace(",", "")) >= int(said[2].replace(",", ""))


def _require_depth(truth: Truth, ranking: Ranking, measures: Sequence[Measure], system: str) -> None:
    """A list that ends because its depth was reached, with patents left to rank, would lower Recall@100 unseen."""
    depth = ranking.patents.shape[1]
    needed = max((measure.cutoff for measure in measures), default=0)
    rankable = len(truth.patent_ids) - np.diff(truth.excluded_start)
    full = (ranking.patents >= 0).sum(axis=1) == depth
    if depth < needed and (full & (rankable > depth)).any():
        raise InputError(f"ranking of {system}: holds the first {depth} patents; the measures need {needed}")
