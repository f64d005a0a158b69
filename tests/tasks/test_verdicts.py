"""Verdicts, recipe pairs and trends: against plain loops, and in the directions that were planted."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, v_measure_score

from patray.statistics.corrections import holm
from patray.statistics.draws import Draws
from patray.statistics.rank import kendall, kendall_rows
from patray.tables import ITEMS, TRENDS, VERDICTS
from patray.tasks.comparisons import ComparisonFamily, compare
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where
from patray.tasks.trends import trends
from patray.tasks.verdicts import DEGRADED, FOREIGN, HOME, IMPROVED, NEITHER, Made, recipe_pairs, verdict_of, verdicts

LANDSCAPES = ("here", "there")
FEW = Draws(resamples=500, flips=2000)
RETRIEVAL = ComparisonFamily("recipes/retrieval", "retrieval", "nDCG@10", between="bases")
PAIRS = ComparisonFamily("recipe-pairs/retrieval", "retrieval", "nDCG@10", between="recipes")
F1 = ComparisonFamily("recipes/f1", "classification:*", "knn-macro-F1", between="bases")
V = ComparisonFamily("recipes/v", "clustering:*", "V-measure", between="bases")


def ids(landscape: str, n: int) -> np.ndarray:
    return np.array([f"{landscape}{at:03}" for at in range(n)], object)


def items_of(n: int, each: int = 2) -> pa.Table:
    rows = [(name, item, f"F{at // each}") for name in LANDSCAPES for at, item in enumerate(ids(name, n))]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=ITEMS)


def mean(system: str, landscape: str, values: np.ndarray) -> MeanScore:
    return MeanScore(Where("retrieval", landscape, "ta", system, "all"), "nDCG@10", ids(landscape, len(values)), values)


def made(recipes: dict[str, int], bases: tuple[str, ...] = ("m",)) -> dict[str, Made]:
    return {
        f"{base}--{recipe}--here--s{seed}": Made(base, recipe, "here", seed)
        for base in bases
        for recipe, seeds in recipes.items()
        for seed in range(seeds)
    }


def retrieval_scores(
    of: dict[str, Made], n: int, gain: dict[tuple[str, str], float], noise: float = 0.05, seed: int = 0
) -> list[Score]:
    """Scores of bases and tuned systems; gain by (recipe, landscape)."""
    rng = np.random.default_rng(seed)
    found: list[Score] = []
    for landscape in LANDSCAPES:
        hard = rng.beta(1, 1, n)
        for base in dict.fromkeys(one.base for one in of.values()):
            found.append(mean(base, landscape, hard))
            for name, one in of.items():
                if one.base == base:
                    added = gain.get((one.recipe, landscape), 0.0) + noise * rng.standard_normal(n)
                    found.append(mean(name, landscape, hard + added))
    return found


def test_a_verdict_on_means_is_the_paired_comparison_of_the_seed_mean() -> None:
    of = made({"A": 3, "B": 1})
    scores = retrieval_scores(of, 80, {("A", "here"): 0.03})
    table = verdicts(scores, items_of(80), [RETRIEVAL], of, FEW)
    assert table.schema == VERDICTS
    rows = {(row["recipe"], row["landscape"]): row for row in table.to_pylist()}
    assert list(rows) == [("A", "here"), ("B", "here"), ("A", "there"), ("B", "there")]
    by_name = {(score.where.system, score.where.landscape): score.values for score in scores}  # type: ignore[union-attr]
    for (recipe, landscape), row in rows.items():
        base = by_name["m", landscape]
        each = np.array([by_name[name, landscape] - base for name, one in of.items() if one.recipe == recipe])
        joined = each.mean(axis=0)
        assert row["diff"] == pytest.approx(joined.mean())
        assert row["mean_base"] == pytest.approx(base.mean())
        assert row["n"] == 80
        assert row["seeds"] == len(each)
        assert row["place"] == (HOME if landscape == "here" else FOREIGN)
        if len(each) > 1:
            assert row["seed_sd"] == pytest.approx(each.mean(axis=1).std(ddof=1))
        else:
            assert row["seed_sd"] is None
        sums = joined.reshape(-1, 2).sum(axis=1)
        error = np.sqrt(((sums - sums.mean()) ** 2).sum() * 40 / 39) / 80
        assert row["standard_error"] == pytest.approx(error)
        rng = np.random.default_rng(5)
        drawn = joined.reshape(-1, 2)[rng.integers(0, 40, (4000, 40))].mean(axis=(1, 2))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.4 * error)
        flipped = np.abs(rng.choice([-1, 1], (4000, 40)) @ sums) >= abs(sums.sum()) - 1e-12
        assert row["p_permutation"] == pytest.approx(flipped.mean(), abs=0.04)
        reach = stats.norm.isf(0.05 / 8) + stats.norm.ppf(0.8)
        assert row["min_detectable"] == pytest.approx(reach * error)
    raw = np.array([row["p_permutation"] for row in rows.values()])
    assert [row["p_adjusted"] for row in rows.values()] == pytest.approx(holm(raw).tolist())
    assert rows["A", "here"]["verdict"] == IMPROVED


def test_one_seed_gives_the_numbers_of_the_comparison_with_the_base() -> None:
    of = made({"A": 1, "B": 1})
    scores = retrieval_scores(of, 60, {("A", "here"): 0.02, ("B", "there"): -0.02})
    found = verdicts(scores, items_of(60), [RETRIEVAL], of, FEW).to_pylist()
    plain = compare(scores, items_of(60), [RETRIEVAL], FEW, {name: one.base for name, one in of.items()})
    for row, other in zip(found, plain.to_pylist(), strict=True):
        assert other["system_b"] == row["base"]
        for name in ("diff", "ci_low", "ci_high", "p_permutation", "p_adjusted", "min_detectable", "n", "landscape"):
            assert row[name] == other[name]


def test_the_noise_of_seeds_averages_out_and_does_not_enter_the_queries_error() -> None:
    of = made({"A": 5})
    scores = retrieval_scores(of, 200, {}, noise=0.1)
    row = verdicts(scores, items_of(200), [RETRIEVAL], of, FEW).to_pylist()[0]
    assert row["standard_error"] == pytest.approx(0.1 / np.sqrt(5 * 200), rel=0.3)
    # The same values for every query, another level for every seed: all variance is that of seeds.
    rng = np.random.default_rng(1)
    values = rng.beta(1, 1, 200)
    levels = np.array([0.01, 0.05, 0.03, 0.0, 0.02])
    scores = [mean("m", "here", values)]
    scores += [mean(name, "here", values + level) for name, level in zip(of, levels, strict=True)]
    row = verdicts(scores, items_of(200), [RETRIEVAL], of, FEW).to_pylist()[0]
    assert row["seed_sd"] == pytest.approx(levels.std(ddof=1))
    assert row["standard_error"] == pytest.approx(0, abs=1e-9)
    assert row["diff"] == pytest.approx(levels.mean())


@given(st.permutations(range(3)), st.floats(-0.2, 0.2))
@settings(max_examples=15, deadline=None)
def test_seeds_in_any_order_and_a_shift_of_all_queries_change_nothing_else(order: list[int], shift: float) -> None:
    of = made({"A": 3})
    scores = retrieval_scores(of, 24, {("A", "here"): 0.02})
    options = Draws(resamples=100, flips=100)
    rows = verdicts(scores, items_of(24), [RETRIEVAL], of, options).to_pylist()
    tuned = list(of)
    renamed = {tuned[a]: Made("m", "A", "here", order[a]) for a in range(3)}
    moved = [mean(score.where.system, score.where.landscape, score.values + shift) for score in scores]  # type: ignore[union-attr]
    for row, other in zip(rows, verdicts(moved, items_of(24), [RETRIEVAL], renamed, options).to_pylist(), strict=True):
        for name in ("diff", "ci_low", "ci_high", "p_permutation", "seed_sd"):
            assert row[name] == pytest.approx(other[name], abs=1e-9)
        assert row["verdict"] == other["verdict"]


def label_score(system: str, task: str, truth: np.ndarray, predicted: np.ndarray) -> LabelScore:
    where = Where(f"classification:{task}", "here", "ta", system, "all")
    return LabelScore(where, "knn", ids("here", len(truth)), np.array(list("abc"), object), truth, predicted)


def test_a_verdict_on_f1_is_the_mean_of_the_seeds_f1_on_every_resample() -> None:
    rng = np.random.default_rng(2)
    of, n = made({"A": 3}), 60
    truth = {task: rng.random((n, 3)) < 0.5 for task in ("one", "two")}
    names = ["m", *of]
    predicted = {(name, task): truth[task] ^ (rng.random((n, 3)) < (0.3 if name == "m" else 0.2)) for name, task in
                 itertools.product(names, truth)}  # fmt: skip
    scores = [label_score(name, task, truth[task], predicted[name, task]) for name, task in predicted]
    (row,) = verdicts(scores, items_of(n), [F1], of, FEW).to_pylist()
    assert row["task"] == "classification:*"

    def f1(name: str, rows: np.ndarray) -> float:
        return float(
            np.mean([f1_score(truth[task][rows], predicted[name, task][rows], average="macro") for task in truth])
        )

    def diffs(rows: np.ndarray) -> np.ndarray:
        return np.array([f1(name, rows) - f1("m", rows) for name in of])

    everything = np.arange(n)
    assert row["diff"] == pytest.approx(diffs(everything).mean())
    assert row["seed_sd"] == pytest.approx(diffs(everything).std(ddof=1))
    left_out = [diffs(np.delete(everything, [2 * at, 2 * at + 1])).mean() for at in range(n // 2)]
    error = np.sqrt((n // 2 - 1) * np.var(left_out))
    assert row["standard_error"] == pytest.approx(error)
    # A family's predictions change hands between the base and all seeds at once.
    extreme = []
    for _ in range(150):
        swapped = np.repeat(rng.random(n // 2) < 0.5, 2)[:, None]
        values = []
        for name in of:
            sides = [np.mean([f1_score(truth[task], np.where(swapped, predicted[b, task], predicted[a, task]),
                                       average="macro") for task in truth])
                     for a, b in ((name, "m"), ("m", name))]  # fmt: skip
            values.append(sides[0] - sides[1])
        extreme.append(abs(np.mean(values)) >= abs(row["diff"]) - 1e-12)
    assert row["p_permutation"] == pytest.approx(np.mean(extreme), abs=0.1)


def test_a_verdict_on_clusterings_averages_both_kinds_of_seeds() -> None:
    rng = np.random.default_rng(3)
    of, n = made({"A": 2}), 60
    classes = rng.integers(0, 3, n).astype(np.int32)

    def clusters(wrong: float) -> np.ndarray:
        return np.array([np.where(rng.random(n) < wrong, rng.integers(0, 3, n), classes) for _ in range(2)], np.int32)

    drawn = {name: clusters(0.5 if name == "m" else 0.2) for name in ("m", *of)}
    names = np.array(list("abc"), object)
    scores = [
        ClusterScore(Where("clustering:x", "here", "ta", name, "all"), ids("here", n), names, classes, found)
        for name, found in drawn.items()
    ]
    (row,) = verdicts(scores, items_of(n), [V], of, FEW).to_pylist()
    values = {name: np.mean([v_measure_score(classes, one) for one in found]) for name, found in drawn.items()}
    each = [values[name] - values["m"] for name in of]
    assert row["diff"] == pytest.approx(np.mean(each))
    assert row["seed_sd"] == pytest.approx(np.std(each, ddof=1))
    assert row["verdict"] == IMPROVED
    assert row["ci_low"] < row["diff"] < row["ci_high"]


def test_recipes_meet_at_home_alone_and_controls_do_not_play() -> None:
    of = made({"A": 2, "B": 3, "sham": 1})
    scores = retrieval_scores(of, 80, {("A", "here"): 0.06})
    rows = recipe_pairs(scores, items_of(80), [RETRIEVAL, PAIRS], of, ("sham",), FEW)
    row: dict[str, Any] = rows[0]
    assert len(rows) == 1
    assert (row["family"], row["landscape"]) == ("recipe-pairs/retrieval", "here")
    assert (row["system_a"], row["system_b"]) == ("m--A--here", "m--B--here")
    by_name = {(score.where.system, score.where.landscape): score.values for score in scores}  # type: ignore[union-attr]
    sides = [np.mean([by_name[name, "here"] for name, one in of.items() if one.recipe == recipe]) for recipe in "AB"]
    assert row["diff"] == pytest.approx(sides[0] - sides[1])
    assert row["p_adjusted"] == row["p_permutation"]  # a family of one
    assert verdict_of(row["diff"], row["p_adjusted"]) == IMPROVED


def test_recipes_with_other_numbers_of_seeds_meet_on_f1_in_every_combination() -> None:
    rng = np.random.default_rng(4)
    of, n = made({"A": 2, "B": 3}), 40
    truth = rng.random((n, 3)) < 0.5
    predicted = {name: truth ^ (rng.random((n, 3)) < 0.25) for name in ("m", *of)}
    scores = [label_score(name, "one", truth, found) for name, found in predicted.items()]
    family = ComparisonFamily("p", "classification:*", "knn-macro-F1", between="recipes")
    (row,) = recipe_pairs(scores, items_of(n), [family], of, draws=FEW)
    means = [np.mean([f1_score(truth, predicted[name], average="macro") for name, one in of.items()
                      if one.recipe == recipe]) for recipe in "AB"]  # fmt: skip
    assert row["diff"] == pytest.approx(means[0] - means[1])


def test_the_label_follows_the_corrected_p_and_the_sign() -> None:
    assert verdict_of(0.01, 0.049) == IMPROVED
    assert verdict_of(-0.01, 0.049) == DEGRADED
    assert verdict_of(0.01, 0.05) == verdict_of(0.0, 0.01) == verdict_of(-0.5, float("nan")) == NEITHER


def test_nothing_is_seen_where_nothing_was_done() -> None:
    of = made({"A": 2, "B": 1}, ("m", "k"))
    hits = 0
    for seed in range(20):
        scores = retrieval_scores(of, 40, {}, seed=seed)
        found = verdicts(scores, items_of(40), [RETRIEVAL], of, Draws(resamples=100, flips=500))
        hits += any(label != NEITHER for label in found["verdict"].to_pylist())
    assert hits <= 4  # a family errs in 5% of the runs; more than 4 of 20 has a chance of 0.3%


def test_systems_without_a_base_or_a_family_between_bases_have_no_verdict() -> None:
    of = {"x": Made("gone", "A", "here", 0)}
    scores = [mean("x", "here", np.linspace(0, 1, 10))]
    assert verdicts(scores, items_of(10), [RETRIEVAL], of, FEW).num_rows == 0
    kept = [mean("m", "here", np.linspace(0, 1, 10)), mean("m--A--here--s0", "here", np.linspace(0, 1, 10))]
    plain = ComparisonFamily("systems", "retrieval", "nDCG@10")
    assert verdicts(kept, items_of(10), [plain], made({"A": 1}), FEW).num_rows == 0


def test_a_family_of_named_systems_compares_these_alone() -> None:
    scores = [mean(name, "here", np.linspace(0, 1, 10) ** power) for power, name in enumerate("abc", 1)]
    family = ComparisonFamily("few", "retrieval", "nDCG@10", systems=("a", "c"))
    found = compare(scores, items_of(10), [family], FEW)
    assert [(row["system_a"], row["system_b"]) for row in found.to_pylist()] == [("a", "c")]


def strength_scores(slope: float, bases: int) -> tuple[list[Score], dict[str, Made]]:
    """Bases of growing strength; abroad every recipe changes them by slope x strength."""
    rng = np.random.default_rng(6)
    names = tuple(f"b{at}" for at in range(bases))
    of = made({"A": 2, "sham": 1}, names)
    scores: list[Score] = []
    for landscape in LANDSCAPES:
        hard = rng.beta(1, 1, 80)
        for at, base in enumerate(names):
            level = hard + 0.1 * at
            scores.append(mean(base, landscape, level))
            for name, one in of.items():
                if one.base == base:
                    change = (-slope if one.recipe == "sham" else slope) * at
                    scores.append(mean(name, landscape, level + change + 0.01 * rng.standard_normal(80)))
    return scores, of


@pytest.mark.parametrize("slope", [-0.05, 0.05])
def test_the_trend_finds_who_is_hurt_more_and_leaves_the_sham_out(slope: float) -> None:
    scores, of = strength_scores(slope, 5)
    table = trends(scores, items_of(80), [RETRIEVAL], of, ("sham",), Draws(resamples=300))
    assert table.schema == TRENDS
    (row,) = table.to_pylist()
    assert (row["bases"], row["cells"], row["home"]) == (5, 1, "here")
    assert row["tau"] == row["ci_low"] == row["ci_high"] == np.sign(slope)
    assert row["p"] == pytest.approx(2 / 120)


def test_fewer_than_three_bases_have_no_trend() -> None:
    scores, of = strength_scores(-0.05, 2)
    assert trends(scores, items_of(80), [RETRIEVAL], of, draws=Draws(resamples=100)).num_rows == 0


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_row_by_row_tau_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 5, (2, 3, 6)).astype(float)
    for one, a, b in zip(kendall_rows(x, y), x, y, strict=True):
        assert one == pytest.approx(stats.kendalltau(a, b).statistic, nan_ok=True)
        assert one == pytest.approx(kendall(a, b[None])[0], nan_ok=True)
