"""A validation that weighs several tasks: what a sweep asks for when retrieval alone is not what the models are for.

    retrieval        a measure over patents of validation families that cite, as in `validation`
    classification   macro-F1 of validation families by their nearest training neighbours (k = 10)
    clustering       V-measure of k-means over validation families with exactly one label, mean of three seeds

All three are cheap enough to be taken many times in a training. Nothing of a test family is in any of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.cited_pairs import ALL, CitedBy
from patray.landscapes.labels import get_label_set
from patray.landscapes.splits import SALT, SHARES, TEST, TRAIN, VALIDATION
from patray.measures.classification import label_counts, macro_f1
from patray.measures.clustering import agreement
from patray.measures.definitions import AGREEMENT, LEADING
from patray.recipes.documents import Documents, read_documents
from patray.recipes.record import Recipe
from patray.recipes.texts import read_texts, view_of
from patray.recipes.validation import Retrieval, Validation, make_validation
from patray.tasks.classification import nearest

NEIGHBOURS = 10
SEEDS = (0, 1, 2)
TASKS = ("retrieval", "classification", "clustering")


@dataclass(frozen=True)
class Labelled:
    """One label set. train, judged: rows of the documents; truth_train, truth (n, L) bool; single: positions among
    `judged` with exactly one label, classes: that label."""

    name: str
    train: np.ndarray
    judged: np.ndarray
    truth_train: np.ndarray
    truth: np.ndarray
    single: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class WeightedValidation(Validation):
    """weights: share of each of TASKS, summing to 1. The first `ranked` documents are those of the retrieval."""

    weights: Mapping[str, float]
    ranked: int
    labelled: tuple[Labelled, ...]

    def score(self, queries: np.ndarray, documents: np.ndarray) -> float:
        """The weighted mean of the tasks, higher is better. Shapes as in `Validation.score`."""
        parts = self.parts(queries, documents)
        return float(sum(self.weights[task] * value for task, value in parts.items()))

    def parts(self, queries: np.ndarray, documents: np.ndarray) -> dict[str, float]:
        """The score of each task with a weight; of several label sets their mean."""
        found: dict[str, float] = {}
        if self.weights["retrieval"]:
            found["retrieval"] = super().score(queries, documents[: self.ranked])
        if self.weights["classification"]:
            found["classification"] = float(np.mean([_classify(documents, one) for one in self.labelled]))
        if self.weights["clustering"]:
            found["clustering"] = float(np.mean([_cluster(documents, one) for one in self.labelled]))
        return found


def make_weighted(
    prepared: Folder,
    recipe: Recipe,
    weights: Mapping[str, float],
    labels: Sequence[str],
    shares: Sequence[float] = SHARES,
    salt: str = SALT,
    own_views: Mapping[str, Sequence[str]] | None = None,
    direction: str = "cited",
    cited_by: CitedBy = ALL,
) -> WeightedValidation:
    """The retrieval of `make_validation` and the label tasks, on texts in the recipe's `validation_view`.

    weights: of TASKS, in any unit. labels: label sets, `files` for every file. At most `validation_corpus` labelled
    patents, picked by a hash of their ids. Raises InputError where the landscape has not what a task needs.
    """
    total = sum(weights.get(task, 0.0) for task in TASKS)
    shared = {task: weights.get(task, 0.0) / total for task in TASKS}
    base = Validation((), (), (), (), by=_none())
    if shared["retrieval"]:
        base = make_validation(prepared, recipe, shares, salt, own_views, direction, cited_by)
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    labelled: tuple[Labelled, ...] = ()
    if shared["classification"] or shared["clustering"]:
        texts, ids, labelled = _labelled(prepared, recipe, shared, labels, shares, salt, own_views, len(base.documents))
    fields = {field.name: getattr(base, field.name) for field in dataclasses.fields(Validation)}
    fields |= {"documents": base.documents + texts, "document_ids": base.document_ids + ids}
    return WeightedValidation(**fields, weights=shared, ranked=len(base.documents), labelled=labelled)


def _none() -> Retrieval:
    """In place of a retrieval that has no weight."""
    nothing = np.zeros(0, np.int64)
    return Retrieval(nothing, nothing, np.zeros((0, 2), np.int32), LEADING)


def _labelled(
    prepared: Folder,
    recipe: Recipe,
    weights: Mapping[str, float],
    names: Sequence[str],
    shares: Sequence[float],
    salt: str,
    own_views: Mapping[str, Sequence[str]] | None,
    first: int,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Labelled, ...]]:
    documents = read_documents(prepared, shares, salt)
    metadata = documents.metadata
    asked = [name for one in names for name in (sorted(metadata.labels) if one == "files" else [one])]
    if not asked:
        raise InputError(f"{metadata.name}: the objective needs labels, and there are no label files; set `labels`")
    sets = [get_label_set(metadata, name) for name in dict.fromkeys(asked)]
    known = np.unique(np.concatenate([one.patent_ids for one in sets]).astype(str))
    rows = documents.rows(known.astype(object))
    (texts,) = read_texts(prepared, documents, [view_of(recipe.validation_view, own_views)], _column(documents, rows))
    usable = np.array([texts[row] is not None and bool(texts[row].strip()) for row in rows], bool)
    rows = rows[usable & (documents.split[rows] != TEST)]
    if recipe.validation_corpus is not None and len(rows) > recipe.validation_corpus:
        keys = [hashlib.blake2b(f"{salt} {documents.ids[row]}".encode(), digest_size=8).digest() for row in rows]
        rows = np.sort(rows[sorted(range(len(rows)), key=keys.__getitem__)[: recipe.validation_corpus]])
    ids, split = documents.ids[rows], documents.split[rows]
    found = []
    for one in sets:
        truth, has = one.to_matrix(ids)
        train, judged = (np.flatnonzero(has & (split == part)) for part in (TRAIN, VALIDATION))
        learnt = truth[train].any(axis=0) & truth[judged].any(axis=0)
        single = np.flatnonzero(truth[judged].sum(axis=1) == 1)
        classes = truth[judged][single].argmax(axis=1)
        about = f"{metadata.name}: label set {one.name!r}: the objective needs"
        if weights["classification"] and (len(train) < NEIGHBOURS or learnt.sum() < 2):
            raise InputError(
                f"{about} {NEIGHBOURS} training patents and two labels on both training and validation families; "
                f"there are {len(train)} and {int(learnt.sum())}"
            )
        if weights["clustering"] and len(np.unique(classes)) < 2:
            raise InputError(f"{about} two classes among validation patents with exactly one label")
        own = first + np.arange(len(rows))
        found.append(
            Labelled(
                one.name, own[train], own[judged], truth[train][:, learnt], truth[judged][:, learnt], single, classes
            )
        )
    return tuple(texts[rows].tolist()), tuple(ids.tolist()), tuple(found)


def _column(documents: Documents, rows: np.ndarray) -> np.ndarray:
    wanted = np.zeros((len(documents.ids), 1), bool)
    wanted[rows] = True
    return wanted


def _classify(vectors: np.ndarray, labels: Labelled) -> float:
    """Macro-F1: a label is given when at least half of the similarity of the ten nearest has it."""
    place, similarity = nearest(vectors[labels.judged], vectors[labels.train], NEIGHBOURS)
    weight = np.maximum(similarity, 0).astype(np.float64)
    votes = np.einsum("nk,nkl->nl", weight, labels.truth_train[place].astype(np.float64))
    predicted = (votes > 0) & (votes >= 0.5 * weight.sum(axis=1, keepdims=True))
    return float(macro_f1(*label_counts(labels.truth, predicted)))


def _cluster(vectors: np.ndarray, labels: Labelled) -> float:
    """Mean V-measure of k-means with as many clusters as classes."""
    from sklearn.cluster import KMeans

    chosen = vectors[labels.judged[labels.single]]
    names, classes = np.unique(labels.classes, return_inverse=True)
    values = []
    for seed in SEEDS:
        clusters = KMeans(len(names), n_init=1, random_state=seed).fit(chosen).labels_
        table = np.zeros((len(names), len(names)))
        np.add.at(table, (classes, clusters), 1)
        values.append(float(agreement(table)[AGREEMENT[0]]))
    return float(np.mean(values))
