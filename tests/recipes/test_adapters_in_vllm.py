"""Adapters on a tiny Qwen3: trained, merged, and the same vectors in vLLM and in sentence-transformers."""

from pathlib import Path

import numpy as np
import pytest

from patray.encoders.check import checked_unit_vectors
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.files import Folder
from patray.recipes.checkpoint import Origin, export, open_checkpoint
from patray.recipes.train import Work, train
from tests.recipes.tiny_bases import qwen_record, save_qwen, texts
from tests.recipes.tiny_training import LocalSession, tiny_pairs, tiny_recipe, tiny_validation

pytestmark = pytest.mark.slow


def test_a_merged_checkpoint_has_the_same_vectors_in_vllm_and_in_sentence_transformers(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    from sentence_transformers import SentenceTransformer

    from patray.encoders.separate import Job, encode_separately

    snapshot = save_qwen(tmp_path)
    recipe = tiny_recipe(lora={"rank": 4, "alpha": 8}, learning_rate=0.02)
    work = Work(
        qwen_record(engines=["sentence-transformers", "vllm"]), snapshot, recipe, tiny_pairs(), tiny_validation()
    )
    (tmp_path / "scratch").mkdir()
    trained = train(work, LocalSession(tmp_path / "kept"), tmp_path / "scratch")
    assert trained is not None
    folder = Folder.at(tmp_path / "result")
    export(trained, work, Origin("tiny--R1--home--s0", "home", "0" * 16, {}), folder, in_vllm=True)
    engines = folder.read_json("artifact.json")["reload"]["engines"]
    assert [engine["engine"] for engine in engines] == ["sentence-transformers", "vllm"]
    assert min(engine["least_cosine"] for engine in engines) > 0.9999
    record = open_checkpoint(folder)
    sentences = texts(12, 5)
    inputs = InputTokenizer(record, Path(folder.uri))(sentences, "").ids
    settings = EncoderSettings("vllm", "float32", "cpu", 1, 2048, False)
    found = encode_separately({"tuned": Job(record, Path(folder.uri), settings, inputs)}, timeout=300)["tuned"]
    assert isinstance(found, np.ndarray), found
    ours = checked_unit_vectors(found, sentences, record.dimension, record.name)
    theirs = SentenceTransformer(folder.uri, device="cpu").encode(sentences)
    untuned = SentenceTransformer(str(snapshot), device="cpu").encode(sentences)
    assert (ours * theirs).sum(axis=1).min() > 0.9999
    assert (untuned * theirs).sum(axis=1).min() < 0.99
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
