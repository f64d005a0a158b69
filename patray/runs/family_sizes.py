"""How many comparisons each declared family of a suite makes, before anything is computed, and whether its flips can
find anything among so many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from patray.errors import InputError
from patray.landscapes.labels import label_set_names
from patray.landscapes.records import Metadata, Truth
from patray.runs.suite import Comparison, Suite
from patray.runs.tuned_systems import controls, made_systems
from patray.statistics.corrections import procedure
from patray.statistics.reach import fewest_together, flips_that_carry, smallest_adjusted, smallest_p
from patray.tasks.comparisons import ComparisonFamily, check_family, contests_of
from patray.tasks.populations import Placed, Population
from patray.tasks.resampled import metrics_of
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where
from patray.tasks.verdicts import cells_of

NONE = np.zeros(0, object)
NOWHERE = Population("", np.zeros(0, np.int64), None, ("", b""))  # type: ignore[arg-type]


def tasks_on(suite: Suite, metadata: Metadata, truth: Truth | None) -> list[str]:
    """The tasks that a suite can run on a landscape: `retrieval`, `classification:area`, `clustering:area`, ..."""
    found = ["retrieval"] if suite.tasks.retrieval is not None and truth is not None else []
    available = label_set_names(metadata)
    for kind, task in (("classification", suite.tasks.classification), ("clustering", suite.tasks.clustering)):
        asked = [
            name
            for label in (task.labels if task is not None else ())
            for name in (sorted(metadata.labels) if label == "files" else [label])
        ]
        found += [f"{kind}:{name}" for name in dict.fromkeys(asked) if name in available]
    return found


def family_sizes(suite: Suite, tasks: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Comparisons of each family of a resolved suite, by name; tasks: of each landscape, see `tasks_on`.

    A family between `bases` counts the rows of its larger table: tuned systems in comparisons.parquet, seed means in
    verdicts.parquet. At most so many are made: a task may turn out impossible. InputError for a metric that the task
    of a family does not have, before anything is embedded.
    """
    made = made_systems(suite)
    bases = {name: of.base for name, of in made.items()}
    sizes = {}
    for declared in suite.statistics.comparisons or ():
        family = ComparisonFamily(**declared.model_dump())
        placed = [Placed(score, NOWHERE, NONE) for score in _scores(suite, tasks, declared)]
        check_family(family, [(member.score.where, metrics_of(member)) for member in placed])
        if family.between == "recipes":
            kept = [
                [key for key in cell.tuned if key[2] == cell.landscape and key[1] not in controls(suite)]
                for cell in cells_of(family, placed, made)
            ]
            count = sum((a[0], a[2]) == (b[0], b[2]) for keys in kept for a, b in combinations(keys, 2))
        else:
            count = sum(1 for _ in contests_of(family, placed, bases))
            if family.between == "bases":
                count = max(count, sum(len(cell.tuned) for cell in cells_of(family, placed, made)))
        sizes[declared.name] = count
    return sizes


def _scores(suite: Suite, tasks: Mapping[str, Sequence[str]], family: Comparison) -> Iterator[Score]:
    """Scores without items, one wherever the run will have one in the family's slice."""
    views = [view if isinstance(view, str) else view.name for view in suite.views]
    for landscape, names in tasks.items():
        for view in views:
            for task in names:
                for system in suite.systems or ():
                    if task != "retrieval" and system.vectors is None:
                        continue
                    where = Where(task, landscape, view, str(system.name), family.slice)
                    yield from _of(where, suite)


def _of(where: Where, suite: Suite) -> Iterator[Score]:
    nothing = np.zeros((0, 0))
    if where.task == "retrieval" and suite.tasks.retrieval is not None:
        for metric in suite.tasks.retrieval.measures:
            yield MeanScore(where, metric, NONE, np.zeros(0))
    elif where.task.startswith("classification") and suite.tasks.classification is not None:
        for probe in suite.tasks.classification.probes:
            yield LabelScore(where, probe, NONE, NONE, nothing, nothing)
    else:
        yield ClusterScore(where, NONE, NONE, np.zeros(0), nothing)


def uncarried(suite: Suite, tasks: Mapping[str, Sequence[str]]) -> list[str]:
    """A note for each declared family of which too few flips were asked to find anything."""
    options = suite.statistics
    of_task = {family.name: family.task for family in options.comparisons or ()}
    notes = [
        uncarried_note(name, of_task[name], size, options.correction, options.flips, options.resamples)
        for name, size in family_sizes(suite, tasks).items()
    ]
    return [note for note in notes if note]


def refuse_hopeless(suite: Suite, tasks: Mapping[str, Sequence[str]]) -> None:
    """InputError for a declared family in which no difference could be significant, however large."""
    options = suite.statistics
    of_task = {family.name: family.task for family in options.comparisons or ()}
    for name, size in family_sizes(suite, tasks).items():
        draws = options.resamples if of_task[name].startswith("clustering") else options.flips
        if size and fewest_together(options.correction, size, smallest_p(draws)) is None:
            raise InputError(
                uncarried_note(name, of_task[name], size, options.correction, options.flips, options.resamples)
            )


def uncarried_note(name: str, task: str, size: int, correction: str, flips: int, resamples: int) -> str:
    """What is wrong with a family of so many comparisons, and the flips that would carry it; empty where nothing is.

    Clusterings are tested by resamples, everything else by flips.
    """
    what, draws = ("resamples", resamples) if task.startswith("clustering") else ("flips", flips)
    smallest = smallest_p(draws)
    needed = fewest_together(correction, size, smallest)
    if size == 0 or needed == 1:
        return ""
    named = {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}.get(procedure(correction, size), correction)
    lone = smallest_adjusted(correction, size, smallest)
    if needed is None:
        found = f"no difference can be significant, however large: the smallest adjusted p is {lone:.2g}"
    else:
        found = f"a difference can be significant only where at least {needed} of them reach the smallest p together"
    return (
        f"comparisons {name}: {size:,} comparisons on {draws:,} {what}, corrected by {named}: {found}. Set "
        f"statistics.{what} to {flips_that_carry(size):,} or more, or statistics.correction to max-t"
    )
