"""Tokenizers of a worker, each loaded once a process."""

from __future__ import annotations

import functools
from pathlib import Path

from patray.encoders.late_interaction import LateTokenizer
from patray.encoders.pairs import PairTokenizer
from patray.encoders.tokens import InputTokenizer
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot, localise

MODEL_CACHE = Path.home() / ".cache" / "patray" / "models"


def input_tokenizer(record: ModelRecord, snapshot: Snapshot, role: Role) -> InputTokenizer:
    """The tokenizer of a dense model, or of one role of a late-interaction model."""
    if record.kind == "late-interaction":
        return late_tokenizer(record, snapshot, role)
    return _input_tokenizer(record.model_dump_json(), snapshot)


def late_tokenizer(record: ModelRecord, snapshot: Snapshot, role: Role) -> LateTokenizer:
    """The tokenizer of one role of a late-interaction model."""
    return _late_tokenizer(record.model_dump_json(), snapshot, role)


def pair_tokenizer(record: ModelRecord, snapshot: Snapshot) -> PairTokenizer:
    """The tokenizer of a reranker."""
    return _pair_tokenizer(record.model_dump_json(), snapshot)


@functools.lru_cache(maxsize=4)
def _input_tokenizer(record_json: str, snapshot: Snapshot) -> InputTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return InputTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False))


@functools.lru_cache(maxsize=4)
def _late_tokenizer(record_json: str, snapshot: Snapshot, role: Role) -> LateTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return LateTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False), role)


@functools.lru_cache(maxsize=4)
def _pair_tokenizer(record_json: str, snapshot: Snapshot) -> PairTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return PairTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False))
