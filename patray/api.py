"""patray from Python: what the command line does, and no more. `import patray` gives these names.

In come suites, folders and pandas tables, out come tables. Everything that is written lies in the same folders as a
run of the command line, and either can open what the other made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.describe import Description
from patray.landscapes.describe import describe as _describe
from patray.planning.plan import Plan
from patray.runs.suite import Suite

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from patray.runs.compare import RunComparison

__all__ = [
    "Landscape", "Run", "Suite", "compare", "describe", "encoder", "measure", "open_run", "plan", "ranker", "run",
]  # fmt: skip

Function = TypeVar("Function", bound=Callable[..., Any])
WORKDIR = "patray-work"
FRAMES = ("citations", "queries", "qrels")
"""Tables of a landscape beside patents and labels."""


@dataclass(frozen=True)
class Landscape:
    """A folder of patents with their truth: `Landscape("landscapes/mine")`. path: the folder or a URI."""

    path: str

    @staticmethod
    def from_frame(
        frame: pd.DataFrame,
        path: str,
        *,
        columns: Mapping[str, str] | None = None,
        labels: Mapping[str, pd.DataFrame] | None = None,
        **tables: pd.DataFrame,
    ) -> Landscape:
        """Write a landscape from a table with a row for each patent.

        frame: the columns of `patray import table` under any of their usual names; columns: ours -> yours, for names
        that are not known ({"patent_id": "pn"}). tables: citations, queries and qrels with the columns of
        docs/landscapes.md. labels: name -> table with patent_id and labels. Raises InputError with what is missing.

        >>> import pandas as pd
        >>> frame = pd.DataFrame({"patent_id": ["A1", "A2"], "title": ["A brush", "A comb"]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Landscape.from_frame(frame, f"{folder}/mine").describe().patents
        2
        """
        import pyarrow as pa

        from patray.importers.options import Options
        from patray.importers.run import import_landscape

        strange = [name for name in tables if name not in FRAMES]
        if strange:
            raise InputError(f"from_frame: there is no table {strange[0]!r}; allowed are {', '.join(FRAMES)}")
        with tempfile.TemporaryDirectory(prefix="patray-frame-") as scratch:
            source = str(Path(scratch) / "patents.parquet")
            frame.to_parquet(source, index=False)
            import_landscape("table", [source], path, Options(columns=dict(columns or {})), progress=False)
        folder = Folder.at(path)
        for name, table in tables.items():
            folder.write_table(f"{name}.parquet", pa.Table.from_pandas(table, preserve_index=False))
        for name, table in (labels or {}).items():
            folder.write_table(f"labels/{name}.parquet", pa.Table.from_pandas(table, preserve_index=False))
        return Landscape(path)

    def describe(self) -> Description:
        """What a person wants to know first; printed, it reads as `patray landscape describe` does."""
        return describe(self.path)


def describe(path: str | Landscape) -> Description:
    """Describe a landscape: patents, texts, citations, labels, and what is wrong with it."""
    return _describe(Folder.at(path.path if isinstance(path, Landscape) else path))


def _resolved(suite: Suite | str | Path, changes: Sequence[str]) -> Suite:
    from patray.runs.read import dump_suite as text_of
    from patray.runs.read import parse_suite, read_suite
    from patray.runs.resolve import resolve

    if isinstance(suite, Suite):
        return resolve(parse_suite(text_of(suite), suite.name, list(changes)) if changes else suite)
    return resolve(read_suite(suite, list(changes)))


def run(
    suite: Suite | str | Path, workdir: str = WORKDIR, *, name: str | None = None, changes: Sequence[str] = ()
) -> Run:
    """Run a suite, or go on with it, and open the result: `patray.run("suite.yaml", changes=["views=[ta]"])`.

    suite: a Suite, or the path of one. changes: as --set. Raises PatrayError with what to do.
    """
    from patray.cluster.execute import execute

    return Run(execute(_resolved(suite, changes), workdir, name))


def plan(
    suite: Suite | str | Path, workdir: str = WORKDIR, *, name: str | None = None, changes: Sequence[str] = ()
) -> Plan:
    """Say what a run would do and cost, without doing it. Loads neither torch nor Ray.

    Its `embeddings`, `rankings`, `training` and `models` hold a record a step; `notes` is what the run will say.
    """
    from patray.planning.estimates import read_estimates
    from patray.planning.plan import make_plan

    return make_plan(_resolved(suite, changes), workdir, name, read_estimates(None), None)


def open_run(path: str | Path) -> Run:
    """Open a finished run by its folder or URI. Raises InputError where it is none, or is damaged."""
    from patray.runs.run_files import check_run

    opened = Run(Folder.at(str(path)))
    if not opened.folder.exists("provenance.json"):
        raise InputError(f"{path}: no provenance.json, so this is not a finished run")
    check_run(opened.folder)
    return opened


def compare(before: Run | str, after: Run | str, margin: float = 0.0) -> RunComparison:
    """Compare two runs as `patray compare` does: its `rows`, what is `worse`, and what is `apart` and why."""
    from patray.runs.compare import compare_runs

    first, second = (one.folder if isinstance(one, Run) else Folder.at(one) for one in (before, after))
    return compare_runs(first, second, margin)


def ranker(name: str) -> Callable[[Function], Function]:
    """Make a function a system, `{ranker: NAME}` in a suite of this process (`docs/extending.md`).

    The function takes a `patray.systems.base.RankTask` (its truth, the texts of the view) and gives (Q, N) scores.

    >>> import numpy as np
    >>> @ranker("newest")
    ... def newest(task):
    ...     return np.tile(task.truth.patent_date, (len(task.truth.query_ids), 1))
    """
    return _registers("ranker", "patray.systems.functions:RANKERS", name)


def encoder(name: str) -> Callable[[Function], Function]:
    """Make a function an embedding, `{encoder: NAME}` in a suite of this process, for every task and statistic.

    The function takes n texts and their role, `document` or `query`, and gives (n, d) floats. It is called in this
    process for each landscape and view; what takes hours is better a model, or `vectors:` made once.

    >>> import numpy as np
    >>> @encoder("letters")
    ... def letters(texts, role):
    ...     return np.array([[1.0 + text.count(letter) for letter in "aeiou"] for text in texts])
    """
    return _registers("encoder", "patray.systems.functions:ENCODERS", name)


def measure(name: str) -> Callable[[Function], Function]:
    """Make a function of one query a retrieval measure, `NAME@10` in a suite of this process.

    The function takes the grades of the first K results (0: irrelevant) and those of all relevant patents, the highest
    first, and gives a number from 0 to 1.

    >>> @measure("FirstHalf")
    ... def first_half(grades, relevant):
    ...     return float((grades[: len(grades) // 2] > 0).any())
    """
    from patray.measures.definitions import OF_OTHERS, by_query

    _require_name("measure", name)

    def register(function: Function) -> Function:
        OF_OTHERS.add(name, by_query(name, function))
        return function

    return register


def _require_name(decorator: str, name: object) -> None:
    """InputError where a decorator was written without its name, so that it was given the function."""
    if not isinstance(name, str):
        own = getattr(name, "__name__", "name").replace("_", "")
        raise InputError(f'@patray.{decorator}: a name is missing; write @patray.{decorator}("{own}")')


def _registers(decorator: str, where: str, name: str) -> Callable[[Function], Function]:
    _require_name(decorator, name)
    module, _, attribute = where.partition(":")
    registry = getattr(import_module(module), attribute)

    def register(function: Function) -> Function:
        registry.add(name, function)
        return function

    return register


@dataclass(frozen=True)
class Run:
    """A finished run: its tables, comparisons and figures. folder: where it lies."""

    folder: Folder

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def report(self) -> str:
        """Where its report lies."""
        return f"{self.folder}/report.html"

    @cached_property
    def suite(self) -> Suite:
        """The suite as it was run, with every default written out."""
        from patray.runs.provenance import suite_of

        return suite_of(self.folder)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        return dict(self.folder.read_json("provenance.json"))

    @property
    def tables(self) -> list[str]:
        """Names of its tables."""
        return [name.removesuffix(".parquet") for name in self.folder.list() if name.endswith(".parquet")]

    def table(self, name: str) -> pa.Table:
        """A table as Arrow has it, such as `evidence`. InputError, listing what there is, for any other."""
        if name not in self.tables:
            raise InputError(f"{self.folder}: no table {name!r}; there are {', '.join(self.tables)}")
        return self.folder.read_table(f"{name}.parquet")

    @property
    def summary(self) -> pd.DataFrame:
        """Means with intervals: a row for each task, landscape, view, system, slice and metric."""
        return self.table("summary").to_pandas()

    @property
    def comparisons(self) -> pd.DataFrame:
        """The paired comparisons of the families that the suite declares."""
        return self.table("comparisons").to_pandas()

    def ranking(self, landscape: str, view: str, system: str) -> pd.DataFrame:
        """query_id, patent_id, rank (from 1) and score of a system."""
        from patray.tables import ranking_file

        file = ranking_file(landscape, view, system)
        if not self.folder.exists(file):
            systems = ", ".join(str(one.name) for one in self.suite.systems or ())
            raise InputError(f"{self.folder}: no ranking of {system} in {landscape}/{view}; its systems are {systems}")
        return self.folder.read_table(file).to_pandas()

    def compare(
        self, first: str, second: str, *, metric: str | None = None, task: str = "retrieval", part: str = "all"
    ) -> pd.DataFrame:
        """Compare two systems in every landscape and view, from the evidence: no suite needs to declare it.

        metric: by default the task's leading one. part: the slice. Rows have the columns of tables.COMPARISONS; the
        correction is over them. Raises InputError for a metric, task or system that the run has no scores of.
        """
        from patray.measures.definitions import spelled
        from patray.tasks.by_part import comparisons_of
        from patray.tasks.comparisons import ComparisonFamily
        from patray.tasks.evidence_file import EvidenceFile
        from patray.tasks.populations import Catalogue

        evidence = EvidenceFile(self.folder)
        known = dict.fromkeys(key.where.system for key in evidence.index)
        for system in (first, second):
            if system not in known:
                raise InputError(f"{self.folder}: no system {system!r}; there are {', '.join(known)}")
        family = ComparisonFamily(
            f"{first} and {second}", task, spelled(metric or self._leading(task)), part, against=second,
            systems=(first, second),
        )  # fmt: skip
        items = Catalogue.of(self.table("items"))
        rows, _ = comparisons_of(evidence, items, [family], self.suite.statistics.draws)
        return rows.to_pandas()

    def _leading(self, task: str) -> str:
        """The metric that leads a task in this run's suite."""
        from patray.measures.definitions import of_probes

        tasks, kind = self.suite.tasks, task.partition(":")[0]
        if kind == "retrieval" and tasks.retrieval is not None:
            return tasks.retrieval.measures[0]
        if kind == "classification" and tasks.classification is not None:
            return of_probes(tasks.classification.probes, tasks.classification.measures)[0]
        if kind == "clustering" and tasks.clustering is not None:
            return tasks.clustering.measures[0]
        raise InputError(f"{self.folder}: no task {task!r}; give retrieval, classification:LABELS or clustering:LABELS")

    def figures(self) -> dict[str, str]:
        """The figures of the report as SVG, by the section they stand in and their order: `retrieval/1`."""
        from patray.report.html import build_page
        from patray.report.write import results_of

        page = build_page(results_of(self.folder))
        drawn: dict[str, str] = {}
        for section in page.sections:
            panels = [panel for part in section.parts for panel in part.panels]
            panels += [more for panel in panels for more in panel.extra]
            svgs = [str(panel.figure) for panel in panels if panel.figure is not None]
            drawn |= {f"{section.anchor}/{at}": svg for at, svg in enumerate(svgs, 1)}
        return drawn
