"""Static models on a CPU: look up a vector for each token and take the mean. No network, no GPU.

`load_encoder(record, folder, settings).encode([ids])` gives (1, dimension) float32; the table may be float16 or int8
(model2vec quantises), and a vocabulary may share rows (`mapping`) with a weight for each token (`weights`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import Tokenised
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role
from patray.models.static import TABLES, StaticLayout, static_layout

BLOCK = 4_096
"""Texts of which the tokens are looked up at once."""


class StaticTokenizer:
    """Turns texts into the ids whose vectors count, by the rule of the folder's layout (models/static.py)."""

    def __init__(self, record: ModelRecord, snapshot: Path) -> None:
        from tokenizers import Tokenizer

        layout = _layout(record, snapshot)
        self._tokenizer = Tokenizer.from_file(str(snapshot / layout.home / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(record.max_tokens)
        self._unknown = _unknown_token(self._tokenizer) if layout.model2vec else None
        self._characters = None
        if layout.model2vec and layout.limit is not None:
            lengths = [len(token) for token in self._tokenizer.get_vocab()]
            self._characters = record.max_tokens * int(np.median(lengths))

    def __call__(self, texts: list[str], prompt: str) -> Tokenised:
        """Ids of prompt + text, no special tokens; truncated: whether the end of the text was not read."""
        whole = [prompt + text for text in texts]
        read = whole if self._characters is None else [text[: self._characters] for text in whole]
        encodings = self._tokenizer.encode_batch(read, add_special_tokens=False)
        ids = [np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings]
        if self._unknown is not None:
            ids = [tokens[tokens != self._unknown] for tokens in ids]
        cut = [
            bool(encoding.overflowing) or len(part) < len(text)
            for encoding, part, text in zip(encodings, read, whole, strict=True)
        ]
        return Tokenised(ids, np.array(cut, dtype=bool))


class StaticEncoder:
    """A static model as an engine; see the module."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        import torch

        torch.set_num_threads(settings.threads)
        self._torch, self._dimension = torch, record.dimension
        self._table = torch.from_numpy(_table(record, snapshot / _layout(record, snapshot).home))

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        """The means, (n, dimension) float32; NaN for an input without tokens."""
        torch = self._torch
        vectors = np.full((len(inputs), self._dimension), np.nan, dtype=np.float32)
        some = np.flatnonzero([len(tokens) for tokens in inputs])
        for start in range(0, len(some), BLOCK):
            rows = some[start : start + BLOCK]
            ids = torch.from_numpy(np.concatenate([inputs[row] for row in rows]).astype(np.int64))
            ends = np.cumsum([0, *(len(inputs[row]) for row in rows)])[:-1]
            with torch.inference_mode():
                means = torch.nn.functional.embedding_bag(ids, self._table, torch.from_numpy(ends), mode="mean")
            vectors[rows] = means.numpy()
        return vectors


def _layout(record: ModelRecord, snapshot: Path) -> StaticLayout:
    layout = static_layout(snapshot)
    if layout is None:
        raise ModelError(f"model {record.name}: {snapshot} holds no static model (a StaticEmbedding, or model2vec's)")
    return layout


def _table(record: ModelRecord, home: Path) -> np.ndarray:
    """(vocabulary, dimension) float32: one row for each token id, its weight in it."""
    from safetensors.numpy import load_file

    tensors = load_file(str(home / "model.safetensors"))
    table = next((tensors[name] for name in TABLES if name in tensors), None)
    if table is None or table.ndim != 2 or table.shape[1] != record.dimension:
        found = ", ".join(f"{name} {tensor.shape}" for name, tensor in tensors.items())
        raise ModelError(f"model {record.name}: {home} holds {found}; wanted a table of width {record.dimension}")
    rows = np.asarray(table, np.float32)
    if "mapping" in tensors:
        rows = rows[tensors["mapping"]]
    if "weights" in tensors:
        rows = rows * np.asarray(tensors["weights"], np.float32)[:, None]
    return np.ascontiguousarray(rows)


def _unknown_token(tokenizer: Any) -> int | None:
    """Id of the token for what the vocabulary lacks; None where there is none."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_token") is not None:
        found = tokenizer.token_to_id(model["unk_token"])
        return None if found is None else int(found)
    return model.get("unk_id")
