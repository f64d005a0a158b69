"""Rerankers with sentence-transformers: a score for each pair of query and document, from token ids.

`CrossEncoder.predict` would tokenise and batch by its own rule; the modules are called directly so that truncation,
batches and threads are ours. Scores are log-odds in float32: the one logit of a cross-encoder, or the logit of `yes`
less that of `no` for a generative reranker. Their sigmoid is the model's probability, P(yes) against P(no); it orders
pairs in the same way, but in float32 all that is certain becomes exactly 1 and ties. The result equals `predict`
(tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, token_budget_batches
from patray.encoders.pairs import Pairs
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import load_model, pad_token
from patray.errors import EmbeddingError, ModelError
from patray.models.record import ModelRecord


class CrossScorer:
    """A reranker on one device."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        import torch
        from sentence_transformers import CrossEncoder

        self._torch, self._settings = torch, settings
        self._model: Any = load_model(CrossEncoder, record, snapshot, settings)
        labels = self._model.num_labels
        if labels != 1:
            raise ModelError(f"model {record.name}: its checkpoint gives {labels} labels a pair, a reranker one")
        self._pad = pad_token(self._model)
        self._types = "token_type_ids" in self._model.tokenizer.model_input_names and record.score == "sigmoid"
        self._left = record.padding_side == "left" or record.score == "yes-no"  # the last position answers
        self._extra = {"logits_to_keep": 1} if record.score == "yes-no" else {}

    def score(self, pairs: Pairs) -> np.ndarray:
        """(n,) float32 log-odds, in the order given. Batches are composed from the pairs' lengths alone."""
        torch = self._torch
        lengths = np.array([len(tokens) for tokens in pairs.ids], dtype=np.int64)
        scores = np.empty(len(pairs.ids), np.float32)
        parts: list[tuple[np.ndarray, Any]] = []
        with torch.inference_mode():
            for rows in token_budget_batches(lengths, self._settings.tokens_per_batch):
                features = {
                    name: torch.from_numpy(array).to(self._settings.device)
                    for name, array in self._features([pairs.ids[i] for i in rows], pairs.first[rows]).items()
                }
                out = self._model({**features, **self._extra})["scores"]
                parts.append((rows, out.float().reshape(-1)))
        for rows, values in parts:  # after the loop, so that a GPU is never waited for between batches
            scores[rows] = values.cpu().numpy()
        return scores

    def _features(self, batch: list[np.ndarray], first: np.ndarray) -> dict[str, np.ndarray]:
        features = padded(batch, self._pad, self._left)
        if not self._types:
            return features
        mask = features["attention_mask"]
        return {**features, "token_type_ids": mask * (mask.cumsum(axis=1) > first[:, None])}


def checked_scores(scores: np.ndarray, names: Sequence[tuple[str, str]], model: str) -> np.ndarray:
    """The same scores (n,); EmbeddingError that names the first pair (query, patent) without a finite one."""
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        query, patent = names[bad[0]]
        raise EmbeddingError(
            f"model {model}: {len(bad)} of {len(scores)} scores are NaN or infinite, the first for query {query} and "
            f"patent {patent}. If the dtype is float16, use bfloat16 or float32."
        )
    return scores


def probability(scores: np.ndarray) -> np.ndarray:
    """(n,) float64: the sigmoid of log-odds, what sentence-transformers' predict returns for one label."""
    return 1.0 / (1.0 + np.exp(-scores.astype(np.float64)))
