"""Scores survive being written as evidence, and the rows say what the design promises."""

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from patray.errors import InputError
from patray.tables import EVIDENCE
from patray.tasks.evidence import from_evidence, to_evidence
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


def where(task: str, system: str = "minilm", part: str = "all", view: str = "ta") -> Where:
    return Where(task, "hair-dryer", view, system, part)


def items(count: int) -> np.ndarray:
    return np.array([f"EP{number}" for number in range(count)], dtype=object)


def labelled(
    seed: int = 0, count: int = 20, system: str = "minilm", labels: tuple[str, ...] = ("A", "B", "C")
) -> LabelScore:
    generator = np.random.default_rng(seed)
    truth, predicted = generator.random((2, count, len(labels))) < 0.5
    return LabelScore(
        where("classification:ipc3", system), "knn", items(count), np.array(labels, dtype=object), truth, predicted
    )


def clustered(seed: int = 0, count: int = 20) -> ClusterScore:
    generator = np.random.default_rng(seed)
    classes = np.r_[np.arange(3), generator.integers(0, 3, count - 3)].astype(np.int32)
    names = np.array(["A01", "B02", "C: 03"], dtype=object)
    return ClusterScore(
        where("clustering:ipc3"), items(count), names, classes, generator.integers(0, 4, (3, count), np.int32)
    )


def assert_same(found: Score, given: Score) -> None:
    assert type(found) is type(given)
    for name, value in vars(given).items():
        other = getattr(found, name)
        if isinstance(value, np.ndarray):
            assert other.shape == value.shape
            assert (other == value).all(), name
        else:
            assert other == value, name


def test_every_kind_of_score_comes_back_as_it_was_in_the_same_order() -> None:
    given_scores: list[Score] = [
        clustered(),
        MeanScore(where("retrieval"), "nDCG@10", items(5)[::-1].copy(), np.array([0.0, 0.1 + 0.2, 1.0, 1e-300, 0.5])),
        MeanScore(where("retrieval"), "AP@100", items(5), np.arange(5.0)),
        MeanScore(where("retrieval", part="in"), "nDCG@10", items(3), np.arange(3.0)),
        labelled(),
        labelled(1, system="bm25"),
        MeanScore(where("classification:ipc3"), "seconds", items(2), np.array([1.0, 2.0])),
    ]
    table = to_evidence(given_scores)
    assert table.schema.equals(EVIDENCE)
    found = from_evidence(table)
    assert len(found) == len(given_scores)
    for one, other in zip(found, given_scores, strict=True):
        assert_same(one, other)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=5, unique=True),
    st.lists(NAMES, min_size=1, max_size=6, unique=True),
    st.integers(0, 1000),
)
def test_any_names_of_items_and_labels_survive(labels: list[str], ids: list[str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = sorted(labels)
    truth, predicted = generator.random((2, len(ids), len(labels))) < 0.5
    truth[0] = True
    of_labels = LabelScore(
        where("classification:x"), "knn", np.array(ids, object), np.array(labels, object), truth, predicted
    )
    classes = np.arange(len(ids), dtype=np.int32)
    names = np.array(sorted(ids), dtype=object)
    of_clusters = ClusterScore(where("clustering:x"), np.array(ids, object), names, classes, classes[None] * 2)
    for score in (of_labels, of_clusters):
        (found,) = from_evidence(to_evidence([score]))
        assert_same(found, score)


def test_rows_may_come_in_any_order_and_from_any_number_of_chunks() -> None:
    table = to_evidence([labelled(), clustered()])
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = pa.concat_tables([table.take(order[:50]), table.take(order[50:])])
    found = {type(score): score for score in from_evidence(shuffled)}
    for score in (labelled(), clustered()):
        other = found[type(score)]
        back = [list(other.items).index(item) for item in score.items]
        if isinstance(score, LabelScore):
            assert (other.truth[back] == score.truth).all()
            assert (other.predicted[back] == score.predicted).all()
        else:
            assert (other.clusters[:, back] == score.clusters).all()
            assert (other.classes[back] == score.classes).all()


def test_labels_that_occur_nowhere_vanish() -> None:
    score = labelled(labels=("A", "B", "C"))
    score.truth[:, 1] = score.predicted[:, 1] = False
    (found,) = from_evidence(to_evidence([score]))
    assert isinstance(found, LabelScore)
    assert found.labels.tolist() == ["A", "C"]
    assert (found.truth == score.truth[:, [0, 2]]).all()


def test_rows_of_a_label_score_are_what_the_run_folder_promises() -> None:
    truth = np.array([[True, True], [False, False], [False, True]])
    predicted = np.array([[True, False], [False, False], [True, False]])
    score = LabelScore(where("classification:ipc3"), "knn", items(3), np.array(["A", "B"]), truth, predicted)
    rows = {(row["item_id"], row["metric"]): row["value"] for row in to_evidence([score]).to_pylist()}
    assert rows == {
        ("EP0", "knn-F1"): pytest.approx(2 / 3),
        ("EP1", "knn-F1"): 1.0,
        ("EP2", "knn-F1"): 0.0,
        ("EP0", "knn-tp:A"): 1.0,
        ("EP0", "knn-fn:B"): 1.0,
        ("EP2", "knn-fp:A"): 1.0,
        ("EP2", "knn-fn:B"): 1.0,
    }


def test_the_f1_of_items_is_scikit_learns_example_based_f1() -> None:
    score = labelled(3, 200)
    rows = [row["value"] for row in to_evidence([score]).to_pylist() if row["metric"] == "knn-F1"]
    theirs = f1_score(score.truth, score.predicted, average="samples", zero_division=1.0)
    assert np.mean(rows) == pytest.approx(theirs, abs=1e-12)


def test_scores_of_the_same_items_share_one_array() -> None:
    one, other = from_evidence(
        to_evidence([MeanScore(where("retrieval", name), "P@10", items(4), np.zeros(4)) for name in ("a", "b")])
    )
    assert one.items is other.items


def test_a_million_rows_take_seconds() -> None:
    ids = items(20_000)
    scores: list[Score] = [
        MeanScore(where("retrieval", f"system {number}"), "nDCG@10", ids, np.full(20_000, 0.5)) for number in range(40)
    ]
    generator = np.random.default_rng(0)
    labels = np.array([f"label {number:03}" for number in range(100)], dtype=object)
    truth, predicted = generator.random((2, 20_000, 100)) < 0.05
    scores.append(LabelScore(where("classification:ipc3"), "knn", ids, labels, truth, predicted))
    start = time.process_time()
    table = to_evidence(scores)
    found = from_evidence(table)
    assert time.process_time() - start < 10
    assert len(table) > 1_000_000
    assert_same(found[-1], scores[-1])


def test_no_scores_are_an_empty_table_and_back() -> None:
    table = to_evidence([])
    assert table.schema.equals(EVIDENCE)
    assert from_evidence(table) == []
    (empty,) = from_evidence(to_evidence([labelled(count=20)]).slice(0, 20))
    assert isinstance(empty, LabelScore)
    assert empty.labels.shape == (0,)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (MeanScore(where("retrieval"), "P@10", items(3), np.zeros(2)), r"values has the shape \(2,\); expected \(3,\)"),
        (MeanScore(where("retrieval"), "P@10", items(2), np.array([0.0, np.nan])), "'EP1' is not a number"),
        (MeanScore(where("retrieval"), "P@10", np.array(["a", "a"]), np.zeros(2)), "more than once"),
        (MeanScore(where("classification:x"), "knn-F1", items(2), np.zeros(2)), "kept for another kind"),
        (MeanScore(where("clustering:x"), "cluster:0", items(2), np.zeros(2)), "kept for another kind"),
        (
            LabelScore(
                where("retrieval"), "knn", items(1), np.array(["A"]), np.ones((1, 1), bool), np.ones((1, 1), bool)
            ),
            "classification:LABELS",
        ),
        (
            LabelScore(
                where("classification:x"),
                "knn",
                items(1),
                np.array(["A"]),
                np.ones((1, 2), bool),
                np.ones((1, 1), bool),
            ),
            "truth has the shape",
        ),
        (
            ClusterScore(where("clustering:x"), items(2), np.array(["A"]), np.array([0, 1]), np.zeros((1, 2), int)),
            r"must lie in \[0, 1\)",
        ),
    ],
)
def test_scores_that_do_not_add_up_are_refused_before_they_are_written(score: Score, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_evidence([score])


def test_a_metric_given_twice_is_refused() -> None:
    score = MeanScore(where("retrieval"), "P@10", items(2), np.zeros(2))
    with pytest.raises(InputError, match="given twice"):
        to_evidence([score, score])


def rows_of(*rows: tuple[str, str, str, float | None]) -> pa.Table:
    listed = [
        {
            "task": task,
            "landscape": "l",
            "view": "ta",
            "system": "s",
            "slice": "all",
            "metric": metric,
            "item_id": item,
            "value": value,
        }
        for task, metric, item, value in rows
    ]
    return pa.Table.from_pylist(listed, schema=EVIDENCE)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rows_of(("retrieval", "P@10", "a", 1.0), ("retrieval", "P@10", "a", 1.0)), "more than once in P@10"),
        (rows_of(("classification:x", "knn-tp:A", "a", 1.0)), "'a' has no row of knn-F1"),
        (rows_of(("clustering:x", "cluster:1", "a", 1.0), ("clustering:x", "class:A", "a", 1.0)), "without a gap"),
        (rows_of(("clustering:x", "cluster:0", "a", 1.0)), "class has the shape"),
        (
            rows_of(
                ("clustering:x", "cluster:0", "a", 1.0),
                ("clustering:x", "cluster:0", "b", 1.0),
                ("clustering:x", "class:A", "a", 1.0),
                ("clustering:x", "class:B", "a", 1.0),
            ),
            "more than once in class",
        ),
        (rows_of(("retrieval", "P@10", "a", None)), "1 rows have no value"),
        (rows_of(("retrieval", "P@10", "a", float("nan"))), "row 0 is not a number"),
        (EVIDENCE.empty_table().drop_columns(["metric"]), "no column metric"),
    ],
)
def test_rows_that_make_no_whole_score_are_refused(table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_evidence(table)
