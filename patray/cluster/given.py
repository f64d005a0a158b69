"""Vectors that were made elsewhere, or by a Python function, become artifacts of the store like those of a model.

They are read by the driver, where a local path means what its author meant.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from patray.artifacts import complete, is_whole, key_of, read_record
from patray.encoders.vectors import vectors_table
from patray.errors import InputError, raised
from patray.files import Folder
from patray.importers.vectors import GivenVectors, checked_vectors, folder_of, read_vectors
from patray.kinds import place_of
from patray.landscapes.positions import positions
from patray.landscapes.texts import texts_of
from patray.landscapes.views import View
from patray.models.record import Role
from patray.runs.step_record import StepRecord
from patray.steps.landscape import Landscape
from patray.systems.base import System
from patray.systems.dense import Vectors
from patray.systems.functions import ENCODERS, Encodes

PART_ROWS = 16_384
ROLES: tuple[tuple[Role, str], ...] = (("document", "documents"), ("query", "queries"))


def take_all(
    store: Folder, places: Sequence[tuple[Landscape, View]], systems: Sequence[System]
) -> Iterator[tuple[tuple[str, str, str], dict[Role, Folder], StepRecord]]:
    """(landscape, view and name of the vectors, artifacts by role, the step's record) of all that systems use."""
    sources = {system.source: system for system in systems if isinstance(system, Vectors)}
    encoders = dict.fromkeys(system.encoder for system in systems if isinstance(system, Encodes))
    for landscape, view in places:
        for name in encoders:
            yield (landscape.name, view.name, name), *encode_here(store, landscape, view, name)
        for name, system in sources.items():
            yield (
                (landscape.name, view.name, name),
                *take_vectors(store, landscape, view.name, system, len(places) == 1),
            )


def take_vectors(
    store: Folder, landscape: Landscape, view: str, system: Vectors, alone: bool
) -> tuple[dict[Role, Folder], StepRecord]:
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
    took = time.perf_counter() - begin
    return by_role, StepRecord(
        "read vectors", landscape.name, view, model=system.source, reused=reused, seconds=took, notes=tuple(notes)
    )


def encode_here(store: Folder, landscape: Landscape, view: View, name: str) -> tuple[dict[Role, Folder], StepRecord]:
    """(artifacts by role, the step's record) of a Python function's vectors of one landscape and view.

    It is called whenever a run goes on, since nobody knows whether it is the same; vectors of the same bytes are the
    same artifact. Raises InputError for what is no vector, with the patent.
    """
    begin = time.perf_counter()
    encode = ENCODERS[name]
    patents = landscape.metadata.patents["patent_id"].to_numpy(zero_copy_only=False)
    wanted: dict[Role, tuple[np.ndarray, np.ndarray | None]] = {"document": (patents, None)}
    if landscape.truth is not None:
        wanted["query"] = (landscape.truth.query_ids, landscape.truth.query_in_corpus < 0)
    by_role: dict[Role, Folder] = {}
    reused = True
    for role, (ids, outside) in wanted.items():
        where = f"encoder {name}, {role} of {landscape.name} in {view.name}"
        texts = texts_of(landscape.folder, view, ids, outside)
        try:
            made = np.asarray(encode(texts, "query" if role == "query" else "document"))
        except Exception as error:
            raise InputError(f"{where}: the function raised {raised(error)}") from error
        where += place_of(encode)
        if made.ndim != 2 or len(made) != len(ids) or not np.issubdtype(made.dtype, np.floating):
            raise InputError(f"{where}: {made.dtype} of shape {made.shape}; wanted floats of shape ({len(ids)}, width)")
        given = checked_vectors(ids, made.astype(np.float32), where)
        identity = {
            "prepared": landscape.folder.name, "encoder": name, "view": view.name, "role": role, "format": 1,
            "content": hashlib.blake2b(given.vectors.tobytes(), digest_size=16).hexdigest(),
        }  # fmt: skip
        target = store / "embeddings" / landscape.name / view.name / name / key_of(identity)
        if not is_whole(target):
            _write(target, identity, given, ids)
            reused = False
        by_role[role] = target
    widths = {role: read_record(folder)["dimension"] for role, folder in by_role.items()}
    if len(set(widths.values())) > 1:
        where = f"encoder {name}{place_of(encode)}, {landscape.name} in {view.name}"
        raise InputError(f"{where}: documents have width {widths['document']}, queries {widths['query']}")
    took, facts = time.perf_counter() - begin, {"patents": len(patents)}
    return by_role, StepRecord(
        "encode", landscape.name, view.name, model=name, reused=reused, seconds=took, facts=facts
    )


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
