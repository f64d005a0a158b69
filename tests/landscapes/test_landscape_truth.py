"""From citations and qrels to queries and relevant pairs, with a slow and obvious oracle."""

import dataclasses
import datetime
import itertools

import numpy as np
import pyarrow as pa
import pytest
from conftest_landscapes import citations_table, patent, patents_table
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.landscapes.codes import parse_code
from patray.landscapes.load import load_metadata
from patray.landscapes.records import IN, OUT, UNKNOWN, Metadata
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import build_truth
from patray.landscapes.validate import prepare


def metadata(patents, citations=None, queries=None, qrels=None) -> Metadata:
    def table(rows):
        whole = patents_table(sorted(rows, key=lambda row: row["patent_id"].encode()))
        families = [row["family_id"] or row["patent_id"] for row in whole.to_pylist()]
        whole = whole.set_column(1, "family_id", pa.array(families, pa.string()))
        return whole.select(["patent_id", "family_id", "jurisdiction", "date", "ipc", "cpc"])

    return Metadata(
        "small", table(patents), table(queries) if queries else None,
        citations_table(*citations) if citations is not None else None, qrels, {}, {},
    )  # fmt: skip


def named(truth):
    ids = zip(truth.query_ids[truth.query], truth.patent_ids[truth.patent], strict=True)
    return {pair: int(domain) for pair, domain in zip(ids, truth.domain, strict=True)}


def excluded(truth, query):
    at = truth.query_ids.tolist().index(query)
    return truth.patent_ids[truth.excluded[truth.excluded_start[at] : truth.excluded_start[at + 1]]].tolist()


PATENTS = [patent(id) for id in "ABCD"]


def test_a_query_is_a_patent_with_a_relevant_patent_in_the_corpus():
    truth, counts = build_truth(metadata(PATENTS, [("A", "B"), ("A", "C"), ("C", "D")]))
    assert truth.query_ids.tolist() == ["A", "C"]
    assert truth.patent_ids.tolist() == ["A", "B", "C", "D"]
    assert set(named(truth)) == {("A", "B"), ("A", "C"), ("C", "D")}
    assert truth.query_in_corpus.tolist() == [0, 2]
    assert (counts.source, counts.queries, counts.pairs) == ("citations", 2, 3)


def test_direction_decides_which_side_is_relevant():
    data = metadata(PATENTS, [("A", "B"), ("B", "A"), ("C", "A")])
    assert set(named(build_truth(data, "cited")[0])) == {("A", "B"), ("B", "A"), ("C", "A")}
    assert set(named(build_truth(data, "citing")[0])) == {("B", "A"), ("A", "B"), ("A", "C")}
    assert set(named(build_truth(data, "both")[0])) == {("A", "B"), ("B", "A"), ("C", "A"), ("A", "C")}


def test_the_query_and_its_family_are_never_ranked_nor_relevant():
    rows = [patent("A", family_id="F"), patent("B", family_id="F"), patent("C"), patent("D", family_id="F")]
    data = metadata(rows, [("A", "B"), ("A", "C")])
    truth, counts = build_truth(data)
    assert set(named(truth)) == {("A", "C")}
    assert excluded(truth, "A") == ["A", "B", "D"]
    assert counts.pairs_family == 1
    truth, _ = build_truth(data, exclude_family=False)
    assert set(named(truth)) == {("A", "B"), ("A", "C")}
    assert excluded(truth, "A") == ["A"]


def test_a_query_whose_every_relevant_patent_is_in_its_own_family_drops_out_and_is_counted():
    rows = [patent("A", family_id="F"), patent("B", family_id="F"), patent("C")]
    truth, counts = build_truth(metadata(rows, [("A", "B"), ("C", "A")]))
    assert truth.query_ids.tolist() == ["C"]
    assert (counts.queries_read, counts.queries_only_family, counts.queries) == (2, 1, 1)


def test_patents_without_a_family_are_not_one_family(write, clean):
    prepare(write(PATENTS, citations=citations_table(("A", "B"))), clean)
    truth, _ = build_truth(load_metadata(clean))
    assert excluded(truth, "A") == ["A"]


def test_with_earlier_only_later_pairs_leave_the_truth_and_unknown_dates_stay():
    day = datetime.date
    rows = [
        patent("A", date=day(2000, 1, 1)), patent("B", date=day(1999, 12, 31)), patent("C", date=day(2000, 1, 1)),
        patent("D", date=None), patent("E", date=day(1965, 1, 1)), patent("F", date=day(2001, 1, 1)),
    ]  # fmt: skip
    data = metadata(rows, [*[("A", other) for other in "BCDEF"], ("E", "F")])
    truth, counts = build_truth(data, earlier_only=True)
    assert set(named(truth)) == {("A", "B"), ("A", "D"), ("A", "E")}
    assert (counts.pairs_later, counts.queries_only_later) == (3, 1)
    assert truth.earlier_only
    assert truth.patent_date.tolist() == [10957, 10956, 10957, -1, -1826, 11323]
    assert len(named(build_truth(data)[0])) == 6


def test_the_last_day_of_1969_is_not_taken_for_an_unknown_date():
    rows = [patent("A", date=datetime.date(1969, 12, 31)), patent("B", date=datetime.date(1970, 6, 1))]
    data = metadata(rows, [("A", "B"), ("B", "A")])
    truth, _ = build_truth(data, earlier_only=True)
    assert set(named(truth)) == {("B", "A")}


def test_in_shares_a_class_out_shares_none_and_a_patent_without_codes_is_unknown():
    rows = [
        patent("A", ipc=["A61B5/02", "H04L9/08"]), patent("B", ipc=["A61M 1/00"]), patent("C", ipc=["G06F1/00"]),
        patent("D", ipc=[], cpc=["H04W 4/00", "Y02E1/00"]), patent("E", ipc=["?"], cpc=["H04L2209/00"]),
    ]  # fmt: skip
    data = metadata(rows, [("A", other) for other in "BCDE"])
    assert named(build_truth(data)[0]) == {("A", "B"): IN, ("A", "C"): OUT, ("A", "D"): UNKNOWN, ("A", "E"): UNKNOWN}
    both = named(build_truth(data, domain_from="ipc,cpc")[0])
    assert both == {("A", "B"): IN, ("A", "C"): OUT, ("A", "D"): IN, ("A", "E"): UNKNOWN}
    with pytest.raises(InputError, match="domain_from 'uspc'; allowed are ipc, cpc and ipc,cpc"):
        build_truth(data, domain_from="uspc")


def qrels(*rows, domain=None):
    table = pa.table(
        {
            "query_id": [r[0] for r in rows],
            "patent_id": [r[1] for r in rows],
            "relevance": pa.array([r[2] for r in rows], pa.int32()),
        }
    )
    return table if domain is None else table.append_column("domain", pa.array(domain, pa.string()))


def test_qrels_win_over_citations_and_bring_their_own_domain():
    judged = qrels(("Q", "A", 2), ("Q", "B", 1), ("A", "B", 1), ("Q", "C", 0), domain=["OUT", None, "IN", "NC"])
    data = metadata(PATENTS, [("A", "D")], queries=[patent("Q")], qrels=judged)
    truth, counts = build_truth(data)
    assert named(truth) == {("A", "B"): IN, ("Q", "A"): OUT, ("Q", "B"): UNKNOWN}
    assert truth.relevance.tolist() == [1, 2, 1]
    assert truth.query_in_corpus.tolist() == [0, -1]
    assert (counts.source, counts.pairs_not_relevant) == ("qrels", 1)


def test_a_query_document_outside_the_corpus_excludes_its_family_there():
    rows = [patent("A", family_id="F"), patent("B"), patent("C", family_id="F")]
    data = metadata(
        rows, queries=[patent("Q", family_id="F", jurisdiction="EP")], qrels=qrels(("Q", "B", 1), ("Q", "A", 1))
    )
    truth, _ = build_truth(data)
    assert excluded(truth, "Q") == ["A", "C"]
    assert (truth.query_family.tolist(), truth.query_jurisdiction.tolist()) == (["F"], ["EP"])
    assert set(named(truth)) == {("Q", "B")}


def test_a_query_document_with_the_id_of_a_patent_stands_for_it_and_never_finds_it():
    data = metadata(PATENTS, queries=[patent("A")], qrels=qrels(("A", "A", 1), ("A", "B", 1)))
    truth, counts = build_truth(data)
    assert truth.query_in_corpus.tolist() == [-1]
    assert excluded(truth, "A") == ["A"]
    assert (set(named(truth)), counts.pairs_same_patent) == ({("A", "B")}, 1)


def test_citations_of_query_documents_never_make_them_relevant():
    data = metadata(PATENTS, [("Q", "A"), ("A", "Q")], queries=[patent("Q")])
    truth, counts = build_truth(data, "both")
    assert set(named(truth)) == {("Q", "A")}
    assert counts.pairs_outside == 1


def test_no_truth_at_all_says_that_retrieval_is_not_possible():
    with pytest.raises(InputError, match=r"small: retrieval is not possible: the landscape has neither qrels"):
        build_truth(metadata(PATENTS))
    with pytest.raises(InputError, match=r"retrieval is not possible: none of the 0 pairs"):
        build_truth(metadata(PATENTS, []))
    family = [patent("A", family_id="F"), patent("B", family_id="F")]
    with pytest.raises(InputError, match=r"of 1 queries, 1 have relevant patents in their own family only"):
        build_truth(metadata(family, [("A", "B")]))
    with pytest.raises(InputError, match="direction 'forward'; allowed are cited, citing, both"):
        build_truth(metadata(PATENTS, []), "forward")


def test_ids_are_in_the_order_of_their_bytes(write, clean):
    names = ["b", "B", "é", "Z9", "Z10", "\U0001f600", "\uffee", "a"]
    citations = citations_table(*itertools.permutations(names, 2))
    prepare(write([patent(name) for name in names], citations=citations), clean)
    truth, _ = build_truth(load_metadata(clean))
    assert truth.patent_ids.tolist() == sorted(names, key=lambda name: name.encode())
    assert truth.query_ids.tolist() == truth.patent_ids.tolist()


IDS = [f"P{i}" for i in range(7)]
rows = st.tuples(
    st.sampled_from([None, "F1", "F2"]),
    st.sampled_from([None, *[datetime.date(1969, 12, 29) + datetime.timedelta(days=i) for i in range(0, 8, 3)]]),
    st.lists(st.sampled_from(["A61B5/00", "A61C1/00", "B01D1/00", "?"]), max_size=2),
)


@given(
    st.lists(rows, min_size=7, max_size=7),
    st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda pair: pair[0] != pair[1]), max_size=20),
    st.sampled_from(["cited", "citing", "both"]),
    st.booleans(),
    st.booleans(),
)
def test_the_truth_is_that_of_a_loop_over_pairs(drawn, pairs, direction, exclude_family, earlier_only):
    patents = {
        id: patent(id, family_id=family, date=date, ipc=codes)
        for id, (family, date, codes) in zip(IDS, drawn, strict=True)
    }
    ways = {"cited": pairs, "citing": {(b, a) for a, b in pairs}, "both": pairs | {(b, a) for a, b in pairs}}[direction]

    def same_family(a, b):
        return patents[a]["family_id"] is not None and patents[a]["family_id"] == patents[b]["family_id"]

    def classes(id):
        return {parse_code(code).at("class") for code in patents[id]["ipc"] if parse_code(code)}

    expected = {}
    for query, found in ways:
        dates = patents[query]["date"], patents[found]["date"]
        if (exclude_family and same_family(query, found)) or (
            earlier_only and None not in dates and dates[1] >= dates[0]
        ):
            continue
        known = classes(query) and classes(found)
        expected[query, found] = (IN if classes(query) & classes(found) else OUT) if known else UNKNOWN
    data = metadata(list(patents.values()), list(pairs))
    if not expected:
        with pytest.raises(InputError, match="retrieval is not possible"):
            build_truth(data, direction, exclude_family, earlier_only)
        return
    truth, counts = build_truth(data, direction, exclude_family, earlier_only)
    assert named(truth) == expected
    assert truth.query_ids.tolist() == sorted({query for query, _ in expected})
    for query in truth.query_ids:
        family = [other for other in IDS if exclude_family and same_family(query, other)]
        assert excluded(truth, query) == sorted({query, *family})
    order = list(zip(truth.query.tolist(), truth.patent.tolist(), strict=True))
    assert order == sorted(set(order))
    removed = [
        value
        for name, value in dataclasses.asdict(counts).items()
        if name.startswith("pairs_") and name != "pairs_read"
    ]
    assert counts.pairs_read == counts.pairs + sum(removed) == len(ways)


def sliced(names, **options):
    patents = [patent(f"U{i}", ipc=["A61B5/00"]) for i in range(25)]
    patents += [patent("E1", jurisdiction="EP", ipc=["B01D1/00"]), patent("N1", jurisdiction=None, ipc=[])]
    pairs = [(f"U{i}", f"U{i + 1}") for i in range(24)] + [("U0", "E1"), ("E1", "U3"), ("N1", "U1")]
    truth, _ = build_truth(metadata(patents, pairs))
    slices, absent = make_slices(truth, names, **options)
    return truth, {one.name: one for one in slices}, absent


def test_slices_hold_their_pairs_and_the_queries_that_still_have_one():
    truth, slices, absent = sliced(["all", "in", "out", "jurisdiction=EP"])
    sizes = {name: (int(one.queries.sum()), int(one.pairs.sum())) for name, one in slices.items()}
    assert sizes == {"all": (26, 27), "in": (24, 24), "out": (2, 2), "jurisdiction=EP": (1, 1)}
    assert absent == {}
    assert truth.query_ids[slices["out"].queries].tolist() == ["E1", "U0"]
    for one in slices.values():
        assert np.array_equal(np.unique(truth.query[one.pairs]), np.flatnonzero(one.queries))


def test_jurisdictions_stands_for_every_office_with_enough_queries():
    assert list(sliced(["jurisdictions"])[1]) == ["jurisdiction=US"]
    assert list(sliced(["jurisdictions"], min_office_queries=1)[1]) == ["jurisdiction=EP", "jurisdiction=US"]
    assert sliced(["jurisdictions"], min_office_queries=99)[2] == {"jurisdictions": "no office has 99 queries"}
    assert list(sliced(["jurisdictions", "jurisdiction=US"])[1]) == ["jurisdiction=US"]


def test_a_slice_that_is_absent_says_why():
    _, slices, absent = sliced(["out", "jurisdiction=JP"], min_queries=3)
    assert slices == {}
    assert absent["out"] == "2 queries, fewer than 3"
    assert absent["jurisdiction=JP"] == "no query from this office (offices: EP, US)"
    truth, _ = build_truth(metadata([patent("A", ipc=[]), patent("B", ipc=[])], [("A", "B")]))
    assert "the domain of no pair is known" in make_slices(truth, ["in"])[1]["in"]
    truth, _ = build_truth(metadata([patent("A"), patent("B")], [("A", "B")]))
    assert "every relevant pair" in make_slices(truth, ["out"])[1]["out"]


def test_an_unknown_slice_names_what_is_allowed():
    with pytest.raises(InputError, match="unknown slice 'inside'; allowed are all, in, out"):
        sliced(["inside"])
