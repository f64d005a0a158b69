"""How often does a whole family of comparisons raise a false alarm, and what does max-T find that Holm does not?

Many data sets are drawn from a known process: queries that are easy or hard for all systems, scores in [0, 1] with many
zeros, as nDCG@10 has; every view reads the same queries. Two plants: all systems equal, and a quarter of them better by
steps. Peers: Holm on the same flips, and Holm on the p of the paired t test, which has no floor but trusts the normal
far out in the tail. Where flips cannot carry Holm (`statistics/reach.py`) its columns are 0 without a calculation.

    python benchmarks/family_size.py [--trials 200] [--flips 2000] [--shapes 66x224x1 66x224x6] [--first 0]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy import stats

from patray.statistics.corrections import holm
from patray.statistics.max_t import flip_null, max_t
from patray.statistics.paired import Flips, flip_test
from patray.statistics.reach import smallest_adjusted, smallest_p
from patray.statistics.resample import group_families

SHAPES = ("10x60x1", "23x224x1", "66x224x1", "66x224x6")
"""Systems, queries and views; 66 systems are 2,145 pairs a view, 12,870 in the six views of jobs/suites/paper.yaml."""
PLANTS = {"equal": "all equal", "better": "some better"}


def draw(seed: int, queries: int, effects: np.ndarray) -> np.ndarray:
    """(queries, systems) scores; `effects` are added before they are cut to [0, 1]."""
    generator = np.random.default_rng(seed)
    easy = generator.normal(0.2, 0.3, (queries, 1))
    return np.clip(easy + effects + generator.normal(0.0, 0.15, (queries, len(effects))), 0.0, 1.0)


@dataclass
class Tally:
    """Counts over data sets, by max-T, Holm of the flips and Holm of t: false alarms of the whole family, and the
    shares of true differences that were found; held: all intervals held."""

    sets: int = 0
    held: int = 0
    alarms: np.ndarray = field(default_factory=lambda: np.zeros(3))
    found: np.ndarray = field(default_factory=lambda: np.zeros(3))


def share(count: float, sets: int) -> str:
    """`4/200 0.020 [0.005, 0.050]`: exact binomial interval (Clopper and Pearson 1934)."""
    ends = stats.binomtest(int(count), sets).proportion_ci(method="exact")
    return f"{int(count)}/{sets} {count / sets:.3f} [{ends.low:.3f}, {ends.high:.3f}]"


def study(shape: str, plant: str, trials: int, flips: int, first: int) -> None:
    """Print a row: false alarms of a whole family and share of true differences found, by each procedure; coverage."""
    systems, queries, views = map(int, shape.split("x"))
    effects = np.zeros(systems)
    if plant == "better":
        effects[: systems // 4] = np.linspace(0.02, 0.1, systems // 4)
    one = np.array(list(combinations(range(systems), 2)))
    pairs = np.concatenate([one + systems * view for view in range(views)])
    many = [draw(10**9 + part, 2_000_000 // systems, effects).mean(axis=0) for part in range(20)]
    truth = np.mean(many, axis=0)
    truth = np.tile(np.where(effects == 0, truth[effects == 0].mean(), truth), views)
    effects = np.tile(effects, views)
    gap = truth[pairs[:, 0]] - truth[pairs[:, 1]]
    equal = effects[pairs[:, 0]] == effects[pairs[:, 1]]
    carried = smallest_adjusted("holm", len(pairs), smallest_p(flips)) < 0.05
    families = group_families(np.arange(queries))
    tally, start = Tally(), time.process_time()
    for trial in range(first, first + trials):
        values, signs = draw(trial, queries, effects), Flips(queries, flips, trial)
        ours = max_t([flip_null(values, families, pairs, signs)])
        covariance = np.cov(values.T)
        spread = covariance.diagonal()[pairs].sum(axis=1) - 2 * covariance[pairs[:, 0], pairs[:, 1]]
        error, mean = np.sqrt(spread / queries), values.mean(axis=0)
        diff = mean[pairs[:, 0]] - mean[pairs[:, 1]]
        of_t = holm(2.0 * stats.t.sf(np.abs(diff / error), queries - 1))
        of_flips = holm(flip_test(values, families, pairs, signs)) if carried else np.ones(len(pairs))
        for at, p in enumerate((ours.p, of_flips, of_t)):
            tally.alarms[at] += bool((p[equal] < 0.05).any())
            tally.found[at] += float((p[~equal] < 0.05).mean()) if plant == "better" else 0.0
        tally.held += bool((np.abs(diff - gap) <= ours.reach * error).all())
        tally.sets += 1
    print(f"{systems} systems, {queries} queries, {views} views, {PLANTS[plant]}; {len(pairs):,} pairs, {flips} flips")
    for name, count in zip(("max-T", "Holm of the flips", "Holm of t"), tally.alarms, strict=True):
        print(f"    false alarms of the family by {name:20}{share(count, tally.sets)}")
    print(f"    all intervals hold                            {share(tally.held, tally.sets)}")
    if plant == "better":
        print(
            "    true differences found by each              " + " ".join(f"{s:.3f}" for s in tally.found / tally.sets)
        )
    print(f"    {(time.process_time() - start) / tally.sets:.2f} processor seconds a data set", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), help="SYSTEMSxQUERIESxVIEWS")
    parser.add_argument("--plants", nargs="+", choices=list(PLANTS), default=list(PLANTS))
    parser.add_argument("--first", type=int, default=0, help="seed of the first data set, to go on where one stopped")
    args = parser.parse_args()
    margin = 1.96 * np.sqrt(0.05 * 0.95 / args.trials)
    print(f"{args.trials} data sets a row; a share of 0.05 has a Monte-Carlo error (two-sided, 95%) of {margin:.3f}")
    for shape in args.shapes:
        for plant in args.plants:
            study(shape, plant, args.trials, args.flips, args.first)


if __name__ == "__main__":
    main()
