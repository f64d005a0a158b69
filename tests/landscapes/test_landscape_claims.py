"""Claim 1 and independent claims, from all the shapes in which offices and exports deliver claims."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.landscapes.claims import ClaimRule, first_claims, independent_claims, split_flat


def first(*claims: str) -> str | None:
    return first_claims(pa.array([list(claims)], pa.list_(pa.string())))[0][0].as_py()


def independent(*claims: str) -> str | None:
    return independent_claims(pa.array([list(claims)], pa.list_(pa.string())))[0][0].as_py()


@pytest.mark.parametrize(
    "text",
    [
        "1. A brush having a handle. 2. The brush of claim 1, wherein it folds. 3. The brush of claim 2.",
        "1 . A brush having a handle. 2 . The brush of claim 1.",
        "1) A brush having a handle. 2) The brush of claim 1.",
        "Claim 1: A brush having a handle. Claim 2: The brush of claim 1.",
        "What is claimed is: 1. A brush having a handle. 2. The brush of claim 1.",
        "What is claimed is:\n1. A brush having a handle.\n2. The brush of claim 1.",
        "I claim:\n 1. A brush having a handle.\n 2. The brush of claim 1.",
        "We claim: 1. A brush having a handle. 2. The brush of claim 1.",
        "The invention claimed is: 1. A brush having a handle. 2. The brush as claimed in claim 1.",
        "CLAIMS 1. A brush having a handle. 2. The brush as claimed in claim 1.",
        "A brush having a handle. 2. The brush of claim 1. 3. The brush of claim 1 or 2.",
        "1.A brush having a handle.2.The brush of claim 1.",
        "1. A brush having a handle.\n\n3. The brush of claim 1, claim 2 being cancelled.",
        "1. (canceled) 2. A brush having a handle. 3. The brush of claim 2.",
        "1-20. (cancelled)\n21. A brush having a handle.\n22. The brush of claim 21.",
        "A brush having a handle. The brush of claim 1, wherein it folds.",
        "A brush having a handle.\nThe brush according to claim 1, wherein it folds.",
        "A brush having a handle.",
        "1. A brush having a handle.",
    ],
)
def test_claim_1_is_found_in_flat_text_however_it_is_numbered(text):
    assert first(text).rstrip(".") == "A brush having a handle"


def test_claim_1_is_found_in_lower_cased_text_without_line_breaks():
    text = "1. a brush having a handle. 2. the brush of claim 1, wherein it folds. 3. a comb."
    assert first(text) == "a brush having a handle."
    assert independent(text) == "a brush having a handle.\na comb."


@pytest.mark.parametrize(
    "inside",
    [
        "a bore of 2. 5 mm",
        "the handle shown in FIG. 2. The handle",
        "items numbered 1 to 2. The items",
        "at least 2. The bristles",
        "parts 1, 2. The parts",
        "a ratio of 2.5 to 1",
        "steps 1 and 2. The steps",
    ],
)
def test_a_number_inside_a_sentence_starts_no_claim(inside):
    claim = f"A brush with {inside} fold."
    assert first(f"1. {claim} 2. The brush of claim 1. 3. The brush of claim 2.") == claim


def test_a_reference_to_claims_by_number_starts_no_claim():
    text = (
        "1. A brush. 2. The brush of claim 1. 3. The brush of any of claims 1 to 2. "
        "4. The brush of claims 1, 2 or 3. 5. A comb."
    )
    assert len(split_flat(text).claims) == 5
    assert independent(text) == "A brush.\nA comb."


def test_numbered_steps_in_a_line_do_not_cut_claim_1_where_claims_begin_lines():
    text = "1. A method comprising: 1. heating; 2. Cooling; and drying.\n2. The method of claim 1."
    assert first(text) == "A method comprising: 1. heating; 2. Cooling; and drying."


def test_listed_claims_are_taken_as_they_are():
    assert first("A brush. 2. bristles", "The brush of claim 1.") == "A brush. 2. bristles"
    assert independent("A brush.", "The brush of claim 1.", "A comb.") == "A brush.\nA comb."


def test_a_listed_heading_or_a_cancelled_claim_is_not_claim_1():
    assert first("What is claimed is:", "A brush.", "The brush of claim 1.") == "A brush."
    assert first("(canceled)", "A brush.", "The brush of claim 2.") == "A brush."
    assert independent("What is claimed is:", "A brush.", "(canceled)", "A comb.") == "A brush.\nA comb."


@pytest.mark.parametrize(
    "dependent",
    [
        "The brush according to claim 1.",
        "The brush as claimed in any one of the preceding claims.",
        "The brush of claims 1-3.",
        "Bürste nach Anspruch 1, dadurch gekennzeichnet.",
        "Bürste nach einem der Ansprüche 1 bis 3.",
        "Bürste nach einem der vorhergehenden Ansprüche.",
        "Brosse selon la revendication 1.",
        "Brosse selon l'une quelconque des revendications 1 à 3.",
        "Cepillo según la reivindicación 1.",
        "Spazzola secondo la rivendicazione 1.",
    ],
)
def test_a_dependent_claim_is_known_in_several_languages(dependent):
    assert independent("A brush.", dependent, "A comb.") == "A brush.\nA comb."


def test_which_rule_found_the_claims_is_counted():
    rows = [
        [],
        ["A brush.", "A comb."],
        ["1. A brush. 2. The brush of claim 1."],
        ["A brush. The brush of claim 1."],
        ["A brush."],
    ]
    texts, rules = first_claims(pa.array(rows, pa.list_(pa.string())))
    assert texts.to_pylist() == [None, "A brush.", "A brush.", "A brush.", "A brush."]
    assert rules == dict.fromkeys(ClaimRule, 1)


WORDS = st.lists(
    st.sampled_from(
        [
            "a",
            "brush",
            "of",
            "claim",
            "claims",
            "1",
            "1.",
            "2.",
            "3.",
            "2-4.",
            "(canceled)",
            "FIG.",
            "A",
            "The",
            "wherein;",
            "What is claimed is:",
            "\n",
            "\n2. ",
            "5)",
            "according to claim 1",
            "Anspruch",
            "ä.",
        ]
    ),
    max_size=40,
)


@given(st.one_of(WORDS.map(" ".join), st.text(max_size=80)))
def test_cutting_loses_not_one_character(text):
    split = split_flat(text)
    assert split.preamble + "".join(m + c for m, c in zip(split.markers, split.claims, strict=True)) == text


@given(WORDS.map(" ".join))
def test_markers_hold_numbers_and_nothing_of_the_claims(text):
    for marker in split_flat(text).markers:
        assert re.fullmatch(r"(?:claims?|anspruch|[\d\s.,):–-])*", marker, re.IGNORECASE)


@given(st.lists(st.lists(st.text("ab 12.\n", max_size=12), max_size=3), max_size=6))
def test_a_batch_gives_what_its_rows_give(rows):
    kind = pa.list_(pa.string())
    for select in (first_claims, independent_claims):
        whole, rules = select(pa.array(rows, kind))
        assert whole.to_pylist() == [select(pa.array([row], kind))[0][0].as_py() for row in rows]
        assert sum(rules.values()) == len(rows)
        assert select(pa.array([["x"], *rows], kind).slice(1))[0].equals(whole)


@given(
    st.lists(
        st.sampled_from(["A brush with bristles", "a comb of 3 parts", "The brush of claim 1, folding"]),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from(["{n}. {c}.", "{n}) {c}.", "{n} . {c};", "Claim {n}: {c}."]),
    st.sampled_from([" ", "\n", "\n\n"]),
    st.sampled_from(["", "What is claimed is: ", "We claim:\n"]),
)
def test_what_was_numbered_is_told_apart_again(claims, style, between, preamble):
    text = preamble + between.join(style.format(n=n, c=claim) for n, claim in enumerate(claims, 1))
    split = split_flat(text)
    assert [claim.rstrip(".;") for claim in split.texts] == claims
    assert split.rule is ClaimRule.NUMBERED
