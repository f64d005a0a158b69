"""What a damaged file of the store costs: only itself. It is taken out of its artifact, whose step makes it again.

embeddings, mined, rerankings, indexes   the damaged windows alone are made again
lexical                                  all counts of that view: they are one table in three files
runs/NAME/rankings                       that ranking
landscapes, generated                    the clean copy or landscape, whole: its files depend on each other
checkpoints                              not made again by itself: a training costs hours, and the weights would differ
"""

from __future__ import annotations

import json

from patray.artifacts import RECORD, is_complete, read_seals, reopen, seal_name, wrong_files
from patray.errors import DamagedError
from patray.files import Folder
from patray.filesystems import shown
from patray.progress import say

MADE_BY_WINDOWS = ("embeddings", "mined", "rerankings", "indexes", "lexical")


def damaged_name(error: DamagedError, store: Folder) -> str | None:
    """The file that an error names, inside `store`; None for one elsewhere."""
    path, above = str(error).partition(": ")[0], f"{shown(store.uri)}/"
    return path[len(above) :] if path.startswith(above) else None


def mend(error: DamagedError, store: Folder) -> str | None:
    """Take the damaged file that an error names out of the store, with all others of its artifact that are damaged.

    Returns the file's name inside the store, once what it belonged to will be made again; None where that cannot be.
    """
    name = damaged_name(error, store)
    if name is None:
        return None
    parts = name.split("/")
    say(f"{error}; it is made again")
    kind = parts[2] if parts[0] == "anew" and len(parts) > 3 else parts[0]
    if kind in MADE_BY_WINDOWS:
        folder, file = store, parts[-1]
        for part in parts[:-1]:
            folder = folder / part
        try:
            found = wrong_files(folder, read_seals(folder)) if is_complete(folder) else {}
        except (DamagedError, json.JSONDecodeError):
            found = {}  # the record itself is damaged: the parts are looked at when the artifact is opened again
        for other in found:
            if other != file:
                say(f"{folder / other}: {found[other]}; it is made again")
        reopen(folder, {*found, file} - {RECORD})
        return name
    if parts[0] == "runs" and parts[2:3] == ["rankings"]:
        store.delete(name)
        store.delete(seal_name(name))
        return name
    if parts[0] == "landscapes" and len(parts) > 3:
        store.delete("/".join([*parts[:3], "prepared.json"]))
        return name
    if parts[0] == "generated" and len(parts) > 2:
        store.delete("/".join([*parts[:2], RECORD]))
        return name
    return None
