import pytest

from patray.errors import InputError
from patray.metrics.measures import RETRIEVAL, Measure, parse_measure


@pytest.mark.parametrize("text", ["nDCG@10", "Recall@100", "AP@100", "RR@10", "P@1"])
def test_a_measure_is_written_as_it_was_read(text):
    assert str(parse_measure(text)) == text


def test_the_parts_of_a_name_are_measure_and_cutoff():
    assert parse_measure("nDCG@10") == Measure("nDCG", 10)


def test_the_default_measures_are_those_the_task_promises():
    assert " ".join(map(str, RETRIEVAL)) == "nDCG@10 nDCG@100 Recall@10 Recall@100 AP@100 RR@10 P@10"


@pytest.mark.parametrize("text", ["ndcg@10", "nDCG", "nDCG@", "nDCG@-1", "nDCG@1.5", "MAP@10", "R@10", "", "P@10 "])
def test_a_wrong_name_says_what_is_allowed(text):
    with pytest.raises(InputError, match="nDCG@K, Recall@K, AP@K, RR@K, P@K") as caught:
        parse_measure(text)
    assert repr(text.partition("@")[0]) in str(caught.value) or repr(text) in str(caught.value)


def test_a_cutoff_of_zero_is_refused():
    with pytest.raises(InputError, match="nDCG@0: the cutoff must be 1 or more"):
        parse_measure("nDCG@0")
