"""The index of a view: which text every patent has in it, by digest, computed over the parts of a landscape."""

from __future__ import annotations

import numpy as np
import ray

from patray.encoders.windows import ViewIndex, digests
from patray.files import Folder
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.views import View, render


@ray.remote(num_cpus=0.5)
def _index_part(prepared: Folder, part: str, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    view = view.of(part)
    table = read_rows(prepared, part, view.sections)
    texts = render(table, view)
    ids = np.asarray(table["patent_id"].to_pylist(), dtype=object)
    return ids, digests(texts), np.array([not text for text in texts], dtype=bool)


def index_view(prepared: Folder, view: View) -> ViewIndex:
    """Render every text of the landscape in `view` once, in parallel, and keep the digests."""
    parts = part_names(prepared, "patents") + part_names(prepared, "queries")
    found = ray.get([_index_part.remote(prepared, part, view) for part in parts])
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
