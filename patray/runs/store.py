"""Names of artifacts: folders called by a hash of what decides their content. `artifacts.py` says when one is whole."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from patray.artifacts import RECORD, complete, is_complete, read_record
from patray.files import Folder

__all__ = ["RECORD", "complete", "fingerprint", "is_complete", "key_of", "read_record"]


def key_of(fields: dict[str, Any]) -> str:
    """16 hex digits from the canonical JSON of `fields`. Put in what decides the content, never where it is made."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(canonical.encode("utf-8"), digest_size=8).hexdigest()


def fingerprint(folder: Folder, names: list[str]) -> str:
    """32 hex digits over the names and bytes of files inside `folder`."""
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(names):
        total.update(f"{name}\0{folder.size(name)}\0".encode())
        with folder.input(name) as stream:
            while chunk := stream.read(1 << 22):
                total.update(chunk)
    return total.hexdigest()
