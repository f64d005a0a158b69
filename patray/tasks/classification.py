"""Multi-label classification: what a patent's vector tells about its labels, read by two probes.

- k-NN: a label's score is its similarity-weighted share of the votes of the k nearest train patents (cosine, negative
  ones count nothing), predicted from half of the votes on. When no label reaches that, none is predicted.
- Logistic: scikit-learn's LogisticRegression for each label against the rest, predicted above probability one half.

k and C are picked on the validation patents by macro-F1 (the smallest of equals) and reported on the test patents. Both
probes know the train patents alone, in the test pass as well: k was picked for that density of neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.measures.classification import BANDS, frequency_bands, label_counts, macro_f1
from patray.measures.definitions import F1, of_probes
from patray.tasks.scores import LabelScore, Where

SPLITS = ("train", "validation", "test")
OF_LABELS = "labels="
"""How the slices begin that are about some of the labels."""
MAJORITY = 0.5
BLOCK_CELLS = 8_000_000
"""Similarities held at once (32 MB)."""


@dataclass(frozen=True)
class Options:
    """neighbours, penalties: values of k and of C to try. min_train: train patents that a usable label has at least.
    probes: which of `knn` and `logistic` are asked."""

    neighbours: tuple[int, ...] = (1, 3, 5, 10, 20, 30, 50)
    penalties: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    min_train: int = 5
    probes: tuple[str, ...] = ("knn", "logistic")


@dataclass(frozen=True)
class Classification:
    """scores: one per probe, of the test patents. tuning: rows of tables.TUNING. left_out: label to why. bands: the
    scores again, of labels that are common, less common or rare in training, by `by_frequency`."""

    scores: list[LabelScore]
    tuning: list[dict[str, Any]]
    left_out: dict[str, str]
    bands: list[LabelScore] = field(default_factory=list)


def evaluate(
    vectors: np.ndarray,
    patents: np.ndarray,
    truth: np.ndarray,
    labels: np.ndarray,
    split: np.ndarray,
    *,
    label_set: str,
    landscape: str,
    view: str,
    system: str,
    options: Options | None = None,
) -> Classification:
    """Tune both probes on validation and predict the test patents.

    vectors (N, d) float32, rows of length 1; patents (N,) str; truth (N, L) bool; labels (L,) str; split (N,) str, each
    of SPLITS. The same input on the same machine with as many threads gives the same output: neighbours at equal
    similarity are taken by position. Labels that cannot be learned or judged are left out and named. Raises InputError
    when fewer than two labels are left or a split is empty.
    """
    options = options or Options()
    name = f"{landscape}: label set {label_set!r}"
    unknown = sorted(set(split.tolist()) - set(SPLITS))
    if unknown:
        raise InputError(f"{name}: split {unknown[0]!r} is not one of {', '.join(SPLITS)}")
    train, validation, test = (np.flatnonzero(split == part) for part in SPLITS)
    for part, rows in zip(SPLITS, (train, validation, test), strict=True):
        if len(rows) == 0:
            raise InputError(f"{name}: no {part} patent; all three of {', '.join(SPLITS)} are needed")
    left_out = _unusable(truth, labels, train, test, options.min_train)
    usable = np.array([label not in left_out for label in labels.tolist()], bool)
    if usable.sum() < 2:
        reasons = "; ".join(f"{label}: {why}" for label, why in list(left_out.items())[:5])
        raise InputError(f"{name}: {usable.sum()} usable of {len(labels)} labels, at least 2 are needed ({reasons})")
    labels, truth = labels[usable], truth[:, usable]
    if not truth[validation].any():
        raise InputError(f"{name}: no validation patent has a usable label, so nothing can be tuned on them")

    held_out = vectors[np.concatenate([validation, test])]
    asked: list[tuple[str, str, Mapping[float, np.ndarray]]] = []
    if "knn" in options.probes:
        asked.append(("knn", "knn.k", _knn(vectors[train], truth[train], held_out, options.neighbours, name)))
    if "logistic" in options.probes:
        found = _logistic(vectors[train], truth[train], held_out, options.penalties)
        asked.append(("logistic", "logistic.C", found))
    where = Where(f"classification:{label_set}", landscape, view, system, "all")
    scores: list[LabelScore] = []
    tuning: list[dict[str, Any]] = []
    for probe, parameter, predictions in asked:
        tried = {value: predicted[: len(validation)] for value, predicted in predictions.items()}
        tried_rows = _tuning_rows(where, probe, parameter, tried, truth[validation])
        chosen = next(row["value"] for row in tried_rows if row["chosen"])
        predicted = predictions[chosen][len(validation) :]
        scores.append(LabelScore(where, probe, patents[test], labels, truth[test], predicted))
        tuning += tried_rows
    bands = [band for score in scores for band in by_frequency(score, truth[train].sum(axis=0))]
    return Classification(scores, tuning, left_out, bands)


def by_frequency(score: LabelScore, seen: np.ndarray) -> list[LabelScore]:
    """The score of each band of labels as slices `labels=head`, `labels=middle`, `labels=tail`; all items stay in each.

    seen (L,): how many train patents have each label. None where all labels are in one band: that is the score itself.
    """
    band_of = frequency_bands(seen)
    there = [band for band in BANDS if (band_of == band).any()]
    return [
        replace(
            score,
            where=replace(score.where, slice=f"{OF_LABELS}{band}"),
            labels=score.labels[band_of == band],
            truth=score.truth[:, band_of == band],
            predicted=score.predicted[:, band_of == band],
        )
        for band in (there if len(there) > 1 else ())
    ]


def _tuning_rows(
    where: Where, probe: str, parameter: str, predictions: Mapping[float, np.ndarray], truth: np.ndarray
) -> list[dict[str, Any]]:
    """A row for each value tried, ascending; the first of the best is chosen."""
    means = {value: float(macro_f1(*label_counts(truth, predicted))) for value, predicted in predictions.items()}
    best = max(means, key=lambda value: means[value])
    return [
        {
            "task": where.task,
            "landscape": where.landscape,
            "view": where.view,
            "system": where.system,
            "parameter": parameter,
            "value": value,
            "metric": of_probes([probe], F1)[0],
            "mean": mean,
            "n": len(truth),
            "chosen": value == best,
        }
        for value, mean in means.items()
    ]


def nearest(queries: np.ndarray, train: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The `depth` train rows most similar to each query: positions (n, depth) int64, similarities (n, depth) float32.

    queries (n, d), train (m, d) float32; depth <= m. Best first; equal similarities by position.
    """
    positions = np.empty((len(queries), depth), np.int64)
    similarities = np.empty((len(queries), depth), np.float32)
    rows = max(1, BLOCK_CELLS // len(train))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows] @ train.T
        least = np.partition(block, len(train) - depth, axis=1)[:, len(train) - depth]
        # Everything from the last place on, which is more than `depth` where several share that place.
        row, column = np.nonzero(block >= least[:, None])
        similarity = block[row, column]
        order = np.lexsort((column, -similarity, row))
        first = np.searchsorted(row, np.arange(len(block)))
        taken = order[first[:, None] + np.arange(depth)]
        positions[start : start + rows] = column[taken]
        similarities[start : start + rows] = similarity[taken]
    return positions, similarities


def _unusable(
    truth: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, min_train: int
) -> dict[str, str]:
    in_train, in_test = truth[train].sum(axis=0), truth[test].sum(axis=0)
    why = {}
    for label, learned, judged in zip(labels.tolist(), in_train.tolist(), in_test.tolist(), strict=True):
        if learned < min_train:
            why[label] = f"{learned} train patents have it, fewer than {min_train}"
        elif learned == len(train):
            why[label] = "every train patent has it"
        elif judged == 0:
            why[label] = "no test patent has it"
    return why


def _knn(
    train: np.ndarray, truth: np.ndarray, queries: np.ndarray, grid: Sequence[int], name: str
) -> dict[float, np.ndarray]:
    """Predictions (n, L) bool for each k to try, ascending; a k above the number of train patents is not tried."""
    from scipy.sparse import csr_array

    tried = sorted(k for k in grid if k <= len(train))
    if not tried:
        raise InputError(f"{name}: {len(train)} train patents are fewer than every k to try ({min(grid)} and above)")
    positions, similarities = nearest(queries, train, tried[-1])
    # Sums of a few dozen float32 values are exact in float64, so half of the votes is half whatever their order.
    weights = np.maximum(similarities, 0).astype(np.float64)
    labelled = csr_array(truth.astype(np.float64))
    predictions: dict[float, np.ndarray] = {}
    for k in tried:
        rows = np.arange(len(queries) + 1) * k
        neighbours = csr_array((weights[:, :k].ravel(), positions[:, :k].ravel(), rows), (len(queries), len(train)))
        votes = (neighbours @ labelled).toarray()
        predictions[float(k)] = (votes > 0) & (votes >= MAJORITY * weights[:, :k].sum(axis=1)[:, None])
    return predictions


def _logistic(
    train: np.ndarray, truth: np.ndarray, queries: np.ndarray, grid: Sequence[float]
) -> dict[float, np.ndarray]:
    """Predictions (n, L) bool for each C of the grid, ascending; each fit starts from the one before."""
    from sklearn.linear_model import LogisticRegression

    tried = sorted(grid)
    n_labels = truth.shape[1]
    weights = np.empty((len(tried), n_labels, train.shape[1]), np.float32)
    biases = np.empty((len(tried), n_labels), np.float32)
    for label in range(n_labels):
        model = LogisticRegression(max_iter=1000, warm_start=True)
        for at, penalty in enumerate(tried):
            model.set_params(C=penalty).fit(train, truth[:, label])
            weights[at, label], biases[at, label] = model.coef_[0], model.intercept_[0]
    return {float(value): queries @ weights[at].T + biases[at] > 0 for at, value in enumerate(tried)}
