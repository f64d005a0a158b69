"""What a run's rankings were made of, and a run that makes its vectors again (`patray run --reembed`).

A run that was stopped keeps its rankings. They hold only while the very artifacts that they were made of stand: after
`--reembed`, or where somebody deleted vectors or a checkpoint, they are forgotten and made again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from patray.files import Folder
from patray.runs.origins import CERTIFIED
from patray.runs.run_files import MARK
from patray.systems.base import System
from patray.tables import ranking_file

MADE_OF = "made-of.json"


def mark_of(run: Folder, reembed: bool) -> str | None:
    """The mark of vectors that `run` makes again; None where it does not.

    A run that was stopped while it made them again goes on with that, asked for or not. Asked for, a finished run is
    open again, and what it ranked is forgotten.
    """
    finished = run.exists("provenance.json")
    if run.exists(MARK) and not finished:
        return str(run.read_json(MARK)["mark"])
    if not reembed:
        return None
    mark = uuid.uuid4().hex
    run.write_json(MARK, {"mark": mark})
    run.delete("provenance.json")
    run.delete("rankings")
    run.delete(CERTIFIED)
    return mark


def forget_other_rankings(
    run: Folder, systems: Iterable[System], made_of: Mapping[tuple[str, str, str], str]
) -> list[str]:
    """Delete the rankings of a run that other artifacts were behind than those of today; returns their names.

    made_of: (landscape, view, model) -> the artifacts by `certified.made_of`. Rankings of a system whose vectors
    changed go, and of all that stand on it; those of other systems stay.
    """
    old: dict[str, str] = run.read_json(MADE_OF) if run.exists(MADE_OF) else {}
    new = {"/".join(key): value for key, value in made_of.items()}
    gone = []
    for landscape, view in dict.fromkeys(key[:2] for key in made_of):
        changed: set[str] = set()
        for system in systems:
            model = system.searches
            at = f"{landscape}/{view}/{model}"
            other = model is not None and old.get(at) != new.get(at)
            if other or changed & set(system.parts):
                changed.add(str(system.name))
                name = ranking_file(landscape, view, str(system.name))
                if run.exists(name):
                    run.delete(name)
                    gone.append(f"{landscape}/{view}/{system.name}")
    run.write_json(MADE_OF, {**old, **new})
    return gone
