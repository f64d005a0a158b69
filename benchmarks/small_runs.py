"""How long do small runs take, from the command to its end? Whole processes, beside another build's.

    python benchmarks/small_runs.py --against ../a-checkout-of-another-build [--landscape hair-dryer] [--rounds 5]

Medians of three cases: nothing there yet; all vectors there (another name); the finished run asked again. The builds
take turns, so that both meet the same machine, and what both have of evidence must be the same to the bit.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
SUITE = """\
name: small
landscapes: [{{path: {landscape}}}]
views: [ta]
models: [minilm]
systems: [{{dense: minilm}}, {{lexical: bm25}}, {{linear: [minilm, bm25]}}]
"""
CASES = {"first run": "first", "all vectors there": "second", "finished run": "second"}


def run(build: Path, suite: Path, workdir: Path, name: str) -> float:
    """Seconds of one whole `patray run` of a build."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    command = [sys.executable, "-m", "patray.cli", "run", str(suite), "--workdir", str(workdir), "--name", name]
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=build, env={**environment, "PYTHONPATH": str(build)}, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{build}: {done.stderr}")
    return seconds


def holds(evidence: pa.Table, other: pa.Table) -> bool:
    """Whether evidence has every row of another build's, its value equal to the bit; it may have slices of its own."""
    keys = [name for name in other.column_names if name != "value"]
    ours, theirs = (table.to_pandas().astype(dict.fromkeys(keys, str)).set_index(keys) for table in (evidence, other))
    return bool((ours.value.reindex(theirs.index) == theirs.value).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="the root of another build's checkout")
    parser.add_argument("--landscape", default="hair-dryer", help="a folder, or a name in PATRAY_LANDSCAPES")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = Path(options.landscape)
    if not found.is_dir():
        found = Path(os.environ.get("PATRAY_LANDSCAPES", ROOT.parent / "shared" / "landscapes")) / options.landscape
    builds = {"this": ROOT} | ({"other": options.against.resolve()} if options.against else {})
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="patray-") as folder:
        suite = Path(folder) / "small.yaml"
        suite.write_text(SUITE.format(landscape=found.resolve()))
        for at in range(options.rounds):
            evidence = []
            for name, build in builds.items():
                workdir = Path(folder) / f"{name}-{at}"
                for case, run_name in CASES.items():
                    seconds.setdefault((case, name), []).append(run(build, suite, workdir, run_name))
                evidence.append(pq.read_table(workdir / "runs" / "second" / "evidence.parquet"))
            assert all(holds(evidence[0], one) for one in evidence), "the builds disagree"
    print(f"{found.name}, {os.cpu_count()} CPUs, {platform.processor() or platform.machine()}, {options.rounds} rounds")
    print(f"| case | {' | '.join(builds)} | share |")
    print("|---|" + "---|" * (len(builds) + 1))
    for case in CASES:
        medians = [statistics.median(seconds[case, name]) for name in builds]
        share = f"{medians[0] / medians[1]:.2f}" if len(medians) > 1 else ""
        print(f"| {case} | {' | '.join(f'{one:.1f} s' for one in medians)} | {share} |")


if __name__ == "__main__":
    main()
