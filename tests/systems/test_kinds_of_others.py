"""Kinds of systems of other packages: refused with a reason where they are loaded, and named where they fail."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from patray.errors import InputError
from patray.search.ranking import Ranking
from patray.systems.base import Ranked, RankTask, System, rank_checked
from patray.systems.functions import RANKERS, Ranks
from patray.systems.kinds import checked_kind, read_system
from patray.yaml_model import UnknownKey
from tests.search.search_oracle import make_truth


def task(queries: int = 2, patents: int = 3) -> RankTask:
    truth = make_truth(queries, patents)
    return RankTask("corp", "ta", "mine", truth, np.zeros(queries, np.int8), "nDCG@10", 10, list, list)


class Fine(System):
    KIND: ClassVar[str] = "fine"
    fine: bool = True

    def rank(self, task: RankTask) -> Ranked:
        return Ranked(task.best(np.array([[1.0, np.nan, 3.0], [0.0, 5.0, 0.0]])))


class Aliased(Fine):
    KIND: ClassVar[str] = "al-iased"
    other: bool = Field(alias="al-iased")


class WithoutRank(System):
    KIND: ClassVar[str] = "rankless"
    rankless: bool = True


class OtherField(Fine):
    KIND: ClassVar[str] = "jaccard"
    letters: int = 3


class NoKind(System):
    fine: bool = True


@pytest.mark.parametrize(
    ("name", "thing", "said"),
    [
        ("other", Fine, r"Fine.KIND is 'fine'; it must be the entry point's name"),
        ("fine", NoKind, r"NoKind.KIND is None"),
        ("rankless", WithoutRank, r"WithoutRank has no method `rank\(self, task\)`"),
        (
            "jaccard",
            OtherField,
            r"OtherField has no field 'jaccard' \(or with that alias\), by which",
        ),
        ("fine", dict, r"dict is no subclass of patray.systems.base.System"),
    ],
)
def test_a_class_that_could_not_be_used_is_left_out_with_a_reason(name: str, thing: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        checked_kind(name, thing)


def test_a_class_that_can_be_used_is_taken() -> None:
    assert checked_kind("fine", Fine) is Fine
    assert checked_kind("al-iased", Aliased) is Aliased


def test_nan_is_not_ranked_and_equal_scores_stand_by_id_descending() -> None:
    found = rank_checked(Fine(name="mine"), task()).ranking
    assert [row[row >= 0].tolist() for row in found.patents] == [[2, 0], [1, 2, 0]]


@pytest.mark.parametrize(
    ("rank", "said"),
    [
        (lambda self, task: 1 / 0, r"rank raised ZeroDivisionError: division by zero \(test_kinds_of_others.py, line"),
        (lambda self, task: None, r"rank gave a NoneType; wanted is Ranked\(task.best\(scores\)\)"),
        (lambda self, task: task.best(np.zeros((2, 3))), r"rank gave a Ranking; wanted is Ranked"),
        (lambda self, task: Ranked(np.zeros((2, 3))), r"rank gave a Ranked of a ndarray; wanted is Ranked"),
    ],
)
def test_what_a_kind_does_wrong_names_kind_and_place(rank: Any, said: str) -> None:
    kind = type("Bad", (Fine,), {"rank": rank, "__module__": __name__})
    with pytest.raises(InputError, match=rf"^system mine \(Bad of .*test_kinds_of_others\), corp/ta: {said}"):
        rank_checked(kind(name="mine"), task())


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (None, r"a NoneType of scores; wanted is an array of \(2, 3\) numbers"),
        (np.zeros((2, 3), complex), r"an array of complex128 of scores; wanted"),
        (np.array([["a"] * 3] * 2), r"an array of <U1 of scores; wanted"),
        (np.zeros((3, 2)), r"scores of shape \(3, 2\), wanted \(2, 3\), queries and patents"),
        (np.array([[0, 0, 0], [0, -np.inf, 0]]), r"a score of -inf for query q001, patent p001; allowed are numbers"),
        (np.array([[0, 0, 1e300], [0, 0, 0]]), r"a score of 1e\+300 for query q000, patent p002; .* within float32"),
    ],
)
def test_scores_that_cannot_be_ordered_are_refused(scores: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a kind of a package and by a function: each names itself, its line, and the place."""

    class Bad(Fine):
        def rank(self, task: RankTask) -> Ranked:
            return Ranked(task.best(scores))

    line = r" \(test_kinds_of_others\.py, line \d+\)"
    with pytest.raises(InputError, match=rf"^system mine \(Bad of .*others\), corp/ta: {said}.*{line}$"):
        rank_checked(Bad(name="mine"), task())
    monkeypatch.setitem(RANKERS._added, "own", lambda task: scores)
    with pytest.raises(InputError, match=rf"^system mine, corp/ta: ranker own{line} gave {said}"):
        rank_checked(Ranks(name="mine", ranker="own"), task())


def test_best_gives_a_ranking_of_any_numbers() -> None:
    assert isinstance(task().best(np.ones((2, 3), bool)), Ranking)


def test_an_unknown_key_is_told_with_the_keys_of_its_kind_or_with_the_kinds() -> None:
    with pytest.raises(UnknownKey) as told:
        read_system({"lexical": "bm25", "k9": 1})
    assert {"lexical", "k1", "b"} <= set(told.value.allowed)
    assert "rrf" not in told.value.allowed
    with pytest.raises(UnknownKey) as told:
        read_system({"jaccard": 3})
    assert {"lexical", "rrf", "dense"} <= set(told.value.allowed)
    assert "k1" not in told.value.allowed
