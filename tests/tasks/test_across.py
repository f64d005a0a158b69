"""Pairs over landscapes: sums by hand, the judge's own table, and a report that says what few landscapes can say."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from patray.statistics.draws import Draws
from patray.statistics.unseen import unseen
from patray.tables import ACROSS, COMPARISONS, ITEMS
from patray.tasks.across import across_landscapes
from patray.tasks.comparisons import ComparisonFamily, compare
from patray.tasks.scores import MeanScore, Score, Where

GAPS = {"one": 0.05, "two": 0.02, "three": 0.04, "four": -0.01}


def comparisons(names: list[str], systems: tuple[str, ...] = ("a", "b")) -> pa.Table:
    scores: list[Score] = []
    rows = []
    for name in names:
        n = 40 + len(name)
        ids = np.array([f"{name}{at}" for at in range(n)], object)
        rows += [(name, item, item) for item in ids]
        base = np.random.default_rng(len(name)).beta(1, 1, n)
        for place, system in enumerate(systems):
            values = base - place * GAPS[name]
            scores.append(MeanScore(Where("retrieval", name, "ta", system, "all"), "nDCG@10", ids, values))
    items = pa.table([list(column) for column in zip(*rows, strict=True)], schema=ITEMS)
    return compare(scores, items, [ComparisonFamily("f", "retrieval", "nDCG@10")], Draws(resamples=50, flips=50))


def test_a_row_a_pair_with_its_landscapes() -> None:
    table = across_landscapes(comparisons(list(GAPS)))
    assert table.schema == ACROSS
    (row,) = table.to_pylist()
    oracle = unseen(np.array(list(GAPS.values())))
    assert (row["landscapes"], row["above"], row["fewest"]) == (4, 3, 43)
    assert (row["diff"], row["sd"]) == pytest.approx((oracle.mean, oracle.sd))
    assert (row["new_low"], row["new_high"]) == pytest.approx((oracle.new_low, oracle.new_high))


def test_two_landscapes_have_a_row_without_an_interval_and_one_has_none() -> None:
    (row,) = across_landscapes(comparisons(["one", "two"])).to_pylist()
    assert row["landscapes"] == 2
    assert [row[name] for name in ("ci_low", "ci_high", "new_low", "new_high")] == [None] * 4
    assert across_landscapes(comparisons(["one"])).num_rows == 0
    assert across_landscapes(COMPARISONS.empty_table()).schema == ACROSS


def test_every_pair_of_three_systems() -> None:
    rows: list[dict[str, Any]] = across_landscapes(comparisons(["one", "two", "three"], ("a", "b", "c"))).to_pylist()
    assert [(row["system_a"], row["system_b"]) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert rows[1]["diff"] == pytest.approx(2 * rows[0]["diff"])
