"""Retention, scale and the change of the gap: against plain loops, and in the directions that are known."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import f1_score, v_measure_score

from patray.errors import InputError
from patray.statistics.draws import Draws
from patray.tables import ITEMS
from patray.tasks.gap import Halves, gap_changes
from patray.tasks.joint import Side
from patray.tasks.populations import Catalogue
from patray.tasks.retention import kept
from patray.tasks.scale import scale
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

N = 240
FAMILIES = [f"F{number // 2}" for number in range(N)]
IDS = np.array([f"EP{number:04}" for number in range(N)], object)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.of(pa.table({"landscape": ["l"] * N, "item_id": list(IDS), "family_id": FAMILIES}, schema=ITEMS))


def means(system: str, values: np.ndarray, part: str = "all", items: np.ndarray = IDS) -> MeanScore:
    return MeanScore(Where("retrieval", "l", "ta", system, part), "nDCG@10", items, values)


def sides(catalogue: Catalogue, scores: list[Score]) -> list[Side]:
    return [(catalogue.place(score),) for score in scores]


def hardness(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.5, 1.0, N)


def test_the_share_kept_and_its_interval_are_those_of_a_plain_bootstrap_by_family(catalogue: Catalogue) -> None:
    random = np.random.default_rng(1)
    full = hardness()
    cut = full * random.uniform(0.8, 1.1, N)
    one, two = sides(catalogue, [means("full", full), means("cut", cut)])
    found = kept(one, [two], "nDCG@10", catalogue, Draws(resamples=4000))
    assert found is not None
    assert found.n == N
    assert found.scores == pytest.approx([full.mean(), cut.mean()])
    (estimate,) = found.estimates
    assert estimate.value == pytest.approx(cut.mean() / full.mean())
    drawn = random.integers(0, N // 2, (4000, N // 2))
    rows = np.stack([2 * drawn, 2 * drawn + 1], axis=2).reshape(4000, -1)
    ratios = cut[rows].mean(axis=1) / full[rows].mean(axis=1)
    spread = ratios.std()
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.15 * spread)
    # Far narrower than either score's own: hard queries are hard for both.
    assert estimate.high - estimate.low < 0.3 * 4 * cut.std() / np.sqrt(N) / full.mean()


def test_the_full_vectors_keep_all_of_themselves_with_certainty(catalogue: Catalogue) -> None:
    full = means("full", hardness())
    one, same = sides(catalogue, [full, means("same", full.values)])
    found = kept(one, [same], "nDCG@10", catalogue, Draws(resamples=200))
    assert found is not None
    assert found.estimates[0].value == found.estimates[0].low == found.estimates[0].high == 1


def test_only_common_items_count_and_none_in_common_is_none(catalogue: Catalogue) -> None:
    values = hardness()
    one, two = sides(catalogue, [means("full", values), means("cut", values[:100] / 2, items=IDS[:100])])
    found = kept(one, [two], "nDCG@10", catalogue, Draws(resamples=200))
    assert found is not None
    assert found.n == 100
    assert found.estimates[0].value == pytest.approx(0.5)
    apart = sides(catalogue, [means("a", values[:9], items=IDS[:9]), means("b", values[:9], items=IDS[9:18])])
    assert kept(apart[0], apart[1:], "nDCG@10", catalogue, Draws(resamples=200)) is None


def labelled(system: str, task: str, right: float) -> LabelScore:
    truth = np.random.default_rng(len(task)).random((N, 4)) < 0.4
    wrong = np.random.default_rng(ord(system[0])).random((N, 4)) > right
    names = np.array([f"{task}{number}" for number in range(4)], object)
    where = Where(f"classification:{task}", "l", "ta", system, "all")
    return LabelScore(where, "knn", IDS, names, truth, truth ^ wrong)


def test_f1_over_label_sets_is_recomputed_from_counts(catalogue: Catalogue) -> None:
    scores = {name: [labelled(name, task, right) for task in ("x", "yy")] for name, right in (("a", 0.9), ("b", 0.8))}
    full, cut = ([catalogue.place(score) for score in scores[name]] for name in ("a", "b"))
    found = kept(full, [cut], "knn-macro-F1", catalogue, Draws(resamples=500))
    assert found is not None
    expected = [
        np.mean([f1_score(score.truth, score.predicted, average="macro") for score in scores[name]])
        for name in ("a", "b")
    ]
    assert found.scores == pytest.approx(expected)
    estimate = found.estimates[0]
    assert estimate.value == pytest.approx(expected[1] / expected[0])
    assert estimate.low < estimate.value < estimate.high
    with pytest.raises(InputError, match="not scored by the same tasks"):
        kept(full, [cut[:1]], "knn-macro-F1", catalogue)


def test_agreement_is_the_mean_over_seeds(catalogue: Catalogue) -> None:
    random = np.random.default_rng(3)
    classes = random.integers(0, 4, N).astype(np.int32)
    names = np.array(list("ABCD"), object)
    scores = []
    for system, share in (("full", 0.9), ("cut", 0.6)):
        clusters = np.where(random.random((2, N)) < share, classes, random.integers(0, 4, (2, N))).astype(np.int32)
        scores.append(ClusterScore(Where("clustering:x", "l", "ta", system, "all"), IDS, names, classes, clusters))
    one, two = sides(catalogue, scores)
    found = kept(one, [two], "V-measure", catalogue, Draws(resamples=500))
    assert found is not None
    expected = [np.mean([v_measure_score(classes, run) for run in score.clusters]) for score in scores]
    assert found.scores == pytest.approx(expected)
    assert found.estimates[0].low < expected[1] / expected[0] < found.estimates[0].high


def test_size_that_orders_the_models_gives_a_correlation_of_one(catalogue: Catalogue) -> None:
    base = hardness()
    models = sides(catalogue, [means(f"m{at}", base * (0.5 + 0.1 * at)) for at in range(5)])
    found = scale(models, [1, 2, 4, 8, 16], ["a", "a", "b", "b", "c"], "nDCG@10", catalogue, Draws(resamples=300))
    assert found is not None
    assert found.tau.value == found.tau.low == found.rho.value == 1
    assert found.within is not None
    assert found.within.value == 1
    assert found.pairs_within == 2
    assert found.p == pytest.approx(2 / 120)  # one order of 5! as extreme, and its reverse


def test_noise_between_models_widens_the_interval_of_the_correlation(catalogue: Catalogue) -> None:
    random = np.random.default_rng(5)
    values = [np.clip(hardness() + 0.01 * at + 0.4 * random.standard_normal(N), 0, 1) for at in range(6)]
    sizes = [1.0, 2, 3, 4, 5, 6]
    models = sides(catalogue, [means(f"m{at}", column) for at, column in enumerate(values)])
    found = scale(models, sizes, list("abcdef"), "nDCG@10", catalogue, Draws(resamples=2000))
    assert found is not None
    assert found.within is None
    scores = [column.mean() for column in values]
    assert found.tau.value == pytest.approx(stats.kendalltau(sizes, scores).statistic)
    assert found.rho.value == pytest.approx(stats.spearmanr(sizes, scores).statistic)
    assert -1 <= found.tau.low < found.tau.value <= found.tau.high <= 1
    assert found.tau.high - found.tau.low > 0.2


def test_fewer_than_three_models_or_one_size_claim_nothing(catalogue: Catalogue) -> None:
    models = sides(catalogue, [means(f"m{at}", hardness(at)) for at in range(3)])
    assert scale(models[:2], [1, 2], ["a", "b"], "nDCG@10", catalogue) is None
    assert scale(models, [1, 1, 1], ["a", "b", "c"], "nDCG@10", catalogue) is None


def halves(catalogue: Catalogue, system: str, inside: np.ndarray, outside: np.ndarray) -> Halves:
    """Every query is in slice in, two of three in slice out."""
    some = np.arange(N) % 3 > 0
    return Halves(
        catalogue.place(means(system, inside, "in")),
        catalogue.place(means(system, outside[some], "out", IDS[some])),
    )


def test_the_change_of_the_gap_is_a_paired_difference_of_differences(catalogue: Catalogue) -> None:
    random = np.random.default_rng(7)
    inside, outside = hardness(1), 0.4 * hardness(2)
    more_in = inside + 0.05 + 0.02 * random.standard_normal(N)
    more_out = outside + 0.01 + 0.02 * random.standard_normal(N)
    before, after = halves(catalogue, "dense", inside, outside), halves(catalogue, "fused", more_in, more_out)
    (found,) = gap_changes([(before, after)], catalogue, Draws(resamples=2000, flips=2000))
    assert found is not None
    some = np.arange(N) % 3 > 0
    change = ((more_in - more_out) - (inside - outside))[some]
    assert found.n == some.sum()
    assert (found.before, found.after) == ("dense", "fused")
    assert found.change == pytest.approx(change.mean())
    assert found.gap_before == pytest.approx((inside - outside)[some].mean())
    assert found.gap_after == pytest.approx((more_in - more_out)[some].mean())
    assert found.gain_in - found.gain_out == pytest.approx(found.change)
    assert found.low < 0.04 < found.high
    assert found.p < 0.001
    totals = [change[np.array(FAMILIES, object)[some] == name].sum() for name in dict.fromkeys(FAMILIES)]
    oracle = stats.permutation_test(
        (np.array([total for total in totals if total]),), np.mean, permutation_type="samples", n_resamples=2000, rng=1
    )
    assert found.p == pytest.approx(oracle.pvalue, abs=0.01)


def test_equal_gains_in_both_fields_change_no_gap(catalogue: Catalogue) -> None:
    random = np.random.default_rng(8)
    inside, outside = hardness(1), 0.4 * hardness(2)
    noise = [0.03 + 0.05 * random.standard_normal(N) for _ in range(2)]
    before = halves(catalogue, "dense", inside, outside)
    after = halves(catalogue, "fused", inside + noise[0], outside + noise[1])
    found, twice = gap_changes([(before, after), (before, after)], catalogue, Draws(resamples=1000, flips=1000))
    assert found is not None
    assert found.low < 0 < found.high
    assert found.p > 0.05
    assert twice is not None
    assert twice.p_adjusted == min(1, 2 * twice.p)


def test_no_query_in_both_fields_is_no_change(catalogue: Catalogue) -> None:
    values = hardness()
    pair = []
    for system in ("dense", "fused"):
        parts = itertools.starmap(
            lambda part, rows, system=system: catalogue.place(means(system, values[rows], part, IDS[rows])),
            (("in", slice(0, 100)), ("out", slice(100, N))),
        )
        pair.append(Halves(*parts))
    assert gap_changes([(pair[0], pair[1])], catalogue) == [None]
