"""Multiply many vectors at once, by whichever library is fastest on this machine: measured, not guessed.

Which one that is depends on the processor and on how each library was built. In float32, on one core, 4,096 x 384 by
256: on an Intel of family 6, model 167, torch's own product (MKL) made 120 GFLOP/s, numpy's (OpenBLAS) 105 and oneDNN
70; on an AMD EPYC oneDNN was 2.3 times as fast as torch's own. In bfloat16 torch takes oneDNN by itself. The choice
decides only how long a search takes: what it finds is proven from any of them (`coarse.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Multiply = Callable[["torch.Tensor", "torch.Tensor"], object]
"""Writes documents (n, d) times the queries (Q, d), transposed, into a tensor (n, Q)."""

SAMPLE = (4096, 256)
"""Documents and queries that are multiplied to measure: a tile of the coarse pass."""
ROUNDS = 4
SMALL = 2e10
"""Operations of a search that takes about as long as measuring."""


def torch_product(queries: torch.Tensor) -> Multiply:
    """torch's own product: MKL or OpenBLAS on a CPU, cuBLAS on a GPU."""
    import torch

    transposed = queries.T.contiguous()
    return lambda documents, out: torch.mm(documents, transposed, out=out)


def onednn_product(queries: torch.Tensor) -> Multiply:
    """oneDNN's inner product of float32 (torch.mm takes oneDNN for low precision alone)."""
    import torch

    product = torch.ops.aten.mkldnn_linear
    return lambda documents, out: out.copy_(product(documents.to_mkldnn(), queries).to_dense())


def numpy_product(queries: torch.Tensor) -> Multiply:
    """numpy's product of float32, by the BLAS that it was built with."""
    import numpy as np

    transposed = queries.T.contiguous().numpy()
    return lambda documents, out: np.matmul(documents.numpy(), transposed, out=out.numpy())


def products(dtype: str) -> dict[str, Callable[[torch.Tensor], Multiply]]:
    """The products that a CPU has for a type: {"torch": torch_product, "numpy": ...}."""
    import torch

    found: dict[str, Callable[[torch.Tensor], Multiply]] = {"torch": torch_product}
    if dtype == "float32":
        found["numpy"] = numpy_product
        if torch.backends.mkldnn.is_available():
            found["onednn"] = onednn_product
    return found


def choose(documents: torch.Tensor, n_queries: int) -> Callable[[torch.Tensor], Multiply]:
    """The product for a search of documents (n, d): torch's on a GPU and for a search that is over before others are
    tried, else the fastest here."""
    count, width = documents.shape
    if documents.device.type != "cpu" or 2 * count * width * n_queries < SMALL:
        return torch_product
    dtype = str(documents.dtype).removeprefix("torch.")
    return products(dtype)[fastest(dtype, width)]


@cache
def fastest(dtype: str, width: int) -> str:
    """The name of the fastest of `products` for vectors of `width` numbers, measured once in a process (about 0.1 s).

    What counts is the time of the one thread that multiplies, so other work on the machine hardly sways the choice.
    """
    import torch

    known = products(dtype)
    if len(known) == 1:
        return next(iter(known))
    random = torch.Generator().manual_seed(0)
    documents, queries = (torch.randn(n, width, generator=random).to(getattr(torch, dtype)) for n in SAMPLE)
    out = torch.empty(SAMPLE, dtype=documents.dtype)
    ready = {name: make(queries) for name, make in known.items()}
    least = dict.fromkeys(ready, float("inf"))
    with threads_of_products(1):
        for _ in range(ROUNDS):
            for name, multiply in ready.items():
                begin = time.thread_time()
                multiply(documents, out)
                least[name] = min(least[name], time.thread_time() - begin)
    return min(least, key=lambda name: least[name])


@contextmanager
def threads_of_products(count: int) -> Iterator[None]:
    """Let each product use so many threads, whichever library makes it."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
