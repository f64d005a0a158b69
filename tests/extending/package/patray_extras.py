"""A package of another house: one extension of each kind, as docs/extending.md shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

import patray
from patray.importers.format import Format, Unit
from patray.importers.options import Options
from patray.importers.record import Rows, patents_table
from patray.importers.source import SourceFile, Stream
from patray.measures.definitions import Definition
from patray.measures.ranking import Counted
from patray.recipes.record import Source
from patray.recipes.sources import Candidates, Material
from patray.report.data import Results
from patray.report.page import Panel, Part, Section
from patray.systems.base import Ranked, RankTask, System


class NewestFirst(System):
    """`newest-first: true` ranks the newest patents first, whatever is asked."""

    KIND: ClassVar[str] = "newest-first"
    NOUN: ClassVar[str] = "list of the newest patents"

    newest_first: bool = Field(alias="newest-first")

    def rank(self, task: RankTask) -> Ranked:
        scores = np.tile(task.truth.patent_date.astype(np.float64), (len(task.truth.query_ids), 1))
        assert len(task.documents()) == len(task.truth.patent_ids)
        return Ranked(task.best(scores), notes=[f"{task.landscape}, {task.view}: the newest stand first"])


def _found(seen: Counted, cutoff: int) -> np.ndarray:
    """How many relevant patents stand among the first `cutoff`, of at most 10."""
    near = seen.rank <= cutoff
    return np.minimum(np.bincount(seen.query[near], minlength=seen.n_queries), 10) / 10


FOUND = Definition("Found", "retrieval", 0, 1, "relevant patents among the first K, in tens", "", value=_found)


@patray.measure("AnyFound")
def any_found(grades: np.ndarray, relevant: np.ndarray) -> float:
    """1 where any of the first K is relevant."""
    return float((grades > 0).any())


def _plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    return [Unit("titles", file) for file in files]


def _read(unit: Unit, options: Options) -> Iterator[Rows]:
    """A title a line; ids are made of the line's number."""
    with Stream(unit.file) as stream:
        titles = stream.read().decode().splitlines()
    numbers = range(1, len(titles) + 1)
    columns = {
        "patent_id": pa.array([f"T{number}" for number in numbers]),
        "title": pa.array(titles),
        "line": pa.array(numbers, pa.int64()),
    }
    yield Rows("patents", patents_table(columns, len(titles)), len(titles))


TITLES = Format("titles", _plan, _read, source="a list of titles", says="a title a line")


class Hashed:
    """An engine that needs no weights: the sum of a fixed random vector for each token."""

    def __init__(self, record: object, snapshot: object, settings: object) -> None:
        self.table = np.random.default_rng(0).standard_normal((40_000, 384)).astype(np.float32)

    def encode(self, inputs: Sequence[np.ndarray], role: str = "document") -> np.ndarray:
        return np.stack([self.table[ids].sum(axis=0) for ids in inputs])


def squared_loss(anchors, candidates, hidden, options):  # type: ignore[no-untyped-def]
    """Mean squared distance of each anchor from its positive."""
    return ((anchors - candidates[: len(anchors)]) ** 2).sum(dim=1).mean()


def same_month_pairs(material: Material, source: Source, rng: np.random.Generator) -> Candidates:
    """Every patent with the next one of the same month."""
    dates = material.documents.metadata.patents["date"].to_numpy(zero_copy_only=False).astype("datetime64[M]")
    order = np.argsort(dates, kind="stable")
    same = dates[order][1:] == dates[order][:-1]
    return Candidates(order[:-1][same], order[1:][same])


def thanks(results: Results) -> Section | None:
    panel = Panel(("Made with the package of another house.",))
    return Section("thanks", "Thanks", (Part("thanks-all", "", (panel,)),))
