"""What do the recipes do to MiniLM at home and abroad? The study's question, on real patents and two cores.

The base is its own peer: every number is the difference to the untuned model on the same items, with its interval, and
the sham recipe (R3 with shuffled positives) stands beside the others. Data are matched: all recipes of a home get the
same number of pairs and steps. At home only test families are judged.

    python benchmarks/recipes.py ../shared/landscapes [--home ultrasound] [--workdir DIR] [--plan]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patray.cluster.execute import execute
from patray.importers.select import dense_sample
from patray.runs.read import dump_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite

SETTINGS = {
    "batch": 64, "epochs": 3, "max_tokens": 128, "learning_rate": 5e-5, "precision": "bfloat16", "validate_every": 11,
    "validation_corpus": 400, "validation_queries": 100,
}  # fmt: skip
BY_LOSS = {**SETTINGS, "pairs": 704, "select_by": "loss"}
RECIPES: dict[str, list[dict[str, Any]]] = {
    "ultrasound": [
        {"recipe": "R1", "change": SETTINGS},
        {"recipe": "R1", "name": "R1-unmasked", "change": {**SETTINGS, "mask": []}},
        {"recipe": "R3", "seeds": 3, "change": SETTINGS},
        {"recipe": "R4", "change": SETTINGS},
        {"recipe": "sham", "change": SETTINGS},
    ],
    "a61-2000": [
        {"recipe": "R2", "change": BY_LOSS},
        {"recipe": "R2", "name": "sham-R2", "change": {**BY_LOSS, "shuffle_positives": True}},
    ],
}
"""ultrasound has neither labels nor IPC nor CPC, so R2 has no pair there: it is tuned on a61, beside its own sham. a61
has neither claims nor citations, so R2 is all that can be tuned there."""
SAMPLES = {"a61": 2000, "software": 1500}
"""The two large landscapes are judged on a sample, so that the whole takes an hour on two cores."""


def sample_landscape(source: Path, target: Path, size: int, seed: int = 0) -> None:
    """A landscape of `size` patents of another, chosen so that citations stay dense."""
    target.mkdir(parents=True, exist_ok=True)
    patents = pq.read_table(source / "patents.parquet")
    if not (source / "citations.parquet").exists():
        rows = np.sort(np.random.default_rng(seed).choice(patents.num_rows, size, replace=False))
        _write(patents.take(pa.array(rows)), source, target, f"uniform sample of {size}, seed {seed}")
        return
    citations = pq.read_table(source / "citations.parquet")
    place = {name: at for at, name in enumerate(patents["patent_id"].to_pylist())}
    ends = [np.array([place.get(name, -1) for name in citations[key].to_pylist()]) for key in ("citing_id", "cited_id")]
    known = (ends[0] >= 0) & (ends[1] >= 0)
    rows = np.flatnonzero(dense_sample(patents.num_rows, ends[0][known], ends[1][known], size, seed))
    inside = np.isin(ends[0], rows) & np.isin(ends[1], rows)
    pq.write_table(citations.filter(pa.array(inside)), target / "citations.parquet")
    _write(patents.take(pa.array(rows)), source, target, f"sample of {size} that keeps citations dense, seed {seed}")


def _write(patents: pa.Table, source: Path, target: Path, notes: str) -> None:
    pq.write_table(patents, target / "patents.parquet")
    for path in source.glob("labels/*.parquet"):
        (target / "labels").mkdir(exist_ok=True)
        table = pq.read_table(path)
        kept = pc.is_in(table["patent_id"], value_set=patents["patent_id"].combine_chunks())
        pq.write_table(table.filter(kept), target / "labels" / path.name)
    (target / "landscape.yaml").write_text(f"name: {target.name}\nnotes: {notes}\n", encoding="utf-8")


def make_suite(landscapes: Path, sampled: list[Path], home: str) -> Suite:
    whole = [landscapes / name for name in ("ultrasound", "hair-dryer")]
    suite = {
        "name": f"recipes-{home}",
        "landscapes": [{"path": str(path.resolve())} for path in [*whole, *sampled]],
        "views": ["ta"],
        "models": ["minilm"],
        "systems": [{"dense": "minilm"}],
        "bases": ["minilm"],
        "homes": [home],
        "recipes": RECIPES[home],
        "matched": True,
        "tasks": {
            "retrieval": {"slices": ["all", "in", "out"]},
            "classification": {"labels": ["files", "ipc-subclass"], "probes": ["knn"]},
            "clustering": {"labels": ["files", "ipc-subclass"], "seeds": 3},
        },
        "training": {"workers": {"min": 2, "max": 2}},
        "embedding": {"actors": {"min": 2, "max": 2}},
    }
    return resolve(Suite.model_validate(suite))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landscapes", type=Path, help="folder with ultrasound, hair-dryer, a61 and software")
    parser.add_argument("--home", choices=list(RECIPES), default="ultrasound")
    parser.add_argument("--workdir", help="keep embeddings and checkpoints there [a temporary folder]")
    parser.add_argument("--plan", action="store_true", help="print the suite and stop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(options.workdir or scratch)
        sampled = [workdir / f"{name}-{size}" for name, size in SAMPLES.items()]
        for target, (name, size) in zip(sampled, SAMPLES.items(), strict=True):
            if not (target / "landscape.yaml").exists():
                sample_landscape(options.landscapes / name, target, size)
        suite = make_suite(options.landscapes, sampled, options.home)
        if options.plan:
            print(dump_suite(suite))
            return
        with contextlib.redirect_stdout(sys.stderr):  # the report's place is this machine's and no result
            run = execute(suite, str(workdir))
        rows = run.read_table("comparisons.parquet").to_pylist()
    print("\n| task | landscape | system | base | difference | 95% interval | p adjusted | smallest seen | n |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        if row["system_b"] != "minilm" or row["system_a"] == "minilm":
            continue
        print(
            f"| {row['task']} {row['metric']} | {row['landscape']} | {row['system_a'].split('--', 1)[1]} | "
            f"{row['mean_b']:.4f} | {row['diff']:+.4f} | {row['ci_low']:+.4f} to {row['ci_high']:+.4f} | "
            f"{row['p_adjusted']:.2g} | {row['min_detectable']:.4f} | {row['n']:,} |"
        )


if __name__ == "__main__":
    main()
