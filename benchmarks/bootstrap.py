"""How long do the shared bootstrap resamples of many systems take, and does the time grow no faster than the work?

10,000 resamples x 40 systems x 46,069 queries (DAPFAM's size), one query in ten sharing its family, against
scipy.stats.bootstrap (percentile, vectorised, the same means of 40 systems on shared draws), which is run with fewer
resamples and scaled by their number: its time is proportional to it. Scipy draws single queries; it knows no families.

    python benchmarks/bootstrap.py [--resamples 10000] [--systems 40] [--queries 46069] [--peer-resamples 100]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy import stats

from patray.statistics.bootstrap import MeanStatistic, interval
from patray.statistics.resample import Families, bootstrap_weights, group_families, recompute


def make(queries: int, systems: int) -> tuple[np.ndarray, Families]:
    """Values like nDCG@10 (many zeros), and families: nine queries in ten alone, the rest in families of three."""
    generator = np.random.Generator(np.random.PCG64(7))
    hardness = generator.random((queries, 1))
    values = np.clip(generator.normal(0.25, 0.3, (queries, systems)) + 0.3 * (hardness - 0.5), 0.0, 1.0)
    ids = np.arange(queries)
    shared = max(queries // 10, 1)
    ids[:shared] = ids[:shared] // 3
    return values, group_families(ids)


def measure(values: np.ndarray, families: Families, resamples: int) -> tuple[float, float, float]:
    """Seconds, processor seconds (all threads), and the mean width of the intervals."""
    start, used = time.perf_counter(), time.process_time()
    statistic = MeanStatistic.of(values, families)
    (replicates,) = recompute(bootstrap_weights(families.count, resamples, 0), [statistic])
    low, high = interval(replicates, values.mean(axis=0), families.count)
    return time.perf_counter() - start, time.process_time() - used, float(np.mean(high - low))


def measure_scipy(values: np.ndarray, resamples: int) -> float:
    """Seconds of scipy.stats.bootstrap for the same means."""
    start = time.perf_counter()
    stats.bootstrap(
        (values.T,), np.mean, axis=-1, n_resamples=resamples, method="percentile", vectorized=True, batch=10, rng=0
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--systems", type=int, default=40)
    parser.add_argument("--queries", type=int, default=46_069)
    parser.add_argument("--peer-resamples", type=int, default=100)
    args = parser.parse_args()

    full = (args.resamples, args.systems, args.queries)
    sizes = {"full": full}
    for at, name in enumerate(("half the resamples", "half the systems", "half the queries")):
        sizes[name] = tuple(max(size // 2, 2) if at == position else size for position, size in enumerate(full))
    measure(*make(1000, 4), 100)
    print(f"{'':24}{'resamples':>10}{'systems':>9}{'queries':>9}{'seconds':>9}{'CPU s':>8}{'ratio to full':>15}")
    seconds: dict[str, float] = {}
    peak = 0.0
    for name, (resamples, systems, queries) in sizes.items():
        values, families = make(queries, systems)
        seconds[name], used, each = measure(values, families, resamples)
        if name == "full":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            width = each
        ratio = seconds[name] / seconds["full"]
        print(f"{name:24}{resamples:>10,}{systems:>9}{queries:>9,}{seconds[name]:>9.2f}{used:>8.2f}{ratio:>15.2f}")
    values, _ = make(args.queries, args.systems)
    fewer = min(args.peer_resamples, args.resamples)
    peer = measure_scipy(values, fewer)
    scaled = peer * args.resamples / fewer
    print(f"scipy.stats.bootstrap   {fewer:>10,}{args.systems:>9}{args.queries:>9,}{peer:>9.2f}")
    print(
        f"  scaled x {args.resamples / fewer:g} in resamples: {scaled:.1f} s; "
        f"patray is {scaled / seconds['full']:.0f}x as fast"
    )
    print(f"peak memory of the process after the full run: {peak:.2f} GB; mean width of the intervals {width:.4f}")


if __name__ == "__main__":
    main()
