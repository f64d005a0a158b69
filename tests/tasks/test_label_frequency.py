"""F1 of common and rare labels: cut where the docs say, equal to scikit-learn's on those columns, n beside it."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from patray.measures.classification import BANDS, frequency_bands
from patray.statistics.draws import Draws
from patray.tables import ITEMS
from patray.tasks.classification import by_frequency, evaluate
from patray.tasks.evidence import from_evidence, to_evidence
from patray.tasks.inference import summarise
from patray.tasks.scores import LabelScore, Where

WHERE = {"label_set": "ipc", "landscape": "l", "view": "ta", "system": "s"}


def landscape(n: int = 900):
    """Six labels that fall by threes, in vectors that show them with noise."""
    rng = np.random.default_rng(4)
    shares = np.array([0.4, 0.3, 0.1, 0.06, 0.025, 0.02])
    truth = rng.random((n, len(shares))) < shares
    vectors = truth @ np.eye(len(shares), 16) + 0.4 * rng.normal(size=(n, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    split = rng.choice(["train", "validation", "test"], n, p=[0.6, 0.2, 0.2])
    ids = np.array([f"p{at}" for at in range(n)], object)
    return vectors, ids, truth, np.array([f"L{at}" for at in range(len(shares))], object), split


def test_the_cuts_are_those_of_the_docs() -> None:
    assert frequency_bands(np.array([101, 100, 20, 19, 5])).tolist() == ["head", "middle", "middle", "tail", "tail"]


def test_every_band_has_scikit_learns_f1_of_its_labels_and_says_how_many() -> None:
    vectors, ids, truth, labels, split = landscape()
    found = evaluate(vectors, ids, truth, labels, split, **WHERE)
    items = pa.table({"landscape": ["l"] * len(ids), "item_id": list(ids), "family_id": list(ids)}, schema=ITEMS)
    again = from_evidence(to_evidence([*found.scores, *found.bands]))
    rows = summarise(again, items, Draws(resamples=50)).to_pylist()
    seen = truth[split == "train"].sum(axis=0)
    whole = {score.probe: score for score in found.scores}
    wanted = {"head": seen > 100, "middle": (seen >= 20) & (seen <= 100), "tail": seen < 20}
    assert all(mask.any() for mask in wanted.values())
    checked = 0
    for row in rows:
        probe, _, average = row["metric"].partition("-")
        kept = wanted.get(row["slice"].removeprefix("labels="), np.ones(len(labels), bool))
        score = whole[probe]
        oracle = f1_score(
            score.truth[:, kept],
            score.predicted[:, kept],
            average=average.removesuffix("-F1"),
            zero_division=np.nan if average.startswith("macro") else 0,
        )
        assert abs(row["mean"] - oracle) < 1e-12
        assert row["labels"] == kept.sum()
        assert row["n"] == (split == "test").sum()
        checked += 1
    assert checked == 2 * 2 * 4


@given(st.lists(st.integers(5, 400), min_size=1, max_size=12))
def test_every_label_is_in_one_band_and_one_band_alone_is_the_score_itself(counts: list[int]) -> None:
    width = len(counts)
    labels = np.array([f"L{at}" for at in range(width)], object)
    truth = np.ones((3, width), bool)
    whole = Where("classification:x", "l", "v", "s", "all")
    bands = by_frequency(
        LabelScore(whole, "knn", np.array(["a", "b", "c"], object), labels, truth, truth), np.array(counts)
    )
    if len(set(frequency_bands(np.array(counts)))) == 1:
        assert bands == []
        return
    assert sorted(label for band in bands for label in band.labels) == sorted(labels)
    order = [band.where.slice.removeprefix("labels=") for band in bands]
    assert order == [band for band in BANDS if band in order]
