"""Why an interval has no width: every item alike, few labels left, or one class that holds nearly all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from patray.files import Folder
from patray.report.answer import answers_for, in_view
from patray.report.data import KINDS, Results, Row, kind_of
from patray.report.naming import items_words
from patray.report.words import clean, percent, plural
from patray.tasks.by_part import metrics_of_key
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.scores import ClusterScore, LabelScore, Score


def with_flat(run: Folder, results: Results) -> Results:
    """`results` with a reason for every score of the leaders' views whose interval has no width."""
    rows = [
        row
        for kind in KINDS
        for answer in answers_for(results, kind)
        for row in in_view(results, answer).values()
        if row.low is not None and row.low == row.high
    ]
    if not rows or not run.exists("evidence.parquet"):
        return replace(results, flat=tuple((row, _counted(row)) for row in rows))
    evidence = EvidenceFile(run)
    wanted = {(row.task, row.landscape, row.view, row.system, row.slice): row for row in rows}
    keys = []
    for key in evidence.index:
        where = key.where
        place = tuple(map(clean, (where.task, where.landscape, where.view, where.system, where.slice)))
        row = wanted.get(place)  # type: ignore[arg-type]
        if row is not None and row.metric in metrics_of_key(evidence, key):
            keys.append((row, key))
    found = {row: _counted(row) for row in rows}
    for (row, _), score in zip(keys, evidence.load([key for _, key in keys]), strict=True):
        found[row] = reason(row, score)
    return replace(results, flat=tuple(found.items()))


def _counted(row: Row) -> str:
    return f"no resample of the {items_words(row.n, kind_of(row.task))} gives another value"


def reason(row: Row, score: Score) -> str:
    """What the items of a score have in common: `each of the 40 queries scores 0.000`."""
    items = items_words(row.n, kind_of(row.task))
    if isinstance(score, LabelScore):
        sizes = score.truth.sum(axis=0)
        right = bool((score.truth == score.predicted).all())
        said = f"all of the {items} are classified rightly" if right else _counted(row)
        return f"{said}; {_classes(sizes, len(score.items), 'label')}"
    if isinstance(score, ClusterScore):
        one = all(len(np.unique(clusters)) == 1 for clusters in score.clusters)
        said = "all patents are in one cluster" if one else _counted(row)
        return f"{said}; {_classes(np.bincount(score.classes), len(score.items), 'class')}"
    return f"each of the {items} scores {row.mean:.3f}" if np.ptp(score.values) == 0 else _counted(row)


def _classes(sizes: np.ndarray, items: int, word: str) -> str:
    """`4 labels are left, the largest holds 92%`."""
    left = int((sizes > 0).sum())
    many = {"class": "classes"}.get(word, f"{word}s")
    verb = "is" if left == 1 else "are"
    most = int(sizes.max(initial=0)) / max(items, 1)
    return f"{plural(left, word, many)} {verb} left, the largest holds {percent(most)}"
