"""SHA-256 of the files of a snapshot that can decide a vector: weights, configurations, tokenizers, code.

`{"config.json": "953f...", "model.safetensors": "53aa...", ...}`. What is named here as deciding nothing is left out;
any other file counts, so a file of a kind that nobody thought of is hashed rather than forgotten.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath

from patray.errors import ModelError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.models.stated import PICKLES
from patray.yaml_source import load_yaml

HASHES = "sha256.json"
"""What `patray models mirror` writes beside the files of a mirror."""
LEFT_OUT = (*PICKLES, ".h5", ".msgpack", ".onnx", ".ot", ".gguf", ".tflite", ".lock", ".metadata")
"""Endings of files that no engine of patray loads."""
LEFT_OUT_FOLDERS = {".git", ".cache", "onnx", "openvino", "coreml", "original", "__pycache__"}
TOLD_ABOUT = (".md", ".png", ".jpg", ".jpeg", ".svg", ".gif", ".pdf", ".parquet", ".log")
"""Endings of files that tell people about a model."""
WRITTEN_BESIDE = {HASHES, "artifact.json", "record.yaml", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY"}
"""Files that patray or the authors put beside a model and no engine reads."""
READERS = 4
"""Files that are read at once: hashing runs outside Python's lock."""


def deciding_files(record: ModelRecord, folder: Folder) -> list[str]:
    """Names of the files below `folder` that a vector can depend on, sorted. Code counts where the record names code:
    any other is never run."""
    return [name for name in folder.walk() if _decides(record, PurePosixPath(name))]


def _decides(record: ModelRecord, name: PurePosixPath) -> bool:
    if any(part.startswith(".") for part in name.parts) or LEFT_OUT_FOLDERS & set(name.parts[:-1]):
        return False
    if name.name in WRITTEN_BESIDE or name.name.lower().endswith((*LEFT_OUT, *TOLD_ABOUT)):
        return False
    return name.suffix != ".py" or record.remote_code is not None


def is_weights(name: str) -> bool:
    """Whether a file holds weights: large, and of no concern to a tokenizer."""
    return name.endswith(".safetensors")


def hash_files(folder: Folder, names: Iterable[str]) -> dict[str, str]:
    """Name -> SHA-256 in hex of files below `folder`, read through and through each time: a file that was exchanged can
    have its old size and times. About 0.5 to 2 GB/s a core."""
    wanted = list(names)
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(wanted, pool.map(lambda name: hash_file(folder, name), wanted), strict=True))


def hash_file(folder: Folder, name: str) -> str:
    """SHA-256 in hex of one file."""
    return folder.fold(name, hashlib.sha256, lambda digest, piece: digest.update(piece)).hexdigest()


def git_blob_hash(folder: Folder, name: str) -> str:
    """The hash by which git, and the hub's cache, names a file that is no LFS object."""
    data = folder.read_bytes(name)
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@cache
def pinned_files() -> dict[str, dict[str, str]]:
    """REPO@REVISION -> name -> SHA-256 of every deciding file, for the revisions that somebody has hashed."""
    text = resources.files("patray.models").joinpath("pinned_files.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = load_yaml(text)
    return found


def verify_fetched(record: ModelRecord, path: Path, weights: bool = True) -> None:
    """ModelError where a file that the hub's client holds is not what its name in the cache says.

    The client checks the size of what it fetched and nothing of what it finds. weights: False leaves out the large
    ones.
    """
    folder = Folder.at(path)
    names = [name for name in deciding_files(record, folder) if weights or not is_weights(name)]
    known = pinned_files().get(f"{record.repo}@{record.revision}", {})
    wrong = [
        name
        for name, digest in hash_files(folder, names).items()
        if known.get(name) != digest and not is_named_by_hash(folder, name, digest)
    ]
    if wrong:
        raise ModelError(
            f"model {record.name}: {path}: {', '.join(wrong)} of the hub's cache does not have the hash that its name "
            "says: it is damaged, or links are not kept there. Delete that folder and fetch it again, or give it as "
            "the model's `path`, which is known by its content"
        )


def is_named_by_hash(folder: Folder, name: str, digest: str) -> bool:
    """Whether a file is a link to a blob that is named by its hash: SHA-256 for LFS objects, git's own for others."""
    path = Path(folder.uri) / name
    if not path.is_symlink():
        return False
    blob = path.resolve().name
    return blob == digest or (re.fullmatch("[0-9a-f]{40}", blob) is not None and blob == git_blob_hash(folder, name))
