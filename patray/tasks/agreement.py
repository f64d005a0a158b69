"""V-measure, ARI and NMI of many resamples of one clustering.

The formulas are those of `patray.measures.clustering`, which a test holds this equal to. They need no table, only four
sums: of x log x and of x^2 over the sizes x of cells, classes and clusters. Sizes in a resample are small whole
numbers, so x log x is looked up instead of computed, which is most of the time of a naive bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from patray.measures.clustering import cells_of
from patray.statistics.bootstrap import CountStatistic, count_matrix
from patray.statistics.resample import Families


def agreement_statistic(classes: np.ndarray, clusters: np.ndarray, families: Families) -> CountStatistic:
    """AGREEMENT (b, 3), in that order, of classes and clusters (n,) under weights of their families.

    The counts are the sizes of the occupied cells, of the classes and of the clusters, one under another.
    """
    parts: list[sp.csr_array] = []
    for kind in (cells_of(classes, clusters)[2], classes, clusters):
        names, position = np.unique(kind, return_inverse=True)
        parts.append(count_matrix(position, families.index, (len(names), families.count)))
    bounds = np.cumsum([part.shape[0] for part in parts[:2]])
    most = families.count * int(families.sizes.max()) + 1
    sizes = np.arange(most, dtype=np.float64)
    x_log_x = sizes * np.log(np.maximum(sizes, 1.0))
    return CountStatistic(sp.csr_array(sp.vstack(parts)), _Agreement(int(bounds[0]), int(bounds[1]), x_log_x))


@dataclass(frozen=True)
class _Agreement:
    """Sizes (b, K) to AGREEMENT (b, 3): cells before `cells`, classes before `classes`, then clusters."""

    cells: int
    classes: int
    x_log_x: np.ndarray

    def __call__(self, totals: np.ndarray) -> np.ndarray:
        # Totals are the transpose of a product: rows of it are contiguous. Sums of ones are whole numbers exactly.
        sizes = totals.T
        logs = self.x_log_x.take(sizes.astype(np.intp))
        ends = (0, self.cells, self.classes, len(sizes))
        log_cells, log_classes, log_clusters = (logs[a:b].sum(axis=0) for a, b in pairwise(ends))
        sq_cells, sq_classes, sq_clusters = (np.einsum("kb,kb->b", sizes[a:b], sizes[a:b]) for a, b in pairwise(ends))
        items = sizes[self.cells : self.classes].sum(axis=0)
        one_class = (sizes[self.cells : self.classes] > 0).sum(axis=0) < 2
        one_cluster = (sizes[self.classes :] > 0).sum(axis=0) < 2
        v_measure = _v_measure(items, log_cells, log_classes, log_clusters, one_class, one_cluster)
        ari = _ari(items, sq_cells, sq_classes, sq_clusters)
        found = np.stack([v_measure, ari, v_measure], axis=-1)
        found[items == 0] = np.nan
        return found


def _v_measure(
    items: np.ndarray,
    cells: np.ndarray,
    classes: np.ndarray,
    clusters: np.ndarray,
    one_class: np.ndarray,
    one_cluster: np.ndarray,
) -> np.ndarray:
    """2 I / (H(class) + H(cluster)), each entropy times n: n H = n log n - sum of x log x."""
    whole = items * np.log(np.maximum(items, 1.0))
    both = 2.0 * whole - classes - clusters
    shared = np.maximum(whole + cells - classes - clusters, 0.0)
    value = np.divide(2.0 * shared, both, out=np.ones(both.shape), where=both > 0)
    # Exactly one class or cluster shares nothing; the differences above would leave rounding.
    return np.where(one_class & one_cluster, 1.0, np.where(one_class | one_cluster, 0.0, value))


def _ari(items: np.ndarray, cells: np.ndarray, classes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """From sums of squares: ordered pairs of items together in both, in one only, in neither."""
    together, class_only, cluster_only = cells - items, classes - cells, clusters - cells
    neither = items * items - classes - clusters + cells
    numerator = 2.0 * (together * neither - class_only * cluster_only)
    denominator = (together + class_only) * (class_only + neither) + (together + cluster_only) * (
        cluster_only + neither
    )
    same = (class_only == 0) & (cluster_only == 0)
    return np.divide(numerator, denominator, out=np.ones(items.shape), where=~same & (denominator != 0))
