"""Windows: which inputs are encoded together, decided from the data alone.

A window is one part of the prepared landscape: a fixed number of patents in a fixed order. It is the unit of work, of
resume and of one file of vectors, so the same inputs meet in the same batches for any number of workers and after any
kill. Identical texts are encoded once, in the window of the first; every patent with that text gets the vector.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from patray.models.identity import vector_facts
from patray.models.record import ModelRecord, Role


@dataclass(frozen=True)
class ViewIndex:
    """All texts of one landscape in one view, by digest; no text is held.

    ids (M,) str; digest (M,) V16, blake2b of the rendered text; empty (M,) bool, no text in any section of the view;
    part (M,) int32 position in `parts`; row (M,) int32 position in that part; external (M,) bool: a query document
    outside the corpus. parts: file names inside the prepared folder.
    """

    parts: tuple[str, ...]
    ids: np.ndarray
    digest: np.ndarray
    empty: np.ndarray
    part: np.ndarray
    row: np.ndarray
    external: np.ndarray

    def inputs_hash(self, chosen: np.ndarray) -> str:
        """32 hex digits over the chosen ids and their texts (`chosen` (M,) bool)."""
        total = hashlib.blake2b(digest_size=16)
        total.update("\0".join(self.ids[chosen].tolist()).encode("utf-8"))
        total.update(np.ascontiguousarray(self.digest[chosen]).tobytes())
        return total.hexdigest()


@dataclass(frozen=True)
class Window:
    """name: of the file of vectors; source: the part to read; rows: int32 positions in it whose texts are encoded;
    members: for each row the ids of all patents with that text."""

    name: str
    source: str
    rows: np.ndarray
    members: list[list[str]]


def digests(texts: list[str]) -> np.ndarray:
    """(n,) V16: blake2b-128 of each text's UTF-8 bytes."""
    raw = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest() for text in texts)
    return np.frombuffer(raw, dtype="V16")


def plan_windows(index: ViewIndex, chosen: np.ndarray) -> list[Window]:
    """The windows of the chosen inputs (`chosen` (M,) bool), every chosen id in exactly one window."""
    positions = np.flatnonzero(chosen)
    _, first, inverse = np.unique(index.digest[positions], return_index=True, return_inverse=True)
    owner = positions[first][inverse]  # for each chosen input the position of the first one with the same text
    order = np.lexsort((positions, owner))
    positions, owner = positions[order], owner[order]
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else np.array([], dtype=np.int64)
    groups = np.split(index.ids[positions], starts[1:]) if len(owner) else []
    heads = owner[starts]
    windows = []
    for part in np.unique(index.part[heads]):
        mine = np.flatnonzero(index.part[heads] == part)
        windows.append(
            Window(
                name=index.parts[part].replace("/", "-"),
                source=index.parts[part],
                rows=index.row[heads[mine]].astype(np.int32),
                members=[groups[i].tolist() for i in mine],
            )
        )
    return windows


def embedding_identity(
    record: ModelRecord, engine: str, role: Role, inputs_hash: str, content: str | None = None
) -> dict[str, object]:
    """Everything that decides the vectors of one artifact. Batch size, GPU and worker count are not in it.

    The view is in it through the texts themselves: two views that render the same texts share vectors. `content`: what
    the model's files are, see `models.content.identify`.
    """
    return {
        **vector_facts(record, (role,)),
        "content": content,
        "inputs": inputs_hash,
        "role": role,
        "prompt": record.prompts.of(role),
        "normalisation": "none" if record.kind == "sparse" else "l2",
        "truncation_side": "right",
        "stored": "float16" if record.kind == "late-interaction" else "float32",
        "engine": engine,
        "format": 2,
    }
