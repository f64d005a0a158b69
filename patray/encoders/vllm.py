"""Large models with vLLM: token ids in, pooled vectors out, batches scheduled by the engine.

vLLM composes its batches from the requests of one call, so a window is one call and nothing depends on other windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.protocol import EncoderSettings
from patray.models.record import ModelRecord


class VllmEncoder:
    """A model in a vLLM pooling engine on this worker's GPUs (or CPU with a CPU build)."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        from vllm import LLM

        arguments: dict[str, Any] = {"enforce_eager": settings.device == "cpu", **record.engine_arguments}
        self._engine = LLM(
            model=str(snapshot),
            runner="pooling",
            dtype=settings.dtype,
            max_model_len=record.max_tokens,
            tensor_parallel_size=record.tensor_parallel,
            trust_remote_code=record.remote_code is not None and settings.allow_remote_code,
            disable_log_stats=True,
            **arguments,
        )

    def encode(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        order = np.argsort([-len(tokens) for tokens in inputs], kind="stable")  # alike lengths fill the engine best
        prompts = [{"prompt_token_ids": inputs[i].tolist()} for i in order]
        outputs = self._engine.embed(prompts, use_tqdm=False)
        vectors = np.empty((len(inputs), len(outputs[0].outputs.embedding)), dtype=np.float32)
        for i, output in zip(order, outputs, strict=True):
            vectors[i] = output.outputs.embedding
        return vectors
