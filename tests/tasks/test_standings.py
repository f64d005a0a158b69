"""Families of any size, and who may be the best: in the directions that are known, and against other tools."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from patray.statistics.draws import Draws
from patray.tables import ITEMS, STANDINGS
from patray.tasks.comparisons import judge_families
from patray.tasks.inference import ComparisonFamily, compare
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

ITEMS_OF_60 = pa.table(
    {"landscape": ["l"] * 60, "item_id": [f"p{at}" for at in range(60)], "family_id": [f"f{at}" for at in range(60)]},
    schema=ITEMS,
)
IDS = np.array([f"p{at}" for at in range(60)], dtype=object)
FEW = Draws(resamples=400, flips=1000, seed=1)
RETRIEVAL = ComparisonFamily("systems/retrieval", "retrieval", "nDCG@10")


def ranked(effects: np.ndarray, views: tuple[str, ...] = ("ta",)) -> list[Score]:
    """Scores of systems s0, s1, ...: queries that are easy or hard for all, and what each system adds."""
    generator = np.random.default_rng(7)
    easy = generator.normal(size=60)
    return [
        MeanScore(
            Where("retrieval", "l", view, f"s{at}", "all"),
            "nDCG@10",
            IDS,
            easy + 0.5 * generator.normal(size=60) + effect,
        )
        for view in views
        for at, effect in enumerate(effects)
    ]


def test_506_comparisons_on_1000_flips_find_what_t_puts_far_below_and_holm_finds_nothing() -> None:
    effects = np.zeros(23)
    effects[:3] = 1.0
    scores = ranked(effects, ("ta", "tac"))
    auto = compare(scores, ITEMS_OF_60, [RETRIEVAL], FEW).to_pylist()
    assert len(auto) == 506
    assert {row["correction"] for row in auto} == {"max-t"}
    clear = [row for row in auto if row["p_t"] < 1e-10]
    assert len(clear) > 30
    assert all(row["p_adjusted"] == pytest.approx(1 / 1001) for row in clear)
    holm = compare(scores, ITEMS_OF_60, [RETRIEVAL], replace(FEW, correction="holm")).to_pylist()
    assert min(row["p_adjusted"] for row in holm) > 0.05
    assert all(row["min_detectable"] is None for row in holm)  # no difference, however large, would have been found
    assert [row["p_permutation"] for row in holm] == [row["p_permutation"] for row in auto]


def test_a_small_family_is_holm_and_intervals_that_hold_together_are_wider_than_those_that_hold_alone() -> None:
    table = compare(ranked(np.linspace(0, 0.6, 4)), ITEMS_OF_60, [RETRIEVAL], FEW).to_pylist()
    for row in table:
        assert row["correction"] == "holm"
        assert row["ci_low_all"] < row["ci_low"] < row["ci_high"] < row["ci_high_all"]


def test_the_smallest_visible_difference_is_found_four_times_in_five_by_max_t() -> None:
    """120 data sets of 12 systems, one of which is better by the difference that the first data set says is visible."""
    families, draws = [RETRIEVAL], Draws(resamples=100, flips=400, correction="max-t")
    generator = np.random.default_rng(0)
    noise = [generator.normal(size=(60, 12)) for _ in range(121)]

    def rows(values: np.ndarray) -> list[dict[str, object]]:
        place = [Where("retrieval", "l", "ta", f"s{at}", "all") for at in range(12)]
        scores = [MeanScore(where, "nDCG@10", IDS, values[:, at]) for at, where in enumerate(place)]
        return compare(scores, ITEMS_OF_60, families, draws).to_pylist()

    visible = np.mean([float(str(row["min_detectable"])) for row in rows(noise[0])])
    found = 0
    for values in noise[1:]:
        values[:, 0] += visible
        found += float(str(rows(values)[0]["p_adjusted"])) < 0.05
    assert 0.66 <= found / 120 <= 0.93  # 0.8 at 3.5 binomial standard errors, and the normal approximation


def test_equivalence_is_statsmodels_two_one_sided_tests() -> None:
    scores = ranked(np.array([0.0, 0.05]))
    (row,) = compare(scores, ITEMS_OF_60, [RETRIEVAL], replace(FEW, margin=0.3)).to_pylist()
    assert isinstance(scores[0], MeanScore)
    assert isinstance(scores[1], MeanScore)
    theirs = DescrStatsW(scores[0].values - scores[1].values).ttost_mean(-0.3, 0.3)[0]
    assert row["p_equivalent"] == pytest.approx(theirs, rel=1e-9)
    assert compare(scores, ITEMS_OF_60, [RETRIEVAL], FEW).to_pylist()[0]["p_equivalent"] is None


def test_standings_name_the_possible_winners_of_every_view_for_itself() -> None:
    effects = np.array([0.0, 1.0, 1.02, 0.0])
    comparisons, table = judge_families(
        ranked(effects, ("ta", "tac")), ITEMS_OF_60, [RETRIEVAL], replace(FEW, margin=0.4)
    )
    assert table.schema.equals(STANDINGS)
    assert len(comparisons) == 12
    for view in ("ta", "tac"):
        rows = {row["system"]: row for row in table.to_pylist() if row["view"] == view}
        assert [name for name, row in rows.items() if row["may_win"]] == ["s1", "s2"]
        assert {row["rank"] for row in rows.values()} == {1, 2, 3, 4}
        assert rows["s0"]["rank_low"] == 3
        assert [row["not_worse"] for row in rows.values()] == [False, True, True, False]
        best = max(rows.values(), key=lambda row: row["mean"])
        assert best["picked"] > 0.3
        assert best["winner_held_out"] < best["mean"] + 0.1
        assert rows["s0"]["shortfall"] > 1.0


def test_one_cell_alone_stands_as_it_does_beside_others() -> None:
    scores = ranked(np.array([0.0, 0.3, 0.5]), ("ta", "tac"))
    both = judge_families(scores, ITEMS_OF_60, [RETRIEVAL], FEW)[1].to_pylist()
    alone = judge_families(scores[:3], ITEMS_OF_60, [RETRIEVAL], FEW)[1].to_pylist()
    assert both[:3] == alone


def test_standings_of_f1_and_of_clusterings_follow_the_planted_order() -> None:
    truth = np.random.default_rng(0).random((60, 4)) < 0.4
    labels = np.array(["A", "B", "C", "D"], dtype=object)
    classes = np.random.default_rng(1).integers(0, 3, 60, dtype=np.int32)
    names = np.array(["x", "y", "z"], dtype=object)
    scores: list[Score] = []
    for at, wrong in enumerate((0.02, 0.3, 0.5)):
        generator = np.random.default_rng(at + 5)
        predicted = truth ^ (generator.random(truth.shape) < wrong)
        scores.append(
            LabelScore(Where("classification:c", "l", "ta", f"s{at}", "all"), "knn", IDS, labels, truth, predicted)
        )
        moved = np.where(generator.random((2, 60)) < wrong, generator.integers(0, 3, (2, 60)), classes).astype(np.int32)
        scores.append(ClusterScore(Where("clustering:c", "l", "ta", f"s{at}", "all"), IDS, names, classes, moved))
    families = [
        ComparisonFamily("f1", "classification:c", "knn-macro-F1"),
        ComparisonFamily("v", "clustering:c", "V-measure"),
    ]
    for correction in ("auto", "max-t"):
        comparisons, table = judge_families(
            scores, ITEMS_OF_60, families, replace(FEW, resamples=1000, correction=correction)
        )
        for row in comparisons.to_pylist():
            assert row["ci_low_all"] <= row["diff"] <= row["ci_high_all"]
            assert 0 < row["p_adjusted"] <= 1
        for family in ("f1", "v"):
            rows = [row for row in table.to_pylist() if row["family"] == family]
            assert [row["rank"] for row in rows] == [1, 2, 3]
            assert [row["may_win"] for row in rows] == [True, False, False]
            assert rows[0]["picked"] > 0.95
