"""Scores written as evidence rows, and read back: the one truth that every number of a run can be made from again.

    mean scores       METRIC: the item's value
    label scores      PROBE-F1: the item's own F1 (1 where nothing is true and nothing predicted); PROBE-tp:LABEL,
                      PROBE-fp:LABEL, PROBE-fn:LABEL: 1, for the labels that were hit, falsely given, missed
    cluster scores    cluster:SEED: the cluster's number, SEED counted from 0; class:NAME: 1, the item's class

Items, their order and values come back as they were. Labels and classes come back in byte order, and only those that
occur: a label that is nowhere true nor predicted, or a class without items, has no effect on any metric.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.tables import EVIDENCE
from patray.tasks.resampled import item_f1
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

PLACE = ("task", "landscape", "view", "system", "slice")
KINDS = ("F1", "tp", "fp", "fn")
CLUSTER = "cluster"
_OF_LABELS = re.compile(r"([^:]+?)-(F1|tp:|fp:|fn:)(.*)", re.DOTALL)
_OF_CLUSTERS = re.compile(r"(cluster):([0-9]+)|(class):(.*)", re.DOTALL)


ENCODED = pa.schema(
    [(name, pa.dictionary(pa.int32(), pa.string())) for name in EVIDENCE.names[:-1]] + [("value", pa.float64())]
)
"""EVIDENCE as it is written and read: each name once, and a number a row."""


@dataclass(frozen=True)
class ScoreKey:
    """Which score some rows belong to. name: the metric of a mean score, the probe of labels, `cluster` of clusters."""

    where: Where
    name: str

    @staticmethod
    def of(score: Score) -> ScoreKey:
        name = score.metric if isinstance(score, MeanScore) else getattr(score, "probe", CLUSTER)
        return ScoreKey(score.where, name)


def score_name(task: str, metric: str) -> str:
    """The name of the score that a row of evidence belongs to: `knn` of `knn-tp:A61B` in a task of classification."""
    parsed = _parse(task, metric)
    return metric if parsed is None else parsed[0] or CLUSTER


def to_evidence(scores: Sequence[Score]) -> pa.Table:
    """The rows of all scores, in their order, as a table of the schema `EVIDENCE`: one chunk a score.

    Raises InputError for arrays that do not fit each other, a value that is not a number, a repeated item, a metric
    given twice, and a mean score whose metric is a name that its task keeps for another kind of score.
    """
    refuse_repeated(ScoreKey.of(score) for score in scores)
    batches = [encoded_rows(score, *item_codes([score.items])) for score in scores]
    return pa.Table.from_batches(batches, schema=ENCODED).cast(EVIDENCE)


def refuse_repeated(keys: Iterable[ScoreKey]) -> None:
    """Raise InputError where a score is given twice."""
    given: set[ScoreKey] = set()
    for key in keys:
        if key in given:
            raise InputError(f"score of {about(key.where)}: {key.name!r} is given twice")
        given.add(key)


def item_codes(items: Sequence[np.ndarray]) -> tuple[pa.Array, dict[int, np.ndarray]]:
    """All ids of several arrays once, (N,) string, and the position of each id among them by the id() of its array."""
    arrays = [pa.array(part, pa.string()) for part in items]
    known = pc.unique(pa.chunked_array(arrays, pa.string()))
    codes = {
        id(part): pc.index_in(array, value_set=known).to_numpy(zero_copy_only=False).astype(np.int32)
        for part, array in zip(items, arrays, strict=True)
    }
    return known, codes


def encoded_rows(score: Score, known: pa.Array, codes: Mapping[int, np.ndarray]) -> pa.RecordBatch:
    """The rows of one score, of the schema `ENCODED`; known, codes: of `item_codes`. Raises InputError as to_evidence
    does."""
    places = codes[id(score.items)]
    if len(np.unique(places)) != len(places):
        raise InputError(f"score of {about(score.where)}: an item is listed more than once")
    if isinstance(score, MeanScore):
        names, metrics, rows, values = _mean_rows(score)
    elif isinstance(score, LabelScore):
        names, metrics, rows, values = _label_rows(score)
    else:
        names, metrics, rows, values = _cluster_rows(score)
    one = np.zeros(len(rows), dtype=np.int32)
    columns = [(one, pa.array([getattr(score.where, name)], pa.string())) for name in PLACE]
    columns += [(metrics, pa.array(names, pa.string())), (places[rows], known)]
    arrays = [pa.DictionaryArray.from_arrays(pa.array(at, pa.int32()), values) for at, values in columns]
    return pa.RecordBatch.from_arrays([*arrays, pa.array(values, pa.float64())], schema=ENCODED)


_Rows = tuple[list[str], np.ndarray, np.ndarray, np.ndarray]
"""Metric names, and for each row the position of its metric, the position of its item, and its value."""


def _mean_rows(score: MeanScore) -> _Rows:
    where = score.where
    if _parse(where.task, score.metric) is not None:
        raise InputError(f"score of {about(where)}: {score.metric!r} is kept for another kind of score in this task")
    count = len(score.items)
    _expect(where, "values", score.values.shape, (count,))
    if np.isnan(score.values).any():
        at = int(np.argmax(np.isnan(score.values)))
        raise InputError(f"score of {about(where)}: {score.metric} of item {score.items[at]!r} is not a number")
    return [score.metric], np.zeros(count, dtype=np.int32), np.arange(count), score.values


def _label_rows(score: LabelScore) -> _Rows:
    where, count, width = score.where, len(score.items), len(score.labels)
    if not where.task.startswith("classification") or ":" in score.probe:
        raise InputError(
            f"score of {about(where)}, probe {score.probe!r}: labels belong to a task classification:LABELS"
        )
    _expect(where, "truth", score.truth.shape, (count, width))
    _expect(where, "predicted", score.predicted.shape, (count, width))
    truth, predicted = score.truth, score.predicted
    names = [f"{score.probe}-F1"]
    codes, rows = [np.zeros(count, dtype=np.int64)], [np.arange(count)]
    for kind, part in zip(KINDS[1:], (truth & predicted, ~truth & predicted, truth & ~predicted), strict=True):
        item, label = np.nonzero(part)
        rows.append(item)
        codes.append(label + len(names))
        names += [f"{score.probe}-{kind}:{label}" for label in score.labels]
    sparse = sum(map(len, rows)) - count
    values = np.concatenate([item_f1(truth, predicted), np.ones(sparse)])
    return names, np.concatenate(codes), np.concatenate(rows), values


def _cluster_rows(score: ClusterScore) -> _Rows:
    where, count, seeds = score.where, len(score.items), len(score.clusters)
    if not where.task.startswith("clustering"):
        raise InputError(f"score of {about(where)}: clusters belong to a task clustering:LABELS")
    _expect(where, "classes", score.classes.shape, (count,))
    _expect(where, "clusters", score.clusters.shape, (seeds, count))
    if count and not (score.classes.min() >= 0 and score.classes.max() < len(score.class_names)):
        raise InputError(f"score of {about(where)}: classes must lie in [0, {len(score.class_names)})")
    names = [f"cluster:{seed}" for seed in range(seeds)] + [f"class:{name}" for name in score.class_names]
    codes = np.concatenate([np.repeat(np.arange(seeds), count), score.classes.astype(np.int64) + seeds])
    values = np.concatenate([score.clusters.astype(np.float64).ravel(), np.ones(count)])
    return names, codes, np.tile(np.arange(count), seeds + 1), values


def from_evidence(table: pa.Table) -> list[Score]:
    """The scores of an evidence table, in the order of their first rows.

    Raises InputError for rows that do not add up to scores: no value, an item twice, or without its other rows.
    """
    rows = _Read.of(table)
    found: list[tuple[int, Score]] = []
    order = np.lexsort((rows.metric, rows.place))
    for part in _runs(order, rows.place):
        place = rows.places[rows.place[part[0]]]
        if place.task.startswith("classification"):
            found += _read_labels(place, part, rows)
        elif place.task.startswith("clustering"):
            found += _read_clusters(place, part, rows)
        else:
            found += _read_means(place, part, rows)
    return [score for _, score in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class _Read:
    """Columns of an evidence table as codes (n,) into places, metrics and items; values (n,)."""

    place: np.ndarray
    places: list[Where]
    metric: np.ndarray
    metrics: list[str]
    item: np.ndarray
    items: np.ndarray
    value: np.ndarray
    shared: dict[bytes, np.ndarray] = field(default_factory=dict)

    @staticmethod
    def of(table: pa.Table) -> _Read:
        for name in EVIDENCE.names:
            if name not in table.column_names:
                raise InputError(f"evidence: no column {name}; expected {', '.join(EVIDENCE.names)}")
            if table[name].null_count:
                raise InputError(f"evidence: {table[name].null_count} rows have no {name}")
        place = np.zeros(len(table), dtype=np.int64)
        columns = [encode(table[name]) for name in PLACE]
        for codes, values in columns:
            place = place * max(len(values), 1) + codes
        distinct, first, inverse = np.unique(place, return_index=True, return_inverse=True)
        del distinct
        places = [Where(*(str(values[codes[row]]) for codes, values in columns)) for row in first]
        metric, metrics = encode(table["metric"])
        item, items = encode(table["item_id"])
        value = table["value"].to_numpy()
        if np.isnan(value).any():
            raise InputError(f"evidence: the value of row {int(np.argmax(np.isnan(value)))} is not a number")
        return _Read(inverse, places, metric, metrics.tolist(), item, items, value)

    def ids(self, rows: np.ndarray, where: Where, metric: str) -> np.ndarray:
        """Item ids of some rows, (n,) str objects; one array for all scores of the same items."""
        codes = self.item[rows]
        key = codes.tobytes()
        if key not in self.shared:
            if len(np.unique(codes)) != len(codes):
                raise InputError(f"evidence of {about(where)}: an item is listed more than once in {metric}")
            self.shared[key] = self.items[codes]
        return self.shared[key]

    def locate(self, rows: np.ndarray, among: np.ndarray, where: Where, metric: str) -> np.ndarray:
        """Position of the items of `rows` within the items of the rows `among`."""
        codes = self.item[among]
        order = np.argsort(codes)
        at = np.searchsorted(codes, self.item[rows], sorter=order)
        position = order[np.minimum(at, len(order) - 1)] if len(order) else at
        wrong = codes[position] != self.item[rows] if len(order) else np.ones(len(rows), dtype=bool)
        if wrong.any():
            item = self.items[self.item[rows][int(np.argmax(wrong))]]
            raise InputError(f"evidence of {about(where)}: item {item!r} has no row of {metric}")
        return position


def encode(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """A column of strings, dictionary-encoded or not, as codes (n,) into distinct values, (V,) str objects."""
    if not column.num_chunks:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    encoded = pa.concat_arrays(column.unify_dictionaries().chunks)
    codes, values = encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.cast(pa.string())
    distinct = values.dictionary_encode()
    if len(distinct.dictionary) < len(values):  # allowed by the format, though no writer that we know does it
        codes = distinct.indices.to_numpy(zero_copy_only=False)[codes]
    return codes, distinct.dictionary.to_numpy(zero_copy_only=False)


def _runs(order: np.ndarray, code: np.ndarray) -> list[np.ndarray]:
    """Parts of `order` in which `code` stays the same."""
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(order) else []


def _read_means(where: Where, part: np.ndarray, rows: _Read) -> Iterator[tuple[int, Score]]:
    for run in _runs(part, rows.metric):
        metric = rows.metrics[rows.metric[run[0]]]
        yield int(run[0]), MeanScore(where, metric, rows.ids(run, where, metric), rows.value[run])


def _read_labels(where: Where, part: np.ndarray, rows: _Read) -> Iterator[tuple[int, Score]]:
    probes: dict[str, dict[str, list[tuple[str, np.ndarray]]]] = {}
    for run in _runs(part, rows.metric):
        parsed = _parse(where.task, rows.metrics[rows.metric[run[0]]])
        if parsed is None:
            yield from _read_means(where, run, rows)
            continue
        probe, kind, label = parsed
        probes.setdefault(probe, {}).setdefault(kind, []).append((label, run))
    for probe, kinds in probes.items():
        whole = kinds.get("F1", [("", np.zeros(0, dtype=np.int64))])[0][1]
        items = rows.ids(whole, where, f"{probe}-F1")
        labels = sorted({label for kind in KINDS[1:] for label, _ in kinds.get(kind, [])})
        column = {label: at for at, label in enumerate(labels)}
        marks = {kind: np.zeros((len(items), len(labels)), dtype=bool) for kind in KINDS[1:]}
        for kind, mark in marks.items():
            listed = kinds.get(kind, [])
            if listed:
                every = np.concatenate([run for _, run in listed])
                columns = np.repeat([column[label] for label, _ in listed], [len(run) for _, run in listed])
                mark[rows.locate(every, whole, where, f"{probe}-F1"), columns] = True
        truth, predicted = marks["tp"] | marks["fn"], marks["tp"] | marks["fp"]
        first = min(int(run.min()) for listed in kinds.values() for _, run in listed)
        yield first, LabelScore(where, probe, items, np.array(labels, dtype=object), truth, predicted)


def _read_clusters(where: Where, part: np.ndarray, rows: _Read) -> Iterator[tuple[int, Score]]:
    seeds: dict[int, np.ndarray] = {}
    classes: dict[str, np.ndarray] = {}
    for run in _runs(part, rows.metric):
        parsed = _parse(where.task, rows.metrics[rows.metric[run[0]]])
        if parsed is None:
            yield from _read_means(where, run, rows)
        elif parsed[1] == "cluster":
            seeds[int(parsed[2])] = run
        else:
            classes[parsed[2]] = run
    if not seeds and not classes:
        return
    if sorted(seeds) != list(range(len(seeds))) or not seeds:
        raise InputError(f"evidence of {about(where)}: seeds {sorted(seeds)}; expected 0, 1, ... without a gap")
    items = rows.ids(seeds[0], where, "cluster:0")
    clusters = np.empty((len(seeds), len(items)), dtype=np.int32)
    for seed, run in seeds.items():
        _expect(where, f"cluster:{seed}", (len(run),), (len(items),))
        clusters[seed, rows.locate(run, seeds[0], where, "cluster:0")] = rows.value[run]
    names = sorted(classes)
    every = np.concatenate([classes[name] for name in names]) if names else np.zeros(0, dtype=np.int64)
    _expect(where, "class", (len(every),), (len(items),))
    rows.ids(every, where, "class")
    codes = np.empty(len(items), dtype=np.int32)
    numbers = np.repeat(np.arange(len(names)), [len(classes[name]) for name in names])
    codes[rows.locate(every, seeds[0], where, "cluster:0")] = numbers
    first = min(int(run.min()) for run in (*seeds.values(), *classes.values()))
    yield first, ClusterScore(where, items, np.array(names, dtype=object), codes, clusters)


def _parse(task: str, metric: str) -> tuple[str, str, str] | None:
    """(probe, kind, label) or ("", "cluster" or "class", name) of a metric of a label or cluster score, else None."""
    if task.startswith("classification"):
        found = _OF_LABELS.fullmatch(metric)
        if found is None or (found[2] == "F1" and found[3]):
            return None
        return found[1], found[2].rstrip(":"), found[3]
    if task.startswith("clustering"):
        found = _OF_CLUSTERS.fullmatch(metric)
        return None if found is None else ("", found[1] or found[3], found[2] if found[1] else found[4])
    return None


def _expect(where: Where, what: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if shape != wanted:
        raise InputError(f"score of {about(where)}: {what} has the shape {shape}; expected {wanted}")


def about(where: Where) -> str:
    return f"{where.task}, {where.landscape}, {where.view}, {where.system}, slice {where.slice}"
