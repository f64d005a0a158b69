"""The state of a training between two steps: what a checkpoint holds, so that it goes on as if nothing had happened.

Batches and dropout depend on the seed and the step alone, so weights, optimiser and the log so far are all of it.

    weights.safetensors  optimizer.pt     the tuned weights and AdamW's state after the last step
    best.safetensors                      the weights kept so far; absent where they are the last ones
    state.json  steps.parquet             which step, what was best; the log
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import torch

STEPS = pa.schema(
    [
        ("step", pa.int32()),
        ("source", pa.string()),
        ("loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("validation", pa.float64()),
        ("seconds", pa.float64()),
        ("pairs_per_s", pa.float64()),
    ]
)
"""One row a step, from 1. validation: the value after this step, null where none was taken; step 0 is the base, with no
loss. seconds: of the step with the wait for its batch, without validation and checkpoint. gradient_norm: before the
cut."""

WEIGHTS, BEST, OPTIMIZER, STATE, LOG = (
    "weights.safetensors", "best.safetensors", "optimizer.pt", "state.json", "steps.parquet",
)  # fmt: skip


@dataclass
class State:
    """step: steps done. best_step, best_value: of the weights that are kept. worse: validations since then. starts:
    how often the training was begun or resumed; workers: how many it had the last time. done: no step is left, by
    number or by patience. log: STEPS rows."""

    step: int = 0
    best_step: int | None = None
    best_value: float | None = None
    worse: int = 0
    starts: int = 0
    workers: int = 0
    done: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)

    def judge(self, value: float, lower_is_better: bool) -> bool:
        """Take in the validation value of the current step; whether its weights are the best so far."""
        better = self.best_value is None or (value < self.best_value if lower_is_better else value > self.best_value)
        if better:
            self.best_step, self.best_value, self.worse = self.step, value, 0
        else:
            self.worse += 1
        return better

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.log, schema=STEPS)


def save_state(
    folder: Path, state: State, weights: dict[str, torch.Tensor], optimizer: dict[str, Any], best: Path
) -> None:
    """Write a checkpoint. best: the file of the weights kept so far, copied unless they are the current ones."""
    import torch
    from safetensors.torch import save_file

    save_file(weights, folder / WEIGHTS)
    torch.save(optimizer, folder / OPTIMIZER)
    if state.best_step is not None and state.best_step != state.step:
        shutil.copyfile(best, folder / BEST)
    pq.write_table(state.table(), folder / LOG)
    fields = {key: value for key, value in dataclasses.asdict(state).items() if key != "log"}
    (folder / STATE).write_text(json.dumps(fields))


def load_state(folder: Path) -> State:
    return State(**json.loads((folder / STATE).read_text()), log=pq.read_table(folder / LOG).to_pylist())


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def load_optimizer(folder: Path) -> dict[str, Any]:
    import torch

    return dict(torch.load(folder / OPTIMIZER, weights_only=True, map_location="cpu"))


def best_weights(folder: Path) -> Path:
    """The file of the weights kept so far, in a checkpoint."""
    return folder / BEST if (folder / BEST).exists() else folder / WEIGHTS
