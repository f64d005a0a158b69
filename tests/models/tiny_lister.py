"""A tiny random causal language model, as a folder that a listwise reranker is read from."""

from pathlib import Path

from patray.models.derive import derive_record, record_yaml
from tests.models.tiny_late import save_tokenizer


def save_language_model(folder: Path) -> None:
    """A tiny random Qwen3 with the record of a listwise reranker."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir()
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(save_tokenizer(folder)), hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=32, intermediate_size=64, max_position_embeddings=1024,
        initializer_range=0.5,  # so that the likeliest token is likelier than the next by more than rounding
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    told = {"kind": "listwise", "max_tokens": 600, "nominal_tokens": 1024}
    (folder / "record.yaml").write_text(record_yaml(derive_record(folder, told)))
