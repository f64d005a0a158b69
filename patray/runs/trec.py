"""TREC files of a run folder, for every other tool."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.files import Folder
from patray.landscapes.records import Slice, Truth
from patray.search.table import from_table
from patray.search.trec import qrels_text, run_text
from patray.tables import ranking_file


def write_trec(
    run: Folder, landscape: str, view: str, systems: Sequence[str], truth: Truth, slices: Sequence[Slice]
) -> None:
    """trec/LANDSCAPE.VIEW.SYSTEM.run of every system, with the reported queries, and trec/qrels.LANDSCAPE.SLICE.txt."""
    reported = np.zeros(len(truth.query_ids), dtype=bool)
    for part in slices:
        reported |= part.queries
        run.write_text(f"trec/qrels.{landscape}.{part.name}.txt", qrels_text(truth, part))
    for system in systems:
        table = run.read_table(ranking_file(landscape, view, system))
        depth = int(table["rank"].to_numpy().max(initial=1))
        ranking = from_table(table, truth.query_ids, truth.patent_ids, depth)
        run.write_text(f"trec/{landscape}.{view}.{system}.run", run_text(ranking, truth, reported, system))
