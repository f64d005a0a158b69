"""What a measurement was made on: the processor's family and model, its matrix extensions, its measured matrix peak.

python benchmarks/machine.py       # one line for RESULTS.md, with the peak of one core
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

EXTENSIONS = {"avx512f": "AVX512", "avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX-BF16"}


def cpu_name(info: str | None = None) -> str:
    """The processor: `AMD EPYC, family 25 model 17, AVX512, AVX512-BF16`; info: the text of /proc/cpuinfo."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if info is None else info
    found = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", text, re.MULTILINE))
    flags = found.get("flags", "").split()
    extensions = [name for flag, name in EXTENSIONS.items() if flag in flags]
    words = [found.get("model name", "unknown processor")]
    words += [f"family {found['cpu family']} model {found['model']}"] if {"cpu family", "model"} <= set(found) else []
    return ", ".join(words + extensions)


def matrix_peak(dtype: str, size: int = 2048, rounds: int = 6) -> float:
    """Operations a second of one core in the fastest of the products at hand, of square and of long matrices."""
    import torch

    from patray.search.products import products, threads_of_products

    kind, best = getattr(torch, dtype), 0.0
    with threads_of_products(1):
        for rows, columns, width in ((size, size, size), (2 * size, size // 8, 1024), (2 * size, size // 8, 384)):
            documents, queries = torch.randn(rows, width).to(kind), torch.randn(columns, width).to(kind)
            out = torch.empty(rows, columns, dtype=kind)
            for make in products(dtype).values():
                multiply = make(queries)
                for _ in range(rounds):
                    begin = time.thread_time()
                    multiply(documents, out)
                    best = max(best, 2 * rows * columns * width / (time.thread_time() - begin))
    return best


def main() -> None:
    peaks = ", ".join(f"{dtype} {matrix_peak(dtype) / 1e9:,.0f} GFLOP/s" for dtype in ("float32", "bfloat16"))
    print(f"{cpu_name()}; {os.cpu_count()} cores; peak of one core: {peaks}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
