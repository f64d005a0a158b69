"""Late interaction (ColBERT) with sentence-transformers: one vector for each token, from token ids.

Four things that silently ruin such a model are fixed here and checked against the checkpoint's own settings: the
marker of a role must be one token (as text it falls apart); queries are filled up to their length with expansion
tokens, which attention reaches or not as the model was trained; punctuation of documents gets no vector where the
model was trained so; and the projection must be the trained one (sentence-transformers makes a random one up where a
checkpoint has none). The result equals MultiVectorEncoder's encode_query and encode_document (tested).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, token_budget_batches
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import load_model, pad_token
from patray.encoders.token_vectors import TokenVectors
from patray.encoders.tokens import InputTokenizer
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role


def token_limit(record: ModelRecord, role: Role) -> int:
    """Tokens that a text of this role is cut to, special tokens and marker included."""
    limit = record.query_tokens if role == "query" else record.document_tokens
    assert limit is not None  # the record's own check
    return limit


class LateTokenizer(InputTokenizer):
    """Token ids of one role, with its marker as one token, cut to the role's length; expansion is the encoder's."""

    def __init__(self, record: ModelRecord, snapshot: Path, role: Role) -> None:
        super().__init__(record.model_copy(update={"max_tokens": token_limit(record, role)}), snapshot)
        for either in ("query", "document"):  # a marker inside a text is one token too, as in training
            self._register(getattr(record.prompts, either))

    def _register(self, prompt: str) -> None:
        """Make the marker at the prompt's start a token of its own, as the checkpoint's training did."""
        if not prompt.split():
            return
        from tokenizers import AddedToken

        # Some checkpoints hold the marker with its blank ("[Q] ") as one token, some without it.
        for marker in (prompt, prompt.split(None, 1)[0]):
            if self._tokenizer.token_to_id(marker) is not None:
                pieces = self._tokenizer.encode(marker, add_special_tokens=False).tokens
                if pieces != [marker]:
                    self._tokenizer.add_special_tokens([AddedToken(marker, normalized=False, special=True)])
                return
        pieces = self._tokenizer.encode(prompt, add_special_tokens=False).tokens
        raise ModelError(
            f"model {self._record.name}: the marker {prompt!r} is no token of its tokenizer (it falls apart into "
            f"{' '.join(pieces)}); `prompts` of the record must name the checkpoint's own markers"
        )

    def skipped(self) -> np.ndarray:
        """Ids of the tokens that are one punctuation mark: they have no vector where punctuation is skipped."""
        import string

        unknown = self._tokenizer.token_to_id(getattr(self._tokenizer.model, "unk_token", None) or "")
        ids = [self._tokenizer.token_to_id(mark) for mark in string.punctuation]
        return np.array([token for token in ids if token is not None and token != unknown], dtype=np.int32)


class LateEncoder:
    """A late-interaction model in sentence-transformers on one device."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        import torch
        from sentence_transformers import MultiVectorEncoder

        self._torch, self._settings, self._record = torch, settings, record
        self._model: Any = load_model(MultiVectorEncoder, record, snapshot, settings)
        self._expansion = _expansion_id(record, self._model)
        _check_punctuation(record, self._model)
        self._pad = pad_token(self._model)

    def encode(self, inputs: Sequence[np.ndarray], role: Role) -> TokenVectors:
        """Token ids of LateTokenizer, one int32 array a text, to unit vectors of the tokens that count, in order.

        Batches are composed from the inputs alone. Queries are expanded here to the record's query length.
        """
        torch = self._torch
        lengths = np.array([len(tokens) for tokens in inputs], dtype=np.int64)
        width = self._record.query_tokens if role == "query" and self._expansion is not None else None
        padded = lengths if width is None else np.full(len(lengths), width)
        found: list[np.ndarray | None] = [None] * len(inputs)
        with torch.inference_mode():
            for rows in token_budget_batches(padded, self._settings.tokens_per_batch):
                features = {
                    name: torch.from_numpy(array).to(self._settings.device)
                    for name, array in self._features([inputs[i] for i in rows], width).items()
                }
                out = self._model(features, task="query" if role == "query" else "document")
                mask = out["attention_mask"].bool()
                vectors = torch.nn.functional.normalize(out["token_embeddings"][mask].float(), dim=-1)
                flat = vectors.half().cpu().numpy()
                parts = np.split(flat, np.cumsum(mask.sum(dim=1).cpu().numpy())[:-1])
                for row, part in zip(rows, parts, strict=True):
                    found[row] = part
        whole = [part for part in found if part is not None]
        start = np.concatenate([[0], np.cumsum([len(part) for part in whole])]).astype(np.int64)
        return TokenVectors(start, np.concatenate(whole))

    def _features(self, batch: list[np.ndarray], width: int | None) -> dict[str, np.ndarray]:
        """Padded ids and masks; with `width` every row is filled up to it with expansion tokens."""
        if width is None or self._expansion is None:
            return padded(batch, self._pad)
        features = padded(batch, self._expansion, width=width)
        mask = features["attention_mask"]
        attended = np.ones_like(mask) if self._record.expansion_attended else mask
        return {**features, "attention_mask": attended, "query_expansion_positions": 1 - mask}


def _expansion_id(record: ModelRecord, model: Any) -> int | None:
    """The token that queries are filled up with, None where the model does not expand them."""
    own = model[0].query_expansion
    wanted = record.expansion_attended
    if own is None or wanted is None:
        if own is None and wanted is None:
            return None
        says = "expands" if own is not None else "does not expand"
        raise ModelError(
            f"model {record.name}: its checkpoint {says} queries, but its record says expansion_attended: "
            f"{json.dumps(wanted)} (null means: not expanded)"
        )
    if bool(own["attend"]) != wanted or own["strategy"] != "fixed":
        raise ModelError(
            f"model {record.name}: its record says that query expansion is {'' if wanted else 'not '}attended and of "
            f"fixed length, its checkpoint has {own}"
        )
    tokenizer = model.tokenizer
    if own["token"] is not None:
        return int(tokenizer.convert_tokens_to_ids(own["token"]))
    token = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.eos_token_id
    if token is None:
        raise ModelError(f"model {record.name}: its tokenizer has no mask and no end token to expand queries with")
    return int(token)


def _check_punctuation(record: ModelRecord, model: Any) -> None:
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    masks = [module for module in model if isinstance(module, MultiVectorMask)]
    if not masks:
        raise ModelError(f"model {record.name}: its checkpoint has no MultiVectorMask, so no token would count")
    skipped = bool(masks[0].skiplist_words)
    if record.punctuation_skipped is not None and record.punctuation_skipped != skipped:
        raise ModelError(
            f"model {record.name}: its record says punctuation_skipped: {json.dumps(record.punctuation_skipped)}, its "
            f"checkpoint {'skips' if skipped else 'does not skip'} {len(masks[0].skiplist_words)} marks"
        )
