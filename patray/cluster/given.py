"""Vectors that were made elsewhere become artifacts of the store, like those that are made here.

They are read by the driver, where a local path means what its author meant.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from patray.artifacts import complete, is_whole, read_record
from patray.cluster.prepare import Landscape
from patray.encoders.vectors import vectors_table
from patray.errors import InputError
from patray.files import Folder
from patray.importers.vectors import GivenVectors, folder_of, read_vectors
from patray.landscapes.positions import positions
from patray.landscapes.views import View
from patray.models.record import Role
from patray.runs.store import key_of
from patray.systems.base import System
from patray.systems.dense import Vectors

PART_ROWS = 16_384
ROLES: tuple[tuple[Role, str], ...] = (("document", "documents"), ("query", "queries"))


def take_all(
    store: Folder, places: Sequence[tuple[Landscape, View]], systems: Sequence[System]
) -> Iterator[tuple[tuple[str, str, str], dict[Role, Folder], dict[str, Any]]]:
    """(landscape, view and name of the vectors, artifacts by role, the step's record) of all that systems use."""
    sources = {system.source: system for system in systems if isinstance(system, Vectors)}
    for landscape, view in places:
        for name, system in sources.items():
            yield (
                (landscape.name, view.name, name),
                *take_vectors(store, landscape, view.name, system, len(places) == 1),
            )


def take_vectors(
    store: Folder, landscape: Landscape, view: str, system: Vectors, alone: bool
) -> tuple[dict[Role, Folder], dict[str, Any]]:
    """(artifacts by role, the step's record) of one landscape and view. alone: the suite has no other.

    Raises InputError for files that cannot be used, and where a patent or query has no vector, with their number.
    """
    begin = time.perf_counter()
    source = folder_of(system.path, landscape.name, view, alone)
    by_role: dict[Role, Folder] = {}
    notes, reused, widths = [], True, {}
    for role, name in ROLES:
        identity = {
            "prepared": landscape.folder.name, "vectors": system.source, "content": system.content, "view": view,
            "role": role, "prompt": None, "max_tokens": None, "dtype": "float32", "format": 1,
        }  # fmt: skip
        target = store / "embeddings" / landscape.name / view / system.source / key_of(identity)
        if not is_whole(target):
            given = read_vectors(source, name)
            if given is None:
                continue
            _write(target, identity, given, _needed(landscape))
            reused = False
        facts = read_record(target)
        by_role[role], widths[role] = target, facts["dimension"]
        if facts["strange"]:
            notes.append(
                f"{facts['file']}: {facts['strange']:,} vectors are of no patent of {landscape.name}; left out"
            )
        if facts["scaled"]:
            notes.append(f"{facts['file']}: {facts['scaled']:,} vectors were not of length 1 and were scaled")
    if len(set(widths.values())) > 1:
        raise InputError(f"vectors: {source}: documents have width {widths['document']}, queries {widths['query']}")
    _require_all(landscape, source, by_role)
    step = {
        "step": "read vectors", "landscape": landscape.name, "view": view, "model": system.source, "reused": reused,
        "seconds": time.perf_counter() - begin, "notes": notes,
    }  # fmt: skip
    return by_role, step


def _needed(landscape: Landscape) -> np.ndarray:
    """Ids of the patents and of the queries, which may stand outside the corpus."""
    patents = landscape.metadata.patents["patent_id"].to_numpy(zero_copy_only=False)
    queries = np.array([], dtype=object) if landscape.truth is None else landscape.truth.query_ids
    return np.concatenate([patents, queries])


def _write(target: Folder, identity: dict[str, Any], given: GivenVectors, needed: np.ndarray) -> None:
    known = positions(given.ids, needed) >= 0
    names, vectors = given.ids[known], given.vectors[known]
    parts = []
    for start in range(0, len(names), PART_ROWS):
        some = slice(start, start + PART_ROWS)
        none = np.zeros(len(names[some]), np.int32)
        parts.append(f"patents-part-{start // PART_ROWS:05d}.parquet")
        target.write_table(parts[-1], vectors_table(names[some].tolist(), vectors[some], none, none.astype(bool), {}))
    record = {
        "identity": identity,
        "dimension": vectors.shape[1],
        "patents": len(names),
        "strange": int((~known).sum()),
    }
    complete(target, {**record, "parts": parts, "scaled": given.scaled, "file": given.file, "versions": {}})


def _require_all(landscape: Landscape, source: Folder, by_role: dict[Role, Folder]) -> None:
    """InputError where a patent, or a query, has no vector."""
    known = {role: _ids(folder) for role, folder in by_role.items()}
    patents = landscape.metadata.patents["patent_id"].to_numpy(zero_copy_only=False)
    for wanted, there, what in (
        (patents, known["document"], "patents"),
        (_needed(landscape)[len(patents) :], np.concatenate(list(known.values())), "queries"),
    ):
        missing = wanted[positions(wanted, there) < 0]
        if len(missing):
            raise InputError(f"vectors: {source} lacks {len(missing):,} of {len(wanted):,} {what}, first {missing[0]}")


def _ids(folder: Folder) -> np.ndarray:
    tables = [folder.read_table(name, ["patent_id"]) for name in read_record(folder)["parts"]]
    return np.concatenate([np.array([], dtype=object), *(one["patent_id"].to_numpy() for one in tables)])
