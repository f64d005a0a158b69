"""An import from beginning to end: plan, units (in processes or threads, resumable), assembling, landscape.yaml last.

DEST/.import/KEY/NNNNN/   one folder a unit, see part.py; deleted when the import is done
DEST/patents.parquet ...  the landscape
DEST/quarantine.parquet   every line that something was wrong with
DEST/import.json          the report: rows read = kept + quarantined + filtered, for every table
DEST/landscape.yaml       source, licence, version, checksums, options; written last
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from patray.errors import ConflictError, InputError
from patray.files import Folder
from patray.filesystems import parent_and_name
from patray.importers.assemble import Assembled, Part, assemble
from patray.importers.format import Format, Unit
from patray.importers.formats import load_format
from patray.importers.options import Options
from patray.importers.outcome import check_dates, dropped_share, nothing_left
from patray.importers.part import run_unit
from patray.importers.recognise import check_format
from patray.importers.record import FINDINGS
from patray.importers.report import build_report
from patray.importers.source import SourceFile, find_files, locate
from patray.landscapes.reading import landscape_name, read_description
from patray.progress import Progress, say

IMPORT_FORMAT = 8
"""Part of the key: raised when the same source would import to something else."""


def import_landscape(
    format_name: str,
    sources: Sequence[str],
    destination: str | Folder,
    options: Options | None = None,
    processes: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Import `sources` into the landscape folder `destination`; returns the report (the content of import.json).

    processes: how many work at once, default one a core. An import that was stopped goes on when called again; one
    that is done is not done again. Raises InputError for sources that cannot be used, ConflictError when the
    destination holds another landscape.
    """
    options = options or Options()
    fmt = load_format(format_name)
    fmt.check(options)
    target = destination if isinstance(destination, Folder) else Folder.at(destination)
    files = find_files(sources, open_archives=fmt.archives)
    check_format(format_name, files)
    key = _key(format_name, files, options)
    done = _existing(target, key)
    if done is not None:
        return done
    name = landscape_name(target, {}, options.name or None)
    work = target.make() / ".import" / key
    units = fmt.plan(files, options)
    if not units:
        raise InputError(f"{format_name}: nothing to import in {', '.join(sources)}")
    units = [replace(unit, work=f"{work}/scattered") for unit in units]
    taken = fmt.explain(units, options) if fmt.explain else []
    if progress:
        for line in taken:
            say(line)
    used = {file for unit in units for file in (unit.file, *unit.more)}
    ignored = sorted(file.label for file in files if file not in used)
    processes = processes or min(len(os.sched_getaffinity(0)), 16)
    with Progress(f"import {format_name}", sum(unit.weight for unit in units), bytes=True, shown=progress) as bar:
        records = _run(fmt, units, options, work / "units", processes, bar)
        scattered = records
        if fmt.gather is not None:
            units = fmt.gather(f"{work}/scattered", options)
            records = _run(fmt, units, options, work / "joined", processes, None)
    pa.default_memory_pool().release_unused()  # of threads that are done; putting the parts together needs its own
    parts = _parts(work / ("joined" if fmt.gather else "units"), units, records)
    rows = sum(record["tables"].get("patents", {}).get("kept", 0) for record in records)
    with (
        Progress(f"write {name}", rows, shown=progress) as written,
        ThreadPoolExecutor(1) as beside,
    ):
        checksums = beside.submit(_checksums, files, processes)
        assembled = assemble(parts, fmt, options, target, written.move)
        sums = checksums.result()
    if "patents" not in assembled.counts or assembled.counts["patents"].kept == 0:
        raise nothing_left(format_name, records, _write_quarantine(target, parts, assembled), target)
    report = build_report(fmt, records, assembled, scattered if fmt.gather else [])
    findings = _write_quarantine(target, parts, assembled)
    check_dates(format_name, assembled, findings)
    report["quarantine"] = _counted(findings)
    report["dropped_share"] = dropped_share(assembled, report)
    report["files_not_read"] = ignored
    report = {"format": format_name, "key": key, **({"taken": taken} if taken else {}), **report}
    description = {
        "name": name,
        "title": options.title or f"{name}, imported from {fmt.source}",
        "source": fmt.source,
        "licence": options.licence or fmt.licence or "not stated",
        **({"version": options.version} if options.version else {}),
        "patents": assembled.counts["patents"].kept,
        "import": {
            "format": format_name,
            "key": key,
            "options": options.to_dict(),
            "files": sums,
        },
    }
    target.write_json("import.json", report)
    target.write_text("landscape.yaml", yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
    target.delete(".import")
    return report


def _key(format_name: str, files: Sequence[SourceFile], options: Options) -> str:
    """Identity of the import: sources by name and size, and everything that decides the result."""
    said = {
        "version": IMPORT_FORMAT,
        "format": format_name,
        "files": [asdict(file) for file in files],
        "modified": [_modified(file) for file in files],
        "options": asdict(options),
    }
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12).hexdigest()


def _modified(file: SourceFile) -> int:
    filesystem, path = locate(file.uri)
    return int(filesystem.get_file_info(path).mtime_ns or 0)


def _existing(target: Folder, key: str) -> dict[str, Any] | None:
    if not target.exists("landscape.yaml"):
        if target.exists("patents.parquet") and not target.exists(".import"):  # no import that was stopped
            raise ConflictError(
                f"{target} holds a patents.parquet that no import wrote; import into another folder, or move it first"
            )
        return None
    said = read_description(target).get("import")
    kind = "a landscape"
    if isinstance(said, dict):
        if said.get("key") == key and target.exists("import.json"):
            report: dict[str, Any] = target.read_json("import.json")
            return report
        kind = f"a landscape imported from {said.get('format')}, other files or other options"
    raise ConflictError(f"{target} holds {kind}; import into another folder, or delete this one first")


def _run(
    fmt: Format, units: Sequence[Unit], options: Options, folder: Folder, processes: int, bar: Progress | None
) -> list[dict[str, Any]]:
    """Records of all units, in their order. One unit or one process works here, more in a pool."""
    tasks = [(fmt.name, unit, options, f"{folder}/{number:05d}") for number, unit in enumerate(units)]
    records: list[dict[str, Any]] = [{} for _ in tasks]
    if processes == 1 or len(tasks) == 1:
        for number, task in enumerate(tasks):
            records[number] = run_unit(*task)
            if bar is not None:
                bar.move(units[number].weight)
        return records
    with _pool(fmt, min(processes, len(tasks))) as pool:
        waiting = {pool.submit(run_unit, *task): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(waiting):
                number = waiting[future]
                records[number] = future.result()
                if bar is not None:
                    bar.move(units[number].weight)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return records


def _pool(fmt: Format, workers: int) -> Executor:
    """Threads where the format says that they do: a process of its own takes half a second to start."""
    if fmt.threads:
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread)


def _one_thread() -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _parts(folder: Folder, units: Sequence[Unit], records: Sequence[dict[str, Any]]) -> list[Part]:
    parts, before = [], Counter[str]()
    for number, (unit, record) in enumerate(zip(units, records, strict=True)):
        label = unit.file.label
        whole_rows = unit.file.base.endswith(".parquet")
        kept = frozenset(name for name in record["tables"] if not name.startswith("source "))
        parts.append(Part(folder / f"{number:05d}", label, 0 if whole_rows else before[label], kept))
        before[label] += record["lines"]
    return parts


def _write_quarantine(target: Folder, parts: Sequence[Part], assembled: Assembled) -> pa.Table:
    """Write quarantine.parquet and return it."""
    tables = []
    for part in parts:
        if part.folder.exists("findings.parquet"):
            table = part.folder.read_table("findings.parquet")
            lines = pc.add(table["line"], part.offset)
            tables.append(table.set_column(1, "line", lines))
    table = pa.concat_tables([FINDINGS.empty_table(), *tables, *assembled.findings])
    target.write_table("quarantine.parquet", table)
    return table


def _counted(table: pa.Table) -> dict[str, int]:
    """Findings by 'reason (action)', most frequent first."""
    reasons: Counter[str] = Counter()
    for reason, action in zip(table["reason"].to_pylist(), table["action"].to_pylist(), strict=True):
        reasons[f"{reason.split(': ')[0]} ({action})"] += 1
    return dict(reasons.most_common())


def _checksums(files: Sequence[SourceFile], processes: int) -> list[dict[str, Any]]:
    """SHA-256 of every file (an archive once), as `sha256sum` prints it."""
    uris = list(dict.fromkeys(file.uri for file in files))
    if processes == 1 or len(uris) == 1:
        sums = [_sha256(uri) for uri in uris]
    else:
        with ThreadPoolExecutor(processes) as pool:
            sums = list(pool.map(_sha256, uris))
    return [
        {"file": parent_and_name(uri.rstrip("/"))[1], "bytes": size, "sha256": digest}
        for uri, (size, digest) in zip(uris, sums, strict=True)
    ]


def _sha256(uri: str) -> tuple[int, str]:
    filesystem, path = locate(uri)
    digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(4 << 20))
    with filesystem.open_input_stream(path, compression=None) as stream:
        while read := stream.readinto(buffer):
            digest.update(buffer[:read])
            size += read
    return size, digest.hexdigest()
