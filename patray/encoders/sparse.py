"""Sparse models with sentence-transformers: a weight for each term, from token ids.

Documents pass the network (a masked language model, then log(1 + relu) and the maximum over tokens, or what the
checkpoint's SpladePooling says); queries too, or they are looked up in the checkpoint's table of term weights where it
has one (inference-free). The result equals SparseEncoder's encode_query and encode_document (tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, token_budget_batches
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import load_model
from patray.encoders.sparse_vectors import SparseVectors, concatenate_sparse
from patray.encoders.tokens import InputTokenizer, Tokenised
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role
from patray.models.sparse import SparseLayout, sparse_layout


class SparseTokenizer(InputTokenizer):
    """Token ids of one role: queries that are looked up get no special tokens."""

    def __init__(self, record: ModelRecord, snapshot: Path, role: Role) -> None:
        layout = layout_of(record, snapshot)
        looked_up = role == "query" and layout.query_home is not None
        super().__init__(record, snapshot / (str(layout.query_home) if looked_up else layout.home))
        self._specials = not looked_up

    def __call__(self, texts: list[str], prompt: str) -> Tokenised:
        if self._specials:
            return super().__call__(texts, prompt)
        encodings = self._tokenizer.encode_batch([prompt + text for text in texts], add_special_tokens=False)
        ids = [np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings]
        return Tokenised(ids, np.array([bool(encoding.overflowing) for encoding in encodings], dtype=bool))


class SparseModelEncoder:
    """A sparse model in sentence-transformers on one device."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        import torch
        from sentence_transformers import SparseEncoder

        self._torch, self._settings = torch, settings
        layout = layout_of(record, snapshot)
        model: Any = load_model(SparseEncoder, record, snapshot, settings)
        self._table = None
        if layout.query_home is None:
            self._network: Any = model
        else:
            self._network = model[0].sub_modules["document"]
            table = model[0].sub_modules["query"][0].weight.detach().float().cpu().numpy()
            if table.shape != (record.dimension,):
                raise ModelError(
                    f"model {record.name}: its table of term weights has shape {table.shape}, its record says "
                    f"{record.dimension} terms"
                )
            self._table = table

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> SparseVectors:
        """Token ids, one int32 array an input, to their terms and weights, in the order given."""
        if role == "query" and self._table is not None:
            return concatenate_sparse([self._look_up(tokens) for tokens in inputs])
        torch = self._torch
        lengths = np.array([len(tokens) for tokens in inputs], dtype=np.int64)
        rows: dict[int, SparseVectors] = {}
        with torch.inference_mode():
            for chosen in token_budget_batches(lengths, self._settings.tokens_per_batch):
                features = {
                    name: torch.from_numpy(array).to(self._settings.device)
                    for name, array in padded([inputs[i] for i in chosen], 0).items()
                }
                weights = self._network(features)["sentence_embedding"].float().cpu().numpy()
                rows |= {int(at): _nonzero(row) for at, row in zip(chosen, weights, strict=True)}
        return concatenate_sparse([rows[at] for at in range(len(inputs))])

    def _look_up(self, tokens: np.ndarray) -> SparseVectors:
        """Each term of a query once, with its weight."""
        assert self._table is not None
        row = np.zeros(len(self._table), np.float32)
        row[np.unique(tokens)] = self._table[np.unique(tokens)]
        return _nonzero(row)


def layout_of(record: ModelRecord, snapshot: Path) -> SparseLayout:
    """How the model lies in its snapshot; ModelError where that is no sparse model."""
    layout = sparse_layout(snapshot)
    if layout is None:
        raise ModelError(f"model {record.name}: {snapshot} holds no sparse model (modules.json without SpladePooling)")
    return layout


def _nonzero(row: np.ndarray) -> SparseVectors:
    terms = np.flatnonzero(row != 0).astype(np.int32)
    return SparseVectors(np.array([0, len(terms)], np.int64), terms, row[terms].astype(np.float32))
