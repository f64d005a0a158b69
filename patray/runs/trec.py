"""TREC files of a run, for every other tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from patray.artifacts import read_sealed
from patray.files import Folder
from patray.landscapes.records import Slice, Truth
from patray.search.table import from_table
from patray.search.trec import qrels_text, run_lines
from patray.tables import ranking_file


def write_trec(
    run: Folder,
    target: Folder,
    landscape: str,
    view: str,
    systems: Sequence[str],
    truth: Truth,
    slices: Sequence[Slice],
) -> int:
    """LANDSCAPE.VIEW.SYSTEM.run of every system of a run, with the reported queries, and qrels.LANDSCAPE.SLICE.txt.

    A ranking is held at a time, and its lines are written as they are made. Returns the number of files.
    """
    reported = np.zeros(len(truth.query_ids), dtype=bool)
    for part in slices:
        reported |= part.queries
        target.write_text(f"qrels.{landscape}.{part.name}.txt", qrels_text(truth, part))
    for system in systems:
        table = read_sealed(run, ranking_file(landscape, view, system))
        depth = int(table["rank"].to_numpy().max(initial=1))
        ranking = from_table(table, truth.query_ids, truth.patent_ids, depth)
        del table
        lines = run_lines(ranking, truth, reported, system)

        def write(sink: Any) -> None:
            for text in lines:  # noqa: B023 - written before the next system
                sink.write(text.encode("utf-8"))

        target.publish(f"{landscape}.{view}.{system}.run", write)
    return len(slices) + len(systems)
