"""Artifacts: folders that a step made, complete when `artifact.json` exists, which lists every file with its seal.

What is read of an artifact is checked against its list: all of it exists, has its size (one listing), and, once its
bytes are read, its checksum. A file that fails is an error with its name, from which a run mends itself
(steps/mend.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patray.errors import DamagedError, InputError
from patray.files import Folder
from patray.progress import say
from patray.seals import Seal, seal_of

RECORD, SEALS = "artifact.json", "files"
OLD_TEMPORARY_SECONDS = 3600.0
"""A temporary file that nobody wrote to for so long was left by a writer that is dead."""
READERS = 8


def key_of(fields: dict[str, Any]) -> str:
    """16 hex digits from the canonical JSON of `fields`. Put in what decides the content, never where it is made."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(canonical.encode("utf-8"), digest_size=8).hexdigest()


def fingerprint(folder: Folder, names: list[str]) -> str:
    """32 hex digits over the names and bytes of files inside `folder`."""
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(names):
        total.update(f"{name}\0{folder.size(name)}\0".encode())
        with folder.input(name) as stream:
            while chunk := stream.read(1 << 22):
                total.update(chunk)
    return total.hexdigest()


def is_complete(folder: Folder) -> bool:
    return folder.exists(RECORD)


def complete(folder: Folder, record: Mapping[str, Any], seals: Mapping[str, Seal] | None = None) -> None:
    """Declare an artifact whole, with the files that it holds. Call it last. Removes what dead writers left.

    seals: of all its files; where they are not given, and the record has none already, its `parts` are read for them.
    DamagedError names the first that is damaged, as a writer that was stopped can leave one; all of those are deleted.
    """
    if seals is None:
        seals = seals_of_record(record)
    if not seals:
        seals, damaged = seal_tables(folder, record.get("parts", ()))
        for name in damaged:
            folder.delete(name)
        if damaged:
            raise DamagedError(
                f"{folder / damaged[0]}: cut short or damaged, as a writer that was stopped leaves a file"
            )
    listed = {name: seals[name].as_json() for name in sorted(seals)}
    folder.write_json(RECORD, {**record, SEALS: listed})
    for name in folder.temporary(OLD_TEMPORARY_SECONDS):
        folder.delete(name)


def read_record(folder: Folder) -> dict[str, Any]:
    return dict(folder.read_json(RECORD))


def read_seals(folder: Folder) -> dict[str, Seal]:
    """The seals of an artifact's files; none where it is not complete, or was made before there were any."""
    if not is_complete(folder):
        return {}
    return seals_of_record(read_record(folder))


def open_artifact(folder: Folder) -> tuple[dict[str, Any], dict[str, Seal]]:
    """Record and seals of a complete artifact; DamagedError where it is not complete, or was opened again meanwhile."""
    if not is_complete(folder):
        raise DamagedError(f"{folder / RECORD}: no such file, so this artifact is not whole")
    record = read_record(folder)
    return record, seals_of_record(record)


def seals_of_record(record: Mapping[str, Any], key: str = SEALS) -> dict[str, Seal]:
    return {name: Seal.of_json(value) for name, value in record.get(key, {}).items() if isinstance(value, dict)}


def wrong_sizes(folder: Folder, seals: Mapping[str, Seal]) -> dict[str, str]:
    """What is wrong with each listed file that is missing or has another size; reads no content."""
    sizes = folder.sizes()
    found = {}
    for name, seal in seals.items():
        if name not in sizes:
            found[name] = "missing"
        elif sizes[name] != seal.bytes:
            found[name] = f"{sizes[name]:,} bytes of {seal.bytes:,}"
    return found


def wrong_files(folder: Folder, seals: Mapping[str, Seal]) -> dict[str, str]:
    """As `wrong_sizes`, and the files whose bytes were altered; reads everything, several files at once."""
    found = wrong_sizes(folder, seals)

    def look(name: str) -> tuple[str, str | None]:
        try:
            folder.check(name, seals[name])
        except DamagedError as error:
            return name, str(error).rpartition(": ")[2]
        return name, None

    with ThreadPoolExecutor(READERS) as readers:
        for name, what in readers.map(look, [name for name in seals if name not in found]):
            if what is not None:
                found[name] = what
    return dict(sorted(found.items()))


def is_whole(folder: Folder) -> bool:
    """True when an artifact is complete and all of its files are there with their sizes; says and reopens it if not."""
    if not is_complete(folder):
        return False
    try:
        seals = read_seals(folder)
        wrong = wrong_sizes(folder, seals)
    except DamagedError as error:
        say(f"{error}; its parts are looked at again")
        folder.delete(RECORD)
        return False
    for name, what in wrong.items():
        say(f"{folder / name}: {what}; it is made again")
    if wrong:
        reopen(folder, wrong)
    return not wrong


def reopen(folder: Folder, wrong: Iterable[str]) -> None:
    """Take files out of an artifact: it is complete no more, and its step makes them again."""
    folder.delete(RECORD)  # first: what is listed as whole must be there
    for name in wrong:
        folder.delete(name)


def seal_tables(
    folder: Folder, names: Iterable[str], right: Callable[[str, pa.Table], bool] = lambda name, table: True
) -> tuple[dict[str, Seal], list[str]]:
    """Seals of tables that a step wrote before it was stopped, and the names of those that are damaged or not `right`.

    All of a table is read: its pages carry checksums of their own.
    """

    def look(name: str) -> tuple[str, Seal | None]:
        content = folder.read_buffer(name)
        try:
            table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (pa.ArrowException, OSError):
            return name, None
        if not right(name, table):
            return name, None
        seal = seal_of(content)
        return name, Seal(seal.bytes, seal.digest, table.num_rows)

    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(look, names))
    return {name: seal for name, seal in found if seal is not None}, [name for name, seal in found if seal is None]


def is_ready(folder: Folder) -> bool:
    """`is_whole`, after sealing an artifact from before there were seals."""
    if is_whole(folder):
        adopt(folder)
    return is_complete(folder)


def adopt(folder: Folder) -> None:
    """Seal a complete artifact from before there were seals, if all of its parts can be read; open it again if not."""
    record, seals = open_artifact(folder)
    if seals or "parts" not in record:
        return
    found, damaged = seal_tables(folder, [name for name in record["parts"] if folder.exists(name)])
    if len(found) == len(record["parts"]):
        complete(folder, record, found)
        say(f"{folder}: made by an older version; all of its {len(found)} parts can be read and are sealed now")
    else:
        say(f"{folder}: made by an older version, and {len(record['parts']) - len(found)} parts are missing or damaged")
        reopen(folder, damaged)


class Ledger:
    """Writes into a folder and keeps the seal of everything that it wrote."""

    def __init__(self, folder: Folder, seals: dict[str, Seal] | None = None, inside: str = "") -> None:
        self.folder, self.seals, self._inside = folder, {} if seals is None else seals, inside

    def __truediv__(self, name: str) -> Ledger:
        return Ledger(self.folder / name, self.seals, f"{self._inside}{name}/")

    def write_table(self, name: str, table: pa.Table, row_group_size: int | None = None) -> None:
        self.seals[self._inside + name] = self.folder.write_table(name, table, row_group_size)

    def write_text(self, name: str, text: str) -> None:
        self.seals[self._inside + name] = self.folder.write_text(name, text)


def seal_name(name: str) -> str:
    """Where the seal of a file lies that stands alone: `a/b.parquet` has `a/.b.parquet.seal`."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}.{base}.seal"


def write_sealed(folder: Folder, name: str, table: pa.Table, split: Sequence[str] = ()) -> Seal:
    """Save a table that stands alone, with its seal beside it, which is written last."""
    folder.delete(seal_name(name))
    seal = folder.write_table(name, table, split=split)
    folder.write_json(seal_name(name), seal.as_json())
    return seal


def read_sealed(folder: Folder, name: str) -> pa.Table:
    """A table that `write_sealed` saved; DamagedError when it, or its seal, is not as it was written."""
    if not folder.exists(seal_name(name)):
        raise DamagedError(f"{folder / name}: its seal {seal_name(name)} is missing, so it may not be whole")
    return folder.read_table(name, seal=Seal.of_json(folder.read_json(seal_name(name))))


def is_sealed(folder: Folder, name: str) -> bool:
    """True when a table of `write_sealed` and its seal are there and its size is the sealed one."""
    if not folder.exists(seal_name(name)) or not folder.exists(name):
        return False
    try:
        return folder.size(name) == Seal.of_json(folder.read_json(seal_name(name))).bytes
    except InputError:
        return False
