"""What the tests of all formats share: run an import, read what came out."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from patray.files import Folder
from patray.importers.options import Options, Selection
from patray.importers.run import import_landscape
from patray.landscapes.validate import Prepared, prepare


def run(format_name: str, source: Path | list[Path], destination: Path, **options: Any) -> dict[str, Any]:
    sources = [str(one) for one in (source if isinstance(source, list) else [source])]
    chosen = options.pop("selection", Selection())
    return import_landscape(
        format_name, sources, str(destination), Options(selection=chosen, **options), processes=1, progress=False
    )


def rows(destination: Path, name: str = "patents") -> list[dict[str, Any]]:
    return pq.read_table(destination / f"{name}.parquet").to_pylist()


def by_id(destination: Path, name: str = "patents") -> dict[str, dict[str, Any]]:
    return {row["patent_id"]: row for row in rows(destination, name)}


def reasons(destination: Path) -> set[tuple[int, str]]:
    return {(row["line"], row["reason"].split(":")[0]) for row in rows(destination, "quarantine")}


def counts(report: dict[str, Any], table: str = "patents") -> tuple[int, int, int, int]:
    """(read, kept, quarantined, filtered), checked to add up."""
    one = report["tables"][table]
    assert one["read"] == one["kept"] + one["quarantined"] + one["filtered"]
    return one["read"], one["kept"], one["quarantined"], one["filtered"]


def check_valid(destination: Path, scratch: Path) -> Prepared:
    """The landscape is one that the rest of patray takes without dropping a row."""
    prepared = prepare(Folder.at(destination), Folder.at(scratch))
    assert all(count.dropped == 0 for count in prepared.files.values()), prepared.quarantined
    return prepared


def jsonl(path: Path, records: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return path
