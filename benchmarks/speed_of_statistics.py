"""How long do summary, comparisons and standings take, task by task, beside an earlier build?

    python benchmarks/speed_of_statistics.py [--systems 12] [--items 4000] [--base FOLDER] [--cells labels clusters]

Scores of one view: retrieval (nDCG@10), labels (30 labels, k-NN's F1), clusters (30 classes, five seeds), every pair
compared, 10,000 resamples and flips, one item in ten sharing its family. The earlier build knows Holm alone; this one
is measured with Holm and with max-T. Each cell runs in a process of its own; seconds are those of the processor, of one
thread; builds take turns, and the least of `--repeat` runs counts, since other work on a machine only adds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

CELLS = {"retrieval": "nDCG@10", "labels": "knn-macro-F1", "clusters": "V-measure"}
TASKS = {"retrieval": "retrieval", "labels": "classification:c", "clusters": "clustering:c"}
LABELS, CLASSES, SEEDS = 30, 30, 5
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def scores_of(cell: str, systems: int, ids: np.ndarray) -> list[Any]:
    """Systems that differ a little, in the shape that the task's scores have."""
    from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Where

    n, rng = len(ids), np.random.default_rng(3)
    hard, found = rng.random(n), []
    truth = rng.random((n, LABELS)) < 0.5 / np.arange(1, LABELS + 1)
    classes = rng.integers(0, CLASSES, n).astype(np.int32)
    names = np.array([f"L{at}" for at in range(max(LABELS, CLASSES))], dtype=object)
    for at in range(systems):
        where = Where(TASKS[cell], "study", "ta", f"s{at:02}", "all")
        if cell == "retrieval":
            values = np.clip(hard - 0.3 + 0.002 * at + rng.normal(0, 0.2, n), 0, 1)
            found.append(MeanScore(where, "nDCG@10", ids, values))
        elif cell == "labels":
            wrong = rng.random(truth.shape) < (0.02 + 0.0005 * at)
            found.append(LabelScore(where, "knn", ids, names[:LABELS], truth, truth ^ wrong))
        else:
            kept = rng.random((SEEDS, n)) < 0.5 + 0.005 * at
            clusters = np.where(kept, classes, rng.integers(0, CLASSES, (SEEDS, n))).astype(np.int32)
            found.append(ClusterScore(where, ids, names[:CLASSES], classes, clusters))
    return found


def one(cell: str, systems: int, items: int, correction: str, draws: int) -> dict[str, float]:
    """Seconds of summary and of comparisons in this process, with whatever build it imports."""
    import pyarrow as pa

    from patray.tasks.comparisons import ComparisonFamily, compare
    from patray.tasks.inference import summarise

    ids = np.array([f"EP{at:07}" for at in range(items)], dtype=object)
    kin = np.arange(items)
    kin[: items // 10] = kin[: items // 10] // 3
    table = pa.table({"landscape": ["study"] * items, "item_id": ids, "family_id": [f"F{at}" for at in kin]})
    scores = scores_of(cell, systems, ids)
    family = ComparisonFamily("systems", TASKS[cell], CELLS[cell])
    options: dict[str, Any] = {"resamples": draws, "flips": draws, "correction": correction}
    if "draws" in signature(compare).parameters:
        from patray.statistics.draws import Draws

        given: dict[str, Any] = {"draws": Draws(**options)}
        summary = given
    else:
        given, summary = options, {"resamples": draws}
    small = scores_of(cell, 2, ids[:50])
    summarise(small, table, **summary)  # what is imported on first use is not what is measured
    compare(small, table, [family], **given)
    start = time.process_time()
    summarise(scores, table, **summary)
    middle = time.process_time()
    compare(scores, table, [family], **given)
    return {"summary": middle - start, "comparisons": time.process_time() - middle}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=12)
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--base", type=Path, help="an earlier checkout")
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        cell, correction = options.one[0], options.one[3]
        print(json.dumps(one(cell, int(options.one[1]), int(options.one[2]), correction, int(options.one[4]))))
        return
    here = Path(__file__).resolve().parents[1]
    builds = ([("base", options.base.resolve(), "holm")] if options.base else []) + [
        ("this, holm", here, "holm"),
        ("this, max-t", here, "max-t"),
    ]
    print(
        f"{options.systems} systems, {options.items:,} items, {options.draws:,} resamples and flips; processor seconds"
    )
    print(f"{'':12}{'build':14}{'summary':>10}{'compare':>10}{'of base':>10}")
    for cell in options.cells:
        least: dict[str, dict[str, float]] = {}
        for _ in range(options.repeat):
            for name, checkout, correction in builds:
                words = [sys.executable, os.path.abspath(__file__), "--one", cell, str(options.systems)]
                words += [str(options.items), correction, str(options.draws)]
                done = subprocess.run(
                    words,
                    env={**os.environ, "PYTHONPATH": str(checkout), **ONE_THREAD},
                    cwd=checkout,
                    stdout=subprocess.PIPE,
                    check=True,
                )
                found = json.loads(done.stdout.splitlines()[-1])
                known = least.setdefault(name, found)
                least[name] = {key: min(known[key], found[key]) for key in found}
        base = sum(least["base"].values()) if "base" in least else float("nan")
        for name, seconds in least.items():
            ratio = sum(seconds.values()) / base
            print(
                f"{cell:12}{name:14}{seconds['summary']:>10.1f}{seconds['comparisons']:>10.1f}{ratio:>10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
