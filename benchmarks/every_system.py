"""Does one suite run every kind of system on real patents, and do two engines agree on the same model?

MiniLM by sentence-transformers and by vLLM, a tiny ColBERT and a tiny cross-encoder with random weights (they show
that the road works; their scores mean nothing), BM25, linear fusion and RRF, widths 256, 128 and 64, int8 and binary.
The two engines are each other's peer: nDCG@10 must agree to 1e-4 and the comparison must say "not different".

    python benchmarks/every_system.py ../shared/landscapes [--landscapes hair-dryer ultrasound] [--workdir DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from patray.cluster.execute import execute
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.runs.resolve import resolve
from patray.runs.suite import Suite
from tests.models.tiny_late import cross_record, late_record, save_cross_encoder, save_stanford_colbert

TOLERANCE = 1e-4


def make_suite(landscapes: list[Path], checkpoints: Path) -> Suite:
    """The suite of the docstring over `landscapes`."""

    def tiny(name: str, record: ModelRecord) -> dict[str, Any]:
        return {"name": name, "record": record.model_dump(mode="json"), "path": str(checkpoints / name)}

    for name, save in (("tiny-colbert", save_stanford_colbert), ("tiny-cross", save_cross_encoder)):
        if not (checkpoints / name).exists():
            save(checkpoints / name)
    suite = {
        "name": "every-system",
        "landscapes": [{"path": str(path.resolve())} for path in landscapes],
        "views": ["tac"],
        "models": [
            "minilm",
            {"name": "minilm-vllm", "model": "minilm", "engine": "vllm"},
            tiny("tiny-colbert", late_record()),
            tiny("tiny-cross", cross_record()),
        ],
        "systems": [
            {"dense": "minilm"},
            {"dense": "minilm-vllm"},
            {"late": "tiny-colbert"},
            {"lexical": "bm25"},
            {"linear": ["minilm", "bm25"]},
            {"rrf": ["minilm", "bm25"]},
            {"rerank": "bm25", "with": "tiny-cross", "depth": 20},
            {"dense": "minilm", "dimensions": [256, 128, 64]},
            {"dense": "minilm", "precision": "int8"},
            {"dense": "minilm", "precision": "binary"},
        ],
        "tasks": {"retrieval": {}, "classification": None, "clustering": None},
    }
    return resolve(Suite.model_validate(suite))


def show(run: Folder) -> bool:
    """Print the leaderboard and the two engines' comparison; whether they agree."""
    rows = run.read_table("summary.parquet").to_pylist()
    rows = [row for row in rows if row["slice"] == "all" and row["metric"] == "nDCG@10"]
    means = {(row["landscape"], row["system"]): row["mean"] for row in rows}
    landscapes = sorted({name for name, _ in means})
    print("| system | " + " | ".join(landscapes) + " |")
    print("|---" * (1 + len(landscapes)) + "|")
    for system in dict.fromkeys(row["system"] for row in rows):
        print(f"| {system} | " + " | ".join(f"{means[name, system]:.4f}" for name in landscapes) + " |")
    agree = True
    print()
    for row in run.read_table("comparisons.parquet").to_pylist():
        if {row["system_a"], row["system_b"]} == {"minilm", "minilm-vllm"}:
            same = abs(row["diff"]) <= TOLERANCE and row["p_adjusted"] > 0.05
            agree &= same
            print(
                f"{row['landscape']}: engines differ by {row['diff']:+.1e} ({row['ci_low']:+.1e} to "
                f"{row['ci_high']:+.1e}), adjusted p {row['p_adjusted']:.2g}, n {row['n']:,}: "
                f"{'not different' if same else 'DIFFERENT'}"
            )
    return agree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of landscapes")
    parser.add_argument("--landscapes", nargs="+", default=["hair-dryer", "ultrasound"])
    parser.add_argument("--workdir", help="keep embeddings and the run there [a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(options.workdir or scratch)
        begin = time.perf_counter()
        suite = make_suite([options.root / name for name in options.landscapes], workdir / "tiny")
        with contextlib.redirect_stdout(sys.stderr):  # the report's place is this machine's and no result
            run = execute(suite, str(workdir))
        agree = show(run)
        print(f"\n{time.perf_counter() - begin:.0f} s")
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
