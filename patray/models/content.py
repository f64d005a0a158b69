"""What the files of a model are: the registry's pinned revision, verified by its file hashes, or a hash of their own.

A folder is found by its name, and what lies in it can change: a checkpoint is trained again in place, a mirror's
weights are exchanged, a path holds a fine-tuned copy under a registry name. Vectors of the one must never be taken for
the other's, so every snapshot is read through and through before it is used, and its content stands in the key of all
that is made with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from patray.files import Folder
from patray.models.hashes import HASHES, deciding_files, hash_files, is_named_by_hash, pinned_files
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot


def identify(record: ModelRecord, snapshot: Snapshot, trust_listing: bool = False) -> Snapshot:
    """The snapshot with the hashes of its files and its `content`.

    `content` is the pinned commit (40 hex digits) where the files are proven to be that revision's: by
    `pinned_files.yaml`, by the hub's cache, which names files by their hashes, or by a mirror's `sha256.json` that was
    filled from the hub. For everything else it is a hash (32 hex digits) over names and bytes. The hub itself serves a
    commit's files, and the worker that fetches them checks their hashes.

    trust_listing: believe the `sha256.json` of a mirror in a bucket instead of reading all of it (for a plan).
    """
    if snapshot.location.startswith("hub:"):
        return replace(snapshot, content=record.revision)
    folder = Folder.at(snapshot.location)
    names = deciding_files(record, folder)
    listed = _listing(folder)
    remote = "://" in snapshot.location
    if trust_listing and remote and set(names) <= listed.keys():
        hashes = {name: listed[name] for name in names}
    else:
        hashes = hash_files(folder, names)
    notes = tuple(
        f"{folder}: {name} is not what {HASHES} of this mirror says: it was exchanged after the mirror was filled"
        for name, digest in hashes.items()
        if name in listed and listed[name] != digest
    )
    pinned = record.revision != "local" and (
        hashes == pinned_files().get(f"{record.repo}@{record.revision}")
        or _is_hub_cache(record, folder, hashes)
        or (_filled_from_hub(record, folder) and set(names) <= listed.keys() and not notes)
    )
    content = record.revision if pinned else content_of(hashes)
    return replace(snapshot, files=tuple(sorted(hashes.items())), content=content, notes=notes)


def content_of(hashes: dict[str, str]) -> str:
    """32 hex digits over names and hashes of files."""
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


def _is_hub_cache(record: ModelRecord, folder: Folder, hashes: dict[str, str]) -> bool:
    path = Path(folder.uri)
    if "://" in folder.uri or path.name != record.revision or path.parent.name != "snapshots":
        return False
    if path.parent.parent.name != "models--" + record.repo.replace("/", "--"):
        return False
    return bool(hashes) and all(is_named_by_hash(folder, name, digest) for name, digest in hashes.items())


def _listing(folder: Folder) -> dict[str, str]:
    """Name -> SHA-256 of what the mirror's own listing says, empty where there is none."""
    if not folder.exists(HASHES):
        return {}
    return {name: str(entry["sha256"]) for name, entry in folder.read_json(HASHES)["files"].items()}


def _filled_from_hub(record: ModelRecord, folder: Folder) -> bool:
    if not folder.exists(HASHES):
        return False
    told = folder.read_json(HASHES)
    return told.get("source") == f"hub {record.repo}@{record.revision}" and told.get("revision") == record.revision
