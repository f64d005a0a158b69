"""What an engine must do. An engine is one file that implements this and one line in `load_encoder`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from patray.errors import ModelError
from patray.models.memory import require_gpu_memory, with_size
from patray.models.record import Engine, ModelRecord
from patray.models.verify import require_as_recorded


@dataclass(frozen=True)
class EncoderSettings:
    """How to run a model on one worker. None of these decides a vector except `dtype` and `engine`.

    device: `cpu` or `cuda`. threads: CPU threads of one actor, fixed so that vectors do not depend on the machine's
    load. tokens_per_batch: padded tokens of one forward pass. gpu_share: of one GPU's memory, for this worker.
    """

    engine: Engine
    dtype: str
    device: str
    threads: int
    tokens_per_batch: int
    allow_remote_code: bool
    gpu_share: float = 1.0


class EngineDied(Exception):
    """The engine behind an encoder is gone; the inputs may be at no fault. A new worker must do them again."""


class Encoder(Protocol):
    """Encodes inputs that were rendered, prompted, tokenised and truncated before."""

    def encode(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Token ids, one int32 array an input, to (n, dimension) float32, in the order given, not normalised again.

        Batches are composed from the inputs alone, so the same inputs give the same bits on the same kind of machine.
        """
        ...


def device_name(settings: EncoderSettings) -> str:
    """What this worker computes on, by the name that its driver gives; `cpu` for a CPU."""
    if settings.device == "cpu":
        return "cpu"
    import torch

    return str(torch.cuda.get_device_name())


def require_runnable(record: ModelRecord, engine: str, allow_remote_code: bool) -> None:
    """ModelError, with what to do, when the record says that this engine cannot or may not run the model."""
    _require_kind(record, engine)
    if not record.engines:
        raise ModelError(f"model {record.name}: no engine here can run it. {record.notes}")
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


def _require_kind(record: ModelRecord, engine: str) -> None:
    """ModelError for a late-interaction model or a reranker that cannot run, or whose record does not say how."""
    if record.kind == "dense":
        return
    if engine != "sentence-transformers":
        raise ModelError(f"model {record.name}: patray runs a {record.kind} model with sentence-transformers only")
    if record.kind == "reranker" and record.score is None:
        raise ModelError(f"model {record.name}: nobody has verified how its logit becomes a score (`score` is null)")
    if record.score == "yes-no" and record.template is None:
        raise ModelError(f"model {record.name}: a yes-no reranker needs a `template`")


def require_memory(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
    """ResourceError, before anything is loaded, when this worker's share of its GPU is too small for the model."""
    if settings.device == "cpu":
        return
    import torch

    free, whole = torch.cuda.mem_get_info()
    sized = with_size(record, snapshot).model_copy(update={"dtype": settings.dtype})
    share = min(free, int(whole * settings.gpu_share))
    require_gpu_memory(sized, settings.tokens_per_batch, share, torch.cuda.get_device_name())


def load_encoder(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> Encoder:
    """The encoder of `settings.engine` with the model loaded. (LateEncoder and CrossScorer load the other kinds.)"""
    if record.kind != "dense":
        raise ModelError(f"model {record.name} is a {record.kind} model: it makes no single vector of a text")
    require_runnable(record, settings.engine, settings.allow_remote_code)
    require_as_recorded(record, snapshot)
    require_memory(record, snapshot, settings)
    if settings.engine == "sentence-transformers":
        from patray.encoders.sentence_transformers import SentenceTransformersEncoder

        return SentenceTransformersEncoder(record, snapshot, settings)
    from patray.encoders.vllm import VllmEncoder

    return VllmEncoder(record, snapshot, settings)
