"""Count a run's work for Prometheus, through Ray's own metrics: every node's agent exports them with Ray's.

patray_windows, patray_patents, patray_pairs, patray_tokens, patray_retries, patray_tasks   counters, by step
patray_running                                                     1 while a step runs, 0 after, by step
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from patray.cluster.start import is_up

COUNTED = {
    "windows": "windows finished",
    "patents": "texts encoded, each patent once a view",
    "pairs": "pairs of a query and a patent scored by a reranker",
    "tokens": "tokens encoded",
    "retries": "windows taken again after an actor died",
    "tasks": "tasks finished",
}


@functools.cache
def _counter(name: str) -> Any:
    from ray.util.metrics import Counter

    return Counter(f"patray_{name}", description=COUNTED[name], tag_keys=("step",))


@functools.cache
def _running() -> Any:
    from ray.util.metrics import Gauge

    return Gauge("patray_running", description="1 while a step runs", tag_keys=("step",))


def count(step: str, amounts: Mapping[str, float]) -> None:
    """Add what was done in a step; nothing where no Ray is up."""
    if is_up():
        for name, amount in amounts.items():
            if amount > 0:
                _counter(name).inc(amount, tags={"step": step})


def count_window(step: str, window: Mapping[str, Any]) -> None:
    """Add a finished window by what its actor returned."""
    found = {name: float(window.get(name) or 0) for name in ("patents", "pairs", "tokens")}
    count(step, {"windows": 1.0, **found, "retries": float(window.get("tries") or 1) - 1})


@contextmanager
def running(step: str) -> Iterator[None]:
    """Say that a step runs, as long as it does."""
    if is_up():
        _running().set(1, tags={"step": step})
    try:
        yield
    finally:
        if is_up():
            _running().set(0, tags={"step": step})
