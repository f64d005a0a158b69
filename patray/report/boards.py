"""The tables of one task on one landscape: leaderboard, systems by views, within and across fields, offices, labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from patray.report.answer import Answer
from patray.report.data import Results, Row, labels_of
from patray.report.figures import Curve, Slope
from patray.report.findings import fused_systems, weight_text
from patray.report.grid import TOP, Cell, Column, Grid, gap_cell, score_cell
from patray.report.plots import axis_head, dots, score_axis, whisker
from patray.report.svg import axis_over, swatch
from patray.report.words import percent, plain_number, score

MOST_OFFICES = 10


def leaderboard(results: Results, answer: Answer) -> Grid:
    """Systems in the leader's view with intervals, the test against the leader and every metric; all views folded."""
    metrics = results.metrics(answer.task)
    extra = [metric for metric in metrics if metric != answer.metric]
    spread = [f"{answer.metric}.seed_sd"] if results.find(answer.leader, f"{answer.metric}.seed_sd") else []
    rows = [answer.leader, *(row for row, _ in answer.rivals)]
    shown = rows[:TOP]
    axis = score_axis(shown)
    columns = [Column("System", "name"), Column(answer.metric), Column("interval", "plot", axis_head(axis))]
    columns += [Column("to leader", hint="difference to the leader, corrected p")]
    columns += [Column(metric) for metric in extra] + [
        Column("over seeds", hint="standard deviation over k-means seeds") for _ in spread
    ]
    best = {metric: _best(results, answer, metric, answer.leader.view) for metric in metrics}
    seen = {row.system: found for row, found in answer.rivals}
    body = []
    for row in shown:
        lead = row is answer.leader
        cells = [Cell(row.system, best=lead), score_cell(row, best=row.mean == best[answer.metric])]
        cells.append(Cell(plot=whisker(row, axis, answer.leader.mean, lead)))
        found = seen.get(row.system)
        cells.append(Cell("leader", 0.0, tone="quiet") if lead else gap_cell(found.swapped() if found else None))
        for metric in [*extra, *spread]:
            other = results.find(row, metric)
            cells.append(score_cell(other, best=bool(other and other.mean == best.get(metric)), spaced=False))
        body.append(tuple(cells))
    everything = results.ranked(answer.task, answer.landscape, answer.metric)
    if len(everything) == len(body):
        return Grid(tuple(columns), tuple(body))
    return Grid(
        tuple(columns),
        tuple(body),
        f"The first {TOP} of {len(rows)} systems." if len(rows) > TOP else "",
        _all_rows(results, answer, [*metrics, *spread]),
        f"All {len(everything):,} systems and views",
    )


def _all_rows(results: Results, answer: Answer, metrics: Sequence[str]) -> Grid:
    ranked = results.ranked(answer.task, answer.landscape, answer.metric)
    columns = (Column("System", "name"), Column("View", "text"), *(Column(metric) for metric in metrics), Column("n"))
    best = {metric: _best(results, answer, metric, None) for metric in metrics}
    body = []
    for row in ranked:
        found = [results.find(row, metric) for metric in metrics]
        scores = [
            score_cell(item, best=bool(item and item.mean == best[metric]), spaced=metric == answer.metric)
            for metric, item in zip(metrics, found, strict=True)
        ]
        body.append((Cell(row.system), Cell(row.view), *scores, Cell(f"{row.n:,}", float(row.n))))
    return Grid(columns, tuple(body))


def _best(results: Results, answer: Answer, metric: str, view: str | None) -> float | None:
    ranked = results.ranked(answer.task, answer.landscape, metric, view)
    return ranked[0].mean if ranked and not metric.endswith("seed_sd") else None


def by_view(results: Results, answer: Answer) -> Grid | None:
    """Systems by views with their mean over views; None where the run has one view."""
    views = results.views(answer.task, answer.landscape)
    ranked = results.ranked(answer.task, answer.landscape, answer.metric)
    views = [view for view in views if any(row.view == view for row in ranked)]
    if len(views) < 2:
        return None
    return _crossed(ranked, views, lambda row: row.view, "mean of views")


def by_label_set(results: Results, kind: str, landscape: str, view: str, metric: str) -> Grid | None:
    """Systems by label sets in one view with their mean; None where there is one label set."""
    tasks = [task for task in results.tasks(kind) if labels_of(task) != "*"]
    rows = [row for task in tasks for row in results.ranked(task, landscape, metric, view)]
    names = [labels_of(task) for task in tasks if any(row.task == task for row in rows)]
    if len(names) < 2:
        return None
    return _crossed(rows, names, lambda row: labels_of(row.task), "mean")


def _crossed(rows: Sequence[Row], keys: Sequence[str], key_of: Callable[[Row], str], mean_title: str) -> Grid:
    """One row a system, one column a key, its mean, and a plot with one mark a key; the best of a column is bold."""
    table: dict[str, dict[str, Row]] = {}
    for row in rows:
        table.setdefault(row.system, {})[key_of(row)] = row
    means = {
        name: sum(row.mean for row in cells.values()) / len(cells)
        for name, cells in table.items()
        if len(cells) == len(keys)
    }
    ordered = sorted(table, key=lambda name: (-max(row.mean for row in table[name].values()), name))
    shown = ordered[:TOP]
    axis = axis_over([row.mean for name in shown for row in table[name].values()], 13, 155, ticks=4)
    best = {key: max(cells[key].mean for cells in table.values() if key in cells) for key in keys}
    best_mean = max(means.values(), default=None)

    def cells_of(name: str, plot: bool) -> tuple[Cell, ...]:
        cells = table[name]
        points = [
            (cells[key].mean, index, f"{key}: {score(cells[key].mean)}")
            for index, key in enumerate(keys)
            if key in cells
        ]
        scored = [
            score_cell(cells.get(key), best=key in cells and cells[key].mean == best[key], spaced=False) for key in keys
        ]
        mean = Cell(score(means.get(name)), means.get(name), best=name in means and means[name] == best_mean)
        return (Cell(name), *((Cell(plot=dots(points, axis)),) if plot else ()), *scored, mean)

    heads = tuple(Column(key, head=swatch(index)) for index, key in enumerate(keys))
    full = (Column("System", "name"), *heads, Column(mean_title))
    columns = (full[0], Column("", "plot", axis_head(axis)), *full[1:])
    if len(ordered) <= TOP:
        return Grid(columns, tuple(cells_of(name, True) for name in ordered))
    folded = Grid(full, tuple(cells_of(name, False) for name in ordered))
    note = f"The first {TOP} of {len(ordered)} systems by their best score."
    return Grid(columns, tuple(cells_of(name, True) for name in shown), note, folded, f"All {len(ordered)} systems")


def by_field(results: Results, answer: Answer) -> tuple[list[Slope], Grid] | None:
    """Scores within and across fields in the leader's view, best within first, with the relative drop."""
    metric, view = answer.metric, answer.leader.view
    inside = results.ranked(answer.task, answer.landscape, metric, view, "in")
    pairs = [(row, results.find(row, metric, "out")) for row in inside]
    both = [(row, other) for row, other in pairs if other is not None]
    if not both:
        return None
    body = []
    best_out, best_in = max(other.mean for _, other in both), both[0][0].mean
    for row, other in both:
        drop = results.find(row, f"{metric}.drop", "out")
        shown = Cell(score(None)) if drop is None else Cell(_fall(drop.mean), drop.mean, _fall_interval(drop))
        body.append(
            (Cell(row.system), score_cell(row, row.mean == best_in), score_cell(other, other.mean == best_out), shown)
        )
    columns = (Column("System", "name"), Column("same field"), Column("other field"), Column("change"))
    grid = Grid(columns, tuple(body[:8]))
    if len(body) > 8:
        grid = Grid(columns, tuple(body[:8]), "", Grid(columns, tuple(body)), f"All {len(body)} systems")
    leader = [pair for pair in both if pair[0].system == answer.leader.system]
    ordered = leader + [pair for pair in both if pair[0].system != answer.leader.system]
    return [Slope(row.system, row.mean, other.mean) for row, other in ordered], grid


def _fall(drop: float) -> str:
    return f"−{percent(drop)}" if drop >= 0 else f"+{percent(-drop)}"


def _fall_interval(drop: Row) -> str:
    return "" if drop.low is None or drop.high is None else f"[{_fall(drop.high)}, {_fall(drop.low)}]"


def by_part(results: Results, answer: Answer, kind: str, title: str) -> tuple[Grid, list[str]] | None:
    """The first systems of the leader's view in each slice `kind=...`, most queries first; the systems in legend order.

    kind: jurisdiction, origin or category. title: what one of them is called, in a column's head.
    """
    parts = [part for part in results.slices(answer.task, answer.landscape) if part.startswith(f"{kind}=")]
    systems = [answer.leader.system, *(row.system for row, _ in answer.rivals)][:5]
    offices = []
    for part in parts:
        ranked = results.ranked(answer.task, answer.landscape, answer.metric, answer.leader.view, part)
        if ranked:
            offices.append((part.partition("=")[2], {row.system: row for row in ranked}))
    if not offices:
        return None
    offices.sort(key=lambda item: (-max(row.n for row in item[1].values()), item[0]))
    shown = offices[:MOST_OFFICES]
    axis = axis_over([rows[name].mean for _, rows in shown for name in systems if name in rows], 13, 155, ticks=4)

    def cells_of(office: str, rows: dict[str, Row], plot: bool) -> tuple[Cell, ...]:
        points = [
            (rows[name].mean, index, f"{name}: {score(rows[name].mean)}")
            for index, name in enumerate(systems)
            if name in rows
        ]
        n = max(row.n for row in rows.values())
        best = max(row.mean for name, row in rows.items() if name in systems) if points else None
        scored = [
            score_cell(rows.get(name), name in rows and rows[name].mean == best, index == 0)
            for index, name in enumerate(systems)
        ]
        return (Cell(office), Cell(f"{n:,}", float(n)), *((Cell(plot=dots(points, axis)),) if plot else ()), *scored)

    heads = (Column(title, "name"), Column("queries"))
    tail = tuple(Column(name, head=swatch(index)) for index, name in enumerate(systems))
    columns = (*heads, Column("", "plot", axis_head(axis)), *tail)
    grid = Grid(columns, tuple(cells_of(*item, True) for item in shown))
    if len(offices) > len(shown):
        folded = Grid((*heads, *tail), tuple(cells_of(*item, False) for item in offices))
        grid = Grid(
            columns,
            grid.rows,
            f"The {len(shown)} of {len(offices)} with most queries.",
            folded,
            f"All {len(offices)}",
        )
    return grid, systems


def fusion_curves(results: Results, answer: Answer) -> list[Curve]:
    """Weight curves of the leader's view, in the order of the leaderboard."""
    order = {row.system: index for index, row in enumerate([answer.leader, *(row for row, _ in answer.rivals)])}
    tried: dict[str, list[tuple[float, float, bool]]] = {}
    for row in results.tuning:
        if (row.parameter, row.landscape, row.view) != ("fusion.weight", answer.landscape, answer.leader.view):
            continue
        if row.value is not None and row.task == answer.task:
            tried.setdefault(row.system, []).append((row.value, row.mean, row.chosen))
    curves = []
    for name in sorted(tried, key=lambda name: (order.get(name, len(order)), name)):
        points = sorted(tried[name])
        chosen = next((weight for weight, _, picked in points if picked), None)
        curves.append(Curve(name, tuple(p[0] for p in points), tuple(p[1] for p in points), chosen))
    return curves


def fusion_grid(results: Results, answer: Answer) -> Grid | None:
    """Every fused system against the better of its parts, in the leader's view."""
    fused = fused_systems(results, answer.task, answer.landscape, answer.metric, answer.leader.view)
    if not fused:
        return None
    columns = (
        Column("Fusion", "name"),
        Column("weight"),
        Column(answer.metric),
        Column("better part", "text"),
        Column("gain"),
    )
    body = [
        (
            Cell(item.row.system),
            Cell(plain_number(item.weight), item.weight, weight_text(item).partition(" ")[2]),
            score_cell(item.row),
            Cell(item.part.system, small=score(item.part.mean)),
            gap_cell(item.seen),
        )
        for item in fused
    ]
    grid = Grid(columns, tuple(body[:TOP]))
    return (
        grid
        if len(body) <= TOP
        else Grid(columns, grid.rows, "", Grid(columns, tuple(body)), f"All {len(body)} fusions")
    )
