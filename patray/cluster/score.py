"""Tasks that turn rankings or vectors into scores, one Ray task per landscape, view, system and label set."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.artifacts import read_sealed
from patray.cluster.search import Place, cut_to
from patray.encoders.vectors import load_vectors
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.labels import NO_SPLIT, LabelSet
from patray.landscapes.positions import positions
from patray.landscapes.records import Slice, Truth
from patray.landscapes.splits import SPLITS
from patray.measures.definitions import parse_measure
from patray.runs.suite import Classification, Clustering, Retrieval
from patray.search.derive import derived
from patray.search.quantise import value_ranges
from patray.search.table import from_table
from patray.systems.base import System
from patray.systems.dense import OneVector
from patray.tasks import classification, clustering, retrieval
from patray.tasks.scores import Score


@dataclass(frozen=True)
class Scored:
    """What one task gives to the judge: scores, tuning rows, and notes for the reader."""

    scores: list[Score] = field(default_factory=list)
    tuning: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def score_retrieval(
    run: Folder, place: Place, system: System, truth: Truth, slices: list[Slice], options: Retrieval, depth: int
) -> Scored:
    ranking = from_table(read_sealed(run, place.file), truth.query_ids, truth.patent_ids, depth)
    measures = [parse_measure(name) for name in options.measures]
    scores = retrieval.evaluate(
        truth, ranking, slices, measures, landscape=place.landscape, view=place.view, system=place.system
    )
    empty = retrieval.found_nothing(ranking, slices)
    empty = empty and empty + system.hint_of_nothing(place.landscape, place.view)
    return Scored(list(scores), notes=[f"{place.landscape}, {place.view}, {place.system}: {empty}"] if empty else [])


@contextmanager
def one_thread(library: str) -> Iterator[None]:
    """Let a library and what it stands on use one thread: results keep their bits whatever process runs a task, and
    tasks that share a machine do not wait for each other's threads."""
    from threadpoolctl import threadpool_limits

    importlib.import_module(library)  # what is loaded later is not limited
    with threadpool_limits(1):
        yield


def _labelled(place: Place, folder: Folder, system: OneVector, labels: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the patents of a label set, in the order of the set, and what the system keeps of their vectors."""
    ids, full = load_vectors(folder)
    cut = cut_to(system, place, ids, full)
    ranges = value_ranges(cut) if system.precision == "int8" else None
    vectors = derived(cut, None, system.precision or "float32", ranges)
    rows = positions(labels.patent_ids, ids)
    if (rows < 0).any():
        raise AssertionError(f"{folder}: {(rows < 0).sum()} labelled patents have no vector")
    return labels.patent_ids, vectors[rows]


def split_names(labels: LabelSet, by_family: np.ndarray) -> np.ndarray:
    """(n,) str: the file's own split where it says one, else the family's; `by_family` (n,) int8."""
    own = labels.split if labels.split is not None else np.full(len(by_family), NO_SPLIT)
    return np.array(SPLITS, dtype=object)[np.where(own == NO_SPLIT, by_family, own)].astype(str)


@one_thread("sklearn.linear_model")
def score_classification(
    place: Place, folder: Folder, system: OneVector, labels: LabelSet, by_family: np.ndarray, options: Classification
) -> Scored:
    ids, vectors = _labelled(place, folder, system, labels)
    truth, _ = labels.to_matrix(ids)
    try:
        found = classification.evaluate(
            vectors,
            ids,
            truth,
            np.array(labels.labels, dtype=object),
            split_names(labels, by_family),
            label_set=labels.name,
            landscape=place.landscape,
            view=place.view,
            system=place.system,
            options=classification.Options(options.neighbours, options.strengths, options.min_train, options.probes),
        )
    except InputError as error:
        return Scored(notes=[f"classification is not possible: {error}"])
    notes = []
    if found.left_out:
        notes.append(
            f"{place.landscape}: classification by {labels.name}: {len(found.left_out)} of {len(labels.labels)} labels "
            f"are left out (fewer than {options.min_train} train patents, or none in test)"
        )
    return Scored([*found.scores, *found.bands], found.tuning, notes)


@one_thread("sklearn.cluster")
def score_clustering(place: Place, folder: Folder, system: OneVector, labels: LabelSet, options: Clustering) -> Scored:
    ids, vectors = _labelled(place, folder, system, labels)
    try:
        found = clustering.evaluate(
            vectors,
            ids,
            labels.to_lists(),
            label_set=labels.name,
            landscape=place.landscape,
            view=place.view,
            system=place.system,
            options=clustering.Options(min_class=options.min_class, seeds=tuple(range(options.seeds))),
        )
    except InputError as error:
        return Scored(notes=[f"clustering is not possible: {error}"])
    note = (
        f"{place.landscape}: clustering by {labels.name} uses {len(found.score.items):,} patents with exactly one "
        f"label; {found.ambiguous:,} with several and {found.rare:,} of rare classes are left out"
    )
    return Scored([found.score], notes=[note])


@one_thread("sklearn.manifold")
def map_patents(place: Place, folder: Folder, labels: LabelSet | None, limit: int = 2000) -> dict[str, list[Any]]:
    """2-D coordinates of at most `limit` patents (a fixed even choice), by t-SNE on the vectors from a PCA start."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    ids, vectors = load_vectors(folder)
    order = np.argsort(ids.astype(str), kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(limit, len(order))).astype(int))]
    ids, vectors = ids[chosen], vectors[chosen]
    if len(ids) < 10:
        return {"patent_id": [], "label": [], "x": [], "y": []}
    reduced = PCA(min(50, *vectors.shape), random_state=0).fit_transform(vectors)
    # A third of the time of scikit-learn's defaults (angle 0.5, 1000 steps), neighbourhoods kept as well: RESULTS.md.
    made = TSNE(2, init="pca", random_state=0, perplexity=min(30.0, (len(ids) - 1) / 3), angle=0.8, max_iter=500)
    points = made.fit_transform(reduced)
    names = [""] * len(ids)
    if labels is not None:
        lists = labels.to_lists()
        names = [lists[at][0] if at >= 0 else "" for at in positions(ids, labels.patent_ids).tolist()]
    return {"patent_id": ids.tolist(), "label": names, "x": points[:, 0].tolist(), "y": points[:, 1].tolist()}


def titles_of(prepared: Folder, ids: list[str]) -> list[str]:
    """Titles of some patents, for the map; the only text that the driver reads."""
    from patray.landscapes.load import iter_sections

    wanted = pa.array(ids, pa.string())
    titles: dict[str, str] = {}
    for batch in iter_sections(prepared, ["title"]):
        kept = batch.filter(pc.is_in(batch.column("patent_id"), value_set=wanted))
        titles.update(zip(kept.column("patent_id").to_pylist(), kept.column("title").to_pylist(), strict=True))
    return [(titles[patent] or "")[:200] for patent in ids]
