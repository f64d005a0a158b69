"""Measures of somebody else: what their functions are given, and what is said when they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.kinds import described
from patray.landscapes.records import Slice
from patray.measures.definitions import OF_OTHERS, Definition, Measure, by_query
from patray.measures.ranking import Counted, evaluate, find_hits
from patray.search.ranking import Ranking
from patray.tasks.retrieval import evaluate as evaluate_task
from tests.search.search_oracle import make_truth


def value_of(function: Callable[..., Any], relevant_from: int = 1, cutoff: int = 3) -> np.ndarray:
    """Three queries: grade 2 at rank 1 and 1 at rank 4; grade 1 at rank 2 of two that were ranked; nothing relevant."""
    ranked = np.array([[0, 1, 2, 3], [5, 6, -1, -1], [0, 1, 2, 3]])
    pairs = (np.array([0, 0, 0, 1]), np.array([0, 3, 7, 6]), np.array([2, 1, 3, 1]))
    seen = Counted(find_hits(ranked, *pairs), relevant_from=relevant_from)
    value = by_query("Mine", function).value
    assert value is not None
    return value(seen, cutoff)


def noting(calls: list[tuple[list[int], list[int]]]) -> Callable[..., float]:
    """A measure that keeps what it is given."""

    def measure(grades: np.ndarray, relevant: np.ndarray) -> float:
        calls.append((grades.tolist(), relevant.tolist()))
        return 0.0

    return measure


def test_a_function_is_given_k_grades_and_all_relevant_ones_of_queries_that_have_some() -> None:
    calls: list[tuple[list[int], list[int]]] = []
    value_of(noting(calls))
    assert calls == [([2, 0, 0], [3, 2, 1]), ([0, 1, 0], [1])]


def test_grades_below_relevant_from_are_irrelevant_to_a_function_as_to_precision() -> None:
    calls: list[tuple[list[int], list[int]]] = []
    value_of(noting(calls), relevant_from=2)
    assert calls == [([2, 0, 0], [3, 2])]


@given(st.integers(0, 99), st.integers(1, 3), st.integers(1, 30))
def test_precision_recall_and_f1_as_functions_are_those_of_sets(seed: int, relevant_from: int, cutoff: int) -> None:
    """F1@K by its own formula, 2 hits / (K + R), where lists are shorter than K and grades below the threshold."""
    random = np.random.default_rng(seed)
    ranked = np.array([np.r_[random.permutation(20)[:n], [-1] * (12 - n)] for n in random.integers(0, 13, 6)])
    query, patent = np.nonzero(random.random((6, 20)) < 0.2)
    grade = random.integers(1, 4, len(query))
    functions = {
        "OwnP": lambda grades, relevant: (grades > 0).sum() / len(grades),
        "OwnF1": lambda grades, relevant: 2 * (grades > 0).sum() / (len(grades) + len(relevant)),
    }
    seen = Counted(find_hits(ranked, query, patent, grade), relevant_from=relevant_from)
    found = {name: by_query(name, function).value(seen, cutoff) for name, function in functions.items()}  # type: ignore[misc]
    builtin = evaluate(ranked, query, patent, grade, [Measure("P", cutoff)], relevant_from=relevant_from)
    for row in range(6):
        relevant = set(patent[(query == row) & (grade >= relevant_from)].tolist())
        hits = len(relevant & set(ranked[row, :cutoff].tolist()))
        assert found["OwnF1"][row] == pytest.approx(2 * hits / (cutoff + len(relevant)) if relevant else 0)
    np.testing.assert_allclose(found["OwnP"], builtin[Measure("P", cutoff)])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda grades, relevant: dict[str, float]()["k"],
            r"its function raised KeyError: 'k' \(test_functions_of_others\.py, line",
        ),
        (lambda grades: 0.0, r"its function raised TypeError: .* takes 1 positional argument but 2 were given"),
        (
            lambda grades, relevant: None,
            r"its function \(test_.*, line \d+\) gave a NoneType 'None'; allowed are numbers from 0 to 1",
        ),
        (lambda grades, relevant: "good", r"its function \(.*, line \d+\) gave a str 'good'; allowed are numbers"),
        (lambda grades, relevant: grades, r"its function \(.*, line \d+\) gave a ndarray .*; allowed are numbers"),
        (lambda grades, relevant: float("nan"), r"its function \(.*, line \d+\) gave nan; allowed are 0 to 1"),
        (lambda grades, relevant: 1.5, r"its function \(.*, line \d+\) gave 1\.5; allowed are 0 to 1"),
    ],
)
def test_what_a_function_does_wrong_is_one_sentence_that_names_it(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(InputError, match=r"^measure Mine@3: " + said):
        value_of(function)


def test_the_query_is_named_by_whoever_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = make_truth(2, 6, pairs=[(0, 1, 1), (1, 2, 1)])
    ranking = Ranking(np.array([[1, 2], [2, 1]], np.int32), np.array([[2.0, 1.0]] * 2))
    everything = [Slice("all", np.ones(2, bool), np.ones(2, bool))]
    monkeypatch.setitem(OF_OTHERS._added, "Odd", by_query("Odd", lambda grades, relevant: -1.0))
    with pytest.raises(InputError, match=r"Odd@2: .* gave -1; .* \(corp, ta, bm25, slice all, query q000\)"):
        evaluate_task(truth, ranking, everything, [Measure("Odd", 2)], landscape="corp", view="ta", system="bm25")
    wrong = Definition("Long", "retrieval", 0, 1, "", "", value=lambda seen, cutoff: np.zeros(5))
    monkeypatch.setitem(OF_OTHERS._added, "Long", wrong)
    with pytest.raises(InputError, match=r"Long@2: .* shape \(5,\), .* \(corp, ta, bm25, slice all\)"):
        evaluate_task(truth, ranking, everything, [Measure("Long", 2)], landscape="corp", view="ta", system="bm25")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            lambda seen, cutoff: np.full(seen.n_queries, 7.0),
            r"its value \(.*, line \d+\) is 7; its Definition says 0 to 1",
        ),
        (lambda seen, cutoff: np.full(seen.n_queries, np.nan), r"its value \(.*\) is nan; its Definition says 0 to 1"),
        (lambda seen, cutoff: np.zeros(3), r"its value \(.*, line \d+\) gave shape \(3,\), wanted \(2,\), one a query"),
        (lambda seen, cutoff: "high", r"its value \(.*\) gave a str; wanted are Q numbers"),
        (lambda seen, cutoff: seen.nothing, "its value raised AttributeError: 'Counted' object has no"),
    ],
)
def test_a_definition_is_held_to_its_range_and_shape(
    value: Callable[..., Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OF_OTHERS._added, "Whole", Definition("Whole", "retrieval", 0, 1, "", "", value=value))
    with pytest.raises(InputError, match=f"^measure Whole@2: {said}"):
        evaluate(
            np.array([[0, 1], [1, 0]]), np.array([0, 1]), np.array([0, 1]), np.array([1, 1]), [Measure("Whole", 2)]
        )


@pytest.mark.parametrize(
    ("name", "why"),
    [("nDCG", "it is one of patray's"), ("MAP", "patray calls AP so"), ("HitRate", "patray calls Success so"),
     ("ARI", "it is one of patray's"), ("a/b", "is no name")],
)  # fmt: skip
def test_a_name_that_patray_knows_is_refused_and_not_passed_over(name: str, why: str) -> None:
    measure = Definition(name, "retrieval", 0, 1, "", "", value=lambda seen, cutoff: np.zeros(seen.n_queries))
    with pytest.raises(InputError, match=why):
        OF_OTHERS.add(name, measure)


def test_another_body_is_another_function_to_the_provenance() -> None:
    def one(grades: np.ndarray, relevant: np.ndarray) -> float:
        return 0.5

    def another(grades: np.ndarray, relevant: np.ndarray) -> float:
        return 0.25

    another.__qualname__ = one.__qualname__
    first, second = (described(by_query("Same", function)) for function in (one, another))
    assert first.startswith("test_another_body_is_another_function_to_the_provenance.<locals>.one of test_functions")
    assert first.partition(", source")[0] == second.partition(", source")[0]
    assert first != second
    assert first == described(by_query("Same", one))
