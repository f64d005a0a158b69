"""How fast is exact dense search compared with one faiss.IndexFlatIP, and does it return the same?

Both sides get the same float32 vectors in memory, the same cores, and are timed from there to the top k of every query
(for faiss: add and search; for patray: prepare_shard and search_prepared). Documents and queries come from one mixture
of many wide clusters, so that the scores around the k-th place lie close together, as those of patents do. The runs
take turns, and the best of each counts, since other work on the machine only ever adds time. With --threads 1 the CPU
seconds can be compared too, which bear a busy machine. The last column is the share of what the fastest product at hand
makes on all threads: 2 x documents x dimensions x queries operations a second.

    python benchmarks/search.py [--documents 113148] [--dimensions 384] [--queries 8192] [--k 100] [--rounds 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch
from machine import cpu_name, matrix_peak

from patray.measures.definitions import Measure
from patray.measures.ranking import evaluate
from patray.search.dense import Effort, prepare_shard, search_prepared
from patray.search.order import order_rows
from patray.search.products import fastest
from patray.search.ranking import Ranking

MEASURES = [Measure("nDCG", 10), Measure("nDCG", 100), Measure("Recall", 100), Measure("AP", 100)]


def make_vectors(n_documents: int, n_queries: int, dimensions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors: a common direction, a field of technology, a topic in it, and what is the patent's own."""
    random = np.random.default_rng(seed)
    common = random.standard_normal(dimensions)
    fields = random.standard_normal((40, dimensions))
    topics = fields[random.integers(0, 40, 4000)] * 0.7 + random.standard_normal((4000, dimensions))
    shares = 1 / np.arange(1, 4001) ** 0.7
    total = n_documents + n_queries
    chosen = random.choice(4000, total, p=shares / shares.sum())
    vectors = random.standard_normal((total, dimensions), dtype=np.float32)
    vectors += (0.6 * topics[chosen] + 0.5 * common).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:n_documents], vectors[n_documents:]


def timed(function: Callable[[], tuple[Ranking, Effort | None]]) -> tuple[float, float, Ranking, Effort | None]:
    """(wall seconds, CPU seconds, ranking, effort)."""
    start, cpu = time.perf_counter(), time.process_time()
    ranking, effort = function()
    return time.perf_counter() - start, time.process_time() - cpu, ranking, effort


def by_faiss(queries: np.ndarray, vectors: np.ndarray, k: int) -> tuple[Ranking, None]:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    scores, rows = index.search(queries, k)
    return Ranking(rows.astype(np.int32), scores.astype(np.float64)), None


def by_patray(queries: np.ndarray, vectors: np.ndarray, k: int, coarse: str) -> tuple[Ranking, Effort]:
    return search_prepared(prepare_shard(vectors, np.arange(len(vectors)), coarse), queries, k)


def metrics(ranking: Ranking, truth: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, float]:
    return {str(measure): values.mean() for measure, values in evaluate(ranking.patents, *truth, MEASURES).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("documents", 113_148), ("dimensions", 384), ("queries", 8192), ("k", 100), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="cores for every side")
    parser.add_argument(
        "--coarse", nargs="+", default=["float32", "bfloat16"], help="coarse types, also float16, faiss"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    vectors, queries = make_vectors(options.documents, options.queries, options.dimensions)
    print(
        f"{cpu_name()}\n{options.documents:,} x {options.dimensions} vectors, {options.queries:,} queries, "
        f"top {options.k}, "
        f"{options.threads} threads, best of {options.rounds}"
    )

    sides: dict[str, Callable[[], tuple[Ranking, Effort | None]]] = {
        "faiss.IndexFlatIP": lambda: by_faiss(queries, vectors, options.k)
    }
    for coarse in options.coarse:
        sides[f"patray {coarse}"] = lambda coarse=coarse: by_patray(queries, vectors, options.k, coarse)
    results = {}
    for _ in range(options.rounds):
        for name, side in sides.items():
            found = timed(side)
            before = results.get(name, found)
            results[name] = min(before[0], found[0]), min(before[1], found[1]), *found[2:]

    # Which three of its first documents are relevant to a query does not matter: the rankings are compared.
    random = np.random.default_rng(1)
    peer_seconds, peer_cpu, peer, _ = results["faiss.IndexFlatIP"]
    places = np.sort(random.permuted(np.tile(np.arange(min(50, options.k)), (options.queries, 1)), axis=1)[:, :3])
    relevant = np.sort(np.take_along_axis(peer.patents, places, axis=1), axis=1)
    query = np.repeat(np.arange(options.queries), relevant.shape[1])
    truth = (query, relevant.ravel(), np.ones(relevant.size, np.int32))
    first = results[f"patray {options.coarse[0]}"][2]
    expected = metrics(first, truth)

    peaks = {dtype: matrix_peak(dtype) for dtype in {"float32", *options.coarse} - {"faiss"}}
    operations = 2 * options.documents * options.dimensions * options.queries
    print(
        "\n| side | seconds | CPU s | queries/s | times faiss | by CPU s | exact scores per query | same bits "
        "| metrics differ by | share of peak |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, (seconds, cpu, ranking, effort) in results.items():
        same = (ranking.patents == first.patents).all() and (ranking.scores == first.scores).all()
        differs = max(abs(value - expected[measure]) for measure, value in metrics(ranking, truth).items())
        peak = peaks.get(name.split()[-1], peaks["float32"]) * options.threads
        print(
            f"| {name} | {seconds:.2f} | {cpu:.2f} | {options.queries / seconds:,.0f} | "
            f"{peer_seconds / seconds:.2f} | {peer_cpu / cpu:.2f} | "
            f"{effort.candidates / effort.queries if effort else 0:.0f} | {'yes' if same else 'no'} | {differs:.1e} | "
            f"{operations / (cpu if options.threads == 1 else seconds) / peak:.0%} |"
        )
    found = ", ".join(f"{dtype} {peak / 1e9:,.0f} GFLOP/s" for dtype, peak in sorted(peaks.items()))
    chosen = {dtype: fastest(dtype, options.dimensions) for dtype in sorted(peaks)}
    print(f"\npeak of one core: {found}; products chosen: {chosen}")
    # faiss's float32 sums swap close scores. Its results and some more, scored in float64, are an independent check.
    index = faiss.IndexFlatIP(options.dimensions)
    index.add(vectors)
    _, rows = index.search(queries, min(options.k + 32, options.documents))
    scores = np.stack([vectors[row].astype(np.float64) @ query for row, query in zip(rows, queries, strict=True)])
    rescored = order_rows(rows, scores, options.k)
    differs = max(abs(value - expected[measure]) for measure, value in metrics(rescored, truth).items())
    print(
        f"\nplaces that agree with patray: faiss {(peer.patents == first.patents).mean():.4%}, faiss scored again in "
        f"float64 {(rescored.patents == first.patents).mean():.4%} (metrics differ by {differs:.1e})"
    )


if __name__ == "__main__":
    main()
