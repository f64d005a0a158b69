"""Clustering: do patents of one class lie together? k-means over several seeds, against one class per patent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.tasks.scores import ClusterScore, Where


@dataclass(frozen=True)
class Options:
    """How patents become classes and clusters.

    min_class: classes with fewer patents are left out. n_clusters: as many as classes when None. seeds: one k-means
    run each, with one initialisation.
    """

    min_class: int = 1
    n_clusters: int | None = None
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        if self.n_clusters is not None and self.n_clusters < 2:
            raise InputError(f"n_clusters {self.n_clusters}: at least 2 are needed")
        if not self.seeds:
            raise InputError("seeds: at least one is needed")


@dataclass(frozen=True)
class Clustering:
    """score: the clustered patents. Not clustered: `unlabelled` patents without a label, `ambiguous` ones with
    several, `rare` ones of classes below min_class."""

    score: ClusterScore
    unlabelled: int
    ambiguous: int
    rare: int


def evaluate(
    vectors: np.ndarray,
    patents: np.ndarray,
    labels: Sequence[Sequence[str]],
    *,
    label_set: str,
    landscape: str,
    view: str,
    system: str,
    options: Options | None = None,
) -> Clustering:
    """Cluster the patents with exactly one label, which is their class.

    vectors (N, d) float32, rows of length 1; patents (N,) str; labels: N lists. Clusters are the same for the same
    seeds, machine and number of threads. Raises InputError when there are fewer than two classes, or fewer patents
    than clusters.
    """
    options = options or Options()
    counts = np.array([len(names) for names in labels], int)
    single = np.flatnonzero(counts == 1)
    names, classes, sizes = np.unique(
        np.array([labels[row][0] for row in single], str), return_inverse=True, return_counts=True
    )
    common = sizes[classes] >= options.min_class
    kept = single[common]
    names, classes = names[sizes >= options.min_class], np.unique(classes[common], return_inverse=True)[1]
    about = f"{landscape}: label set {label_set!r}"
    if len(names) < 2:
        raise InputError(
            f"{about}: {len(names)} classes of at least {options.min_class} patents among the {len(single)} patents "
            "with exactly one label; 2 are needed"
        )
    n_clusters = options.n_clusters or len(names)
    if n_clusters > len(kept):
        raise InputError(f"{about}: {n_clusters} clusters of {len(kept)} patents; at most one cluster a patent")
    where = Where(f"clustering:{label_set}", landscape, view, system, "all")
    clusters = _k_means(vectors[kept], n_clusters, options.seeds)
    score = ClusterScore(where, patents[kept], names.astype(object), classes.astype(np.int32), clusters)
    return Clustering(score, int((counts == 0).sum()), int((counts > 1).sum()), int((~common).sum()))


def _k_means(vectors: np.ndarray, n_clusters: int, seeds: Sequence[int]) -> np.ndarray:
    """(seeds, n) int32. On rows of length 1 squared distance is 2 - 2 cosine, so k-means follows the cosine."""
    from sklearn.cluster import KMeans

    return np.stack([KMeans(n_clusters, n_init=1, random_state=seed).fit(vectors).labels_ for seed in seeds])
