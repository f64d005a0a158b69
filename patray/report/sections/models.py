"""The section on models: their records and where they come from."""

from __future__ import annotations

from typing import Any

from patray.report.data import Results
from patray.report.grid import Cell, Column, Grid, count_cell
from patray.report.page import Panel, Part, Section
from patray.report.sections.loss import loss_part
from patray.report.sections.origins import origin_part
from patray.report.words import (
    NOT_RECORDED,
    clean,
    shorten,
)


def model_section(results: Results) -> Section | None:
    """The record of every model: what decides its vectors, and its licence."""
    models = results.provenance.get("models")
    if not isinstance(models, dict) or not models:
        return None
    keys = (
        "repo",
        "revision",
        "content",
        "parameters",
        "dimension",
        "max_tokens",
        "pooling",
        "dtype",
        "licence",
        "prompts",
        "unknown",
    )
    columns = (
        Column("Model", "name"),
        *(Column(key.replace("_", " "), "number" if key in _NUMBERS else "text") for key in keys),
    )
    body = tuple((Cell(clean(name)), *(_field(record, key) for key in keys)) for name, record in models.items())
    parts = (
        Part("records", "Their records", (Panel(grid=Grid(columns, body)),)),
        loss_part(results),
        origin_part(results),
    )
    return Section("models", "Models", tuple(part for part in parts if part is not None))


_NUMBERS = ("parameters", "dimension", "max_tokens")


def _field(record: Any, key: str) -> Cell:
    value = record.get(key) if isinstance(record, dict) else None
    if value is None:
        return Cell(NOT_RECORDED, tone="quiet")
    if key in _NUMBERS:
        return count_cell(value)
    if isinstance(value, dict):
        texts = [f"{clean(name)}: “{clean(text)}”" for name, text in value.items() if text and name != "origin"]
        return Cell("; ".join(texts) or "none")
    if isinstance(value, list):
        return Cell("; ".join(clean(item) for item in value) or "nothing")
    return Cell(shorten(clean(value), 60))
