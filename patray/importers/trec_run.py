"""TREC runs of any tool as a system's ranking: `query Q0 patent rank score run`, one result a line.

As in trec_eval order is by score descending and, where scores are equal, by id descending in bytes. trec_eval reads a
score into a C float, so 16.0000004 and 16.0000001 are equal; so they are here. The rank column only serves to find
files whose scores do not mean what they should. What a landscape never ranks for a query (itself, its family, what is
not earlier) is taken out, as it is for patray's own systems.
"""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from patray.errors import InputError
from patray.importers.record import Finding
from patray.importers.source import SourceFile, Stream
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.search.exclusion import exclusions
from patray.search.ranking import Ranking

FIELDS = "wanted `query iter patent relevance` (qrels) or `query Q0 patent rank score run` (run)"


@dataclass(frozen=True)
class TrecTable:
    """table: qrels as (query_id, patent_id, relevance) or a run as (query_id, patent_id, rank, score). read: lines met.

    tags: the run ids that a run's lines name.
    """

    table: pa.Table
    read: int
    findings: list[Finding]
    tags: tuple[str, ...] = ()


def trec_lines(file: SourceFile, comments: bool) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1) and fields of every line that is not blank; with `comments` those from `#` on are left out."""
    with Stream(file) as stream, io.BufferedReader(stream, 1 << 20) as binary:
        for number, line in enumerate(io.TextIOWrapper(binary, "utf-8-sig", errors="replace"), 1):
            fields = line.split()
            if fields and not (comments and fields[0].startswith("#")):
                yield number, fields


def is_run(file: SourceFile) -> bool:
    """True for a run, False for qrels, by the first line. Raises InputError for something else."""
    number, fields = next(trec_lines(file, comments=True), (0, []))
    if len(fields) >= 5:
        return True
    if len(fields) in (3, 4):
        return False
    raise InputError(f"{file.label}, line {number}: {len(fields)} fields; {FIELDS}")


def read_run(file: SourceFile) -> TrecTable:
    """Ranks and scores; a rank that is no number is null. Lines that are no results are findings.

    Raises InputError for a patent that a query ranks twice, as trec_eval does.
    """
    # Codes rather than strings: a run may have millions of lines, and few different ids.
    query_codes: dict[str, int] = {}
    patent_codes: dict[str, int] = {}
    tags: dict[str, None] = {}
    query_of, patent_of, line_of = array("q"), array("q"), array("q")
    ranks, scores = array("d"), array("d")
    findings: list[Finding] = []
    read = 0
    for number, fields in trec_lines(file, comments=False):
        read += 1
        if len(fields) < 5:
            findings.append(Finding(number, fields[0], f"wrong number of fields: {len(fields)}"))
            continue
        score = _number(fields[4])
        if math.isnan(score):
            findings.append(Finding(number, fields[0], f"score is no number: {fields[4]!r}"))
            continue
        query_of.append(query_codes.setdefault(fields[0], len(query_codes)))
        patent_of.append(patent_codes.setdefault(fields[2], len(patent_codes)))
        line_of.append(number)
        ranks.append(_number(fields[3]))
        scores.append(score)
        tags[fields[5] if len(fields) > 5 else ""] = None
    query_code, patent_code = np.array(query_of, np.int64), np.array(patent_of, np.int64)
    queries, patents = pa.array(query_codes, pa.string()), pa.array(patent_codes, pa.string())
    keys = query_code * max(len(patents), 1) + patent_code
    order = np.argsort(keys, kind="stable")
    again = order[1:][keys[order][1:] == keys[order][:-1]]
    if len(again):
        at = again.min()
        query, patent = queries[query_code[at]], patents[patent_code[at]]
        raise InputError(f"{file.label}, line {line_of[at]}: query {query} ranks {patent} a second time")
    columns = [
        queries.take(pa.array(query_code)),
        patents.take(pa.array(patent_code)),
        pa.array(np.array(ranks), pa.float64(), from_pandas=True),
        pa.array(np.array(scores), pa.float64()),
    ]
    table = pa.table(columns, names=["query_id", "patent_id", "rank", "score"])
    return TrecTable(table, read, findings, tuple(tags))


def _number(text: str) -> float:
    """nan for what C reads otherwise too: `1_000`, digits of other scripts."""
    try:
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


@dataclass(frozen=True)
class ReadRun:
    """ranking (Q, depth): of the truth's queries, rows without results where the run has none.

    notes: what was left out or looks wrong, with counts, for the reader of the report.
    """

    ranking: Ranking
    notes: tuple[str, ...]


def run_ranking(file: SourceFile, truth: Truth, depth: int) -> ReadRun:
    """A run of any tool as a system's ranking, ready for judging.

    Results that name unknown queries or patents, or patents that the truth excludes for their query, are left out and
    counted; what then stands below `depth` is cut. Raises InputError when the file is no run, when none of its queries
    or none of its patents is known, when it ranks a patent twice for a query, or when rank and score contradict one
    another for more than half of the queries.
    """
    if not is_run(file):
        raise InputError(f"{file.label}: qrels, wanted a run; {FIELDS}")
    found = read_run(file)
    if found.table.num_rows == 0:
        raise InputError(f"{file.label}: none of its {found.read} lines is a result; {_first(found.findings)}")
    query = positions(found.table["query_id"], truth.query_ids)
    patent = positions(found.table["patent_id"], truth.patent_ids)
    for name, place, said, known in (
        ("queries", query, found.table["query_id"], truth.query_ids),
        ("patents", patent, found.table["patent_id"], truth.patent_ids),
    ):
        if not (place >= 0).any():
            raise InputError(
                f"{file.label}: none of its {name} is one of this landscape (the file says {said[0].as_py()!r}, the "
                f"landscape {known[0]!r})"
            )
    rank, written = found.table["rank"].to_numpy(), found.table["score"].to_numpy()
    with np.errstate(over="ignore"):  # beyond float32 is infinite, as in C
        score = written.astype(np.float32).astype(np.float64)
    contrary = _contrary(file, found.table, query, rank, score)
    tied, rounded = _tied(query, score, written)

    asked, known = query >= 0, patent >= 0
    usable = asked & known
    forbidden = np.zeros(len(query), bool)
    skip = exclusions(truth, np.arange(len(truth.query_ids)), np.arange(len(truth.patent_ids)))
    forbidden[usable] = skip.contain(query[usable], patent[usable])
    usable &= ~forbidden
    rows = np.flatnonzero(usable)
    # patent_ids are in byte order: descending position is descending id.
    rows = rows[np.lexsort((-patent[rows], -score[rows], query[rows]))]
    query, patent, score = query[rows], patent[rows], score[rows]
    place = np.arange(len(rows)) - np.searchsorted(query, query)
    inside = place < depth
    patents = np.full((len(truth.query_ids), depth), -1, np.int32)
    scores = np.full((len(truth.query_ids), depth), -np.inf)
    patents[query[inside], place[inside]] = patent[inside]
    scores[query[inside], place[inside]] = score[inside]

    lengths = np.bincount(query, minlength=len(truth.query_ids))
    missing, longest = int((lengths == 0).sum()), int(lengths.max())
    counts = [
        (len(found.findings), f"lines are no results ({_first(found.findings)})"),
        (int((~asked).sum()), f"results of queries not asked here ({_example(found.table, ~asked, 'query_id')})"),
        (int((asked & ~known).sum()),
         f"results name patents outside the landscape ({_example(found.table, asked & ~known, 'patent_id')})"),
        (int(forbidden.sum()), "results are taken out: the query itself, its family, or (earlier_only) a later patent"),
        (int((~inside).sum()), f"results below rank {depth} are cut"),
        (missing, f"of {len(truth.query_ids)} queries have no results; they count with 0"),
        (contrary, "queries have ranks that contradict their scores; scores decide, as in trec_eval"),
        (tied, "queries have equal scores; they stand by id descending, as in trec_eval, whatever their ranks say"),
        (rounded, "queries have scores that differ beyond float32 alone; trec_eval reads C floats, so they are equal"),
    ]  # fmt: skip
    notes = [f"{number:,} {text}" for number, text in counts if number]
    if longest < depth:
        notes.append(f"its longest list has {longest} results, the others' {depth}: measures that look deeper see less")
    if len(found.tags) > 1:
        notes.append(f"{len(found.tags)} run ids in one file ({', '.join(found.tags[:3])})")
    return ReadRun(Ranking(patents, scores), tuple(f"{file.label}: {note}" for note in notes))


def _contrary(file: SourceFile, table: pa.Table, query: np.ndarray, rank: np.ndarray, score: np.ndarray) -> int:
    """Known queries whose ranks put results in another order than their scores.

    Raises InputError when more than half contradict: then the scores are distances, or of something else.
    """
    order = np.lexsort((-score, rank, query))
    order = order[query[order] >= 0]
    same = query[order][1:] == query[order][:-1]
    first, second = order[:-1][same], order[1:][same]
    ranked = rank[second] > rank[first]  # NaN, where there is no rank, is never greater
    wrong = ranked & (score[second] > score[first])
    contrary = np.unique(query[first[wrong]])
    asked = len(np.unique(query[order]))
    if 2 * len(contrary) > asked:
        at, after = first[wrong][0], second[wrong][0]
        raise InputError(
            f"{file.label}: ranks and scores contradict one another for {len(contrary)} of {asked} queries (query "
            f"{table['query_id'][at]}: rank {rank[at]:g} has score {score[at]:g}, rank {rank[after]:g} has "
            f"{score[after]:g}); trec_eval and patray order by score, highest first"
        )
    return len(contrary)


def _tied(query: np.ndarray, score: np.ndarray, written: np.ndarray) -> tuple[int, int]:
    """Known queries that have equal scores, and those that have some which differ as they are written (float64)."""
    order = np.lexsort((written, query))
    order = order[query[order] >= 0]
    query, score, written = query[order], score[order], written[order]
    equal = (query[1:] == query[:-1]) & (score[1:] == score[:-1])
    rounded = equal & (written[1:] != written[:-1])
    return len(np.unique(query[1:][equal])), len(np.unique(query[1:][rounded]))


def _first(findings: list[Finding]) -> str:
    return f"line {findings[0].line}: {findings[0].reason}" if findings else ""


def _example(table: pa.Table, rows: np.ndarray, column: str) -> str:
    found = np.flatnonzero(rows)
    return f"first: {table[column][int(found[0])]}" if len(found) else ""
