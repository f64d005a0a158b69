"""What an engine must do. An engine is one file that implements this and one line in `load_encoder`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from patray.errors import ModelError
from patray.models.record import Engine, ModelRecord


@dataclass(frozen=True)
class EncoderSettings:
    """How to run a model on one worker. None of these decides a vector except `dtype` and `engine`.

    device: `cpu` or `cuda`. threads: CPU threads of one actor, fixed so that vectors do not depend on the machine's
    load. tokens_per_batch: padded tokens of one forward pass.
    """

    engine: Engine
    dtype: str
    device: str
    threads: int
    tokens_per_batch: int
    allow_remote_code: bool


class Encoder(Protocol):
    """Encodes inputs that were rendered, prompted, tokenised and truncated before."""

    def encode(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Token ids, one int32 array an input, to (n, dimension) float32, in the order given, not normalised again.

        Batches are composed from the inputs alone, so the same inputs give the same bits on the same kind of machine.
        """
        ...


def require_runnable(record: ModelRecord, engine: str, allow_remote_code: bool) -> None:
    """ModelError, with what to do, when the record says that this engine cannot or may not run the model."""
    if engine not in record.engines:
        raise ModelError(f"model {record.name} does not run on {engine}; its record allows {', '.join(record.engines)}")
    code = record.remote_code
    if code is not None and code.commit is None:
        raise ModelError(
            f"model {record.name} needs Python code of which no commit has been verified, so patray does not run it; "
            "give a complete record with `remote_code.commit` in the suite once you have read the code"
        )
    if code is not None and not allow_remote_code:
        raise ModelError(
            f"model {record.name} needs Python code from {code.repo}@{code.commit}; "
            "read it, then set `models_from.remote_code: true` in the suite to allow it"
        )
    if record.adapters:
        raise ModelError(f"model {record.name} has an adapter for each role, which no engine here can switch")


def load_encoder(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> Encoder:
    """The encoder of `settings.engine` with the model loaded."""
    require_runnable(record, settings.engine, settings.allow_remote_code)
    if settings.engine == "sentence-transformers":
        from patray.encoders.sentence_transformers import SentenceTransformersEncoder

        return SentenceTransformersEncoder(record, snapshot, settings)
    from patray.encoders.vllm import VllmEncoder

    return VllmEncoder(record, snapshot, settings)
