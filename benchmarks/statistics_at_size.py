"""Do summary, comparisons, max-T and standings grow linearly with systems, views, queries, slices and measures?

    python benchmarks/statistics_at_size.py [--factor systems views queries slices measures] [--sizes 1 2 4]

The judge of a study (`benchmarks/judge.py`: evidence written and read back, 10,000 resamples and flips, all pairs of
systems, of views, and of systems in `out`, Holm up to 50 pairs and max-T beyond). One factor is multiplied, all others
stay; each size runs in a process of its own; CPU seconds are those of the statistics alone, of all threads, and memory
is the process's peak less its imports. A power near 1 is linear; pairs grow with the square of the systems, so there
seconds are set against pairs as well. --study is what the seconds are extrapolated to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BASE = {"systems": 12, "views": 2, "queries": 8_000, "slices": 3, "measures": 2}
MOST = {"views": 7, "slices": 13, "measures": 7}
"""What the study of benchmarks/judge.py has at most."""


def one(sizes: dict[str, int], resamples: int) -> dict[str, float]:
    """Judge a study of these sizes in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="patray-size-") as scratch:
        words = [sys.executable, os.path.abspath(__file__), "--one", json.dumps({**sizes, "resamples": resamples})]
        done = subprocess.run([*words, "--folder", scratch], stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout))


def pairs_of(sizes: dict[str, int]) -> int:
    """Comparisons of the three families."""
    systems, views = sizes["systems"], sizes["views"]
    of_slices = 1 + (sizes["slices"] > 2)
    return of_slices * views * systems * (systems - 1) // 2 + systems * views * (views - 1) // 2


def study(factor: str, multiples: list[int], base: dict[str, int], resamples: int) -> None:
    """Print a row a size, and the power with which seconds grow."""
    seconds, amounts = [], []
    for times in multiples:
        sizes = {**base, factor: base[factor] * times}
        if sizes[factor] > MOST.get(factor, sizes[factor]):
            sizes[factor] = MOST[factor]
        found = one(sizes, resamples)
        seconds.append(found["statistics_cpu_s"])
        amounts.append(sizes[factor])
        print(
            f"| {factor} | {sizes[factor]:,} | {found['rows'] / 1e6:.2f} M | {pairs_of(sizes):,} | "
            f"{found['statistics_cpu_s']:.1f} | {found['gb']:.2f} |",
            flush=True,
        )
    power = np.polyfit(np.log(amounts), np.log(seconds), 1)[0]
    slope, fixed = np.polyfit(amounts, seconds, 1)
    print(f"    {factor}: seconds grow with the power {power:.2f}; {slope:.4g} s for one more, {fixed:.1f} s fixed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", nargs="+", choices=list(BASE), default=list(BASE))
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4], help="multiples of the base")
    parser.add_argument("--base", nargs="+", default=[], metavar="FACTOR=SIZE", help="other base sizes")
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        from judge import FAMILIES, judge

        print(json.dumps(judge(**json.loads(options.one), folder=options.folder, families=FAMILIES)))
        return
    base = {**BASE, **{name: int(size) for name, _, size in (pair.partition("=") for pair in options.base)}}
    print(f"base: {', '.join(f'{size:,} {name}' for name, size in base.items())}; {options.resamples:,} resamples")
    print("| factor | size | evidence rows | pairs | statistics, CPU s | peak GB |\n|---|---|---|---|---|---|")
    for factor in options.factor:
        study(factor, options.sizes, base, options.resamples)


if __name__ == "__main__":
    main()
