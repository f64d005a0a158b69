"""`patray export tables`: systems by measures with their intervals, as LaTeX to print and CSV to compute with."""

from __future__ import annotations

import csv
import io

from patray.errors import InputError
from patray.files import Folder
from patray.report.data import Results, Row, load_results
from patray.report.layouts import DIGITS, Layout, unique_names
from patray.report.tables_latex import latex_table
from patray.report.words import MISSING, interval, score
from patray.runs.run_files import check_run

COLUMNS = ("task", "landscape", "view", "system", "measure", "mean", "ci_low", "ci_high", "n")


def export_tables(run: Folder, destination: Folder) -> int:
    """Write a LaTeX table of every task, landscape and view, and one CSV of all; returns the number of files.

    A LaTeX cell holds mean and interval, a CSV row one number in full. Raises InputError where the run has no score.
    """
    check_run(run)
    results = load_results(run)
    layouts, rows = [], []
    for task in results.tasks():
        for landscape in results.landscapes(task):
            for view in results.views(task, landscape):
                layout, own = by_measure(results, task, landscape, view)
                if own:
                    layouts.append(layout)
                    rows += own
    if not rows:
        raise InputError(f"{run}: it holds no score, so there is no table to write")
    for layout in unique_names(layouts):
        destination.write_text(f"{layout.name}.tex", latex_table(layout))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        ends = ("" if end is None else repr(end) for end in (row.low, row.high))
        writer.writerow((row.task, row.landscape, row.view, row.system, row.metric, repr(row.mean), *ends, row.n))
    destination.write_text("scores.csv", text.getvalue())
    return len(layouts) + 1


def by_measure(results: Results, task: str, landscape: str, view: str) -> tuple[Layout, list[Row]]:
    """Systems by measures over all items, best of the first measure first; the highest of a column is bold."""
    metrics = results.metrics(task)
    first = results.ranked(task, landscape, metrics[0], view) if metrics else []
    cells = [[row if metric == row.metric else results.find(row, metric) for metric in metrics] for row in first]
    body = tuple(
        (row.system, *(_text(found) for found in found_row), f"{row.n:,}")
        for row, found_row in zip(first, cells, strict=True)
    )
    bold = set()
    for at in range(len(metrics)):
        means = [found_row[at].mean for found_row in cells if found_row[at] is not None]  # type: ignore[union-attr]
        best = max(means, default=None)
        bold |= {(i, at + 1) for i, found_row in enumerate(cells) if (one := found_row[at]) and one.mean == best}
    numeric = (False, *[True] * (len(metrics) + 1))
    where = f"{task}, landscape {landscape}, view {view}"
    caption = f"Systems by measures: {where}. Brackets: intervals. Bold: highest of the column."
    layout = Layout(
        f"measures-{task}-{landscape}-{view}", caption, ("System", *metrics, "n"), numeric, body, frozenset(bold)
    )
    return layout, [found for found_row in cells for found in found_row if found is not None]


def _text(row: Row | None) -> str:
    return MISSING if row is None else f"{score(row.mean, DIGITS)} {interval(row.low, row.high, DIGITS)}".rstrip()
