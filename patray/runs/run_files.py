"""What a run wrote, with rows, bytes and checksum of every file: files.json, itself sealed in provenance.json.

Report, comparison and export check what they read against it. What they can make again (report.html, tables/) is not
in it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow.parquet as pq

from patray.artifacts import READERS, is_sealed, seal_name, wrong_sizes
from patray.errors import DamagedError, InputError
from patray.files import TEMPORARY, Folder
from patray.seals import Seal

FILES, PROVENANCE = "files.json", "provenance.json"
LARGE = ("rankings/", "trec/")
"""What only other tools read: its sizes are looked at, not its bytes."""
MADE_AGAIN = ("report.html", "tables/", "mteb/", FILES, PROVENANCE)
MARK = "reembed.json"
"""There while `--reembed` is under way: it holds the mark of what was made again already. Gone once the run is done."""


def work_directory(run: Folder) -> Folder:
    """The work directory that a run lies in: `work` of `work/runs/demo`, with what stands behind `?` of a URI."""
    if run.parent.name != "runs":
        raise InputError(f"{run}: not in the folder runs/ of a work directory, so what it was made from is not known")
    return run.parent.parent


def seal_run(run: Folder) -> Seal:
    """Write files.json over all that a run wrote; returns its seal, which belongs into provenance.json."""

    def seal(name: str) -> tuple[str, Seal]:
        if is_sealed(run, name):  # a ranking: its worker sealed it, and nothing so large is read again here
            return name, Seal.of_json(run.read_json(seal_name(name)))
        found = run.seal(name)
        if name.endswith(".parquet"):
            with run.input(name) as stream:
                found = replace(found, rows=pq.read_metadata(stream).num_rows)
        return name, found

    with ThreadPoolExecutor(READERS) as readers:
        seals = dict(readers.map(seal, [name for name in run.walk() if _is_kept(name)]))
    return run.write_json(FILES, {name: seals[name].as_json() for name in sorted(seals)})


def _is_kept(name: str) -> bool:
    base = name.rpartition("/")[2]
    return not name.startswith((*MADE_AGAIN, MARK)) and not base.startswith((".", TEMPORARY))


def run_seals(run: Folder) -> dict[str, Seal]:
    """The seals of a finished run's files; none of one that was made before there were any.

    Raises DamagedError when files.json is missing or is not the one that the run wrote.
    """
    provenance = run.read_json(PROVENANCE)
    sealed = provenance.get("files") if isinstance(provenance, dict) else None
    if sealed is None:
        return {}
    run.check(FILES, Seal.of_json(sealed))
    return {name: Seal.of_json(value) for name, value in run.read_json(FILES).items()}


def rewrite(run: Folder, name: str, text: str) -> None:
    """Write a file of a run that may be finished: its seal changes with it, and nobody else's."""
    seals = run_seals(run) if run.exists(PROVENANCE) else {}
    seal = run.write_text(name, text)
    if seals and seals.get(name) != seal:
        listed = {each: value.as_json() for each, value in sorted({**seals, name: seal}.items())}
        provenance = run.read_json(PROVENANCE)
        run.write_json(PROVENANCE, {**provenance, "files": run.write_json(FILES, listed).as_json()})


def check_run(run: Folder) -> list[str]:
    """Check the tables of a finished run before they are read; returns notes on what could not be checked, or is no
    longer there though nothing here reads it.

    Raises DamagedError that names every file which is missing, cut short, lacks rows, or was altered or exchanged.
    """
    if not run.exists(PROVENANCE):
        return [
            f"{run}: it has no {PROVENANCE}, so it is not finished or not copied whole; its files are read unchecked"
        ]
    seals = run_seals(run)
    if not seals:
        return [f"{run}: made by an older version of patray that kept no checksums; its files are read unchecked"]
    large = {name: seal for name, seal in seals.items() if name.startswith(LARGE)}

    def wrong(name: str) -> str | None:
        try:
            run.check(name, seals[name])
        except DamagedError as error:
            return f"{error}{_rows(run, name, seals[name])}"
        return None

    with ThreadPoolExecutor(READERS) as readers:
        found = [text for text in readers.map(wrong, [name for name in seals if name not in large]) if text is not None]
    found += [
        f"{run / name}: the run did not write this table"
        for name in run.list()
        if name.endswith(".parquet") and name not in seals
    ]
    if found:
        raise DamagedError(
            "; ".join(found) + ". These numbers are not what the run computed: copy the folder again, or run again"
        )
    return [f"{run / name}: {what}; nothing here reads it" for name, what in wrong_sizes(run, large).items()]


def _rows(run: Folder, name: str, seal: Seal) -> str:
    """How many rows a table has now, where that is another number and can still be read."""
    try:
        with run.input(name) as stream:
            rows = pq.read_metadata(stream).num_rows
    except Exception:  # whatever a damaged file raises: its damage was told already
        return ""
    return "" if rows == seal.rows or seal.rows is None else f" ({rows:,} rows of {seal.rows:,})"
