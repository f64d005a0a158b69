"""Keep the memory of one batch for the next one, where malloc is glibc's.

On a CPU an engine takes the buffers of each product from malloc and gives them back after it. glibc hands large blocks,
and what is free at the end of a heap, to the kernel beyond thresholds that follow the largest block that the process
ever freed: so what a process did before decides whether each product faults its pages in again. With 64 texts of 149
tokens CTranslate2 made 562,000 faults or none, and a third or all of its speed (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of malloc.h."""
KEPT_BYTES = {M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 1 << 30, M_TOP_PAD: 64 << 20}
"""The largest block that comes from a heap (glibc takes no more), free bytes at a heap's end that stay, and what a
thread's heap of 64 MB must have free beyond its end before it goes."""


def keep_memory() -> None:
    """Have this process keep up to 1 GB at the end of a heap for what it allocates next: `keep_memory()` in a worker.

    Nothing happens where the C library is another than glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for parameter, size in KEPT_BYTES.items():
            library.mallopt(parameter, size)
