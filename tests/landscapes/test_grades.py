"""Grades of qrels: which spellings are whole numbers, and what is said of the others."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.landscapes.grades import parse_grade, parse_grades


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("1", 1), ("1.0", 1), (" 2. ", 2), ("1e0", 1), ("+3", 3), ("-1", -1), ("-1.0", -1), ("-0.0", 0), ("0.30e1", 3),
        (2.0, 2), (Decimal("1.00"), 1), (7, 7), ("2147483647", 2147483647), ("-2147483648", -2147483648),
    ],
)  # fmt: skip
def test_whole_numbers_are_grades_however_they_are_written(said: Any, grade: int) -> None:
    assert parse_grade(said) == grade


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("0.5", "relevance is not a whole number: '0.5'"),
        ("1.0000000000000000001", "relevance is not a whole number: '1.0000000000000000001'"),
        ("nan", "relevance is not a whole number: 'nan'"),
        (float("nan"), "relevance is not a whole number: 'nan'"),
        (float("inf"), "relevance is not a whole number: 'inf'"),
        ("", "relevance is not a whole number: ''"),
        ("1_0", "relevance is not a whole number: '1_0'"),
        ("\u0661", "relevance is not a whole number: '\u0661'"),
        (None, "relevance is missing"),
        ("2147483648", "relevance is beyond int32: '2147483648'"),
        (3e9, "relevance is beyond int32: '3000000000.0'"),
        ("-1e99999999", "relevance is beyond int32: '-1e99999999'"),
    ],
)
def test_anything_else_is_no_grade_and_the_reason_shows_it(said: Any, reason: str) -> None:
    assert parse_grade(said) == reason


@given(st.lists(st.one_of(st.none(), st.floats(width=32), st.integers(-(2**40), 2**40).map(float))))
def test_a_column_is_read_as_its_values_are(values: list[float | None]) -> None:
    for column in (
        pa.array(values, pa.float64()),
        pa.array([None if v is None else repr(v) for v in values], pa.string()),
    ):
        grades, refused = parse_grades(column, "score")
        one_by_one = [parse_grade(value, "score") for value in column.to_pylist()]
        assert grades.dtype == np.int32
        assert dict(refused) == {row: one for row, one in enumerate(one_by_one) if isinstance(one, str)}
        assert [g for row, g in enumerate(grades.tolist()) if row not in dict(refused)] == [
            one for one in one_by_one if isinstance(one, int)
        ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 3], pa.uint64()),
        pa.array([1, None, 3], pa.float16()),
        pa.array([Decimal(1), None, Decimal(3)], pa.decimal128(38, 9)),
        pa.array(["1.0", None, "3"], pa.large_string()),
        pa.array(["1.0", None, "3"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_every_type_of_column_is_read(column: pa.Array) -> None:
    grades, refused = parse_grades(column)
    assert grades[[0, 2]].tolist() == [1, 3]
    assert refused == [(1, "relevance is missing")]
