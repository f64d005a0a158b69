"""What a task produces for one system: values per item, in the form its metrics are computed and resampled from.

Three kinds, because three kinds of metric exist: means over items (every retrieval metric), functions of summed
counts (macro and micro F1), and functions of a contingency table (V-measure, ARI, NMI). Evidence rows are these
records written out (`tasks/evidence.py`); statistics are computed from the records (`tasks/inference.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Where:
    """What a score is about. `task` is `retrieval`, `classification:LABELS` or `clustering:LABELS`."""

    task: str
    landscape: str
    view: str
    system: str
    slice: str


@dataclass(frozen=True)
class MeanScore:
    """A metric that is the mean of its items. items (n,) str, values (n,) float64. metric: `nDCG@10`, ..."""

    where: Where
    metric: str
    items: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class LabelScore:
    """Multi-label predictions. items (n,) str; labels (L,) str; truth, predicted (n, L) bool.

    probe: `knn` or `logistic`. Metrics: `{probe}-macro-F1`, `{probe}-micro-F1`.
    """

    where: Where
    probe: str
    items: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class ClusterScore:
    """items (n,) str; class_names (C,) str; classes (n,) int32; clusters (seeds, n) int32.

    Metrics: `V-measure`, `ARI`, `NMI`, each the mean over seeds; `V-measure.seed_sd` is their spread over seeds.
    """

    where: Where
    items: np.ndarray
    class_names: np.ndarray
    classes: np.ndarray
    clusters: np.ndarray


Score = MeanScore | LabelScore | ClusterScore
