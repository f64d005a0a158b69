"""Where a suite's landscapes come from, and the folder that their clean copy has in the store."""

from __future__ import annotations

import os

from patray.artifacts import fingerprint, key_of
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.parts import is_landscape, source_files
from patray.runs.suite import LandscapeEntry, Suite

GENERATED, CLEAN = 1, 3
"""Raised when the generator, or the rules of a clean copy, give something else for the same input: old copies are then
not used. 2: words for "no value" are none, whole floats are grades. 3: citations say who
cited and how in one spelling."""


def source_folder(entry: LandscapeEntry, root: str, store: Folder) -> Folder:
    """The folder of an entry; that of a generated landscape is in the store and may not be written yet.

    Raises InputError where a path leads nowhere.
    """
    if entry.generate is not None:
        key = key_of({**entry.generate.model_dump(), "format": GENERATED})
        return store / "generated" / f"{entry.name}-{key}"
    path = os.path.expandvars(str(entry.path))
    if "://" not in path and not os.path.isabs(os.path.expanduser(path)):
        path = (Folder.at(os.path.expandvars(root)) / path).uri
    folder = Folder.at(path)
    if not folder.exists():
        raise InputError(f"landscapes: {entry.name}: there is no folder {folder} (landscapes_root is {root!r})")
    return folder


def landscape_files(source: Folder) -> list[str]:
    """Names of the files that make a landscape; InputError when there is no patents.parquet."""
    if not is_landscape(source):
        raise InputError(
            f"{source}: no patents.parquet in this folder (found: {', '.join(source.list()) or 'nothing'})"
        )
    return source_files(source)


def clean_copy_folder(entry: LandscapeEntry, source: Folder, store: Folder) -> Folder:
    """Where the validated copy of `source` is or will be: the same folder for the same files."""
    files = fingerprint(source, landscape_files(source))
    fields = {"files": files, "name": entry.name, "bad": entry.max_bad_share, "format": CLEAN}
    return store / "landscapes" / str(entry.name) / key_of(fields)


def rows_per_part(patents: int) -> int:
    """Size of a window: at least some 64 windows a landscape where it can be, 128 to 2048 patents each.

    Small landscapes still keep several actors busy; large ones do not make thousands of files.
    """
    return int(min(2048, max(128, -(-patents // 64))))


def pick_landscapes(suite: Suite, wanted: list[str]) -> Suite:
    """The suite with these landscapes alone, each the name of one of its own, a folder or URI, or a folder inside
    `landscapes_root`; as it is where none is asked for. InputError names what was tried."""
    if not wanted:
        return suite
    own = {entry.name or Folder.at(str(entry.path)).name: entry for entry in suite.landscapes}
    root = Folder.at(os.path.expandvars(suite.landscapes_root))
    entries = []
    for name in wanted:
        if name in own:
            entries.append(own[name])
        elif "://" in name or is_landscape(Folder.at(name)):
            entries.append(LandscapeEntry(path=Folder.at(name).uri))
        elif is_landscape(root / name):
            entries.append(LandscapeEntry(path=name))
        else:
            raise InputError(
                f"--landscape {name}: not a landscape of the suite ({', '.join(own)}), and there is no patents.parquet "
                f"in {Folder.at(name)} or {root / name}"
            )
    return suite.model_copy(update={"landscapes": tuple(entries)})
