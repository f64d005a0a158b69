import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from patray.errors import InputError
from patray.measures.classification import label_counts, macro_f1
from patray.tables import TUNING
from patray.tasks import classification as module
from patray.tasks.classification import Options, evaluate, nearest

WHERE = {"label_set": "ipc", "landscape": "l", "view": "ta", "system": "s"}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def blobs(n=400, n_labels=4, spread=0.15, seed=0, multi=True):
    """Vectors near the sum of their labels' directions; with multi, about a third have a second label."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((n, n_labels), bool)
    truth[np.arange(n), rng.integers(0, n_labels, n)] = True
    if multi:
        second = rng.random(n) < 1 / 3
        truth[second, rng.integers(0, n_labels, second.sum())] = True
    centres = np.linalg.qr(rng.normal(size=(16, n_labels)))[0].T
    vectors = unit(truth @ centres + spread * rng.normal(size=(n, 16)))
    split = rng.choice(["train", "validation", "test"], n, p=[0.6, 0.2, 0.2])
    patents = np.array([f"p{i:04d}" for i in range(n)], object)
    labels = np.array([f"L{j}" for j in range(n_labels)], object)
    return vectors, patents, truth, labels, split


def macro(score):
    return float(macro_f1(*label_counts(score.truth, score.predicted)))


def test_both_probes_read_labels_that_the_vectors_hold():
    found = evaluate(*blobs(), **WHERE)
    assert [score.probe for score in found.scores] == ["knn", "logistic"]
    assert all(macro(score) > 0.9 for score in found.scores)


def test_shuffled_labels_drop_f1_to_chance():
    vectors, patents, truth, labels, split = blobs(n=800, multi=False)
    shuffled = truth[np.random.default_rng(5).permutation(len(truth))]
    for score in evaluate(vectors, patents, shuffled, labels, split, **WHERE).scores:
        # Guessing one of four labels at their rate gives an F1 of a quarter.
        assert macro(score) < 0.33


def test_only_test_patents_are_scored_and_in_their_order():
    vectors, patents, truth, labels, split = blobs()
    for score in evaluate(vectors, patents, truth, labels, split, **WHERE).scores:
        np.testing.assert_array_equal(score.items, patents[split == "test"])
        np.testing.assert_array_equal(score.truth, truth[split == "test"])
        assert score.where.task == "classification:ipc"


def test_test_labels_do_not_reach_the_predictions():
    vectors, patents, truth, labels, split = blobs()
    other = truth.copy()
    other[split == "test"] = ~other[split == "test"]
    before = evaluate(vectors, patents, truth, labels, split, **WHERE)
    after = evaluate(vectors, patents, other, labels, split, **WHERE)
    assert before.tuning == after.tuning
    for a, b in zip(before.scores, after.scores, strict=True):
        np.testing.assert_array_equal(a.predicted, b.predicted)


@pytest.mark.parametrize("k", [1, 3, 10, 25])
def test_knn_equals_scikit_learn_on_every_label_where_votes_are_not_tied(k):
    vectors, patents, truth, labels, split = blobs(spread=0.5)
    score = evaluate(vectors, patents, truth, labels, split, options=Options(neighbours=(k,)), **WHERE).scores[0]
    theirs = KNeighborsClassifier(k, metric="cosine", algorithm="brute", weights=lambda d: np.maximum(1 - d, 0))
    theirs.fit(vectors[split == "train"], truth[split == "train"])
    share = np.stack([p[:, 1] for p in theirs.predict_proba(vectors[split == "test"])], axis=1)
    decided = np.abs(share - 0.5) > 1e-5
    assert decided.mean() > 0.95
    np.testing.assert_array_equal(score.predicted[decided], (share > 0.5)[decided])


def test_knn_on_single_labels_equals_scikit_learn_wherever_a_label_has_half_of_the_votes():
    vectors, patents, truth, labels, split = blobs(spread=0.5, multi=False)
    score = evaluate(vectors, patents, truth, labels, split, options=Options(neighbours=(7,)), **WHERE).scores[0]
    theirs = KNeighborsClassifier(7, metric="cosine", algorithm="brute", weights=lambda d: np.maximum(1 - d, 0))
    theirs.fit(vectors[split == "train"], truth[split == "train"].argmax(axis=1))
    single = score.predicted.sum(axis=1) == 1
    assert 0.5 < single.mean() < 1.0
    assert score.predicted.sum(axis=1).max() == 1
    np.testing.assert_array_equal(
        score.predicted[single].argmax(axis=1), theirs.predict(vectors[split == "test"])[single]
    )


def test_half_of_the_votes_is_enough_and_less_is_not():
    train = unit(np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4))
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 0]] + [[0, 0]] * 4, bool)
    predicted = module._knn(train, truth, train[:1], (4,), "x")[4]
    np.testing.assert_array_equal(predicted, [[True, False]])


def test_neighbours_that_point_away_have_no_vote_and_take_none_away():
    train = unit(np.array([[0.6, 0.8], [1.0, 0.0], [-1.0, 0.0]]))
    truth = np.array([[1, 0], [0, 0], [0, 1]], bool)
    # 0.6 of 1.6 votes; counting the third neighbour as -1 would make it 0.6 of 0.6.
    predicted = module._knn(train, truth, unit(np.array([[1.0, 0.0], [0.0, -1.0]])), (3,), "x")[3]
    np.testing.assert_array_equal(predicted, [[False, False], [False, False]])


def test_equally_similar_neighbours_are_taken_by_position():
    train = unit(np.array([[1.0, 0.0], [0.0, 1.0]] * 10))
    positions, similarities = nearest(train[:2], train, 4)
    np.testing.assert_array_equal(positions, [[0, 2, 4, 6], [1, 3, 5, 7]])
    np.testing.assert_allclose(similarities, 1.0)


def test_neighbours_do_not_depend_on_the_size_of_a_block(monkeypatch):
    rng = np.random.default_rng(0)
    # Small whole numbers have exact products, so equal similarities are equal in every block.
    train, queries = (rng.integers(-2, 3, (size, 6)).astype(np.float32) for size in (50, 33))
    positions, similarities = nearest(queries, train, 10)
    exact = queries.astype(int) @ train.T.astype(int)
    for row, found in zip(exact, positions, strict=True):
        assert found.tolist() == sorted(range(50), key=lambda p: (-row[p], p))[:10]
    monkeypatch.setattr(module, "BLOCK_CELLS", 120)
    again = nearest(queries, train, 10)
    np.testing.assert_array_equal(again[0], positions)
    np.testing.assert_array_equal(again[1], similarities)


def test_tuning_has_a_row_for_each_value_and_chooses_the_best_on_validation():
    vectors, patents, truth, labels, split = blobs(spread=0.6)
    found = evaluate(vectors, patents, truth, labels, split, **WHERE)
    table = pa.Table.from_pylist(found.tuning, schema=TUNING)
    assert table.column_names == list(found.tuning[0])
    for parameter, grid in (("knn.k", Options().neighbours), ("logistic.C", Options().penalties)):
        rows = [row for row in found.tuning if row["parameter"] == parameter]
        assert [row["value"] for row in rows] == list(grid)
        assert len({row["mean"] for row in rows}) > 1
        (chosen,) = [row for row in rows if row["chosen"]]
        best = max(row["mean"] for row in rows)
        assert chosen["value"] == min(row["value"] for row in rows if row["mean"] == best)
        assert {row["n"] for row in rows} == {(split == "validation").sum()}


def test_the_logistic_rows_equal_scikit_learn_on_the_validation_patents():
    vectors, patents, truth, labels, split = blobs(spread=0.6)
    found = evaluate(vectors, patents, truth, labels, split, **WHERE)
    train, validation = split == "train", split == "validation"
    for row in found.tuning:
        if row["parameter"] != "logistic.C":
            continue
        predicted = [
            LogisticRegression(C=row["value"], max_iter=1000, tol=1e-6)
            .fit(vectors[train].astype(float), truth[train, j])
            .predict(vectors[validation].astype(float))
            for j in range(truth.shape[1])
        ]
        expected = f1_score(truth[validation], np.stack(predicted, axis=1), average="macro")
        # A patent on the border may fall on either side of two fits that both converged.
        assert row["mean"] == pytest.approx(expected, abs=0.01)


def test_more_neighbours_than_train_patents_are_not_tried():
    vectors, patents, truth, labels, split = blobs(n=60)
    found = evaluate(vectors, patents, truth, labels, split, **WHERE)
    n_train = (split == "train").sum()
    tried = [row["value"] for row in found.tuning if row["parameter"] == "knn.k"]
    assert tried == [k for k in Options().neighbours if k <= n_train]
    assert len(tried) < len(Options().neighbours)
    with pytest.raises(InputError, match="fewer than every k"):
        evaluate(vectors, patents, truth, labels, split, options=Options(neighbours=(500,)), **WHERE)


def test_labels_that_cannot_be_learned_or_judged_are_left_out_and_named():
    vectors, patents, truth, labels, split = blobs()
    train, test = split == "train", split == "test"
    rare, unseen, everywhere = (np.zeros(len(truth), bool) for _ in range(3))
    rare[np.flatnonzero(train)[:4]] = True
    rare[test] = True
    unseen[train] = True
    unseen[np.flatnonzero(train)[0]] = False
    everywhere[:] = True
    truth = np.column_stack([truth[:, :2], rare, unseen, everywhere, truth[:, 2:]])
    labels = np.array(["L0", "L1", "rare", "unseen", "everywhere", "L2", "L3"], object)
    found = evaluate(vectors, patents, truth, labels, split, **WHERE)
    assert found.left_out == {
        "rare": "4 train patents have it, fewer than 5",
        "unseen": "no test patent has it",
        "everywhere": "every train patent has it",
    }
    for score in found.scores:
        assert score.labels.tolist() == ["L0", "L1", "L2", "L3"]
        np.testing.assert_array_equal(score.truth, truth[test][:, [0, 1, 5, 6]])


def test_a_set_with_one_usable_label_is_refused_with_the_reasons():
    vectors, patents, truth, labels, split = blobs(n_labels=2, multi=False)
    truth[split == "test", 1] = False
    with pytest.raises(InputError, match=r"l: label set 'ipc': 1 usable of 2 labels.*L1: no test patent has it"):
        evaluate(vectors, patents, truth, labels, split, **WHERE)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_an_empty_split_is_refused(part):
    vectors, patents, truth, labels, split = blobs()
    kept = split != part
    with pytest.raises(InputError, match=f"no {part} patent"):
        evaluate(vectors[kept], patents[kept], truth[kept], labels, split[kept], **WHERE)


def test_an_unknown_split_is_refused():
    vectors, patents, truth, labels, split = blobs()
    with pytest.raises(InputError, match="split 'dev' is not one of train, validation, test"):
        evaluate(vectors, patents, truth, labels, np.where(split == "validation", "dev", split), **WHERE)


def test_a_validation_split_without_labels_is_refused():
    vectors, patents, truth, labels, split = blobs()
    truth[split == "validation"] = False
    with pytest.raises(InputError, match="nothing can be tuned"):
        evaluate(vectors, patents, truth, labels, split, **WHERE)
