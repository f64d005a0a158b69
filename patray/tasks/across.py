"""What every comparison was on several landscapes, and what it may be on one more."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from patray.statistics.unseen import unseen
from patray.tables import ACROSS

PAIR = ("family", "task", "view", "slice", "metric", "system_a", "system_b")


def across_landscapes(comparisons: pa.Table, level: float = 0.95) -> pa.Table:
    """The table `tables.ACROSS`: a row for each pair of a family that met on two landscapes or more.

    comparisons: of the schema `tables.COMPARISONS`. A comparison without a difference (no common item) is no landscape.
    For example a family of 23 systems on four landscapes: 253 rows, each of four differences. Nothing is corrected for
    the number of rows.
    """
    found: dict[tuple[str, ...], list[dict[str, float]]] = {}
    for row in comparisons.select([*PAIR, "diff", "n"]).to_pylist():
        if row["diff"] is not None:
            found.setdefault(tuple(row[name] for name in PAIR), []).append(row)
    rows = []
    for pair, met in found.items():
        if len(met) < 2:
            continue
        differences = np.array([row["diff"] for row in met])
        seen = unseen(differences, level)
        rows.append(
            {
                **dict(zip(PAIR, pair, strict=True)),
                "landscapes": seen.k,
                "above": int((differences > 0).sum()),
                "fewest": int(min(row["n"] for row in met)),
                "diff": seen.mean,
                "sd": seen.sd,
                "ci_low": seen.low,
                "ci_high": seen.high,
                "new_low": seen.new_low,
                "new_high": seen.new_high,
            }
        )
    columns = [pa.array([row[field.name] for row in rows], field.type, from_pandas=True) for field in ACROSS]
    return pa.Table.from_arrays(columns, schema=ACROSS)
