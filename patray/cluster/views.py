"""The index of a view: which text every patent has in it, by digest, computed over the parts of a landscape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.cluster.placement import Resources
from patray.cluster.tasks import gather, in_this_process, submit
from patray.encoders.windows import ViewIndex, digests
from patray.files import Folder
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.views import View, render

HALF_CPU = Resources(cpus=0.5)
SMALL_PARTS = 16
"""Parts of a landscape (128 patents each, where there are so few) that are read here: a worker would not be up yet."""
INDEX_SECONDS = 1800.0


def _index_part(prepared: Folder, part: str, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    view = view.of(part)
    table = read_rows(prepared, part, view.sections)
    texts = render(table, view)
    ids = np.asarray(table["patent_id"].to_pylist(), dtype=object)
    return ids, digests(texts), np.array([not text for text in texts], dtype=bool)


def index_view(prepared: Folder, view: View) -> ViewIndex:
    """Render every text of the landscape in `view` once, in parallel, and keep the digests."""
    return index_views([(prepared, view)], INDEX_SECONDS)[0]


def index_views(asked: Sequence[tuple[Folder, View]], stall_seconds: float) -> list[ViewIndex]:
    """The indexes of several landscapes and views, all their parts side by side; of a small landscape right here."""
    started = []
    for prepared, view in asked:
        parts = part_names(prepared, "patents") + part_names(prepared, "queries")
        with in_this_process(len(parts) <= SMALL_PARTS):
            started += [submit(_index_part, HALF_CPU, prepared, part, view) for part in parts]
    found = iter(gather(started, "index texts", stall_seconds, "parts"))
    indexes = []
    for prepared, _ in asked:
        parts = part_names(prepared, "patents") + part_names(prepared, "queries")
        indexes.append(_joined(parts, [next(found) for _ in parts]))
    return indexes


def _joined(parts: list[str], found: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> ViewIndex:
    sizes = [len(ids) for ids, _, _ in found]
    return ViewIndex(
        parts=tuple(parts),
        ids=np.concatenate([ids for ids, _, _ in found]),
        digest=np.concatenate([digest for _, digest, _ in found]),
        empty=np.concatenate([empty for _, _, empty in found]),
        part=np.repeat(np.arange(len(parts), dtype=np.int32), sizes),
        row=np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        external=np.repeat(np.array([part.startswith("queries") for part in parts]), sizes),
    )
