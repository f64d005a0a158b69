"""How fast does a Lens JSON lines export become a landscape, beside a plain json + pandas script doing the same?

Beside them stand an earlier build (--base, a work tree of it) and readers that only read: pyarrow.json with the
schema (block by block, and "whole": all rows in memory, on all cores), duckdb and polars. MB/s is of the source; CPU
seconds are of all processes, and bear a busy machine better.

Both read the same generated file, pick the English texts, the claims, codes, dates and families, resolve the
citations inside the export, drop duplicates, and write patents.parquet and citations.parquet. patray also checks every
row, filters kinds, keeps a quarantine and takes checksums. Peak memory is that of all processes together.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

WORDS = [
    f"{a}{b}" for a in ("hin", "len", "mot", "val", "spr", "sen", "fra", "whe", "cab", "pum") for b in "abcdefghij"
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-rows", type=int, default=0, help="rows for the script; 0 = as many as for patray")
    parser.add_argument("--claims", type=int, default=10, help="claims a patent")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--base", help="a work tree of an earlier build, imported by it in the same run")
    parser.add_argument(
        "--readers", nargs="*", default=[*READERS], choices=[*READERS], help="peers that only read [all]"
    )
    parser.add_argument("--no-script", action="store_true", help="leave the json + pandas script out")
    parser.add_argument("--folder", help="where to work [a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patray-importing-", dir=options.folder) as name:
        folder = Path(name)
        source = folder / "export.jsonl"
        size = generate(source, options.rows, options.claims)
        os.sync()  # the generated file is on the disk before anyone's time runs
        print(f"{options.rows:,} rows of Lens JSON lines, {size / 1e9:.2f} GB, {size / options.rows:,.0f} bytes a row")
        print(f"{'':28}{'rows':>12}{'seconds':>10}{'rows/s':>12}{'MB/s':>8}{'CPU s':>8}{'peak GB':>10}{'ratio':>9}")
        megabytes = size / options.rows / 1e6

        ours = _measured(lambda: _patray(source, folder / "out", options.processes))
        _show("patray", options.rows, megabytes, *ours, 1.0)
        if options.base:
            theirs = _measured(lambda: _earlier(options.base, source, folder / "base", options.processes))
            _show("earlier build", options.rows, megabytes, *theirs, theirs[0] / ours[0])
        for name in options.readers:
            theirs = _measured(partial(_in_process, READERS[name], str(source)))
            _show(f"{name}, reading", options.rows, megabytes, *theirs, theirs[0] / ours[0])
        if options.no_script:
            return
        kept = pq.read_metadata(folder / "out" / "patents.parquet").num_rows
        cited = pq.read_metadata(folder / "out" / "citations.parquet").num_rows

        os.sync()
        count = options.peer_rows or options.rows
        if count < options.rows:
            with source.open("rb") as whole, (folder / "part.jsonl").open("wb") as part:
                for _ in range(count):
                    part.write(whole.readline())
            source = folder / "part.jsonl"
        theirs = _measured(lambda: _in_process(plain_script, str(source), str(folder / "plain")))
        ratio = (theirs[0] / count) / (ours[0] / options.rows)
        _show("json + pandas", count, megabytes, *theirs, ratio)
        print(f"patray is {ratio:.2f} times as fast (target 3)")
        if count == options.rows:
            same = [
                pq.read_metadata(folder / "plain" / f"{table}.parquet").num_rows for table in ("patents", "citations")
            ]
            if same != [kept, cited]:
                raise SystemExit(f"the results differ: {kept} and {cited} rows here, {same} there")


def generate(path: Path, rows: int, claims: int) -> int:
    """Write the export; every twentieth row is a WO publication with all claims in one object."""
    rng = random.Random(0)
    titles = [" ".join(rng.choices(WORDS, k=8)) for _ in range(500)]
    abstracts = [" ".join(rng.choices(WORDS, k=120)) for _ in range(500)]
    bodies = [" ".join(rng.choices(WORDS, k=40)) for _ in range(2000)]
    codes = [f"{rng.choice('ABCDEFGH')}{rng.randrange(1, 99):02d}{rng.choice('BCFGH')}5/02" for _ in range(300)]
    with path.open("w", encoding="utf-8", buffering=1 << 22) as file:
        for number in range(rows):
            whole = number % 20 == 0
            texts = [f"{i}. {rng.choice(bodies)}." for i in range(1, claims + 1)]
            listed = [{"claim_text": texts}] if whole else [{"claim_text": [text]} for text in texts]
            cited = [
                {
                    "sequence": i,
                    "patcit": {
                        "document_id": {"jurisdiction": "US", "doc_number": f"2012{other:07d}", "kind": "A1"},
                        "lens_id": f"{other:015d}",
                    },
                    "cited_phase": "SEA",
                }
                for i, other in enumerate({rng.randrange(max(number, 1)) for _ in range(4)} if number else ())
            ]
            office = "WO" if whole else "US"
            record = {
                "lens_id": f"{number:015d}",
                "jurisdiction": office,
                "doc_number": f"2012{number:06d}" if whole else f"2012{number:07d}",
                "kind": "A1",
                "date_published": f"2012-{1 + number % 12:02d}-{1 + number % 28:02d}",
                "doc_key": f"{office}_{number}_A1",
                "docdb_id": number,
                "lang": "en",
                "publication_type": "PATENT_APPLICATION",
                "abstract": [{"text": rng.choice(abstracts), "lang": "en"}],
                "claims": [{"claims": listed, "lang": "en"}],
                "biblio": {
                    "invention_title": [
                        {"text": "Titel", "lang": "de"},
                        {"text": f"{rng.choice(titles)} {number}", "lang": "en"},
                    ],
                    "parties": {"inventors": [{"extracted_name": {"value": "DOE JANE"}}] * 2},
                    "classifications_ipcr": {"classifications": [{"symbol": rng.choice(codes)} for _ in range(3)]},
                    "classifications_cpc": {"classifications": [{"symbol": rng.choice(codes)} for _ in range(4)]},
                    "references_cited": {"citations": cited, "patent_count": len(cited)},
                },
                "families": {
                    "simple_family": {
                        "members": [{"lens_id": f"{number - number % 2:015d}"}, {"lens_id": f"{number:015d}"}],
                        "size": 2,
                    }
                },
                "legal_status": {"granted": False, "patent_status": "PENDING"},
            }
            file.write(json.dumps(record) + "\n")
    return path.stat().st_size


def plain_script(source: str, destination: str) -> None:
    """What people write: json.loads a line, a list of dicts, pandas, to_parquet."""
    import pandas as pd

    def english(texts: list[dict[str, str]] | None) -> str | None:
        for one in texts or []:
            if one.get("lang") == "en":
                return one["text"]
        return texts[0]["text"] if texts else None

    records, citations = [], []
    with open(source, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            biblio = row.get("biblio", {})
            patent_id = f"{row['jurisdiction']}{row['doc_number']}{row['kind']}"
            claims = []
            for one in row.get("claims", []):
                for claim in one["claims"]:
                    claims += claim["claim_text"]
            members = [m["lens_id"] for m in row.get("families", {}).get("simple_family", {}).get("members", [])]
            records.append(
                {
                    "patent_id": patent_id,
                    "family_id": min(members) if members else patent_id,
                    "jurisdiction": row["jurisdiction"],
                    "date": row.get("date_published"),
                    "title": english(biblio.get("invention_title")),
                    "abstract": english(row.get("abstract")),
                    "claims": claims,
                    "ipc": list(
                        dict.fromkeys(
                            c["symbol"] for c in biblio.get("classifications_ipcr", {}).get("classifications", [])
                        )
                    ),
                    "cpc": list(
                        dict.fromkeys(
                            c["symbol"] for c in biblio.get("classifications_cpc", {}).get("classifications", [])
                        )
                    ),
                    "lens_id": row["lens_id"],
                }
            )
            for one in biblio.get("references_cited", {}).get("citations", []):
                if "patcit" in one:
                    citations.append((patent_id, one["patcit"].get("lens_id"), one.get("cited_phase")))
    frame = pd.DataFrame(records).drop_duplicates("patent_id")
    frame["date"] = pd.to_datetime(frame["date"], errors="coerce").dt.date
    links = pd.DataFrame(citations, columns=["citing_id", "lens_id", "origin"])
    links = links.merge(frame[["lens_id", "patent_id"]].rename(columns={"patent_id": "cited_id"}), on="lens_id")
    links = links[links.citing_id != links.cited_id].drop_duplicates(["citing_id", "cited_id"])
    os.makedirs(destination)
    frame.to_parquet(f"{destination}/patents.parquet", index=False)
    links[["citing_id", "cited_id", "origin"]].to_parquet(f"{destination}/citations.parquet", index=False)


def _pyarrow(source: str) -> None:
    import pyarrow.json as pj

    from patray.importers.lens import SCHEMAS

    rows = 0
    with pj.open_json(
        source,
        read_options=pj.ReadOptions(block_size=24 << 20),
        parse_options=pj.ParseOptions(explicit_schema=SCHEMAS[0], unexpected_field_behavior="ignore"),
    ) as reader:
        for batch in reader:
            rows += batch.num_rows


def _pyarrow_whole(source: str) -> None:
    import pyarrow.json as pj

    from patray.importers.lens import SCHEMAS

    parse = pj.ParseOptions(explicit_schema=SCHEMAS[0], unexpected_field_behavior="ignore")
    pj.read_json(source, read_options=pj.ReadOptions(block_size=24 << 20), parse_options=parse)


def _duckdb(source: str) -> None:
    import duckdb

    duckdb.sql("SET threads = 2")
    columns = "lens_id, jurisdiction, doc_number, kind, date_published, abstract, claims, biblio, families"
    for _ in duckdb.sql(f"SELECT {columns} FROM read_ndjson('{source}')").fetch_arrow_reader(10_000):
        pass


def _polars(source: str) -> None:
    import polars

    columns = ["lens_id", "jurisdiction", "doc_number", "kind", "date_published", "abstract", "claims", "biblio"]
    polars.scan_ndjson(source, low_memory=True).select([*columns, "families"]).sink_parquet(f"{source}.parquet")
    os.remove(f"{source}.parquet")


READERS = {"pyarrow.json": _pyarrow, "pyarrow.json whole": _pyarrow_whole, "duckdb": _duckdb, "polars": _polars}


def _earlier(tree: str, source: Path, destination: Path, processes: int) -> None:
    code = (
        "import sys; from patray.importers.run import import_landscape; "
        "import_landscape('lens', [sys.argv[1]], sys.argv[2], processes=int(sys.argv[3]), progress=False)"
    )
    arguments = [sys.executable, "-c", code, str(source), str(destination), str(processes)]
    subprocess.run(arguments, check=True, env={**os.environ, "PYTHONPATH": tree}, cwd=tree)


def _patray(source: Path, destination: Path, processes: int) -> None:
    _in_process(_import, str(source), str(destination), processes)


def _import(source: str, destination: str, processes: int) -> None:
    from patray.importers.run import import_landscape

    shutil.rmtree(destination, ignore_errors=True)
    import_landscape("lens", [source], destination, processes=processes, progress=False)


def _in_process(function: Callable[..., None], *arguments: object) -> None:
    """In a fresh interpreter, so that neither pays for the other's memory; its start is counted."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} failed")


def _measured(work: Callable[[], None]) -> tuple[float, float, float]:
    """(seconds, CPU seconds and peak GB of all child processes together)."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            peak[0] = max(peak[0], sum(_memory(pid) for pid in _descendants(os.getpid())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = os.times()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    done.set()
    watcher.join()
    return seconds, cpu, peak[0] / 1e9


def _descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            found.append((int(entry.name), parent))
    alive, grown = {pid}, True
    while grown:
        new = {one for one, parent in found if parent in alive} - alive
        alive, grown = alive | new, bool(new)
    return sorted(alive - {pid})


def _memory(pid: int) -> int:
    """Resident bytes that are the process's own."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(text[1]) - int(text[2])) * os.sysconf("SC_PAGE_SIZE")


def _show(name: str, rows: int, megabytes: float, seconds: float, cpu: float, peak: float, ratio: float) -> None:
    """One line of the table; megabytes: of one row of the source."""
    speed = rows / seconds
    print(
        f"{name:28}{rows:12,}{seconds:10.1f}{speed:12,.0f}{speed * megabytes:8.0f}{cpu:8.1f}{peak:10.2f}{ratio:8.2f}x"
    )


if __name__ == "__main__":
    main()
