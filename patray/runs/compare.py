"""Two runs side by side: the systems that both judged, on the items that both judged, with paired tests.

Everything is computed from the two evidence files, so runs of different days, machines and versions can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.stats.corrections import adjust
from patray.tasks.comparisons import ComparisonFamily, compare
from patray.tasks.evidence import from_evidence
from patray.tasks.inference import verdict
from patray.tasks.scores import LabelScore, MeanScore, Score

BEFORE, AFTER = "before", "after"
JOINT = "\0"


@dataclass(frozen=True)
class RunComparison:
    """rows: of the schema tables.COMPARISONS with the real system in `system`; only_a, only_b: what the other
    run lacks, as `task, landscape, view, system`."""

    run_a: str
    run_b: str
    rows: tuple[dict[str, object], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def worse(self) -> list[dict[str, object]]:
        """Rows where the second run is significantly worse after the correction over all rows."""
        return [row for row in self.rows if verdict(row) == "better"]


def compare_runs(run_a: Folder, run_b: Folder) -> RunComparison:
    """Compare every shared score in slice `all`; InputError when the runs share nothing."""
    sides = {}
    for run in (run_a, run_b):
        if not run.exists("evidence.parquet"):
            raise InputError(f"{run}: no evidence.parquet, so this is not a finished run")
        scores = from_evidence(run.read_table("evidence.parquet"))
        sides[run] = {_key(score): score for score in scores if score.where.slice == "all"}
    shared = [key for key in sides[run_a] if key in sides[run_b]]
    if not shared:
        raise InputError(f"{run_a} and {run_b} have no system in common on the same task, landscape and view")
    items = pa.concat_tables([run_a.read_table("items.parquet"), run_b.read_table("items.parquet")])
    items = items.group_by(items.column_names).aggregate([])
    scores = [_placed(sides[run][key], name) for key in shared for run, name in ((run_a, BEFORE), (run_b, AFTER))]
    wanted = dict.fromkeys((score.where.task, metric) for score in scores for metric in _metrics(score))
    families = [ComparisonFamily(f"{task} {metric}", task, metric) for task, metric in wanted]
    rows = []
    for row in compare(scores, items, families).to_pylist():
        if not row["n"]:
            continue  # judged by both runs, but on no common query or patent
        view, _, system = row["view"].partition(JOINT)
        rows.append({**row, "view": view, "system": system})
    if not rows:
        raise InputError(f"{run_a} and {run_b} judged the same systems, but on no common query or patent")
    return RunComparison(
        run_a.name,
        run_b.name,
        tuple(_corrected(rows)),
        tuple(_names(key for key in sides[run_a] if key not in sides[run_b])),
        tuple(_names(key for key in sides[run_b] if key not in sides[run_a])),
    )


def format_comparison(found: RunComparison) -> str:
    """A table for the terminal: largest changes first, and what could not be compared."""
    lines = [f"{found.run_a} (a) against {found.run_b} (b): {len(found.rows)} comparisons, Holm-corrected together"]
    header = f"{'task':<28} {'landscape':<14} {'view':<10} {'system':<24} {'metric':<20}"
    lines.append(f"{header} {'a':>8} {'b':>8} {'b - a':>9} {'p':>8}  verdict")
    for row in sorted(found.rows, key=lambda row: float(str(row["diff"]))):
        change = 0.0 - float(str(row["diff"]))
        said = {"better": "WORSE", "worse": "better"}.get(verdict(row), "no difference seen")
        what = f"{row['task']!s:<28} {row['landscape']!s:<14} {row['view']!s:<10} {row['system']!s:<24}"
        lines.append(
            f"{what} {row['metric']!s:<20} {row['mean_a']:>8.4f} {row['mean_b']:>8.4f} {change:>+9.4f} "
            f"{row['p_adjusted']:>8.4f}  {said}"
        )
    for name, only in ((found.run_a, found.only_a), (found.run_b, found.only_b)):
        lines += [f"only in {name}: {what}" for what in only]
    return "\n".join(lines)


def _key(score: Score) -> tuple[str, ...]:
    where = score.where
    kind = getattr(score, "metric", getattr(score, "probe", "clusters"))
    return where.task, where.landscape, where.view, where.system, str(kind)


def _names(keys: Iterable[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(", ".join(key[:4]) for key in keys))


def _placed(score: Score, run: str) -> Score:
    """The run becomes the system, so that it is what is compared; the system stands with the view."""
    where = score.where
    return replace(score, where=replace(where, view=f"{where.view}{JOINT}{where.system}", system=run))


def _metrics(score: Score) -> tuple[str, ...]:
    if isinstance(score, MeanScore):
        return (score.metric,)
    if isinstance(score, LabelScore):
        return f"{score.probe}-macro-F1", f"{score.probe}-micro-F1"
    return "V-measure", "ARI"


def _corrected(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """p_adjusted over all rows together, since a reader looks at all of them."""
    table = pa.Table.from_pylist(rows)
    raw = pc.fill_null(table["p_permutation"].cast(pa.float64()), float("nan")).to_numpy()
    return [{**row, "p_adjusted": float(p)} for row, p in zip(rows, adjust(raw, "holm"), strict=True)]
