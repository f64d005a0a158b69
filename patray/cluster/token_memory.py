"""What the token vectors of late interaction will take, counted from the texts' tokens before anything is encoded.

One text has a vector for each of its tokens (less punctuation where the model skips it), so a landscape needs a
hundred times the room of dense vectors. The texts are tokenised once for the count, which costs little beside encoding
them; then disk and memory are compared with what there is.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patray.cluster.growth import nodes
from patray.cluster.placement import Resources
from patray.cluster.tasks import gather, submit
from patray.cluster.tokenizers import late_tokenizer
from patray.encoders.late_interaction import LateTokenizer, token_limit
from patray.encoders.token_vectors import BYTES
from patray.encoders.windows import Window
from patray.errors import ResourceError
from patray.files import Folder
from patray.landscapes.load import read_rows
from patray.landscapes.views import View, render
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot
from patray.progress import say

SHARD_BYTES = 1 << 30
"""Token vectors of one shard of a search, where the parts are not larger themselves."""
COUNT_SECONDS = 1800.0
"""How long the count may wait for room."""
ACTOR_BYTES = 512 << 20
"""What a search actor needs beside vectors: libraries, one block of scores."""


@dataclass(frozen=True)
class TokenCount:
    """What one artifact holds: patents and token vectors of each part (window)."""

    patents: tuple[int, ...]
    vectors: tuple[int, ...]


def count_vectors(tokenizer: LateTokenizer, record: ModelRecord, role: Role, ids: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) int64: vectors of each text, from its token ids. Expanded queries all have the query length."""
    if role == "query" and record.expansion_attended is not None:
        return np.full(len(ids), token_limit(record, role), np.int64)
    skipped = tokenizer.skipped() if record.punctuation_skipped and role != "query" else np.empty(0, np.int32)
    return np.array([len(tokens) - int(np.isin(tokens, skipped).sum()) for tokens in ids], np.int64)


def _count_window(
    prepared: Folder, view: View, window: Window, record: ModelRecord, snapshot: Snapshot, role: Role
) -> int:
    shown = view.of(window.source)
    texts = render(read_rows(prepared, window.source, shown.sections, window.rows), shown)
    tokenizer = late_tokenizer(record, snapshot, role)
    counts = count_vectors(tokenizer, record, role, tokenizer(texts, record.prompts.of(role)).ids)
    return int((counts * [len(ids) for ids in window.members]).sum())


def count_token_vectors(
    prepared: Folder, view: View, windows: Sequence[Window], record: ModelRecord, snapshot: Snapshot, role: Role
) -> TokenCount:
    """Token vectors that an artifact will hold, by tokenising its texts. An upper bound where the record does not
    know whether punctuation is skipped."""
    counted = [
        submit(_count_window, Resources(cpus=1), prepared, view, window, record, snapshot, role) for window in windows
    ]
    vectors = gather(counted, f"count token vectors of {record.name}", COUNT_SECONDS, "windows")
    return TokenCount(tuple(sum(len(ids) for ids in window.members) for window in windows), tuple(vectors))


def plan_shards(sizes: Sequence[int], at_least: int) -> list[list[int]]:
    """Positions of parts of `sizes` bytes, put into shards of about equal size: `at_least`, or as many as keep one at
    SHARD_BYTES; never more than parts."""
    number = min(len(sizes), max(at_least, math.ceil(sum(sizes) / SHARD_BYTES)))
    shards: list[list[int]] = [[] for _ in range(number)]
    filled = [0] * number
    for part in sorted(range(len(sizes)), key=lambda at: (-sizes[at], at)):
        lightest = filled.index(min(filled))
        shards[lightest].append(part)
        filled[lightest] += sizes[part]
    return [sorted(shard) for shard in shards]


def search_bytes(sizes: Sequence[int], shards: Sequence[Sequence[int]]) -> int:
    """Memory of one search actor: its largest shard, the part that is being read (as a table and as bytes), and
    ACTOR_BYTES."""
    return max(sum(sizes[part] for part in shard) for shard in shards) + 2 * max(sizes) + ACTOR_BYTES


def state_token_memory(label: str, count: TokenCount, record: ModelRecord, workdir: Folder, shards: int | None) -> None:
    """Say what the vectors take on disk and in memory; ResourceError, with what to do, when they cannot fit."""
    width = record.dimension * BYTES
    sizes = [vectors * width for vectors in count.vectors]
    total, patents = sum(sizes), sum(count.patents)
    there = nodes()
    plan = plan_shards(sizes, shards or max(1, int(sum(node.cpus for node in there))))
    held = search_bytes(sizes, plan)
    say(
        f"{label}: {patents:,} patents make {sum(count.vectors):,} token vectors, "
        f"{sum(count.vectors) / max(1, patents):.1f} each, of {record.dimension} float16 numbers: {megabytes(total)} "
        f"on disk before compression; an encoder actor holds {megabytes(4 * max(sizes))} for its largest window, "
        f"a search actor {megabytes(held)} for the largest of {len(plan)} shards"
    )
    if workdir.is_local:
        free = shutil.disk_usage(_existing(workdir.uri)).free
        if total > free:
            raise ResourceError(
                f"{label}: the token vectors take {megabytes(total)}, but {workdir} has {megabytes(free)} free. Take "
                "another --workdir, a shorter view, or a record with fewer document_tokens."
            )
    most = max((node.memory for node in there), default=0.0)
    if held > most:
        raise ResourceError(
            f"{label}: searching one shard of token vectors takes {megabytes(held)} of memory, but the largest node "
            f"of this cluster offers {megabytes(most)}. Add a larger node, or set more `search.shards`."
        )


def megabytes(size: float) -> str:
    """Bytes in words: 12.3 MB."""
    return f"{size / 1e6:,.1f} MB"


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
