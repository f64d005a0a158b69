"""BM25: queries a second on one core and two, building, memory, beside bm25s' scorers, in the same run.

    python benchmarks/lexical.py [--patents 113148] [--queries 1024] [--view tac]

The corpus is the generator's. bm25s gets the same terms, tokenised before its clock starts; patray's clock holds
tokenising, exact scores, exclusions of nothing, and the order. Its rankings must have the bits of bm25s' scores summed
in float64. The numba scorer runs where numba is installed; it is no dependency. One core: this process is pinned to it.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

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


def seconds(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """(shortest wall time, result)."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        found.append(time.perf_counter() - begin)
    return min(found), result


def search_half(index: Bm25, queries: list[str], core: int, ready: Any, done: Any) -> None:
    os.sched_setaffinity(0, {core})
    index.search(queries[:8], DEPTH)
    ready.wait()
    for _ in range(3):
        index.search(queries, DEPTH)
        done.wait()


def on_two_cores(index: Bm25, queries: list[str], cores: list[int]) -> float:
    """Shortest wall time of all queries, half on each of two pinned processes that share the index."""
    context = multiprocessing.get_context("fork")
    ready, done = context.Barrier(3), context.Barrier(3)
    halves = [queries[::2], queries[1::2]]
    workers = [
        context.Process(target=search_half, args=(index, half, core, ready, done))
        for half, core in zip(halves, cores, strict=True)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    found = []
    for _ in range(3):
        begin = time.perf_counter()
        done.wait()
        found.append(time.perf_counter() - begin)
    for worker in workers:
        worker.join()
    return min(found)


def main() -> None:
    # numba imports `coverage` where it finds one, and beside this file there is another of that name.
    sys.path[:] = [entry for entry in sys.path if str(Path(entry or ".").resolve()) != HERE]
    import bm25s

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patents", type=int, default=113_148)
    parser.add_argument("--queries", type=int, default=1024)
    parser.add_argument("--view", default="tac")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    print(f"{cpu.split(':')[-1].strip()}, {len(cores)} CPUs; {options.patents:,} patents, view {options.view}")
    texts = corpus(options.patents, options.view)
    os.sched_setaffinity(0, {cores[0]})
    queries = texts[:: max(1, len(texts) // options.queries)][: options.queries]

    theirs_build, tokens = seconds(lambda: terms(texts), 1)
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy")
    indexing, _ = seconds(lambda: index.index(tokens, show_progress=False), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    building, ours = seconds(lambda: Bm25.build(texts), 1)
    asked = terms(queries)
    rows = []
    took, ranking = seconds(lambda: ours.search(queries, DEPTH))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows.append(("patray, one core", len(queries) / took))
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
        took, _ = seconds(ask)
        rows.append((f"bm25s {backend}, one core", len(part) / took))
    check(ours, index, queries[:64], ranking)
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores))
        rows.append(("patray, two cores", len(queries) / on_two_cores(ours, queries, cores[:2])))
    speeds = dict(rows)
    for name, speed in rows:
        print(f"{name:24}{speed:10.1f} queries/s{speed / rows[0][1]:10.2f}x of patray on one core")
    for name in ("bm25s numba, one core", "bm25s numpy, one core"):
        if name in speeds:
            print(f"patray / {name:24}{rows[0][1] / speeds[name]:8.2f}x")
    print(f"build: patray {building:.1f} s, bm25s with the same terms {theirs_build + indexing:.1f} s")
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
