"""How fast is exact MaxSim against sentence-transformers' own on the same token vectors, and does it find the same?

    python benchmarks/maxsim.py [--patents 2000] [--queries 64] [--tokens 180] [--dimension 128] [--k 100] [--threads 1]

Random unit vectors with the lengths of patents' abstracts (uniform from a third of --tokens up to --tokens), queries of
32. The peer, `util.similarity.maxsim`, gets the same vectors in float32 (as its encoder returns them) and in float16,
its default chunk, and a top-k of its scores. patray's time holds everything: the coarse pass, exact scores of the
candidates, their order. Runs take turns; the best of --repeats is shown.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sentence_transformers.util import similarity

from patray.encoders.token_vectors import TokenVectors
from patray.search.maxsim import prepare_token_shard, search_tokens


def random_tokens(random: np.random.Generator, texts: int, low: int, high: int, width: int) -> TokenVectors:
    counts = random.integers(low, high + 1, texts)
    start = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
    vectors = random.standard_normal((start[-1], width), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TokenVectors(start, vectors.astype(np.float16))


def as_tensors(tokens: TokenVectors, dtype: torch.dtype) -> list[torch.Tensor]:
    return [
        torch.from_numpy(part.astype(np.float32)).to(dtype) for part in np.split(tokens.vectors, tokens.start[1:-1])
    ]


def peer(queries: list[torch.Tensor], corpus: list[torch.Tensor], k: int) -> Any:
    return similarity.maxsim(queries, corpus).topk(k)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = run()
    return time.perf_counter() - begin, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("patents", 2000), ("queries", 64), ("tokens", 180), ("dimension", 128), ("k", 100), ("threads", 1),
        ("repeats", 3),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--half", action="store_true", help="also the peer in float16 (very slow on a CPU)")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    random = np.random.default_rng(0)
    corpus = random_tokens(random, asked.patents, max(1, asked.tokens // 3), asked.tokens, asked.dimension)
    queries = random_tokens(random, asked.queries, 32, 32, asked.dimension)
    shard = prepare_token_shard(corpus, np.arange(asked.patents))
    k = min(asked.k, asked.patents)
    contestants: dict[str, Callable[[], Any]] = {
        "patray, exact top k from float16": lambda: search_tokens(shard, queries, k),
    }
    for dtype in (torch.float32, torch.float16) if asked.half else (torch.float32,):
        name = f"sentence-transformers, {str(dtype).removeprefix('torch.')}"
        contestants[name] = functools.partial(peer, as_tensors(queries, dtype), as_tensors(corpus, dtype), k)
    best = dict.fromkeys(contestants, float("inf"))
    results = {}
    for _ in range(asked.repeats):
        for name, run in contestants.items():
            seconds, results[name] = timed(run)
            best[name] = min(best[name], seconds)
    own, *peers = contestants
    pairs = asked.queries * asked.patents
    print(
        f"{asked.patents:,} patents, {len(corpus.vectors):,} token vectors of {asked.dimension} "
        f"({corpus.vectors.nbytes / 1e6:,.0f} MB), {asked.queries} queries of 32, k {k}, {asked.threads} thread(s)"
    )
    print(f"{'':40} {'seconds':>8} {'pairs/s':>10} {'patray is':>10} {'largest difference':>19}")
    print(f"{own:40} {best[own]:8.2f} {pairs / best[own]:10,.0f}")
    for name in peers:
        difference = np.abs(results[own].scores - results[name].values.float().numpy()).max()
        print(
            f"{name:40} {best[name]:8.2f} {pairs / best[name]:10,.0f} {best[name] / best[own]:9.2f}x {difference:19.1e}"
        )


if __name__ == "__main__":
    main()
