"""Systems that ranked elsewhere: a TREC run of any other tool joins a suite and gets the same statistics.

PATH is a file, for a suite with one landscape and one view, or a folder with LANDSCAPE/VIEW.run, or LANDSCAPE.run
where the tool had its own view of the text. Files may be compressed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from patray.artifacts import write_sealed
from patray.cluster.search import Place
from patray.errors import InputError
from patray.files import Folder
from patray.importers.source import SourceFile, find_files, locate
from patray.importers.trec_run import run_ranking
from patray.landscapes.records import Truth
from patray.runs.suite import Search, SystemEntry
from patray.search.table import SPLIT, to_table


def foreign_files(path: str, landscapes: Sequence[str], views: Sequence[str]) -> dict[tuple[str, str], SourceFile]:
    """The run file of every (landscape, view). Cheap: call it before anything that costs.

    Raises InputError when the path is absent, a single file where there are several landscapes or views, or a folder
    in which files are missing: all of them are named.
    """
    found = find_files([path], open_archives=False)
    places = [(landscape, view) for landscape in landscapes for view in views]
    if not places:
        return {}
    filesystem, inside = locate(path)
    if filesystem.get_file_info(inside).is_file:
        if len(places) > 1:
            raise InputError(
                f"run: {path} is one file, but the suite has {len(landscapes)} landscape(s) and {len(views)} view(s); "
                "give a folder with LANDSCAPE/VIEW.run or LANDSCAPE.run"
            )
        return {places[0]: found[0]}
    by_end: dict[str, SourceFile] = {}
    for file in found:
        name = locate(file.uri)[1].removeprefix(inside).lstrip("/")
        for suffix in (".gz", ".xz", ".bz2", ".zst"):
            name = name.removesuffix(suffix)
        if name in by_end:
            raise InputError(f"run: {path} holds {by_end[name].label} and {file.label}; delete one of them")
        by_end[name] = file
    files: dict[tuple[str, str], SourceFile] = {}
    missing = []
    for landscape, view in places:
        names = [name for name in (f"{landscape}/{view}.run", f"{landscape}.run") if name in by_end]
        if names:
            files[landscape, view] = by_end[names[0]]
        else:
            missing.append(f"{landscape}/{view}.run (or {landscape}.run)")
    if missing:
        raise InputError(f"run: {path} lacks {', '.join(missing)}; it holds {', '.join(sorted(by_end)[:10])}")
    return files


def content_of(path: str) -> str:
    """32 hex digits over the names and bytes of the run's files: the part of a suite's identity that a path is not."""
    found = find_files([path], open_archives=False)
    root = locate(path)[1]
    total = hashlib.blake2b(digest_size=16)
    for file in found:
        filesystem, inside = locate(file.uri)
        total.update(f"{inside.removeprefix(root)}\0{file.size}\0".encode())
        with filesystem.open_input_stream(inside, compression=None) as stream:
            while chunk := stream.read(1 << 22):
                total.update(chunk)
    return total.hexdigest()


def search_foreign(run: Folder, place: Place, system: SystemEntry, truth: Truth, options: Search) -> dict[str, Any]:
    """Read the run of one landscape and view and save it as the system's ranking; returns the step's record.

    The record has `file` and `notes`: what was left out or looks wrong, with counts (see `run_ranking`). The file is
    read again whenever a run goes on: that takes seconds, and its notes belong into every provenance. Read on the
    driver, where a local path means what its author meant. Raises InputError as `run_ranking` and `foreign_files` do.
    """
    begin = time.perf_counter()
    [file] = foreign_files(str(system.run), [place.landscape], [place.view]).values()
    try:
        found = run_ranking(file, truth, options.depth)
    except InputError as error:
        raise InputError(f"system {place.system}, landscape {place.landscape}, view {place.view}: {error}") from error
    write_sealed(run, place.file, to_table(found.ranking, truth.query_ids, truth.patent_ids), SPLIT)
    return {
        "step": "search",
        "landscape": place.landscape,
        "view": place.view,
        "system": place.system,
        "reused": False,
        "seconds": time.perf_counter() - begin,
        "queries": len(truth.query_ids),
        "file": file.label,
        "notes": [f"{place.landscape}, {place.view}, {place.system}: {note}" for note in found.notes],
    }
