"""Two runs side by side: the systems that both judged, on the items that both judged, with paired tests.

Everything is computed from the two evidence files, so runs of different days, machines and versions can be compared.
Rows that do not speak of the same thing in both runs (`runs/comparability.py`) are listed and not tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.measures.definitions import DEFINITIONS
from patray.progress import say
from patray.runs.comparability import Difference, RunFacts, differences_between, why_not
from patray.runs.run_files import check_run
from patray.statistics.draws import Draws
from patray.statistics.reach import smallest_adjusted, smallest_p
from patray.tasks.by_part import joined, metrics_of_key
from patray.tasks.comparisons import ComparisonFamily, comparison_rows
from patray.tasks.contests import Contest, Decided, decide
from patray.tasks.evidence import ScoreKey
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.populations import Catalogue
from patray.tasks.scores import Score

FLIPS = 10_000
"""Flips of the tests: by max-T they carry any number of rows."""
ALPHA = 0.05
WORSE, APART = 3, 4
"""Exit statuses: something became worse; nothing did, but something could not be compared."""
SAME_AS = {one.name: one.same_as for one in DEFINITIONS if one.same_as}
"""Metrics that are another one by another name: testing both would cost power and say nothing."""

Key = tuple[str, str, str, str, str]
"""task, landscape, view, system, metric."""


@dataclass(frozen=True)
class Judged:
    """A finished run as a comparison sees it. scores: those in slice `all`, by key; one score may have several. They
    are read when `load` is asked for them."""

    folder: Folder

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def facts(self) -> RunFacts:
        return RunFacts.of(self.folder)

    @cached_property
    def evidence(self) -> EvidenceFile:
        if not self.folder.exists("evidence.parquet"):
            raise InputError(f"{self.folder}: no evidence.parquet, so this is not a finished run")
        for note in check_run(self.folder):
            say(f"note: {note}")
        return EvidenceFile(self.folder)

    @cached_property
    def scores(self) -> dict[Key, ScoreKey]:
        found: dict[Key, ScoreKey] = {}
        for key in self.evidence.index:
            where = key.where
            for metric in metrics_of_key(self.evidence, key) if where.slice == "all" else ():
                if metric not in SAME_AS:
                    found[where.task, where.landscape, where.view, where.system, metric] = key
        return found

    def load(self, keys: Iterable[Key]) -> dict[ScoreKey, Score]:
        """The scores of some keys."""
        wanted = {self.scores[key] for key in keys}
        return {ScoreKey.of(score): score for score in self.evidence.load(wanted)}

    def score(self, key: Key) -> Score:
        """The score of one key, read from the file each time."""
        (score,) = self.load([key]).values()
        return score


@dataclass(frozen=True)
class Apart:
    """A row that cannot be compared, and why."""

    key: Key
    why: str


@dataclass(frozen=True)
class RunComparison:
    """rows: of the schema tables.COMPARISONS with the real system in `system`; apart: what both runs have and cannot be
    compared; only_a, only_b: what the other run lacks, as `task, landscape, view, system`. margin: the largest loss
    that does not matter, in units of the measure."""

    run_a: str
    run_b: str
    rows: tuple[dict[str, object], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    apart: tuple[Apart, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    margin: float = 0.0

    @property
    def worse(self) -> list[dict[str, object]]:
        """Rows where the second run is significantly worse after the correction over all rows, by more than margin."""
        return [row for row in self.rows if says(row, self.margin) == "WORSE"]

    @property
    def status(self) -> int:
        """The exit status: 3 where a row is worse, else 4 where a row could not be compared, else 0."""
        return WORSE if self.worse else APART if self.apart else 0


def compare_runs(run_a: Folder, run_b: Folder, margin: float = 0.0) -> RunComparison:
    """Compare every shared score in slice `all`; InputError when the runs share none."""
    a, b = Judged(run_a), Judged(run_b)
    shared = [key for key in a.scores if key in b.scores]
    if not shared:
        raise InputError(f"{run_a} and {run_b} have no system in common on the same task, landscape and view")
    differences = differences_between(a.facts, b.facts)
    reasons = {key: why_not(differences, key[0], key[1], key[4]) for key in shared}
    keys = [key for key in shared if not reasons[key]]
    apart = [Apart(key, reason) for key, reason in reasons.items() if reason]
    rows, without = paired_rows([(key, a, b) for key in keys])
    apart += [Apart(key, "no common query or patent") for key in without]
    return RunComparison(
        a.name,
        b.name,
        tuple(rows),
        tuple(_names(key for key in a.scores if key not in b.scores)),
        tuple(_names(key for key in b.scores if key not in a.scores)),
        tuple(apart),
        differences,
        tuple(unreachable(rows, FLIPS, "auto")),
        margin,
    )


def paired_rows(
    pairs: Sequence[tuple[Key, Judged, Judged]], flips: int = FLIPS, correction: str = "auto"
) -> tuple[list[dict[str, object]], list[Key]]:
    """Rows of the schema tables.COMPARISONS with `system`, one for each (key, first run, second run), corrected
    together; and the keys without a common item. diff is the first run less the second."""
    if not pairs:
        return [], []
    landscapes = pa.array(list(dict.fromkeys(key[1] for key, _, _ in pairs)))
    runs = {run.folder: run for _, *both in pairs for run in both}
    tables = [run.folder.read_table("items.parquet") for run in runs.values()]
    items = pa.concat_tables([table.filter(pc.is_in(table["landscape"], value_set=landscapes)) for table in tables])
    catalogue = Catalogue.of(items.group_by(items.column_names).aggregate([]))
    draws = Draws(flips=flips, correction=correction)
    parts: dict[tuple[str, str], list[tuple[Key, Judged, Judged]]] = {}
    for pair in pairs:
        parts.setdefault((pair[0][1], pair[0][4].partition("-")[0]), []).append(pair)
    contests: list[Contest] = []
    decided: list[Decided] = []
    for part in parts.values():
        # Macro and micro F1 are of one score: it is read and placed once.
        placed = {
            (run.folder, name): catalogue.place(score)
            for run in {run.folder: run for _, *both in part for run in both}.values()
            for name, score in run.load(key for key, *both in part if run in both).items()
        }
        asked = [
            Contest(*key[:3], key[4], a.name, b.name, *((placed[run.folder, run.scores[key]],) for run in (a, b)))
            for key, a, b in part
        ]
        decided.append(decide(asked, catalogue, draws))
        contests += [replace(contest, side_a=(), side_b=()) for contest in asked]
    together = joined(decided)
    order = {id(pair): at for at, pair in enumerate(pair for part in parts.values() for pair in part)}
    own = [order[id(pair)] for pair in pairs]
    found = list(comparison_rows(ComparisonFamily("runs", "*", ""), contests, together, own, draws))
    rows = [{**row, "metric": key[4], "system": key[3]} for row, (key, _, _) in zip(found, pairs, strict=True)]
    return [row for row in rows if row["n"]], [key_of(row) for row in rows if not row["n"]]


def unreachable(rows: Sequence[Mapping[str, object]], flips: int, correction: str, times: int = 1) -> Iterable[str]:
    """A note where no row could be significant whatever its difference: too few items for so many rows."""
    if not rows:
        return
    items = max(int(str(row["n"])) for row in rows)
    smallest = smallest_p(flips, items)
    if not smallest_adjusted(correction, len(rows), smallest) * times < ALPHA:
        yield (
            f"no row can be called worse here: {items} items allow no p below {smallest:.2g}, not small enough for "
            f"{len(rows)} comparisons{f' with p times {times}' if times > 1 else ''}. Judge more queries."
        )


def says(row: Mapping[str, object], margin: float = 0.0) -> str:
    """What a row says of the second run."""
    p, loss = row["p_adjusted"], float(str(row["diff"]))
    if not isinstance(p, float) or not p < ALPHA or loss == 0:
        beyond = margin > 0 and loss > margin
        return "beyond the margin, but may be chance" if beyond else "no difference seen"
    if loss < 0:
        return "better"
    return "WORSE" if loss > margin else "worse, within the margin"


def key_of(row: Mapping[str, object]) -> Key:
    """The key of a row."""
    task, landscape, view, system, metric = (
        str(row[name]) for name in ("task", "landscape", "view", "system", "metric")
    )
    return task, landscape, view, system, metric


def format_comparison(found: RunComparison) -> str:
    """A table for the terminal: what differs between the runs, largest losses first, and what was not compared."""
    lines = [f"{found.run_a} (a) against {found.run_b} (b): {len(found.rows)} comparisons, corrected together"]
    lines += format_differences(found.differences)
    lines += [f"note: {note}" for note in found.notes]
    if found.rows or found.apart:
        lines.append(HEADER)
    for row in sorted(found.rows, key=lambda row: -float(str(row["diff"]))):
        lines.append(format_row(row, says(row, found.margin)))
    lines += [format_apart(row) for row in found.apart]
    for name, only in ((found.run_a, found.only_a), (found.run_b, found.only_b)):
        lines += [f"only in {name}: {what}" for what in only]
    return "\n".join(lines)


def format_differences(differences: Sequence[Difference]) -> list[str]:
    """One line a subject; those that take rows from the comparison say so."""
    return [f"{difference}" + (" (rows not comparable)" if difference.tasks else "") for difference in differences] or [
        "the same landscapes, measures, settings, models and versions"
    ]


HEADER = (
    f"{'task':<28} {'landscape':<14} {'view':<10} {'system':<24} {'metric':<20} "
    f"{'a':>8} {'b':>8} {'b - a':>9} {'p':>8}  verdict"
)


def format_row(row: Mapping[str, object], verdict: str) -> str:
    """One line of the table."""
    change = 0.0 - float(str(row["diff"]))
    return (
        f"{_place(key_of(row))} {row['mean_a']:>8.4f} {row['mean_b']:>8.4f} {change:>+9.4f} {row['p_adjusted']:>8.4f}"
        f"  {verdict}"
    )


def format_apart(row: Apart) -> str:
    """The line of a row that was not compared."""
    return f"{_place(row.key)} {'':>36}  not comparable: {row.why}"


def _place(key: Key) -> str:
    task, landscape, view, system, metric = key
    return f"{task:<28} {landscape:<14} {view:<10} {system:<24} {metric:<20}"


def _names(keys: Iterable[Key]) -> list[str]:
    return list(dict.fromkeys(", ".join(key[:4]) for key in keys))
