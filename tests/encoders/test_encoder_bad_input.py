"""Snapshots, records and machines that are wrong: each is refused before anything is encoded, with what to do."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_families import FAMILIES, Family

from patray.encoders.check import checked_unit_vectors
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.errors import EmbeddingError, InputError, ModelError, ResourceError
from patray.models.record import ModelRecord, RemoteCode
from patray.models.registry import find_record, parse_record

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)
BERT = next(family for family in FAMILIES if family.name == "bert-dense")


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[ModelRecord, Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    return BERT.save(folder), folder


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_snapshot_as_its_record_says_loads(tiny: tuple[ModelRecord, Path]) -> None:
    load_encoder(*tiny, SETTINGS)


def test_a_snapshot_with_pickled_weights_alone_is_not_loaded(tiny: tuple[ModelRecord, Path]) -> None:
    record, folder = tiny
    (folder / "2_Dense/model.safetensors").rename(folder / "2_Dense/pytorch_model.bin")
    with pytest.raises(ModelError, match=r"weights of 2_Dense: .* has only pickled ones \(pytorch_model\.bin\)"):
        load_encoder(record, folder, SETTINGS)


def test_another_revision_is_not_loaded(tiny: tuple[ModelRecord, Path]) -> None:
    record, folder = tiny
    other = folder.rename(folder.parent / ("c" * 40))
    with pytest.raises(ModelError, match=f"revision: the record says {'d' * 40}.*lies in a folder named {'c' * 40}"):
        load_encoder(record.model_copy(update={"revision": "d" * 40}), other, SETTINGS)


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        ("config.json", {"architectures": ["MPNetModel"]}, "architecture"),
        ("config.json", {"is_decoder": True}, "attention"),
        ("config.json", {"num_hidden_layers": 5}, "layers"),
        ("config.json", {"hidden_size": 128}, "hidden size"),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, "pooling"),
    ],
)
def test_a_config_that_contradicts_the_record_is_not_loaded(
    tiny: tuple[ModelRecord, Path], name: str, changes: dict[str, Any], what: str
) -> None:
    record, folder = tiny
    edit(folder / name, **changes)
    with pytest.raises(ModelError, match=rf"is not what its record says, so it is not loaded\. .*{what}: "):
        load_encoder(record, folder, SETTINGS)


def test_a_dropped_dense_head_is_not_loaded(tiny: tuple[ModelRecord, Path]) -> None:
    record, folder = tiny
    rows = [row for row in json.loads((folder / "modules.json").read_text()) if row["path"] != "2_Dense"]
    (folder / "modules.json").write_text(json.dumps(rows))
    with pytest.raises(ModelError, match="Dense heads: the record says 64 to 48, the snapshot has none"):
        load_encoder(record, folder, SETTINGS)


def test_limits_and_prompts_that_a_suite_may_change_are_no_reason_to_refuse(tiny: tuple[ModelRecord, Path]) -> None:
    record, folder = tiny
    edit(folder / "sentence_bert_config.json", max_seq_length=32)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "another: "}}))
    load_encoder(record, folder, SETTINGS)


def test_remote_code_runs_only_where_it_is_allowed(tmp_path: Path) -> None:
    code = {"repo": "nobody/tiny", "commit": "0" * 40}
    record = BERT.record().model_copy(update={"remote_code": RemoteCode.model_validate(code)})
    with pytest.raises(ModelError, match=r"needs Python code from nobody/tiny@0{40}; read it, then set"):
        load_encoder(record, tmp_path, SETTINGS)
    unpinned = record.model_copy(update={"remote_code": RemoteCode(repo=None, commit=None)})
    with pytest.raises(ModelError, match="no commit has been verified"):
        load_encoder(unpinned, tmp_path, SETTINGS)


def test_a_record_names_remote_code_or_the_class_in_its_place() -> None:
    fields = {**BERT.record().model_dump(), "native": "gte", "remote_code": {"repo": "a/b", "commit": "0" * 40}}
    with pytest.raises(InputError, match="leave `remote_code` out"):
        parse_record(fields, "suite.yaml")


def test_a_model_that_no_engine_runs_says_why(tmp_path: Path) -> None:
    record = BERT.record().model_copy(update={"engines": (), "notes": "its experts need another machine"})
    with pytest.raises(ModelError, match=r"tiny-bert-dense: no engine here can run it\. its experts need"):
        load_encoder(record, tmp_path, SETTINGS)


def test_a_record_without_any_engine_must_say_why() -> None:
    fields = BERT.record().model_dump()
    with pytest.raises(InputError, match="no engine runs it: `notes` must say why"):
        parse_record({**fields, "engines": []}, "suite.yaml")


@pytest.mark.parametrize(
    ("prompt", "left"),
    [("Instruct: {task}\nQuery: ", "{task}"), ("title: {} | text: ", "{}"), ("{{ task }}: ", "{{ task }}")],
)
def test_a_prompt_with_an_unfilled_placeholder_is_refused(prompt: str, left: str) -> None:
    fields = BERT.record().model_dump()
    prompts = {"document": "", "query": prompt, "origin": "a card"}
    with pytest.raises(InputError, match="the prompt for query holds the unfilled placeholder") as caught:
        parse_record({**fields, "prompts": prompts}, "suite.yaml")
    assert left in str(caught.value)
    with pytest.raises(InputError, match=r"prompt_sets\.own"):
        parse_record({**fields, "prompt_sets": {"own": prompts}}, "suite.yaml")


def test_a_rerankers_template_with_a_slot_missing_or_unfilled_is_refused() -> None:
    fields = find_record("qwen3-reranker-0.6b").model_dump()
    body = {**fields["template"], "body": "<Query>: {query}\n<Document>: {document}"}
    with pytest.raises(InputError, match=r"slot \{task\} exactly once"):
        parse_record({**fields, "template": body}, "suite.yaml")
    task = {**fields["template"], "task": "Judge {domain} patents"}
    with pytest.raises(InputError, match=r"task holds the unfilled placeholder \{domain\}"):
        parse_record({**fields, "template": task}, "suite.yaml")


def test_braces_in_a_patent_are_text(tiny: tuple[ModelRecord, Path]) -> None:
    tokenizer = InputTokenizer(*tiny)
    plain, braced = tokenizer(["a {query} b", "a {query} b {task}"], "passage: ").ids
    assert len(braced) > len(plain) > len(tokenizer(["a b"], "passage: ").ids[0])


def test_half_precision_that_overflows_names_the_patent_and_the_remedy(tmp_path: Path) -> None:
    """Real overflow: hidden values above float16's 65,504, which bfloat16 and float32 hold."""
    from safetensors.torch import load_file, save_file

    record = Family("overflowing", (), BERT.build, BERT.tokenizer, {**BERT.fields}).save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    for name in weights:
        if name.endswith("intermediate.dense.weight"):
            weights[name] = weights[name] * 3e4
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    inputs = InputTokenizer(record, tmp_path)(["a brush", "a hinge"], "").ids
    ids = ["EP1", "EP2"]
    for dtype in ("float32", "bfloat16"):
        settings = EncoderSettings("sentence-transformers", dtype, "cpu", 1, 512, False)
        checked_unit_vectors(load_encoder(record, tmp_path, settings).encode(inputs), ids, 64, record.name)
    half = load_encoder(record, tmp_path, EncoderSettings("sentence-transformers", "float16", "cpu", 1, 512, False))
    with pytest.raises(EmbeddingError, match=r"NaN or infinite, the first for patent EP1\. .*`dtype: bfloat16` or"):
        checked_unit_vectors(half.encode(inputs), ids, 64, record.name)


def test_an_empty_text_is_encoded_where_special_tokens_give_it_a_vector(tiny: tuple[ModelRecord, Path]) -> None:
    record, folder = tiny
    inputs = InputTokenizer(record, folder)(["", "a brush"], "").ids
    vectors = load_encoder(record, folder, SETTINGS).encode(inputs)
    assert np.isfinite(checked_unit_vectors(vectors, ["A", "B"], 48, record.name)).all()


@pytest.mark.parametrize("count", [1, 2])
def test_an_input_without_any_token_names_its_patent(tiny: tuple[ModelRecord, Path], count: int) -> None:
    record, folder = tiny
    inputs = [np.array([], dtype=np.int32), np.array([2, 9, 3], dtype=np.int32)][:count]
    vectors = load_encoder(record, folder, SETTINGS).encode(inputs)
    with pytest.raises(EmbeddingError, match=r"1 of . vectors are NaN .* patent A\..*An empty text"):
        checked_unit_vectors(vectors, ["A", "B"][:count], 48, record.name)


def test_a_gpu_too_small_is_said_before_loading(
    tiny: tuple[ModelRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2 << 30, 4 << 30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Small GPU")
    record, folder = tiny
    settings = EncoderSettings("sentence-transformers", "float32", "cuda", 1, 1 << 26, False)
    with pytest.raises(ResourceError, match=r"Small GPU has 2\.0 GiB free: set `embedding\.tokens_per_batch` to"):
        load_encoder(record, folder, settings)
    large = record.model_copy(update={"rounded_parameters": 8_000_000_000, "max_tokens": 32})
    with pytest.raises(ResourceError, match=r"needs about 3\d\.. GiB of GPU memory \(29\.8 GiB weights in float32"):
        load_encoder(large, folder, EncoderSettings("sentence-transformers", "float32", "cuda", 1, 512, False))


def test_a_width_that_the_model_was_not_trained_for_is_known() -> None:
    assert find_record("minilm").trained_for(128) is False
    assert find_record("qwen3-embedding-0.6b").trained_for(128) is True
    assert find_record("octen-8b").trained_for(128) is None


def test_a_copied_snapshot_that_lost_its_tokenizer_is_not_loaded(
    tiny: tuple[ModelRecord, Path], tmp_path: Path
) -> None:
    record, folder = tiny
    lost = Path(shutil.copytree(folder, tmp_path / "lost"))
    (lost / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="tokenizer: the record says needed, the snapshot has no tokenizer files"):
        load_encoder(record, lost, SETTINGS)
