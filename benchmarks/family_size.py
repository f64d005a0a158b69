"""How often does a whole family of comparisons raise a false alarm, and what does max-T find that Holm does not?

Many data sets are drawn from a known process: queries that are easy or hard for all systems, scores in [0, 1] with many
zeros, as nDCG@10 has. Two plants: all systems equal, and a quarter of them better by steps. Peers: Holm on the same
flips, and Holm on the p of the paired t test, which has no floor but trusts the normal far out in the tail.

    python benchmarks/family_size.py [--trials 200] [--flips 2000]
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np

from patray.stats.corrections import holm
from patray.stats.max_t import flip_null, max_t
from patray.stats.paired import Flips, flip_test, paired_tests
from patray.stats.resample import group_families

SHAPES = ((10, 60), (23, 224), (66, 224))
"""Systems and queries; 66 systems are 2,145 pairs."""


def draw(seed: int, queries: int, effects: np.ndarray) -> np.ndarray:
    """(queries, systems) scores; `effects` are added before they are cut to [0, 1]."""
    generator = np.random.default_rng(seed)
    easy = generator.normal(0.2, 0.3, (queries, 1))
    return np.clip(easy + effects + generator.normal(0.0, 0.15, (queries, len(effects))), 0.0, 1.0)


def study(systems: int, queries: int, planted: bool, trials: int, flips: int) -> None:
    """Print a row: false alarms of a whole family and share of true differences found, by each procedure; coverage."""
    effects = np.zeros(systems)
    if planted:
        effects[: systems // 4] = np.linspace(0.02, 0.1, systems // 4)
    pairs = np.array(list(combinations(range(systems), 2)))
    many = [draw(10**9 + part, 2_000_000 // systems, effects).mean(axis=0) for part in range(20)]
    truth = np.mean(many, axis=0)
    truth = np.where(effects == 0, truth[effects == 0].mean(), truth)
    gap = truth[pairs[:, 0]] - truth[pairs[:, 1]]
    equal = effects[pairs[:, 0]] == effects[pairs[:, 1]]
    alarms, found, held = np.zeros(3), np.zeros(3), 0
    families = group_families(np.arange(queries))
    for trial in range(trials):
        values, signs = draw(trial, queries, effects), Flips(queries, flips, trial)
        tests = paired_tests(values, families, pairs)
        ours = max_t([flip_null(values, families, pairs, signs)])
        for at, p in enumerate((ours.p, holm(flip_test(values, families, pairs, signs)), holm(tests.p_t))):
            alarms[at] += bool((p[equal] < 0.05).any())
            found[at] += float((p[~equal] < 0.05).mean()) if planted else 0.0
        held += bool((np.abs(tests.diff - gap) <= ours.reach * tests.standard_error).all())
    name = f"{systems} systems, {queries} queries, {'some better' if planted else 'all equal'}"
    shares = " ".join(f"{share:>9.3f}" for share in (*alarms / trials, held / trials))
    power = " ".join(f"{share:>9.3f}" for share in found / trials) if planted else ""
    print(f"{name:45}{len(pairs):>7} {shares}  {power}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--flips", type=int, default=2000)
    args = parser.parse_args()
    margin = 1.96 * np.sqrt(0.05 * 0.95 / args.trials)
    print(f"{args.trials} data sets a row, {args.flips} flips; a share of 0.05 is uncertain by {margin:.3f}")
    print("false alarms of the whole family by max-T, Holm of the flips, Holm of t; all intervals hold; found by each")
    for systems, queries in SHAPES:
        for planted in (False, True):
            study(systems, queries, planted, args.trials, args.flips)


if __name__ == "__main__":
    main()
