"""How fast is the vLLM actor in the Ray Data pipeline against a bare `LLM.embed`, and against `ray.data.llm`?

    python benchmarks/vllm_engine.py [--patents 512]

MiniLM in float32 on the CPU build, view ta of a generated landscape, one engine of one thread on every side, so that
what is compared is the road to the engine. All get the same token ids; tokenising is in patray's time and not in the
others'. The rates leave start-up out: patray's and ray.data.llm's count from the first window (batch) that is done,
the bare engine's from a warm-up. The seconds end to end hold everything from the call to the last vector, engine start
included; patray has then written its files, ray.data.llm has handed its rows over. All are run twice, the last two in
turn, and the better of two counts: highest rate, fewest seconds.

The bare engine is measured twice: as vLLM runs by default, with its core (and on a CPU its worker) in processes of
their own, and in one process, as patray runs it.

Measured on 2 idle cores (RESULTS.md): 0.99x to 1.00x of the bare engine, 1.04x of ray.data.llm's rate and 29 s
against its 37 s end to end. So patray keeps its own actor:
- ray.data.llm takes a row a text, so every text crosses Ray's object store as a row of its own, with its ids as a list;
  patray's row is a window, with flat ids, and its vectors go to the store from the actor that made them.
- its engine is asynchronous: batches depend on when requests arrive, so vectors do not repeat to the bit.
- it wants a placement group for each engine, whole CPUs, and no window of it is a unit of resume.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import ray

from patray.cluster import embed as embedding
from patray.cluster.embed import Means, embed
from patray.cluster.start import connect
from patray.cluster.views import index_view
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.encoders.vectors import load_vectors
from patray.encoders.vllm import engine_arguments
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.load import iter_sections
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.progress import Progress
from patray.runs.suite import Actors, Embedding
from patray.steps.embed import EmbedStep
from patray.steps.texts import Texts

ONE_THREAD = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
WINDOW = 128
ROUNDS = 2
SETTINGS = EncoderSettings("vllm", "float32", "cpu", 1, 2048, False)
RECORD = find_record("minilm")
SNAPSHOT = find_snapshot(RECORD, None, None, False)


class Clock(Progress):
    """Notes when each window was finished."""

    done: ClassVar[list[tuple[float, int]]] = []

    def advance(self, patents: int, tokens: int) -> None:
        super().advance(patents, tokens)
        self.done.append((time.perf_counter(), patents))


def after_first(done: list[tuple[float, int]]) -> float:
    """Texts/s from the first (time, texts) on."""
    return sum(texts for _, texts in done[1:]) / (done[-1][0] - done[0][0])


def patray_pipeline(prepared: Folder) -> tuple[float, float, dict[str, np.ndarray]]:
    """Texts/s after the first window, seconds end to end, and the vectors by id."""
    view = get_view("ta")
    index = index_view(prepared, view)
    chosen = np.ones(len(index.ids), dtype=bool)
    step = EmbedStep("bench", prepared, view, Texts(index, chosen), "minilm", RECORD, "vllm", "document")
    Clock.done = []
    embedding.Progress = Clock
    with tempfile.TemporaryDirectory() as work:
        begin = time.perf_counter()
        [(folder, _)] = embed([step], Means(SNAPSHOT, Embedding(actors=Actors(max=1))), Folder.at(work))
        seconds = time.perf_counter() - begin
        ids, vectors = load_vectors(folder)
    return after_first(Clock.done), seconds, dict(zip(ids.tolist(), vectors, strict=True))


def ray_data_llm(inputs: list[np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Texts/s after the first batch, seconds end to end, and the vectors (n, d) of ray.data.llm's processor."""
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    same = ("dtype", "max_model_len", "enforce_eager", "enable_prefix_caching", "max_num_batched_tokens")
    arguments = engine_arguments(RECORD, Path(SNAPSHOT.location), SETTINGS)
    config = vLLMEngineProcessorConfig(
        model_source=SNAPSHOT.location,
        task_type="embed",
        engine_kwargs={key: arguments[key] for key in same},
        runtime_env={"env_vars": ONE_THREAD},
        placement_group_config={"bundles": [{"CPU": 1}]},
        log_engine_metrics=False,
        batch_size=WINDOW,
        concurrency=1,
        chat_template_stage=False,
        tokenize_stage=False,
        detokenize_stage=False,
    )

    def asked(row: dict[str, Any]) -> dict[str, Any]:
        return {"tokenized_prompt": row["tokenized_prompt"], "pooling_params": {}, "at": row["at"]}

    def kept(row: dict[str, Any]) -> dict[str, Any]:
        return {"at": row["at"], "vector": row["embeddings"]}

    processor = build_processor(config, preprocess=asked, postprocess=kept)
    begin = time.perf_counter()
    rows = [{"at": at, "tokenized_prompt": tokens.tolist()} for at, tokens in enumerate(inputs)]
    dataset = processor(ray.data.from_items(rows, override_num_blocks=-(-len(rows) // WINDOW)))
    done, vectors = [], np.empty((len(inputs), RECORD.dimension), dtype=np.float32)
    for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        vectors[batch["at"]] = np.stack(list(batch["vector"]))
        done.append((time.perf_counter(), len(batch["at"])))
    return after_first(done), time.perf_counter() - begin, vectors


def bare(inputs: list[np.ndarray], in_process: bool) -> tuple[float, float, np.ndarray]:
    """What `LLM.embed` does with all inputs in one call, in a process of its own: rate, seconds in all, vectors."""
    with tempfile.TemporaryDirectory() as scratch:
        np.savez(f"{scratch}/inputs.npz", *inputs)
        environment = {**os.environ, **ONE_THREAD, "VLLM_ENABLE_V1_MULTIPROCESSING": "01"[not in_process]}
        command = [sys.executable, __file__, "--bare", scratch]
        begin = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        rate = json.loads(Path(scratch, "rate.json").read_text(encoding="utf-8"))
        return rate, seconds, np.load(f"{scratch}/vectors.npy")


def embed_bare(scratch: Path) -> None:
    """The other side of `bare`."""
    import torch
    from vllm import LLM

    torch.set_num_threads(1)
    with np.load(scratch / "inputs.npz") as stored:
        prompts = [{"prompt_token_ids": stored[f"arr_{at}"].tolist()} for at in range(len(stored.files))]
    arguments = engine_arguments(RECORD, Path(SNAPSHOT.location), SETTINGS)
    engine = LLM(**{key: value for key, value in arguments.items() if key != "distributed_executor_backend"})
    engine.embed(prompts[:WINDOW], use_tqdm=False)
    begin = time.perf_counter()
    outputs = engine.embed(prompts, use_tqdm=False)
    seconds = time.perf_counter() - begin
    np.save(scratch / "vectors.npy", np.array([output.outputs.embedding for output in outputs], dtype=np.float32))
    (scratch / "rate.json").write_text(json.dumps(len(prompts) / seconds), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patents", type=int, default=512)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        embed_bare(options.bare)
        return
    with tempfile.TemporaryDirectory() as scratch:
        source, prepared = Folder.at(f"{scratch}/source"), Folder.at(f"{scratch}/prepared")
        generate(source, seed=3, patents=options.patents, duplicate_share=0.0)
        prepare(source, prepared, "bench", rows_per_part=WINDOW)
        view = get_view("ta")
        pairs = [
            (patent, text)
            for batch in iter_sections(prepared, view.sections)
            for patent, text in zip(batch["patent_id"].to_pylist(), render(batch, view), strict=True)
        ]
        inputs = InputTokenizer(RECORD, Path(SNAPSHOT.location))([text for _, text in pairs], "").ids
        default = [bare(inputs, False) for _ in range(ROUNDS)]
        inside = [bare(inputs, True) for _ in range(ROUNDS)]
        connect()
        theirs, ours = [], []
        for _ in range(ROUNDS):
            theirs.append(ray_data_llm(inputs))
            rate, seconds, by_id = patray_pipeline(prepared)
            ours.append((rate, seconds, np.stack([by_id[patent] for patent, _ in pairs])))
        ray.shutdown()
    vectors = ours[0][2]
    tokens = np.mean([len(item) for item in inputs])
    rows = [
        ("bare LLM.embed, as vLLM runs by default", default),
        ("bare LLM.embed, engine in its process", inside),
        ("ray.data.llm, one engine", theirs),
        ("patray's pipeline, one actor", ours),
    ]
    best = max(rate for rate, _, _ in ours)
    print(f"{len(inputs)} texts of {tokens:.0f} tokens, one engine of one thread, {os.cpu_count()} cores\n")
    print("| | texts/s | patray / this | seconds end to end | cosine to patray's |")
    print("|---|---|---|---|---|")
    for name, runs in rows:
        rate, whole, made = max(run[0] for run in runs), min(run[1] for run in runs), runs[0][2]
        norms = np.linalg.norm(made, axis=1) * np.linalg.norm(vectors, axis=1)
        cosine = float(((made * vectors).sum(axis=1) / norms).min())
        print(f"| {name} | {rate:.1f} | {best / rate:.2f}x | {whole:.1f} | {cosine:.6f} |")
    print(f"\nTwo runs of patray gave {'the same' if np.array_equal(ours[0][2], ours[1][2]) else 'other'} bits.")


if __name__ == "__main__":
    main()
