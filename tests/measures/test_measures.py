import ir_measures
import pytest
import pytrec_eval

from patray.errors import InputError
from patray.measures.definitions import (
    BY_NAME,
    DEFINITIONS,
    KINDS,
    RETRIEVAL,
    Measure,
    definition_of,
    in_order,
    parse_measure,
    spelled,
)


@pytest.mark.parametrize("text", ["nDCG@10", "Recall@100", "AP@100", "RR@10", "P@1"])
def test_a_measure_is_written_as_it_was_read(text):
    assert str(parse_measure(text)) == text


def test_the_parts_of_a_name_are_measure_and_cutoff():
    assert parse_measure("nDCG@10") == Measure("nDCG", 10)


def test_the_default_measures_are_those_the_task_promises():
    assert " ".join(map(str, RETRIEVAL)) == "nDCG@10 nDCG@100 Recall@10 Recall@100 AP@100 RR@10 P@10"


@pytest.mark.parametrize("text", ["xdcg@10", "nDCG", "nDCG@", "nDCG@-1", "nDCG@1.5", "Bpref@10", "F1@10", "", "P@10 "])
def test_a_wrong_name_says_what_is_allowed(text):
    with pytest.raises(InputError, match="nDCG@K, Recall@K, AP@K, RR@K, P@K") as caught:
        parse_measure(text)
    assert repr(text.partition("@")[0]) in str(caught.value) or repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("MRR@10", "RR@10"),
        ("MAP@5", "AP@5"),
        ("R@1", "Recall@1"),
        ("mrr@10", "RR@10"),
        ("R-precision@20", "Rprec@20"),
        ("Hit@5", "Success@5"),
    ],
)
def test_what_people_type_is_read_under_the_name_that_is_reported(typed, meant):
    assert parse_measure(typed) == parse_measure(meant)
    assert spelled(typed) == meant


@pytest.mark.parametrize("text", ["MRR", "MAP", "R-precision", "bpref", "nDCG"])
def test_a_name_without_a_cutoff_is_told_to_have_one(text):
    with pytest.raises(InputError, match=f"no cutoff; say how many results count, such as {text}@100"):
        parse_measure(text)


def test_a_cutoff_of_zero_is_refused():
    with pytest.raises(InputError, match="nDCG@0: the cutoff must be 1 or more"):
        parse_measure("nDCG@0")


def test_every_definition_has_a_name_of_its_own_a_range_and_what_others_call_it():
    assert len(BY_NAME) == len(DEFINITIONS)
    for definition in DEFINITIONS:
        assert definition.task in KINDS
        assert definition.low < definition.high
        assert definition.says
        assert (definition.value is not None) == (definition.task == "retrieval")


def test_ir_measures_reads_the_names_that_are_said_to_be_its_own():
    for measure in RETRIEVAL:
        assert str(ir_measures.parse_measure(measure.called("ir_measures"))) == measure.called("ir_measures")


def test_trec_evals_names_are_those_that_pytrec_eval_writes():
    called = {measure.called("trec_eval") for measure in RETRIEVAL}
    asked = {"ndcg_cut", "recall", "map_cut", "recip_rank", "P"}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": {"d": 1}}, asked)
    assert called <= set(evaluator.evaluate({"q": {"d": 1.0}})["q"])


def test_metrics_nobody_ordered_stand_by_probe_name_and_cutoff():
    found = ["RR@5", "nDCG@100", "logistic-macro-F1", "ARI", "nDCG@20", "nDCG@20.drop", "knn-micro-F1", "knn-macro-F1"]
    assert in_order(found, "retrieval") == ["nDCG@20", "nDCG@100", "RR@5"]
    assert in_order(found, "classification") == ["knn-macro-F1", "knn-micro-F1", "logistic-macro-F1"]
    assert in_order(found, "clustering") == ["ARI"]


@pytest.mark.parametrize("metric", ["nDCG@20.drop", "V-measure.seed_sd", "accuracy", "nDCG", "x-F1", "nDCG@"])
def test_what_is_no_measure_has_no_definition(metric):
    assert definition_of(metric) is None or metric in BY_NAME
