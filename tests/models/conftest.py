"""Tiny snapshots that sentence-transformers itself saved, and copies of them to damage."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_snapshots import save_tokenizer


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders plain, dense, causal, late and reranker, each saved by the installed library from random weights."""
    import torch
    from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling
    from transformers import BertConfig, BertModel, Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("snapshots")
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    bert = BertModel(BertConfig(vocab_size=8, max_position_embeddings=64, **shape))
    bert.save_pretrained(root / "raw-bert")
    save_tokenizer(root / "raw-bert")
    qwen = Qwen3Config(vocab_size=8, num_key_value_heads=1, head_dim=8, max_position_embeddings=64, **shape)
    Qwen3Model(qwen).save_pretrained(root / "raw-qwen")
    save_tokenizer(root / "raw-qwen", append_end=True)

    prompts = {"query": "query: ", "document": "passage: "}

    def save(name: str, raw: str, pooling: str, *after: Any) -> None:
        modules = [Transformer(str(root / raw), max_seq_length=32), Pooling(16, pooling), *after, Normalize()]
        SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(root / name))

    save("plain", "raw-bert", "mean")
    save("dense", "raw-bert", "mean", Dense(16, 8, activation_function=torch.nn.Identity()))
    save("causal", "raw-qwen", "lasttoken")
    late = MultiVectorEncoder(str(root / "raw-bert"), device="cpu", prompts={"query": "[Q] ", "document": "[D] "})
    late.save(str(root / "late"))
    CrossEncoder(str(root / "raw-bert"), num_labels=1, device="cpu").save(str(root / "reranker"))
    return root


@pytest.fixture
def copy(originals: Path, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(originals / name, tmp_path / name))
