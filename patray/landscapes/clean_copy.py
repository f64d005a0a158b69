"""Whether a clean copy is as it was written: prepared.json lists every file of it with its seal."""

from __future__ import annotations

import pyarrow as pa

from patray.artifacts import seal_tables, seals_of_record, wrong_files
from patray.errors import DamagedError
from patray.files import TEMPORARY, Folder
from patray.progress import say

RECORD, SEALS = "prepared.json", "seals"


def damaged_files(clean: Folder) -> dict[str, str]:
    """What is wrong with each file of a clean copy that is missing, cut short or altered; reads all of it.

    A copy from before there were seals is checked as far as it can be (its parts hold the patents of its metadata, in
    their order), said, and sealed.
    """
    try:
        record = clean.read_json(RECORD)
    except DamagedError as error:
        return {RECORD: str(error)}
    seals = seals_of_record(record, SEALS)
    return wrong_files(clean, seals) if seals else _seal_old(clean, record)


def _seal_old(clean: Folder, record: dict[str, object]) -> dict[str, str]:
    names = [name for name in clean.walk() if name.endswith(".parquet") and TEMPORARY not in name]
    ids: dict[str, list[str]] = {}

    def keep(name: str, table: pa.Table) -> bool:
        if "patent_id" in table.column_names:
            ids[name] = table["patent_id"].to_pylist()
        return True

    seals, damaged = seal_tables(clean, names, keep)
    wrong = dict.fromkeys(damaged, "not a readable Parquet file")
    for which, metadata in (("patents", "metadata.parquet"), ("queries", "queries-metadata.parquet")):
        parts = [patent for name in sorted(ids) if name.startswith(f"{which}/") for patent in ids[name]]
        if parts != ids.get(metadata, []):
            wrong[which] = f"its parts do not hold the documents of {metadata}"
    if not wrong:
        seals["landscape.yaml"] = clean.seal("landscape.yaml")
        clean.write_json(RECORD, {**record, SEALS: {name: seal.as_json() for name, seal in seals.items()}})
        say(f"{clean}: made by an older version; its parts hold the patents of its metadata and are sealed now")
    return wrong
