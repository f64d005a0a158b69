"""Systems that rank in one task: fusions, runs made elsewhere, and kinds of other packages.

What a system is given to rank from is read where the task runs.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from patray.artifacts import read_sealed, write_sealed
from patray.cluster.score import Scored
from patray.cluster.search import Place
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.texts import texts_of
from patray.landscapes.views import View
from patray.search.table import SPLIT, from_table, to_table
from patray.systems.base import RankTask, System, rank_checked


def rank_in_one_task(
    run: Folder, place: Place, prepared: Folder, view: View, truth: Truth, query_split: np.ndarray, system: System,
    measure: str, depth: int, *after: object,
) -> tuple[dict[str, Any], Scored]:  # fmt: skip
    """Rank and save; (what the step's record gets, what was tuned). `after`: results of its parts, saved before."""
    begin = time.perf_counter()
    tables = [read_sealed(run, Place(place.landscape, place.view, name).file) for name in system.parts]
    task = RankTask(
        place.landscape, place.view, place.system, truth, query_split, measure, depth,
        documents=lambda: texts_of(prepared, view, truth.patent_ids),
        queries=lambda: texts_of(prepared, view, truth.query_ids, truth.query_in_corpus < 0),
        parts=[from_table(table, truth.query_ids, truth.patent_ids, depth) for table in tables],
    )  # fmt: skip
    ranked = rank_checked(system, task)
    write_sealed(run, place.file, to_table(ranked.ranking, truth.query_ids, truth.patent_ids), SPLIT)
    step = {"queries": len(truth.query_ids), "seconds": time.perf_counter() - begin, "notes": list(ranked.notes)}
    return step | dict(ranked.facts), Scored(tuning=list(ranked.tuning))
