"""What seeds and prompts add to what queries do: against sums and F1 written out, on the items that all share."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from patray.statistics.components import crossed
from patray.statistics.draws import Draws
from patray.tables import ITEMS
from patray.tasks.comparisons import ComparisonFamily
from patray.tasks.populations import Catalogue
from patray.tasks.scores import LabelScore, MeanScore, Where
from patray.tasks.seed_means import spread
from patray.tasks.verdicts import Made, verdicts

COUNT, SEEDS = 40, 3
IDS = np.array([f"p{at}" for at in range(COUNT)], object)
TABLE = pa.table({"landscape": ["l"] * COUNT, "item_id": list(IDS), "family_id": list(IDS)}, schema=ITEMS)
MADE = {f"m--A--l--s{seed}": Made("m", "A", "l", seed) for seed in range(SEEDS)}


def ranked(system: str, values: np.ndarray) -> MeanScore:
    return MeanScore(Where("retrieval", "l", "ta", system, "all"), "nDCG@10", IDS, values)


def drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    base = rng.beta(1, 1, COUNT)
    tuned = base[:, None] + rng.normal(0.05, 0.03, (1, SEEDS)) + rng.normal(0, 0.1, (COUNT, SEEDS))
    return base, tuned


def test_a_verdict_splits_the_difference_of_every_query_and_seed() -> None:
    base, tuned = drawn()
    scores = [ranked("m", base), *(ranked(name, column) for name, column in zip(MADE, tuned.T, strict=True))]
    family = ComparisonFamily("recipes/retrieval", "retrieval", "nDCG@10", between="bases")
    (row,) = verdicts(scores, TABLE, [family], MADE, Draws(resamples=100, flips=100)).to_pylist()
    oracle = crossed(tuned - base[:, None])
    assert row["seed_component"] == pytest.approx(np.sqrt(oracle.draws))
    assert (row["ci_low_seeds"], row["ci_high_seeds"]) == pytest.approx((oracle.low, oracle.high))
    assert row["ci_low_seeds"] < row["ci_low"]
    assert row["seed_sd"] ** 2 == pytest.approx(row["seed_component"] ** 2 + oracle.rest / COUNT)


def test_one_seed_has_neither() -> None:
    base, tuned = drawn()
    family = ComparisonFamily("recipes/retrieval", "retrieval", "nDCG@10", between="bases")
    scores = [ranked("m", base), ranked("m--A--l--s0", tuned[:, 0])]
    (row,) = verdicts(scores, TABLE, [family], MADE, Draws(resamples=100, flips=100)).to_pylist()
    assert [row[name] for name in ("seed_sd", "seed_component", "ci_low_seeds", "ci_high_seeds")] == [None] * 4


def test_f1_of_several_prompts_is_split_by_what_each_patent_adds() -> None:
    rng = np.random.default_rng(9)
    truth = rng.random((COUNT, 3)) < 0.4
    found = [truth ^ (rng.random(truth.shape) < share) for share in (0.2, 0.25, 0.3, 0.2)]
    labels = np.array(list("abc"), object)
    catalogue = Catalogue.of(TABLE)
    sides = [
        (
            catalogue.place(
                LabelScore(Where("classification:x", "l", "ta", f"s{at}", "all"), "knn", IDS, labels, truth, one)
            ),
        )
        for at, one in enumerate(found)
    ]
    seen = spread(sides, "knn-macro-F1", catalogue)
    whole = np.array([f1_score(truth, one, average="macro") for one in found])
    without = np.array(
        [
            [f1_score(np.delete(truth, at, 0), np.delete(one, at, 0), average="macro") for one in found]
            for at in range(COUNT)
        ]
    )
    oracle = crossed(COUNT * whole - (COUNT - 1) * without, float(whole.mean()))
    assert seen.values == pytest.approx(whole)
    assert seen.components is not None
    assert vars(seen.components) == pytest.approx(vars(oracle))


def test_systems_that_share_no_item_have_no_value() -> None:
    catalogue = Catalogue.of(TABLE)
    halves = [
        MeanScore(Where("retrieval", "l", "ta", f"s{at}", "all"), "nDCG@10", part, np.ones(len(part)))
        for at, part in enumerate((IDS[:20], IDS[20:]))
    ]
    seen = spread([(catalogue.place(half),) for half in halves], "nDCG@10", catalogue)
    assert np.isnan(seen.values).all()
    assert seen.components is None
