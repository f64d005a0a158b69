"""What a run folder says of its fine-tuned models, as the report asks for it: verdicts, trends, curves, pairs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa

from patray import tables
from patray.errors import InputError
from patray.files import Folder
from patray.recipes.record import DECIDES_NO_WEIGHT
from patray.report.comparison import Comparison
from patray.report.words import clean
from patray.runs.tuned_systems import untuned_systems
from patray.systems.kinds import readable
from patray.tasks.verdicts import seed_mean_name
from patray.yaml_source import load_yaml

NOT_COMPARED = (*DECIDES_NO_WEIGHT, "mask")
"""Fields of a recipe in which two may differ that differ in their mask alone."""


@dataclass(frozen=True)
class Verdict:
    """One row of verdicts.parquet. None where the run has no number."""

    family: str
    task: str
    landscape: str
    view: str
    slice: str
    metric: str
    base: str
    recipe: str
    home: str
    place: str
    mean_base: float | None
    mean_tuned: float | None
    diff: float | None
    ci_low: float | None
    ci_high: float | None
    p_permutation: float | None
    p_adjusted: float | None
    standard_error: float | None
    n: int
    seeds: int
    seed_sd: float | None
    min_detectable: float | None
    verdict: str
    seed_component: float | None = None
    ci_low_seeds: float | None = None
    ci_high_seeds: float | None = None

    @property
    def name(self) -> str:
        """What the mean over seeds is called among the comparisons."""
        return seed_mean_name(self.base, self.recipe, self.home)

    def comparison(self) -> Comparison:
        """The same, as a comparison of the tuned mean (a) with the base (b)."""
        nan = float("nan")
        means = [nan if value is None else value for value in (self.mean_tuned, self.mean_base, self.diff)]
        return Comparison(
            self.family, self.task, self.landscape, self.view, self.slice, self.metric, self.name, self.base,
            means[0], means[1], means[2], self.ci_low, self.ci_high, self.p_permutation, self.p_adjusted,
            effect=None, wins=None, ties=None, losses=None, n=self.n, min_detectable=self.min_detectable,
        )  # fmt: skip


@dataclass(frozen=True)
class Trend:
    """One row of trends.parquet."""

    family: str
    view: str
    metric: str
    home: str
    bases: int
    cells: int
    tau: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None


@dataclass(frozen=True)
class Curve:
    """A training: loss (step, value) from step 1, validation where it was taken, step 0 is the base."""

    base: str
    recipe: str
    home: str
    seed: int
    loss: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class RecipeResults:
    """Empty for a run without recipes.

    tuned: systems that use a tuned model. controls: recipes with shuffled positives. masks: (recipe, recipe) that
    differ in the mask alone, the one that masks more first. watched: recipe to the measure of its validation curve.
    """

    verdicts: tuple[Verdict, ...] = ()
    trends: tuple[Trend, ...] = ()
    curves: tuple[Curve, ...] = ()
    matched: bool = False
    controls: tuple[str, ...] = ()
    masks: tuple[tuple[str, str], ...] = ()
    mask_of: tuple[tuple[str, tuple[str, ...]], ...] = ()
    watched: tuple[tuple[str, str], ...] = ()
    tuned: frozenset[str] = frozenset()


def load_recipes(run: Folder, suite_text: str) -> RecipeResults:
    """Read what the folder has; InputError for a file that cannot be read or lacks a column."""
    loaded = load_yaml(suite_text)
    suite = loaded if isinstance(loaded, dict) else {}
    records = {clean(entry["name"]): entry.get("record") for entry in _entries(suite, "recipes")}
    known = {name: record for name, record in records.items() if isinstance(record, dict)}
    if not known:
        return RecipeResults()
    masks = {name: tuple(str(kind) for kind in record.get("mask") or ()) for name, record in known.items()}
    verdicts = [Verdict(**row) for row in _rows(run, "verdicts.parquet", tables.VERDICTS)]
    return RecipeResults(
        verdicts=tuple(verdicts),
        trends=tuple(Trend(**row) for row in _rows(run, "trends.parquet", tables.TRENDS)),
        curves=_curves(_rows(run, "training.parquet", tables.TRAINING)),
        matched=bool(suite.get("matched")),
        controls=tuple(name for name, record in known.items() if record.get("shuffle_positives")),
        masks=tuple(
            (a, b) if len(masks[a]) >= len(masks[b]) else (b, a)
            for a, b in combinations(known, 2)
            if set(masks[a]) != set(masks[b]) and _rest(known[a]) == _rest(known[b])
        ),
        mask_of=tuple(masks.items()),
        watched=tuple((name, clean(record.get("select_by") or "")) for name, record in known.items()),
        tuned=_tuned(suite),
    )


def _rest(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in NOT_COMPARED}


def _entries(suite: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = suite.get(key)
    listed = found if isinstance(found, list) else []
    return [entry for entry in listed if isinstance(entry, dict) and entry.get("name")]


def _tuned(suite: dict[str, Any]) -> frozenset[str]:
    """Names of systems that use a tuned model, themselves or through a part."""
    models = {entry["name"] for entry in _entries(suite, "models") if entry.get("tuned")}
    known = readable(_entries(suite, "systems"))
    return frozenset(map(clean, set(known) - set(untuned_systems(tuple(known.values()), models))))


def _rows(run: Folder, name: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """Rows of a file with its texts cleaned; none where the run has no such file."""
    if not run.exists(name):
        return []
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
    return [
        {key: clean(value) if isinstance(value, str) else value for key, value in row.items()}
        for row in table.select(schema.names).to_pylist()
    ]


def _curves(rows: list[dict[str, Any]]) -> tuple[Curve, ...]:
    grouped: dict[tuple[str, str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["base"], row["recipe"], row["home"], row["seed"]].append(row)
    return tuple(
        Curve(
            *key,
            tuple((row["step"], row["loss"]) for row in steps if row["loss"] is not None),
            tuple((row["step"], row["validation"]) for row in steps if row["validation"] is not None),
        )
        for key, steps in grouped.items()
    )
