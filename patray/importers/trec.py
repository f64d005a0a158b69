"""TREC qrels and runs of any tool into a landscape. (A run as a system of a suite: trec_run.)

qrels: `query iter patent relevance`, or three columns without iter; `#` starts a comment. Negative relevance means
unjudged and is left out, as in trec_eval. A relevance may be written as a float that is whole (`1.0`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.importers.record import FINDINGS, Finding
from patray.importers.source import SourceFile, find_files
from patray.importers.trec_run import TrecTable, is_run, read_run, trec_lines
from patray.landscapes.grades import parse_grade
from patray.landscapes.parts import find_parts, is_landscape, open_parts
from patray.landscapes.schema import DOCUMENTS, to_strings
from patray.landscapes.validate import is_prepared


def read_qrels(file: SourceFile) -> TrecTable:
    """Judgements; of a pair that is judged more than once the highest is kept."""
    best: dict[tuple[str, str], int] = {}
    findings: list[Finding] = []
    read = 0
    for number, fields in trec_lines(file, comments=True):
        read += 1
        if len(fields) not in (3, 4):
            findings.append(Finding(number, fields[0], f"wrong number of fields: {len(fields)}"))
            continue
        pair = (fields[0], fields[-2])
        grade = parse_grade(fields[-1])
        if isinstance(grade, str):
            findings.append(Finding(number, fields[0], grade))
        elif grade < 0:
            findings.append(Finding(number, fields[0], "unjudged (negative relevance)"))
        elif pair in best:
            findings.append(Finding(number, fields[0], f"pair judged more than once, the highest is kept: {pair[1]}"))
            best[pair] = max(best[pair], grade)
        else:
            best[pair] = grade
    queries, patents = zip(*best, strict=True) if best else ((), ())
    columns = [pa.array(queries, pa.string()), pa.array(patents, pa.string()), pa.array(best.values(), pa.int32())]
    return TrecTable(pa.table(columns, names=["query_id", "patent_id", "relevance"]), read, findings)


def import_trec(sources: list[str], destination: str | Folder) -> dict[str, dict[str, Any]]:
    """Qrels into the landscape folder `destination` (qrels.parquet), runs to runs/NAME.parquet of it.

    Returns counts by file. Raises InputError when the folder holds no landscape, has qrels already, or a qrels file
    shares no patent with it.
    """
    folder = destination if isinstance(destination, Folder) else Folder.at(destination)
    if not is_landscape(folder) or is_prepared(folder):
        raise InputError(f"{folder}: no landscape folder (no patents.parquet); import or generate one first")
    files = find_files(sources)
    judged = [file for file in files if not is_run(file)]
    if judged and find_parts(folder, "qrels.parquet"):
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
        documents = open_parts(folder, "patents.parquet", DOCUMENTS)
        patents = pa.chunked_array(
            [to_strings(batch["patent_id"]) for batch in documents.batches(1 << 16, ["patent_id"])],
            pa.string(),
        )
        shared = int(pc.sum(pc.is_in(qrels["patent_id"], value_set=pc.unique(patents))).as_py() or 0)
        names = ", ".join(file.label for file in judged)
        if qrels.num_rows == 0:
            why = next((f"; {label}, line {line}: {reason}" for label, line, _, reason, _ in quarantine), "")
            raise InputError(f"{names}: no judgement in it{why}")
        if shared == 0:
            said, known = qrels["patent_id"][0].as_py(), patents[0].as_py()
            raise InputError(
                f"{names}: none of the patents is in {folder} (qrels say {said!r}, the landscape {known!r})"
            )
        folder.write_table("qrels.parquet", qrels)
    columns = [[row[place] for row in quarantine] for place in range(len(FINDINGS))]
    folder.write_table("trec-quarantine.parquet", pa.table(columns, schema=FINDINGS))
    return report
