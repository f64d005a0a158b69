"""A snapshot's scores beside published ones, where the registry's model has any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.encoders.check import checked_unit_vectors
from patray.encoders.tokens import InputTokenizer
from patray.models.parity_values import ParityValues
from patray.models.record import ModelRecord

ROOM = 0.005
"""Absolute room beside the source's relative tolerance: the values were computed in bfloat16 (8 bits of mantissa)."""


@dataclass(frozen=True)
class PublishedScores:
    """One engine's cosines (documents,) beside the published ones, and the source's relative tolerance."""

    engine: str
    found: np.ndarray
    published: np.ndarray
    tolerance: float

    @property
    def agrees(self) -> bool:
        return bool(np.allclose(self.found, self.published, rtol=self.tolerance, atol=ROOM))


def published_inputs(record: ModelRecord, tokenizer: InputTokenizer, values: ParityValues) -> list[np.ndarray]:
    """Token ids of the query and the documents, each with its own prompt; [] for a model without published scores."""
    if record.name not in values.cosine:
        return []
    query = tokenizer([values.query], record.prompts.query).ids
    return query + tokenizer(list(values.documents), record.prompts.document).ids


def published_scores(record: ModelRecord, engine: str, vectors: np.ndarray, values: ParityValues) -> PublishedScores:
    """The cosines of the query's vector, the first of `vectors` (1 + documents, dimension), with the others."""
    names = ["query", *values.documents]
    unit = checked_unit_vectors(vectors, names, record.dimension, record.name).astype(np.float64)
    published = np.array(values.cosine[record.name])
    return PublishedScores(engine, unit[1:] @ unit[0], published, values.relative_tolerance)


def format_published(results: tuple[PublishedScores, ...]) -> list[str]:
    """The scores, a line for each engine; [] where there are none."""
    lines = [f"published scores (bfloat16)  {_numbers(results[0].published)}"] if results else []
    for result in results:
        verdict = "agrees" if result.agrees else f"DOES NOT AGREE (beyond {result.tolerance:.0%} and {ROOM})"
        lines.append(f"{result.engine:<27}  {_numbers(result.found)}  {verdict}")
    return lines


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.5f}" for value in values)
