"""Training through Ray Train against a bare SentenceTransformerTrainer, and memory at growing batches.

    python benchmarks/training.py [--steps 4] [--batch 64] [--mini-batch 16] [--tokens 64] [--threads 1] [--rounds 2]

Both sides tune MiniLM on the same texts (a generated landscape's abstracts and claims), with the same batch, tokens,
texts encoded at once, threads and a gradient-cached multiple-negatives loss, in float32 and in bfloat16. The first step
and start-up are left out on both sides; tokenising, the optimiser and waiting for batches are in. The two take turns,
so that a machine that others use slows both. Memory is the peak of a process of its own for one step, less what it
holds before; `plain` is the same step without a gradient cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from patray.cluster.start import connect
from patray.cluster.train import TrainJob, train
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.validate import prepare
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.recipes.options import Training
from patray.recipes.pairs import PairSet, make_pairs
from patray.recipes.record import Recipe

RECORD = find_record("minilm")
SNAPSHOT = find_snapshot(RECORD, None, None, False)


def recipe_of(options: argparse.Namespace, **changes: Any) -> Recipe:
    fields = {
        "name": "bench", "sources": [{"kind": "cross-section"}], "batch": options.batch,
        "mini_batch": options.mini_batch, "steps": options.steps, "max_tokens": options.tokens,
        "mask": [], "temperature": 0.05,
    }  # fmt: skip
    return Recipe.model_validate({**fields, **changes})


def ours(pairs: PairSet, recipe: Recipe, threads: int, round_: int) -> float:
    """Pairs/s of the steps after the first, through Ray Train."""
    with tempfile.TemporaryDirectory() as scratch:
        job = TrainJob(f"bench-{round_}", RECORD, recipe, "bench", pairs, None, snapshot=SNAPSHOT)
        folder, _ = train(job, Folder.at(scratch).make(), Training(threads=threads))
        seconds = pq.read_table(Path(folder.uri) / "steps.parquet")["seconds"].to_pylist()[1:]
    return recipe.batch * len(seconds) / sum(seconds)


def peer(pairs_file: str, options: argparse.Namespace, precision: str) -> float:
    """Pairs/s of a bare SentenceTransformerTrainer, in a process of its own."""
    settings = {**vars(options), "precision": precision, "pairs": pairs_file}
    done = subprocess.run(
        [sys.executable, __file__, "--as-peer", json.dumps(settings)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.strip().splitlines()[-1])


def as_peer(settings: dict[str, Any]) -> float:
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
    from transformers import TrainerCallback

    torch.set_num_threads(settings["threads"])
    model = SentenceTransformer(SNAPSHOT.location, device="cpu")
    model.max_seq_length = settings["tokens"]
    table = pq.read_table(settings["pairs"], columns=["anchor", "positive"])
    rows = table.slice(0, settings["batch"] * settings["steps"])
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=scratch, max_steps=settings["steps"], per_device_train_batch_size=settings["batch"],
            learning_rate=2e-5, warmup_steps=1, use_cpu=True, bf16=settings["precision"] == "bfloat16",
            report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=2 * settings["mini_batch"])
        SentenceTransformerTrainer(
            model=model, args=arguments, train_dataset=Dataset.from_dict(rows.to_pydict()), loss=loss,
            callbacks=[Clock()],
        ).train()  # fmt: skip
    return settings["batch"] * (len(ends) - 1) / (ends[-1] - ends[0])


def peak_of_one_step(batch: int, mini_batch: int, tokens: int) -> float:
    """MiB that one step takes beyond the loaded model, in a process of its own."""
    settings = json.dumps({"batch": batch, "mini_batch": mini_batch, "tokens": tokens})
    done = subprocess.run([sys.executable, __file__, "--as-step", settings], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def as_step(settings: dict[str, int]) -> float:
    import numpy as np
    import torch

    from patray.recipes.loss import LossOptions, cached_backward
    from patray.recipes.model import TunedModel

    torch.set_num_threads(1)
    batch, rng = settings["batch"], np.random.default_rng(0)
    options = argparse.Namespace(**settings, steps=1)
    model = TunedModel(RECORD, Path(SNAPSHOT.location), recipe_of(options), "cpu")
    inputs = rng.integers(1000, 29_000, (2 * batch, settings["tokens"])).astype(np.int32)

    def step(texts: int) -> None:
        lengths = np.full(2 * texts, settings["tokens"])
        cached_backward(
            lambda rows, seed: model.encode([inputs[row] for row in rows], seed), lengths, texts, None,
            LossOptions(0.05), settings["mini_batch"], 0,
        )  # fmt: skip

    step(2)  # gradients and kernels are there before the count begins
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step(batch)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"steps": 4, "batch": 64, "mini-batch": 16, "tokens": 64, "threads": 1, "rounds": 2}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source, prepared = Folder.at(scratch) / "source", Folder.at(scratch) / "prepared"
        generate(source, name="bench", patents=1200, seed=1)
        prepare(source, prepared, "bench", rows_per_part=256)
        pairs = make_pairs(prepared, recipe_of(options))
        file = f"{scratch}/pairs.parquet"
        pq.write_table(pairs.table, file)
        connect()
        lines = [
            f"MiniLM, {options.steps - 1} steps of {options.batch} pairs, at most {options.tokens} tokens, "
            f"{2 * options.mini_batch} texts at once, {options.threads} thread(s); median of {options.rounds} rounds",
            "",
            "| precision | patray through Ray Train | bare SentenceTransformerTrainer | ratio |",
            "|---|---:|---:|---:|",
        ]
        for precision in ("float32", "bfloat16"):
            rates: list[list[float]] = [[], []]
            for round_ in range(options.rounds):
                rates[0].append(ours(pairs, recipe_of(options, precision=precision), options.threads, round_))
                rates[1].append(peer(file, options, precision))
            left, right = (statistics.median(values) for values in rates)
            lines.append(f"| {precision} | {left:.1f} pairs/s | {right:.1f} pairs/s | {left / right:.2f} |")
    lines += ["", f"| batch | gradient cache ({options.mini_batch} pairs at once) | plain |", "|---:|---:|---:|"]
    for batch in (64, 256, 1024):
        cached = peak_of_one_step(batch, options.mini_batch, 32)
        plain = f"{peak_of_one_step(batch, batch, 32):,.0f} MiB" if batch <= 256 else "not run"
        lines.append(f"| {batch} | {cached:,.0f} MiB | {plain} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-peer"]:
        print(as_peer(json.loads(sys.argv[2])))
    elif sys.argv[1:2] == ["--as-step"]:
        print(as_step(json.loads(sys.argv[2])))
    else:
        print(main())
