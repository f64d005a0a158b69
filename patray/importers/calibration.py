"""Published values of a benchmark, and whether a run reproduces them: a check of every step from file to number."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from patray.errors import InputError
from patray.yaml_model import read_text, validate
from patray.yaml_source import parse_yaml

PACKAGED = {"dapfam": "dapfam_values.yaml"}
"""Benchmark -> file with its values, beside this module."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedModel(Strict):
    """One model as published. name: of the row, unique; model: in the registry; prompts: name of its prompt set.

    values: source -> slice -> value.
    """

    name: str
    model: str
    prompts: str | None = None
    values: dict[str, dict[str, float]] = Field(min_length=1)


class Published(Strict):
    """The values of one benchmark. tolerance: largest relative difference from the nearest source that is right."""

    view: str
    measure: str
    max_tokens: int | None = Field(default=None, ge=8)
    tolerance: float = Field(default=0.02, gt=0, lt=1)
    sources: dict[str, str]
    models: tuple[PublishedModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_agree(self) -> Published:
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"models: a name stands twice in {', '.join(names)}")
        unknown = {source for model in self.models for source in model.values} - set(self.sources)
        if unknown:
            raise ValueError(f"values of {', '.join(sorted(unknown))}, which `sources` does not describe")
        return self

    @property
    def slices(self) -> tuple[str, ...]:
        """All slices that have a value, in the order of their appearance."""
        found = [name for model in self.models for values in model.values.values() for name in values]
        return tuple(dict.fromkeys(found))

    def choose(self, names: Sequence[str]) -> Published:
        """Only the models of these names; all where none is given. Raises InputError for an unknown one."""
        known = [model.name for model in self.models]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InputError(f"--models {unknown[0]}: no published value; there are values of {', '.join(known)}")
        chosen = tuple(model for model in self.models if not names or model.name in names)
        return self.model_copy(update={"models": chosen})


def read_published(benchmark: str, path: str | None = None) -> Published:
    """The packaged values of a benchmark, or those in the YAML file `path`. Raises InputError with line and key."""
    if path is None:
        text = (importlib.resources.files("patray.importers") / PACKAGED[benchmark]).read_text(encoding="utf-8")
        return validate(Published, parse_yaml(text, PACKAGED[benchmark]), {})
    return validate(Published, parse_yaml(read_text(path, "values"), path), {})


@dataclass(frozen=True)
class Row:
    """One value against its nearest source. found, low, high: mean and its interval, None where there is none."""

    name: str
    slice: str
    published: float
    source: str
    found: float | None
    low: float | None
    high: float | None

    @property
    def difference(self) -> float | None:
        """Relative: 0.01 is 1% above the published value."""
        return None if self.found is None else self.found / self.published - 1


def compare(published: Published, summary: pa.Table, landscape: str) -> list[Row]:
    """A row for each model and slice that has a value; `summary`: of a run whose systems carry the models' names."""
    place = {
        (row["system"], row["slice"]): row
        for row in summary.to_pylist()
        if (row["task"], row["landscape"], row["view"], row["metric"])
        == ("retrieval", landscape, published.view, published.measure)
    }
    rows = []
    for model in published.models:
        for part in published.slices:
            stated = [(values[part], source) for source, values in model.values.items() if part in values]
            if not stated:
                continue
            row = place.get((model.name, part))
            found = None if row is None else float(row["mean"])
            value, source = min(stated, key=lambda one: abs((found or 0.0) / one[0] - 1))
            low, high = (None, None) if row is None else (row["ci_low"], row["ci_high"])
            rows.append(Row(model.name, part, value, source, found, low, high))
    return rows


def wrong_rows(rows: Sequence[Row], tolerance: float) -> list[Row]:
    """Rows without a value, or further from their nearest source than the tolerance."""
    return [row for row in rows if row.difference is None or abs(row.difference) > tolerance]


def format_rows(rows: Sequence[Row], tolerance: float) -> str:
    """The rows as a table for a terminal."""
    lines = [f"{'model':28}{'slice':6}{'published':>10}  {'found':>8}  {'95% interval':18}{'off by':>8}  source"]
    for row in rows:
        off = row.difference
        if off is None:
            lines.append(f"{row.name:28}{row.slice:6}{row.published:10.4f}  {'none':>8}")
            continue
        interval = "" if row.low is None else f"[{row.low:.4f}, {row.high:.4f}]"
        verdict = "" if abs(off) <= tolerance else "  WRONG"
        lines.append(
            f"{row.name:28}{row.slice:6}{row.published:10.4f}  {row.found:8.4f}  {interval:18}{off:+8.1%}  "
            f"{row.source}{verdict}"
        )
    return "\n".join(lines)
