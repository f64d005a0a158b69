"""Tiny random sparse models as sentence-transformers saves them: SPLADE, and one whose queries are looked up."""

from pathlib import Path
from typing import Any

from tests.models.tiny_late import save_tokenizer


def save_sparse(folder: Path, inference_free: bool = False, activation: str = "relu", kind: str = "Bert") -> Any:
    """Save one into `folder`; the SparseEncoder that was saved, to compare with. kind: Bert or DistilBert."""
    import torch
    import transformers
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SparseStaticEmbedding, SpladePooling

    base = folder.with_name(f"{folder.name}-base")
    base.mkdir(parents=True)
    torch.manual_seed(7)
    words = len(save_tokenizer(base))
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=words, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=128, initializer_range=0.3,
    )  # fmt: skip
    network = getattr(transformers, f"{kind}ForMaskedLM")(config)
    torch.nn.init.constant_(network.get_output_embeddings().bias, -1.5)  # so that many terms weigh nothing
    network.save_pretrained(base)
    modules: list[Any] = [MLMTransformer(str(base)), SpladePooling("max", activation_function=activation)]
    if inference_free:
        table = SparseStaticEmbedding(tokenizer=modules[0].tokenizer, weight=torch.rand(words), frozen=True)
        modules = [Router.for_query_document(query_modules=[table], document_modules=modules)]
    made = SparseEncoder(modules=modules, device="cpu")
    made.save(str(folder))
    return made
