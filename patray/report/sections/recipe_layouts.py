"""The tables of fine-tuning as the field's papers have them: bases and recipes against home and foreign landscapes."""

from __future__ import annotations

from patray.report.data import Results
from patray.report.layouts import DIGITS, Layout, comparison_layout
from patray.report.recipe_results import Verdict
from patray.report.sections.recipes import home_first
from patray.report.words import MISSING, score, stars


def verdict_layouts(results: Results) -> list[Layout]:
    """One table of scores and one of comparisons for each family, label set of a clustering, home and view."""
    groups: dict[tuple[str, str, str, str, str], list[Verdict]] = {}
    for row in results.recipes.verdicts:
        task = row.task if row.task.startswith("clustering") else row.task.partition(":")[0]
        groups.setdefault((row.family, task, row.metric, row.home, row.view), []).append(row)
    found = []
    for key, rows in groups.items():
        found += [_crossed(*key, rows), _compared(*key, rows)]
    return found


def _crossed(family: str, task: str, metric: str, home: str, view: str, rows: list[Verdict]) -> Layout:
    """A base's own score, then the mean over seeds of each recipe with the stars of its difference to the base."""
    landscapes = home_first(rows)
    body: list[tuple[str, ...]] = []
    bold = set()
    for base in dict.fromkeys(row.base for row in rows):
        own = [row for row in rows if row.base == base]
        first = {row.landscape: row for row in reversed(own)}
        body.append((base, "none", "", *(_score(first.get(name), "mean_base") for name in landscapes)))
        start = len(body) - 1
        recipes = list(dict.fromkeys(row.recipe for row in own))
        for recipe in recipes:
            found = {row.landscape: row for row in own if row.recipe == recipe}
            cells = (_score(found.get(name), "mean_tuned") for name in landscapes)
            body.append((base, recipe, str(max(row.seeds for row in found.values())), *cells))
        for at, name in enumerate(landscapes):
            tuned = {row.recipe: row.mean_tuned for row in own if row.landscape == name}
            values = [first[name].mean_base if name in first else None, *(tuned.get(recipe) for recipe in recipes)]
            best = max((value for value in values if value is not None), default=None)
            bold |= {(start + i, at + 3) for i, value in enumerate(values) if value is not None and value == best}
    columns = ("Base", "Recipe", "Seeds", *(f"{name} (home)" if name == home else name for name in landscapes))
    caption = (
        f"{metric}, {task}, tuned at {home}, view {view}: means over seeds. Stars: difference to the base, corrected "
        f"within {family}, *** < 0.001, ** < 0.01, * < 0.05, + better, - worse. Bold: highest of a base, tuned or not."
    )
    numeric = (False, False, True, *[True] * len(landscapes))
    return Layout(
        f"verdicts-{family}-{task}-{metric}-{home}-{view}", caption, columns, numeric, tuple(body), frozenset(bold)
    )


def _score(row: Verdict | None, key: str) -> str:
    value = None if row is None else getattr(row, key)
    if row is None or value is None:
        return MISSING
    found = stars(row.p_adjusted) if key == "mean_tuned" and row.diff else ""
    way = ("+" if (row.diff or 0.0) > 0 else "-") if found else ""
    return score(value, DIGITS) + found + way


def _compared(family: str, task: str, metric: str, home: str, view: str, rows: list[Verdict]) -> Layout:
    """A (tuned), B (base), their scores, difference, p, stars, n; a landscape in front of each."""
    order = home_first(rows)
    ordered = sorted(rows, key=lambda row: order.index(row.landscape))
    plain = comparison_layout(family, task, home, [row.comparison() for row in ordered])
    skip = plain.columns.index("System A")
    body = tuple((row.landscape, *cells[skip:]) for row, cells in zip(ordered, plain.rows, strict=True))
    caption = (
        f"Tuned models (A, mean over seeds) against their bases (B): {metric}, {task}, tuned at {home}, view {view}. "
        f"p corrected within {family}; *** < 0.001, ** < 0.01, * < 0.05."
    )
    name = f"verdict-comparisons-{family}-{task}-{metric}-{home}-{view}"
    return Layout(name, caption, ("Landscape", *plain.columns[skip:]), (False, *plain.numeric[skip:]), body)
