"""Which citations count: by whom, with which letters, and the slices of both; a loop over rows is the oracle."""

import pyarrow as pa
import pytest
from conftest_landscapes import citations_table, patent, patents_table
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.landscapes.cited_how import is_category, letters, origin_word, phase_and_origin
from patray.landscapes.cited_pairs import CATEGORIES, WHO, CitedBy, NotSaidError, check_relevant
from patray.landscapes.describe import describe, format_description
from patray.landscapes.records import Metadata
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import build_truth, uncounted
from patray.landscapes.validate import prepare

GRADES = {"X": 3, "Y": 2, "A": 1}


def landscape(rows, ids="ABCDEF", qrels=None) -> Metadata:
    """rows: (citing, cited, origin, category[, reliance])."""
    table = patents_table([patent(id) for id in ids])
    table = table.set_column(1, "family_id", table["patent_id"])
    table = table.select(["patent_id", "family_id", "jurisdiction", "date", "ipc", "cpc"])
    citations = citations_table(*[row[:2] for row in rows])
    for at, name in ((2, "origin"), (3, "category")):
        citations = citations.append_column(name, pa.array([row[at] for row in rows], pa.string()))
    if any(len(row) > 4 for row in rows):
        sections = pa.array([row[4] if len(row) > 4 else None for row in rows], pa.string())
        citations = citations.append_column("reliance", sections)
    return Metadata("small", table, None, citations, qrels, {}, {})


def graded(truth):
    ids = zip(truth.query_ids[truth.query], truth.patent_ids[truth.patent], strict=True)
    return dict(zip(ids, truth.relevance.tolist(), strict=True))


def test_a_pair_has_the_grade_of_its_best_letter_and_none_is_unknown():
    rows = [
        ("A", "B", "examiner", "XD"), ("A", "C", "examiner", "Y"), ("A", "D", "examiner", None),
        ("A", "E", "examiner", "P"), ("B", "C", "examiner", "A"), ("B", "C", "examiner", "Y"),
    ]  # fmt: skip
    truth, counts = build_truth(landscape(rows), cited_by=CitedBy(GRADES))
    assert graded(truth) == {("A", "B"): 3, ("A", "C"): 2, ("B", "C"): 2}
    assert (counts.pairs_read, counts.pairs_unknown, counts.pairs_category, counts.pairs) == (5, 1, 1, 3)
    assert [line.split(":")[0] for line in uncounted(counts)] == ["1 of 5 pairs are not relevant"] * 2
    truth, counts = build_truth(landscape(rows), cited_by=CitedBy({**GRADES, "unknown": 1, "P": 4}))
    assert graded(truth) == {("A", "B"): 3, ("A", "C"): 2, ("A", "D"): 1, ("A", "E"): 4, ("B", "C"): 2}
    assert counts.pairs_unknown == counts.pairs_category == 0


def test_levels_are_those_of_the_grades():
    rows = [("A", "B", None, "X"), ("A", "C", None, "A"), ("B", "C", None, "A")]
    truth, counts = build_truth(landscape(rows), relevant_from=2, cited_by=CitedBy(GRADES))
    assert graded(truth) == {("A", "B"): 3, ("A", "C"): 1}
    assert truth.relevant.tolist() == [True, False]
    assert counts.queries_too_low == 1


def test_only_citations_by_those_asked_for_count_with_their_own_letters():
    rows = [
        ("A", "B", "examiner", "A"), ("A", "B", "applicant", "X"), ("A", "C", "applicant", "X"),
        ("A", "D", None, "X"), ("B", "C", "imported from a related application", "X"),
    ]  # fmt: skip
    data = landscape(rows)
    truth, counts = build_truth(data, cited_by=CitedBy(GRADES, ["examiner"]))
    assert graded(truth) == {("A", "B"): 1}
    assert counts.pairs_origin == 3
    assert set(graded(build_truth(data, cited_by=CitedBy(None, ["unknown", "other"]))[0])) == {("A", "D"), ("B", "C")}
    assert set(graded(build_truth(data, cited_by=CitedBy(None, ["applicant"]))[0])) == {("A", "B"), ("A", "C")}


def test_sections_of_us_rejections_grade_as_letters_do_and_only_where_they_are_asked_for():
    rows = [
        ("A", "B", "examiner", None, "102"), ("A", "C", "examiner", None, "103"), ("A", "D", "examiner", "X", None),
        ("A", "E", "examiner", None, None), ("B", "C", "examiner", "A", "102,103"),
        ("B", "D", "applicant", None, "112"),
    ]  # fmt: skip
    data = landscape(rows)
    truth, counts = build_truth(data, cited_by=CitedBy(check_relevant({"102": 3, "103": 2, "X": 4})))
    assert graded(truth) == {("A", "B"): 3, ("A", "C"): 2, ("A", "D"): 4, ("B", "C"): 3}
    assert (counts.pairs_unknown, counts.pairs_category) == (2, 0)
    sections, absent = make_slices(truth, ["category=102", "category=103", "category=unknown", "categories"], 1, 1)
    assert {one.name: int(one.pairs.sum()) for one in sections} == {
        "category=102": 2, "category=103": 2, "category=X": 1, "category=A": 1,
    }  # fmt: skip
    assert list(absent) == ["category=unknown"]
    # A suite that names no section reads pairs as if there were none: what has no letter is unknown.
    truth, counts = build_truth(data, cited_by=CitedBy({"X": 3, "unknown": 1}))
    assert graded(truth) == dict.fromkeys([("A", "B"), ("A", "C"), ("A", "E"), ("B", "D")], 1) | {("A", "D"): 3}
    with pytest.raises(NotSaidError, match=r"its reliance \(column reliance of"):
        build_truth(landscape([("A", "B", "examiner", "X")]), cited_by=CitedBy({"102": 1}))
    with pytest.raises(NotSaidError, match=r"its category or reliance"):
        build_truth(landscape([("A", "B", "examiner", None)]), cited_by=CitedBy({"102": 1, "X": 1}))
    only = landscape([("A", "B", "examiner", None, "102")])
    assert graded(build_truth(only, cited_by=CitedBy({"102": 1, "X": 2}))[0]) == {("A", "B"): 1}


ROW = st.tuples(
    st.sampled_from("ABCDEF"),
    st.sampled_from("ABCDEF"),
    st.sampled_from([None, "examiner", "applicant", "opposition"]),
    st.sampled_from([None, "X", "YD", "A", "P", "XY"]),
)  # fmt: skip


@given(
    st.lists(ROW, min_size=1, max_size=25),
    st.sampled_from(["cited", "citing", "both"]),
    st.sampled_from([(), ("examiner",), ("applicant", "unknown")]),
    st.sampled_from([None, GRADES, {"Y": 1, "unknown": 2}]),
)
def test_the_truth_is_that_of_a_loop_over_citations(rows, direction, origin, relevant):
    rows = [row for row in rows if row[0] != row[1]]
    said: dict = {}
    for citing, cited, who, category in rows:
        if origin and (who or "unknown") not in origin:
            continue
        for pair in {"cited": [(citing, cited)], "citing": [(cited, citing)]}.get(
            direction, [(citing, cited), (cited, citing)]
        ):
            said.setdefault(pair, []).append((who, category or ""))
    wanted = {}
    for pair, ways in said.items():
        met = {letter for _, category in ways for letter in category} or {"unknown"}
        wanted[pair] = 1 if relevant is None else max(relevant.get(letter, 0) for letter in met)
    wanted = {pair: grade for pair, grade in wanted.items() if grade}
    try:
        truth, counts = build_truth(
            landscape(rows or [("A", "B", None, None)]), direction, cited_by=CitedBy(relevant, origin)
        )
    except InputError:
        assert not wanted or not any(row[2] for row in rows) or not any(row[3] for row in rows)
        return
    if not rows:
        return
    assert graded(truth) == wanted
    assert counts.pairs_read == counts.pairs + counts.pairs_origin + counts.pairs_unknown + counts.pairs_category
    names = [f"category={one}" for one in CATEGORIES] + [f"origin={one}" for one in WHO]
    slices, absent = make_slices(truth, names)
    assert {part.name for part in slices} | set(absent) == set(names)
    for part in slices:
        kind, _, value = part.name.partition("=")
        inside = set(
            zip(truth.query_ids[truth.query[part.pairs]], truth.patent_ids[truth.patent[part.pairs]], strict=True)
        )
        place = 0 if kind == "origin" else 1
        expected = {
            pair for pair in wanted
            if (value == "unknown" and not any(way[place] for way in said[pair]))
            or any(value == (way[0] or "") if kind == "origin" else value in way[1] for way in said[pair])
        }  # fmt: skip
        assert inside == expected, part.name


def test_who_is_silent_is_refused_with_the_landscapes_name():
    data = landscape([("A", "B", None, None)])
    with pytest.raises(NotSaidError, match=r"small: origin is asked for .* no citation .* says its origin"):
        build_truth(data, cited_by=CitedBy(None, ["examiner"]))
    with pytest.raises(NotSaidError, match=r"small: relevant is asked for .* says its category"):
        build_truth(data, cited_by=CitedBy(GRADES))
    data = landscape([("A", "B", "applicant", "A")])
    with pytest.raises(NotSaidError, match=r"small: no citation is what origin \(opposition\) asks for; .*applicant 1"):
        build_truth(data, cited_by=CitedBy(None, ["opposition"]))
    qrels = pa.table({"query_id": ["A"], "patent_id": ["B"], "relevance": pa.array([1], pa.int32())})
    with pytest.raises(NotSaidError, match=r"truth of this landscape is qrels\.parquet"):
        build_truth(landscape([("A", "B", "examiner", "X")], qrels=qrels), cited_by=CitedBy(None, ["examiner"]))


def test_slices_of_a_kind_are_those_with_enough_queries():
    rows = [("A", "B", "examiner", "X"), ("B", "C", "examiner", None), ("C", "D", "applicant", "A")]
    truth, _ = build_truth(landscape(rows))
    slices, absent = make_slices(truth, ["origins", "categories"], min_office_queries=2)
    assert [part.name for part in slices] == ["origin=examiner"]
    assert absent == {"categories": "no category has 2 queries"}
    with pytest.raises(InputError, match=r"unknown slice 'category=Q'; allowed are .*category= one of X N I Y"):
        make_slices(truth, ["category=Q"])


@pytest.mark.parametrize(
    ("grades", "why"),
    [
        ({"XY": 3}, "'XY' is no category"),
        ({"X": -1}, "-1 is no grade"),
        ({"X": 0}, "nothing would be relevant"),
        ({"x": 1, "X": 2}, "is there twice"),
        ({"Unknown": 1}, "no category"),
    ],
)
def test_a_wrong_map_of_grades_says_what_is_allowed(grades, why):
    with pytest.raises(ValueError, match=why):
        check_relevant(grades)


def test_words_of_sources_become_one_set_of_words():
    assert [letters([one]) for one in ("X", "x,d", "Y; A", "SEA", "EXA", "APP", "", "cited", "A/D", "&")] == [
        "X", "XD", "YA", None, None, None, None, None, "AD", "&"
    ]  # fmt: skip
    assert not is_category("TPO")
    assert is_category("xy")
    words = ("Cited by Examiner", "EXAMINER", "cited by applicant", "", "unknown", "opponent", "Third-Party")
    assert [origin_word(one) for one in words] == [
        "examiner", "examiner", "applicant", None, None, "opposition", "third party"
    ]  # fmt: skip
    assert phase_and_origin("SEA", None) == ("search", "examiner")
    assert phase_and_origin("APP", None) == ("application", "applicant")


def test_a_clean_copy_keeps_every_way_of_being_cited_once_and_describe_counts_them(write, clean):
    rows = [
        ("US1", "US2", "Examiner", "x, d"), ("US1", "US2", "applicant", None), ("US1", "US2", "examiner", "DX"),
        ("US2", "US1", "nan", "background"),
    ]  # fmt: skip
    table = citations_table(*[row[:2] for row in rows])
    for at, name in ((2, "origin"), (3, "category")):
        table = table.append_column(name, pa.array([row[at] for row in rows], pa.string()))
    source = write([patent("US1"), patent("US2")], citations=table)
    prepare(source, clean)
    kept = clean.read_table("citations.parquet").to_pylist()
    assert [(row["citing_id"], row["origin"], row["category"]) for row in kept] == [
        ("US1", "examiner", "XD"), ("US1", "applicant", None), ("US2", None, None)
    ]  # fmt: skip
    reasons = {(row["row"], row["reason"]) for row in clean.read_table("quarantine.parquet").to_pylist()}
    assert reasons == {
        (2, "duplicate citation, the first was kept: US2"),
        (3, "citation category is no letter, left unknown: 'background'"),
    }
    text = format_description(describe(source))
    assert "origin of citations     applicant 1, examiner 1, unknown 1" in text
    assert "category of citations   unknown 2, XD 1" in text
