"""Model FLOPs against torch's own counter of the operations that it runs, and the peaks of devices by name."""

import math
from pathlib import Path

import numpy as np
import pytest

from patray.encoders.flops import ForwardCost, forward_cost, peak_flops, share_of_peak
from patray.models.registry import find_record
from patray.models.stated import Tensor, Weights, read_stated

RECORD = find_record("minilm")


@pytest.mark.parametrize("tokens", [1, 17, 256])
def test_the_operations_of_minilm_are_those_that_torch_counts(minilm_path: Path, tokens: int) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModel

    cost = forward_cost(RECORD, read_stated(minilm_path))
    assert isinstance(cost, ForwardCost)
    model = AutoModel.from_pretrained(str(minilm_path), add_pooling_layer=False, attn_implementation="eager").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(input_ids=torch.full((1, tokens), 2000), attention_mask=torch.ones((1, tokens), dtype=torch.int64))
    assert cost.flops(np.array([tokens])) == counter.get_total_flops()


def test_operations_add_up_over_texts_and_heads_count_once_a_text() -> None:
    cost = ForwardCost(weights=100.0, attention=6, heads=7, causal=False)
    assert cost.flops(np.array([3, 5])) == cost.flops(np.array([3])) + cost.flops(np.array([5]))
    assert cost.flops(np.array([3])) == 2 * 100 * 3 + 4 * 6 * 9 + 2 * 7


def test_causal_attention_needs_half_of_the_products() -> None:
    both, causal = (ForwardCost(0.0, 6, 0, causal).flops(np.array([8])) for causal in (False, True))
    assert both == 2 * causal == 4 * 6 * 64


def test_only_the_active_experts_count(minilm_path: Path) -> None:
    stated = read_stated(minilm_path)
    tensors = {
        "layer.0.mlp.experts.w1": Tensor("F32", (8 * 10, 20)),
        "layer.0.mlp.router": Tensor("F32", (8, 20)),
        "embeddings.word_embeddings.weight": Tensor("F32", (30_000, 20)),
        "layer.0.norm.weight": Tensor("F32", (20,)),
    }
    config = {**stated.config, "num_experts": 8, "moe_top_k": 2}
    changed = type(stated)(**{**vars(stated), "weights": Weights(tensors, (), ()), "config": config})
    cost = forward_cost(RECORD, changed)
    assert isinstance(cost, ForwardCost)
    assert cost.weights == 2 * 10 * 20 + 8 * 20


def test_what_is_not_known_is_said(minilm_path: Path) -> None:
    stated = read_stated(minilm_path)
    unknown = RECORD.model_copy(update={"attention": "unknown"})
    assert forward_cost(unknown, stated) == "the record does not say whether attention is causal"
    without = type(stated)(**{**vars(stated), "config": {}})
    assert forward_cost(RECORD, without) == "config.json does not state layers, attention heads and their width"


@pytest.mark.parametrize(
    ("device", "dtype", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4),
        ("NVIDIA H100 PCIe", "bfloat16", 756),
        ("NVIDIA H100 NVL", "float16", 835.5),
        ("NVIDIA H200", "float32", 66.9),
        ("NVIDIA H200 NVL", "float32", 60),
        ("NVIDIA A100-SXM4-80GB", "bfloat16", 312),
        ("NVIDIA L40S", "bfloat16", 362.05),
        ("NVIDIA L4", "float32", 30.3),
        ("NVIDIA A10G", "float16", 70),
        ("NVIDIA A10", "float16", 125),
        ("Tesla T4", "float16", 65),
    ],
)
def test_the_peak_of_a_device_is_found_by_the_name_of_its_driver(device: str, dtype: str, tera: float) -> None:
    peak = peak_flops(device, dtype)
    assert isinstance(peak, float)
    assert math.isclose(peak, tera * 1e12)


@pytest.mark.parametrize(
    ("device", "dtype", "words"),
    [
        ("cpu", "float32", "no peak is known of cpu"),
        ("NVIDIA GeForce RTX 4090", "float16", "no peak is known of NVIDIA GeForce RTX 4090"),
        ("Tesla T4", "bfloat16", "Tesla T4 does not compute in bfloat16"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "bfloat16", "a slice of a device"),
    ],
)
def test_a_device_without_a_known_peak_has_no_share_and_a_reason(device: str, dtype: str, words: str) -> None:
    share, why = share_of_peak(1e12, 1.0, [device], dtype)
    assert share is None
    assert why is not None
    assert words in why


def test_the_share_of_the_peak_is_of_whole_devices_of_one_kind() -> None:
    assert share_of_peak(312e12, 2.0, ["NVIDIA A100-SXM4-40GB"], "bfloat16") == (pytest.approx(0.5), None)
    share, why = share_of_peak(1.0, 1.0, ["NVIDIA L4", "Tesla T4"], "float16")
    assert (share, why) == (None, "made on devices of several kinds: NVIDIA L4, Tesla T4")
