"""How fast does one core embed by each engine of CPUs, against the bare libraries in the same run?

    python benchmarks/cpu_engines.py [--landscape PATH] [--texts 256] [--rounds 5] [--budgets 2048] [--bare-threads 1]

MiniLM at 256 tokens, one thread a side as one worker has, all sides in this process by turns: a round asks each once,
and a ratio is the median over rounds of two CPU times that lie side by side, so other work on the machine moves it
little. All get the same token ids, sorted by length. patray's sides get them as a worker does, pad and cut them into
batches of so many tokens, and put the vectors back in order. The bare sides get batches that are padded already: of 32
texts (sentence-transformers' default), and of patray's own cut. Bare OpenVINO runs the same graph, pooling in it, by
one request; bare CTranslate2 is its own converter's model, with a mean in numpy. The share of the peak is the model's
FLOPs over those of the fastest matrix product at hand (`machine.py`; int8: torch's), on one core by CPU time too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from machine import cpu_name, matrix_peak

from patray.encoders.batching import padded, token_budget_batches
from patray.encoders.flops import ForwardCost, forward_cost
from patray.encoders.load import load_encoder
from patray.encoders.openvino import _converted, _openvino
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import load_model
from patray.encoders.tokens import InputTokenizer
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.models.stated import read_stated

RECORD = find_record("minilm")
SNAPSHOT = Path(find_snapshot(RECORD, None, None, False).location)
BATCH = 32
Side = Callable[[], np.ndarray]


def read_ids(landscape: Path | None, count: int) -> list[np.ndarray]:
    """Token ids of the first texts (title and abstract), longest first."""
    with tempfile.TemporaryDirectory() as scratch:
        if landscape is None:
            generate(Folder.at(scratch), seed=3, patents=count, duplicate_share=0.0)
        path = (landscape or Path(scratch)) / "patents.parquet"
        rows = next(pq.ParquetFile(path).iter_batches(count, columns=["title", "abstract"])).to_pylist()
    texts = ["\n".join(filter(None, (row["title"], row["abstract"]))) for row in rows]
    return sorted(InputTokenizer(RECORD, SNAPSHOT)(texts, "").ids, key=len, reverse=True)


def patray_side(engine: str, dtype: str, ids: list[np.ndarray], budget: int) -> Side:
    settings = EncoderSettings(engine, dtype, "cpu", 1, budget, False)
    encoder = load_encoder(RECORD.model_copy(update={"dtype": dtype}), SNAPSHOT, settings)
    return lambda: encoder.encode(ids)


def batches_of(ids: list[np.ndarray], budget: int | None) -> list[dict[str, np.ndarray]]:
    """Padded batches: of 32 texts, or of so many tokens."""
    lengths = np.array([len(one) for one in ids])
    cut = (
        token_budget_batches(lengths, budget)
        if budget
        else np.split(np.arange(len(ids)), range(BATCH, len(ids), BATCH))
    )
    return [padded([ids[at] for at in rows], 0) for rows in cut]


def bare_torch(ids: list[np.ndarray], dtype: str) -> Side:
    from sentence_transformers import SentenceTransformer

    settings = EncoderSettings("sentence-transformers", dtype, "cpu", 1, 2048, False)
    model: Any = load_model(SentenceTransformer, RECORD, SNAPSHOT, settings, own_products=False)
    batches = [{key: torch.from_numpy(value) for key, value in one.items()} for one in batches_of(ids, None)]

    def run() -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate([model(dict(one))["sentence_embedding"].float().numpy() for one in batches])

    return run


def bare_openvino(ids: list[np.ndarray], precision: str, budget: int | None, threads: int) -> Side:
    from sentence_transformers import SentenceTransformer

    openvino = _openvino("minilm")
    settings = EncoderSettings("openvino", "float32", "cpu", 1, 2048, False)
    model = load_model(SentenceTransformer, RECORD, SNAPSHOT, settings, own_products=False)
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(_converted(openvino, model), "CPU", options).create_infer_request()
    batches = [[one["input_ids"], one["attention_mask"]] for one in batches_of(ids, budget)]
    return lambda: np.concatenate([request.infer(one, share_inputs=True)[0].copy() for one in batches])


def bare_ctranslate2(ids: list[np.ndarray], budget: int | None, threads: int) -> Side:
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    with tempfile.TemporaryDirectory() as scratch:
        TransformersConverter(str(SNAPSHOT)).convert(f"{scratch}/model", quantization="int8")
        encoder = ctranslate2.Encoder(f"{scratch}/model", compute_type="int8", inter_threads=1, intra_threads=threads)
    view = ctranslate2.StorageView.from_array
    batches = [
        (view(one["input_ids"].astype(np.int32)), view(one["attention_mask"].sum(1).astype(np.int32)), one)
        for one in batches_of(ids, budget)
    ]

    def run() -> np.ndarray:
        found = []
        for inputs, lengths, one in batches:
            hidden = np.asarray(encoder.forward_batch(inputs, lengths).last_hidden_state)
            mask = one["attention_mask"][:, :, None].astype(np.float32)
            found.append((hidden * mask).sum(1) / mask.sum(1))
        return np.concatenate(found)

    return run


def peak(dtype: str) -> float:
    """Operations a second of one core in the fastest product at hand, by CPU time."""
    if dtype != "int8":
        return matrix_peak(dtype)
    torch.set_num_threads(1)
    left, right = (torch.randint(-9, 9, (1024, 1024), dtype=torch.int8) for _ in range(2))
    return 2 * 1024**3 / min(cpu_seconds(lambda: torch._int_mm(left, right)) for _ in range(8))


def cpu_seconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def cosine(found: np.ndarray, wanted: np.ndarray) -> float:
    """The lowest cosine of two vectors of a text."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    return float(((found * wanted).sum(axis=1) / lengths).min())


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", type=Path, help="a landscape folder; default: generated text")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budgets", type=int, nargs="+", default=[2048], help="tokens of patray's batches")
    parser.add_argument("--bare-threads", type=int, default=1, help="threads of the bare OpenVINO and CTranslate2")
    options = parser.parse_args()
    threads = options.bare_threads
    ids = read_ids(options.landscape, options.texts)
    sides: dict[tuple[str, str], Side] = {}
    groups = {("openvino", "float32"): "f32", ("openvino", "bfloat16"): "bf16", ("ctranslate2", "int8"): "int8"}
    for dtype in ("float32", "bfloat16"):
        sides["sentence-transformers, bare", dtype] = bare_torch(ids, dtype)
        sides["patray, sentence-transformers", dtype] = patray_side("sentence-transformers", dtype, ids, 2048)
    for (engine, dtype), precision in groups.items():
        for budget in options.budgets:
            sides[f"patray, {engine}, {budget} tokens", dtype] = patray_side(engine, dtype, ids, budget)
        for budget in (None, options.budgets[0]):
            cut = "32 texts" if budget is None else f"{budget} tokens"
            bare = (
                bare_ctranslate2(ids, budget, threads)
                if dtype == "int8"
                else bare_openvino(ids, precision, budget, threads)
            )
            sides[f"{engine}, bare, {cut}", dtype] = bare
    vectors = {key: side() for key, side in sides.items()}  # the first round warms up
    times: dict[tuple[str, str], list[float]] = {key: [] for key in sides}
    for _ in range(options.rounds):
        for key, side in sides.items():
            times[key].append(cpu_seconds(side))
    result = table(ids, times, vectors, options)
    print(result)
    return result


def table(
    ids: list[np.ndarray], times: dict[tuple[str, str], list[float]], vectors: dict[tuple[str, str], np.ndarray],
    options: argparse.Namespace,
) -> str:  # fmt: skip
    cost = forward_cost(RECORD, read_stated(SNAPSHOT))
    assert isinstance(cost, ForwardCost), cost
    lengths = np.array([len(one) for one in ids])
    peaks = {dtype: peak(dtype) for dtype in ("float32", "bfloat16", "int8")}
    exact = vectors["patray, sentence-transformers", "float32"]
    name = options.landscape.name if options.landscape else "the generator"
    lines = [
        f"{cpu_name()}; {len(ids)} texts of {name}, {lengths.sum():,} tokens, MiniLM at 256 tokens, one thread a "
        f"side (bare OpenVINO and CTranslate2: {options.bare_threads}), median of {options.rounds} rounds; "
        "peaks of one thread: " + ", ".join(f"{dtype} {value / 1e9:.0f} GFLOP/s" for dtype, value in peaks.items()),
        "",
        f"| type | side | texts per CPU s | patray ({options.budgets[0]} tokens) / this | of peak | lowest cosine |",
        "|---|---|---|---|---|---|",
    ]
    for dtype, engine in (("float32", "openvino"), ("bfloat16", "openvino"), ("int8", "ctranslate2")):
        ours = times[f"patray, {engine}, {options.budgets[0]} tokens", dtype]
        for (side, kind), seconds in times.items():
            if kind == dtype:
                middle = float(np.median(seconds))
                ratio = float(np.median(np.array(seconds) / np.array(ours)))
                share = cost.flops(lengths) / middle / peaks[dtype]
                near = cosine(vectors[side, dtype], exact)
                lines.append(
                    f"| {dtype} | {side} | {len(ids) / middle:.1f} | {ratio:.2f}x | {share:.0%} | {near:.6f} |"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
