"""The final actor: gathers the scores of all tasks, writes the evidence, and computes every interval and test from it.

Summary and comparisons are computed from the evidence file as it was written, so nobody's numbers can differ from what
the run folder holds.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patray import tables
from patray.cluster.score import Scored
from patray.files import Folder
from patray.runs.suite import Suite
from patray.runs.tuned_systems import controls, made_systems
from patray.tasks.comparisons import ComparisonFamily, judge_families
from patray.tasks.evidence import from_evidence, to_evidence
from patray.tasks.inference import summarise
from patray.tasks.scores import Score
from patray.tasks.trends import trends
from patray.tasks.verdicts import recipe_pairs, verdicts

CHUNK = 64
"""Scores that become evidence rows at once; keeps memory flat for large suites."""


class Judge:
    """Collects what the tasks found and writes the tables of a run."""

    def __init__(self, run: Folder, suite: Suite) -> None:
        self._run, self._suite = run, suite
        self._scores: list[tuple[tuple[int, ...], Score]] = []
        self._tuning: list[dict[str, Any]] = []

    def add(self, order: tuple[int, ...], scored: Scored) -> list[str]:
        """Take one task's result; `order` fixes its place in the tables, whatever finishes first. Returns its notes."""
        self._scores += [((*order, at), score) for at, score in enumerate(scored.scores)]
        self._tuning += scored.tuning
        return scored.notes

    def write_evidence(self, items: pa.Table, maps: pa.Table) -> int:
        """evidence, items, tuning and map; returns the number of evidence rows."""
        self._scores.sort(key=lambda entry: entry[0])
        rows = write_evidence(self._run, [score for _, score in self._scores])
        self._scores.clear()
        self._run.write_table("items.parquet", items)
        tuning = sorted(self._tuning, key=lambda row: tuple(str(row[key]) for key in tables.TUNING.names[:5]))
        self._run.write_table("tuning.parquet", pa.Table.from_pylist(tuning, schema=tables.TUNING))
        self._run.write_table("map.parquet", maps)
        return rows

    def write_statistics(self) -> tuple[int, int]:
        """summary and comparisons, with recipes also verdicts and trends, from the saved evidence; returns the numbers
        of rows of the first two."""
        options, made = self._suite.statistics, made_systems(self._suite)
        draws = options.draws
        scores = from_evidence(self._run.read_table("evidence.parquet"))
        items = self._run.read_table("items.parquet")
        summary = summarise(scores, items, draws)
        self._run.write_table("summary.parquet", summary)
        families = [ComparisonFamily(**family.model_dump()) for family in options.comparisons or ()]
        bases = {name: of.base for name, of in made.items()}
        declared = [family for family in families if family.between != "recipes"]
        comparisons, standings = judge_families(scores, items, declared, draws, bases)
        self._run.write_table("standings.parquet", standings)
        if made:
            no_contenders = controls(self._suite)
            pairs = recipe_pairs(scores, items, families, made, no_contenders, draws)
            comparisons = pa.concat_tables([comparisons, rows_of(pairs, tables.COMPARISONS)])
            self._run.write_table("verdicts.parquet", verdicts(scores, items, families, made, draws))
            found = trends(scores, items, families, made, no_contenders, draws)
            self._run.write_table("trends.parquet", found)
        self._run.write_table("comparisons.parquet", comparisons)
        return summary.num_rows, comparisons.num_rows


def rows_of(rows: list[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """A table of rows in which a number that does not exist is nan."""
    columns = [[row[field.name] for row in rows] for field in schema]
    arrays = [pa.array(column, field.type, from_pandas=True) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_evidence(run: Folder, scores: list[Score]) -> int:
    """Stream the scores into evidence.parquet; returns its number of rows."""
    rows = 0

    def write(sink: Any) -> None:
        nonlocal rows
        with pq.ParquetWriter(sink, tables.EVIDENCE, compression="zstd") as writer:
            for start in range(0, len(scores), CHUNK):
                table = to_evidence(scores[start : start + CHUNK])
                rows += table.num_rows
                writer.write_table(table)

    run.publish("evidence.parquet", write)
    return rows
