"""Does tuning at home hurt the stronger bases more abroad? The order of bases by score against that by their change.

The base's score stands in both, so a base that was lucky on these queries seems both stronger and more hurt; with many
queries this is little. Few bases can show no order: the smallest p of 3 is 1/3, of 4 it is 1/12, of 5 it is 1/60.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa

from patray.statistics.bootstrap import interval
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.rank import kendall_rows, order_p
from patray.statistics.resample import bootstrap_weights, cached_block, recompute
from patray.tables import TRENDS
from patray.tasks.comparisons import ComparisonFamily
from patray.tasks.joint import shared
from patray.tasks.populations import Catalogue
from patray.tasks.resampled import whole
from patray.tasks.scale import FEWEST
from patray.tasks.scores import Score
from patray.tasks.verdicts import Cell, Made, cells_of


def trends(
    scores: Sequence[Score],
    items: pa.Table,
    families: Sequence[ComparisonFamily],
    made: Mapping[str, Made],
    controls: Collection[str] = (),
    draws: Draws = DEFAULT_DRAWS,
) -> pa.Table:
    """The table `tables.TRENDS`: a row a family between `bases`, view and home with at least `scale.FEWEST` bases.

    Over the foreign cells (task and landscape) in which all bases were tuned by the same recipes: mean base score, and
    mean change over recipes, seed means first. tau is Kendall's tau-b of the two; its interval redraws the items of
    every cell, p deals the changes to the bases again. controls: recipes that are left out.
    """
    catalogue = Catalogue.of(items)
    placed = [catalogue.place(score) for score in scores]
    rows = []
    for family in families:
        if family.between != "bases":
            continue
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells_of(family, placed, made):
            for home in dict.fromkeys(home for _, _, home in cell.tuned):
                if home != cell.landscape:
                    groups.setdefault((cell.view, home), []).append(cell)
        for (view, home), cells in groups.items():
            found = _trend(cells, home, family.metric, catalogue, controls, draws)
            if found is not None:
                where = {"family": family.name, "view": view, "metric": family.metric, "home": home}
                rows.append(where | found)
    return pa.Table.from_pylist(rows, schema=TRENDS)


def _trend(
    cells: Sequence[Cell],
    home: str,
    metric: str,
    catalogue: Catalogue,
    controls: Collection[str],
    draws: Draws,
) -> dict[str, object] | None:
    kept = [_recipes(cell, home, controls) for cell in cells]
    bases = [base for base in kept[0] if all(other.get(base) for other in kept)]
    recipes = set.intersection(*(other[base] for other in kept for base in bases)) if bases else set()
    if len(bases) < FEWEST or not recipes:
        return None
    landscapes = list(dict.fromkeys(cell.landscape for cell in cells))
    values, drawn, families = [], [], []
    for cell in cells:
        chosen = [(base, recipe) for base in bases for recipe in sorted(recipes)]
        seeds = [cell.tuned[base, recipe, home] for base, recipe in chosen]
        sides = [cell.bases[base] for base in bases] + [side for listed in seeds for side in listed]
        found = shared(sides, metric, catalogue)
        if found is None:
            continue
        statistic, within = found
        fold = _fold(len(bases), len(recipes), [len(listed) for listed in seeds])
        count = within.families.count
        # Cells of one landscape share draws where they share items; those of others are independent.
        blocks = bootstrap_weights(
            count, draws.resamples, draws.seed + landscapes.index(cell.landscape), cached_block(count)
        )
        (replicates,) = recompute(blocks, [statistic])
        values.append(whole(statistic, within) @ fold)
        drawn.append(replicates @ fold)
        families.append(count)
    if not values:
        return None
    value, replicates = np.mean(values, axis=0), np.mean(drawn, axis=0)
    half = len(bases)
    tau = kendall_rows(value[None, :half], value[None, half:])
    low, high = interval(
        kendall_rows(replicates[:, :half], replicates[:, half:])[:, None], tau, min(families), draws.level
    )
    p = order_p(value[:half], value[half:], np.zeros(half), draws.seed)
    return {
        "bases": half, "cells": len(values), "tau": _number(tau[0]), "ci_low": _number(low[0]),
        "ci_high": _number(high[0]), "p": p if np.isfinite(tau[0]) else None,
    }  # fmt: skip


def _recipes(cell: Cell, home: str, controls: Collection[str]) -> dict[str, set[str]]:
    """The recipes, without controls, by which each base of a cell was tuned at a home."""
    tuned = [(base, recipe) for base, recipe, at in cell.tuned if at == home and recipe not in controls]
    return {base: {recipe for of, recipe in tuned if of == base} for base in cell.bases}


def _fold(bases: int, recipes: int, seeds: Sequence[int]) -> np.ndarray:
    """Matrix (bases + sum of seeds, 2 bases) from scores to base scores and mean changes."""
    matrix = np.zeros((bases + sum(seeds), 2 * bases))
    at = bases
    for base in range(bases):
        matrix[base, base], matrix[base, bases + base] = 1.0, -1.0
        for number in seeds[base * recipes : (base + 1) * recipes]:
            matrix[at : at + number, bases + base] = 1.0 / (number * recipes)
            at += number
    return matrix


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
