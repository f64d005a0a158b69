"""A suite's measures: which there are, how deep rankings must be for them, and what is compared by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from patray.errors import InputError
from patray.measures.definitions import OF_OTHERS, by_query
from patray.runs.read import dump_suite, parse_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite

TEXT = """\
name: s
landscapes: [{name: a, generate: {patents: 50}}]
views: [ta, abstract]
models: [minilm]
tasks:
  retrieval: {measures: [Recall@1000, nDCG@20, RR@5]}
  classification: {measures: [micro-F1, macro-F1]}
  clustering: {measures: [ARI]}
"""


def read(*assignments: str) -> Suite:
    return resolve(parse_suite(TEXT, "s.yaml", list(assignments)))


def test_the_first_measure_of_each_task_is_what_is_compared_by_default() -> None:
    families = {family.name: family.metric for family in read().statistics.comparisons or ()}
    assert families == {
        "systems/retrieval": "Recall@1000",
        "systems/retrieval-out": "Recall@1000",
        "views/retrieval": "Recall@1000",
        "views/classification-knn": "knn-micro-F1",
        "views/classification-logistic": "logistic-micro-F1",
        "views/clustering": "ARI",
    }


def test_rankings_are_as_long_as_the_largest_cutoff_where_no_depth_is_given(tmp_path: Path) -> None:
    suite = read()
    assert suite.search.depth == 1000
    assert resolve(parse_suite(dump_suite(suite), "again.yaml", [])) == suite
    assert read("search.shards=3").search.depth == 1000
    assert read("tasks.retrieval.measures=[nDCG@5]").search.depth == 100


def test_a_depth_that_does_not_reach_a_measure_is_refused_with_what_to_set() -> None:
    with pytest.raises(InputError, match=r"search\.depth: 200 is too short for Recall@1000 .* at least 1000"):
        read("search.depth=200")
    assert read("search.depth=1500").search.depth == 1500


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("tasks.retrieval.measures=[Bpref@10]", r"measure 'Bpref'.*; did you mean bpref\?.*nDCG@K, Recall@K"),
        ("tasks.retrieval.measures=[myrbp@10]", r"^tasks\.retrieval\.measures: .*'myrbp': .*; did you mean MyRBP\?"),
        ("tasks.retrieval.measures=[MyRBQ10]", r"not of the form NAME@CUTOFF; did you mean MyRBP\?"),
        ("tasks.retrieval.measures=[qqqq@10]", "'qqqq': no such measure; allowed"),
        ("tasks.retrieval.measures=[MyRBP@9,MyRBP@9]", "the measure MyRBP@9 stands there twice; leave one of them out"),
        ("tasks.retrieval.measures=[]", "measures"),
        ("tasks.classification.measures=[accuracy]", "measure 'accuracy'.*allowed are macro-F1, micro-F1"),
        ("tasks.classification.measures=[macro-F1,macro-F1]", "macro-F1 stands there twice"),
        ("tasks.clustering.measures=[purity]", "measure 'purity'.*V-measure, ARI, NMI"),
    ],
)
def test_a_measure_that_is_not_there_or_stands_twice_is_told_with_what_is_allowed(
    assignment: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OF_OTHERS._added, "MyRBP", by_query("MyRBP", lambda grades, relevant: 0.0))
    with pytest.raises(InputError, match=said):
        read(assignment)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("tasks.retrieval.relevant={XY: 3}", r"tasks\.retrieval\.relevant.*'XY' is no category.*allowed are X, N, I"),
        ("tasks.retrieval.relevant={X: 0}", r"tasks\.retrieval\.relevant.*no category has a grade above 0"),
        ("tasks.retrieval.relevant={X: high}", r"tasks\.retrieval\.relevant.*valid integer.*high"),
        ("tasks.retrieval.origin=[examinar]", r"tasks\.retrieval\.origin.*'examiner', 'applicant', 'opposition'"),
        ("tasks.retrieval.origin=[]", r"tasks\.retrieval\.origin"),
        ("tasks.retrieval.slices=[all,origin=me]", r"tasks\.retrieval\.slices.*'origin=me'.*allowed are .*examiner"),
    ],
)
def test_a_wrong_word_about_citations_is_told_with_its_key_and_what_is_allowed(assignment: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"(?s){said}"):
        read(assignment)


def test_grades_of_citations_must_reach_the_level_asked_for() -> None:
    with pytest.raises(InputError, match=r"relevant_from: 4 is above 3"):
        read("tasks.retrieval.relevant={x: 3, unknown: 0}", "tasks.retrieval.relevant_from=4")
    retrieval = read("tasks.retrieval.relevant={x: 3, unknown: 0}", "tasks.retrieval.origin=[examiner]").tasks.retrieval
    assert retrieval is not None
    assert retrieval.relevant == {"X": 3, "unknown": 0}
    assert retrieval.cited_by.asks == ("relevant", "origin")
    us = read("tasks.retrieval.relevant={102: 3, 103: 2}", "tasks.retrieval.slices=[all, category=102]").tasks.retrieval
    assert us.relevant == {"102": 3, "103": 2}
