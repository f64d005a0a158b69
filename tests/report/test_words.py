from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.report.words import (
    clean,
    duration,
    gap_interval,
    interval,
    listing,
    p_value,
    percent,
    plain,
    score,
    shorten,
    signed,
    size,
    stars,
)

finite = st.floats(-1, 1)


@given(st.floats(0, 1))
def test_a_rounded_p_never_contradicts_its_verdict(p: float) -> None:
    shown = p_value(p)
    number = float(shown.removeprefix("p < ").removeprefix("p = "))
    if shown.startswith("p < "):
        assert p < number
    elif not 0.049995 < p < 0.05:
        assert (number < 0.05) == (p < 0.05)
    assert abs(number - p) < 0.0051


@given(finite)
def test_a_difference_keeps_its_sign_unless_it_is_shown_as_zero(value: float) -> None:
    shown = signed(value)
    number = float(shown.replace("−", "-"))
    assert abs(number - value) <= 0.00051
    if number:
        assert (number > 0) == (value > 0)
        assert shown[0] in "+−"
    if abs(value) >= 0.0001:
        assert number != 0


@given(finite)
def test_a_score_is_never_minus_zero(value: float) -> None:
    assert score(value) not in ("−0.000", "-0.000")
    assert float(score(value).replace("−", "-")) == pytest.approx(value, abs=0.00051)


def test_missing_numbers_are_a_dash_and_missing_intervals_are_left_out() -> None:
    assert score(None) == score(float("nan")) == signed(None) == size(float("inf")) == percent(None) == "–"
    assert interval(None, 0.2) == gap_interval(0.1, None) == stars(None) == ""
    assert p_value(None) == "p not computed"


@pytest.mark.parametrize(
    ("p", "expected"), [(0.0009, "***"), (0.001, "**"), (0.0099, "**"), (0.01, "*"), (0.049, "*"), (0.05, ""), (1, "")]
)
def test_stars_mark_the_usual_levels(p: float, expected: str) -> None:
    assert stars(p) == expected


@given(st.text())
def test_cleaned_text_has_one_line_and_nothing_that_can_reorder_or_break_it(text: str) -> None:
    shown = clean(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(letter) == "Cc" for letter in shown)
    assert not any(unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI") for letter in shown)
    assert clean(shown) == shown


def test_cleaning_leaves_ordinary_writing_alone() -> None:
    assert clean("Gehhilfe für 日本 − 50 % <b>") == "Gehhilfe für 日本 − 50 % <b>"


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=30))
def test_a_listing_names_or_counts_everything(names: list[str]) -> None:
    text = plain(listing(names, 4))
    if len(names) <= 4:
        assert all(name in text for name in names)
    else:
        assert text.endswith(f" and {len(names) - 3} others")


def test_durations_are_given_in_the_two_largest_units() -> None:
    assert [duration(t) for t in (0.2, 59.6, 125, 7261, None)] == [
        "0.2 s",
        "1 min 0 s",
        "2 min 5 s",
        "2 h 1 min",
        "not recorded",
    ]


@given(st.text(max_size=50), st.integers(2, 40))
def test_shortened_text_fits(text: str, length: int) -> None:
    assert len(shorten(text, length)) <= max(length, 0)
