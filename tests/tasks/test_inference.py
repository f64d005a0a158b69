"""From scores to summary and comparisons: against independent oracles, and in the directions that are known."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score, f1_score, v_measure_score
from statsmodels.stats.multitest import multipletests

from patray.errors import InputError
from patray.statistics.draws import Draws
from patray.tables import COMPARISONS, ITEMS, SUMMARY
from patray.tasks.evidence import from_evidence, to_evidence
from patray.tasks.inference import ComparisonFamily, compare, summarise, verdict
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

FEW = Draws(resamples=500, seed=1)


def ids(count: int) -> np.ndarray:
    return np.array([f"EP{number:04}" for number in range(count)], dtype=object)


def table_of(count: int, families: list[str | None] | None = None, landscape: str = "l") -> pa.Table:
    listed = families or [f"F{number}" for number in range(count)]
    return pa.table({"landscape": [landscape] * count, "item_id": list(ids(count)), "family_id": listed}, schema=ITEMS)


def where(task: str = "retrieval", system: str = "a", view: str = "ta", part: str = "all") -> Where:
    return Where(task, "l", view, system, part)


def ranked(system: str, values: np.ndarray, view: str = "ta", part: str = "all", metric: str = "nDCG@10") -> MeanScore:
    return MeanScore(where(system=system, view=view, part=part), metric, ids(len(values)), values)


def labelled(
    system: str, right: float, count: int = 60, task: str = "classification:ipc3", width: int = 4, view: str = "ta"
) -> LabelScore:
    truth = np.random.default_rng(len(task)).random((count, width)) < 0.4
    wrong = np.random.default_rng(len(system) + ord(system[0])).random((count, width)) > right
    labels = np.array([f"{task[-1]}{number}" for number in range(width)], dtype=object)
    return LabelScore(where(task, system, view), "knn", ids(count), labels, truth, truth ^ wrong)


def clustered(system: str, share: float, count: int = 120, seeds: int = 3) -> ClusterScore:
    classes = np.random.default_rng(0).integers(0, 4, count, dtype=np.int32)
    generator = np.random.default_rng(ord(system[0]))
    kept = generator.random((seeds, count)) < share
    # Numbers of clusters differ from seed to seed, as those of k-means do.
    renamed = np.stack([np.random.default_rng(seed).permutation(4) for seed in range(seeds)])
    clusters = np.where(kept, classes, generator.integers(0, 4, (seeds, count)))
    clusters = np.take_along_axis(renamed, clusters, axis=1).astype(np.int32)
    names = np.array(["A", "B", "C", "D"], dtype=object)
    return ClusterScore(where("clustering:ipc3", system), ids(count), names, classes, clusters)


def by_metric(table: pa.Table) -> dict[tuple[str, str, str], dict[str, object]]:
    return {(row["task"], row["system"], row["metric"]): row for row in table.to_pylist()}


def test_the_summary_of_means_is_scipys_bootstrap_within_its_noise() -> None:
    values = np.random.default_rng(0).beta(0.5, 1.0, 800)
    summary = summarise([ranked("a", values)], table_of(800))
    assert summary.schema.equals(SUMMARY)
    (row,) = summary.to_pylist()
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=3).confidence_interval
    assert row["mean"] == pytest.approx(values.mean(), abs=1e-12)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((theirs.low, theirs.high), abs=0.15 * stats.sem(values))
    assert row["n"] == 800


def test_f1_and_its_interval_come_from_the_counts() -> None:
    score = labelled("a", 0.8)
    found = by_metric(summarise([score], table_of(60), FEW))
    for average in ("macro", "micro"):
        row = found["classification:ipc3", "a", f"knn-{average}-F1"]
        assert row["mean"] == pytest.approx(f1_score(score.truth, score.predicted, average=average), abs=1e-12)
        assert row["ci_low"] < row["mean"] < row["ci_high"]
        assert row["n"] == 60


def test_clustering_is_the_mean_over_seeds_and_their_spread_stands_beside_it() -> None:
    score = clustered("a", 0.7)
    found = by_metric(summarise([score], table_of(120), FEW))
    for name, oracle in (("V-measure", v_measure_score), ("NMI", v_measure_score), ("ARI", adjusted_rand_score)):
        by_seed = [oracle(score.classes, clusters) for clusters in score.clusters]
        row = found["clustering:ipc3", "a", name]
        assert row["mean"] == pytest.approx(np.mean(by_seed), abs=1e-10)
        assert row["ci_low"] < row["mean"] < row["ci_high"]
        spread = found["clustering:ipc3", "a", f"{name}.seed_sd"]
        assert spread["mean"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-10)
        assert spread["ci_low"] is None
        assert spread["ci_high"] is None


def test_one_seed_has_no_spread_over_seeds() -> None:
    summary = summarise([clustered("a", 0.7, seeds=1)], table_of(120), FEW)
    assert summary["metric"].to_pylist() == ["V-measure", "ARI", "NMI"]


def test_families_widen_the_interval_and_items_without_one_stand_alone() -> None:
    values = np.repeat(np.random.default_rng(2).random(50), 4)
    shared = summarise([ranked("a", values)], table_of(200, [f"F{number // 4}" for number in range(200)]), FEW)
    single = summarise([ranked("a", values)], table_of(200), FEW)
    unknown = summarise([ranked("a", values)], table_of(200, [None, ""] * 100), FEW)

    def width(table: pa.Table) -> float:
        (row,) = table.to_pylist()
        return row["ci_high"] - row["ci_low"]

    assert width(shared) / width(single) == pytest.approx(2.0, rel=0.15)
    assert unknown.equals(single)


def test_results_do_not_depend_on_the_order_of_items_or_on_who_else_is_there() -> None:
    generator = np.random.default_rng(3)
    values, others = generator.random((2, 90))
    items = table_of(90, [f"F{number // 2}" for number in range(90)])
    alone = summarise([ranked("a", values)], items, FEW).to_pylist()
    order = generator.permutation(90)
    turned = MeanScore(where(), "nDCG@10", ids(90)[order], values[order])
    beside = summarise([ranked("b", others), turned], items.take(order), FEW).to_pylist()[1]
    for name, value in alone[0].items():
        assert beside[name] == (pytest.approx(value, abs=1e-12) if isinstance(value, float) else value)


def test_the_drop_from_in_to_out_is_jointly_resampled() -> None:
    generator = np.random.default_rng(4)
    inside, outside = generator.random(100) * 0.8, generator.random(100) * 0.2
    scores = [
        MeanScore(where(part="in"), "nDCG@10", ids(150)[:100], inside),
        MeanScore(where(part="out"), "nDCG@10", ids(150)[50:], outside),
        MeanScore(where(part="in"), "P@10", ids(150)[:100], inside),
    ]
    rows = summarise(scores, table_of(150), FEW).to_pylist()
    assert [row["metric"] for row in rows] == ["nDCG@10", "nDCG@10", "P@10", "nDCG@10.drop"]
    drop = rows[-1]
    assert (drop["slice"], drop["n"]) == ("out", 100)
    assert drop["mean"] == pytest.approx(1 - outside.mean() / inside.mean())
    assert drop["ci_low"] < drop["mean"] < drop["ci_high"]
    same = [MeanScore(where(part=part), "nDCG@10", ids(100), inside) for part in ("in", "out")]
    (drop,) = [row for row in summarise(same, table_of(100), FEW).to_pylist() if row["metric"].endswith(".drop")]
    # Same queries, same values: joint draws leave nothing to vary.
    assert (drop["mean"], drop["ci_low"], drop["ci_high"]) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_a_drop_from_zero_has_no_mean_and_no_interval() -> None:
    scores = [ranked("a", np.zeros(10), part=part) for part in ("in", "out")]
    drop = summarise(scores, table_of(10), FEW).to_pylist()[-1]
    assert (drop["metric"], drop["mean"], drop["ci_low"]) == ("nDCG@10.drop", None, None)


def test_the_mean_over_label_sets_is_reported_where_a_system_has_several() -> None:
    several = [labelled("a", 0.9, task=f"classification:{name}") for name in ("x", "yy")]
    found = by_metric(summarise([*several, labelled("b", 0.9, task="classification:x")], table_of(60), FEW))
    row = found["classification:*", "a", "knn-macro-F1"]
    parts = [found[score.where.task, "a", "knn-macro-F1"]["mean"] for score in several]
    assert row["mean"] == pytest.approx(np.mean(parts))
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    assert ("classification:*", "b", "knn-macro-F1") not in found


def test_a_mean_over_two_equal_label_sets_is_as_uncertain_as_one() -> None:
    """Patents overlap between label sets: draws that were independent would make the interval 1.4 times too narrow."""
    one = labelled("a", 0.8, task="classification:x")
    two = LabelScore(where("classification:y"), "knn", one.items, one.labels, one.truth, one.predicted)
    found = by_metric(summarise([one, two], table_of(60), FEW))
    single, pooled = found["classification:x", "a", "knn-macro-F1"], found["classification:*", "a", "knn-macro-F1"]
    for name in ("mean", "ci_low", "ci_high"):
        assert pooled[name] == pytest.approx(single[name], abs=1e-12)


def test_one_family_gives_a_mean_without_an_interval() -> None:
    (row,) = summarise([ranked("a", np.array([0.1, 0.4]))], table_of(2, ["F", "F"]), FEW).to_pylist()
    assert (row["mean"], row["ci_low"], row["ci_high"], row["n"]) == (0.25, None, None, 2)


def three_systems(count: int = 80) -> list[Score]:
    generator = np.random.default_rng(5)
    base = generator.beta(0.6, 1.0, count)
    return [
        ranked(name, np.clip(base + shift + 0.1 * generator.normal(size=count), 0, 1))
        for name, shift in (("b", 0.1), ("a", 0.0), ("c", 0.0))
    ]


def test_comparisons_of_means_are_scipys_and_in_the_order_of_the_scores() -> None:
    scores = three_systems()
    table = compare(scores, table_of(80), [ComparisonFamily("all", "retrieval", "nDCG@10")], replace(FEW, flips=2000))
    assert table.schema.equals(COMPARISONS)
    rows = table.to_pylist()
    assert [(row["system_a"], row["system_b"]) for row in rows] == [("b", "a"), ("b", "c"), ("a", "c")]
    for row, (one, other) in zip(rows, itertools.combinations([score.values for score in scores], 2), strict=True):
        assert row["diff"] == pytest.approx((one - other).mean())
        assert row["mean_a"] - row["mean_b"] == pytest.approx(row["diff"])
        assert row["p_t"] == pytest.approx(stats.ttest_rel(one, other).pvalue)
        assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(one - other).pvalue)
        assert row["p_permutation"] == pytest.approx(row["p_t"], abs=0.05)
        assert row["ci_low"] < row["diff"] < row["ci_high"]
        assert row["wins"] + row["ties"] + row["losses"] == row["n"] == 80
        assert row["effect_size"] == pytest.approx((one - other).mean() / (one - other).std(ddof=1))
        reach = stats.norm.ppf(1 - 0.05 / 6) + stats.norm.ppf(0.8)
        assert row["min_detectable"] == pytest.approx(reach * stats.sem(one - other))
    raw = [row["p_permutation"] for row in rows]
    assert [row["p_adjusted"] for row in rows] == pytest.approx(multipletests(raw, method="holm")[1])
    assert [verdict(row) for row in rows] == ["better", "better", "no difference seen"]


def test_each_declared_family_is_corrected_for_itself() -> None:
    families = [
        ComparisonFamily("every pair", "retrieval", "nDCG@10"),
        ComparisonFamily("one", "retrieval", "nDCG@10", against="c"),
    ]
    rows = compare(
        three_systems(), table_of(80), families, replace(FEW, flips=500, correction="benjamini-hochberg")
    ).to_pylist()
    assert [row["family"] for row in rows] == ["every pair"] * 3 + ["one"] * 2
    one = rows[3:]
    assert [(row["system_a"], row["system_b"]) for row in one] == [("b", "c"), ("a", "c")]
    assert [row["p_permutation"] for row in one] == [rows[1]["p_permutation"], rows[2]["p_permutation"]]
    expected = multipletests([row["p_permutation"] for row in one], method="fdr_bh")[1]
    assert [row["p_adjusted"] for row in one] == pytest.approx(expected)
    assert one[1]["min_detectable"] < rows[2]["min_detectable"]


def test_views_are_compared_within_a_system() -> None:
    generator = np.random.default_rng(6)
    scores = [ranked(system, generator.random(40), view) for view in ("tac", "ta") for system in ("a", "b")]
    family = ComparisonFamily("views", "retrieval", "nDCG@10", between="views")
    rows = compare(scores, table_of(40), [family], replace(FEW, flips=200)).to_pylist()
    named = [(row["view"], row["system_a"], row["system_b"]) for row in rows]
    assert named == [("*", "a@tac", "a@ta"), ("*", "b@tac", "b@ta")]
    only = ComparisonFamily("views", "retrieval", "nDCG@10", between="views", against="tac", views=("ta", "tac"))
    rows = compare(scores, table_of(40), [only], replace(FEW, flips=200)).to_pylist()
    assert [(row["system_a"], row["system_b"]) for row in rows] == [("a@ta", "a@tac"), ("b@ta", "b@tac")]
    none = ComparisonFamily("views", "retrieval", "nDCG@10", between="views", landscapes=("elsewhere",))
    assert len(compare(scores, table_of(40), [none], FEW)) == 0


def test_only_common_items_are_compared() -> None:
    one = ranked("a", np.arange(10.0) / 10)
    other = MeanScore(where(system="b"), "nDCG@10", ids(14)[4:], np.zeros(10))
    nothing = MeanScore(where(system="c"), "nDCG@10", ids(14)[10:], np.zeros(4))
    family = ComparisonFamily("all", "retrieval", "nDCG@10")
    rows = compare([one, other, nothing], table_of(14), [family], replace(FEW, flips=100)).to_pylist()
    assert [row["n"] for row in rows] == [6, 0, 4]
    assert rows[0]["mean_a"] == pytest.approx(0.65)
    # Six families of one sign: the exact test has 2^6 outcomes, two of them as extreme.
    assert rows[0]["p_permutation"] == pytest.approx(2 / 64)
    assert (rows[1]["diff"], rows[1]["p_adjusted"], rows[1]["wins"]) == (None, None, None)
    assert verdict(rows[1]) == "no difference seen"
    # The comparison without a p is no member of the family: two are corrected, not three.
    assert rows[0]["p_adjusted"] == pytest.approx(2 * 2 / 64)


def test_f1_is_compared_by_swapping_predictions_and_has_no_t() -> None:
    scores = [labelled("good", 0.9), labelled("bad", 0.6)]
    for metric, average in (("knn-macro-F1", "macro"), ("knn-micro-F1", "micro")):
        family = ComparisonFamily("f", "classification:*", metric)
        (row,) = compare(scores, table_of(60), [family], replace(FEW, flips=400)).to_pylist()
        means = [f1_score(score.truth, score.predicted, average=average) for score in scores]
        assert (row["mean_a"], row["mean_b"]) == pytest.approx(means)
        assert row["p_permutation"] == pytest.approx(1 / 401)
        assert (row["p_t"], row["p_wilcoxon"]) == (None, None)
        assert 0 < row["ci_low"] < row["diff"] < row["ci_high"]
        assert row["wins"] > row["losses"]
        assert row["wins"] + row["ties"] + row["losses"] == 60
        assert verdict(row) == "better"


def test_label_sets_are_compared_one_by_one_and_in_their_mean() -> None:
    scores = [
        labelled(name, right, task=f"classification:{task}")
        for task in ("x", "yy")
        for name, right in (("a", 0.9), ("b", 0.6))
    ]
    family = ComparisonFamily("f", "classification:*", "knn-macro-F1")
    rows = compare(scores, table_of(60), [family], replace(FEW, flips=400)).to_pylist()
    assert [row["task"] for row in rows] == ["classification:x", "classification:yy", "classification:*"]
    assert rows[2]["diff"] == pytest.approx((rows[0]["diff"] + rows[1]["diff"]) / 2)
    assert rows[2]["ci_low"] < rows[2]["diff"] < rows[2]["ci_high"]
    assert rows[2]["p_permutation"] == pytest.approx(1 / 401)
    assert rows[2]["wins"] is None
    summary = by_metric(summarise(scores, table_of(60), FEW))
    assert rows[2]["mean_a"] == pytest.approx(summary["classification:*", "a", "knn-macro-F1"]["mean"])


def test_clusterings_are_compared_on_shared_resamples() -> None:
    scores = [clustered("b", 0.8), clustered("a", 0.5), clustered("q", 0.5)]
    family = ComparisonFamily("f", "clustering:ipc3", "V-measure")
    rows = compare(scores, table_of(120), [family], FEW).to_pylist()
    assert [verdict(row) for row in rows] == ["better", "better", "no difference seen"]
    for row in rows:
        assert (row["p_t"], row["p_wilcoxon"], row["wins"]) == (None, None, None)
        assert row["ci_low"] < row["diff"] < row["ci_high"]
        assert (row["p_permutation"] < 0.05) == (row["ci_low"] > 0 or row["ci_high"] < 0)


def test_equal_systems_differ_in_nothing() -> None:
    pairs: list[tuple[list[Score], str, int]] = [
        ([ranked(name, np.linspace(0, 1, 30)) for name in ("a", "b")], "nDCG@10", 30),
        (
            [
                LabelScore(where("classification:x", name), *list(vars(labelled("a", 0.7)).values())[1:])
                for name in "ab"
            ],
            "knn-macro-F1",
            60,
        ),
        (
            [ClusterScore(where("clustering:x", name), *list(vars(clustered("a", 0.7)).values())[1:]) for name in "ab"],
            "ARI",
            120,
        ),
    ]
    for scores, metric, count in pairs:
        family = ComparisonFamily("f", scores[0].where.task, metric)
        (row,) = compare(scores, table_of(count), [family], replace(FEW, flips=200)).to_pylist()
        zeros = [row[name] for name in ("diff", "ci_low", "ci_high", "effect_size", "min_detectable")]
        assert zeros == pytest.approx([0.0] * 5, abs=1e-12)
        assert (row["p_permutation"], row["p_adjusted"]) == (1.0, 1.0)


def test_evidence_read_back_gives_the_same_summary_and_comparisons() -> None:
    scores = [
        *three_systems(60),
        labelled("a", 0.9),
        labelled("b", 0.8),
        clustered("a", 0.6, 60),
        clustered("b", 0.7, 60),
    ]
    back = from_evidence(to_evidence(scores))
    families = [
        ComparisonFamily("r", "retrieval", "nDCG@10"),
        ComparisonFamily("c", "classification:*", "knn-macro-F1"),
        ComparisonFamily("k", "clustering:*", "V-measure"),
    ]
    items = table_of(60)
    assert summarise(back, items, FEW).equals(summarise(scores, items, FEW))
    given, found = (compare(some, items, families, replace(FEW, flips=200)) for some in (scores, back))
    assert found.equals(given)


def test_seeds_decide_the_draws() -> None:
    scores, items = three_systems(), table_of(80)
    assert summarise(scores, items, Draws(300, seed=4)).equals(summarise(scores, items, Draws(300, seed=4)))
    assert not summarise(scores, items, Draws(300, seed=4)).equals(summarise(scores, items, Draws(300, seed=5)))


def test_thousands_of_comparisons_take_seconds() -> None:
    generator = np.random.default_rng(0)
    scores = [
        ranked(f"s{system}", generator.random(2000), metric=metric)
        for system in range(40)
        for metric in ("nDCG@10", "P@10")
    ]
    families = [ComparisonFamily(metric, "retrieval", metric) for metric in ("nDCG@10", "P@10")]
    start = time.process_time()
    table = compare(scores, table_of(2000), families, Draws(resamples=2000, flips=2000))
    assert len(table) == 2 * 780
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    ("scores", "items", "message"),
    [
        ([ranked("a", np.zeros(3))], table_of(2), r"'EP0002' is not in the table of items \(1 of 3"),
        ([ranked("a", np.zeros(2))], table_of(2, landscape="other"), "no landscape 'l'; there are other"),
        ([MeanScore(where(), "P@10", np.array(["EP0000"] * 2), np.zeros(2))], table_of(2), "more than once"),
        ([ranked("a", np.zeros(0))], table_of(2), "no items"),
        ([ranked("a", np.array([0.1, np.nan]))], table_of(2), "nDCG@10 of item 'EP0001' is not a number"),
        (
            [ranked("a", np.zeros(2))],
            pa.concat_tables([table_of(2), table_of(2, ["F8", "F9"])]),
            "'EP0000' of landscape 'l' has the families 'F0' and 'F8'",
        ),
    ],
)
def test_items_that_do_not_fit_are_refused(scores: list[Score], items: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        summarise(scores, items, FEW)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (ComparisonFamily("f", "retrieval", "nDCG@5"), "metric 'nDCG@5'; there are nDCG@10"),
        (
            ComparisonFamily("f", "retrieval", "nDCG@10", against="zz"),
            "'zz', but no score of the family has it; there are b, a, c",
        ),
        (ComparisonFamily("f", "retrieval", "nDCG@10", between="tasks"), "allowed are systems, views"),  # type: ignore[arg-type]
    ],
)
def test_families_that_cannot_be_meant_are_refused(family: ComparisonFamily, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(three_systems(), table_of(80), [family], FEW)


def test_an_unknown_correction_and_a_score_given_twice_are_refused() -> None:
    family = ComparisonFamily("f", "retrieval", "nDCG@10")
    with pytest.raises(InputError, match="allowed are auto, max-t, holm, benjamini-hochberg"):
        compare(three_systems(), table_of(80), [family], replace(FEW, correction="none"))
    with pytest.raises(InputError, match="given twice"):
        compare(three_systems() * 2, table_of(80), [family], FEW)


def test_a_task_that_was_not_run_has_no_comparisons() -> None:
    table = compare(three_systems(), table_of(80), [ComparisonFamily("f", "clustering:*", "V-measure")], FEW)
    assert table.schema.equals(COMPARISONS)
    assert len(table) == 0
