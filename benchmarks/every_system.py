"""Does one suite run every kind of system on real patents, each by its real engine, and do two engines agree?

The suite is the tests' `every-kind.yaml`: dense, compressed, late interaction, sparse (with and without a query model),
static, vectors made elsewhere, readings, BM25, two fusions, a reranker, a listwise reranker and a TREC run made
elsewhere, through Ray. MiniLM runs by sentence-transformers and by vLLM, which are each other's peer: nDCG@10 must
agree to 1e-4 and the comparison must say "not different". The listwise reranker is a causal language model in vLLM. All
models but MiniLM are tiny with random weights: they show that the road works, and their scores mean nothing.

    python benchmarks/every_system.py ../shared/landscapes [--workdir DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import cpu_name

import patray
from patray.runs.read import parse_suite
from patray.runs.suite import Suite
from tests.cluster.test_every_kind import SUITE, save_models

TOLERANCE = 1e-4
PEER = "minilm-vllm"
DEEPER = {"depth": 10, "window": 4, "step": 2, "budget": 1000}
"""Of the listwise reranker, in place of the two results that the test orders."""


def make_suite(landscapes: Path, tiny: Path) -> Suite:
    """The tests' suite of every kind on hair-dryer, with MiniLM by vLLM too; tiny: folder of the tiny models."""
    if not tiny.exists():
        tiny.mkdir(parents=True)
        save_models(tiny, landscapes / "hair-dryer")
    text = SUITE.read_text(encoding="utf-8").replace("{tiny}", str(tiny)).replace("{landscapes}", str(landscapes))
    suite = parse_suite(text, SUITE.name, [])
    models = [*suite.models, {"name": PEER, "model": "minilm", "engine": "vllm"}]
    systems = [
        {**system.model_dump(by_alias=True, exclude_none=True), **(DEEPER if system.kind == "listwise" else {})}
        for system in suite.systems or ()
    ]
    return Suite.model_validate({**dict(suite), "models": models, "systems": [*systems, {"dense": PEER}]})


def show(run: patray.Run) -> bool:
    """Print the systems with their score and time, what the listwise reranker was asked, and whether engines agree."""
    rows = run.summary[(run.summary.slice == "all") & (run.summary.metric == "nDCG@10")]
    steps = {step["system"]: step for step in run.provenance["steps"] if "system" in step and "seconds" in step}
    kinds = {system.name: system.kind for system in run.suite.systems or ()}
    print("| kind | system | nDCG@10 | queries | seconds of the ranking |")
    print("|---|---|---|---|---|")
    for row in rows.itertuples():
        took = steps[row.system]["seconds"]
        print(f"| {kinds[row.system]} | {row.system} | {row.mean:.4f} | {row.n:,} | {took:.2f} |")
    for name, kind in kinds.items():
        step = steps[name]
        if kind == "listwise" and not step["reused"]:
            print(
                f"\n{name}: {step['calls']:,} prompts of {step['tokens']:,} tokens in all; {step['broken answers']:,} "
                f"answers were no permutation and were repaired ({step['repeated']:,} numbers repeated, "
                f"{step['unknown']:,} unknown, {step['missing']:,} missing)"
            )
    pairs = run.comparisons
    one = pairs[pairs.system_a.isin(["minilm", PEER]) & pairs.system_b.isin(["minilm", PEER])]
    one = one[(one.metric == "nDCG@10") & (one.slice == "all")]
    assert len(one) == 1, one
    [row] = one.itertuples()
    agree = abs(row.diff) <= TOLERANCE and row.p_adjusted > 0.05
    print(
        f"\nMiniLM by two engines: they differ by {row.diff:+.1e} ({row.ci_low:+.1e} to {row.ci_high:+.1e}), adjusted "
        f"p {row.p_adjusted:.2g}, n {row.n:,}: {'not different' if agree else 'DIFFERENT'}"
    )
    return bool(agree)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of landscapes, with hair-dryer among them")
    parser.add_argument("--workdir", type=Path, help="keep embeddings and the run there [a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workdir = (options.workdir or Path(scratch)).resolve()
        begin = time.perf_counter()
        suite = make_suite(options.root.resolve(), workdir / "tiny")
        with contextlib.redirect_stdout(sys.stderr):  # the report's place is this machine's and no result
            run = patray.run(suite, str(workdir))
        print(f"{cpu_name()}; hair-dryer, view ta\n")
        agree = show(run)
        print(f"\n{time.perf_counter() - begin:.0f} s in all")
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
