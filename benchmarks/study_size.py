"""A rehearsal of the whole study: what would `jobs/suites/paper.yaml` take on 113,148 patents, step by step?

    python benchmarks/study_size.py [--patents 2000 6000] [--views 1] [--widest 4096] [--workdir FOLDER]

Runs the suite's shape on generated landscapes of the given sizes, each in a `patray run` of its own, and draws a line
through what each step took to the study's size: 113,148 patents, 46,069 queries, six views. Vectors are hashed by the
engine `rehearsal` (benchmarks/rehearsal/, found by its entry point), so **no score of it means anything**: every model,
system, landscape and run is called a rehearsal. Late-interaction models and rerankers are stood in for by fusions, so
that rankings, evidence, statistics and report have their number of systems; what MaxSim and rerankers cost themselves
is not in it, nor what the study's models cost to encode. Memory is the proportional one (PSS) of all processes of a
run, and of its driver alone; Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml
from machine import cpu_name
from memory import pss

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "benchmarks" / "rehearsal"
STUDY = {"patents": 113_148, "queries": 46_069, "pairs": 113_148 * 46_069, "views": 6}
WHOLE = "whole run, start-up and report included"
GROWS_WITH = {"BM25": "pairs", "dense search": "pairs", "fusions and stand-ins": "queries", "judge": "queries"}
"""What a step's time grows with, of STUDY; the others with the patents."""
VIEWS = ("tac", "ta", "ta+claim1", "claim1", "abstract")
"""The suite's views that a generated landscape has texts for; the sixth, dwpi-ta, is counted like the others."""


@dataclass(frozen=True)
class Measured:
    """One rehearsal. seconds: step -> s; written: folder of the work directory -> bytes; driver, everyone: peak GB;
    cpu: CPU seconds of all processes."""

    patents: int
    queries: int
    views: int
    evidence: int
    systems: int
    seconds: dict[str, float]
    written: dict[str, float]
    driver: float
    everyone: float
    cpu: float


def rehearsal_suite(landscape: Path, options: argparse.Namespace, snapshots: Path) -> dict[str, Any]:
    """paper.yaml with hashed vectors of the models' widths, and every name marked.

    options: views, models, widest, resamples, as on the command line.
    """
    sys.path.insert(0, str(PACKAGE))
    from patray_rehearsal import MARK, rehearsed, write_snapshot

    from patray.models.registry import find_record
    from patray.models.resolve import find_snapshot

    said = yaml.safe_load((ROOT / "jobs" / "suites" / "paper.yaml").read_text(encoding="utf-8"))
    records = {entry["model"]: find_record(entry["model"]) for entry in said["models"]}
    tokenizer = Path(find_snapshot(find_record("minilm"), None, None, False).location)
    dense = [record for record in records.values() if record.kind == "dense"]
    left_out = {record.name for record in dense[: len(dense) - options.models]}
    models: list[dict[str, Any]] = []
    for record in dense[len(dense) - options.models :]:
        own = rehearsed(record, options.widest)
        folder = write_snapshot(snapshots / str(own["name"]), min(record.dimension, options.widest), tokenizer)
        models.append({"record": own, "path": str(folder)})
    mark = {name: f"{MARK}-{name}" if name in records else name for name in [*records, "bm25"]}
    systems: list[dict[str, Any]] = []
    for place, system in enumerate(said["systems"]):
        named = {name for value in system.values() for name in (value if isinstance(value, list) else [value])}
        if named & left_out:
            continue
        if "dense" in system:
            widths = [width for width in system.get("dimensions", []) if width < options.widest]
            if widths or "dimensions" not in system:
                systems.append({"dense": mark[system["dense"]]} | ({"dimensions": widths} if widths else {}))
        elif "late" in system or "rerank" in system:
            of = system.get("late") or f"{system['with']}-of-{system['rerank']}"
            systems.append({"rrf": [models[-1]["record"]["name"], "bm25"], "k": 200 + place, "name": f"{MARK}-{of}"})
        elif "lexical" in system:
            systems.append(system)
        else:
            kind = "linear" if "linear" in system else "rrf"
            systems.append({**system, kind: [mark[part] for part in system[kind]]})
    return {
        "name": MARK,
        "title": "A rehearsal with hashed vectors: its scores mean nothing",
        "landscapes": [{"path": str(landscape)}],
        "views": list(VIEWS[: options.views]),
        "models": models,
        "systems": systems,
        "tasks": said["tasks"],
        "statistics": said["statistics"] | {"resamples": options.resamples},
    }


def rehearse(patents: int, options: argparse.Namespace, folder: Path) -> Measured:
    """One whole run of the suite on so many patents."""
    seconds: dict[str, float] = {}
    begin = time.perf_counter()
    landscape = folder / f"rehearsal-{patents}"
    code = (
        "import sys; from patray.files import Folder; from patray.landscapes.generate import generate\n"
        "generate(Folder.at(sys.argv[1]), name=sys.argv[2], seed=1, patents=int(sys.argv[3]))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    paths = [str(ROOT), str(PACKAGE), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    subprocess.run(
        [sys.executable, "-c", code, str(landscape), landscape.name, str(patents)], env=environment, check=True
    )
    seconds["generate"] = time.perf_counter() - begin
    suite = rehearsal_suite(landscape, options, folder / "snapshots")
    (folder / "rehearsal.yaml").write_text(yaml.safe_dump(suite, sort_keys=False), encoding="utf-8")
    work = folder / "work"
    command = [sys.executable, "-m", "patray.cli", "run", str(folder / "rehearsal.yaml"), "--workdir", str(work)]
    whole, driver, everyone, cpu = watched(command, environment, folder / "log.txt")
    run = work / "runs" / str(suite["name"])
    facts = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    seconds |= steps_of(facts["steps"], whole)
    truth = facts["landscapes"][landscape.name]
    import pyarrow.parquet as pq

    evidence = pq.ParquetFile(run / "evidence.parquet").metadata.num_rows
    ranked = {path.stem for path in (run / "rankings").rglob("*.parquet")}
    written = {part.name: size_of(part) for part in sorted(work.iterdir()) if part.name != "runs"}
    written |= {f"runs, {part.name}": size_of(part) for part in sorted(run.iterdir()) if size_of(part) > 1e5}
    return Measured(
        patents, int(truth["queries"]), options.views, evidence, len(ranked), seconds, written, driver / 1e9,
        everyone / 1e9, cpu,
    )  # fmt: skip


def watched(command: Sequence[str], environment: dict[str, str], log: Path) -> tuple[float, int, int, float]:
    """Run a command, looking once a second: (seconds, its peak PSS, that with all it started, their CPU seconds)."""
    begin, driver, everyone, cpu = time.perf_counter(), 0, 0, dict[int, float]()
    with log.open("w") as stream:
        job = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        while job.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(job.pid)
                own, children = pss(process), process.children(recursive=True)
                driver, everyone = max(driver, own), max(everyone, own + sum(map(pss, children)))
                for one in (process, *children):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        cpu[one.pid] = sum(one.cpu_times()[:2])
            time.sleep(1)
    if job.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {job.returncode}:\n{log.read_text()[-3000:]}")
    return time.perf_counter() - begin, driver, everyone, sum(cpu.values())


def steps_of(steps: Sequence[dict[str, Any]], whole: float) -> dict[str, float]:
    """Seconds by kind of step, added up: {"embed": 3.1, "BM25": 0.4, ...}. Steps that ran side by side count each, so
    they may add up to more than `whole`, which is the last."""
    found: dict[str, float] = {}
    for step in steps:
        name = str(step["step"])
        if name == "search":
            name = "BM25" if "language" in step else "dense search" if "shards" in step else "fusions and stand-ins"
        found[name] = found.get(name, 0.0) + float(step.get("seconds") or 0.0)
    return found | {WHOLE: whole}


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return (
        path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    )


def at_study(sizes: Sequence[float], values: Sequence[float], study: float) -> float | None:
    """The value at the study's size, by the straight line through what was measured at two sizes or more; None where
    it did not rise."""
    rise, start = np.polyfit(sizes, values, 1)
    return float(start + rise * study) if rise * study > 1e-6 * max(values) else None


def table(measured: Sequence[Measured]) -> str:
    """The rehearsal as Markdown: a row a step, a column a size, and the study's by the slope."""
    heads = " | ".join(f"{one.patents:,} patents, {one.queries:,} queries" for one in measured)
    lines = [f"| | {heads} | the study, by the slope |", "|---|" + "---|" * (len(measured) + 1)]
    grows = {
        "patents": [float(one.patents) for one in measured],
        "queries": [float(one.queries) for one in measured],
        "pairs": [float(one.patents) * one.queries for one in measured],
    }

    def row(name: str, unit: str, values: Sequence[float], by: str, views: bool = True) -> None:
        told = " | ".join(f"{value:,.2f}" if value < 10 else f"{value:,.0f}" for value in values)
        found = at_study(grows[by], values, STUDY[by])
        more = STUDY["views"] / measured[0].views if views else 1
        lines.append(f"| {name}, {unit} | {told} | {'did not rise' if found is None else f'{found * more:,.1f}'} |")

    for name in dict.fromkeys(name for one in measured for name in one.seconds):
        seconds = [one.seconds.get(name, 0.0) for one in measured]
        row(name, "s", seconds, GROWS_WITH.get(name, "patents"), name not in ("generate", "prepare"))
    row("CPU seconds, all processes", "s", [one.cpu for one in measured], "patents")
    for name in dict.fromkeys(name for one in measured for name in one.written):
        gigabytes = [one.written.get(name, 0) / 1e9 for one in measured]
        row(f"`{name}`", "GB", gigabytes, "queries" if name.startswith("runs") else "patents", name != "landscapes")
    row("rows of evidence", "M", [one.evidence / 1e6 for one in measured], "queries")
    row("peak memory, driver", "GB", [one.driver for one in measured], "patents", False)
    row("peak memory, all processes", "GB", [one.everyone for one in measured], "patents", False)
    return "\n".join(lines)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patents", type=int, nargs="+", default=[2_000, 6_000])
    parser.add_argument("--views", type=int, default=1, help=f"the first so many of {', '.join(VIEWS)}")
    parser.add_argument("--models", type=int, default=18, help="the last so many dense models of the suite")
    parser.add_argument("--widest", type=int, default=4096, help="models wider than this are cut to it")
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--workdir", type=Path, help="a folder that is kept; by default a temporary one")
    options = parser.parse_args(arguments)
    if len(set(options.patents)) < 2:
        parser.error("--patents: a slope needs two sizes or more")
    return options


def main(arguments: Sequence[str] | None = None) -> str:
    options = options_of(arguments)
    measured = []
    for patents in options.patents:
        folder = Path(tempfile.mkdtemp(prefix="patray-rehearsal-", dir=options.workdir))
        try:
            measured.append(rehearse(patents, options, folder))
        finally:
            if options.workdir is None:
                shutil.rmtree(folder)
        print(f"{patents:,} patents: {measured[-1].seconds}", file=sys.stderr, flush=True)
    return "\n".join([
        f"A REHEARSAL with hashed vectors, whose scores mean nothing. {cpu_name()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}. {measured[0].systems} systems, {options.views} view(s) of six: "
        f"{', '.join(VIEWS[: options.views])}; widths up to {options.widest:,}; {options.resamples:,} resamples.", "",
        table(measured),
    ])  # fmt: skip


if __name__ == "__main__":
    print(main())
