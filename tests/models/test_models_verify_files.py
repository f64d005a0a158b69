"""`verify` on a snapshot's files: weights, tokenizer, code, and the snapshots of other kinds of model."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_snapshots import END, PLAIN, edit, record, whats

from patray.errors import ModelError
from patray.models.difference import Difference
from patray.models.stated import read_header
from patray.models.verify import require_as_recorded, verify


def test_pickled_weights_alone_are_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (found,) = verify(record(**PLAIN), folder)
    assert found.what == "weights"
    assert found.snapshot == "has only pickled ones (pytorch_model.bin)"
    (folder / "pytorch_model.bin").unlink()
    assert verify(record(**PLAIN), folder)[0].snapshot == "has none"


def test_a_shard_that_the_index_names_and_the_folder_lacks_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors" in verify(record(**PLAIN), folder)[0].snapshot


@pytest.mark.parametrize("damage", ["pointer", "cut off", "empty"])
def test_weights_that_are_no_weights_are_caught(copy: Callable[[str], Path], damage: str) -> None:
    path = copy("plain") / "model.safetensors"
    whole = path.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 90868376\n"
    path.write_bytes({"pointer": pointer, "cut off": whole[:-1], "empty": b""}[damage])
    assert read_header(path) is None
    assert "no safetensors file" in verify(record(**PLAIN), path.parent)[0].snapshot


def test_a_header_read_by_hand_equals_that_of_the_safetensors_library(originals: Path) -> None:
    from safetensors import safe_open

    path = originals / "plain/model.safetensors"
    with safe_open(path, framework="np") as tensors:
        expected = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    header = read_header(path)
    assert header is not None
    assert {name: tensor.shape for name, tensor in header.items()} == expected


def test_a_missing_tokenizer_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    (folder / "tokenizer.json").unlink()
    assert whats(verify(record(**PLAIN), folder)) == ["tokenizer"]


def test_a_stated_padding_side_that_differs_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "tokenizer_config.json", lambda config: config.update(padding_side="left"))
    assert whats(verify(record(**PLAIN), folder)) == ["padding side"]
    assert verify(record(**PLAIN | {"padding_side": None}), folder) == []


def test_the_last_token_is_checked_by_tokenising(copy: Callable[[str], Path]) -> None:
    true = {**PLAIN, "pooling": "last", "attention": "causal", "architecture": "Qwen3Model", "last_token": END}
    folder = copy("causal")
    assert verify(record(**true), folder) == []
    edit(folder / "tokenizer.json", lambda config: config.update(post_processor=None))
    (found,) = verify(record(**true), folder)
    assert (found.what, found.record) == ("last token", str(END))


def test_a_last_token_cannot_be_vouched_for_without_a_fast_tokenizer(copy: Callable[[str], Path]) -> None:
    folder = copy("causal")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("a\n")
    true = {**PLAIN, "pooling": "last", "attention": "causal", "architecture": "Qwen3Model"}
    assert verify(record(**true), folder) == []
    (found,) = verify(record(**true, last_token=END), folder)
    assert (found.what, found.snapshot) == ("tokenizer", "has vocab.txt")


def test_remote_code_that_the_record_does_not_pin_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "config.json", lambda config: config.update(auto_map={"AutoModel": "some/code--modeling.NewModel"}))
    assert whats(verify(record(**PLAIN), folder)) == ["remote code"]
    pinned = {"repo": "some/code", "commit": "a" * 40}
    assert verify(record(**PLAIN, remote_code=pinned, architecture="NewModel"), folder) == []
    other = {"repo": "other/code", "commit": "a" * 40}
    assert whats(verify(record(**PLAIN, remote_code=other), folder)) == ["remote code"]


def test_a_module_class_of_the_repository_itself_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "modules.json", lambda rows: rows[0].update(type="custom_st.Transformer"))
    assert whats(verify(record(**PLAIN), folder)) == ["remote code"]


def test_a_module_that_no_record_can_describe_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "modules.json", lambda rows: rows[1].update(type="sentence_transformers.models.LSTM"))
    assert whats(verify(record(**PLAIN), folder)) == ["modules", "pooling"]


def test_a_folder_named_after_another_revision_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    named = folder.rename(folder.parent / ("b" * 40))
    assert whats(verify(record(**PLAIN, revision="a" * 40), named)) == ["revision"]
    assert verify(record(**PLAIN, revision="b" * 40), named) == []
    assert verify(record(**PLAIN), named) == []


def test_a_late_interaction_snapshot_is_checked_by_token(copy: Callable[[str], Path]) -> None:
    true: dict[str, Any] = {
        "kind": "late-interaction",
        "pooling": "token",
        "dimension": 128,
        "dense_heads": [[16, 128]],
        "prompts": {"document": "[D] ", "query": "[Q] ", "origin": "test"},
        "query_tokens": 8,
        "document_tokens": 32,
    }
    folder = copy("late")
    assert verify(record(**true), folder) == []
    assert verify(record(**true | {"dense_heads": [[None, 128]]}), folder) == []
    assert whats(verify(record(**true | {"dimension": 96, "dense_heads": [[16, 96]]}), folder)) == [
        "Dense heads",
        "dimension",
    ]
    lost = {"document": "[D] ", "query": "[Query] ", "origin": "test"}
    assert whats(verify(record(**true | {"prompts": lost}), folder)) == ["prompt for query", "marker"]


def test_the_projection_of_a_stanford_colbert_is_read_from_its_weights(copy: Callable[[str], Path]) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copy("late")
    projection = load_file(folder / "1_Dense/model.safetensors")["linear.weight"]
    save_file({**load_file(folder / "model.safetensors"), "linear.weight": projection}, folder / "model.safetensors")
    for name in ("modules.json", "config_sentence_transformers.json"):
        (folder / name).unlink()
    shutil.rmtree(folder / "1_Dense")
    edit(folder / "config.json", lambda config: config.update(architectures=["HF_ColBERT"]))
    true = record(
        kind="late-interaction",
        pooling="token",
        architecture="HF_ColBERT",
        dimension=128,
        dense_heads=[[16, 128]],
        query_tokens=8,
        document_tokens=32,
        prompts={"document": "[D] ", "query": "[Q] ", "origin": "test"},
        prompts_shipped=None,
    )
    assert verify(true, folder) == []
    save_file({"embeddings.word_embeddings.weight": projection[:8]}, folder / "model.safetensors")
    assert whats(verify(true, folder)) == ["Dense heads", "dimension"]


def test_a_reranker_must_have_as_many_labels_as_its_record_says(copy: Callable[[str], Path]) -> None:
    true: dict[str, Any] = {
        **PLAIN,
        "kind": "reranker",
        "pooling": "cls",
        "dimension": 1,
        "score": "sigmoid",
        "architecture": "BertForSequenceClassification",
        "prompts": {"document": "", "query": "", "origin": "test"},
    }
    folder = copy("reranker")
    assert verify(record(**true), folder) == []
    edit(folder / "config.json", lambda config: config.update(id2label={"0": "no", "1": "yes"}))
    assert whats(verify(record(**true), folder)) == ["labels"]


def test_a_snapshot_made_of_links_like_the_hub_cache_is_read(originals: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    for path in (originals / "dense").rglob("*"):
        target = folder / path.relative_to(originals / "dense")
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(path, target)
    assert verify(record(), folder) == []


def test_a_folder_that_is_no_snapshot_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        verify(record(), tmp_path)


@pytest.mark.parametrize("name", ["config.json", "modules.json", "tokenizer.json", "2_Dense/config.json"])
def test_broken_json_names_the_file(copy: Callable[[str], Path], name: str) -> None:
    folder = copy("dense")
    (folder / name).write_text("{")
    with pytest.raises(ModelError, match=name):
        verify(record(), folder)


def test_a_difference_reads_as_a_sentence() -> None:
    text = str(Difference("pooling", "mean", "pools by cls", "Every vector changes."))
    assert text == "pooling: the record says mean, the snapshot pools by cls. Every vector changes."


def test_lower_case_that_the_tokenizer_does_not_make_itself_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "sentence_bert_config.json", lambda config: config.update(do_lower_case=True))
    (found,) = verify(record(), folder)
    assert found.what == "lower case"
    with pytest.raises(ModelError, match="asks for do_lower_case in sentence_bert_config"):
        require_as_recorded(record(), folder)
    for normalizer in (
        {"type": "Lowercase"},
        {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
    ):
        edit(folder / "tokenizer.json", lambda config, own=normalizer: config.update(normalizer=own))
        assert verify(record(), folder) == []
