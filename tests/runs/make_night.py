"""Finished run folders written directly: evidence, items, summary, suite and provenance of a small retrieval run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from patray import tables
from patray.files import Folder
from patray.statistics.draws import Draws
from patray.tasks.evidence import to_evidence
from patray.tasks.inference import summarise
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

QUERIES = 60
SUITE: dict[str, Any] = {
    "name": "nightly",
    "landscapes": [{"name": "corp", "content": "aaaa0000aaaa0000"}],
    "views": [{"name": "ta", "sections": ["title", "abstract"]}],
    "models": [
        {"name": "minilm", "engine": "sentence-transformers", "record": {"repo": "x/minilm", "pooling": "mean"}}
    ],
    "systems": [{"name": "minilm", "dense": "minilm"}, {"name": "bm25", "lexical": "bm25", "k1": 1.2}],
    "tasks": {
        "retrieval": {"direction": "cited", "exclude_family": True, "measures": ["nDCG@10"], "slices": ["all"]},
        "classification": {"labels": ["files"], "probes": ["knn"], "neighbours": [1, 3], "min_train": 5},
        "clustering": {"labels": ["files"], "seeds": 2, "min_class": 5},
    },
    "splits": {"train": 0.6, "validation": 0.2, "test": 0.2, "salt": "patray"},
    "search": {"depth": 100},
}
PROVENANCE: dict[str, Any] = {
    "patray": "0.1.0",
    "python": "3.11.9",
    "versions": {"torch": "2.8.0", "transformers": "5.0.0"},
    "landscapes": {
        "corp": {
            "content": "aaaa0000aaaa0000", "patents": 70, "queries": QUERIES, "pairs": 180,
            "contents": {"patents": "p0", "citations": "c0", "labels/area": "l0"},
        },
    },
    "models": {"minilm": {"repo": "x/minilm", "pooling": "mean", "content": "weights0"}},
    "steps": [],
}  # fmt: skip


def base_values(seed: int = 0, n: int = QUERIES) -> np.ndarray:
    """(n,) values of queries between 0.2 and 0.8."""
    return np.random.default_rng(seed).uniform(0.2, 0.8, n)


def write_run(
    folder: Folder,
    values: Mapping[str, np.ndarray] | None = None,
    *,
    suite: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    landscape: str = "corp",
    documents: int = 70,
    families: Mapping[str, str] | None = None,
    labelled: bool = False,
    metric: str = "nDCG@10",
    leave_out: tuple[str, ...] = (),
) -> Folder:
    """A run of systems with these values of nDCG@10 on q000, q001, ...; `suite`, `provenance`: keys by dotted path."""
    values = {"minilm": base_values(), "bm25": base_values(1)} if values is None else values
    ids = [f"q{i:03d}" for i in range(max([documents, *map(len, values.values())]))]
    scores: list[Score] = []
    for system, column in values.items():
        where = Where("retrieval", landscape, "ta", system, "all")
        scores.append(MeanScore(where, metric, np.array(ids[: len(column)], object), np.asarray(column, float)))
    if labelled:
        scores += _labelled(landscape, ids[:40])
    items = pa.table(
        [[landscape] * len(ids), ids, [(families or {}).get(name, name) for name in ids]], schema=tables.ITEMS
    )
    folder.write_table("evidence.parquet", to_evidence(scores))
    folder.write_table("items.parquet", items)
    folder.write_table("summary.parquet", summarise(scores, items, Draws(100)))
    written = {
        "suite.yaml": with_changes(SUITE, suite or {}),
        "provenance.json": with_changes(PROVENANCE, provenance or {}),
    }
    for name, value in written.items():
        if name not in leave_out:
            folder.write_text(name, yaml.safe_dump(value)) if name == "suite.yaml" else folder.write_json(name, value)
    return folder


def with_changes(value: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which keys such as `versions.torch` or `systems.1.k1` have another value; `...` removes one."""
    copied: Any = copy.deepcopy(dict(value))
    for path, new in changes.items():
        inner, *rest = copied, *path.split(".")
        for key in rest[:-1]:
            inner = inner[int(key) if isinstance(inner, list) else key]
        last: Any = int(rest[-1]) if isinstance(inner, list) else rest[-1]
        if new is ...:
            del inner[last]
        else:
            inner[last] = new
    return dict(copied)


def _labelled(landscape: str, ids: list[str]) -> list[Score]:
    rng = np.random.default_rng(5)
    items = np.array(ids, object)
    truth = np.eye(4, dtype=bool)[rng.integers(0, 4, len(ids))]
    predicted = np.where(rng.random(len(ids))[:, None] < 0.7, truth, ~truth)
    classes = rng.integers(0, 3, len(ids)).astype(np.int32)
    clusters = np.stack([classes, rng.integers(0, 3, len(ids))]).astype(np.int32)
    names = np.array(["a", "b", "c", "d"], object)
    return [
        LabelScore(
            Where("classification:area", landscape, "ta", "minilm", "all"), "knn", items, names, truth, predicted
        ),
        ClusterScore(Where("clustering:area", landscape, "ta", "minilm", "all"), items, names[:3], classes, clusters),
    ]


def night(workdir: Path, date: str, *args: Any, name: str = "nightly", **kwargs: Any) -> Folder:
    """`write_run` under the dated name of a night."""
    return write_run(Folder.at(workdir) / "runs" / f"{name}-{date}", *args, **kwargs)
