"""Cancelled, withdrawn and deleted claims are never claim 1; East Asian numbers cut."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.landscapes.claim_marks import numbers_of
from patray.landscapes.claims import first_claims, independent_claims, split_flat

A = "A widget comprising a red part."
GONE = [
    "(canceled)",
    "(Cancelled)",
    "(withdrawn)",
    "[deleted]",
    "(not entered)",
    "(canceled without prejudice)",
    "Canceled.",
]
RANGES = [
    "1-3. ",
    "1.-3. ",
    "1 - 3 . ",
    "1–3. ",
    "1.-3.",
    "1-3 ",
    "1 to 3 ",
    "1, 2 and 3 ",
    "Claims 1-3 ",
    "1 through 3. ",
]


def both(*claims: str) -> tuple[str | None, str | None]:
    column = pa.array([list(claims)], pa.list_(pa.string()))
    return first_claims(column)[0][0].as_py(), independent_claims(column)[0][0].as_py()


@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("numbers", [*RANGES, "1. ", "Claim 1 ", "1) "])
def test_a_listed_claim_that_is_no_longer_there_is_never_claim_1(numbers: str, gone: str) -> None:
    listed = [numbers + gone, f"4. {A}", "5. The widget of claim 4.", "6. (canceled)", "7. A comb."]
    assert both(*listed) == (f"4. {A}", f"4. {A}\n7. A comb.")


@pytest.mark.parametrize("gone", ["(canceled)", "(Withdrawn)", "(not entered)", "[deleted]", "(cancelled herein)"])
@pytest.mark.parametrize("numbers", RANGES)
@pytest.mark.parametrize("between", [" ", "\n"])
def test_in_one_text_neither(numbers: str, gone: str, between: str) -> None:
    text = between.join([numbers + gone, f"4. {A}", "5. The widget of claim 4.", "6.-8. (canceled)", "9. A comb."])
    assert both(text) == (A, f"{A}\nA comb.")
    assert len(split_flat(text).claims) == 5
    assert split_flat(text).texts[2] == "The widget of claim 4."


def test_a_range_in_the_middle_ends_the_claim_before_it_whatever_that_ends_with() -> None:
    text = "1. A widget with a red part 2.-5. (canceled) 6. The widget of claim 1. 7-8 (withdrawn)"
    assert both(text) == ("A widget with a red part", "A widget with a red part")


@given(st.sets(st.integers(1, 12), min_size=1, max_size=11))
def test_whatever_list_of_claims_is_cancelled_the_first_other_is_claim_1(gone: set[int]) -> None:
    listed = sorted(gone)
    said = ", ".join(map(str, listed[:-1])) + (" and " if len(listed) > 1 else "") + str(listed[-1])
    rest = [number for number in range(1, 15) if number not in gone]
    text = " ".join([f"Claims {said} (canceled)", *(f"{number}. Widget {number}." for number in rest)])
    if 1 in gone:
        assert both(text)[0] == f"Widget {rest[0]}."


def test_a_withdrawn_claim_with_its_text_is_not_claim_1_and_not_independent() -> None:
    method = "A method of making a widget, " + "with many steps, " * 20
    assert both(f"1. (Withdrawn) {method}", f"2. {A}", "3. (withdrawn) A comb.") == (f"2. {A}", f"2. {A}")
    assert both(f"1. (Withdrawn) {method}. 2. {A} 3. (withdrawn) A comb. 4. A box.") == (A, f"{A}\nA box.")


def test_an_element_that_begins_with_a_cancelled_claim_gives_the_claim_behind_it() -> None:
    assert both(f"1-2. (canceled) 3. {A}", "4. The widget of claim 3.", "5. A comb.") == (A, f"{A}\n5. A comb.")


@pytest.mark.parametrize(
    "listed", [["1-20. (canceled)"], ["(canceled)", "(canceled)"], ["1. (canceled) 2. (withdrawn)"]]
)
def test_where_all_are_cancelled_there_is_no_claim_1(listed: list[str]) -> None:
    assert both(*listed) == (None, None)


def test_a_text_that_begins_at_a_later_number_is_cut_at_the_next() -> None:
    assert both(f"21. {A} 22. The widget of claim 21. 23. A comb.") == (A, f"{A}\nA comb.")


@pytest.mark.parametrize(
    "text",
    [
        "A rope withdrawn from a drum, and deleted files.",
        "A method wherein 1 to 3 (cancelled) orders are kept.",
        "Cancelled orders are kept in a store.",
    ],
)
def test_a_claim_that_speaks_of_cancelling_stays(text: str) -> None:
    assert both(text, "The method of claim 1.")[0] == text


def test_the_word_claim_in_front_of_a_claims_own_number_is_no_reference() -> None:
    assert both("Claim 1: A brush.", "Claim 2: The brush of claim 1.", "Claim 3: A comb.")[1] == (
        "Claim 1: A brush.\nClaim 3: A comb."
    )


EAST = {
    "zh": ["{n}、", "{n}．", "{n}.", "{n}. "],
    "ja": ["【請求項{n}】", "［請求項{n}］\n", "[請求項{n}] "],
    "ko": ["[청구항 {n}] ", "【청구항 {n}】", "청구항 {n}\n", "청구항 {n}. "],
    "tw": ["【請求項{n}】", "{n}、", "第{n}項："],
}
CLAIMS = {
    "zh": ["一种装置，包括红色部件。", "根据权利要求1所述的装置。", "如权利要求1至2中任一项所述的装置。", "一种方法。"],
    "ja": ["赤い部品を備える装置。", "請求項１に記載の装置。", "請求項１または２に記載の装置。", "櫛。"],
    "ko": ["빨간 부품을 포함하는 장치.", "제1항에 있어서, 장치.", "제1항 또는 제2항에 있어서, 장치.", "빗."],
    "tw": ["一種裝置，包括紅色部件。", "如請求項1所述之裝置。", "如申請專利範圍第1項所述之裝置。", "一種方法。"],
}
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@pytest.mark.parametrize(
    ("language", "style"), [(language, style) for language, all_ in EAST.items() for style in all_]
)
@pytest.mark.parametrize("wide", [False, True])
def test_east_asian_numbers_cut_and_references_are_known(language: str, style: str, wide: bool) -> None:
    marks = [style.format(n=n).translate(WIDE) if wide else style.format(n=n) for n in range(1, 5)]
    pieces = [mark + claim for mark, claim in zip(marks, CLAIMS[language], strict=True)]
    first, last = CLAIMS[language][0], CLAIMS[language][3]
    assert both("\n".join(pieces)) == (first, f"{first}\n{last}")
    assert both(*pieces) == (pieces[0], f"{pieces[0]}\n{pieces[3]}")


@pytest.mark.parametrize(
    "text", ["【請求項1】（削除）【請求項2】櫛。", "청구항 1. 삭제\n청구항 2. 櫛。", "1. （删除）2. 櫛。"]
)
def test_an_east_asian_claim_that_was_deleted_is_not_claim_1(text: str) -> None:
    assert both(text)[0] == "櫛。"


def test_the_numbers_of_a_marker_are_all_that_it_names() -> None:
    said = {"1.-3": {1, 2, 3}, "1, 2 and 4": {1, 2, 4}, "1 to 3 and 5": {1, 2, 3, 5}, "claims 2-3, 5": {2, 3, 5}}
    assert {text: numbers_of(text) for text in said} == said
