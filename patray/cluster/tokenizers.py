"""Tokenizers of a worker, each loaded once a process."""

from __future__ import annotations

import functools
from pathlib import Path

from patray.encoders.late_interaction import LateTokenizer
from patray.encoders.pairs import PairTokenizer
from patray.encoders.spans import Spans, SpanTokenizer
from patray.encoders.sparse import SparseTokenizer
from patray.encoders.static import StaticTokenizer
from patray.encoders.tokens import InputTokenizer
from patray.models.record import ModelRecord, Role
from patray.models.resolve import Snapshot, localise
from patray.models.static import static_layout

MODEL_CACHE = Path.home() / ".cache" / "patray" / "models"


def input_tokenizer(record: ModelRecord, snapshot: Snapshot, role: Role) -> InputTokenizer | StaticTokenizer:
    """The tokenizer of a dense model, or of one role of a late-interaction or sparse model."""
    if record.kind == "late-interaction":
        return late_tokenizer(record, snapshot, role)
    if record.kind == "sparse":
        return _sparse_tokenizer(record.model_dump_json(), snapshot, role)
    return _input_tokenizer(record.model_dump_json(), snapshot)


def late_tokenizer(record: ModelRecord, snapshot: Snapshot, role: Role) -> LateTokenizer:
    """The tokenizer of one role of a late-interaction model."""
    return _late_tokenizer(record.model_dump_json(), snapshot, role)


def pair_tokenizer(record: ModelRecord, snapshot: Snapshot) -> PairTokenizer:
    """The tokenizer of a reranker."""
    return _pair_tokenizer(record.model_dump_json(), snapshot)


@functools.lru_cache(maxsize=4)
def span_tokenizer(record_json: str, snapshot: Snapshot, spans: Spans) -> SpanTokenizer:
    """The tokenizer of a dense model that reads long texts in spans; the record as JSON."""
    record = ModelRecord.model_validate_json(record_json)
    return SpanTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False), spans)


@functools.lru_cache(maxsize=4)
def _input_tokenizer(record_json: str, snapshot: Snapshot) -> InputTokenizer | StaticTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    folder = localise(snapshot, record, MODEL_CACHE, weights=False)
    return (StaticTokenizer if static_layout(folder) is not None else InputTokenizer)(record, folder)


@functools.lru_cache(maxsize=4)
def _sparse_tokenizer(record_json: str, snapshot: Snapshot, role: Role) -> SparseTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return SparseTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False), role)


@functools.lru_cache(maxsize=4)
def _late_tokenizer(record_json: str, snapshot: Snapshot, role: Role) -> LateTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return LateTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False), role)


@functools.lru_cache(maxsize=4)
def _pair_tokenizer(record_json: str, snapshot: Snapshot) -> PairTokenizer:
    record = ModelRecord.model_validate_json(record_json)
    return PairTokenizer(record, localise(snapshot, record, MODEL_CACHE, weights=False))
