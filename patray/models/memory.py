"""How much memory of a GPU a model needs, from its record alone, so that a GPU too small is said before loading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from patray.errors import ModelError, ResourceError
from patray.models.record import ModelRecord
from patray.models.stated import read_stated

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
LIVE_WIDTHS = 20
"""Widths of the hidden state that are alive for a token at the peak of one layer without gradients; see `gpu_bytes`."""
WORKSPACE = 1 << 30
"""Bytes taken beside the model: CUDA context (0.3 to 0.6 GiB) and cuBLAS workspaces, with room for fragments."""


@dataclass(frozen=True)
class GpuMemory:
    """Bytes on each of the GPUs that hold one copy of a model. `total` is weights, activations and WORKSPACE."""

    weights: int
    activations: int
    total: int


def gpu_bytes(record: ModelRecord, tokens_per_batch: int) -> GpuMemory:
    """Estimate of what one GPU must have free to encode batches of `tokens_per_batch` padded tokens.

    Sources of the estimate:

    - weights: `record.size` (exact where the registry knows it, else the published, rounded size) times the bytes of
      `record.dtype`, over `tensor_parallel` GPUs. Exact but for rounding and buffers.
    - activations: tokens x hidden width x LIVE_WIDTHS x bytes of the dtype. Without gradients only one layer's tensors
      live at once. At its widest, in the MLP, these are the residual stream and its norm (3 widths) and three tensors
      of the inner width (gate, up, product), which is 2.7 to 4 hidden widths in the registry's families and up to 5
      in Llama 3.2: 3 + 3 x 5, rounded up to 20. Attention holds less, since CUDA's fused kernels never store the
      square of the length. One further copy in float32 is counted for the pooling.
    - hidden width: what the first Dense head takes, else `record.dimension`. Where neither says it (rerankers, a head
      of unknown width): 2 x size^(1/3), from size = 12 x layers x width^2 (Kaplan et al. 2020, section 2.1) with
      layers = width / 100; it is above the true width for every encoder in the registry.
    - WORKSPACE, a constant.

    vLLM's cache of keys and values is not in it: it takes what is left, and a pooling model needs none of it after a
    text is done. Raises ModelError for a record that states no size.
    """
    if tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch must be at least 1, got {tokens_per_batch}")
    width = BYTES[record.dtype]
    weights = -(-_size(record) * width // record.tensor_parallel)
    activations = tokens_per_batch * hidden_width(record) * (LIVE_WIDTHS * width + BYTES["float32"])
    return GpuMemory(weights, activations, weights + activations + WORKSPACE)


def hidden_width(record: ModelRecord) -> int:
    """Width of a token inside the model, estimated where the record does not say it (see `gpu_bytes`)."""
    if record.dense_heads:
        stated = record.dense_heads[0][0]
    else:
        stated = None if record.kind == "reranker" else record.dimension
    return round(2 * _size(record) ** (1 / 3)) if stated is None else stated


def require_gpu_memory(record: ModelRecord, tokens_per_batch: int, free: int, device: str) -> None:
    """ResourceError, with what to do, when `free` bytes of `device` (its name) are fewer than the estimate."""
    need = gpu_bytes(record, tokens_per_batch)
    if need.total <= free:
        return
    least = gpu_bytes(record, record.max_tokens)  # one text of full length is the smallest batch there can be
    if least.total <= free:
        fits = (free - need.weights - WORKSPACE) * tokens_per_batch // need.activations
        remedy = f"set `embedding.tokens_per_batch` to {fits:,} or less"
    else:
        further = "" if record.dtype != "float32" else ", or `dtype: bfloat16` for this model"
        remedy = f"use a GPU with {gib(least.total)} free, several by `tensor_parallel` in its record{further}"
    raise ResourceError(
        f"model {record.name} needs about {gib(need.total)} of GPU memory ({gib(need.weights)} weights in "
        f"{record.dtype}, {gib(need.activations)} for batches of {tokens_per_batch:,} tokens, {gib(WORKSPACE)} beside "
        f"them), but {device} has {gib(free)} free: {remedy}"
    )


def with_size(record: ModelRecord, snapshot: Path) -> ModelRecord:
    """`record`, with the number of weights in the snapshot's safetensors where it states no size."""
    if record.size is not None:
        return record
    stated = read_stated(snapshot)
    files = (stated.weights, *stated.head_weights.values())
    size = sum(tensor.size for weights in files for tensor in weights.tensors.values())
    return record.model_copy(update={"parameters": size})


def gib(size: int) -> str:
    """Bytes in words: 1.5 GiB."""
    return f"{size / 2**30:.1f} GiB"


def _size(record: ModelRecord) -> int:
    if record.size is None:
        raise ModelError(
            f"model {record.name}: its record states no size, so the memory that it needs cannot be told; "
            "give `parameters` or `rounded_parameters`"
        )
    return record.size
