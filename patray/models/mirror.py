"""Fill a mirror: a folder or bucket with MIRROR/org--name/REVISION/ for each model, from which runs need no hub.

Each model comes from an explicit path, else from the hub at the pinned revision, else from an installed package. Only
what a run loads is copied: safetensors, configs, tokenizer, Python code that the record allows. Files are uploaded one
by one and each is whole or absent, so a stopped call goes on where it was; `sha256.json`, with the hash of every file,
is written last, and `config.json`, by which a run finds the model, just before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.errors import ConflictError, ModelError
from patray.files import Folder
from patray.models.hashes import HASHES, LEFT_OUT, LEFT_OUT_FOLDERS, hash_file, verify_fetched
from patray.models.record import ModelRecord
from patray.models.resolve import fetch_from_hub, find_snapshot, mirror_folder
from patray.models.verify import verify

FOUND_BY = "config.json"


@dataclass(frozen=True)
class Mirrored:
    """What was done for one model. copied, kept: numbers of files; size: bytes of all; source: where they came from.

    remarks: differences between record and files, and what a machine without the hub would still lack.
    """

    model: str
    folder: Folder
    source: str
    copied: int
    kept: int
    size: int
    remarks: tuple[str, ...] = ()


def mirror_model(record: ModelRecord, destination: str, path: str | None = None, offline: bool = False) -> Mirrored:
    """Copy one model's snapshot into the mirror `destination`, unless it is there whole.

    `offline` leaves the hub out. Raises ModelError where no source has the model, or has another revision of it or
    weights that patray does not load; ConflictError where the mirror holds a file of another content; ResourceError
    where it cannot be written. Other differences from the record are remarks: the files are the authors'.
    """
    target = mirror_folder(record, destination)
    if target.exists(HASHES) and path is None:
        known: dict[str, Any] = target.read_json(HASHES)
        _check_complete(target, known["files"])
        size = sum(entry["bytes"] for entry in known["files"].values())
        return Mirrored(record.name, target, "the mirror itself", 0, len(known["files"]), size, _code_elsewhere(record))
    folder, source = _source(record, path, offline)
    differences = verify(record, folder)
    fatal = [item for item in differences if item.what == "revision" or item.what.startswith("weights")]
    if fatal:
        raise ModelError(f"model {record.name}: {folder} is not mirrored: {'; '.join(map(str, fatal))}")
    remarks = (*map(str, differences), *_code_elsewhere(record))
    return _copy(record, folder, source, target.make(), remarks)


def _source(record: ModelRecord, path: str | None, offline: bool) -> tuple[Path, str]:
    """A local folder with the snapshot and the words for where it came from."""
    if path is not None:
        found = find_snapshot(record, path, None, allow_hub=False)
        return Path(found.location), f"path {found.location}"
    if record.revision == "local":
        reason = "its record names no revision of the hub"
    elif offline:
        reason = "the hub was left out (--offline)"
    else:
        try:
            fetched = fetch_from_hub(record)
            verify_fetched(record, fetched)
            return fetched, f"hub {record.repo}@{record.revision}"
        except ModelError as error:
            if record.package is None:
                raise
            reason = str(error)
    if record.package is None:
        raise ModelError(
            f"model {record.name} cannot be mirrored: {reason}. Give a downloaded snapshot with --path, or run the "
            "same command on a machine that reaches the hub, with a DEST that both machines see"
        )
    try:
        found = find_snapshot(record, None, None, allow_hub=False)
    except ModelError as error:
        raise ModelError(f"{reason}. And: {error}") from error
    return Path(found.location), found.found


def _code_elsewhere(record: ModelRecord) -> tuple[str, ...]:
    code = record.remote_code
    if code is None or code.repo in (None, record.repo):
        return ()
    return (
        f"its Python code lies in another repository, {code.repo}, which this mirror does not hold: an engine that "
        "runs that code fetches it from the hub",
    )


def _copy(record: ModelRecord, folder: Path, source: str, target: Folder, remarks: tuple[str, ...]) -> Mirrored:
    names = sorted(_wanted(record, folder), key=lambda name: (name == FOUND_BY, name))
    partial = {name: target.size(name) for name in names if target.exists(name)}
    known: dict[str, Any] = target.read_json(HASHES)["files"] if target.exists(HASHES) else {}
    files: dict[str, dict[str, Any]] = {}
    copied = kept = 0
    for name in names:
        size, digest = (folder / name).stat().st_size, hash_file(Folder.at(folder), name)
        files[name] = {"bytes": size, "sha256": digest}
        if name in partial:
            there = known[name]["sha256"] if name in known else hash_file(target, name)
            if there != digest:
                raise ConflictError(
                    f"{target}/{name}: holds another content ({there[:12]}...) than {source} ({digest[:12]}...); "
                    "delete that folder of the mirror to fill it again"
                )
            kept += 1
            continue
        target.upload(name, str(folder / name))
        copied += 1
    if known != files:
        target.write_json(HASHES, {"repo": record.repo, "revision": record.revision, "source": source, "files": files})
    size = sum(int(entry["bytes"]) for entry in files.values())
    return Mirrored(record.name, target, source, copied, kept, size, remarks)


def _wanted(record: ModelRecord, folder: Path) -> Iterator[str]:
    """Names of the files that a run can need, relative to the snapshot."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or path.name.startswith(".") or LEFT_OUT_FOLDERS & set(name.parts[:-1]):
            continue
        if path.name.lower().endswith(LEFT_OUT) or name.as_posix() == HASHES:
            continue
        if path.suffix == ".py" and record.remote_code is None:
            continue  # code that no record names is never run, so it is not spread either
        yield name.as_posix()


def _check_complete(target: Folder, files: dict[str, Any]) -> None:
    lost = [name for name, entry in files.items() if not target.exists(name) or target.size(name) != entry["bytes"]]
    if lost:
        raise ConflictError(
            f"{target}: {HASHES} lists {', '.join(lost)}, which is missing there or of another size; "
            "delete that folder of the mirror to fill it again"
        )
