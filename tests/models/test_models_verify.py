"""`verify` on what a snapshot's configs state: pooling, heads, prompts, widths, attention and limits."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_snapshots import PLAIN, edit, make_old, record, whats

from patray.models.limits import limit_differences, read_limits
from patray.models.registry import find_record, parse_record
from patray.models.verify import compare, verify
from tests.models.tiny_late import late_record


def test_the_packaged_minilm_is_what_its_record_says(minilm_path: Path) -> None:
    assert verify(find_record("minilm"), minilm_path) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"pooling": "cls"}, "pooling"),
        ({"dense_heads": [[384, 256]], "dimension": 256}, "Dense heads"),
        ({"prompts": {"document": "", "query": "query: ", "origin": "a wrong card"}}, "prompt for query"),
        ({"dimension": 768}, "dimension"),
        ({"attention": "causal"}, "attention"),
        ({"architecture": "MPNetModel"}, "architecture"),
        ({"normalised": False}, "normalisation"),
        ({"max_tokens": 512}, "max_tokens"),
        ({"nominal_tokens": 1024}, "nominal_tokens"),
        ({"parameters": 33_000_000}, "number of weights"),
    ],
)
def test_a_wrong_fact_in_the_record_of_minilm_is_caught(minilm_path: Path, changes: dict[str, Any], what: str) -> None:
    wrong = parse_record({**find_record("minilm").model_dump(), **changes}, "test")
    assert what in whats(verify(wrong, minilm_path))


@pytest.mark.parametrize("old", [False, True], ids=["written by the installed version", "in the old spelling"])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dense", {}),
        ("plain", PLAIN),
        ("causal", {**PLAIN, "pooling": "last", "attention": "causal", "architecture": "Qwen3ForCausalLM"}),
    ],
)
def test_a_true_record_agrees_with_its_snapshot(
    copy: Callable[[str], Path], name: str, changes: dict[str, Any], old: bool
) -> None:
    folder = copy(name)
    if old:
        make_old(folder)
    assert verify(record(**changes), folder) == []


@pytest.mark.parametrize("old", [False, True], ids=["new spelling", "old spelling"])
def test_wrong_pooling_is_caught(copy: Callable[[str], Path], old: bool) -> None:
    folder = copy("dense")
    edit(folder / "1_Pooling/config.json", lambda config: config.update(pooling_mode="cls"))
    if old:
        make_old(folder)
    (found,) = verify(record(), folder)
    assert (found.what, found.record, found.snapshot) == ("pooling", "mean", "pools by cls")


def test_two_poolings_side_by_side_are_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "1_Pooling/config.json", lambda config: config.update(pooling_mode=["cls", "mean"]))
    assert "cls + mean" in verify(record(), folder)[0].snapshot


def test_pooling_without_the_prompt_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "1_Pooling/config.json", lambda config: config.update(include_prompt=False))
    assert "include_prompt" in verify(record(), folder)[0].snapshot


def test_a_snapshot_that_states_no_pooling_is_caught_unless_the_record_says_so(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    (folder / "modules.json").unlink()
    assert whats(verify(record(**PLAIN), folder)) == ["pooling"]
    assert verify(record(**PLAIN, ships_modules=False), folder) == []


@pytest.mark.parametrize("old", [False, True], ids=["new spelling", "old spelling"])
def test_a_dropped_dense_head_is_caught(copy: Callable[[str], Path], old: bool) -> None:
    folder = copy("dense")
    if old:
        make_old(folder)
    edit(folder / "modules.json", lambda rows: [row for row in rows if not row["type"].endswith("Dense")])
    assert whats(verify(record(), folder)) == ["Dense heads", "dimension"]


def test_a_dense_head_that_the_record_forgot_is_caught(copy: Callable[[str], Path]) -> None:
    assert whats(verify(record(**PLAIN), copy("dense"))) == ["Dense heads", "dimension"]


def test_a_dense_head_without_its_folder_or_with_pickled_weights_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    (folder / "2_Dense/model.safetensors").rename(folder / "2_Dense/pytorch_model.bin")
    (found,) = verify(record(), folder)
    assert found.what == "weights of 2_Dense"
    assert "pytorch_model.bin" in found.snapshot


def test_a_dense_config_that_contradicts_its_weights_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "2_Dense/config.json", lambda config: config.update(out_features=12))
    assert whats(verify(record(dimension=12, dense_heads=[[16, 12]]), folder)) == ["weights of 2_Dense"]


def test_a_dense_head_that_does_not_fit_what_comes_before_it_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "2_Dense/config.json", lambda config: config.update(in_features=12))
    found = verify(record(dense_heads=[[12, 8]]), folder)
    assert whats(found) == ["dimension", "weights of 2_Dense"]
    assert "takes 12, what comes before it gives 16" in found[0].snapshot


def test_a_dropped_normalize_module_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "modules.json", lambda rows: rows[:-1])
    assert whats(verify(record(), folder)) == ["normalisation"]
    assert verify(record(normalised=None), folder) == []


def test_a_prompt_that_the_snapshot_lost_is_caught_where_it_should_state_it(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(
        folder / "config_sentence_transformers.json",
        lambda config: config.update(prompts={"query": "", "document": ""}),
    )
    found = verify(record(), folder)
    assert whats(found) == ["prompt for query", "prompt for document"]
    assert "'query: '" in found[0].record
    assert verify(record(prompts_shipped=None), folder) == []


def test_a_prompt_that_the_record_lost_is_caught(copy: Callable[[str], Path]) -> None:
    (found,) = verify(record(prompts={"document": "passage: ", "query": "", "origin": "test"}), copy("dense"))
    assert found.what == "prompt for query"
    assert found.snapshot == "states 'query: ' (prompt query)"


def test_a_task_prompt_that_the_record_never_mentions_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    edit(folder / "config_sentence_transformers.json", lambda config: config["prompts"].update(Clustering="cluster: "))
    (found,) = verify(record(), folder)
    assert (found.what, found.record) == ("prompt for clustering", "'passage: ' (as document)")


@pytest.mark.parametrize("shipped", [True, None])
def test_a_blank_too_few_in_a_prompt_is_caught(copy: Callable[[str], Path], shipped: bool | None) -> None:
    short = record(prompts={"document": "passage: ", "query": "query:", "origin": "test"}, prompts_shipped=shipped)
    (found,) = verify(short, copy("dense"))
    assert (found.record, found.what) == ("'query:'", "prompt for query")


def test_prompts_nested_under_task_keys_are_found(copy: Callable[[str], Path]) -> None:
    folder = copy("dense")
    nested = {"retrieval_MIXED": {"q_text": "query: ", "pos_text": "passage: "}}
    edit(folder / "config_sentence_transformers.json", lambda config: config.update(prompts=nested))
    assert verify(record(), folder) == []


def test_a_wrong_dimension_is_caught(copy: Callable[[str], Path]) -> None:
    (found,) = verify(record(**{**PLAIN, "dimension": 32}), copy("plain"))
    assert (found.what, found.record, found.snapshot) == ("dimension", "32", "gives 16")


def test_a_config_that_contradicts_the_weights_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "config.json", lambda config: config.update(hidden_size=32))
    assert whats(verify(record(**PLAIN), folder)) == ["hidden size", "dimension"]


def test_a_config_that_contradicts_the_record_is_caught(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "config.json", lambda config: config.update(is_decoder=True, architectures=["MPNetModel"]))
    assert whats(verify(record(**PLAIN), folder)) == ["architecture", "attention"]


@pytest.mark.parametrize(
    ("flags", "attention"),
    [
        ({}, "causal"),
        ({"use_bidirectional_attention": True}, "bidirectional"),
        ({"is_causal": False}, "bidirectional"),
        ({"architectures": ["LlamaBidirectionalModel"], "model_type": "llama_bidirec"}, "bidirectional"),
    ],
)
def test_flags_that_open_a_decoder_in_both_directions_are_read(
    copy: Callable[[str], Path], flags: dict[str, Any], attention: str
) -> None:
    folder = copy("causal")
    edit(folder / "config.json", lambda config: config.update(flags))
    true = {**PLAIN, "pooling": "last", "architecture": None, "padding_side": None}
    other = {"causal": "bidirectional", "bidirectional": "causal"}[attention]
    assert verify(record(**true, attention=attention), folder) == []
    assert whats(verify(record(**true, attention=other), folder)) == ["attention"]
    assert verify(record(**true, attention="unknown"), folder) == []


def test_roberta_positions_hold_two_tokens_fewer(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    edit(folder / "config.json", lambda config: config.update(model_type="xlm-roberta", pad_token_id=1))
    assert whats(verify(record(**PLAIN), folder)) == ["nominal_tokens"]
    assert verify(record(**PLAIN, nominal_tokens=62), folder) == []


@pytest.mark.parametrize("old", [False, True], ids=["limit of the tokenizer", "limit of sentence_bert_config"])
@pytest.mark.parametrize("tokens", [16, 48], ids=["too large", "too small"])
def test_a_limit_that_is_not_the_records_is_caught(copy: Callable[[str], Path], old: bool, tokens: int) -> None:
    folder = copy("dense")
    if old:
        make_old(folder)
    (found,) = verify(record(max_tokens=tokens), folder)
    assert (found.what, found.record, found.snapshot) == ("max_tokens", str(tokens), "is set to cut at 32")
    assert verify(record(max_tokens=32), folder) == []


def test_a_larger_limit_is_no_fault_where_the_record_knows_of_it_and_a_note_where_nobody_knows(
    copy: Callable[[str], Path],
) -> None:
    folder = copy("dense")
    assert compare(record(max_tokens=16, limit_shipped=False), folder) == []
    (note,) = compare(record(max_tokens=16, limit_shipped=None), folder)
    assert note.note
    assert verify(record(max_tokens=16, limit_shipped=None), folder) == []
    assert whats(verify(record(max_tokens=48, limit_shipped=False), folder)) == ["max_tokens"]


def test_the_checkpoint_that_lost_minilms_limit_is_caught(minilm_path: Path, tmp_path: Path) -> None:
    """The limit of sentence_bert_config.json is gone, the tokenizer's own one, 512, is what is left."""
    folder = Path(shutil.copytree(minilm_path, tmp_path / "lost"))
    edit(folder / "sentence_bert_config.json", lambda config: config.pop("max_seq_length") and config)
    (found,) = verify(find_record("minilm"), folder)
    assert (found.what, found.record, found.snapshot) == ("max_tokens", "256", "is set to cut at 512")
    assert "model_max_length in tokenizer_config.json" in found.consequence
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=10**30))
    (found,) = verify(find_record("minilm"), folder)
    assert "the positions in config.json" in found.consequence


PLACES = st.one_of(st.none(), st.sampled_from([16, 32, 48, 62, 63, 64, 65, 128, 10**30]))


@given(module=PLACES, tokenizer=PLACES, table=st.sampled_from([None, 34, 64, 66, 128]), roberta=st.booleans())
def test_a_limit_is_a_fault_exactly_where_sentence_transformers_would_cut_elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
    module: int | None,
    tokenizer: int | None,
    table: int | None,
    roberta: bool,
) -> None:
    folder = tmp_path_factory.mktemp("limits")
    if module is not None:
        (folder / "sentence_roberta_config.json").write_text(json.dumps({"max_seq_length": module}))
    config: dict[str, Any] = {"model_type": "roberta" if roberta else "bert", "pad_token_id": 1}
    if table is not None:
        config["max_position_embeddings"] = table
    limits = read_limits(folder, config, {} if tokenizer is None else {"model_max_length": tokenizer})
    assert limits.positions == (None if table is None else table - 2 if roberta else table)
    # The rule of sentence-transformers 6.2 (base/modules/transformer.py), in its own order.
    cut: float = float("inf") if tokenizer is None else tokenizer
    if module is not None:
        cut = module
    elif table is not None:
        cut = min(cut, table)
    found = list(limit_differences(record(max_tokens=32, nominal_tokens=32), limits, True))
    nowhere = cut > 1e9
    assert whats(found) == ([] if cut == 32 else ["max_tokens"])
    assert all(item.note is (nowhere and module is None) for item in found)  # class defaults are not known here
    assert all(str(cut) in item.snapshot or nowhere for item in found)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_limit_that_vllm_does_not_read_is_caught_where_vllm_may_run_the_model(
    copy: Callable[[str], Path], absolute: bool
) -> None:
    """vLLM looks into tokenizer_config.json only where config.json says that positions are absolute."""
    folder = copy("dense")
    both = record(engines=["sentence-transformers", "vllm"])
    if absolute:
        edit(folder / "config.json", lambda config: config.update(position_embedding_type="absolute"))
        assert verify(both, folder) == []
        return
    assert verify(record(), folder) == []
    (found,) = verify(both, folder)
    assert (found.what, found.snapshot) == ("max_tokens for vLLM", "lets vLLM take 64")
    edit(folder / "sentence_bert_config.json", lambda config: config.update(max_seq_length=32))
    assert verify(both, folder) == []


@pytest.mark.parametrize(
    "where", ["sentence_bert_config.json", "config_sentence_transformers.json", "artifact.metadata"]
)
def test_lengths_of_late_interaction_are_compared_role_by_role(tmp_path: Path, where: str) -> None:
    names = ("query_maxlen", "doc_maxlen") if where == "artifact.metadata" else ("query_length", "document_length")
    (tmp_path / where).write_text(json.dumps(dict(zip(names, (16, 40), strict=True))))
    limits = read_limits(tmp_path, {}, {})
    assert list(limit_differences(late_record(), limits, True)) == []
    other = late_record(query_tokens=8, document_tokens=41)
    assert whats(list(limit_differences(other, limits, True))) == ["query_tokens", "document_tokens"]
