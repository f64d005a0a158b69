"""What a snapshot without a hub revision holds: its identity is the hash of its files.

A checkpoint at a local path can change under its name; vectors of the old weights must not be taken for the new ones.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from patray.files import Folder
from patray.models.resolve import Snapshot

DECIDES = (".json", ".safetensors", ".txt", ".model", ".jinja", ".py")
"""Endings of the files that a vector can depend on: weights, configurations, tokenizers, code."""


def snapshot_content(snapshot: Snapshot) -> str:
    """32 hex digits over the names and bytes of a snapshot's files, subfolders included."""
    folder = Folder.at(snapshot.location)
    names = [name for name in folder.walk() if name.endswith(DECIDES) and PurePosixPath(name).name != "artifact.json"]
    total = hashlib.blake2b(digest_size=16)
    for name in names:
        with folder.input(name) as stream:
            data = hashlib.blake2b(digest_size=16)
            while chunk := stream.read(1 << 22):
                data.update(chunk)
        total.update(f"{name}\0".encode() + data.digest())
    return total.hexdigest()
