"""oneDNN's product stands in for torch's: the same layer, the same gradients, faster."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from patray.encoders.cpu_linear import quicken

needs_avx512 = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="this CPU has no AVX512: layers are left as they are"
)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(48, 96), nn.GELU(), nn.Linear(96, 32, bias=False), nn.LayerNorm(32))


@needs_avx512
@pytest.mark.parametrize("shape", [(5, 48), (3, 7, 48), (1, 48)])
def test_outputs_and_gradients_equal_torchs(shape: tuple[int, ...]) -> None:
    plain, inputs = network(), torch.randn(*shape)
    quick = copy.deepcopy(plain)
    assert quicken(quick) == 2
    results = []
    for model in (plain, quick):
        x = inputs.clone().requires_grad_()
        out = model(x)
        (out * torch.linspace(-1, 1, 32)).sum().backward()
        results.append([out, x.grad, *(parameter.grad for parameter in model.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


@needs_avx512
def test_a_quickened_layer_keeps_its_weights_and_names() -> None:
    plain = network()
    quick = copy.deepcopy(plain)
    quicken(quick)
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), quick.state_dict().values(), strict=True))
    assert list(plain.state_dict()) == list(quick.state_dict())
    assert isinstance(quick[0], nn.Linear)


@needs_avx512
def test_half_precision_and_autocast_go_torchs_way() -> None:
    quick = network()
    quicken(quick)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert quick[0](torch.randn(4, 48)).dtype == torch.bfloat16
    assert quicken(network().bfloat16()) == 0
