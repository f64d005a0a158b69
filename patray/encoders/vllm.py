"""Large models with vLLM: token ids in, pooled vectors out, batches scheduled by the engine.

The engine core runs in this process, not in one of its own (VLLM_ENABLE_V1_MULTIPROCESSING=0):
- vLLM then takes all inputs of a call before its first step, so its batches depend on the inputs alone. With a process
  of its own they depend on which requests have arrived when a step begins, and the last bits of vectors with them.
- A dead engine is a dead process, which Ray sees and starts again; no orphan keeps a GPU's memory.
What the other process would buy, work on the next requests while the model runs, is little here: a request is a list of
ids, and its answer one vector. With tensor parallelism each rank is a child of this process; one that dies raises
EngineDied.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.protocol import EncoderSettings, EngineDied
from patray.errors import EmbeddingError, ModelError
from patray.models.record import ModelRecord, Role
from patray.models.stated import read_stated

POOLING = {"mean": "MEAN", "cls": "CLS", "last": "LAST"}
SEQUENCES = 1024
"""Most inputs of one step. The tokens of a step are the real limit; vLLM's own default differs from card to card."""
CPU_CACHE_BYTES = 4 << 30
"""Keys and values of causal models on the CPU. Pages are used only when they are written."""
LONG = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"


class VllmEncoder:
    """A dense model in a vLLM pooling engine on this worker's GPUs (or CPU with a CPU build)."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        """ModelError where vLLM cannot run the model, or would run it otherwise than its record says."""
        if record.kind != "dense" or record.pooling not in POOLING:
            raise ModelError(
                f"model {record.name}: patray's vLLM encoder runs dense models with pooling {', '.join(POOLING)}; this "
                f"one is {record.kind} with pooling {record.pooling}"
            )
        self._record = record
        fits = _fits_positions(record, snapshot)
        LLM = import_engine(settings)
        arguments = engine_arguments(record, snapshot, settings)
        long_before = os.environ.get(LONG)
        if fits:  # vLLM takes sentence-transformers' max_seq_length for a hard limit, which it is not
            os.environ[LONG] = "1"
        try:
            self._engine = LLM(**arguments)
        except (ValueError, NotImplementedError) as error:  # vLLM's checks of a configuration, pydantic's among them
            raise ModelError(f"model {record.name}: vLLM cannot run {snapshot}: {error}") from error
        finally:
            if long_before is None:
                os.environ.pop(LONG, None)
            else:
                os.environ[LONG] = long_before
        pooling, heads = self._engine.apply_model(_pooler_facts)[0]
        check_pooler(record, pooling, heads)

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        import torch

        vectors = np.full((len(inputs), self._record.dimension), np.nan, dtype=np.float32)  # an input without tokens
        order = np.argsort([-len(tokens) for tokens in inputs], kind="stable")  # alike lengths fill the engine best
        order = np.array([i for i in order if len(inputs[i])], dtype=np.int64)
        if not len(order):
            return vectors
        prompts = [{"prompt_token_ids": inputs[i].tolist()} for i in order]
        try:
            outputs = self._engine.encode(prompts, pooling_task="embed", use_tqdm=False)
        except Exception as error:
            if self._dead(error):
                raise EngineDied(f"model {self._record.name}: the vLLM engine died: {error}") from error
            raise
        for i, output in zip(order, outputs, strict=True):
            if len(output.prompt_token_ids) != len(inputs[i]):
                raise EmbeddingError(
                    f"model {self._record.name}: vLLM encoded {len(output.prompt_token_ids)} tokens of an input of "
                    f"{len(inputs[i])}; truncation is patray's own"
                )
        found = torch.stack([output.outputs.data for output in outputs]).float().numpy()
        if found.shape[1] != vectors.shape[1]:
            return found  # a wrong width, which the check of vectors names
        vectors[order] = found
        return vectors

    def _dead(self, error: Exception) -> bool:
        """Whether `error` came of a dead rank or core: a new engine is needed, and may well do the same inputs."""
        from vllm.v1.engine.exceptions import EngineDeadError

        core = getattr(self._engine.llm_engine.engine_core, "engine_core", None)  # in this process
        executor = getattr(core, "model_executor", None)
        return isinstance(error, EngineDeadError) or bool(getattr(executor, "is_failed", False))


def plain_vectors(record: ModelRecord, snapshot: Path, texts: Sequence[str], settings: EncoderSettings) -> np.ndarray:
    """(n, d) float32 of whole texts by vLLM as anybody would load the folder, with nothing of the record.

    Limit, pooling and heads are what vLLM reads in the files; only the dtype is told, and what this machine needs.
    ModelError where the limit is not the record's.
    """
    LLM = import_engine(settings)
    arguments: dict[str, Any] = {
        "model": str(snapshot),
        "runner": "pooling",
        "dtype": settings.dtype,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if settings.device == "cpu":
        arguments |= {"enforce_eager": True, "kv_cache_memory_bytes": CPU_CACHE_BYTES}
    else:
        import torch

        free, whole = torch.cuda.mem_get_info()
        arguments["gpu_memory_utilization"] = 0.8 * free / whole
    try:
        engine = LLM(**arguments)
    except (ValueError, NotImplementedError) as error:
        raise ModelError(f"model {record.name}: vLLM cannot run {snapshot}: {error}") from error
    limit = engine.llm_engine.model_config.max_model_len
    if limit != record.max_tokens:
        raise ModelError(
            f"model {record.name}: vLLM takes {limit} tokens of a text, the record says {record.max_tokens}"
        )
    outputs = engine.embed(list(texts), use_tqdm=False, tokenization_kwargs={"truncate_prompt_tokens": -1})
    return np.array([output.outputs.embedding for output in outputs], dtype=np.float32)


def engine_arguments(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> dict[str, Any]:
    """Arguments of vLLM's `LLM`. The record's `engine_arguments` win over what patray chooses, but not over its facts.

    Prefix caching is off: a vector would depend on what was encoded before it.
    """
    on_cpu = settings.device == "cpu"
    chosen: dict[str, Any] = {
        "enforce_eager": on_cpu,  # compiling takes longer there than it saves
        "enable_prefix_caching": False,
        "max_num_seqs": SEQUENCES,
        "max_num_batched_tokens": max(settings.tokens_per_batch, record.max_tokens),
    }
    if on_cpu:
        chosen["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
    elif settings.gpu_share < 1:
        chosen["gpu_memory_utilization"] = 0.9 * settings.gpu_share
    facts: dict[str, Any] = {
        "model": str(snapshot),
        "runner": "pooling",
        "load_format": "safetensors",
        "dtype": settings.dtype,
        "max_model_len": record.max_tokens,
        "pooler_config": {"seq_pooling_type": POOLING[record.pooling]},
        "tensor_parallel_size": record.tensor_parallel,
        "distributed_executor_backend": "mp" if record.tensor_parallel > 1 else "uni",
        "trust_remote_code": record.remote_code is not None and settings.allow_remote_code,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        **record.code_pin(),
    }
    clash = sorted(set(record.engine_arguments) & set(facts))
    if clash:
        raise ModelError(
            f"model {record.name}: engine_arguments may not set {', '.join(clash)}: patray sets these from the record "
            "and the suite"
        )
    return {**chosen, **record.engine_arguments, **facts}


def check_pooler(record: ModelRecord, pooling: str | None, heads: tuple[tuple[int, int], ...] | None) -> None:
    """ModelError unless the loaded engine pools as the record says and kept every Dense head.

    pooling: class name of the pooling method, heads: (in, out) of its linear layers; None where the model has a pooler
    of its own that states neither. vLLM falls back on an architecture's default (often the last token) where a snapshot
    states no pooling, and only logs a head that it cannot load.
    """
    if pooling is None or heads is None:
        if record.dense_heads:
            raise ModelError(f"model {record.name}: vLLM's pooler does not show whether it kept the Dense heads")
        return
    if pooling.removesuffix("Pool").lower() != record.pooling:
        raise ModelError(
            f"model {record.name}: vLLM pools with {pooling}, the record says {record.pooling}; use another engine"
        )
    fits = len(heads) == len(record.dense_heads) and all(
        out == found[1] and into in (None, found[0])
        for (into, out), found in zip(record.dense_heads, heads, strict=True)
    )
    if not fits:
        raise ModelError(
            f"model {record.name}: vLLM loaded the Dense heads {list(heads)}, the record says "
            f"{[list(head) for head in record.dense_heads]}; a dropped head ruins the vectors: use another engine"
        )


def _fits_positions(record: ModelRecord, snapshot: Path) -> bool:
    """Whether `max_tokens` is known to fit; ModelError when it is known not to.

    A position table is exact. A context that rotary positions were scaled from is not, and is left to vLLM.
    """
    stated = read_stated(snapshot)
    if stated.positions is None:
        return False
    rotary = any(stated.config.get(key) for key in ("rope_scaling", "rope_parameters", "rope_theta"))
    if record.max_tokens > stated.positions and not rotary:
        raise ModelError(
            f"model {record.name}: max_tokens {record.max_tokens} is above the {stated.positions} positions of "
            f"{snapshot / 'config.json'}"
        )
    return record.max_tokens <= stated.positions


def import_engine(settings: EncoderSettings) -> Any:
    """vLLM's LLM class. Its switches are environment variables, which it reads when it is imported or later."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"  # it would tell its makers which model runs where
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    if settings.device == "cpu":
        # vLLM binds the threads of every engine to the same first cores: two actors would share one.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)  # for the ranks of tensor parallelism
        import torch

        torch.set_num_threads(settings.threads)
    try:
        from vllm import LLM
    except ImportError as error:
        raise ModelError(f"engine vllm is not installed here ({error}): pip install 'patray[vllm]'") from error
    return LLM


def _pooler_facts(model: Any) -> tuple[str | None, tuple[tuple[int, int], ...] | None]:
    """What the loaded model does with its hidden states; runs where the model is."""
    pooler: Any = getattr(model, "pooler", None)
    pooler = getattr(pooler, "poolers_by_task", {}).get("embed", pooler)
    method: Any = getattr(pooler, "pooling", None)
    head: Any = getattr(pooler, "head", None)
    if method is None or not hasattr(head, "projector"):
        return None, None
    layers = () if head.projector is None else head.projector.modules()
    return type(method).__name__, tuple(
        (layer.in_features, layer.out_features) for layer in layers if hasattr(layer, "in_features")
    )
