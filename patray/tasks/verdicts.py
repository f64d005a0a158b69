"""What fine-tuning did: for every base, recipe and home, on every landscape and task, improved, degraded or neither.

The difference is that of the mean over seeds to the base, paired on the items that all have and resampled by family.
What seeds do is given beside it and never mixed in: an interval says how far other queries could move the difference of
these trainings, `seed_sd` how far another seed could.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.tables import VERDICTS
from patray.tasks.adjusting import ALPHA, adjust_family
from patray.tasks.comparisons import POOLED, ComparisonFamily, compare_contests, gather, same_tasks
from patray.tasks.contests import Contest, decide
from patray.tasks.joint import Side
from patray.tasks.populations import Catalogue, Placed
from patray.tasks.scores import LabelScore, Score
from patray.tasks.seed_means import SeedMeans, Spread, spread

IMPROVED, NEITHER, DEGRADED = "improved", "no difference seen", "degraded"
HOME, FOREIGN = "home", "foreign"


@dataclass(frozen=True)
class Made:
    """What a tuned system was made of. base: the system that it is compared with."""

    base: str
    recipe: str
    home: str
    seed: int


Seeds = tuple[tuple[Placed, ...], ...]
"""A side for each seed of one recipe."""


@dataclass(frozen=True)
class Cell:
    """One task, landscape and view. bases: base's side by its name; tuned: the seeds by (base, recipe, home)."""

    task: str
    landscape: str
    view: str
    bases: dict[str, tuple[Placed, ...]]
    tuned: dict[tuple[str, str, str], Seeds]


def cells_of(family: ComparisonFamily, placed: Sequence[Placed], made: Mapping[str, Made]) -> list[Cell]:
    """The cells of a family in which a tuned system meets its base.

    Of classification one a landscape and view: the mean over label sets where systems have several.
    """
    found = []
    gathered = gather(family, placed)
    for (task, landscape, view), sides in gathered.items():
        if _is_labels(sides) and task != POOLED and (POOLED, landscape, view) in gathered:
            continue
        tuned: dict[tuple[str, str, str], list[tuple[int, tuple[Placed, ...]]]] = {}
        bases = {}
        for name, side in sides.items():
            of = made.get(name)
            if of is None or of.base not in sides or not same_tasks(side, sides[of.base]):
                continue
            tuned.setdefault((of.base, of.recipe, of.home), []).append((of.seed, side))
            bases[of.base] = sides[of.base]
        if tuned:
            seeds = {key: tuple(side for _, side in sorted(listed, key=_seed)) for key, listed in tuned.items()}
            found.append(Cell(task, landscape, view, bases, seeds))
    return found


def _is_labels(sides: Mapping[str, tuple[Placed, ...]]) -> bool:
    return isinstance(next(iter(sides.values()))[0].score, LabelScore)


def _seed(entry: tuple[int, tuple[Placed, ...]]) -> int:
    return entry[0]


def verdicts(
    scores: Sequence[Score],
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    made: Mapping[str, Made],
    draws: Draws = DEFAULT_DRAWS,
) -> pa.Table:
    """The table `tables.VERDICTS`: a row for each base, recipe and home in every cell of families between `bases`.

    made: of every tuned system by its name. p is that of `compare`, corrected over all rows of the family.
    """
    catalogue = Catalogue.of(items)
    placed = [catalogue.place(score) for score in scores]
    means = SeedMeans(catalogue)
    asked = [
        (number, cell, key)
        for number, family in enumerate(families)
        if family.between == "bases"
        for cell in cells_of(family, placed, made)
        for key in cell.tuned
    ]
    contests = []
    for number, cell, key in asked:
        sides = means.facing(cell.tuned[key], [cell.bases[key[0]]])
        names = seed_mean_name(*key), key[0]
        contests.append(Contest(cell.task, cell.landscape, cell.view, families[number].metric, *names, *sides))
    decided = decide(contests, catalogue, draws)
    of_family = np.array([number for number, _, _ in asked], dtype=np.int64)
    adjusted, smallest = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    for number in np.unique(of_family):
        rows = np.flatnonzero(of_family == number)
        found = adjust_family(decided, rows.tolist(), draws)
        adjusted[rows], smallest[rows] = found.p, found.min_detectable
    rows_out = []
    for (number, cell, key), outcome, corrected, least in zip(asked, decided.outcomes, adjusted, smallest, strict=True):
        family, (base, recipe, home) = families[number], key
        seeds = cell.tuned[key]
        moved = _spread(seeds, cell.bases[base], family.metric, catalogue, draws)
        apart, split = moved.values, moved.components
        rows_out.append(
            {
                "family": family.name,
                "task": cell.task,
                "landscape": cell.landscape,
                "view": cell.view,
                "slice": family.slice,
                "metric": family.metric,
                "base": base,
                "recipe": recipe,
                "home": home,
                "place": HOME if cell.landscape == home else FOREIGN,
                "mean_base": outcome.mean_b,
                "mean_tuned": outcome.mean_a,
                "diff": outcome.diff,
                "ci_low": outcome.ci_low,
                "ci_high": outcome.ci_high,
                "p_permutation": outcome.p_permutation,
                "p_adjusted": float(corrected),
                "standard_error": outcome.standard_error,
                "n": outcome.n,
                "seeds": len(seeds),
                "seed_sd": float(np.std(apart, ddof=1)) if len(apart) > 1 else np.nan,
                "seed_component": np.nan if split is None else float(np.sqrt(split.draws)),
                "ci_low_seeds": np.nan if split is None else split.low,
                "ci_high_seeds": np.nan if split is None else split.high,
                "min_detectable": float(least),
                "verdict": verdict_of(outcome.diff, float(corrected)),
            }
        )
    columns = {name: [row[name] for row in rows_out] for name in VERDICTS.names}
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in VERDICTS]
    return pa.Table.from_arrays(arrays, schema=VERDICTS)


def _spread(seeds: Seeds, base: Side, metric: str, catalogue: Catalogue, draws: Draws) -> Spread:
    """Of one seed nothing is computed: it has no spread."""
    if len(seeds) < 2:
        return Spread(np.zeros(0), None)
    return spread(seeds, metric, catalogue, draws.level, base)


def verdict_of(diff: float, p_adjusted: float) -> str:
    """The label of a difference to the base; without a p nothing is seen."""
    if not p_adjusted < ALPHA or diff == 0:
        return NEITHER
    return IMPROVED if diff > 0 else DEGRADED


def seed_mean_name(base: str, recipe: str, home: str) -> str:
    """What the mean over seeds is called where systems are named."""
    return f"{base}--{recipe}--{home}"


def recipe_pairs(
    scores: Sequence[Score],
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    made: Mapping[str, Made],
    controls: Collection[str] = (),
    draws: Draws = DEFAULT_DRAWS,
) -> list[dict[str, object]]:
    """Rows of the schema `tables.COMPARISONS` of families between `recipes`: every two recipes of one base and
    home, seed mean against seed mean, at that home. controls: recipes that are no contenders."""
    catalogue = Catalogue.of(items)
    placed = [catalogue.place(score) for score in scores]
    means = SeedMeans(catalogue)
    rows: list[dict[str, object]] = []
    for family in families:
        if family.between != "recipes":
            continue
        contests = []
        for cell in cells_of(family, placed, made):
            contenders = [key for key in cell.tuned if key[2] == cell.landscape and key[1] not in controls]
            for a, b in _pairs(contenders):
                sides = means.facing(cell.tuned[a], cell.tuned[b])
                names = seed_mean_name(*a), seed_mean_name(*b)
                contests.append(Contest(cell.task, cell.landscape, cell.view, family.metric, *names, *sides))
        rows += compare_contests(family, contests, catalogue, draws)
    return rows


def _pairs(keys: Sequence[tuple[str, str, str]]) -> Iterable[tuple[tuple[str, str, str], tuple[str, str, str]]]:
    """Every two of one base and home."""
    return ((a, b) for a, b in combinations(keys, 2) if (a[0], a[2]) == (b[0], b[2]))
