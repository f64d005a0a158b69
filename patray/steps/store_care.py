"""What lies in a work directory, which run needs it, and what can go.

A finished run needs what its uses.json lists. An unfinished one, or one from before there was such a list, needs
everything of its landscapes and models: better too much is kept than a training lost. What a living lease holds, and
everything of a run that one holds, is needed whoever lists it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from patray.artifacts import RECORD
from patray.errors import DamagedError, InputError
from patray.files import TEMPORARY, Folder
from patray.runs.sources import source_folder
from patray.runs.step_record import StepRecord
from patray.runs.suite import Suite
from patray.steps.lease import LEASES, Claim, Watch, claims
from patray.yaml_source import load_yaml

USES, PROVENANCE, SUITE = "uses.json", "provenance.json", "suite.yaml"
DEPTH = {
    "landscapes": 3, "generated": 2, "embeddings": 5, "indexes": 5, "rerankings": 5, "checkpoints": 4, "training": 2,
    "lexical": 4,
    "anew": 2, "runs": 2, "sweeps": 2,
}  # fmt: skip
"""How many folders deep the things of each kind lie: embeddings/LANDSCAPE/VIEW/MODEL/KEY."""
MINED_DEPTH = {"embeddings": 6, "rankings": 5}
OLD_SECONDS = 24 * 3600.0
"""A temporary file, or a thing that nobody finished, is left over when it was not written to for so long."""


def paths_used(suite: Suite, store: Folder, folders: Iterable[Folder], steps: Iterable[StepRecord]) -> list[str]:
    """Paths in the store of what a run was made from: the content of its uses.json.

    folders: clean copies and embeddings; steps: of its provenance, of which trainings name their checkpoint.
    """
    root, entries = suite.landscapes_root, suite.landscapes
    used = [*folders, *(source_folder(entry, root, store) for entry in entries if entry.generate is not None)]
    paths = [folder.path_in(store) for folder in used]
    paths += [str(step["checkpoint"]).removeprefix(f"{store}/") for step in steps if step.step == "train"]
    return sorted({path for path in paths if path is not None and not path.startswith("anew/")})


@dataclass(frozen=True)
class Thing:
    """One thing of a store. path: inside it; kind: its first folder; needed_by: runs; why_kept: other reasons."""

    path: str
    kind: str
    files: int
    bytes: int
    whole: bool
    needed_by: tuple[str, ...] = ()
    why_kept: str = ""

    @property
    def is_free(self) -> bool:
        return not self.needed_by and not self.why_kept


@dataclass(frozen=True)
class Inventory:
    """things: every artifact and run; leftovers: files that nobody finished or freed, with their bytes."""

    things: tuple[Thing, ...]
    leftovers: Mapping[str, int]

    @property
    def free(self) -> list[Thing]:
        return [thing for thing in self.things if thing.is_free]

    @property
    def freed_bytes(self) -> int:
        return sum(thing.bytes for thing in self.free) + sum(self.leftovers.values())


@dataclass(frozen=True)
class _Needs:
    """What one run needs: exact paths, or every thing of its landscapes and models."""

    run: str
    exact: frozenset[str] | None
    landscapes: frozenset[str]
    models: frozenset[str]
    finished: bool

    def needs(self, path: str, kind: str) -> bool:
        parts = path.split("/")
        if kind == "runs":
            return path == f"runs/{self.run}"
        if kind == "anew":
            return parts[1] == self.run and not self.finished
        if self.exact is not None and kind not in ("rerankings", "lexical"):
            return path in self.exact or (kind == "indexes" and path.replace("indexes", "embeddings", 1) in self.exact)
        if kind == "generated":
            return any(parts[1].startswith(f"{name}-") for name in self.landscapes)
        if kind in ("training", "checkpoints"):
            return bool(self.models & set(parts)) or any(parts[1].startswith(name) for name in self.models)
        return bool(self.landscapes & set(parts[1:])) and (
            kind in ("landscapes", "lexical") or bool(self.models & set(parts))
        )


def take_stock(store: Folder, now: float | None = None, watch: Watch | None = None) -> Inventory:
    """Look at everything in a work directory; InputError where there is none."""
    if not store.exists():
        raise InputError(f"{store}: there is no such work directory")
    moment = time.time() if now is None else now
    files = store.file_times()
    if files and not any(name.split("/")[0] in {*DEPTH, "mined", LEASES} for name in files):
        raise InputError(f"{store}: this is no work directory of patray: nothing in it is called {', '.join(DEPTH)}")
    living = _living(store, watch)
    needs = [_needs_of(store, name) for name in (store / "runs").list()]
    busy = {claim.what for claim in living}
    grouped: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    leftovers = {}
    for name, (size, written) in files.items():
        base, path = name.rpartition("/")[2], _thing_of(name)
        if name.startswith(f"{LEASES}/"):
            if base not in {claim.name for claim in living}:
                leftovers[name] = size
        elif base.startswith((TEMPORARY, ".writable")):
            if moment - written > OLD_SECONDS:
                leftovers[name] = size
        elif path is not None:
            grouped[path][name] = size, written
    things = [_thing(path, held, needs, busy, moment) for path, held in sorted(grouped.items())]
    for thing in things:
        started = [name for name in grouped[thing.path] if f"{thing.path}/started/" in name]
        if thing.whole and not thing.is_free:
            leftovers |= {name: grouped[thing.path][name][0] for name in started}
    return Inventory(tuple(things), dict(sorted(leftovers.items())))


def clean(store: Folder, inventory: Inventory) -> int:
    """Delete what an inventory calls free, after a look whether a lease was taken meanwhile; returns the bytes."""
    freed = 0
    for thing in inventory.free:
        if any(_touches(claim.what, thing.path) for claim in claims(store)):
            continue
        store.delete(f"{thing.path}/{RECORD}")  # first, so that what is half deleted is not taken for whole
        store.delete(thing.path)
        freed += thing.bytes
    for name, size in inventory.leftovers.items():
        store.delete(name)
        freed += size
    return freed


def _living(store: Folder, watch: Watch | None) -> list[Claim]:
    """Leases that are not known to be dead. One that nobody renews cannot be told from a slow one by a single look."""
    watch = watch or Watch()
    return [claim for claim in claims(store) if not watch.is_stale(claim)]


def _thing(
    path: str, files: Mapping[str, tuple[int, float]], needs: Iterable[_Needs], busy: set[str], now: float
) -> Thing:
    kind = path.split("/")[0]
    records = (RECORD, "prepared.json", PROVENANCE, "best.yaml")
    whole = any(f"{path}/{record}" in files for record in records)
    users = tuple(sorted(one.run for one in needs if one.needs(path, kind)))
    why = ""
    if any(_touches(what, path) for what in busy):
        why = "a driver is at it"
    elif kind == "sweeps":
        why = "a sweep: delete it yourself when its recipe is no longer wanted"
    elif not whole and now - max(written for _, written in files.values()) < OLD_SECONDS:
        why = "it was written to within a day"
    return Thing(path, kind, len(files), sum(size for size, _ in files.values()), whole, users, why)


def _touches(what: str, path: str) -> bool:
    return what == path or path.startswith(f"{what}/") or what.startswith(f"{path}/") or path.startswith(f"{what}-")


def _thing_of(name: str) -> str | None:
    """The thing that a file belongs to; None for a file that is nobody's."""
    parts = name.split("/")
    depth = MINED_DEPTH.get(parts[1]) if parts[0] == "mined" and len(parts) > 1 else DEPTH.get(parts[0])
    return "/".join(parts[:depth]) if depth is not None and len(parts) > depth else None


def _needs_of(store: Folder, name: str) -> _Needs:
    run = store / "runs" / name
    finished = run.exists(PROVENANCE)
    exact: frozenset[str] | None = None
    if finished and run.exists(USES):
        try:
            exact = frozenset(map(str, run.read_json(USES)))
        except DamagedError:
            exact = None
    suite: dict[str, Any] = {}
    if run.exists(SUITE):
        suite = load_yaml(run.read_text(SUITE)) or {}
    models = [*(suite.get("models") or []), *(suite.get("recipes") or [])]
    return _Needs(name, exact, frozenset(_names(suite.get("landscapes") or [])), frozenset(_names(models)), finished)


def _names(entries: Iterable[Any]) -> Iterable[str]:
    for entry in entries:
        record = entry.get("record") or {}
        yield from (str(value) for value in (entry.get("name"), entry.get("model"), record.get("name")) if value)
