"""Whether a training fits into a worker's memory, estimated before it starts, and what would fit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patray.errors import ResourceError
from patray.recipes.record import Recipe

if TYPE_CHECKING:
    from patray.recipes.model import TunedModel

ADAM_COPIES = 2
"""AdamW keeps two numbers for every tuned weight, beside its gradient."""
RESERVE = 1 << 30
"""Bytes for libraries, tokens and the allocator's rounding."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes on one worker. weights: all of the model; tuned: gradients and AdamW's state; activations: of one chunk of
    `mini_batch` pairs; batch: vectors and scores of the whole batch."""

    weights: int
    tuned: int
    activations: int
    batch: int

    @property
    def total(self) -> int:
        return self.weights + self.tuned + self.activations + self.batch + RESERVE


def training_memory(model: TunedModel, workers: int, texts_per_pair: int) -> TrainingMemory:
    """Estimate for one worker. texts_per_pair: 2, and one more for each hard negative.

    Activations of a transformer layer are 34 bytes a token and hidden number in half precision, with attention that
    never stores the square of the length (Korthikanti et al., arXiv 2205.05198, equation 2 and its section 4.2), twice
    that in float32; with gradient checkpointing a layer keeps its input and one layer is whole at a time. Inner widths
    beyond four hidden ones are counted in proportion.
    """
    recipe = model.recipe
    every, tuned = list(model.model.parameters()), list(model.parameters().values())
    pieces = workers if recipe.strategy == "fsdp" else 1
    config: Any = model.model[0].auto_model.config
    hidden, layers = int(config.hidden_size), int(config.num_hidden_layers)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    width = 2 if recipe.precision == "bfloat16" else 4
    tokens = recipe.max_tokens or model.record.max_tokens
    whole = _chunk(recipe, workers) * texts_per_pair * tokens * 17 * hidden * width
    whole = int(whole * (0.5 + 0.5 * inner / (4 * hidden)))
    kept = width * _chunk(recipe, workers) * texts_per_pair * tokens * hidden * layers
    numbers = recipe.batch * texts_per_pair
    return TrainingMemory(
        weights=sum(value.numel() * value.element_size() for value in every) // pieces,
        tuned=sum(value.numel() for value in tuned) * 4 * (1 + ADAM_COPIES) // pieces,
        activations=whole + kept if recipe.gradient_checkpointing else whole * layers,
        batch=4 * (3 * numbers * model.record.dimension + 3 * recipe.batch * numbers * (1 + len(recipe.matryoshka))),
    )


def require_training_memory(model: TunedModel, workers: int, texts_per_pair: int, free: int) -> None:
    """ResourceError, before the first step, when `free` bytes are fewer than the estimate: what takes how much, and
    the largest `mini_batch` that fits or what else would help."""
    need = training_memory(model, workers, texts_per_pair)
    if need.total <= free:
        return
    recipe = model.recipe
    room = free - (need.total - need.activations)
    fits = int(_chunk(recipe, workers) * room / need.activations) if room > 0 else 0
    if fits >= 1:
        remedy = f"`mini_batch: {fits}` would fit, with the same result"
    else:
        others = [
            "`gradient_checkpointing: true`" if not recipe.gradient_checkpointing else "",
            "`lora`" if recipe.lora is None else "",
            "`strategy: fsdp` over more workers",
            "a smaller `max_tokens`",
            "a smaller `batch`" if need.batch > need.total // 4 else "",
        ]
        remedy = "no `mini_batch` fits: try " + ", ".join(other for other in others if other)
    raise ResourceError(
        f"tuning {model.record.name} with recipe {recipe.name} needs about {_gib(need.total)} on each worker (weights "
        f"{_gib(need.weights)}, gradients and optimiser {_gib(need.tuned)}, activations of {recipe.mini_batch} pairs "
        f"{_gib(need.activations)}, the batch of {recipe.batch} {_gib(need.batch)}), {_gib(free)} are free: {remedy}"
    )


def free_memory(device: str) -> int:
    """Bytes that a worker may still take on its device; on the CPU within its cgroup's limit where it has one."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines()) if _linux() else {}
    available = int(fields["MemAvailable"].split()[0]) << 10 if "MemAvailable" in fields else _physical()
    group = Path("/sys/fs/cgroup")
    if (group / "memory.max").exists() and (limit := (group / "memory.max").read_text().strip()) != "max":
        available = min(available, int(limit) - int((group / "memory.current").read_text()))
    return available


def _chunk(recipe: Recipe, workers: int) -> int:
    """Pairs whose texts one worker encodes at once."""
    return min(recipe.mini_batch, -(-recipe.batch // workers))


def _linux() -> bool:
    return Path("/proc/meminfo").exists()


def _physical() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
