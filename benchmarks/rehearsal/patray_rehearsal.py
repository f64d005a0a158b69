"""An engine whose vectors cost next to nothing, to rehearse the size of a study: they are no model's.

A text is the sum of fixed random vectors of its tokens (64 numbers, by the token's id and the model's name), each
counted once, put through a fixed random projection to the model's width. Texts with common words lie near each other;
that is all that such a vector knows. `write_snapshot` makes the folder that patray checks a record against.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from patray.encoders.protocol import EncoderSettings
from patray.models.record import ModelRecord

HASHED = 1 << 15
WIDTH = 64
MARK = "rehearsal"


class HashedProjection:
    """The engine `rehearsal`: (record, snapshot, settings) -> encoder, as docs/extending.md says."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        random = np.random.default_rng(zlib.crc32(record.name.encode()))
        self.tokens = random.standard_normal((HASHED, WIDTH), dtype=np.float32)
        self.projection = random.standard_normal((WIDTH, record.dimension), dtype=np.float32)

    def encode(self, inputs: Sequence[np.ndarray], role: str = "document") -> np.ndarray:
        """Token ids, one array an input, to (n, dimension) float32 of length 1."""
        sums = np.stack([self.tokens[np.unique(ids % HASHED)].sum(axis=0) for ids in inputs])
        vectors = sums @ self.projection
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def rehearsed(record: ModelRecord, widest: int) -> dict[str, object]:
    """The record of a dense model's stand-in: its width (at most `widest`), limits and prompts, and nothing else."""
    width = min(record.dimension, widest)
    return {
        "name": f"{MARK}-{record.name}", "repo": f"{MARK}/{record.name}", "revision": "local", "kind": "dense",
        "family": MARK, "parameters": None, "rounded_parameters": None, "dimension": width, "trained_dimensions": None,
        "max_tokens": record.max_tokens, "nominal_tokens": record.nominal_tokens, "pooling": "mean", "dense_heads": [],
        "normalised": True, "attention": "bidirectional", "architecture": "BertModel",
        "prompts": record.prompts.model_dump(), "prompts_shipped": False, "padding_side": "right",
        "limit_shipped": None, "engines": [MARK], "dtype": "float32", "licence": "none needed", "commercial": None,
        "released": None, "training_data": "none: a rehearsal, whose vectors are hashed and no model's",
        "notes": f"A rehearsal of {record.name}: vectors of its width that are hashed. Its scores mean nothing.",
        "unknown": ["everything about quality"],
    }  # fmt: skip


def write_snapshot(folder: Path, width: int, tokenizer: Path) -> Path:
    """A folder that states a model of this width; tokenizer: a folder with the files of a fast tokenizer."""
    from safetensors.numpy import save_file

    (folder / "1_Pooling").mkdir(parents=True)
    for path in tokenizer.iterdir():
        if path.name.startswith(("tokenizer", "vocab", "special_tokens")):
            shutil.copy(path, folder / path.name)
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": width, MARK: True}
    kinds = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(kinds)
    ]
    pooling = {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True}
    for name, value in {"config.json": config, "modules.json": modules, "1_Pooling/config.json": pooling}.items():
        (folder / name).write_text(json.dumps(value))
    save_file({"nothing": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return folder
