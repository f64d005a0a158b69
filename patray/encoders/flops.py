"""Floating-point operations of encoding, and the share of a device's peak that they are (MFU).

Model FLOPs: what the mathematics needs, whatever an engine does (padding and recomputation do not count), as in
Chowdhery et al. 2022 (PaLM, appendix B). For a forward pass over a text of n tokens:

    2 x weights x n  +  4 x layers x width x n^2        (half of the second term where attention is causal)

weights: those of matrix products that a token meets (of a mixture of experts, the ones that are active), so not the
embedding table, which is looked up (Kaplan et al. 2020, section 2.1: 2N a token). The second term is the products of
queries with keys and of weights with values, 2 x n x width each for every token and layer (the 12LHQT of PaLM is the
same with a backward pass); where each token attends to those before it, half of them are needed. A sliding window is
not looked at, so the operations of a model that has one are overstated for texts beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patray.models.record import ModelRecord
from patray.models.stated import Stated

TERA = 1e12
EMBEDDINGS = ("embed", "wte.", "wpe.")
UNUSED = ("pooler.", "lm_head.", "cls.", "classifier.")
"""Weights that a checkpoint may hold and an embedding does not pass through."""


@dataclass(frozen=True)
class ForwardCost:
    """weights: of matrix products, a token; attention: layers x heads x width of a head; heads: weights of the Dense
    heads, a text; causal: whether a token attends to those before it alone."""

    weights: float
    attention: int
    heads: int
    causal: bool

    def flops(self, lengths: np.ndarray) -> float:
        """Operations of a forward pass over texts of `lengths` (n,) int tokens."""
        tokens = np.asarray(lengths, dtype=np.float64)
        products = (2 if self.causal else 4) * self.attention * float((tokens**2).sum())
        return 2 * self.weights * float(tokens.sum()) + products + 2 * self.heads * len(tokens)


@dataclass(frozen=True)
class Peak:
    """Dense peak of a device in teraFLOP/s by dtype, without sparsity; None: the device has no such unit."""

    names: tuple[str, ...]
    bfloat16: float | None
    float16: float
    float32: float


PEAKS = (
    Peak(("H200 NVL", "H100 NVL"), 835.5, 835.5, 60.0),
    Peak(("H100 PCIe",), 756.0, 756.0, 51.0),
    Peak(("H200", "H100 80GB HBM3", "H100 SXM"), 989.4, 989.4, 66.9),
    Peak(("A100",), 312.0, 312.0, 19.5),
    Peak(("L40S",), 362.05, 362.05, 91.6),
    Peak(("L4",), 121.0, 121.0, 30.3),
    Peak(("A10G",), 70.0, 70.0, 35.0),
    Peak(("A10",), 125.0, 125.0, 31.2),
    Peak(("T4",), None, 65.0, 8.1),
)
"""NVIDIA's data sheets, tensor cores for 16 bits without sparsity (where a sheet gives it with sparsity, half of it);
float32 is that of the CUDA cores, since patray does not turn TF32 on. A10G: AWS's page of G5 instances, halved the same
way. The first row with a name whose words are all in the device's name is used."""


def forward_cost(record: ModelRecord, stated: Stated) -> ForwardCost | str:
    """The cost of a model whose files say `stated`; or, in words, why it is not known."""
    if stated.static is not None:
        return ForwardCost(record.dimension / 2, 0, 0, False)  # one addition a token and dimension
    config = stated.config
    layers = _int(config, "num_hidden_layers", "n_layer", "num_layers")
    heads = _int(config, "num_attention_heads", "n_head")
    width = _int(config, "head_dim")
    if width is None and heads and stated.hidden_size:
        width = stated.hidden_size // heads
    if not layers or not heads or not width:
        return "config.json does not state layers, attention heads and their width"
    if not stated.weights.tensors:
        return "there are no safetensors headers to count weights in"
    if record.attention == "unknown":
        return "the record does not say whether attention is causal"
    active = _active_share(config)
    weights = 0.0
    for name, tensor in stated.weights.tensors.items():
        if len(tensor.shape) < 2 or any(word in name for word in (*EMBEDDINGS, *UNUSED)):
            continue
        weights += tensor.size * (active if "experts" in name else 1.0)
    dense = sum(into * out for into, out in stated.dense_heads)
    return ForwardCost(weights, layers * heads * width, dense, record.attention == "causal")


def peak_flops(device: str, dtype: str) -> float | str:
    """Dense peak in FLOP/s of a device by the name that its driver gives, or, in words, why it is not known."""
    words = device.replace("-", " ").split()
    if "MIG" in words:
        return f"{device} is a slice of a device, which has no peak of its own in a data sheet"
    for row in PEAKS:
        if any(set(name.split()) <= set(words) for name in row.names):
            peak: float | None = getattr(row, dtype)
            return f"{device} does not compute in {dtype}" if peak is None else peak * TERA
    return f"no peak is known of {device}"


def share_of_peak(flops: float, seconds: float, devices: Sequence[str], dtype: str) -> tuple[float | None, str | None]:
    """MFU, or why it is None: `flops` operations in `seconds` of one device. devices: names, all to be alike."""
    if len(set(devices)) != 1:
        return None, f"made on devices of several kinds: {', '.join(sorted(set(devices)))}"
    peak = peak_flops(devices[0], dtype)
    if isinstance(peak, str):
        return None, peak
    return flops / (seconds * peak), None


def _active_share(config: dict[str, object]) -> float:
    """Share of the experts' weights that one token meets."""
    experts = _int(config, "num_experts", "num_local_experts", "n_routed_experts")
    used = _int(config, "moe_top_k", "num_experts_per_tok")
    return used / experts if experts and used else 1.0


def _int(config: dict[str, object], *names: str) -> int | None:
    return next((value for name in names if isinstance(value := config.get(name), int)), None)


def work_done(stats: list[dict[str, Any]], totals: dict[str, Any], record: ModelRecord) -> dict[str, Any]:
    """Device, model FLOP/s of one actor and, on GPUs, their share of the peak; each None only with a reason."""
    devices = sorted({str(item.get("device")) for item in stats})
    done: dict[str, Any] = {"device": ", ".join(devices), "flops_per_s": None, "mfu": None}
    if any(item.get("flops") is None for item in stats):
        why = next((item["flops_unknown"] for item in stats if item.get("flops_unknown")), "a window was not counted")
        return done | {"mfu_unknown": why}
    done["flops_per_s"] = totals["flops"] / max(1e-9, totals["encode_seconds"])
    gpu_seconds = max(1e-9, totals["gpu_hours"] * 3600)
    done["mfu"], done["mfu_unknown"] = share_of_peak(totals["flops"], gpu_seconds, devices, record.dtype)
    return done
