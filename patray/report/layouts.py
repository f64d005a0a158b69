"""The tables of a study, before they are Markdown or LaTeX: systems by views, systems by label sets, comparisons."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from patray.report.answer import answers_for
from patray.report.comparison import Comparison
from patray.report.data import KINDS, Results, Row, labels_of
from patray.report.words import interval, p_value, score, signed, stars

DIGITS = 4
"""Scores are given as in the field's papers: .1809."""


@dataclass(frozen=True)
class Layout:
    """A table of texts. name: file name, no extension. numeric[j]: column j is aligned right. bold: cells (i, j)."""

    name: str
    caption: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: frozenset[tuple[int, int]] = frozenset()


def study_layouts(results: Results, intervals: bool = False) -> list[Layout]:
    """Every table of a run; names are unique and safe as file names. intervals: put one beside every score."""
    found: list[Layout] = []
    for kind in KINDS:
        answers = answers_for(results, kind)
        for answer in answers:
            found.append(by_view(results, answer.task, answer.landscape, answer.metric, intervals))
        for landscape in dict.fromkeys(answer.landscape for answer in answers):
            answer = next(item for item in answers if item.landscape == landscape)
            table = by_label_set(results, kind, landscape, answer.leader.view, answer.metric, intervals)
            found += [table] if table else []
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for item in results.comparisons:
        groups.setdefault((item.family, item.task, item.landscape), []).append(item)
    found += [comparison_layout(*key, items) for key, items in groups.items()]
    return unique_names(found)


def by_view(results: Results, task: str, landscape: str, metric: str, intervals: bool) -> Layout:
    """Systems by views with their mean over views; the best of every column bold."""
    ranked = results.ranked(task, landscape, metric)
    views = [view for view in results.views(task, landscape) if any(row.view == view for row in ranked)]
    caption = f"{metric}, {task}, landscape {landscape}, by view. Bold: highest of the column."
    name = f"views-{task}-{landscape}-{metric}"
    return _crossed(name, caption, ranked, views, lambda row: row.view, intervals)


def by_label_set(results: Results, kind: str, landscape: str, view: str, metric: str, intervals: bool) -> Layout | None:
    """Systems by label sets in one view with their mean; None where the run has no label set of this kind."""
    tasks = [task for task in results.tasks(kind) if labels_of(task) not in ("", "*")]
    rows = [row for task in tasks for row in results.ranked(task, landscape, metric, view)]
    sets = [labels_of(task) for task in tasks if any(row.task == task for row in rows)]
    if not sets:
        return None
    caption = f"{metric}, {kind}, landscape {landscape}, view {view}, by label set. Bold: highest of the column."
    name = f"labels-{kind}-{landscape}-{view}-{metric}"
    return _crossed(name, caption, rows, sets, lambda row: labels_of(row.task), intervals)


def _crossed(
    name: str, caption: str, rows: Iterable[Row], keys: Sequence[str], key_of: Callable[[Row], str], intervals: bool
) -> Layout:
    table: dict[str, dict[str, Row]] = {}
    for row in rows:
        table.setdefault(row.system, {})[key_of(row)] = row
    means = {
        system: sum(row.mean for row in cells.values()) / len(keys)
        for system, cells in table.items()
        if len(cells) == len(keys)
    }
    ordered = sorted(table, key=lambda system: (-means.get(system, float("-inf")), system))
    numbers = [[*(table[s][key].mean if key in table[s] else None for key in keys), means.get(s)] for s in ordered]
    body = []
    for system, values in zip(ordered, numbers, strict=True):
        texts = [score(value, DIGITS) for value in values]
        if intervals:
            spans = [interval(found.low, found.high, DIGITS) if (found := table[system].get(k)) else "" for k in keys]
            texts = [f"{text} {span}".rstrip() for text, span in zip(texts, [*spans, ""], strict=True)]
        body.append((system, *texts))
    bold = set()
    for j in range(len(keys) + 1):
        best = max((row[j] for row in numbers if row[j] is not None), default=None)  # type: ignore[type-var]
        bold |= {(i, j + 1) for i, row in enumerate(numbers) if row[j] is not None and row[j] == best}
    columns = ("System", *keys, "Mean")
    return Layout(name, caption, columns, (False, *[True] * (len(keys) + 1)), tuple(body), frozenset(bold))


def comparison_layout(family: str, task: str, landscape: str, items: Sequence[Comparison]) -> Layout:
    """A, B, their scores, difference, adjusted p, stars, n; view and slice where they vary."""
    views = {item.view for item in items}
    slices = {(item.slice, item.metric) for item in items}
    head = (["View"] if len(views) > 1 else []) + (["Slice", "Metric"] if len(slices) > 1 else [])
    columns = (*head, "System A", "System B", "A", "B", "Difference", "p", "", "n")
    body = []
    for item in items:
        place = ([item.view] if len(views) > 1 else []) + ([item.slice, item.metric] if len(slices) > 1 else [])
        p = p_value(item.p_adjusted).removeprefix("p ").removeprefix("= ")
        means = (score(item.mean_a, DIGITS), score(item.mean_b, DIGITS))
        body.append((*place, item.a, item.b, *means, _difference(item.diff), p, stars(item.p_adjusted), f"{item.n:,}"))
    numeric = tuple(name in ("A", "B", "Difference", "p", "n") for name in columns)
    first = items[0]
    where = f", view {first.view}" if len(views) == 1 and first.view != "*" else ""
    what = f", {first.metric}, slice {first.slice}" if len(slices) == 1 else ""
    caption = (
        f"Paired comparisons of family {family}: {task}, landscape {landscape}{where}{what}. "
        "p corrected within the family; *** < 0.001, ** < 0.01, * < 0.05."
    )
    name = family if family.endswith(f"/{task}") else f"{family}-{task}"
    return Layout(f"comparisons-{name}-{landscape}", caption, columns, numeric, tuple(body))


def _difference(value: float) -> str:
    text = score(abs(value), DIGITS)
    return ("+" if value >= 0 else "−") + text if value == value else signed(None)


def unique_names(layouts: Iterable[Layout]) -> list[Layout]:
    """Names made safe for every file system, with a counter where two would meet."""
    used: set[str] = set()
    named = []
    for layout in layouts:
        safe = re.sub(r"[^A-Za-z0-9@.+_]+", "-", layout.name.replace(":*", "-mean")).strip("-.")[:120]
        choices = itertools.chain([safe], (f"{safe}-{number}" for number in itertools.count(2)))
        name = next(choice for choice in choices if choice.lower() not in used)
        used.add(name.lower())
        named.append(replace(layout, name=name))
    return named
