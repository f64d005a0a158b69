"""Agreement of clusters with classes, from contingency counts, over any leading axes (a bootstrap's resamples).

V-measure: Rosenberg and Hirschberg 2007, beta 1. NMI: mutual information over the arithmetic mean of the entropies;
it equals the V-measure (Becker 2011) and both are given because people look for either name. ARI: Hubert and Arabie
1985, from pair counts as scikit-learn does. A split into one class and one cluster agrees perfectly (1.0), as in
scikit-learn; a table of zeros has no value (nan).

Two forms of the same table: dense (..., C, K), and the counts of listed cells (..., M) with each cell's class and
cluster, for tables that are mostly zero and resampled thousands of times.
"""

from __future__ import annotations

import numpy as np


def cells_of(classes: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The occupied cells of a contingency table.

    classes, clusters (n,): integers of any range. Returns cell_class (M,), cell_cluster (M,) and item_cell (n,) int64:
    each item's cell. Counts of the cells: np.bincount(item_cell, weights, minlength=M).
    """
    cells, item_cell = np.unique(np.stack([classes, clusters], axis=1), axis=0, return_inverse=True)
    return cells[:, 0], cells[:, 1], item_cell.reshape(-1)


def agreement_of_cells(counts: np.ndarray, cell_class: np.ndarray, cell_cluster: np.ndarray) -> dict[str, np.ndarray]:
    """`V-measure`, `ARI` and `NMI`, each (...,) float64.

    counts (..., M) float64 counts or weights of the cells, at least one; cell_class, cell_cluster (M,) integers. Cells
    of one class and cluster must not be listed twice. Memory: a few copies of counts.
    """
    return _agreement(counts, _sum_by(counts, cell_class), _sum_by(counts, cell_cluster))


def agreement(table: np.ndarray) -> dict[str, np.ndarray]:
    """`V-measure`, `ARI` and `NMI`, each (...,) float64, of contingency tables (..., C, K) of counts or weights."""
    cells = table.reshape(*table.shape[:-2], table.shape[-2] * table.shape[-1])
    return _agreement(cells, table.sum(axis=-1), table.sum(axis=-2))


def _agreement(cells: np.ndarray, class_sizes: np.ndarray, cluster_sizes: np.ndarray) -> dict[str, np.ndarray]:
    total = class_sizes.sum(axis=-1, dtype=np.float64)
    v_measure = _v_measure(cells, class_sizes, cluster_sizes)
    ari = _ari(cells, class_sizes, cluster_sizes, total)
    empty = total == 0
    v_measure, ari = np.where(empty, np.nan, v_measure), np.where(empty, np.nan, ari)
    return {"V-measure": v_measure, "ARI": ari, "NMI": v_measure}


def _v_measure(cells: np.ndarray, classes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """2 h c / (h + c) = 2 I / (H(class) + H(cluster)), where I = H(class) + H(cluster) - H(class, cluster)."""
    h_class, h_cluster = _entropy(classes), _entropy(clusters)
    both = h_class + h_cluster
    # One class or one cluster shares no information; the difference below would leave rounding there.
    shared = np.where((h_class == 0) | (h_cluster == 0), 0.0, np.maximum(both - _entropy(cells), 0.0))
    return np.divide(2.0 * shared, both, out=np.ones(both.shape), where=both > 0)


def _entropy(sizes: np.ndarray) -> np.ndarray:
    """Entropy in nats of groups (..., G): (...,), exactly 0 when one group holds everything."""
    total = sizes.sum(axis=-1, dtype=np.float64)
    share = sizes / np.where(total > 0, total, 1.0)[..., None]
    logs = np.log(share, out=np.zeros(share.shape), where=share > 0)
    return -(share * logs).sum(axis=-1)


def _ari(cells: np.ndarray, classes: np.ndarray, clusters: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Adjusted Rand index from ordered pairs of items: together in both, in one only, in neither."""
    squares = _squares(cells)
    together = squares - total
    cluster_only = _squares(clusters) - squares
    class_only = _squares(classes) - squares
    neither = total * total - cluster_only - class_only - squares
    numerator = 2.0 * (together * neither - class_only * cluster_only)
    denominator = (together + class_only) * (class_only + neither) + (together + cluster_only) * (
        cluster_only + neither
    )
    same = (class_only == 0) & (cluster_only == 0)
    return np.divide(numerator, denominator, out=np.ones(total.shape), where=~same & (denominator != 0))


def _squares(sizes: np.ndarray) -> np.ndarray:
    return np.einsum("...g,...g->...", sizes, sizes, dtype=np.float64)


def _sum_by(counts: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums over cells of one group: (..., M) to (..., G)."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if not np.array_equal(order, np.arange(len(order))):
        counts = counts[..., order]
    return np.add.reduceat(counts, starts, axis=-1, dtype=np.float64)
