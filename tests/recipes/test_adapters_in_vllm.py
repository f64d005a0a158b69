"""Adapters on a tiny Qwen3: trained, merged, and the same vectors in vLLM and in sentence-transformers."""

from pathlib import Path

import pytest

from patray.files import Folder
from patray.recipes.checkpoint import Origin, export, open_checkpoint
from patray.recipes.train import Work, train
from tests.recipes.tiny_bases import qwen_record, save_qwen, texts
from tests.recipes.tiny_training import LocalSession, tiny_pairs, tiny_recipe, tiny_validation

pytestmark = pytest.mark.slow


def test_a_merged_checkpoint_has_the_same_vectors_in_vllm_and_in_sentence_transformers(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    from sentence_transformers import SentenceTransformer

    snapshot = save_qwen(tmp_path)
    recipe = tiny_recipe(lora={"rank": 4, "alpha": 8}, learning_rate=0.02)
    base = qwen_record(engines=["sentence-transformers", "vllm"])
    work = Work(base, snapshot, recipe, tiny_pairs(), tiny_validation())
    (tmp_path / "scratch").mkdir()
    trained = train(work, LocalSession(tmp_path / "kept"), tmp_path / "scratch")
    assert trained is not None
    folder = Folder.at(tmp_path / "result")
    export(trained, work, Origin("tiny--R1--home--s0", "home", "0" * 16, {}), folder)
    record = open_checkpoint(folder)
    sentence, vllm = folder.read_json("artifact.json")["reload"]["engines"]
    assert (sentence["engine"], vllm["engine"]) == ("sentence-transformers", "vllm")
    assert (sentence["limit"], vllm["limit"]) == (record.max_tokens, record.max_tokens)
    assert min(sentence["least_cosine"], vllm["least_cosine"]) > 0.9999
    sentences = texts(12, 5)
    tuned, untuned = (
        SentenceTransformer(place, device="cpu").encode(sentences) for place in (folder.uri, str(snapshot))
    )
    assert (untuned * tuned).sum(axis=1).min() < 0.99
