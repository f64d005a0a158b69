"""The training loop on two processes with gloo: copies of the model, or pieces of it, end where one worker does."""

import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.recipes.state import load_state, load_weights
from patray.recipes.train import Work, train
from tests.recipes.tiny_bases import save_bert, tiny_record
from tests.recipes.tiny_training import LocalSession, tiny_pairs, tiny_recipe, tiny_validation

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow
STEPS = 6


class GlooSession(LocalSession):
    """A worker of several: the first one's checkpoint is for all."""

    def __init__(self, folder: Path, rank: int, workers: int) -> None:
        super().__init__(folder)
        self.rank, self.workers = rank, workers

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        assert (checkpoint is not None) == (self.rank == 0)
        if checkpoint is not None:
            super().report(metrics, checkpoint)
        torch.distributed.barrier()


def work(snapshot: Path, strategy: str, steps: int = STEPS) -> Work:
    recipe = tiny_recipe(strategy=strategy, steps=steps, learning_rate=0.001, validate_every=3, schedule="constant")
    return Work(tiny_record(), snapshot, recipe, tiny_pairs(), tiny_validation())


def one_worker(rank: int, folder: Path, snapshot: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder / 'store'}", rank=rank, world_size=2)
    for strategy in ("ddp", "fsdp"):
        for steps in (3, STEPS):  # the second goes on from the first
            scratch = folder / f"{strategy}-{steps}-{rank}"
            scratch.mkdir()
            trained = train(work(snapshot, strategy, steps), GlooSession(folder / strategy, rank, 2), scratch)
            if trained is not None:
                shutil.copyfile(trained.weights, folder / f"{strategy}-{steps}.safetensors")
            torch.distributed.barrier()
            if steps < STEPS and rank == 0:
                edit_to_unfinished(folder / strategy)
            torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def edit_to_unfinished(folder: Path) -> None:
    """The checkpoint of a shorter training, as that of one that has more steps to go."""
    state = (folder / "state.json").read_text()
    (folder / "state.json").write_text(state.replace('"done": true', '"done": false'))


def test_copies_and_pieces_on_two_workers_end_where_one_worker_does(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    snapshot = save_bert(tmp_path / "bert", dropout=0.0)
    (tmp_path / "alone").mkdir()
    trained = train(work(snapshot, "ddp"), LocalSession(tmp_path / "kept"), tmp_path / "alone")
    assert trained is not None
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=one_worker, args=(rank, tmp_path, snapshot)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=240)
        assert process.exitcode == 0
    alone = load_weights(trained.weights)
    losses = [row["loss"] for row in trained.state.log[1:]]
    for strategy in ("ddp", "fsdp"):
        state = load_state(tmp_path / strategy)
        assert (state.starts, state.workers, state.step) == (2, 2, STEPS)
        np.testing.assert_allclose([row["loss"] for row in state.log[1:]], losses, rtol=1e-3, err_msg=strategy)
        found = load_weights(tmp_path / f"{strategy}-{STEPS}.safetensors")
        assert found.keys() == alone.keys()
        for name, value in found.items():
            if name.endswith("key.bias"):  # attention ignores it: its gradient is rounding alone, which AdamW blows up
                continue
            np.testing.assert_allclose(value, alone[name], atol=1e-3, err_msg=f"{strategy} {name}")
