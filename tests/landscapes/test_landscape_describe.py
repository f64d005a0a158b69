"""What `describe` finds and says, on a small landscape where everything can be counted by hand."""

import datetime

import pyarrow as pa
import pytest
from conftest_landscapes import citations_table, patent

from patray.landscapes.describe import describe, format_description
from patray.landscapes.validate import prepare

ROWS = [
    patent(
        "P1", family_id="F", title="A Brush", abstract="that  folds", claims=["1. A brush. 2. The brush of claim 1."]
    ),
    patent("P2", family_id="F", title="a brush", abstract="THAT folds", claims=[], jurisdiction="EP"),
    patent("P3", title="a brush", abstract="that folds", ipc=["?", "B01D1/00"], date=datetime.date(1990, 1, 1)),
    patent("P4", title=None, abstract=None, claims=[], description="x" * 4000, date=None, ipc=[]),
    patent("P5", title=None, abstract=None, claims=[]),
]


@pytest.fixture
def source(write):
    labels = {"field": pa.table({"patent_id": ["P1", "P2"], "labels": [["b", "a"], ["b"]]})}
    citations = citations_table(("P1", "P3"), ("P1", "P2"), ("P3", "P1"), ("P1", "X"))
    return write(ROWS, labels=labels, citations=citations)


def test_counts_are_those_counted_by_hand(source):
    found = describe(source)
    assert (found.patents, found.families, found.without_family, found.largest_family) == (4, 3, 2, ("F", 2))
    assert (found.dates, found.dated) == (("1990-01-01", "2001-02-03"), 3)
    assert found.offices == (("US", 3), ("EP", 1))
    fill = {one.name: (one.filled, one.max_chars) for one in found.sections}
    assert fill["title"] == (3, 7)
    assert fill["description"] == (1, 4000)
    assert found.claim_rules == {"listed": 1, "numbered in one text": 1, "no claims": 2}
    assert (found.duplicates, found.duplicates_across_families) == (2, 1)
    assert found.with_codes == {"ipc": 3, "cpc": 0}
    assert found.unknown_codes == {"ipc": (1, ("?",))}
    assert found.citations == 3
    assert [(one.name, one.queries, one.pairs) for one in found.slices] == [("all", 2, 2), ("out", 2, 2)]
    assert found.truth.pairs_family == 1
    [field, *derived] = found.label_sets
    assert (field.name, field.patents, field.labels, field.per_patent) == ("field", 2, 2, 1.5)
    assert field.most_frequent == (("b", 2), ("a", 1))
    assert [one.name for one in derived] == ["ipc-section", "ipc-class", "ipc-subclass"]
    assert found.rows_dropped == {"patents.parquet": 1, "citations.parquet": 1, "labels/field.parquet": 0}


def test_tokens_are_estimated_without_a_tokenizer_and_exact_with_one(source):
    estimate = {one.view: one for one in describe(source).tokens}
    assert (estimate["description"].texts, estimate["description"].total) == (1, 1000)
    assert estimate["description"].over == {256: 1, 512: 1, 8192: 0}
    exact = describe(source, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert exact.tokens_exact
    assert {one.view: one.total for one in exact.tokens} == {"ta": 12, "ta+claim1": 19, "tac": 34, "description": 1}


def test_a_clean_copy_is_described_as_its_source(source, clean):
    prepare(source, clean, max_bad_share=1.0)
    assert describe(clean) == describe(source)


def test_the_text_says_what_a_person_wants_to_know(source):
    text = format_description(describe(source))
    for said in (
        "4 in 3 families, the largest F with 2",
        "2 without a family id",
        "1990-01-01 to 2001-02-03, 75% dated",
        "US 3, EP 1",
        "1 IPC codes not readable, such as '?'",
        "2 patents repeat the title and abstract of an earlier one, 1 of them in another family",
        "estimate: characters / 4",
        "1 pairs inside a family",
        "patents.parquet: 5 read, 4 kept, 1 dropped",
        "1 dropped in citations.parquet: citation to an unknown patent",
        "slice in is absent: no relevant pair shares a class",
    ):
        assert said in text
    assert max(map(len, text.splitlines())) <= 140
    assert "estimate" not in format_description(describe(source, count_tokens=lambda texts: [1] * len(texts)))


def test_a_landscape_with_no_truth_or_labels_is_described_all_the_same(write):
    text = format_description(describe(write([patent("P1", ipc=[], date=None, jurisdiction=None)])))
    assert "Truth: no citations and no qrels" in text
    assert "retrieval is not possible" in text
    assert "Label sets: none" in text
    assert "dates        none" in text
    assert "offices      unknown 1" in text
