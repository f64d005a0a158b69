"""BERT and XLM-RoBERTa models with CTranslate2 on a CPU, in int8: fast, and a little off.

Weights are rounded to int8 when a worker loads the model, and the inputs of each product while it computes; pooling and
Dense heads stay sentence-transformers' own, in float32. What that costs on the user's texts is measured, never assumed:
a run encodes a sample in float32 too (`cluster/loss.py`) and tests the difference of the scores where both are asked.
The conversion itself is compared with torch in float32 first, so that int8 alone is what differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, text_batches
from patray.encoders.certificate import cosines
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import check_modules, load_model, pad_token
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role

LEAST_COSINE = 0.99999
"""Of a token's last hidden state, converted but not yet rounded, with torch's."""
CHECKED = 37
"""Tokens of the text on which the conversion is compared."""


class CTranslate2Encoder:
    """A model in CTranslate2 with int8 products; see the module."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        try:
            import ctranslate2
        except ImportError as error:
            raise ModelError(
                f"model {record.name}: the engine ctranslate2 is not installed: pip install 'patray[ctranslate2]'"
            ) from error
        import torch
        from sentence_transformers import SentenceTransformer

        self._ct2, self._torch = ctranslate2, torch
        self._settings, self._dimension = settings, record.dimension
        model: Any = load_model(SentenceTransformer, record, snapshot, replace(settings, dtype="float32"))
        check_modules(record, model)
        self._pad, self._after = pad_token(model), list(model)[1:]
        with tempfile.TemporaryDirectory(prefix="patray-ct2-") as scratch:
            _save(model.transformers_model, record, scratch)
            self._network = self._open(scratch, "float32")
            self._compare(record, model.transformers_model)
            self._network = self._open(scratch, "int8")

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        """Vectors (n, dimension) float32; NaN for an input without tokens."""
        torch = self._torch
        vectors = np.full((len(inputs), self._dimension), np.nan, dtype=np.float32)
        with torch.inference_mode():
            for rows in text_batches(inputs, self._settings.tokens_per_batch):
                batch = padded([inputs[at] for at in rows], self._pad)
                features = {"attention_mask": torch.from_numpy(batch["attention_mask"])}
                features["token_embeddings"] = torch.from_numpy(self._hidden(batch))
                for module in self._after:
                    features = module(features)
                vectors[rows] = features["sentence_embedding"].numpy()
        return vectors

    def _open(self, folder: str, compute_type: str) -> Any:
        return self._ct2.Encoder(
            folder, device="cpu", compute_type=compute_type, inter_threads=1, intra_threads=self._settings.threads
        )

    def _hidden(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """The network's last states (n, width, hidden) float32 of right-padded ids and their mask."""
        view = self._ct2.StorageView.from_array
        lengths = batch["attention_mask"].sum(axis=1).astype(np.int32)
        found = self._network.forward_batch(view(batch["input_ids"].astype(np.int32)), view(lengths))
        return np.array(found.last_hidden_state)

    def _compare(self, record: ModelRecord, network: Any) -> None:
        """ModelError unless the converted network computes what torch's does, before int8."""
        torch, width = self._torch, min(CHECKED, record.max_tokens)
        ids = np.random.default_rng(0).integers(3, network.config.vocab_size, width).astype(np.int32)
        batch = padded([ids, ids[:3]], self._pad)
        with torch.inference_mode():
            told = network(**{name: torch.from_numpy(array) for name, array in batch.items()}).last_hidden_state
        seen = batch["attention_mask"].astype(bool)
        wanted, found = (side[seen].astype(np.float64) for side in (told.float().numpy(), self._hidden(batch)))
        cosine = float(cosines(wanted, found).min())
        if not cosine >= LEAST_COSINE:
            raise ModelError(
                f"model {record.name}: converted to CTranslate2 it computes something else than in torch (cosine "
                f"{cosine:.6f} before int8): use another engine"
            )


def _save(network: Any, record: ModelRecord, folder: str) -> None:
    """Write a BertModel or XLMRobertaModel of transformers as CTranslate2 reads it, in float32.

    CTranslate2's own converter asks for a tokenizer and a `position_embedding_type` that transformers 5 has no more.
    The one token type there is (0) is added to the table of positions: the sum of the three tables is the same.
    """
    from ctranslate2.specs import common_spec, transformer_spec

    config = network.config
    activations = {"gelu": common_spec.Activation.GELU, "relu": common_spec.Activation.RELU}
    if config.model_type not in ("bert", "xlm-roberta") or config.hidden_act not in activations:
        raise ModelError(
            f"model {record.name}: patray runs BERT and XLM-RoBERTa with gelu or relu in CTranslate2, this is "
            f"{config.model_type} with {config.hidden_act}"
        )
    encoder = transformer_spec.TransformerEncoderSpec(
        config.num_hidden_layers,
        config.num_attention_heads,
        pre_norm=False,
        activation=activations[config.hidden_act],
        layernorm_embedding=True,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    encoder.scale_embeddings = False
    tables = network.embeddings
    first = 0 if config.model_type == "bert" else config.pad_token_id + 1  # XLM-RoBERTa counts from after the padding
    encoder.embeddings[0].weight = _array(tables.word_embeddings.weight)
    positions = _array(tables.position_embeddings.weight)[first:]
    encoder.position_encodings.encodings = positions + _array(tables.token_type_embeddings.weight)[0]
    _norm(encoder.layernorm_embedding, tables.LayerNorm)
    for told, layer in zip(encoder.layer, network.encoder.layer, strict=True):
        own = layer.attention.self
        _linear(told.self_attention.linear[0], own.query, own.key, own.value)
        _linear(told.self_attention.linear[1], layer.attention.output.dense)
        _norm(told.self_attention.layer_norm, layer.attention.output.LayerNorm)
        _linear(told.ffn.linear_0, layer.intermediate.dense)
        _linear(told.ffn.linear_1, layer.output.dense)
        _norm(told.ffn.layer_norm, layer.output.LayerNorm)
    spec.register_vocabulary([str(token) for token in range(config.vocab_size)])  # asked for; ids are what is given
    spec.config.layer_norm_epsilon = config.layer_norm_eps
    spec.config.unk_token = "0"
    spec.validate()
    spec.optimize()
    spec.save(folder)


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().float().numpy())


def _linear(spec: Any, *layers: Any) -> None:
    """One product for one layer, or for several of the same input."""
    spec.weight = np.concatenate([_array(layer.weight) for layer in layers])
    spec.bias = np.concatenate([_array(layer.bias) for layer in layers])


def _norm(spec: Any, layer: Any) -> None:
    spec.gamma, spec.beta = _array(layer.weight), _array(layer.bias)
