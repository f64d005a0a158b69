"""BM25: queries a second on one core and two, building, memory, beside bm25s' scorers, in the same run.

    python benchmarks/lexical.py [--patents 113148] [--queries 1024] [--view tac]

The corpus is the generator's. bm25s gets the same terms, tokenised before its clock starts; patray's clock holds
tokenising, exact scores, exclusions of nothing, and the order. Its rankings must have the bits of bm25s' scores summed
in float64. The numba scorer runs where numba is installed; it is no dependency. One core: this process is pinned to it.
Sides take turns, and the least of --rounds counts. Rates are of CPU seconds, which other work on the machine lengthens
little; wall time is printed beside them. --base: another checkout, such as an older commit, whose build is timed too.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_name

from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.load import iter_sections
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render
from patray.search.lexical import Bm25
from patray.search.words import terms

DEPTH = 100
HERE = str(Path(__file__).resolve().parent)


def corpus(patents: int, view_name: str) -> list[str]:
    view, texts = get_view(view_name), []
    with tempfile.TemporaryDirectory() as folder:
        source, clean = Folder.at(f"{folder}/source"), Folder.at(f"{folder}/clean")
        generate(source, name="generated", seed=1, patents=patents)
        prepare(source, clean, "generated")
        for batch in iter_sections(clean, view.sections):
            texts += render(batch, view)
    return texts


@dataclass(frozen=True)
class Took:
    """CPU seconds and wall seconds of one piece of work."""

    cpu: float
    wall: float


def clocked(work: Callable[[], Any]) -> tuple[Took, Any]:
    """(what it took, its result)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Took(time.process_time() - cpu, time.perf_counter() - wall), result


def least(found: Sequence[Took]) -> Took:
    """The least CPU seconds and the least wall seconds."""
    return Took(min(one.cpu for one in found), min(one.wall for one in found))


def search_half(index: Bm25, queries: list[str], core: int, rounds: int, barrier: Any, answer: Any) -> None:
    os.sched_setaffinity(0, {core})
    index.search(queries[:8], DEPTH)
    found = []
    for _ in range(rounds):
        barrier.wait()
        found.append(clocked(lambda: index.search(queries, DEPTH))[0])
    answer.put(found)


def on_two_cores(index: Bm25, queries: list[str], cores: list[int], rounds: int) -> Took:
    """All queries, half on each of two pinned processes that share the index: of the slower one in each round."""
    context = multiprocessing.get_context("fork")
    barrier, answer = context.Barrier(2), context.SimpleQueue()
    halves = [queries[::2], queries[1::2]]
    workers = [
        context.Process(target=search_half, args=(index, half, core, rounds, barrier, answer))
        for half, core in zip(halves, cores, strict=True)
    ]
    for worker in workers:
        worker.start()
    both = list(zip(answer.get(), answer.get(), strict=True))
    for worker in workers:
        worker.join()
    return least([Took(max(a.cpu, b.cpu), max(a.wall, b.wall)) for a, b in both])


def build_seconds(checkout: Path, texts: list[str], core: int) -> float:
    """CPU seconds of building the index in a process of another checkout."""
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        pickle.dump(texts, file)
        file.flush()
        code = (
            "import os, pickle, sys, time; from patray.search.lexical import Bm25\n"
            f"os.sched_setaffinity(0, {{{core}}}); texts = pickle.load(open(sys.argv[1], 'rb'))\n"
            "Bm25.build(texts[:100]); begin = time.process_time(); Bm25.build(texts)\n"
            "print(time.process_time() - begin)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, file.name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), os.environ.get("PYTHONPATH", "")])},
            cwd=checkout, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    # numba imports `coverage` where it finds one, and beside this file there is another of that name.
    sys.path[:] = [entry for entry in sys.path if str(Path(entry or ".").resolve()) != HERE]
    import bm25s

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patents", type=int, default=113_148)
    parser.add_argument("--queries", type=int, default=1024)
    parser.add_argument("--view", default="tac")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", type=Path, help="a checkout whose build is timed beside this one's")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"{cpu_name()}, {len(cores)} CPUs; {options.patents:,} patents, view {options.view}")
    texts = corpus(options.patents, options.view)
    os.sched_setaffinity(0, {cores[0]})
    queries = texts[:: max(1, len(texts) // options.queries)][: options.queries]

    theirs_terms, tokens = clocked(lambda: terms(texts))
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy")
    theirs_index, _ = clocked(lambda: index.index(tokens, show_progress=False))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    build, ours = clocked(lambda: Bm25.build(texts))
    builds = {"patray": build.cpu, "bm25s with the same terms": theirs_terms.cpu + theirs_index.cpu}
    if options.base:
        builds["base"] = build_seconds(options.base.resolve(), texts, cores[0])
    asked = terms(queries)
    sides: dict[str, tuple[int, Callable[[], Any]]] = {
        "patray, one core": (len(queries), lambda: ours.search(queries, DEPTH))
    }
    ranking = sides["patray, one core"][1]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sample = asked[: max(32, len(asked) // 8)]
    for backend in ("numpy", "numba"):
        try:
            bm25s.BM25(backend=backend)
        except ValueError as error:
            print(f"bm25s, {backend}: {error}")
            continue
        scorer = copy.copy(index)
        scorer.backend = backend
        part = asked if backend == "numba" else sample
        if backend == "numba":
            scorer.activate_numba_scorer()
        ask = lambda part=part, scorer=scorer: scorer.retrieve(part, k=DEPTH, show_progress=False, n_threads=1)  # noqa: E731
        ask()
        sides[f"bm25s {backend}, one core"] = len(part), ask
    times: dict[str, list[Took]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, (_, ask) in sides.items():
            times[name].append(clocked(ask)[0])
    took = {name: (sides[name][0], least(found)) for name, found in times.items()}
    check(ours, index, queries[:64], ranking)
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores))
        took["patray, two cores"] = len(queries), on_two_cores(ours, queries, cores[:2], options.rounds)
    speeds = {name: asked_ / each.cpu for name, (asked_, each) in took.items()}
    mine = speeds["patray, one core"]
    print("\n| side | queries/s of CPU time | queries/s of wall time | patray on one core is |\n|---|---|---|---|")
    for name, (asked_, each) in took.items():
        print(f"| {name} | {speeds[name]:,.0f} | {asked_ / each.wall:,.0f} | {mine / speeds[name]:.2f}x |")
    if "patray, two cores" in speeds:
        print(f"\ntwo cores: {speeds['patray, two cores'] / mine:.2f}x of one, by the slower of two processes")
    print("build, CPU s: " + ", ".join(f"{name} {each:.1f}" for name, each in builds.items()))
    held = (ours.score.nbytes + ours.term.nbytes + ours.start.nbytes) / 1e6
    print(
        f"index {held:.0f} MB; peak of this process rose by {(peak - before) / 1e3:.0f} MB while building and searching"
    )


def check(ours: Bm25, index: Any, queries: list[str], ranking: Any) -> None:
    """The first rankings have the bits of all scores summed in float64."""
    found = index.scores
    for row, query in enumerate(terms(queries)):
        scores = np.zeros(len(ours.start) - 1)
        for word in query:
            number = index.vocab_dict.get(word)
            if number is not None:
                at = slice(found["indptr"][number], found["indptr"][number + 1])
                scores[found["indices"][at]] += found["data"][at].astype(np.float64)
        rounded = scores.astype(np.float32)
        order = np.lexsort((-np.arange(len(rounded)), -rounded))[:DEPTH]
        order = order[rounded[order] > 0]
        if not (
            np.array_equal(order, ranking.patents[row][: len(order)])
            and np.array_equal(rounded[order], ranking.scores[row][: len(order)].astype(np.float32))
        ):
            raise SystemExit(f"query {row}: patray's ranking is not that of bm25s' scores")
    print(f"{len(queries)} rankings compared: the same bits")


if __name__ == "__main__":
    main()
