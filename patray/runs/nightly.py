"""A night against the nights before it, or against a pinned run: is any system worse than it has been?

Each row of tonight meets the *best* comparable night of the window, not the night before alone: what loses 1% a night
is never far from its neighbour, and far from its best. Three corrections keep the alarms honest:

- the best of k different results is picked because it is high, so its p is multiplied by k (Bonferroni over what it was
  picked from);
- max-T over all rows of the night that changed (`statistics/max_t.py`), which needs no more flips for many rows;
- a night is one of many. Nights on which nothing changed test nothing and can raise no alarm; the k-th change within a
  window of W nights may spend max(1 / W, 1 / (k (k + 1))) / 2 of the 5%. The first terms of a window add up to at most
  1/2, so do the second, so harmless changes raise *any* alarm within a window with a chance of at most 5%, however the
  nights depend on each other; and a first change after quiet nights is tested nearly as if it were alone.

A row whose evidence is that of its reference to the last bit is not tested: nothing changed. Its p is 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.files import Folder
from patray.runs.comparability import differences_between, why_not
from patray.runs.compare import (
    APART,
    FLIPS,
    HEADER,
    SAME_AS,
    WORSE,
    Apart,
    Judged,
    Key,
    format_apart,
    format_differences,
    format_row,
    key_of,
    paired_rows,
    says,
    unreachable,
)
from patray.runs.step_record import records_of
from patray.statistics.reach import flips_that_carry
from patray.tasks.scores import Score

WINDOW = 30
"""Nights that tonight may be compared with."""
CORRECTION = "max-t"
CAUSES = r"model |versions: |systems: |views: |search: |weights: "
"""Beginnings of the differences that let a row move."""
NEEDED = ("evidence.parquet", "items.parquet", "summary.parquet", "provenance.json")


@dataclass(frozen=True)
class Earlier:
    """A finished run that tonight may meet. means: of every row in slice `all`, as its summary has them."""

    run: Judged
    means: Mapping[Key, float]

    @staticmethod
    def of(folder: Folder) -> Earlier:
        table = folder.read_table("summary.parquet").to_pylist()
        means = {key_of(row): float(row["mean"]) for row in table if row["slice"] == "all" and row["mean"] is not None}
        return Earlier(Judged(folder), {key: mean for key, mean in means.items() if _is_row(key)})


@dataclass(frozen=True)
class Verdict:
    """What is said of tonight. rows: with the run each met in `reference`; apart: not comparable with any earlier run;
    missing: judged before and not tonight; new: judged tonight for the first time; changed: what differs from each
    run that a row was compared with, and from the night before; times: what p was multiplied by besides."""

    tonight: str
    against: str
    rows: tuple[dict[str, object], ...] = ()
    apart: tuple[Apart, ...] = ()
    missing: tuple[Key, ...] = ()
    new: tuple[Key, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    margin: float = 0.0
    times: int = 1

    @property
    def worse(self) -> list[dict[str, object]]:
        """Rows that raise the alarm."""
        return [row for row in self.rows if says(row, self.margin) == "WORSE"]

    @property
    def status(self) -> int:
        """0 quiet, 3 a row is worse, 4 none is but a row could not be compared or is missing."""
        return WORSE if self.worse else APART if self.apart or self.missing else 0


def earlier_nights(runs: Folder, name: str, tonight: str, window: int = WINDOW) -> list[Folder]:
    """The newest `window` finished runs NAME-YYYY-MM-DD before `tonight`, oldest first."""
    dated = re.compile(re.escape(name) + r"-\d{4}-\d{2}-\d{2}")
    found = [runs / run for run in runs.list() if dated.fullmatch(run) and run < tonight]
    return [run for run in found if all(run.exists(file) for file in NEEDED)][-window:]


def pinned_run(runs: Folder, baseline: str) -> Folder:
    """The run of the work directory, folder or URI that `--baseline` names; InputError where it is not finished."""
    inside = runs / baseline
    run = inside if "/" not in baseline and inside.exists() else Folder.at(baseline)
    lacking = [name for name in NEEDED if not run.exists(name)]
    if lacking:
        raise InputError(f"--baseline {baseline}: {run} is no finished run; it lacks {', '.join(lacking)}")
    return run


def judge_night(
    tonight: Folder, earlier: Sequence[Folder], pinned: Folder | None = None, margin: float = 0.0, window: int = WINDOW
) -> Verdict:
    """Compare tonight with the best comparable of the earlier runs (oldest first), row by row, or with `pinned`."""
    now = Earlier.of(tonight)
    before = [Earlier.of(run) for run in ([pinned] if pinned else earlier)]
    if not before:
        return Verdict(now.run.name, "", margin=margin)
    differences = {one.run.name: differences_between(one.run.facts, now.run.facts) for one in before}
    last = before[-1]
    met: dict[str, tuple[Earlier, list[Key]]] = {}
    apart: list[Apart] = []
    new: list[Key] = []
    picked = 1
    for key in now.means:
        having = [one for one in before if key in one.means]
        fitting = [one for one in having if not why_not(differences[one.run.name], key[0], key[1], key[4])]
        if fitting:
            best = max(reversed(fitting), key=lambda one: one.means[key])  # of equals the newest
            met.setdefault(best.run.name, (best, []))[1].append(key)
            picked = max(picked, len({one.means[key] for one in fitting}))
        elif having:
            apart.append(Apart(key, why_not(differences[having[-1].run.name], key[0], key[1], key[4])))
        else:
            new.append(key)
    times = multiplier(picked, window)
    flips = max(FLIPS, 4 * flips_that_carry(times))
    references = {key: best for best, keys in met.values() for key in keys}
    changed = {key for key, best in references.items() if not same_evidence(best.run.score(key), now.run.score(key))}
    pairs = [(key, best.run, now.run) for key, best in references.items() if key in changed]
    tested, without = paired_rows(pairs, flips, CORRECTION)
    rows = [{**row, "p_adjusted": min(1.0, float(str(row["p_adjusted"])) * times)} for row in tested]
    rows += [_unchanged(key, now) for key in references if key not in changed]
    rows = [{**row, "reference": references[key_of(row)].run.name} for row in rows]
    apart += [Apart(key, f"no common query or patent with {references[key].run.name}") for key in without]
    named = [last.run.name, *(name for name in met if name != last.run.name)]
    return Verdict(
        tonight=now.run.name,
        against=before[0].run.name if pinned else f"the best of {len(before)} night(s) since {before[0].run.name}",
        rows=tuple(rows),
        apart=tuple(apart),
        missing=tuple(key for key in last.means if key not in now.means),
        new=tuple(new),
        changed={name: tuple(format_differences(differences[name])) for name in named},
        notes=tuple(unreachable(tested, flips, CORRECTION, times)),
        margin=margin,
        times=times,
    )


def _unchanged(key: Key, now: Earlier) -> dict[str, object]:
    """The row of evidence that is its reference's: nothing to test."""
    place = dict(zip(("task", "landscape", "view", "system", "metric"), key, strict=True))
    mean, n = now.means[key], len(now.run.score(key).items)
    return {**place, "mean_a": mean, "mean_b": mean, "diff": 0.0, "p_adjusted": 1.0, "n": n}


def multiplier(results: int, window: int) -> int:
    """What p is multiplied by: the `results` that the best was picked from, times the share of a night in the 5%.

    multiplier(1, 30), the first change after quiet nights, is 4; multiplier(9, 30) is 540; multiplier(1, 1) is 1: one
    night against one other, nothing to share.
    """
    return results if window == 1 else 2 * results * min(window, results * (results + 1))


def same_evidence(one: Score, two: Score) -> bool:
    """Whether two scores hold the same items in the same order with the same values."""
    if type(one) is not type(two):
        return False
    arrays = [(getattr(one, name), getattr(two, name)) for name in type(one).__dataclass_fields__ if name != "where"]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in arrays)


def format_verdict(found: Verdict, provenance: Mapping[str, Any]) -> str:
    """What a person reads in the log of the night; provenance: of tonight."""
    lines = [vectors_line(provenance)]
    if not found.against:
        return "\n".join([*lines, f"{found.tonight} is the first night: nothing to compare with"])
    corrected = f"p corrected for the rows that changed, times {found.times}"
    lines.append(f"{found.tonight} (b) against {found.against} (a): {len(found.rows)} rows, {corrected}")
    for name, changes in found.changed.items():
        lines += [f"against {name}: {change}" for change in changes]
    lines += [f"note: {note}" for note in found.notes]
    moved = sorted((row for row in found.rows if row["diff"] != 0), key=lambda row: -float(str(row["diff"])))
    if moved or found.apart or found.missing:
        lines.append(HEADER)
    lines += [f"{format_row(row, says(row, found.margin))} (a: {row['reference']})" for row in moved]
    lines += [format_apart(row) for row in found.apart]
    lines += [f"missing, judged before and not tonight: {', '.join(key)}" for key in found.missing]
    lines += [f"new tonight: {', '.join(key)}" for key in found.new]
    if moved and not any(re.match(CAUSES, change) for name in {str(row["reference"]) for row in moved}
                         for change in found.changed[name]):  # fmt: skip
        lines.append(f"note: {len(moved)} rows moved although models, settings and versions are the same")
    lines.append(f"{len(found.rows) - len(moved)} of {len(found.rows)} rows have the very mean of their reference")
    return "\n".join([*lines, _sentence(found)])


def vectors_line(provenance: Mapping[str, Any]) -> str:
    """Whether tonight's vectors were made tonight: `vectors: 4 sets embedded anew`."""
    steps = records_of(provenance, "embed")
    reused = [step for step in steps if step.reused]
    certified = sum(bool(step.get("certificate")) for step in reused)
    parts = [
        f"{len(steps) - len(reused)} sets embedded anew" if len(steps) > len(reused) or not steps else "",
        f"{certified} reused with a certificate" if certified else "",
        f"{len(reused) - certified} reused as they were" if len(reused) > certified else "",
    ]
    return "vectors: " + ", ".join(part for part in parts if part)


def _sentence(found: Verdict) -> str:
    if found.worse:
        systems = ", ".join(dict.fromkeys(str(row["system"]) for row in found.worse))
        return f"WORSE: {systems} lost more than {found.margin:g} and the test says that it is no chance (status 3)"
    if found.status:
        return "NOT COMPARABLE: nothing is known to be worse, but see the rows above (status 4)"
    moved = sum(row["diff"] != 0 for row in found.rows)
    return f"quiet: {moved} rows moved, nothing is worse" if moved else "quiet: nothing changed"


def _is_row(key: Key) -> bool:
    """Spreads over seeds, means over label sets and other names of a metric are no rows of their own."""
    task, metric = key[0], key[4]
    return not task.endswith(":*") and not metric.endswith((".seed_sd", ".drop")) and metric not in SAME_AS
