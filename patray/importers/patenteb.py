"""PatenTEB's tasks that patray has: classification, clustering, and retrieval triplets as corpus, queries and qrels.

One task becomes one landscape; --task names it where the path does not. Texts join title, abstract and claim with
` [SEP] `; three parts become sections, so that views work. With --whole-text a text stays as published, as abstract
(view `abstract`), which is what published numbers were measured on.

    class_text2ipc3        labels/ipc3, with the published test split; a fifth of the published train is validation
    clusters_ext_full_ipc, clusters_inventor   labels/cluster
    retrieval_IN / MIXED / OUT   corpus = all positives and negatives, queries, qrels (negatives of relevance 0)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.format import Format, Unit, parquet_units
from patray.importers.nested import conform, to_lists, whole
from patray.importers.options import Options
from patray.importers.parquet_rows import read_parquet
from patray.importers.record import LABELS, QRELS, Rows, patents_table
from patray.importers.source import SourceFile
from patray.landscapes.absent import LABEL, without_absent
from patray.landscapes.splits import SPLITS as SPLIT_NAMES
from patray.landscapes.splits import split_families

S = pa.string()
SEPARATOR = " [SEP] "
LABEL_COLUMN = {
    "class_text2ipc3": ("first_ipcr3", "ipc3"),
    "clusters_ext_full_ipc": ("cluster_id", "cluster"),
    "clusters_inventor": ("cluster_id", "cluster"),
}
"""Task -> (column, name of the label set)."""
RETRIEVAL = ("retrieval_IN", "retrieval_MIXED", "retrieval_OUT")
TASKS = (*LABEL_COLUMN, *RETRIEVAL)
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "test": "test"}
VALIDATION = 0.2
"""Share of the published training set that becomes validation."""


def task_of(file: SourceFile, options: Options) -> str:
    """The task of a file: --task, or the part of its path that names one."""
    if options.task:
        if options.task not in TASKS:
            raise InputError(f"--task {options.task}: patray has no such task; allowed are {', '.join(TASKS)}")
        return options.task
    parts = file.uri.split("/")
    found = [task for task in TASKS if any(task.lower() in part.lower() for part in parts)]
    if not found:
        raise InputError(f"{file.uri}: the path names no task; choose one with --task: {', '.join(TASKS)}")
    return max(found, key=len)


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    found = [file for file in files if file.base.endswith(".parquet")]
    tasks = {task_of(file, options) for file in found}
    if len(tasks) != 1:
        said = f"several tasks: {', '.join(sorted(tasks))}; import one folder each" if tasks else "no Parquet file"
        raise InputError(f"patenteb: {said}")
    units: list[Unit] = []
    for file in found:
        units += parquet_units(tasks.copy().pop(), file)
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    if unit.role in RETRIEVAL:
        yield from _triplets(unit, options)
        return
    column, name = LABEL_COLUMN[unit.role]
    split = next((SPLITS[part] for part in reversed(unit.file.uri.lower().split("/")) if part in SPLITS), None)
    schema = pa.schema([("q", S), ("text", S), (column, S)])
    for block in read_parquet(unit.file, schema, unit.start, unit.stop, schema.names):
        ids, count = whole(block.table["q"]), block.table.num_rows
        labels = without_absent(whole(block.table[column]), LABEL)
        yield Rows("patents", _documents(ids, whole(block.table["text"]), block.lines, options), count)
        lists = to_lists(np.arange(count), labels, count)
        given = _with_validation(ids) if split == "train" else pa.repeat(pa.scalar(split, S), count)
        table = pa.table([ids, lists, given, pa.array(block.lines)], schema=LABELS).filter(labels.is_valid())
        yield Rows(f"labels/{name}", table, table.num_rows)


def _with_validation(ids: pa.Array) -> pa.Array:
    """'train', or 'validation' for a fifth by a hash of the id: the release has no set to tune anything on."""
    part = split_families(pc.fill_null(ids, "").to_pylist(), (1 - VALIDATION, VALIDATION, 0.0))
    return pa.array(np.array(SPLIT_NAMES, dtype=object)[part], S)


def _documents(ids: pa.Array, texts: pa.Array, lines: np.ndarray, options: Options) -> pa.Table:
    columns = {"patent_id": ids, "line": pa.array(lines)}
    if options.whole_text:
        return patents_table({**columns, "abstract": texts}, len(ids))
    parts = pc.split_pattern(pc.fill_null(texts, ""), SEPARATOR, max_splits=2)
    three = pc.equal(pc.list_value_length(parts), 3)

    def part(place: int) -> pa.Array:
        usable = pc.if_else(three, parts, pa.scalar(["", "", ""], pa.list_(S)))
        text = pc.list_element(usable, place)
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, S), text)

    claim = part(2)
    claimed = np.flatnonzero(claim.is_valid().to_numpy(zero_copy_only=False))
    return patents_table(
        {
            **columns,
            "title": part(0),
            "abstract": pc.if_else(three, part(1), texts),
            "claims": to_lists(claimed, claim.drop_null(), len(ids)),
        },
        len(ids),
    )


def _triplets(unit: Unit, options: Options) -> Iterator[Rows]:
    """Queries, documents and pairs repeat over the triplets; what was met before in this unit is counted as such."""
    schema = pa.schema([(name, S) for name in ("q", "pos", "neg", "q_text", "pos_text", "neg_text")])
    for block in read_parquet(unit.file, schema, unit.start, unit.stop, schema.names):
        column = {name: conform(whole(block.table[name]), S) for name in schema.names}
        yield Rows("source triplets", block.table, block.table.num_rows)
        for table, sides in (("patents", ("pos", "neg")), ("queries", ("q",))):
            ids = pa.concat_arrays([column[side] for side in sides])
            texts = pa.concat_arrays([column[f"{side}_text"] for side in sides])
            lines = np.tile(block.lines, len(sides))
            first = _first(ids)
            chosen = _documents(ids.take(first), texts.take(first), lines[first.to_numpy()], options)
            yield Rows(table, chosen, len(first))
        pairs = [(column["q"], column["pos"], 1), (column["q"], column["neg"], 0)]
        for queries, patents, grade in pairs:
            first = _first(pc.binary_join_element_wise(queries, patents, "\x00"))
            data = pa.table(
                [
                    queries.take(first),
                    patents.take(first),
                    pa.repeat(pa.scalar(grade, pa.int32()), len(first)),
                    pa.nulls(len(first), S),
                    pa.array(block.lines).take(first),
                ],
                schema=QRELS,
            )
            yield Rows("qrels", data, len(first))


def _first(values: pa.Array) -> pa.Array:
    """Positions of the first occurrence of each value, in order."""
    codes = values.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    return pa.array(np.sort(first))


FORMAT = Format(
    name="patenteb",
    plan=plan,
    read=read,
    source="PatenTEB (datalyes)",
    licence="CC BY-NC-SA 4.0",
)
