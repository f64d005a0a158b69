"""One model on several workers: each holds a copy (ddp), or a piece of every layer (fsdp).

With copies the gradients are summed in one go after the last chunk of a batch. torch's DistributedDataParallel sends
them while the backward pass still runs, which with a gradient cache is the last of many chunks only, and averages
where the gathered loss needs a sum.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from patray.recipes.loss import sum_gradients
from patray.recipes.model import TunedModel

if TYPE_CHECKING:
    import torch


class Parallel(Protocol):
    """What differs between copies and pieces. Every worker calls each function at the same time."""

    def reduce_and_clip(self, max_norm: float) -> float:
        """Sum the gradients over the workers, cut them to `max_norm`; returns their norm before."""
        ...

    def weights(self) -> dict[str, torch.Tensor]:
        """The tuned weights, whole and on the CPU; on worker 0 at least."""
        ...

    def save_weights(self, path: Path) -> None:
        """`weights` into a safetensors file, on worker 0."""
        ...

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The optimiser's state, whole; on worker 0 at least."""
        ...

    def restore(
        self, weights: dict[str, torch.Tensor], state: dict[str, Any], optimizer: torch.optim.Optimizer
    ) -> None:
        """Go on from `weights` and `optimizer_state`."""
        ...


def parallel(model: TunedModel, strategy: Literal["ddp", "fsdp"], rank: int, workers: int) -> Parallel:
    """The strategy for `model`. Must come before the optimiser is made."""
    if strategy == "fsdp" and workers > 1:
        from patray.recipes.sharded import Sharded

        return Sharded(model, rank, workers)
    return Copies(model, rank, workers)


class Copies:
    """Every worker holds the whole model."""

    def __init__(self, model: TunedModel, rank: int, workers: int) -> None:
        self._model, self._rank, self._workers = model, rank, workers

    def reduce_and_clip(self, max_norm: float) -> float:
        import torch

        parameters = list(self._model.parameters().values())
        if self._workers > 1:
            sum_gradients(parameters)
        return float(torch.nn.utils.clip_grad_norm_(parameters, max_norm))

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().cpu().contiguous() for name, value in self._model.parameters().items()}

    def save_weights(self, path: Path) -> None:
        from safetensors.torch import save_file

        if self._rank == 0:
            save_file(self.weights(), path)

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        return optimizer.state_dict()

    def restore(
        self, weights: dict[str, torch.Tensor], state: dict[str, Any], optimizer: torch.optim.Optimizer
    ) -> None:
        self._model.load(weights)
        optimizer.load_state_dict(state)
