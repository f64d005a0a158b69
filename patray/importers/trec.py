"""TREC qrels and runs of any tool: into a landscape as its truth, into a suite as a system.

qrels: `query iter patent relevance`, or three columns without iter; `#` starts a comment. Negative relevance means
unjudged and is left out. runs: `query Q0 patent rank score run`; as in trec_eval the rank is ignored, order is by
score and, where scores are equal, by id descending in bytes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.importers.record import FINDINGS, Finding
from patray.importers.source import SourceFile, Stream, find_files
from patray.landscapes.validate import is_prepared
from patray.search.ranking import Ranking

FIELDS = "wanted `query iter patent relevance` (qrels) or `query Q0 patent rank score run` (run)"


@dataclass(frozen=True)
class TrecTable:
    """table: qrels as (query_id, patent_id, relevance) or a run as (query_id, patent_id, score). read: lines met."""

    table: pa.Table
    read: int
    findings: list[Finding]


def _lines(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    with Stream(file) as stream, io.BufferedReader(stream, 1 << 20) as binary:
        for number, line in enumerate(io.TextIOWrapper(binary, "utf-8-sig", errors="replace"), 1):
            fields = line.split()
            if fields and not fields[0].startswith("#"):
                yield number, fields


def is_run(file: SourceFile) -> bool:
    """True for a run, False for qrels, by the first line. Raises InputError for something else."""
    number, fields = next(_lines(file), (0, []))
    if len(fields) >= 5:
        return True
    if len(fields) in (3, 4):
        return False
    raise InputError(f"{file.label}, line {number}: {len(fields)} fields; {FIELDS}")


def read_qrels(file: SourceFile) -> TrecTable:
    """Judgements; of a pair that is judged more than once the highest is kept."""
    best: dict[tuple[str, str], int] = {}
    findings: list[Finding] = []
    read = 0
    for number, fields in _lines(file):
        read += 1
        if len(fields) not in (3, 4):
            findings.append(Finding(number, fields[0], f"wrong number of fields: {len(fields)}"))
            continue
        pair = (fields[0], fields[-2])
        try:
            grade = int(fields[-1])
        except ValueError:
            findings.append(Finding(number, fields[0], f"relevance is not a whole number: {fields[-1]!r}"))
            continue
        if grade < 0:
            findings.append(Finding(number, fields[0], "unjudged (negative relevance)"))
        elif pair in best:
            findings.append(Finding(number, fields[0], f"pair judged more than once, the highest is kept: {pair[1]}"))
            best[pair] = max(best[pair], grade)
        else:
            best[pair] = grade
    queries, patents = zip(*best, strict=True) if best else ((), ())
    columns = [pa.array(queries, pa.string()), pa.array(patents, pa.string()), pa.array(best.values(), pa.int32())]
    return TrecTable(pa.table(columns, names=["query_id", "patent_id", "relevance"]), read, findings)


def read_run(file: SourceFile) -> TrecTable:
    """Scores. Raises InputError for a patent that a query ranks twice, as trec_eval does."""
    queries: list[str] = []
    patents: list[str] = []
    scores: list[float] = []
    findings: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    read = 0
    for number, fields in _lines(file):
        read += 1
        if len(fields) < 5:
            findings.append(Finding(number, fields[0], f"wrong number of fields: {len(fields)}"))
            continue
        try:
            score = float(fields[4])
        except ValueError:
            score = float("nan")
        if np.isnan(score):
            findings.append(Finding(number, fields[0], f"score is no number: {fields[4]!r}"))
            continue
        if (fields[0], fields[2]) in seen:
            raise InputError(f"{file.label}, line {number}: query {fields[0]} ranks {fields[2]} a second time")
        seen.add((fields[0], fields[2]))
        queries.append(fields[0])
        patents.append(fields[2])
        scores.append(score)
    columns = [pa.array(queries, pa.string()), pa.array(patents, pa.string()), pa.array(scores, pa.float64())]
    return TrecTable(pa.table(columns, names=["query_id", "patent_id", "score"]), read, findings)


@dataclass(frozen=True)
class ReadRun:
    """ranking: of the truth's queries, rows without results where the run has none. notes: counts worth telling."""

    ranking: Ranking
    notes: tuple[str, ...]


def run_ranking(path: str, query_ids: np.ndarray, patent_ids: np.ndarray, depth: int) -> ReadRun:
    """A run of any tool as a system's ranking, (Q, depth), ready for judging.

    query_ids (Q,), patent_ids (N,): str objects in byte order, as in Truth. Results of unknown queries or patents are
    left out and counted; more than `depth` results of a query are cut. Raises InputError when no query is known.
    """
    [file] = find_files([path])
    if not is_run(file):
        raise InputError(f"{file.label}: qrels, wanted a run; {FIELDS}")
    found = read_run(file)
    query = _place(found.table["query_id"], query_ids)
    patent = _place(found.table["patent_id"], patent_ids)
    if len(query) == 0:
        raise InputError(f"{file.label}: an empty run")
    if not (query >= 0).any():
        first = found.table["query_id"][0].as_py()
        raise InputError(f"{file.label}: none of its queries is one of this landscape (first: {first!r})")
    known = (query >= 0) & (patent >= 0)
    query, patent, score = query[known], patent[known], found.table["score"].to_numpy()[known]
    order = np.lexsort((-patent, -score, query))  # patent_ids are in byte order: descending position, descending id
    query, patent, score = query[order], patent[order], score[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    inside = place < depth
    patents = np.full((len(query_ids), depth), -1, np.int32)
    scores = np.full((len(query_ids), depth), -np.inf)
    patents[query[inside], place[inside]] = patent[inside]
    scores[query[inside], place[inside]] = score[inside]
    answered = len(np.unique(query))
    counts = {
        f"{len(found.findings)} lines that are no results": len(found.findings),
        f"{int((~known).sum())} results of unknown queries or patents": int((~known).sum()),
        f"{int((~inside).sum())} results below rank {depth}": int((~inside).sum()),
        f"{len(query_ids) - answered} of {len(query_ids)} queries without results": len(query_ids) - answered,
    }
    return ReadRun(Ranking(patents, scores), tuple(text for text, number in counts.items() if number))


def _place(column: pa.ChunkedArray, known: np.ndarray) -> np.ndarray:
    found = pc.index_in(column, value_set=pa.array(known, pa.string()))
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)


def import_trec(sources: list[str], destination: str | Folder) -> dict[str, dict[str, Any]]:
    """Qrels into the landscape folder `destination` (qrels.parquet), runs to runs/NAME.parquet of it.

    Returns counts by file. Raises InputError when the folder holds no landscape, has qrels already, or a qrels file
    shares no patent with it.
    """
    folder = destination if isinstance(destination, Folder) else Folder.at(destination)
    if not folder.exists("patents.parquet") or is_prepared(folder):
        raise InputError(f"{folder}: no landscape folder (no patents.parquet); import or generate one first")
    files = find_files(sources)
    judged = [file for file in files if not is_run(file)]
    if judged and folder.exists("qrels.parquet"):
        raise InputError(f"{folder}/qrels.parquet exists; delete it first")
    report: dict[str, dict[str, Any]] = {}
    tables, quarantine = [], []
    for file in files:
        found = read_qrels(file) if file in judged else read_run(file)
        dropped = len(found.findings)
        if found.read != found.table.num_rows + dropped:
            raise AssertionError(
                f"{file.label}: {found.read} lines, {found.table.num_rows} kept, {dropped} quarantined"
            )
        quarantine += [(file.label, one.line, one.id, one.reason, one.action) for one in found.findings]
        report[file.label] = {
            "kind": "qrels" if file in judged else "run",
            "read": found.read,
            "kept": found.table.num_rows,
            "quarantined": dropped,
            "reasons": dict(Counter(one.reason.split(":")[0] for one in found.findings)),
        }
        if file in judged:
            tables.append(found.table)
        else:
            folder.write_table(f"runs/{file.base.rsplit('.', 1)[0]}.parquet", found.table)
    if tables:
        qrels = pa.concat_tables(tables)
        patents = folder.read_table("patents.parquet", columns=["patent_id"])["patent_id"]
        shared = int(pc.sum(pc.is_in(qrels["patent_id"], value_set=pc.unique(patents))).as_py() or 0)
        names = ", ".join(file.label for file in judged)
        if qrels.num_rows == 0:
            raise InputError(f"{names}: no judgement in it")
        if shared == 0:
            said, known = qrels["patent_id"][0].as_py(), patents[0].as_py()
            raise InputError(
                f"{names}: none of the patents is in {folder} (qrels say {said!r}, the landscape {known!r})"
            )
        folder.write_table("qrels.parquet", qrels)
    columns = [[row[place] for row in quarantine] for place in range(len(FINDINGS))]
    folder.write_table("trec-quarantine.parquet", pa.table(columns, schema=FINDINGS))
    return report
