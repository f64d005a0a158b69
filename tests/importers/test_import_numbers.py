"""Tables of spellings that mean the same publication."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.importers.numbers import _by_rules, canonical, join_number, kind_has_text, parse_numbers, without_kind
from patray.importers.printed import canonical_ids

SPELLINGS = {
    "US8930553B2": ["US-8930553-B2", "US 8,930,553 B2", "US08930553B2", "us8930553b2", "US 8930553 B2"],
    "USD807612S1": ["US-D0807612-S1", "US D807612 S1", "USD0807612S1"],
    "USRE12345E1": ["US RE012345 E1", "US-RE12345-E1"],
    "USPP12345P2": ["US PP12,345 P2", "USPP012345P2"],
    "US20050123456A1": ["US-2005123456-A1", "US 2005/0123456 A1", "US20050123456A1", "US 2005-123456 A1"],
    "US20160193878A1": ["US 2016/0193878 A1", "US-2016193878-A1"],
    "US4000001A": ["US-4000001-A", "US 4,000,001 A"],
    "EP0292076A1": ["EP-0292076-A1", "EP 292076 A1", "EP0292076A1", "EPEP0292076A1"],
    "EP2471949B1": ["EP_2471949_B1", "EP 2471949 B1"],
    "WO1994003665A1": ["WO 94/03665 A1", "WO-9403665-A1", "WO 1994/003665 A1", "WO199403665A1"],
    "WO2002083860A1": ["WO 02/083860 A1", "WO-02083860-A1", "WO 2002/083860 A1"],
    "WO2013189530A1": ["WO 2013/189530 A1", "WO-2013189530-A1"],
    "WO1978000001A1": ["WO 78/00001 A1"],
    "WO2077000001A1": ["WO 77/000001 A1"],
    "JPH06334022A": ["JP-H06334022-A", "JP H06-334022 A"],
    "JPH11007015A": ["JP-H117015-A", "JP H11-007015 A", "JP H11 7015 A"],
    "JPS60246886A": ["JP S60246886 A", "JP-S60246886-A"],
    "JPH05123456A": ["JP H5-123456 A", "JP H05-123456 A"],
    "JP2005123456A": ["JP 2005-123456 A", "JP-2005123456-A"],
    "JP2005007015A": ["JP 2005-7015 A"],
    "JP3163807B2": ["JP 3163807 B2"],
    "KR20060100352A": ["KR 10-2006-0100352 A", "KR-20060100352-A"],
    "KR100955871B1": ["KR 10-0955871 B1", "KR-100955871-B1", "KR 0955871 B1"],
    "KR100176645B1": ["KR-0176645-B1", "KR 176645 B1"],
    "KR101234567B1": ["KR 10-1234567-0000 B1", "KR1012345670000B1", "KR 10-1234567 B1"],
    "DE19826114A1": ["DE000019826114A1", "DE 198 26 114 A1"],
    "RU2529060C1": ["RU0002529060C1", "RU 2 529 060 C1"],
    "KR200412345Y1": ["KR 20-0412345 Y1", "KR-0412345-Y1"],
    "CN101234567A": ["CN 101234567 A", "CN-101234567-A"],
    "CN1234567C": ["CN-1234567-C"],
    "BRPI0612345A2": ["BR PI0612345 A2", "BR-PI0612345-A2"],
    "DE102005012345A1": ["DE 10 2005 012 345 A1", "DE-102005012345-A1"],
    "TWI234567B": ["TW I234567 B"],
    "EP0292076": ["EP 292076", "EP-0292076"],
}


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in SPELLINGS.items() for text in texts])
def test_every_spelling_of_a_publication_gives_its_key(key: str, text: str) -> None:
    assert canonical(text) == key


@pytest.mark.parametrize("key", SPELLINGS)
def test_a_key_is_its_own_key(key: str) -> None:
    assert canonical(key) == key


@pytest.mark.parametrize("text", ["", "see above", "US", "12345", "EP-", "ÄÖ 123 A1", "A1"])
def test_what_is_no_publication_number_has_no_key(text: str) -> None:
    assert canonical(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("7844851", "US7844851"),
        ("2007/0140112", "US20070140112"),
        ("20140101323", "US20140101323"),
        ("WO 89/02682", "WO1989002682"),
        ("D439981", "USD439981"),
        ("RE12345", "USRE12345"),
        ("PP12,345", "USPP12345"),
        ("EP 0292076", "EP0292076"),
    ],
)
def test_numbers_without_an_office_belong_to_the_assumed_one(text: str, key: str) -> None:
    assert canonical(text, office="US") == key


def test_numbers_in_parts_may_lack_kind_number_or_office() -> None:
    found = join_number(
        pa.array(["US", "EP", None, "WO", "US", "KR"]),
        pa.array(["2005123456", "EP0292076", "1", None, "", "0955871"]),
        pa.array(["A1", None, "A", "A1", "A", "B1"]),
    )
    assert found.to_pylist() == ["US20050123456A1", "EP0292076", None, None, None, "KR100955871B1"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["US", "EP", "WO", "us", "JP", "KR", None, "", "U-S"]),
            st.from_regex(r"\A(?:US|EP)?(?:0{0,3}|20\d\d|19\d\d|D0?|RE)[1-9]?[\d/,]{0,8}\Z") | st.none(),
            st.sampled_from(["A1", "B2", "B", "a1", "", None, "A12"]),
        ),
        max_size=6,
    )
)
def test_numbers_met_most_are_what_the_rules_make_of_them(parts: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array([part[place] for part in parts], pa.string()) for place in range(3)]
    assert join_number(*columns).to_pylist() == _by_rules(*columns).to_pylist()


def test_keys_lose_their_kind_but_no_digit_of_the_number() -> None:
    keys = pa.array(["EP0292076A1", "US4000001A", "USD807612S1", "JPS60246886A", "EP0292076", None])
    assert without_kind(keys).to_pylist() == ["EP0292076", "US4000001", "USD807612", "JPS60246886", "EP0292076", None]


def test_kinds_without_text_are_search_reports_corrections_translations_designs_and_plants() -> None:
    kinds = ["A1", "A3", "A9", "B8", "T2", "S1", "S", "P3", "B2", None, "U", "Y1"]
    assert kind_has_text(pa.array(kinds), pa.nulls(len(kinds), pa.string())).to_pylist() == [
        True, False, False, False, False, False, False, False, True, True, True, True,
    ]  # fmt: skip


def test_a3_and_a4_are_search_reports_of_three_offices_and_patents_of_others() -> None:
    offices = ["EP", "WO", "EA", "CZ", "SK", "BE", "AU", None]
    for kind in ("A3", "A4"):
        said = kind_has_text(pa.array([kind] * len(offices)), pa.array(offices)).to_pylist()
        assert said == [False, False, False, True, True, True, True, False]


@settings(deadline=None)
@given(year=st.integers(2001, 2049), serial=st.integers(0, 999_999))
def test_pre_grant_numbers_are_one_with_and_without_the_leading_zero(year: int, serial: int) -> None:
    assert (
        canonical(f"US-{year}{serial:06d}-A1") == canonical(f"US {year}/{serial:07d} A1") == f"US{year}{serial:07d}A1"
    )


@settings(deadline=None)
@given(st.lists(st.text(max_size=20)))
def test_any_text_is_parsed_or_null_and_keys_are_stable(texts: list[str]) -> None:
    keys = parse_numbers(pa.array(texts, pa.string())).field("key")
    again = parse_numbers(keys).field("key")
    assert again.to_pylist() == keys.to_pylist()


DOSSIER = [
    ("US", r"[0-9]{11}", "US 2012/0123456 A1", "20120123456"),
    ("US", r"(RE)[0-9]{5}|[0-9]{7,13}", "US 7,123,456 B2", "7123456"),
    ("US", r"(RE)[0-9]{5}|[0-9]{7,13}", "US RE41234 E", "RE41234"),
    ("CN", r"[0-9]{9}", "CN 102298232 A", "102298232"),
    ("EP", r"[0-9]{7}", "EP 1 612 402 A1", "1612402"),
    ("KR", r"[0-9]{9,11}", "KR 10-2010-0066036 A", "20100066036"),
    ("KR", r"[0-9]{9,11}", "KR 10-1503659 B1", "101503659"),
    ("JP", r"[0-9]{7,10}", "JP 2009-214944 A", "2009214944"),
    ("JP", r"[0-9]{7,10}", "JP 5503096 B2", "5503096"),
    ("WO", r"[0-9]{7,15}", "WO 03073013 A1", "2003073013"),
]
"""Office, pattern and example of publication numbers as the client library patent-client 5.0.19 has them for the
USPTO's Global Dossier (uspto/global_dossier/gd_input.csv): rules that others made of the offices' own numbering."""


@pytest.mark.parametrize(("office", "pattern", "printed", "number"), DOSSIER)
def test_numbers_are_those_that_a_client_library_asks_an_office_for(
    office: str, pattern: str, printed: str, number: str
) -> None:
    key = canonical_ids(pa.array([printed]))[0].as_py()
    bare = without_kind(pa.array([key]))[0].as_py()
    assert bare == office + number
    assert re.fullmatch(pattern, bare.removeprefix(office))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["US", "CN", "EP"]),
    st.integers(1_000_000, 9_999_999),
    st.sampled_from(["{} {} {}", "{}-{}-{}", "{}{} ({})"]),
)
def test_a_number_in_any_print_is_the_number_in_its_offices_form(office: str, number: int, style: str) -> None:
    digits = f"10{number}" if office == "CN" else str(number)
    kind = {"US": "B2", "CN": "A", "EP": "A1"}[office]
    assert canonical_ids(pa.array([style.format(office, digits, kind)])).to_pylist() == [f"{office}{digits}{kind}"]
