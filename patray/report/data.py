"""What the report reads from a run folder, indexed the way its sections ask for it.

Only the small tables are read here (summary, comparisons, tuning, map, quarantine): evidence can hold tens of millions
of rows, and nearly every number shown was already computed from it by the judge. `studies.py` reads the few of its rows
that the rest is computed from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from patray import tables
from patray.errors import InputError
from patray.files import Folder
from patray.measures.definitions import KINDS, in_order
from patray.report.comparison import Comparison
from patray.report.declared import declared_metrics
from patray.report.recipe_results import RecipeResults, load_recipes
from patray.report.standings import Standing, load_standings
from patray.report.studied import Commonest, Studies
from patray.report.words import clean
from patray.runs.origins import Origin, read_certified
from patray.runs.step_record import StepRecord, records_of


@dataclass(frozen=True)
class Row:
    """One row of summary.parquet. low and high are None where the run gives no interval; labels is 0 but for F1."""

    task: str
    landscape: str
    view: str
    system: str
    slice: str
    metric: str
    mean: float
    low: float | None
    high: float | None
    n: int
    labels: int = 0


@dataclass(frozen=True)
class Tried:
    """One row of tuning.parquet. value is None when it is not a number."""

    task: str
    landscape: str
    view: str
    system: str
    parameter: str
    value: float | None
    metric: str
    mean: float
    n: int
    chosen: bool


@dataclass(frozen=True)
class Dot:
    """A patent on a map."""

    patent_id: str
    label: str
    title: str
    x: float
    y: float


@dataclass(frozen=True)
class Results:
    """A run folder as the report sees it. Orders of tasks, landscapes, views are those of summary.parquet.

    studies: what `studies.with_studies` computed from the evidence. recipes: what was fine-tuned. certified: what
    `patray certify` found when it was last asked. standings: who may be the best.
    flat: scores whose interval has no width, and why. baselines: F1 of the commonest label. across, contamination: rows
    of these files, texts cleaned.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    tuning: tuple[Tried, ...]
    maps: dict[tuple[str, str, str], tuple[Dot, ...]]
    quarantine: tuple[dict[str, Any], ...]
    provenance: dict[str, Any]
    suite_text: str
    by_cell: dict[tuple[str, str, str, str], tuple[Row, ...]]
    by_pair: dict[tuple[str, ...], Comparison]
    studies: Studies = field(default_factory=Studies)
    recipes: RecipeResults = field(default_factory=RecipeResults)
    certified: tuple[Origin, ...] = ()
    standings: tuple[Standing, ...] = ()
    flat: tuple[tuple[Row, str], ...] = ()
    baselines: tuple[Commonest, ...] = ()
    across: tuple[dict[str, Any], ...] = ()
    contamination: tuple[dict[str, Any], ...] = ()

    def steps(self, *kinds: str) -> list[StepRecord]:
        """What each step of the run did, of all or of the kinds named, as its provenance tells it."""
        return records_of(self.provenance, *kinds)

    def tasks(self, kind: str | None = None) -> list[str]:
        """Tasks in the order of `KINDS`, `classification:*` before the single label sets."""
        found = dict.fromkeys(row.task for row in self.rows)
        kinds = KINDS if kind is None else (kind,)
        return [task for name in kinds for task in sorted((t for t in found if kind_of(t) == name), key=_star_first)]

    def landscapes(self, task: str | None = None) -> list[str]:
        return list(dict.fromkeys(row.landscape for row in self.rows if task is None or row.task == task))

    def views(self, task: str, landscape: str) -> list[str]:
        return list(dict.fromkeys(row.view for row in self.rows if (row.task, row.landscape) == (task, landscape)))

    def slices(self, task: str, landscape: str) -> list[str]:
        return list(dict.fromkeys(row.slice for row in self.rows if (row.task, row.landscape) == (task, landscape)))

    def metrics(self, task: str) -> list[str]:
        """The metrics that the suite asks for and this run holds, in the suite's order: the first one leads.

        Of a run whose suite names none of those that it holds, all measures, in the order of their definitions.
        """
        found = dict.fromkeys(row.metric for row in self.rows if row.task == task)
        asked = [metric for metric in declared_metrics(self.suite_text, kind_of(task)) if metric in found]
        return asked or in_order(list(found), kind_of(task))

    def main_metric(self, task: str) -> str | None:
        return next(iter(self.metrics(task)), None)

    def ranked(self, task: str, landscape: str, metric: str, view: str | None = None, part: str = "all") -> list[Row]:
        """Rows of one slice, best first (ties by system and view, so that the order never depends on the file)."""
        rows = self.by_cell.get((task, landscape, part, metric), ())
        return [row for row in rows if view is None or row.view == view]

    def find(self, row: Row, metric: str, part: str = "all") -> Row | None:
        """Another metric or slice of the same task, landscape, view and system."""
        cell = self.by_cell.get((row.task, row.landscape, part, metric), ())
        return next((other for other in cell if (other.view, other.system) == (row.view, row.system)), None)

    def why_flat(self, row: Row) -> str:
        """Why the interval of a score has no width; empty where it has one, or nobody looked."""
        return next((why for other, why in self.flat if other == row), "")

    def compare(self, a: Row, b: Row) -> Comparison | None:
        """The declared comparison of two rows of a slice and metric: two systems in a view, or a system's views."""
        where = (a.task, a.landscape)
        if a.view == b.view:
            pair = (a.system, b.system)
            view = a.view
        elif a.system == b.system:
            pair = (f"{a.system}@{a.view}", f"{b.system}@{b.view}")
            view = "*"
        else:
            return None
        direct = self.by_pair.get((*where, view, a.slice, a.metric, *pair))
        if direct is not None:
            return direct
        other = self.by_pair.get((*where, view, a.slice, a.metric, *pair[::-1]))
        return None if other is None else other.swapped()


def kind_of(task: str) -> str:
    """`classification` of `classification:ipc3`."""
    return task.partition(":")[0]


def labels_of(task: str) -> str:
    """`ipc3` of `classification:ipc3`; empty for retrieval."""
    return task.partition(":")[2]


def _star_first(task: str) -> tuple[bool, str]:
    return (not task.endswith(":*"), task)


def headline_tasks(results: Results, kind: str, landscape: str) -> list[str]:
    """The tasks that answer for a kind on a landscape: the mean over label sets where it has one, else every set."""
    tasks = [task for task in results.tasks(kind) if landscape in results.landscapes(task)]
    star = f"{kind}:*"
    return [star] if star in tasks else tasks


def load_results(run: Folder) -> Results:
    """Read a run folder.

    Raises:
        InputError: a file is missing, cannot be read, or lacks a column of `patray.tables`.
    """
    rows = tuple(
        Row(**_fields(item, "task landscape view system slice metric", "mean ci_low ci_high", "n labels"))
        for item in _read(run, "summary.parquet", tables.SUMMARY).to_pylist()
        if _number(item["mean"]) is not None
    )
    comparisons = tuple(
        comparison_of(item) for item in _read(run, "comparisons.parquet", tables.COMPARISONS).to_pylist()
    )
    tuning = tuple(
        Tried(
            **_fields(item, "task landscape view system parameter metric", "value mean", "n"),
            chosen=bool(item["chosen"]),
        )
        for item in _read(run, "tuning.parquet", tables.TUNING).to_pylist()
        if _number(item["mean"]) is not None
    )
    provenance = run.read_json("provenance.json")
    if not isinstance(provenance, dict):
        raise InputError(f"{run}/provenance.json: expected an object, found {type(provenance).__name__}")
    suite_text = run.read_text("suite.yaml")
    return Results(
        rows=rows,
        comparisons=comparisons,
        tuning=tuning,
        maps=_maps(_read(run, "map.parquet", tables.MAP).to_pylist()),
        quarantine=tuple(_read(run, "quarantine.parquet", tables.QUARANTINE).to_pylist()),
        provenance=provenance,
        suite_text=suite_text,
        recipes=load_recipes(run, suite_text),
        certified=tuple(read_certified(run)),
        standings=load_standings(run),
        across=_optional(run, "across.parquet", tables.ACROSS),
        contamination=_optional(run, "contamination.parquet", tables.CONTAMINATION),
        by_cell=_index_rows(rows),
        by_pair={(c.task, c.landscape, c.view, c.slice, c.metric, c.a, c.b): c for c in comparisons},
    )


def _read(run: Folder, name: str, schema: pa.Schema) -> pa.Table:
    try:
        table = run.read_table(name)
    except pa.ArrowInvalid as error:
        raise InputError(f"{run}/{name}: not a readable Parquet file: {error}") from error
    for column in schema:
        if column.name in tables.ADDED and column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    lacking = [field.name for field in schema if field.name not in table.column_names]
    if lacking:
        raise InputError(f"{run}/{name}: no column {', '.join(lacking)}; expected {', '.join(schema.names)}")
    return table.select(schema.names)


def _optional(run: Folder, name: str, schema: pa.Schema) -> tuple[dict[str, Any], ...]:
    """Empty for a run that has no such table."""
    if not run.exists(name):
        return ()
    rows = _read(run, name, schema).to_pylist()
    return tuple({key: clean(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows)


_NAMES = {
    "ci_low": "low",
    "ci_high": "high",
    "p_permutation": "p",
    "effect_size": "effect",
    "system_a": "a",
    "system_b": "b",
}
"""Columns whose field here has another name."""


def _fields(item: dict[str, Any], texts: str, numbers: str, counts: str) -> dict[str, Any]:
    """The named columns of a row: texts cleaned, numbers None where they are missing or not finite, counts from 0."""
    found: dict[str, Any] = {_NAMES.get(name, name): clean(item[name]) for name in texts.split()}
    found.update({_NAMES.get(name, name): _number(item[name]) for name in numbers.split()})
    found.update({name: item[name] or 0 for name in counts.split()})
    return found


def comparison_of(item: dict[str, Any]) -> Comparison:
    """A row of the schema COMPARISONS."""
    fields = _fields(
        item,
        "family task landscape view slice metric system_a system_b",
        "mean_a mean_b diff ci_low ci_high p_permutation p_adjusted effect_size min_detectable",
        "n",
    )
    fields.update({name: item[name] for name in ("wins", "ties", "losses")})
    fields["p_equivalent"] = _number(item.get("p_equivalent"))
    fields.update({name: math.nan for name in ("mean_a", "mean_b", "diff") if fields[name] is None})
    return Comparison(**fields)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _index_rows(rows: Iterable[Row]) -> dict[tuple[str, str, str, str], tuple[Row, ...]]:
    cells: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        cells[row.task, row.landscape, row.slice, row.metric].append(row)
    return {key: tuple(sorted(cell, key=lambda row: (-row.mean, row.system, row.view))) for key, cell in cells.items()}


def _maps(items: list[dict[str, Any]]) -> dict[tuple[str, str, str], tuple[Dot, ...]]:
    maps: dict[tuple[str, str, str], list[Dot]] = defaultdict(list)
    for item in items:
        if _number(item["x"]) is None or _number(item["y"]) is None:
            continue
        label = "no label" if item["label"] is None else clean(item["label"])
        title = clean(item["title"] or "")
        dot = Dot(clean(item["patent_id"]), label, title, float(item["x"]), float(item["y"]))
        maps[clean(item["landscape"]), clean(item["view"]), clean(item["system"])].append(dot)
    return {key: tuple(dots) for key, dots in sorted(maps.items())}
