"""One model in pieces over the workers (torch's FSDP2): a worker holds whole only the layer that it is computing.

Every chunk's gradients are exchanged as they come, so that no worker ever holds those of the whole model. torch
averages over the workers; each starts from the loss of the whole batch, so the sum is wanted, and taken before the
step.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from patray.errors import ModelError
from patray.recipes.model import TunedModel

if TYPE_CHECKING:
    import torch


class Sharded:
    """A `patray.recipes.parallel.Parallel`. Replaces the model's parameters, so it comes before the optimiser."""

    def __init__(self, model: TunedModel, rank: int, workers: int) -> None:
        import torch
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        half = torch.bfloat16 if model.recipe.precision == "bfloat16" else None
        mesh = init_device_mesh(model.device.split(":")[0], (workers,))
        arguments: dict[str, Any] = {"mesh": mesh, "mp_policy": MixedPrecisionPolicy(half, torch.float32)}
        for layer in layers_of(model.model, model.record.name):
            fully_shard(layer, **arguments)
        fully_shard(model.model, **arguments)
        self._model, self._rank, self._workers = model, rank, workers

    def reduce_and_clip(self, max_norm: float) -> float:
        import torch

        parameters = list(self._model.parameters().values())
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(self._workers)
        norm: Any = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: _whole(value.detach()) for name, value in self._model.parameters().items()}

    def save_weights(self, path: Path) -> None:
        from safetensors.torch import save_file

        weights = self.weights()
        if self._rank == 0:
            save_file(weights, path)

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        saved = optimizer.state_dict()
        whole = {at: {name: _whole(value) for name, value in part.items()} for at, part in saved["state"].items()}
        return {**saved, "state": whole}

    def restore(
        self, weights: dict[str, torch.Tensor], state: dict[str, Any], optimizer: torch.optim.Optimizer
    ) -> None:
        import torch

        parameters = self._model.parameters()
        if parameters.keys() != weights.keys():
            raise ModelError(f"model {self._model.record.name}: the checkpoint's weights are not those of this recipe")
        with torch.no_grad():
            for name, value in parameters.items():
                value.copy_(_piece(weights[name], value))
        order = [value for group in optimizer.param_groups for value in group["params"]]
        pieces = {
            at: {name: _piece(value, order[at]) if name != "step" else value for name, value in part.items()}
            for at, part in state["state"].items()
        }
        optimizer.load_state_dict({**state, "state": pieces})


def layers_of(model: Any, name: str) -> list[Any]:
    """The transformer's repeated layers: the longest list of modules of one class in it."""
    import torch

    lists = [list(module) for module in model.modules() if isinstance(module, torch.nn.ModuleList) and len(module) > 1]
    alike = [found for found in lists if len({type(layer) for layer in found}) == 1]
    if not alike:
        raise ModelError(
            f"model {name}: no list of layers was found that could be cut into pieces; use `strategy: ddp`"
        )
    return max(alike, key=len)


def _whole(value: Any) -> Any:
    """A piece put together on the CPU; anything else as it is."""
    found = value.full_tensor() if hasattr(value, "full_tensor") else value
    return found.cpu().contiguous() if hasattr(found, "cpu") else found


def _piece(whole: torch.Tensor, like: Any) -> Any:
    """This worker's part of a whole tensor, laid out as `like`."""
    from torch.distributed.tensor import distribute_tensor

    if not hasattr(like, "device_mesh"):
        return whole
    return distribute_tensor(whole.to(like.device), like.device_mesh, like.placements)
