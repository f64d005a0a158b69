"""Fused systems: made from saved rankings, the weight of a linear fusion tuned on validation queries alone."""

from __future__ import annotations

import numpy as np

from patray.artifacts import read_sealed, write_sealed
from patray.cluster.score import Scored
from patray.cluster.search import Place
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.splits import SPLITS
from patray.metrics.measures import parse_measure
from patray.runs.systems import SystemEntry
from patray.search.fusion import linear, rrf, tune_weight
from patray.search.table import SPLIT, from_table, to_table


def fuse(
    run: Folder,
    place: Place,
    truth: Truth,
    query_split: np.ndarray,
    system: SystemEntry,
    measure: str,
    depth: int,
    *after: object,
) -> Scored:
    """Fuse and save the ranking; returns what was tuned. `after`: results of its parts, which must be saved before."""
    parts = [
        from_table(
            read_sealed(run, Place(place.landscape, place.view, name).file), truth.query_ids, truth.patent_ids, depth
        )
        for name in system.parts
    ]
    tuning, notes = [], []
    if system.rrf is not None:
        ranking = rrf(parts, int(str(system.k)), depth)
    else:
        validation = query_split == SPLITS.index("validation")
        weight = 0.5
        if validation.any():
            tuned = tune_weight(parts[0], parts[1], truth, validation, parse_measure(measure))
            weight = tuned.weight
            tuning = tuned.rows(place.landscape, place.view, place.system)
        else:
            notes.append(
                f"{place.landscape}: {place.system} has no validation query to tune its weight on; it is left at 0.5"
            )
        ranking = linear(parts[0], parts[1], weight, depth)
    write_sealed(run, place.file, to_table(ranking, truth.query_ids, truth.patent_ids), SPLIT)
    return Scored([], tuning, notes)
