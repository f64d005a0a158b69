"""What does a GPU do with patray's engines, search and training, and is it the same as what a CPU does?

    python benchmarks/gpu.py                 one GPU, at most nine minutes
    python benchmarks/gpu.py --small         a look at every part on a CPU, in seconds (what the tests run)

Needs the repository and torch, sentence-transformers and the packaged MiniLM; vLLM, faiss with a GPU and cuVS are
measured where they are installed. Shapes of 0.6B, 4B and 8B are Qwen3's with random weights, written to a temporary
folder (2, 8 and 16 GB). Each part prints one JSON line; a part that fails, finds no GPU, or begins after the time is
over says so and the others go on. MFU is model FLOPs (encoders/flops.py) over the bf16 matrix peak measured here.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from patray.encoders.flops import ForwardCost, forward_cost, peak_flops
from patray.encoders.load import load_encoder
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.token_vectors import TokenVectors
from patray.encoders.tokens import InputTokenizer
from patray.models.derive import derive_record
from patray.models.memory import gib, gpu_bytes
from patray.models.record import Engine, ModelRecord
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.models.stated import read_stated
from patray.recipes.loss import LossOptions, cached_backward
from patray.search.dense import search_shard
from patray.search.maxsim import prepare_token_shard, search_tokens

# hidden size, layers, heads, heads of keys, inner size: Qwen3-Embedding's published configurations
SHAPES = {"0.6B": (1024, 28, 16, 8, 3072), "4B": (2560, 36, 32, 8, 9728), "8B": (4096, 36, 32, 8, 12288)}
SMALL = {"tiny": (64, 2, 2, 1, 128)}
VOCABULARY, HEAD = 151_669, 128
Row = dict[str, Any]


def now(device: str) -> float:
    """Seconds, once all that the device was given is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def best_of(work: Callable[[], Any], device: str, rounds: int = 3) -> float:
    """Seconds of the fastest round after one that warms up; on a CPU, where it is but tried, of one."""
    work()
    found = []
    for _ in range(rounds if device == "cuda" else 1):
        begin = now(device)
        work()
        found.append(now(device) - begin)
    return min(found)


def matrix_peak(device: str, small: bool) -> float:
    """FLOP/s of a square bfloat16 product, the most that a model's products can reach here."""
    size = 128 if small else 8192
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / best_of(lambda: left @ right, device, 5)


def write_model(folder: Path, shape: tuple[int, int, int, int, int], device: str, small: bool) -> None:
    """A Qwen3 with random weights in bfloat16, a tokenizer and modules that pool the last token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    hidden, layers, heads, keys, inner = shape
    config = Qwen3Config(
        vocab_size=512 if small else VOCABULARY, hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=keys, intermediate_size=inner, head_dim=32 if small else HEAD,
        max_position_embeddings=32768, rope_parameters={"rope_type": "default", "rope_theta": 1e6}, dtype="bfloat16",
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = Qwen3Model(config)
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="4GB")
    words = {"<pad>": 0, "<unk>": 1, "<end>": 2, **{f"w{at}": at for at in range(3, 500)}}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", padding_side="left").save_pretrained(folder)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    rows = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_lasttoken": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8192, "do_lower_case": False}))


def speed(record: ModelRecord, folder: Path, settings: EncoderSettings, tokens: int, texts: int, peak: float) -> Row:
    """Tokens/s, MFU and memory of an engine on texts of one length."""
    on_gpu = settings.device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    begin = now(settings.device)
    encoder = load_encoder(record, folder, settings)
    loaded = now(settings.device) - begin
    numbers = np.random.default_rng(0)
    inputs = [numbers.integers(3, 499, tokens, dtype=np.int32) for _ in range(texts)]
    seconds = best_of(lambda: encoder.encode(inputs), settings.device, 2)
    row: Row = {"engine": settings.engine, "dtype": settings.dtype, "tokens": tokens, "texts": texts}
    row |= {"load_s": round(loaded, 1), "tokens_per_s": round(tokens * texts / seconds)}
    cost = forward_cost(record, read_stated(folder))
    if isinstance(cost, ForwardCost):
        rate = cost.flops(np.full(texts, tokens)) / seconds
        row |= {"tflops_per_s": round(rate / 1e12, 1), "mfu_of_measured_peak": round(rate / peak, 3)}
    need = gpu_bytes(record, settings.tokens_per_batch)
    row["memory_estimate"] = gib(need.total)
    if on_gpu and settings.engine == "sentence-transformers":  # vLLM takes all that it is given
        row["memory_peak"] = gib(torch.cuda.max_memory_allocated())
    return row


def engines() -> list[Engine]:
    found: list[Engine] = ["sentence-transformers"]
    return [*found, "vllm"] if importlib.util.find_spec("vllm") is not None else found


def minilm() -> tuple[ModelRecord, Path]:
    record = find_record("minilm")
    return record, Path(find_snapshot(record, None, None, False).location)


def shapes(device: str, small: bool, peak: float) -> Iterator[Row]:
    """MiniLM, then random weights in the shapes of Qwen3, each with the engines that are there."""
    record, folder = minilm()
    for dtype in ("float32", "bfloat16"):
        settings = EncoderSettings("sentence-transformers", dtype, device, 2, 4096 if small else 65536, False)
        sized = record.model_copy(update={"dtype": dtype})
        yield {"model": "minilm", **speed(sized, folder, settings, 16 if small else 256, 2 if small else 4096, peak)}
    for name, shape in (SMALL if small else SHAPES).items():
        with tempfile.TemporaryDirectory(prefix="patray-gpu-") as scratch:
            home = Path(scratch)
            needed = shape[0] ** 2 * shape[1] * 12 * 2
            if shutil.disk_usage(home).free < 2 * needed:
                yield {"model": name, "skipped": f"{gib(2 * needed)} of disk are needed in {home.parent}"}
                continue
            write_model(home, shape, device, small)
            derived = derive_record(home, {"name": f"qwen3-{name.lower()}", "engines": engines()})
            for engine in engines():
                settings = EncoderSettings(engine, "bfloat16", device, 2, 1024 if small else 32768, False)
                row = speed(derived, home, settings, 32 if small else 512, 4 if small else 512, peak)
                yield {"model": name, "parameters": derived.parameters, **row}


def search(device: str, small: bool) -> Iterator[Row]:
    """Exact search beside brute force of faiss and cuVS on the same device, where they are installed."""
    documents, queries, width, k = (500, 10, 32, 10) if small else (1_000_000, 1_000, 1024, 100)
    numbers = np.random.default_rng(0)
    vectors, asked = (numbers.standard_normal((n, width), dtype=np.float32) for n in (documents, queries))
    for each in (vectors, asked):
        each /= np.linalg.norm(each, axis=1, keepdims=True)
    codes, common = np.arange(documents), {"documents": documents, "queries": queries, "width": width, "k": k}
    for coarse in ("float32", "bfloat16"):
        seconds = best_of(lambda coarse=coarse: search_shard(asked, vectors, codes, k, None, coarse, device), device, 1)  # type: ignore[misc]
        yield {"search": f"patray {coarse}", "with_copy_to_device_s": round(seconds, 3), **common}
    faiss_gpu = importlib.util.find_spec("faiss") is not None and hasattr(__import__("faiss"), "StandardGpuResources")
    for name, there in (("faiss-gpu", faiss_gpu), ("cuvs", importlib.util.find_spec("cuvs") is not None)):
        if not there or device != "cuda":
            yield {"search": name, "skipped": "not installed" if device == "cuda" else "no GPU"}
        elif name == "faiss-gpu":
            import faiss

            def by_faiss() -> None:
                index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), width)
                index.add(vectors)
                index.search(asked, k)

            yield {"search": name, "with_copy_to_device_s": round(best_of(by_faiss, device, 1), 3), **common}
        else:
            from cuvs.neighbors import brute_force

            def by_cuvs() -> None:
                held, put = torch.from_numpy(vectors).cuda(), torch.from_numpy(asked).cuda()
                brute_force.search(brute_force.build(held, metric="inner_product"), put, k)

            yield {"search": name, "with_copy_to_device_s": round(best_of(by_cuvs, device, 1), 3), **common}


def late(device: str, small: bool) -> Iterator[Row]:
    """Exact MaxSim."""
    texts, each, queries = (40, 10, 2) if small else (50_000, 180, 64)
    numbers = np.random.default_rng(1)

    def tokens(count: int, length: int) -> TokenVectors:
        flat = numbers.standard_normal((count * length, 128), dtype=np.float32)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        return TokenVectors(np.arange(count + 1) * length, flat.astype(np.float16))

    shard, asked = prepare_token_shard(tokens(texts, each), np.arange(texts)), tokens(queries, 32)
    seconds = best_of(lambda: search_tokens(shard, asked, 10, None, device), device, 1)
    yield {"maxsim": "patray", "seconds": round(seconds, 3), "documents": texts, "tokens": each, "queries": queries}
    if importlib.util.find_spec("flash_maxsim") is None:
        yield {"maxsim": "flash-maxsim", "skipped": "not installed"}


def training(device: str, small: bool) -> Iterator[Row]:
    """One step with a gradient cache on MiniLM: forward, loss, backward, update."""
    from sentence_transformers import SentenceTransformer

    pairs, chunk, length = (4, 2, 8) if small else (1024, 128, 128)
    model: Any = SentenceTransformer(str(minilm()[1]), device=device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-5)
    ids = torch.from_numpy(np.random.default_rng(2).integers(1000, 20000, (2 * pairs, length))).to(device)

    def encode(rows: Any, seed: int | None) -> torch.Tensor:
        chosen = ids[torch.as_tensor(np.asarray(rows), device=device)]
        out = model({"input_ids": chosen, "attention_mask": torch.ones_like(chosen)})
        return torch.nn.functional.normalize(out["sentence_embedding"], dim=-1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = cached_backward(
            encode, np.full(2 * pairs, length), pairs, None, LossOptions(0.05, ()), chunk, 0, 0, 1
        )  # fmt: skip
        optimizer.step()
        return float(loss)

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = best_of(step, device, 1)
    row: Row = {"training": "minilm, float32", "pairs": pairs, "mini_batch": chunk}
    row["pairs_per_s"] = round(pairs / seconds)
    yield row | ({"memory_peak": gib(torch.cuda.max_memory_allocated())} if device == "cuda" else {})


def parity(device: str, small: bool) -> Iterator[Row]:
    """MiniLM on this device against the CPU in float32, text by text."""
    record, folder = minilm()
    texts = list(parity_sample(record.max_tokens).values())
    inputs = InputTokenizer(record, folder)(texts[:3] if small else texts, "").ids
    settings = EncoderSettings("sentence-transformers", "float32", "cpu", 2, 2048, False)
    expected = load_encoder(record, folder, settings).encode(inputs)
    for dtype in ("float32", "bfloat16"):
        there = replace(settings, device=device, dtype=dtype)
        found = load_encoder(record.model_copy(update={"dtype": dtype}), folder, there).encode(inputs)
        norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
        least = float(((found * expected).sum(axis=1) / norms).min())
        verdict = {"agrees": least >= 0.9999} if dtype == "float32" else {}  # bfloat16 is stated
        yield {"parity": dtype, "device": device, "least_cosine": round(least, 7), **verdict}


def faults(device: str) -> Iterator[Row]:
    """Two encoders with half of a GPU each, and a process whose context is lost: the next one must work."""
    if device != "cuda":
        yield {"faults": "half a GPU each; a lost context", "skipped": "no GPU"}
        return
    half = [sys.executable, __file__, "--half"]
    both = [subprocess.Popen(half, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=180)[0].strip() for process in both]
    yield {"faults": "half a GPU each", "ended": [process.returncode for process in both], "same": said[0] == said[1]}
    lost = "import torch; x = torch.zeros(4, device='cuda'); print(x[torch.tensor([9], device='cuda')])"
    broken = subprocess.run([sys.executable, "-c", lost], capture_output=True, text=True, timeout=120, check=False)
    after = subprocess.run(half, capture_output=True, text=True, timeout=180, check=False)
    yield {"faults": "a lost context", "that_process": broken.returncode, "next_process": after.returncode}


def half_of_a_gpu() -> None:
    """Encode the sample on half of the GPU and print the sum of the vectors."""
    record, folder = minilm()
    inputs = InputTokenizer(record, folder)(list(parity_sample(record.max_tokens).values()), "").ids
    settings = EncoderSettings("sentence-transformers", "float32", "cuda", 2, 4096, False, 0.5)
    print(f"{load_encoder(record, folder, settings).encode(inputs).sum():.4f}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="every part in small, on a CPU too")
    parser.add_argument("--seconds", type=float, default=500.0, help="no part begins after so long [500]")
    parser.add_argument("--half", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.half:
        half_of_a_gpu()
        return
    device, begin = "cuda" if torch.cuda.is_available() else "cpu", time.monotonic()
    if device == "cpu" and not options.small:
        raise SystemExit("torch sees no GPU here; --small shows every part on a CPU")
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    peak = matrix_peak(device, options.small)
    sheet = peak_flops(name, "bfloat16")
    row = {"device": name, "torch": torch.__version__, "measured_bf16_tflops": round(peak / 1e12, 2)}
    row["sheet_bf16_tflops"] = sheet if isinstance(sheet, str) else sheet / 1e12
    print(json.dumps(row), flush=True)
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "parity": lambda: parity(device, options.small),
        "search": lambda: search(device, options.small),
        "late": lambda: late(device, options.small),
        "training": lambda: training(device, options.small),
        "faults": lambda: faults(device),
        "shapes": lambda: shapes(device, options.small, peak),
    }
    for part, rows in parts.items():
        try:
            for row in rows():
                print(json.dumps(row), flush=True)
                if time.monotonic() - begin > options.seconds:
                    print(json.dumps({"part": part, "skipped": f"the {options.seconds:.0f} s are over"}), flush=True)
                    break
        except Exception as error:  # one part's fault is its own result
            print(json.dumps({"part": part, "failed": f"{type(error).__name__}: {error}"[:2000]}), flush=True)
    print(json.dumps({"seconds": round(time.monotonic() - begin, 1)}))


if __name__ == "__main__":
    main()
