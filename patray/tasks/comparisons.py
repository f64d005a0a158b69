"""Declared families of paired comparisons: which systems or views meet, on the items they share, and what is seen.

Every comparison becomes a contest of two sides on one population. Contests of the same items run together, so
resamples and sign flips are drawn once for them; corrections are applied within each declared family at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pyarrow as pa

from patray.errors import InputError
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.max_t import MaxT
from patray.tables import COMPARISONS, STANDINGS
from patray.tasks.adjusting import adjust_family, max_t_together
from patray.tasks.contests import COLUMNS_OF_OUTCOMES, Contest, Decided, decide
from patray.tasks.populations import Catalogue, Placed
from patray.tasks.resampled import metric_names, metrics_of
from patray.tasks.scores import LabelScore, Score, Where
from patray.tasks.standings import cells_of, standings

POOLED = "classification:*"


@dataclass(frozen=True)
class ComparisonFamily:
    """Comparisons that are corrected together.

    task: as in `Where.task`, or a prefix and `*`, such as `classification:*`: every label set, and their mean where all
    systems compared have several. between `systems`: within the same landscape and view; `views`: of the same system
    and landscape; `bases`: each tuned system with the system it was tuned from; `recipes`: seed means of two recipes on
    one base at their home (`tasks/verdicts.py`, not `compare`). against: one system (or view) that all others are
    compared with; without it every pair. landscapes, views, systems: only these; None is all.
    """

    name: str
    task: str
    metric: str
    slice: str = "all"
    between: Literal["systems", "views", "bases", "recipes"] = "systems"
    against: str | None = None
    landscapes: tuple[str, ...] | None = None
    views: tuple[str, ...] | None = None
    systems: tuple[str, ...] | None = None


def compare(
    scores: Sequence[Score],
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    draws: Draws = DEFAULT_DRAWS,
    bases: Mapping[str, str] | None = None,
) -> pa.Table:
    """The table `tables.COMPARISONS`: a row per pair and family, diff = mean_a - mean_b on the items both have.

    system_a comes before system_b in the order in which the scores name them (the suite's); with `against`, system_b is
    that one. bases: tuned system to the one it was tuned from, for families between `bases`. Comparisons between views
    have view `*` and are named `SYSTEM@VIEW`. A family whose task no score has
    yields no rows. What does not exist for a metric is null: p_t and p_wilcoxon of F1 and clustering (no mean over
    items), wins, ties and losses of clustering and of the mean over label sets (no value of an item).

    Raises InputError for a metric that no score of the family's task has, or an `against` that
    none of them names; and as `summarise` does.
    """
    return judge_families(scores, items, families, draws, bases)[0]


def judge_families(
    scores: Sequence[Score],
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    draws: Draws = DEFAULT_DRAWS,
    bases: Mapping[str, str] | None = None,
) -> tuple[pa.Table, pa.Table]:
    """`tables.COMPARISONS`, as `compare`, and `tables.STANDINGS` of the families that compare every pair of systems."""
    catalogue = Catalogue.of(items)
    placed = [catalogue.place(score) for score in scores]
    known = [(score.where, metric_names(score)) for score in scores]
    contests = []
    for family in families:
        check_family(family, known)
        contests.append(list(contests_of(family, placed, bases or {})))
    flat = [contest for group in contests for contest in group]
    decided = decide(flat, catalogue, draws)
    rows: list[dict[str, object]] = []
    stands: list[dict[str, object]] = []
    start = 0
    for family, group in zip(families, contests, strict=True):
        own = range(start, start + len(group))
        more, standing = family_rows(family, flat, decided, own, draws)
        rows += more
        stands += standing
        start += len(group)
    return table_of(rows, COMPARISONS), table_of(stands, STANDINGS)


def family_rows(
    family: ComparisonFamily, contests: Sequence[Contest], decided: Decided, own: Sequence[int], draws: Draws
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows of `tables.COMPARISONS` and of `tables.STANDINGS` of a family's contests, from one pass over the draws; none
    of the latter where it does not compare every pair of systems."""
    every_pair = family.between == "systems" and family.against is None
    cells = cells_of(contests, own) if every_pair else {}
    found, *maxima = max_t_together(decided, [own, *cells.values()], draws)
    about = {"family": family.name, "slice": family.slice}
    rows = list(comparison_rows(family, contests, decided, own, draws, found))
    return rows, [{**about, **row} for row in standings(contests, decided, cells, draws, maxima)]


def table_of(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.Table:
    """A number that does not exist, nan, is null."""
    columns = {name: [row[name] for row in rows] for name in schema.names}
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def compare_pairs(
    family: ComparisonFamily,
    pairs: Sequence[tuple[Sequence[Placed], Sequence[Placed]]],
    catalogue: Catalogue,
    draws: Draws = DEFAULT_DRAWS,
) -> list[dict[str, object]]:
    """Rows of the schema `tables.COMPARISONS` for these pairs of sides of one task, landscape and view alone.

    They are a family of their own, corrected together: for a question that is asked of few pairs, such as what a prompt
    changes, however many others the run compares. A side is one score, or one for each label set. family: its name,
    task, metric and slice.
    """
    contests = []
    for sides in pairs:
        a, b = (tuple(side) for side in sides)
        where, other = a[0].score.where, b[0].score.where
        contests.append(
            Contest(family.task, where.landscape, where.view, family.metric, where.system, other.system, a, b)
        )
    return compare_contests(family, contests, catalogue, draws)


def compare_contests(
    family: ComparisonFamily,
    contests: Sequence[Contest],
    catalogue: Catalogue,
    draws: Draws,
) -> list[dict[str, object]]:
    """Rows of the schema `tables.COMPARISONS` for these contests, corrected together."""
    decided = decide(contests, catalogue, draws)
    return list(comparison_rows(family, contests, decided, range(len(contests)), draws))


def comparison_rows(
    family: ComparisonFamily,
    contests: Sequence[Contest],
    decided: Decided,
    own: Sequence[int],
    draws: Draws,
    found: MaxT | None = None,
) -> Iterable[dict[str, object]]:
    """Rows of the schema `tables.COMPARISONS` of a family's contests, corrected together.

    own: their positions among all that were decided, in the order of the rows. found: their max-T, where it is known.
    """
    adjusted = adjust_family(decided, own, draws, found=found)
    for row, at in enumerate(own):
        contest, outcome = contests[at], decided.outcomes[at]
        yield {
            "family": family.name,
            "task": contest.task,
            "landscape": contest.landscape,
            "view": contest.view,
            "slice": family.slice,
            "metric": family.metric,
            "system_a": contest.name_a,
            "system_b": contest.name_b,
            **{name: getattr(outcome, name) for name in COLUMNS_OF_OUTCOMES},
            "ci_low_all": float(adjusted.low[row]),
            "ci_high_all": float(adjusted.high[row]),
            "p_adjusted": float(adjusted.p[row]),
            "correction": adjusted.correction,
            "p_equivalent": outcome.p_equivalent(draws.margin),
            "min_detectable": float(adjusted.min_detectable[row]),
        }


def _matches(pattern: str, task: str) -> bool:
    return task.startswith(pattern[:-1]) if pattern.endswith("*") else task == pattern


def contests_of(
    family: ComparisonFamily, placed: Sequence[Placed], bases: Mapping[str, str], known: Iterable[str] = ()
) -> Iterable[Contest]:
    """The pairs of a family, in the order of the scores. known: systems, or views, that come first in that order."""
    if family.between not in ("systems", "views", "bases"):
        raise InputError(f"comparisons {family.name!r}: between {family.between!r}; allowed are systems, views, bases")
    of_views = family.between == "views"
    names = dict.fromkeys([*known, *(_name(member.score.where, of_views) for member in placed)])
    against = family.against
    for (task, landscape, third), sides in gather(family, placed).items():
        present = [name for name in names if name in sides]
        if family.between == "bases":
            pairs = [(name, bases[name]) for name in present if bases.get(name) in sides]
        elif against is None:
            pairs = list(combinations(present, 2))
        else:
            pairs = [(name, against) for name in present if name != against and against in sides]
        for a, b in pairs:
            if not same_tasks(sides[a], sides[b]):
                continue
            shown = (f"{third}@{a}", f"{third}@{b}") if of_views else (a, b)
            view = "*" if of_views else third
            yield Contest(task, landscape, view, family.metric, *shown, sides[a], sides[b])


Cells = dict[tuple[str, str, str], dict[str, tuple[Placed, ...]]]
"""(task, landscape, view) to the sides by system; between views (task, landscape, system) to the sides by view."""


def gather(family: ComparisonFamily, placed: Sequence[Placed]) -> Cells:
    """The sides that a family is about, a mean over label sets (`classification:*`) after the sets themselves."""
    of_views = family.between == "views"
    cells: Cells = {}
    for member in placed:
        where = member.score.where
        if not in_family(family, where) or family.metric not in metrics_of(member):
            continue
        cell = (where.task, where.landscape, where.system if of_views else where.view)
        side = cells.setdefault(cell, {})
        if _name(where, of_views) in side:
            raise InputError(f"scores: {family.metric} of {where} is given twice")
        side[_name(where, of_views)] = (member,)
    return cells | (_pool(cells) if family.task.endswith("*") else {})


def check_family(family: ComparisonFamily, known: Iterable[tuple[Where, Sequence[str]]]) -> None:
    """Raise InputError for a metric that no score of the family's task has, or an `against` that none of them names.

    known: of every score of the run, its place and the names of its metrics.
    """
    of_task = [(where, metrics) for where, metrics in known if _matches(family.task, where.task)]
    fitting = [where for where, metrics in of_task if family.metric in metrics]
    if of_task and not fitting:
        there = dict.fromkeys(metric for _, metrics in of_task for metric in metrics)
        raise InputError(
            f"comparisons {family.name!r}: no score of task {family.task!r} has the metric {family.metric!r}; "
            f"there are {', '.join(there)}"
        )
    names = dict.fromkeys(_name(where, family.between == "views") for where in fitting)
    if fitting and family.against is not None and family.against not in names:
        raise InputError(
            f"comparisons {family.name!r}: against {family.against!r}, but no score of the family has it; there are "
            f"{', '.join(names)}"
        )


def _name(where: Where, of_views: bool) -> str:
    return where.view if of_views else where.system


def in_family(family: ComparisonFamily, where: Where) -> bool:
    """Whether a score of this place is one of those that a family is about."""
    if where.slice != family.slice or not _matches(family.task, where.task):
        return False
    chosen = ((family.landscapes, where.landscape), (family.views, where.view), (family.systems, where.system))
    return all(wanted is None or name in wanted for wanted, name in chosen)


def _pool(cells: Cells) -> Cells:
    """Sides whose metric is the mean over the label sets of a system, where it has several."""
    pooled: Cells = {}
    for (_, landscape, third), sides in cells.items():
        for name, members in sides.items():
            if isinstance(members[0].score, LabelScore):
                cell = pooled.setdefault((POOLED, landscape, third), {})
                cell[name] = cell.get(name, ()) + members
    several = {key: {name: side for name, side in cell.items() if len(side) > 1} for key, cell in pooled.items()}
    return {key: cell for key, cell in several.items() if cell}


def same_tasks(a: Sequence[Placed], b: Sequence[Placed]) -> bool:
    """Whether two sides average the same label sets; means over different ones are not comparable."""
    return [member.score.where.task for member in a] == [member.score.where.task for member in b]
