import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score

from patray.errors import InputError
from patray.tasks.clustering import Options, evaluate

WHERE = {"label_set": "ipc", "landscape": "l", "view": "ta", "system": "s"}


def blobs(n=240, n_classes=4, spread=0.1, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, n_classes, n)
    centres = np.linalg.qr(rng.normal(size=(12, n_classes)))[0].T
    vectors = centres[classes] + spread * rng.normal(size=(n, 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    patents = np.array([f"p{i:04d}" for i in range(n)], object)
    return vectors, patents, [[f"C{c}"] for c in classes]


def best_v(score):
    return max(v_measure_score(score.classes, clusters) for clusters in score.clusters)


def test_separated_classes_are_found():
    assert best_v(evaluate(*blobs(), **WHERE).score) > 0.99


def test_shuffled_labels_agree_with_no_clustering():
    vectors, patents, labels = blobs()
    order = np.random.default_rng(1).permutation(len(labels))
    assert best_v(evaluate(vectors, patents, [labels[i] for i in order], **WHERE).score) < 0.05


def test_the_score_holds_classes_by_name_and_one_row_of_clusters_per_seed():
    vectors, patents, labels = blobs()
    score = evaluate(vectors, patents, labels, options=Options(seeds=(3, 1)), **WHERE).score
    assert score.where.task == "clustering:ipc"
    assert [[score.class_names[c]] for c in score.classes] == labels
    assert (score.clusters.shape, score.clusters.dtype, score.classes.dtype) == ((2, len(labels)), np.int32, np.int32)
    expected = KMeans(4, n_init=1, random_state=1).fit(vectors).labels_
    np.testing.assert_array_equal(score.clusters[1], expected)


def test_the_same_seeds_give_the_same_clusters():
    first, second = (evaluate(*blobs(spread=0.5), **WHERE).score.clusters for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first, axis=0)) > 1


def test_patents_with_several_labels_are_left_out_and_counted_unless_their_first_label_is_asked_for():
    vectors, patents, labels = blobs()
    labels[0], labels[1], labels[2] = ["C3", "C0"], [], ["C2", "C1"]
    single = evaluate(vectors, patents, labels, **WHERE)
    assert (single.unlabelled, single.ambiguous) == (1, 2)
    np.testing.assert_array_equal(single.score.items, patents[3:])
    first = evaluate(vectors, patents, labels, options=Options(multi_label="first"), **WHERE)
    assert (first.unlabelled, first.ambiguous) == (1, 0)
    np.testing.assert_array_equal(first.score.items, np.delete(patents, 1))
    assert first.score.class_names[first.score.classes[:2]].tolist() == ["C3", "C2"]


def test_the_number_of_clusters_can_be_chosen():
    score = evaluate(*blobs(), options=Options(n_clusters=7), **WHERE).score
    assert all(len(np.unique(row)) == 7 for row in score.clusters)


def test_one_class_is_refused():
    vectors, patents, labels = blobs()
    with pytest.raises(InputError, match="l: label set 'ipc': 1 classes among the 240 patents with exactly one label"):
        evaluate(vectors, patents, [["C0"]] * len(labels), **WHERE)


def test_no_single_label_is_refused():
    vectors, patents, labels = blobs()
    with pytest.raises(InputError, match="0 classes among the 0 patents"):
        evaluate(vectors, patents, [["C0", "C1"]] * len(labels), **WHERE)


def test_more_clusters_than_patents_are_refused():
    with pytest.raises(InputError, match="500 clusters of 240 patents"):
        evaluate(*blobs(), options=Options(n_clusters=500), **WHERE)


@pytest.mark.parametrize("options", [{"multi_label": "last"}, {"n_clusters": 1}, {"seeds": ()}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Options(**options)
