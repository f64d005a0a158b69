"""Filters, representatives and the dense sample."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.importers.options import Selection
from patray.importers.record import patents_table
from patray.importers.select import dense_sample, filter_rows, representatives

DATES = [datetime.date(2001, 5, 2), datetime.date(2010, 1, 1), None, None, datetime.date(2020, 1, 1)]


def table() -> pa.Table:
    return patents_table(
        {
            "patent_id": pa.array(["a", "b", "c", "d", "e"]),
            "jurisdiction": pa.array(["EP", "US", "US", None, "EP"]),
            "date": pa.array(DATES),
            "ipc": pa.array([["A46B 5/02"], [], ["G06T7/00"], [], ["A46B"]], pa.list_(pa.string())),
            "cpc": pa.array([[], ["a46b5/0204"], [], [], []], pa.list_(pa.string())),
            "kind": pa.array(["A1", "B2", "A9", None, "S1"]),
            "language": pa.array(["en", "DE", None, "ja", "en"]),
        },
        5,
    )


@pytest.mark.parametrize(
    ("selection", "kept", "reasons"),
    [
        (Selection(), "abd", {"kind A9 (search report, correction, translation, design or plant)": 1,
                              "kind S1 (search report, correction, translation, design or plant)": 1}),
        (Selection(all_kinds=True), "abcde", {}),
        (Selection(all_kinds=True, offices=("EP",)), "ae", {"other office": 3}),
        (Selection(all_kinds=True, since="2001-05-02", until="2010-01-01"), "ab",
         {"no date": 2, "date after --until": 1}),
        (Selection(all_kinds=True, languages=("en", "unknown")), "ace", {"other language": 2}),
        (Selection(all_kinds=True, codes=("A46B5",)), "ab", {"no IPC or CPC code with a chosen prefix": 3}),
    ],
)  # fmt: skip
def test_each_filter_keeps_what_it_says_and_counts_the_rest(
    selection: Selection, kept: str, reasons: dict[str, int]
) -> None:
    keep, removed = filter_rows(table(), selection)
    assert "".join(np.array(list("abcde"))[keep]) == kept
    assert dict(removed) == reasons


def test_the_representative_is_the_earliest_the_longest_or_of_the_preferred_office() -> None:
    families = np.array([0, 0, 0, 1, 1])
    dates = np.array([30, 10, 10, 2**31, 50])
    offices = np.array(["EP", "US", "WO", "JP", "KR"], dtype=object)
    chars = np.array([900, 100, 500, 70, 70])
    order = np.arange(5)

    def chosen(rule: str) -> list[int]:
        return representatives(families, dates, offices, chars, order, rule).tolist()

    assert chosen("earliest") == [1, 1, 1, 4, 4]
    assert chosen("longest") == [0, 0, 0, 4, 4]
    assert chosen("WO,EP") == [2, 2, 2, 4, 4]


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 70), st.integers(0, 5))
def test_a_sample_has_the_asked_size_and_depends_on_the_seed_alone(count: int, size: int, seed: int) -> None:
    generator = np.random.default_rng(count)
    source, target = generator.integers(0, count, (2, 80))
    chosen = dense_sample(count, source, target, size, seed)
    assert chosen.sum() == min(size, count)
    assert (chosen == dense_sample(count, source, target, size, seed)).all()


def test_a_sample_keeps_far_more_citations_than_a_uniform_draw() -> None:
    generator = np.random.default_rng(0)
    count, size = 5000, 500
    group = generator.integers(0, 100, count)
    source, target = generator.integers(0, count, (2, 60_000))
    linked = (group[source] == group[target]) | (generator.random(60_000) < 0.05)
    source, target = source[linked], target[linked]
    chosen = dense_sample(count, source, target, size, 1)
    uniform = np.zeros(count, dtype=bool)
    uniform[generator.choice(count, size, replace=False)] = True
    inside, by_chance = ((mask[source] & mask[target]).sum() for mask in (chosen, uniform))
    assert inside > 5 * by_chance
