"""Small models with sentence-transformers: one forward pass a batch, from token ids.

`SentenceTransformer.encode` would tokenise again and order batches by its own rule; the modules are called directly so
that truncation, batches and threads are ours and the same for every engine. The result equals `encode` (tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, text_batches
from patray.encoders.cpu_linear import quicken
from patray.encoders.protocol import EncoderSettings
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role
from patray.models.verify import POOLING


class SentenceTransformersEncoder:
    """A model in sentence-transformers on one device."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        self._torch = torch
        self._settings, self._record = settings, record
        self._dimension = record.dimension
        self._model: Any = load_model(SentenceTransformer, record, snapshot, settings)
        check_modules(record, self._model)
        load_adapters(record, snapshot, self._model.transformers_model)
        self._pad = pad_token(self._model)
        self._left = record.padding_side == "left"

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        torch = self._torch
        if self._record.adapters:
            self._model.transformers_model.set_adapter(self._record.adapter_of(role))
        parts: list[tuple[np.ndarray, Any]] = []
        with torch.inference_mode():  # an input without tokens gets NaN, not the vector of its padding
            for rows in text_batches(inputs, self._settings.tokens_per_batch):
                features = {
                    name: torch.from_numpy(array).to(self._settings.device)
                    for name, array in padded([inputs[i] for i in rows], self._pad, self._left).items()
                }
                parts.append((rows, self._model(features)["sentence_embedding"].float()))
        width = parts[0][1].shape[1] if parts else self._dimension
        vectors = np.full((len(inputs), width), np.nan, dtype=np.float32)
        for rows, values in parts:  # after the loop, so that a GPU is never waited for between batches
            vectors[rows] = values.cpu().numpy()
        return vectors


def load_model(
    kind: Any, record: ModelRecord, snapshot: Path, settings: EncoderSettings, own_products: bool = True
) -> Any:
    """A snapshot as `kind`, one of sentence-transformers' model classes, ready to be asked on the settings' device.

    own_products: whether its linear layers may be patray's on a CPU; a model that another library converts has none.
    """
    import torch

    if settings.device == "cpu":
        torch.set_num_threads(settings.threads)
    model = kind(
        str(snapshot),
        device=settings.device,
        local_files_only=True,
        trust_remote_code=record.remote_code is not None and settings.allow_remote_code,
        model_kwargs={"dtype": getattr(torch, settings.dtype), "use_safetensors": True, **record.code_pin()},
        config_kwargs=record.code_pin(),
    ).eval()
    if settings.device == "cpu" and own_products:
        quicken(model)
    return model


def load_adapters(record: ModelRecord, snapshot: Path, model: Any) -> None:
    """Put every LoRA adapter of the record into a loaded transformers model; none is active until it is set.

    ModelError without peft, which runs them, or where a tensor of an adapter has no place in the model.
    """
    if not record.adapters:
        return
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ModelError(f"model {record.name}: its adapters need peft: pip install 'peft>=0.18'") from error
    for name in sorted(set(record.adapters.values())):
        info = model.load_adapter(str(snapshot / name), adapter_name=name)
        missing = [key for key in info.missing_keys if f".{name}" in key]  # the other adapters' are not in this file
        wrong = sorted([*info.unexpected_keys, *missing])
        if wrong:
            raise ModelError(
                f"model {record.name}: {snapshot / name}: {len(wrong)} tensors do not fit the model, such as {wrong[0]}"
            )
    model.eval()


def pad_token(model: Any) -> int:
    """The id that batches are filled up with; the mask hides it, so any will do where a tokenizer has none."""
    pad = model.tokenizer.pad_token_id
    return pad if pad is not None else 0


def check_modules(record: ModelRecord, model: Any) -> None:
    """ModelError unless a loaded dense model pools as the record says and has its Dense heads.

    sentence-transformers takes the mean where a snapshot states no pooling, and says nothing. A pooling that is code of
    the model's own states nothing either and is not looked at.
    """
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling

    for module in model:
        if isinstance(module, Pooling):
            modes = (module.pooling_mode,) if isinstance(module.pooling_mode, str) else tuple(module.pooling_mode)
            if tuple(POOLING.get(mode, mode) for mode in modes) != (record.pooling,):
                raise ModelError(
                    f"model {record.name}: sentence-transformers pools by {' + '.join(modes)}, the record says "
                    f"{record.pooling}; give the snapshot a modules.json that states it, or use another engine"
                )
    heads = [(module.in_features, module.out_features) for module in model if isinstance(module, Dense)]
    if len(heads) != len(record.dense_heads):
        raise ModelError(
            f"model {record.name}: sentence-transformers loaded the Dense heads {heads}, the record says "
            f"{[list(head) for head in record.dense_heads]}"
        )
