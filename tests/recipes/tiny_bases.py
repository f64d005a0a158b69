"""Tiny random bases for training tests: a BERT and a Qwen3 with a tokenizer of whole words, made from their config."""

from pathlib import Path
from typing import Any

from patray.models.record import ModelRecord
from patray.models.registry import parse_record

WORDS = [f"w{at}" for at in range(60)]
WIDTH = 16


def save_tokenizer(folder: Path, end: bool) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    vocabulary = {name: at for at, name in enumerate(names)}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    specials = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    pattern = "$A [SEP]" if end else "[CLS] $A [SEP]"
    raw.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=specials)
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        padding_side="left" if end else "right",
    ).save_pretrained(folder)  # fmt: skip


def save_bert(folder: Path, dropout: float = 0.1) -> Path:
    """A sentence-transformers snapshot: a BERT of 16 dimensions, mean pooling, Normalize."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=64, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        pad_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    return _save(folder, BertModel(config), "mean", end=False)


def save_qwen(folder: Path) -> Path:
    """A sentence-transformers snapshot: a Qwen3 of 16 dimensions with heads that vLLM can run, last-token pooling."""
    import torch
    from transformers import Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=64, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=32, intermediate_size=32, max_position_embeddings=64, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        initializer_range=0.3,
    )  # fmt: skip
    return _save(folder, Qwen3Model(config), "lasttoken", end=True)


def _save(folder: Path, model: Any, pooling: str, end: bool) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    inner = folder / "inner"
    model.save_pretrained(inner)
    save_tokenizer(inner, end)
    transformer = Transformer(str(inner), max_seq_length=64)
    SentenceTransformer(modules=[transformer, Pooling(WIDTH, pooling_mode=pooling), Normalize()]).save_pretrained(
        str(folder / "snapshot"), create_model_card=False
    )
    return folder / "snapshot"


def tiny_record(**changes: Any) -> ModelRecord:
    """The record of `save_bert`; changes make it another's."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "repo": "nobody/tiny",
        "revision": "local",
        "kind": "dense",
        "family": "tiny",
        "parameters": 10_000,
        "dimension": WIDTH,
        "trained_dimensions": [],
        "max_tokens": 32,
        "nominal_tokens": 64,
        "pooling": "mean",
        "dense_heads": [],
        "normalised": True,
        "attention": "bidirectional",
        "architecture": "BertModel",
        "prompts": {"document": "", "query": "", "origin": "this test"},
        "padding_side": "right",
        "engines": ["sentence-transformers"],  # vLLM takes half a minute to start
        "dtype": "float32",
        "licence": "Apache-2.0",
        "commercial": True,
        "released": None,
        "training_data": "none",
    }
    return parse_record({**fields, **changes}, "test")


def qwen_record(**changes: Any) -> ModelRecord:
    qwen = {"pooling": "last", "attention": "causal", "architecture": "Qwen3Model", "padding_side": "left"}
    return tiny_record(**{**qwen, "last_token": 3, **changes})


def texts(count: int, seed: int, longest: int = 20) -> list[str]:
    """Random sentences of known words, all different."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(4, longest))) for _ in range(count)]
