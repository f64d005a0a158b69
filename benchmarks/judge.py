"""How much memory and time does the judge need, and does either grow faster than the evidence?

    python benchmarks/judge.py [--systems 4 8 16] [--views 2] [--queries 46069] [--base FOLDER] [--large 13x6]

Feeds the judge what a study of so many systems and views gives it (seven measures, slices all, in and out; 46,069
queries are DAPFAM's), a system at a time as its tasks do, and lets it write evidence, summary, comparisons. Each size
runs in a process of its own; memory is its peak (ru_maxrss), less what the imports take. CPU seconds are of all its
threads. --base: another checkout, such
as an older commit, that is measured beside this one. --large: SYSTEMSxVIEWS for this one alone.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MEASURES = ("nDCG@10", "nDCG@100", "Recall@10", "Recall@100", "AP@100", "RR@10", "P@10")
SLICES = {"all": (0.0, 1.0), "in": (0.0, 0.85), "out": (0.45, 1.0)}
"""Which part of the queries each holds."""
OFFICES = {f"jurisdiction=O{at}": (at / 10, (at + 1) / 10) for at in range(10)}
FAMILIES = """\
  - {name: systems/retrieval, task: retrieval, metric: nDCG@10}
  - {name: views/retrieval, task: retrieval, metric: nDCG@10, between: views}
  - {name: systems/retrieval-out, task: retrieval, metric: nDCG@10, slice: out}
"""
"""Those that a suite of several views has by default."""
SUITE = """\
name: judged
landscapes: [{{path: nowhere, name: study}}]
views: [{views}]
models: []
systems: [{systems}]
statistics:
  resamples: {resamples}
  comparisons:
{families}"""
VIEWS = ("ta", "tac", "abstract", "claim1", "title", "claims", "description")


def scores_of(system: str, view: str, queries: np.ndarray, seed: int, slices: int, measures: int) -> Iterator[Any]:
    """What a task gives for one system: values with the ties and zeros that measures have."""
    from patray.tasks.scores import MeanScore, Where

    rng = np.random.default_rng(seed)
    for part, (low, high) in list({**SLICES, **OFFICES}.items())[:slices]:
        items = queries[int(low * len(queries)) : int(high * len(queries))]
        for measure in MEASURES[:measures]:
            hits = rng.integers(0, 12, len(items))
            values = np.where(hits < 4, 0.0, np.log1p(hits * rng.integers(1, 30, len(items))) / 7)
            yield MeanScore(Where("retrieval", "study", view, system, part), measure, items, values)


def judge(
    systems: int, views: int, queries: int, resamples: int, folder: Path, slices: int = 3, measures: int = 7,
    families: str = "  - {name: systems, task: retrieval, metric: nDCG@10}\n",
) -> dict[str, float]:  # fmt: skip
    """Judge one study in this process."""
    import pyarrow as pa

    from patray import tables
    from patray.cluster.judge import Judge
    from patray.cluster.score import Scored
    from patray.files import Folder
    from patray.runs.read import parse_suite

    names = [f"system{number:02}" for number in range(systems)]
    text = SUITE.format(
        views=", ".join(VIEWS[:views]),
        systems=", ".join(f"{{lexical: bm25, name: {name}}}" for name in names),
        resamples=resamples,
        families=families,
    )
    run = Folder.at(folder).make()
    ids = np.array([f"US{number:08}B2" for number in range(queries)], dtype=object)
    items = pa.table([["study"] * queries, ids, [f"F{number // 2}" for number in range(queries)]], tables.ITEMS)
    imports = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, cpu = time.perf_counter(), time.process_time()
    there = Judge(run, parse_suite(text, "judged.yaml", []))
    order = 0
    for view in VIEWS[:views]:
        for name in names:
            # As a task's answer reaches the actor: nothing is shared with what came before.
            scored = pickle.loads(pickle.dumps(Scored([*scores_of(name, view, ids, order, slices, measures)])))
            there.add((order,), scored)
            order += 1
    rows = there.write_evidence(items, tables.MAP.empty_table())
    written, before = time.perf_counter(), time.process_time()
    there.write_statistics()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "rows": rows,
        "gb": (peak - imports) * 1024 / 1e9,
        "evidence_s": written - begin,
        "statistics_s": time.perf_counter() - written,
        "cpu_s": time.process_time() - cpu,
        "statistics_cpu_s": time.process_time() - before,
        "bytes": (folder / "evidence.parquet").stat().st_size / rows,
    }


def measure(checkout: Path, systems: int, views: int, options: argparse.Namespace) -> dict[str, float]:
    """Judge one study in a process of another checkout."""
    with tempfile.TemporaryDirectory(prefix="patray-judge-") as scratch:
        words = [sys.executable, os.path.abspath(__file__), "--one", str(systems), str(views), str(options.queries)]
        words += [str(options.resamples), scratch]
        done = subprocess.run(
            words, env={**os.environ, "PYTHONPATH": str(checkout)}, cwd=checkout, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise SystemExit(
                f"{checkout}: the judge of {systems} systems and {views} views ended with {done.returncode}"
            )
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--queries", type=int, default=46_069)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--base", type=Path, help="a checkout to measure beside this one")
    parser.add_argument("--large", help="SYSTEMSxVIEWS, of this checkout alone")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        systems, views, queries, resamples = map(int, options.one[:4])
        print(json.dumps(judge(systems, views, queries, resamples, Path(options.one[4]))))
        return ""
    here = Path(__file__).resolve().parents[1]
    builds = {"this": here} | ({"base": options.base.resolve()} if options.base else {})
    lines = [
        f"{options.queries:,} queries, {options.resamples:,} resamples; seven measures, slices all, in, out", "",
        "| build | systems x views | evidence rows | peak GB | evidence s | statistics s | CPU s | bytes a row |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    slopes = {}
    for build, checkout in builds.items():
        found = [(systems, options.views) for systems in options.systems]
        if options.large and build == "this":
            found.append(tuple(map(int, options.large.split("x"))))  # type: ignore[arg-type]
        measured = []
        for systems, views in found:
            one = measure(checkout, systems, views, options)
            measured.append(one)
            lines.append(
                f"| {build} | {systems} x {views} | {one['rows'] / 1e6:.2f} M | {one['gb']:.2f} | "
                f"{one['evidence_s']:.0f} | {one['statistics_s']:.0f} | {one['cpu_s']:.0f} | {one['bytes']:.2f} |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
        millions = np.array([one["rows"] for one in measured]) / 1e6
        memory, seconds = (
            np.array([one["gb"] for one in measured]),
            [one["cpu_s"] for one in measured],
        )
        slopes[build] = np.polyfit(millions, memory, 1)[0], np.polyfit(millions, seconds, 1)[0]
    lines.append("")
    for build, (gigabytes, seconds_each) in slopes.items():
        lines.append(f"{build}: {gigabytes:.4f} GB and {seconds_each:.2f} CPU s more for a million rows")
    if "base" in slopes:
        lines.append(f"memory's slope is 1/{slopes['base'][0] / max(slopes['this'][0], 1e-9):.0f} of base's")
    return "\n".join(lines)


if __name__ == "__main__":
    printed = main()
    if printed:
        print(printed)
