"""Rerankers against CrossEncoder's own predict, and token ids against the tokenizer's own joining of two texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from patray.encoders.cross_encoder import checked_scores, probability
from patray.encoders.load import load_scorer
from patray.encoders.pairs import PairTokenizer, longest_first
from patray.encoders.protocol import EncoderSettings
from patray.errors import EmbeddingError, ModelError
from patray.models.registry import find_record
from patray.models.resolve import require_runnable
from tests.models.tiny_late import (
    TEMPLATE,
    cross_record,
    save_cross_encoder,
    save_tokenizer,
    save_yes_no,
    yes_no_record,
)

QUERIES = ["a folding brush", "", "the sensor of the device, " * 30, "超音波", "claim " * 40]
DOCUMENTS = ["A brush { } with {query} a wheel.", "", "the user and the claim; " * 30, "12.5 MHz", "claim " * 21]
PAIRS = np.array([(q, d) for q in range(5) for d in range(5)])
SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 256, False)


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("cross") / "model")


@pytest.fixture(scope="module")
def yes_no(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_yes_no(tmp_path_factory.mktemp("yes-no") / "model")


def test_scores_equal_those_of_cross_encoder(cross: Path) -> None:
    from sentence_transformers import CrossEncoder

    record = cross_record()
    pairs = PairTokenizer(record, cross)(QUERIES, DOCUMENTS, PAIRS)
    found = load_scorer(record, cross, SETTINGS).score(pairs)
    texts = [(QUERIES[q], DOCUMENTS[d]) for q, d in PAIRS]
    reference = CrossEncoder(str(cross), device="cpu", local_files_only=True, max_length=64)
    np.testing.assert_allclose(found, reference.predict(texts, activation_fn=torch.nn.Identity()), atol=3e-5)
    np.testing.assert_allclose(probability(found), reference.predict(texts), atol=1e-5)
    assert found.dtype == np.float32
    assert len(np.unique(found)) > 20


def test_token_ids_types_and_truncation_equal_the_tokenizers_own(cross: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(cross))
    for limit in (16, 17, 64):
        pairs = PairTokenizer(cross_record(max_tokens=limit), cross)(QUERIES, DOCUMENTS, PAIRS)
        for at, (query, document) in enumerate(PAIRS):
            both = [QUERIES[query]], [DOCUMENTS[document]]  # lists: alone, an empty second text would be left out
            expected = tokenizer(*both, truncation=True, max_length=limit)
            assert pairs.ids[at].tolist() == expected["input_ids"][0], both
            types = [0] * pairs.first[at] + [1] * (len(pairs.ids[at]) - pairs.first[at])
            assert types == expected["token_type_ids"][0]
            assert pairs.truncated[at] == (len(tokenizer(*both)["input_ids"][0]) > limit)


@given(one=st.integers(0, 60), two=st.integers(0, 60), room=st.integers(2, 50))
def test_two_long_texts_are_cut_as_the_tokenizers_library_does(one: int, two: int, room: int) -> None:
    tokenizer = _words()
    tokenizer.enable_truncation(room, strategy="longest_first")
    found = tokenizer.encode(" ".join(["a"] * one), " ".join(["b"] * two), add_special_tokens=False)
    assert longest_first(one, two, room) == (found.tokens.count("a"), found.tokens.count("b"))


def _words() -> Tokenizer:
    from tokenizers import models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def test_batches_do_not_change_the_scores(cross: Path, yes_no: Path) -> None:
    for record, folder in ((cross_record(), cross), (yes_no_record(), yes_no)):
        pairs = PairTokenizer(record, folder)(QUERIES, DOCUMENTS, PAIRS)
        small, large = (
            load_scorer(record, folder, EncoderSettings("sentence-transformers", "float32", "cpu", 1, budget, False))
            for budget in (64, 9999)
        )
        np.testing.assert_allclose(small.score(pairs), large.score(pairs), atol=2e-5)


def test_a_generative_reranker_scores_yes_against_no_behind_the_whole_template(yes_no: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    record = yes_no_record()
    pairs = PairTokenizer(record, yes_no)(QUERIES, DOCUMENTS, PAIRS)
    found = load_scorer(record, yes_no, SETTINGS).score(pairs)
    tokenizer = AutoTokenizer.from_pretrained(str(yes_no))
    model = AutoModelForCausalLM.from_pretrained(str(yes_no)).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    for ids, score in zip(pairs.ids, found, strict=True):
        with torch.inference_mode():
            logits = model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0, -1]
        assert abs(float(logits[yes] - logits[no]) - score) < 1e-4
        chance = torch.softmax(logits[[no, yes]], dim=0)[1]
        assert abs(probability(np.array([score]))[0] - float(chance)) < 1e-5
    assert len(np.unique(found)) > 20


def test_the_template_keeps_its_suffix_and_cuts_the_document_alone(yes_no: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(yes_no))
    record = yes_no_record()
    prefix, suffix = (tokenizer(TEMPLATE[key], add_special_tokens=False)["input_ids"] for key in ("prefix", "suffix"))
    pairs = PairTokenizer(record, yes_no)(["a brush"], ["claim " * 9, "claim " * 500], np.array([(0, 0), (0, 1)]))
    for ids in pairs.ids:
        assert ids[: len(prefix)].tolist() == prefix
        assert ids[-len(suffix) :].tolist() == suffix
    body = f"task : {TEMPLATE['task']} query : a brush document : "
    short, long = (ids[len(prefix) : -len(suffix)].tolist() for ids in pairs.ids)
    assert short == tokenizer(body + "claim " * 9, add_special_tokens=False)["input_ids"]
    whole = tokenizer(body + "claim " * 500, add_special_tokens=False)["input_ids"]
    assert long == whole[: 96 - len(prefix) - len(suffix)]
    assert pairs.truncated.tolist() == [False, True]


def test_what_stands_behind_the_document_in_the_body_is_kept(yes_no: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(yes_no))
    template = {**TEMPLATE, "body": "{document} is it a {query} for {task}", "suffix": " [SEP]"}
    pairs = PairTokenizer(yes_no_record(template=template), yes_no)(["wheel"], ["claim " * 500], np.array([(0, 0)]))
    tail = tokenizer(f"is it a wheel for {TEMPLATE['task']} [SEP]", add_special_tokens=False)["input_ids"]
    assert len(pairs.ids[0]) == 96
    assert pairs.ids[0][-len(tail) :].tolist() == tail


def test_a_long_query_leaves_room_for_the_document(yes_no: Path) -> None:
    pairs = PairTokenizer(yes_no_record(), yes_no)(["wheel " * 500], ["brush " * 500], np.array([(0, 0)]))
    tokens = save_tokenizer(yes_no.with_name("names")).convert_ids_to_tokens(pairs.ids[0])
    assert len(tokens) <= 96
    assert abs(tokens.count("wheel") - tokens.count("brush")) <= 6
    assert tokens.count("brush") > 15


def test_what_cannot_run_is_refused(cross: Path, yes_no: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="labels: the record says 1, the snapshot has 3 labels"):
        load_scorer(cross_record(), save_cross_encoder(tmp_path / "three", labels=3), SETTINGS)
    with pytest.raises(ModelError, match=r"score: yes-no, which needs a class \.\.\.ForCausalLM, .* names BertFor"):
        load_scorer(yes_no_record(), cross, SETTINGS)
    with pytest.raises(ModelError, match=r"score: sigmoid, which needs a class \.\.\.ForSequenceClassification"):
        load_scorer(cross_record(), yes_no, SETTINGS)
    with pytest.raises(ModelError, match="attention: the record says causal, the snapshot is bidirectional"):
        load_scorer(cross_record(attention="causal"), cross, SETTINGS)
    with pytest.raises(ModelError, match=r"nobody has verified how its logit becomes a score"):
        require_runnable(cross_record(score=None), "sentence-transformers", False)
    with pytest.raises(ModelError, match="patray runs a reranker model with sentence-transformers only"):
        require_runnable(find_record("jina-reranker-v2"), "vllm", True)
    with pytest.raises(ModelError, match="a yes-no reranker needs a `template`"):
        require_runnable(cross_record(score="yes-no"), "sentence-transformers", False)
    with pytest.raises(ModelError, match="max_tokens 20 leaves no room inside its template"):
        PairTokenizer(yes_no_record(max_tokens=20), yes_no)


def test_scores_that_are_not_finite_name_the_pair() -> None:
    names = [("q1", "p1"), ("q1", "p2")]
    with pytest.raises(
        EmbeddingError, match=r"1 of 2 scores are NaN or infinite, the first for query q1 and patent p2"
    ):
        checked_scores(np.array([1.0, np.nan], np.float32), names, "tiny")


def test_registry_templates_leave_room(tmp_path: Path) -> None:
    record: Any = find_record("qwen3-reranker-0.6b")
    require_runnable(record, "sentence-transformers", False)
    assert record.template.body_of("{document}", "x").count("{document}") == 1
