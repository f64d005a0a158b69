"""What a snapshot without a hub revision holds: its identity is the hash of its files.

A checkpoint at a local path can change under its name; vectors of the old weights must not be taken for the new ones.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import pyarrow.fs as pafs

from patray.files import Folder
from patray.models.resolve import Snapshot

DECIDES = (".json", ".safetensors", ".txt", ".model", ".jinja", ".py")
"""Endings of the files that a vector can depend on: weights, configurations, tokenizers, code."""


def snapshot_content(snapshot: Snapshot) -> str:
    """32 hex digits over the names and bytes of a snapshot's files, subfolders included."""
    filesystem, root = Folder.at(snapshot.location)._open()
    entries = filesystem.get_file_info(pafs.FileSelector(root, recursive=True))
    names = sorted(
        str(PurePosixPath(entry.path).relative_to(root))
        for entry in entries
        if entry.type == pafs.FileType.File and entry.path.endswith(DECIDES) and entry.base_name != "artifact.json"
    )
    total = hashlib.blake2b(digest_size=16)
    for name in names:
        with filesystem.open_input_stream(f"{root}/{name}") as stream:
            data = hashlib.blake2b(digest_size=16)
            while chunk := stream.read(1 << 22):
                data.update(chunk)
        total.update(f"{name}\0".encode() + data.digest())
    return total.hexdigest()
