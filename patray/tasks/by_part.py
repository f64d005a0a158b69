"""Summary, comparisons and verdicts of an evidence file, computed part by part: what is held is one part's scores.

A part is what has to come together for some rows (both slices of a drop, both sides of a contest), and as many of those
as fit BUDGET, since scores of the same items share what is drawn for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from patray.measures.definitions import AGREEMENT, F1, of_probes
from patray.statistics.draws import Draws
from patray.tables import COMPARISONS, STANDINGS, TRENDS, VERDICTS
from patray.tasks.comparisons import (
    POOLED,
    ComparisonFamily,
    check_family,
    contests_of,
    family_rows,
    in_family,
    table_of,
)
from patray.tasks.contamination import contamination, dates_of
from patray.tasks.contests import Contest, Decided, Decision, Outcome, decide
from patray.tasks.evidence import CLUSTER, ScoreKey
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.inference import summary_rows, summary_table
from patray.tasks.populations import Catalogue
from patray.tasks.scores import MeanScore, Score, Where
from patray.tasks.trends import trends
from patray.tasks.verdicts import Made, recipe_pairs, verdicts

BUDGET = 256 << 20
"""Bytes of the scores of a part, and of what is drawn for them: one that is larger stands alone."""
JOINED = 32 << 20
"""Bytes up to which parts of different measures are joined: what is drawn for their items is the same."""


def summary_of(evidence: EvidenceFile, catalogue: Catalogue, draws: Draws) -> pa.Table:
    """The table `tables.SUMMARY` of all scores of a file, in their order: as `summarise` of them all at once."""
    positions = {key: at for at, key in enumerate(evidence.index)}
    rows = []
    for keys in _join_small(_parts(evidence, evidence.index, _of_summary, draws), evidence, draws):
        scores = evidence.load(keys)
        rows += summary_rows(scores, catalogue, draws, [positions[ScoreKey.of(score)] for score in scores])
    return summary_table(rows)


def comparisons_of(
    evidence: EvidenceFile,
    catalogue: Catalogue,
    families: Sequence[ComparisonFamily],
    draws: Draws,
    bases: Mapping[str, str] | None = None,
    names: Iterable[str] = (),
) -> tuple[pa.Table, pa.Table]:
    """The tables COMPARISONS and STANDINGS of a file's scores: as `judge_families` of them all at once.

    names: systems and views in the order in which they stand in their pairs; those that are not named come after.
    """
    rows: list[dict[str, object]] = []
    stands: list[dict[str, object]] = []
    for family in families:
        check_family(family, _known(evidence))
        contests: list[Contest] = []
        parts: list[Decided] = []
        for keys in _parts(evidence, keys_of(evidence, family), _together(family), draws):
            placed = [catalogue.place(score) for score in evidence.load(keys)]
            asked = list(contests_of(family, placed, bases or {}, names))
            parts.append(decide(asked, catalogue, draws))
            # Scores are not held any longer; what a correction needs of them is in what was decided.
            contests += [replace(contest, side_a=(), side_b=()) for contest in asked]
        decided = joined(parts)
        own = sorted(range(len(contests)), key=lambda at: contests[at].task == POOLED)
        more, standing = family_rows(family, contests, decided, own, draws)
        rows += more
        stands += standing
    return table_of(rows, COMPARISONS), table_of(stands, STANDINGS)


def contamination_of(
    evidence: EvidenceFile,
    catalogue: Catalogue,
    items: pa.Table,
    metric: str,
    released: Mapping[str, str | None],
    reference: str | None,
    draws: Draws,
) -> pa.Table:
    """The table CONTAMINATION of one measure of retrieval in slice `all`: as `contamination` of these scores."""
    wanted = [
        key
        for key in evidence.index
        if (key.where.task, key.where.slice, key.name) == ("retrieval", "all", metric)
        and (key.where.system in released or key.where.system == reference)
    ]
    scores = [score for score in evidence.load(wanted) if isinstance(score, MeanScore)]
    return contamination(scores, catalogue, dates_of(items, catalogue), released, reference, draws)


def joined(parts: Sequence[Decided]) -> Decided:
    """What was decided of contests that follow each other, as if at once."""
    outcomes: list[Outcome] = []
    decisions: list[Decision] = []
    for part in parts:
        decisions += [replace(one, contests=one.contests + len(outcomes)) for one in part.decisions]
        outcomes += part.outcomes
    return Decided(outcomes, decisions)


def verdicts_of(
    evidence: EvidenceFile,
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    made: Mapping[str, Made],
    controls: Collection[str],
    draws: Draws,
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The tables VERDICTS and TRENDS, and the comparisons between recipes: a family of one metric and slice at a time,
    since its trends need all landscapes together."""
    judged, ordered, pairs = [VERDICTS.empty_table()], [TRENDS.empty_table()], []
    for family in families:
        if family.between not in ("bases", "recipes"):
            continue
        check_family(family, _known(evidence))
        scores: list[Score] = evidence.load(keys_of(evidence, family))
        if family.between == "recipes":
            pairs += recipe_pairs(scores, items, [family], made, controls, draws)
        else:
            judged.append(verdicts(scores, items, [family], made, draws))
            ordered.append(trends(scores, items, [family], made, controls, draws))
    return pa.concat_tables(judged), pa.concat_tables(ordered), table_of(pairs, COMPARISONS)


def keys_of(evidence: EvidenceFile, family: ComparisonFamily) -> list[ScoreKey]:
    """The scores that a family is about, in the order of the file."""
    return [
        key for key in evidence.index if in_family(family, key.where) and family.metric in metrics_of_key(evidence, key)
    ]


def _known(evidence: EvidenceFile) -> Iterator[tuple[Where, tuple[str, ...]]]:
    return ((key.where, metrics_of_key(evidence, key)) for key in evidence.index)


def metrics_of_key(evidence: EvidenceFile, key: ScoreKey) -> tuple[str, ...]:
    """The names of the metrics of a score that was not read."""
    if evidence.index[key].mean:
        return (key.name,)
    return AGREEMENT if key.name == CLUSTER else of_probes([key.name], F1)


def _of_summary(key: ScoreKey) -> tuple[Hashable, Hashable]:
    """Parts share landscape and name; slices and label sets of a view and system come together."""
    where = key.where
    kind = where.task.partition(":")[0]
    return (where.landscape, kind, key.name), (where.view, where.system)


def _together(family: ComparisonFamily) -> Callable[[ScoreKey], tuple[Hashable, Hashable]]:
    """What meets: systems of a landscape and view, or views of a landscape and system."""
    of_views = family.between == "views"
    return lambda key: (key.where.landscape, key.where.system if of_views else key.where.view)


def _parts(
    evidence: EvidenceFile,
    keys: Iterable[ScoreKey],
    together: Callable[[ScoreKey], tuple[Hashable, Hashable]],
    draws: Draws,
) -> Iterator[list[ScoreKey]]:
    """Keys in parts: those of an equal pair from `together` in one, those of another first half in others."""
    groups: dict[Hashable, dict[Hashable, list[ScoreKey]]] = {}
    for key in keys:
        first, second = together(key)
        groups.setdefault(first, {}).setdefault(second, []).append(key)
    for group in groups.values():
        part: list[ScoreKey] = []
        size = 0
        for unit in group.values():
            more = _size(evidence, unit, draws)
            if part and size + more > BUDGET:
                yield part
                part, size = [], 0
            part += unit
            size += more
        yield part


def _size(evidence: EvidenceFile, keys: Sequence[ScoreKey], draws: Draws) -> int:
    """Bytes of the scores or of their replicates, whichever are more."""
    return sum(max(evidence.index[key].bytes, 8 * draws.resamples) for key in keys)


def _join_small(parts: Iterable[list[ScoreKey]], evidence: EvidenceFile, draws: Draws) -> Iterator[list[ScoreKey]]:
    """Parts, those that follow each other in one while they fit JOINED."""
    joined: list[ScoreKey] = []
    for part in parts:
        if joined and _size(evidence, joined, draws) + _size(evidence, part, draws) > JOINED:
            yield joined
            joined = []
        joined = joined + part
    if joined:
        yield joined
