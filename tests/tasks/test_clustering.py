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


def test_patents_with_several_labels_and_of_rare_classes_are_left_out_and_counted():
    vectors, patents, labels = blobs()
    labels[0], labels[1], labels[2], labels[3] = ["C3", "C0"], [], ["C2", "C1"], ["only one"]
    found = evaluate(vectors, patents, labels, options=Options(min_class=2), **WHERE)
    assert (found.unlabelled, found.ambiguous, found.rare) == (1, 2, 1)
    np.testing.assert_array_equal(found.score.items, patents[4:])
    assert found.score.class_names[found.score.classes].tolist() == [names[0] for names in labels[4:]]
    everyone = evaluate(vectors, patents, labels, **WHERE)
    np.testing.assert_array_equal(everyone.score.items, patents[3:])
    assert "only one" in everyone.score.class_names


def test_the_number_of_clusters_can_be_chosen():
    score = evaluate(*blobs(), options=Options(n_clusters=7), **WHERE).score
    assert all(len(np.unique(row)) == 7 for row in score.clusters)


def test_one_class_is_refused():
    vectors, patents, labels = blobs()
    with pytest.raises(InputError, match="l: label set 'ipc': 1 classes of at least 1 patents among the 240"):
        evaluate(vectors, patents, [["C0"]] * len(labels), **WHERE)


def test_no_single_label_is_refused():
    vectors, patents, labels = blobs()
    with pytest.raises(InputError, match="0 classes of at least 1 patents among the 0 patents"):
        evaluate(vectors, patents, [["C0", "C1"]] * len(labels), **WHERE)


def test_more_clusters_than_patents_are_refused():
    with pytest.raises(InputError, match="500 clusters of 240 patents"):
        evaluate(*blobs(), options=Options(n_clusters=500), **WHERE)


@pytest.mark.parametrize("options", [{"n_clusters": 1}, {"seeds": ()}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Options(**options)
