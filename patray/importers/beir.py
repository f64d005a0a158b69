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

S = pa.string()
CONFIGS = {"corpus": "corpus", "queries": "queries", "query": "queries", "qrels": "qrels", "default": "qrels"}
_DOCUMENT = pa.schema([("_id", S), ("id", S), ("title", S), ("text", S)])
_QREL = pa.schema([("query-id", S), ("corpus-id", S), ("score", S)])
_SUFFIXES = (".jsonl", ".json", ".tsv", ".parquet")
NO_SCORE = "score is not a whole number"


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
        # BEIR's readers skip the header whatever it says; the columns are told by their order.
        for rows in read_csv(unit.file, "\t", options.encoding, options.keep_truncated):
            names = dict(zip(schema.names, rows.columns.values(), strict=False))
            columns = [names.get(name, pa.nulls(len(rows.lines), S)) for name in schema.names]
            yield pa.table(columns, schema=schema), rows.lines, rows.read, rows.findings
    else:
        numbers = pa.schema([("query-id", S), ("corpus-id", S), ("score", pa.int64())])
        schemas = [schema, numbers] if unit.role == "qrels" else [schema]
        needed = ("query-id", "corpus-id") if unit.role == "qrels" else ("_id",)
        for found in read_json_lines(unit.file, schemas, unit.start, unit.stop, options.keep_truncated, needed=needed):
            yield found.table, found.lines, found.read, found.findings


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
    # NanoDAPFAM has no score: its rows are the positives.
    score = pc.fill_null(whole(table["score"]), "1")
    good = pc.match_substring_regex(score, pattern=r"^\s*-?\d+(?:\.0+)?\s*$")
    bad = ~good.to_numpy(zero_copy_only=False)
    queries = whole(table["query-id"])
    findings = list(findings)
    for row in np.flatnonzero(bad).tolist():
        findings.append(Finding(int(lines[row]), queries[row].as_py(), f"{NO_SCORE}: {score[row].as_py()!r}"))
    grade = pc.utf8_trim_whitespace(score).filter(good).cast(pa.float64()).cast(pa.int32())
    kept = pa.table([queries, whole(table["corpus-id"]), pa.array(lines)], names=["q", "p", "line"]).filter(good)
    data = pa.table([kept["q"], kept["p"], grade, pa.nulls(kept.num_rows, S), kept["line"]], schema=QRELS)
    return Rows("qrels", data, read_rows, findings, last=_last(lines, findings))


def _last(lines: np.ndarray, findings: Sequence[Finding]) -> int:
    return max([int(lines[-1]) if len(lines) else 0, *(finding.line for finding in findings)])


FORMAT = Format(
    name="beir",
    help="BEIR folders, mteb retrieval layouts, NanoDAPFAM",
    plan=plan,
    read=read,
    source="a retrieval benchmark in BEIR's or mteb's layout",
)
