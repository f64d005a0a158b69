"""Landscapes into the store: generated or read, validated, and known by their content from then on."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

from patray.artifacts import complete, is_complete, read_seals, reopen, wrong_files
from patray.cluster.placement import Resources
from patray.cluster.start import connect
from patray.cluster.tasks import gather, submit
from patray.files import Folder
from patray.landscapes.clean_copy import damaged_files
from patray.landscapes.generate import generate
from patray.landscapes.parts import open_parts
from patray.landscapes.validate import Prepared, is_prepared, prepare, read_prepared
from patray.progress import say
from patray.runs.sources import clean_copy_folder, rows_per_part, source_folder
from patray.runs.step_record import StepRecord
from patray.runs.suite import LandscapeEntry, Suite
from patray.steps.lease import holding

SMALL_PATENTS = 5_000
"""A landscape of so many is validated where the driver runs: seconds, in which Ray starts."""
TEXT_TIMES = 8
"""Memory of validating over the bytes of the compressed file."""


def source_of(entry: LandscapeEntry, root: str, store: Folder) -> Folder:
    """The folder of an entry; a generated landscape is written into the store first."""
    folder = source_folder(entry, root, store)
    if entry.generate is None:
        return folder
    wrong = wrong_files(folder, read_seals(folder))
    if wrong:
        say(f"{folder}: {_words(wrong)}; it is generated again")
        reopen(folder, wrong)
    if not is_complete(folder):
        generate(folder, name=str(entry.name), **entry.generate.model_dump())
        complete(folder, {"generate": entry.generate.model_dump()}, {name: folder.seal(name) for name in folder.walk()})
    return folder


def _words(wrong: dict[str, str]) -> str:
    """`a.parquet: missing; b.parquet: 3 bytes of 5`, the first few."""
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return "; ".join(f"{name}: {what}" for name, what in list(wrong.items())[:5]) + more


def _prepare(source: Folder, destination: Folder, name: str, max_bad_share: float, rows: int) -> Prepared:
    return prepare(source, destination, name, max_bad_share=max_bad_share, rows_per_part=rows)


def _damaged(clean: Folder) -> dict[str, str]:
    return damaged_files(clean)


def prepare_landscapes(suite: Suite, store: Folder) -> list[tuple[Prepared, StepRecord]]:
    """The clean copies of all landscapes of a suite and their steps, large ones side by side."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda entry: prepare_landscape(entry, suite, store), suite.landscapes))


def prepare_landscape(entry: LandscapeEntry, suite: Suite, store: Folder) -> tuple[Prepared, StepRecord]:
    """The validated copy in the store, made once for the same files, and the step's record."""
    begin = time.perf_counter()
    with holding(store, [f"generated/{entry.name}"] if entry.generate is not None else []):
        source = source_of(entry, suite.landscapes_root, store)
    destination = clean_copy_folder(entry, source, store)
    with holding(store, [f"landscapes/{entry.name}/{destination.name}"]):
        return _prepare_in(entry, source, destination, begin, suite.embedding.stall_seconds)


def _prepare_in(
    entry: LandscapeEntry, source: Folder, destination: Folder, begin: float, stall: int
) -> tuple[Prepared, StepRecord]:
    record = StepRecord("prepare", str(entry.name))
    if is_prepared(destination):
        [wrong] = gather([submit(_damaged, Resources(cpus=0.5), destination)], f"check {entry.name}", stall)
        if wrong:
            say(f"{destination}: {_words(wrong)}; the clean copy is made again")
            destination.delete("prepared.json")
    if is_prepared(destination):
        return read_prepared(destination), dataclasses.replace(record, reused=True)
    found = open_parts(source, "patents.parquet")
    rows = rows_per_part(found.rows)
    told = (source, destination, str(entry.name), entry.max_bad_share, rows)
    if found.rows <= SMALL_PATENTS:
        prepared = _prepare(*told)
    else:
        connect()
        needs = Resources(1, 0, TEXT_TIMES * found.bytes)
        [prepared] = gather([submit(_prepare, needs, *told)], f"prepare {entry.name}", stall)
    facts = {"patents": prepared.files["patents.parquet"].read}
    return prepared, dataclasses.replace(record, seconds=time.perf_counter() - begin, facts=facts)
