"""Do the 95% intervals cover 95% of the time, and do the tests reject 5% of the time when nothing differs?

Data are drawn many times from a known process; an interval should hold the metric's expected value for data sets of
that size. Three ways to make it: the plain percentile interval (the peer, as scipy.stats.bootstrap has it), shifted to
the estimate, and patray's (tails widened for few families; shifted and stretched where the metric is not a mean).
The second table: pairs of systems of equal quality, and how often the p-value is below 0.05.

    python benchmarks/coverage.py [--trials 400] [--resamples 1000]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from patray.measures.classification import macro_f1
from patray.measures.clustering import agreement_of_cells, cells_of
from patray.statistics.bootstrap import (
    CountStatistic,
    MeanStatistic,
    count_matrix,
    interval,
    jackknife_error,
    shift_p,
)
from patray.statistics.components import crossed
from patray.statistics.exposure import ChangeStatistic, change
from patray.statistics.paired import Flips, flip_test, swap_test
from patray.statistics.resample import Drawn, Statistic, bootstrap_weights, group_families, leave_out, recompute
from patray.statistics.unseen import unseen

PAIR = np.array([[0, 1]])


@dataclass(frozen=True)
class Case:
    """draw: a seed's generator to a statistic of two systems, (b,) each, over `families` families."""

    name: str
    families: int
    draw: Callable[[np.random.Generator], list[Statistic]]
    is_mean: bool = False


def draw_means(generator: np.random.Generator, families: int, size: int) -> list[MeanStatistic]:
    """Values like nDCG@10: a third zero, the items of a family alike."""
    hardness = generator.normal(0.0, 0.35, (families, 1)).repeat(size, axis=0)
    values = np.clip(0.2 + hardness + generator.normal(0.0, 0.2, (families * size, 2)), 0.0, 1.0)
    groups = group_families(np.arange(families).repeat(size))
    return [MeanStatistic.of(values[:, at : at + 1], groups) for at in range(2)]


def draw_labels(generator: np.random.Generator, items: int, labels: int, rarest: int = 0) -> list[CountStatistic]:
    """Multi-label predictions: label frequencies fall as 1 / rank, precision and recall differ by label.

    rarest: only so many of them are judged, 0 all.
    """
    ranks = np.arange(1, labels + 1)
    recall = 0.3 + 0.6 * (ranks * 7 % 11) / 10
    frequency = 0.6 / ranks**1.1
    truth = generator.random((items, labels)) < frequency
    noise = np.minimum(frequency * (0.2 + 0.6 * (ranks * 5 % 13) / 12), 0.3)
    found = []
    for _ in range(2):
        predicted = np.where(truth, generator.random(truth.shape) < recall, generator.random(truth.shape) < noise)
        parts = [part[:, -rarest:] for part in (truth & predicted, ~truth & predicted, truth & ~predicted)]
        judged = rarest or labels
        rows = np.concatenate([kind * judged + np.nonzero(part)[1] for kind, part in enumerate(parts)])
        drawn = np.concatenate([np.nonzero(part)[0] for part in parts])
        matrix = count_matrix(rows, drawn, (3 * judged, items))
        found.append(CountStatistic(matrix, lambda totals: macro_f1(*np.split(totals, 3, axis=-1))))
    return found


def draw_clusters(generator: np.random.Generator, items: int, kinds: int, metric: str) -> list[CountStatistic]:
    """As many clusters as classes; half of the items in the cluster of their class, the others anywhere."""
    classes = generator.integers(0, kinds, items)
    found = []
    for _ in range(2):
        clusters = np.where(generator.random(items) < 0.5, classes, generator.integers(0, kinds, items))
        of_class, of_cluster, item_cell = cells_of(classes, clusters)
        matrix = count_matrix(item_cell, np.arange(items), (len(of_class), items))

        def function(totals: np.ndarray, a: np.ndarray = of_class, b: np.ndarray = of_cluster) -> np.ndarray:
            return agreement_of_cells(np.ascontiguousarray(totals), a, b)[metric]

        found.append(CountStatistic(matrix, function))
    return found


CASES = [
    *(Case(f"mean, {n} queries", n, lambda g, n=n: draw_means(g, n, 1), True) for n in (8, 20, 50, 500)),
    Case("mean, 20 families of 5", 20, lambda g: draw_means(g, 20, 5), True),
    Case("mean, 200 families of 5", 200, lambda g: draw_means(g, 200, 5), True),
    *(
        Case(f"macro-F1, {n} items, {width} labels", n, lambda g, n=n, w=width: draw_labels(g, n, w))
        for n, width in ((200, 10), (300, 60), (2000, 60))
    ),
    *(
        Case(f"macro-F1, {n} items, rarest 20 of 60 labels", n, lambda g, n=n: draw_labels(g, n, 60, 20))
        for n in (1000, 5000)
    ),
    *(
        Case(f"{metric}, {n} items, {k} classes", n, lambda g, n=n, k=k, m=metric: draw_clusters(g, n, k, m))
        for metric in ("V-measure", "ARI")
        for n, k in ((300, 8), (500, 30), (3000, 30))
    ),
]


def value(statistic: Statistic, families: int) -> float:
    return float(statistic(Drawn(np.ones((1, families)))).reshape(-1)[0])


def plain(replicates: np.ndarray, estimate: np.ndarray, centred: bool) -> tuple[float, float]:
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    shift = estimate - replicates.mean(axis=0) if centred else 0.0
    return float((low + shift)[0]), float((high + shift)[0])


def study(case: Case, trials: int, resamples: int) -> None:
    """Print a row: coverage of one system's metric by three intervals, coverage of the difference, rate of p < 0.05."""
    count = case.families
    expected = np.mean([value(case.draw(np.random.default_rng(10**6 + at))[0], count) for at in range(8 * trials)])
    covered = np.zeros(4)
    rejected = np.zeros(1)
    for trial in range(trials):
        systems = case.draw(np.random.default_rng(trial))
        drawn = [part.reshape(resamples, 1) for part in recompute(bootstrap_weights(count, resamples, trial), systems)]
        left = [part.reshape(-1, 1) for part in recompute([leave_out(count)], systems)]
        one, other = (np.array([value(system, count)]) for system in systems)
        errors = (None, None) if case.is_mean else (jackknife_error(left[0]), jackknife_error(left[0] - left[1]))
        low, high = interval(drawn[0], one, count, error=errors[0])
        intervals = [plain(drawn[0], one, False), plain(drawn[0], one, True), (low[0], high[0])]
        covered[:3] += [low <= expected <= high for low, high in intervals]
        low, high = interval(drawn[0] - drawn[1], one - other, count, error=errors[1])
        covered[3] += low[0] <= 0.0 <= high[0]
        flips = Flips(count, resamples, trial)
        if case.is_mean:
            sums = np.concatenate([system.sums for system in systems], axis=1)  # type: ignore[attr-defined]
            p = flip_test(sums, group_families(np.arange(count)), PAIR, flips)
        elif case.name.startswith("macro"):
            p = swap_test([[system] for system in systems], PAIR, flips)  # type: ignore[list-item]
        else:
            p = shift_p(drawn[0] - drawn[1], one - other, errors[1])  # type: ignore[arg-type]
        rejected += p < 0.05
    shares = " ".join(f"{share:>10.3f}" for share in (*covered / trials, *rejected / trials))
    print(f"{case.name:44}{shares}", flush=True)


def beyond_seeds(trials: int) -> None:
    """Print how often the interval over queries and seeds holds the truth, beside that over queries alone and one t by
    Satterthwaite: 200 queries, sd of queries 0.3, of query by seed 0.2."""
    print(f"\n{'queries by seeds':44}{'queries':>10} {'one t':>10} {'patray':>10} {'its width':>10}")
    for seeds in (3, 5, 10):
        for moved in (0.0, 0.02, 0.05, 0.1, 0.3):
            held, width = np.zeros(3), 0.0
            for trial in range(trials):
                random = np.random.default_rng(trial)
                parts = ((0.3, (200, 1)), (moved, (1, seeds)), (0.2, (200, seeds)))
                values = sum((random.normal(0.0, sd, size) for sd, size in parts), np.zeros((200, seeds)))
                found, mean = crossed(values), abs(float(values.mean()))
                alone = found.error_items * stats.t.isf(0.025, 199)
                errors = np.array([found.error_items, found.error_draws]) ** 2
                freedom = errors.sum() ** 2 / (errors**2 / np.array([199, seeds - 1])).sum()
                one = np.sqrt(errors.sum()) * stats.t.isf(0.025, freedom)
                held += [mean <= alone, mean <= one, found.low <= 0.0 <= found.high]
                width += found.high - found.low
            shares = " ".join(f"{share:>10.3f}" for share in (*held / trials, width / trials))
            print(f"{f'{seeds} seeds, sd of seeds {moved}':44}{shares}", flush=True)


def beyond_landscapes(trials: int) -> None:
    """Print how often prediction intervals hold the next landscape: those of meta-analysis (Higgins et al. with t[k-2];
    Hartung and Knapp's variance with t[k-1]; both from statsmodels' Paule-Mandel), and patray's, which is asked twice:
    for the true difference there, and for what a landscape with an error of its own would show."""
    columns = ("Higgins", "Knapp", "true", "shown", "its width")
    print(f"\n{'landscapes':44}" + " ".join(f"{name:>10}" for name in columns))
    for k in (3, 4, 5, 8, 15):
        for spread in (0.0, 0.5, 1.0, 3.0, 10.0):
            held, width = np.zeros(4), 0.0
            for trial in range(trials):
                random = np.random.default_rng(trial)
                variance = random.uniform(0.3, 3.0, k + 1)
                true = random.normal(0.0, spread, k + 1)
                shown = true + random.normal(0.0, np.sqrt(variance))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = combine_effects(shown[:k], variance[:k], method_re="pm")
                middle, scale = float(found.mean_effect_re), max(float(found.scale_hksj_re), 1.0)
                error = float(found.var_eff_w_re)
                reaches = [
                    stats.t.isf(0.025, k - 2) * np.sqrt(found.tau2 + error),
                    stats.t.isf(0.025, k - 1) * np.sqrt(found.tau2 + error * scale),
                ]
                ours = unseen(shown[:k])
                held[:2] += [abs(true[k] - middle) <= reach for reach in reaches]
                held[2:] += [ours.new_low <= value <= ours.new_high for value in (true[k], shown[k])]
                width += ours.new_high - ours.new_low
            shares = " ".join(f"{share:>10.3f}" for share in (*held / trials, width / trials))
            print(f"{f'{k} landscapes, tau {spread}':44}{shares}", flush=True)


def beyond_release(trials: int) -> None:
    """Print how often a system that changes as its reference does is said to change otherwise, and how often one that
    loses 0.05 more is found: values with many zeros, all systems 0.05 lower on newer queries."""
    columns = ("p < 0.05", "held", "found")
    print(f"\n{'newer than the model':44}" + " ".join(f"{name:>10}" for name in columns))
    for queries, share in ((60, 0.4), (200, 0.1), (200, 0.3), (600, 0.05), (600, 0.5), (2000, 0.1)):
        after = np.arange(queries) < queries * share
        families = group_families(np.arange(queries))
        counts = np.zeros(3)
        for trial in range(trials):
            random = np.random.default_rng(trial)
            base = 0.25 + random.normal(0.0, 0.35, (queries, 1)) - 0.05 * after[:, None]
            drawn = base + random.normal(0.0, 0.2, (queries, 2))
            for at, more in enumerate((0.0, 0.05)):
                values = np.clip(drawn - np.array([more, 0.0]) * after[:, None], 0.0, 1.0)
                difference = values[:, :1] - values[:, 1:]
                statistic = ChangeStatistic.of(difference, families, ~after, after)
                (replicates,) = recompute(bootstrap_weights(queries, 500, trial), [statistic])
                value = float(difference[after].mean() - difference[~after].mean())
                found = change(statistic, value, replicates[:, 0])
                if at:
                    counts[2] += found.p < 0.05
                else:
                    counts[:2] += [found.p < 0.05, found.low <= 0.0 <= found.high]
        shares = " ".join(f"{one:>10.3f}" for one in counts / trials)
        print(f"{f'{queries} queries, {int(after.sum())} of them newer':44}{shares}", flush=True)


BEYOND = {"queries by seeds": beyond_seeds, "landscapes": beyond_landscapes, "newer than the model": beyond_release}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    print(f"{args.trials} data sets a row, {args.resamples} resamples; a share of 0.95 is uncertain by ", end="")
    print(f"{1.96 * np.sqrt(0.95 * 0.05 / args.trials):.3f}")
    print(
        f"{'':44}" + " ".join(f"{name:>10}" for name in ("percentile", "shifted", "patray", "difference", "p < 0.05"))
    )
    for case in (case for case in CASES if args.only in case.name):
        study(case, args.trials, args.resamples)
    for name, table in BEYOND.items():
        if args.only in name:
            table(args.trials)


if __name__ == "__main__":
    main()
