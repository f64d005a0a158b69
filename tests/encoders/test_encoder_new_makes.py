"""Tiny checkpoints of the makes that came after the study, each by the record that its own files give.

Which class each announced model has is read in its files and not known here: these are the classes of transformers that
such models are built from. The reference is a plain forward pass of that class, one text at a time; bidirectional Qwen3
is worked out in numpy besides.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plain_forward as plain
import pytest
from tiny_families import HEAD, HEADS, LAYERS, SHAPE, TOKENS, VOCABULARY, save, save_modules, save_tokenizer
from tiny_layouts import read

from patray.encoders.late_interaction import LateTokenizer
from patray.encoders.load import load_encoder, load_late_encoder
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.reference import Reference
from patray.encoders.tokens import InputTokenizer
from patray.errors import ModelError
from patray.models.derive import derive_record

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)
LEAST = 0.9999
BERT = ("wordpiece", "[CLS] $A [SEP]")
BYTES = ("bytes", "$A <|endoftext|>")
GEMMA = ("unigram", "<bos> $A <eos>")
WINDOW = {"layer_types": ["sliding_attention", "full_attention"]}


def model(name: str, **changes: Any) -> Any:
    """A random model of transformers' class NAMEModel in the tiny shape."""
    import transformers

    suffix = "TextModel" if name.endswith("Text") else "Model"
    config = getattr(transformers, f"{name}Config")(
        **{"vocab_size": VOCABULARY, "max_position_embeddings": TOKENS, **SHAPE, **changes}
    )
    return getattr(transformers, name.removesuffix("Text") + suffix)(config)


MODERN: dict[str, Any] = {"pad_token_id": 0, "local_attention": 32}
GROUPED: dict[str, Any] = {"num_key_value_heads": 1, "head_dim": HEAD}
PROJECTED: dict[str, Any] = GROUPED | WINDOW | {"sliding_window": 32, "pad_token_id": 1}
PROJECTED |= {"embedding_dim": 96, "hidden_size_per_layer_input": 32, "hidden_size": 64}
# name: class, its settings, tokenizer, pooling, Dense heads, what is added to config.json, attention
MAKES: dict[str, tuple[str, dict[str, Any], tuple[str, str], str, tuple[Any, ...], dict[str, Any], str]] = {
    "modernbert-cls": ("ModernBert", {"pad_token_id": 0, "local_attention": 32}, BERT, "cls", (), {}, "bidirectional"),
    "modernbert-mean": (
        "ModernBert",
        {"pad_token_id": 0, "local_attention": 32},
        BERT,
        "mean",
        (),
        {},
        "bidirectional",
    ),
    "eurobert": ("EuroBert", {"num_key_value_heads": 2, "pad_token_id": 1}, BYTES, "mean", (), {}, "bidirectional"),
    "qwen3-bidirectional": ("Qwen3", GROUPED, BYTES, "mean", (), {"is_causal": False}, "bidirectional"),
    "qwen3-causal": ("Qwen3", GROUPED, BYTES, "last", (), {}, "causal"),
    "ministral3-bidirectional": ("Ministral3", GROUPED, BYTES, "mean", (), {"is_causal": False}, "bidirectional"),
    "gemma3-last": (
        *("Gemma3Text", GROUPED | WINDOW | {"sliding_window": 32, "query_pre_attn_scalar": HEAD}, GEMMA, "last", ()),
        *({}, "causal"),
    ),
    "embeddinggemma2": (
        *(
            "EmbeddingGemma2Text",
            GROUPED | WINDOW | {"sliding_window": 32, "pad_token_id": 1} | PROJECTED,
            GEMMA,
            "mean",
        ),
        *(((96, 160, False), (160, 80, False)), {}, "bidirectional"),
    ),
}


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("makes")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            folder.mkdir()
            kind, settings, tokenizer, pooling, heads, added, _ = MAKES[name]
            save(model(kind, **settings), folder, **added)
            save_tokenizer(folder, *tokenizer)
            save_modules(folder, pooling, heads, True)
        return folder

    return make


@pytest.mark.parametrize("name", MAKES)
def test_a_new_make_runs_by_the_record_of_its_folder(folder_of: Callable[[str], Path], name: str) -> None:
    folder, attention = folder_of(name), MAKES[name][-1]
    record = derive_record(folder)
    assert record.pooling == MAKES[name][3]
    assert record.attention in (attention, "unknown")
    assert len(record.dense_heads) == len(MAKES[name][4])
    reference = Reference(record, folder, False)
    assert reference.attention() == attention
    inputs = InputTokenizer(record, folder)(list(parity_sample(record.max_tokens).values()), "query: ").ids
    expected = reference.encode(inputs)
    found = load_encoder(record, folder, SETTINGS).encode(inputs)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found, expected)]
    least = float((unit[0] * unit[1]).sum(axis=1).min())
    print(f"{name}: 1 - cosine at most {1 - least:.1e}")
    assert least >= LEAST


@pytest.mark.parametrize("name", ["eurobert", "qwen3-bidirectional", "qwen3-causal"])
def test_a_new_make_runs_in_openvino_too(folder_of: Callable[[str], Path], name: str) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'patray[openvino]'")
    folder = folder_of(name)
    record = derive_record(folder)
    assert "openvino" in record.engines
    inputs = InputTokenizer(record, folder)(list(parity_sample(record.max_tokens).values()), "query: ").ids
    expected = Reference(record, folder, False).encode(inputs)
    found = load_encoder(record, folder, replace(SETTINGS, engine="openvino")).encode(inputs)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found, expected)]
    assert float((unit[0] * unit[1]).sum(axis=1).min()) >= 0.999999


@pytest.mark.parametrize("name", ["qwen3-bidirectional", "qwen3-causal"])
def test_qwen3_is_worked_out_in_numpy(folder_of: Callable[[str], Path], name: str) -> None:
    folder = folder_of(name)
    record, tensors = derive_record(folder), read(folder)
    inputs = InputTokenizer(record, folder)(list(parity_sample(record.max_tokens).values()), "").ids
    found = load_encoder(record, folder, SETTINGS).encode(inputs).astype(np.float64)
    for ids, vector in zip(inputs, found, strict=True):
        hidden = plain.decoder(tensors, ids, LAYERS, HEADS, 10000.0, causal=name == "qwen3-causal")
        expected = hidden.mean(axis=0) if name == "qwen3-bidirectional" else hidden[-1]
        assert vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected) >= LEAST


def test_a_record_of_the_other_attention_is_refused(folder_of: Callable[[str], Path]) -> None:
    folder = folder_of("qwen3-bidirectional")
    wrong = derive_record(folder, {"attention": "causal"})
    with pytest.raises(ModelError, match="attention: the record says causal, the snapshot is bidirectional"):
        load_encoder(wrong, folder, SETTINGS)


def test_late_interaction_on_modernbert_runs_by_the_record_of_its_folder(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    raw = tmp_path / "raw"
    raw.mkdir()
    save(model("ModernBert", pad_token_id=0, local_attention=32, vocab_size=VOCABULARY + 2), raw)
    save_tokenizer(raw, *BERT)
    tokenizer = AutoTokenizer.from_pretrained(str(raw))
    tokenizer.add_tokens([AddedToken("[Q] ", normalized=False), AddedToken("[D] ", normalized=False)])
    tokenizer.save_pretrained(raw)
    prompts = {"query": "[Q] ", "document": "[D] "}
    late = MultiVectorEncoder(str(raw), device="cpu", prompts=prompts)
    late.save(str(tmp_path / "late"))
    record = derive_record(tmp_path / "late", {"query_tokens": 32})
    assert (record.kind, record.dimension, record.attention) == ("late-interaction", 128, "bidirectional")
    encoder, texts = load_late_encoder(record, tmp_path / "late", SETTINGS), ["a device for the user", "a wheel."]
    inputs = LateTokenizer(record, tmp_path / "late", "document")(texts, record.prompts.document).ids
    found = encoder.encode(inputs, "document")
    expected = late.encode_document(texts)
    for at, vectors in enumerate(expected):
        own = found.take(np.array([at])).vectors.astype(np.float64)
        assert own.shape == vectors.shape
        assert (own * np.asarray(vectors)).sum(axis=1).min() >= LEAST - 5e-4  # float16
