"""The section on fine-tuning: every base, recipe, home and landscape, task by task; the curves; the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from patray.report.data import KINDS, Results, kind_of
from patray.report.grid import Cell, Column, Grid, amount_cell, count_cell, number_of
from patray.report.page import Panel, Part, Section
from patray.report.recipe_results import Curve, Verdict
from patray.report.sections.recipe_figures import change_rows, training_curves
from patray.report.sections.recipe_words import pair_of, task_words
from patray.report.svg import SERIES, swatch
from patray.report.words import (
    MISSING,
    Name,
    Sentence,
    clean,
    gap_interval,
    p_value,
    score,
    signed,
    size,
    stars,
)
from patray.runs.step_record import StepRecord

TONES = {"improved": "lead", "degraded": "worse", "no difference seen": "level"}
OPEN = 6
"""Panels of a part that are open at first."""


def recipe_section(results: Results) -> Section | None:
    """None for a run without verdicts."""
    rows = results.recipes.verdicts
    if not rows:
        return None
    parts = [part for kind in KINDS if (part := _task_part(results, kind, rows)) is not None]
    parts += [part for part in (_mask_part(results), _curve_part(results), pairs_part(results)) if part is not None]
    return Section("recipes", "Fine-tuning", tuple(parts))


def _task_part(results: Results, kind: str, rows: Sequence[Verdict]) -> Part | None:
    """One panel a measure, base, home and view."""
    panels: list[Any] = []
    of_kind = [row for row in rows if kind_of(row.task) == kind]
    views = {row.view for row in of_kind}
    for metric, base, home, view in dict.fromkeys((row.metric, row.base, row.home, row.view) for row in of_kind):
        listed = [row for row in of_kind if (row.metric, row.base, row.home, row.view) == (metric, base, home, view)]
        for task in dict.fromkeys(row.task for row in listed) if kind == "clustering" else (None,):
            chosen = [row for row in listed if task in (None, row.task)]
            landscapes = home_first(chosen)
            what = "" if task is None or kind_of(task) == task else f", {task_words(task)}"
            reading: Sentence = (", reading ", Name(view)) if len(views) > 1 else ()
            heading: Sentence = (Name(base), " tuned at ", Name(home), f": {metric}{what}", *reading)
            legend = tuple((swatch(at), _placed(name, home)) for at, name in enumerate(landscapes[:SERIES]))
            figure = change_rows(chosen, landscapes, metric)
            panels.append(Panel(heading, (), figure, legend, _grid(chosen, landscapes), folded=len(panels) >= OPEN))
    note: Sentence = (
        "Mean over seeds less the base, paired and resampled by family; a filled mark is a difference after correction "
        "over all of these comparisons. Abroad all reported items count, at home those of test families alone.",
    )
    return Part(f"recipes-{kind}", f"What tuning did to {kind}", tuple(panels), (note,)) if panels else None


def home_first(rows: Sequence[Verdict]) -> list[str]:
    """Landscapes in the run's order, the home before all others."""
    names = list(dict.fromkeys(row.landscape for row in rows))
    return sorted(names, key=lambda name: name not in {row.home for row in rows})


def _placed(landscape: str, home: str) -> str:
    return f"{landscape} (home)" if landscape == home else landscape


def _grid(rows: Sequence[Verdict], landscapes: Sequence[str]) -> Grid:
    columns = [Column("Recipe", "name"), Column("seeds")]
    columns += [Column(_placed(name, rows[0].home)) for name in landscapes]
    base = [next((row for row in rows if row.landscape == name), None) for name in landscapes]
    body = [(Cell(f"{rows[0].base} as it is"), Cell(MISSING, tone="quiet"), *(_base_cell(row) for row in base))]
    for recipe in dict.fromkeys(row.recipe for row in rows):
        found = {row.landscape: row for row in rows if row.recipe == recipe}
        seeds = max(row.seeds for row in found.values())
        cells = (_cell(found.get(name)) for name in landscapes)
        body.append((Cell(recipe), Cell(str(seeds), float(seeds)), *cells))
    full = Grid(_FULL, tuple(_full_row(row) for row in rows))
    return Grid(tuple(columns), tuple(body), "", full, "Every number")


def _base_cell(row: Verdict | None) -> Cell:
    return Cell(MISSING) if row is None else Cell(score(row.mean_base), row.mean_base, f"n {row.n:,}")


def _cell(row: Verdict | None) -> Cell:
    """The difference with its stars; below, what could have been seen where nothing was, else the interval."""
    if row is None or row.diff is None:
        return Cell(MISSING, tone="quiet")
    small = gap_interval(row.ci_low, row.ci_high)
    if row.verdict == "no difference seen" and row.min_detectable is not None:
        small = f"visible {size(row.min_detectable)}"
    return Cell(signed(row.diff) + stars(row.p_adjusted), row.diff, small, tone=TONES[row.verdict])


_FULL = (
    Column("Recipe", "name"), Column("landscape", "text"), Column("verdict", "text"), Column("base"), Column("tuned"),
    Column("difference"), Column("p", hint="corrected within its family"), Column("raw p"),
    Column("standard error", hint="of the difference, from queries"), 
    Column("sd of seeds", hint="of the difference; below, the seeds' own part of it"),
    Column("other seeds", hint="interval of the difference over other queries and other seeds, from three seeds on"),
    Column("seeds"), Column("n"), Column("visible", hint="smallest difference visible with 80% power"),
)  # fmt: skip


def _full_row(row: Verdict) -> tuple[Cell, ...]:
    return (
        Cell(row.recipe), Cell(_placed(row.landscape, row.home)), Cell(row.verdict, tone=TONES[row.verdict]),
        Cell(score(row.mean_base), row.mean_base), Cell(score(row.mean_tuned), row.mean_tuned),
        Cell(signed(row.diff) + stars(row.p_adjusted), row.diff, gap_interval(row.ci_low, row.ci_high)),
        Cell(_p(row.p_adjusted), row.p_adjusted), Cell(_p(row.p_permutation), row.p_permutation),
        Cell(size(row.standard_error), row.standard_error), Cell(size(row.seed_sd), row.seed_sd, _own(row)),
        Cell(gap_interval(row.ci_low_seeds, row.ci_high_seeds) or MISSING, row.ci_low_seeds),
        Cell(str(row.seeds), float(row.seeds)), Cell(f"{row.n:,}", float(row.n)),
        Cell(size(row.min_detectable), row.min_detectable),
    )  # fmt: skip


def _own(row: Verdict) -> str:
    return "" if row.seed_component is None else f"own {size(row.seed_component)}"


def _p(value: float | None) -> str:
    return p_value(value).removeprefix("p ").removeprefix("= ")


def _mask_part(results: Results) -> Part | None:
    """The curves of two recipes that differ in the mask alone, side by side, and their verdicts at home."""
    panels: list[Any] = []
    watched = dict(results.recipes.watched)
    for pair in results.recipes.masks:
        curves = [curve for curve in results.recipes.curves if curve.recipe in pair]
        for base, home in dict.fromkeys((curve.base, curve.home) for curve in curves):
            listed = [curve for curve in curves if (curve.base, curve.home) == (base, home)]
            heading: Sentence = (Name(base), " tuned at ", Name(home), ": ", Name(pair[0]), " and ", Name(pair[1]))
            legend = tuple((swatch(at), name) for at, name in enumerate(pair))
            figure = training_curves(listed, pair, watched.get(pair[0], ""))
            panels.append(Panel(heading, (), figure, legend, _mask_grid(results, pair, base, home)))
    note: Sentence = (
        "The loss counts only negatives that are not masked, so losses with different masks are not on one scale; "
        "validation is.",
    )
    return Part("recipes-mask", "With and without the mask", tuple(panels), (note,)) if panels else None


def _mask_grid(results: Results, pair: tuple[str, str], base: str, home: str) -> Grid | None:
    rows = [row for row in results.recipes.verdicts if (row.base, row.home) == (base, home)]
    cells = {(row.recipe, row.task, row.metric, row.landscape, row.view): row for row in rows}
    columns = (Column("Task", "name"), Column("landscape", "text"), *(Column(name) for name in pair), Column("between"))
    body = []
    for row in rows:
        other = cells.get((pair[1], row.task, row.metric, row.landscape, row.view))
        if row.recipe != pair[0] or other is None:
            continue
        seen = pair_of(results, row, other)
        between = (
            Cell("not tested", tone="quiet")
            if seen is None
            else Cell(signed(seen.diff) + stars(seen.p_adjusted), seen.diff, p_value(seen.p_adjusted))
        )
        body.append((Cell(f"{task_words(row.task)}, {row.metric}"), Cell(_placed(row.landscape, home)), _cell(row),
                     _cell(other), between))  # fmt: skip
    return Grid(columns, tuple(body)) if body else None


def _curve_part(results: Results) -> Part | None:
    """The curves of all recipes, one panel a base, home and measure of validation."""
    watched = dict(results.recipes.watched)
    groups: dict[tuple[str, str, str], list[Curve]] = {}
    for curve in results.recipes.curves:
        groups.setdefault((curve.base, curve.home, watched.get(curve.recipe, "")), []).append(curve)
    panels: list[Any] = []
    for (base, home, measure), curves in groups.items():
        recipes = list(dict.fromkeys(curve.recipe for curve in curves))
        legend = tuple((swatch(at), name) for at, name in enumerate(recipes[:SERIES]))
        heading: Sentence = (Name(base), " tuned at ", Name(home))
        panels.append(Panel(heading, (), training_curves(curves, recipes, measure), legend, folded=len(panels) >= OPEN))
    note: Sentence = (
        "One line a seed. Validation step 0 is the base as it is. Losses of different recipes are of different pairs "
        "and cannot be compared.",
    )
    return Part("recipes-curves", "Training", tuple(panels), (note,), columns=2) if panels else None


def pairs_part(results: Results) -> Part | None:
    """What every recipe was trained on: pairs by source and by what became of them, and what the training took."""
    steps = results.steps("train")
    if not steps:
        return None
    counted: dict[tuple[str, str, str, str], float | None] = {}
    for step in steps:
        counts = step.get("counts")
        for key, pairs in counts.items() if isinstance(counts, dict) else ():
            source, _, reason = clean(key).rpartition(": ")
            place = (clean(step.landscape), clean(step.get("recipe")), source, reason)
            counted.setdefault(place, number_of(pairs))  # seeds and bases draw from the same pairs
    texts = (Column(title, "text") for title in ("home", "source", "what became of them"))
    columns = (Column("Recipe", "name"), *texts, Column("pairs"))
    body = tuple(
        (Cell(recipe), Cell(home), Cell(source), Cell(reason), count_cell(pairs))
        for (home, recipe, source, reason), pairs in counted.items()
    )
    panels = [Panel((Name("Pairs by source and reason"),), grid=Grid(columns, body))] if body else []
    panels.append(Panel((Name("Trainings"),), grid=_trainings(steps), folded=True))
    note: Sentence = (
        "A pair is counted under the first rule that it breaks. No pair touches a validation or test family.",
    )
    return Part("recipes-pairs", "What they were trained on", tuple(panels), (note,))


_TOTALS = ("pairs", "steps", "best_step", "validation_before", "best_value", "pairs_per_s", "train_seconds")


def _trainings(steps: Sequence[StepRecord]) -> Grid:
    titles = ("pairs drawn", "steps", "best step", "validation before", "best validation", "pairs/s", "seconds")
    columns = (Column("Model", "name"), *(Column(title) for title in titles))
    body = tuple((Cell(clean(step.model)), *(amount_cell(step.get(key)) for key in _TOTALS)) for step in steps)
    return Grid(columns, body)
