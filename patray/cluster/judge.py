"""The final actor: gathers the scores of all tasks, writes the evidence, and computes every interval and test from it.

Scores wait on disk (`tasks/spill.py`), evidence is written a row group at a time, and summary and comparisons are
computed part by part from the file as it was written: memory does not grow with the evidence, and nobody's numbers can
differ from what the run folder holds.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from patray import tables
from patray.cluster.score import Scored
from patray.files import Folder
from patray.runs.resolve import suite_views
from patray.runs.suite import Suite
from patray.runs.tuned_systems import controls, lexical_systems, made_systems, released_systems
from patray.tasks.across import across_landscapes
from patray.tasks.by_part import comparisons_of, contamination_of, summary_of, verdicts_of
from patray.tasks.comparisons import ComparisonFamily
from patray.tasks.evidence_file import EvidenceFile, write_evidence
from patray.tasks.populations import Catalogue
from patray.tasks.spill import Spill


class Judge:
    """Collects what the tasks found and writes the tables of a run."""

    def __init__(self, run: Folder, suite: Suite) -> None:
        self._run, self._suite = run, suite
        # Beside the run, where there is room for files; the system's place for temporary files is often memory.
        self._spill = Spill(run.uri if run.is_local else None)
        self._tuning: list[dict[str, Any]] = []

    def add(self, order: tuple[int, ...], scored: Scored) -> list[str]:
        """Take one task's result; `order` fixes its place in the tables, whatever finishes first. Returns its notes."""
        for at, score in enumerate(scored.scores):
            self._spill.add((*order, at), score)
        self._tuning += scored.tuning
        return scored.notes

    def write_evidence(self, items: pa.Table, maps: pa.Table) -> int:
        """evidence, items, tuning and map; returns the number of evidence rows."""
        rows = write_evidence(self._run, self._spill)
        self._spill.close()
        self._run.write_table("items.parquet", items)
        tuning = sorted(self._tuning, key=lambda row: tuple(str(row[key]) for key in tables.TUNING.names[:5]))
        self._run.write_table("tuning.parquet", pa.Table.from_pylist(tuning, schema=tables.TUNING))
        self._run.write_table("map.parquet", maps)
        return rows

    def write_statistics(self) -> tuple[int, int]:
        """summary and comparisons, with recipes also verdicts and trends, from the saved evidence; returns the numbers
        of rows of the first two."""
        options, made = self._suite.statistics, made_systems(self._suite)
        evidence, items = EvidenceFile(self._run), self._run.read_table("items.parquet")
        catalogue = Catalogue.of(items)
        summary = summary_of(evidence, catalogue, options.draws)
        self._run.write_table("summary.parquet", summary)
        released = released_systems(self._suite)
        if released and self._suite.tasks.retrieval is not None:
            metric = self._suite.tasks.retrieval.measures[0]
            reference = next(iter(lexical_systems(self._suite)), None)
            exposed = contamination_of(evidence, catalogue, items, metric, released, reference, options.draws)
            self._run.write_table("contamination.parquet", exposed)
        families = [ComparisonFamily(**family.model_dump()) for family in options.comparisons or ()]
        declared = [family for family in families if family.between != "recipes"]
        bases = {name: of.base for name, of in made.items()}
        names = [str(system.name) for system in self._suite.systems or ()]
        names += [view.name for view in suite_views(self._suite)]
        comparisons, standings = comparisons_of(evidence, catalogue, declared, options.draws, bases, names)
        self._run.write_table("standings.parquet", standings)
        if made:
            no_contenders = controls(self._suite)
            judged, ordered, pairs = verdicts_of(evidence, items, families, made, no_contenders, options.draws)
            comparisons = pa.concat_tables([comparisons, pairs])
            self._run.write_table("verdicts.parquet", judged)
            self._run.write_table("trends.parquet", ordered)
        self._run.write_table("comparisons.parquet", comparisons)
        if len(self._suite.landscapes) > 1:
            self._run.write_table("across.parquet", across_landscapes(comparisons, options.draws.level))
        return summary.num_rows, comparisons.num_rows
