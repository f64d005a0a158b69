"""BEIR folders, mteb retrieval layouts and NanoDAPFAM: corpus, queries and qrels in JSON lines, TSV or Parquet.

Which file plays which role is told by its path: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`, or a folder a config
(`corpus/train.parquet`, `default/test.jsonl`, `SUBSET-qrels/...`, where --task picks the subset). Texts are kept
character for character: a document's `title` is its title, its `text` its abstract, so view `ta` is what models see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.csv_rows import read_csv
from patray.importers.format import Format, Unit, line_units, parquet_units
from patray.importers.json_lines import read_json_lines
from patray.importers.nested import conform, whole
from patray.importers.options import Options
from patray.importers.parquet_rows import read_parquet
from patray.importers.record import QRELS, Finding, Rows, patents_table
from patray.importers.source import SourceFile
from patray.landscapes.grades import parse_grade, parse_grades

S = pa.string()
CONFIGS = {"corpus": "corpus", "queries": "queries", "query": "queries", "qrels": "qrels", "default": "qrels"}
_DOCUMENT = pa.schema([("_id", S), ("id", S), ("title", S), ("text", S)])
_QREL = pa.schema([("query-id", S), ("corpus-id", S), ("score", S)])
_SUFFIXES = (".jsonl", ".json", ".tsv", ".parquet")
_NAMES = {
    "query-id": ("query-id", "queryid", "query", "qid"),
    "corpus-id": ("corpus-id", "corpusid", "corpus", "document-id", "documentid", "doc-id", "docid", "did", "pid"),
    "score": ("score", "relevance", "rel", "label", "grade"),
}
"""Column of a qrels file -> what headers call it, `_` written as `-`."""


def roles(files: Sequence[SourceFile], options: Options) -> list[tuple[str, SourceFile]]:
    """(role, file) of the chosen subset and split. Raises InputError when a role is missing or not decided."""
    found: dict[str, dict[str, list[SourceFile]]] = {"corpus": {}, "queries": {}, "qrels": {}}
    for file in files:
        if not file.base.endswith(_SUFFIXES):
            continue
        name, folder = file.base.rsplit(".", 1)[0], (file.member or file.uri).split("/")[-2:-1]
        config = name if name in CONFIGS else (folder[0].lower() if folder else "")
        subset, _, last = config.rpartition("-")
        if last not in CONFIGS or (subset and subset.lower() != options.task.lower()):
            continue
        split = "" if config == name else re.sub(r"-\d{5}-of-\d{5}$", "", name)
        found[CONFIGS[last]].setdefault(split, []).append(file)
    chosen = []
    if found["corpus"] and not found["queries"] and not found["qrels"]:
        del found["queries"], found["qrels"]  # a corpus alone is a landscape too, one without retrieval
    for role, splits in found.items():
        if not splits:
            raise InputError(f"beir: no {role} file; found {', '.join(file.label for file in files[:8])}")
        wanted = [name for name in splits if name.lower() == options.split.lower()]
        wanted = wanted or (list(splits) if len(splits) == 1 else [])
        if not wanted:
            raise InputError(f"beir: {role} has the splits {', '.join(sorted(splits))}; choose one with --split")
        chosen += [(role, file) for file in splits[wanted[0]]]
    return chosen


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units: list[Unit] = []
    for role, file in roles(files, options):
        if file.base.endswith(".parquet"):
            units += parquet_units(role, file)
        elif file.base.endswith(".tsv"):
            units.append(Unit(role, file))
        else:
            units += line_units(role, file)
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    for table, lines, read_rows, findings in _blocks(unit, options):
        rows = _qrels if unit.role == "qrels" else _documents
        yield rows(unit.role, table, lines, read_rows, findings)


def _blocks(unit: Unit, options: Options) -> Iterator[tuple[pa.Table, np.ndarray, int, list[Finding]]]:
    schema = _QREL if unit.role == "qrels" else _DOCUMENT
    if unit.file.base.endswith(".parquet"):
        for block in read_parquet(unit.file, schema, unit.start, unit.stop):
            yield block.table, block.lines, block.table.num_rows, []
    elif unit.file.base.endswith(".tsv"):
        place = _qrel_columns if unit.role == "qrels" else _document_columns
        for rows in read_csv(unit.file, "\t", options.encoding, options.keep_truncated):
            named = place(unit.file.label, rows.header)
            columns = [
                rows.columns[named[name]] if name in named else pa.nulls(len(rows.lines), S) for name in schema.names
            ]
            yield pa.table(columns, schema=schema), rows.lines, rows.read, rows.findings
    else:
        numbers = pa.schema([("query-id", S), ("corpus-id", S), ("score", pa.int64())])
        schemas = [schema, numbers] if unit.role == "qrels" else [schema]
        needed = ("query-id", "corpus-id") if unit.role == "qrels" else ("_id",)
        for found in read_json_lines(unit.file, schemas, unit.start, unit.stop, options.keep_truncated, needed=needed):
            yield found.table, found.lines, found.read, found.findings


def _qrel_columns(label: str, header: Sequence[str]) -> dict[str, str]:
    """Which column of a TSV is the query, the document and the score: by name where the header says it, else by order.

    BEIR's own readers take the order and skip the header unread; `corpus-id query-id score` would then be
    judgements the wrong way round. Raises InputError for a header that names a column at another place than the
    order has it without naming all, and for one that is a judgement.
    """
    wanted = tuple(_NAMES)
    pairs = [(name, column) for column in header for name, words in _NAMES.items() if _plain(column) in words]
    said = dict(pairs)
    if len(said) != len(pairs):
        raise InputError(f"{label}: the header names a column twice: {', '.join(header)}; wanted {', '.join(wanted)}")
    if "query-id" in said and "corpus-id" in said and ("score" in said or len(header) == 2):
        return said
    if len(header) not in (2, 3) or any(header.index(column) != wanted.index(name) for name, column in said.items()):
        raise InputError(
            f"{label}: the header is {', '.join(header)}; wanted {', '.join(wanted)} (in any order), "
            "or three columns in this order"
        )
    if len(set(header)) < len(header) or (len(header) == 3 and not isinstance(parse_grade(header[2]), str)):
        raise InputError(
            f"{label}: the first line is a judgement ({', '.join(header)}), wanted a header: {', '.join(wanted)}"
        )
    return dict(zip(wanted, header, strict=False))


def _document_columns(label: str, header: Sequence[str]) -> dict[str, str]:
    """Column of a document by name. Raises InputError where none is an id."""
    found = {name: name for name in _DOCUMENT.names if name in header}
    if "_id" not in found and "id" not in found:
        raise InputError(f"{label}: the header is {', '.join(header)}; wanted _id, title, text")
    return found


def _plain(column: str) -> str:
    return column.strip().lower().replace("_", "-").replace(" ", "-")


def _documents(role: str, table: pa.Table, lines: np.ndarray, read_rows: int, findings: list[Finding]) -> Rows:
    ids = pc.coalesce(whole(table["_id"]), whole(table["id"]))
    data = patents_table(
        {
            "patent_id": ids,
            "title": conform(whole(table["title"]), S),
            "abstract": conform(whole(table["text"]), S),
            "line": pa.array(lines),
        },
        table.num_rows,
    )
    return Rows("patents" if role == "corpus" else "queries", data, read_rows, findings, last=_last(lines, findings))


def _qrels(role: str, table: pa.Table, lines: np.ndarray, read_rows: int, findings: list[Finding]) -> Rows:
    score, queries = whole(table["score"]), whole(table["query-id"])
    if score.null_count == len(score):  # NanoDAPFAM has no score: its rows are the positives
        score = pa.repeat(pa.scalar("1"), len(score))
    grades, refused = parse_grades(score, "score")
    findings = [*findings, *(Finding(int(lines[row]), queries[row].as_py(), reason) for row, reason in refused)]
    keep = np.ones(len(score), bool)
    keep[[row for row, _ in refused]] = False
    good = pa.array(keep)
    grade = pa.array(grades).filter(good)
    kept = pa.table([queries, whole(table["corpus-id"]), pa.array(lines)], names=["q", "p", "line"]).filter(good)
    data = pa.table([kept["q"], kept["p"], grade, pa.nulls(kept.num_rows, S), kept["line"]], schema=QRELS)
    return Rows("qrels", data, read_rows, findings, last=_last(lines, findings))


def _last(lines: np.ndarray, findings: Sequence[Finding]) -> int:
    return max([int(lines[-1]) if len(lines) else 0, *(finding.line for finding in findings)])


FORMAT = Format(
    name="beir",
    plan=plan,
    read=read,
    source="a retrieval benchmark in BEIR's or mteb's layout",
)
