"""Hours and money of a model's tokens: which accelerator holds it, how fast it runs there, what an hour costs."""

from __future__ import annotations

from dataclasses import dataclass

from patray.errors import InputError
from patray.models.memory import GpuMemory
from patray.models.record import ModelRecord
from patray.planning.estimates import Accelerator, Estimates, Range, Throughput
from patray.runs.suite import Prices

OWN_PRICES = "the suite's prices"
FORWARD_FLOPS = 2
"""Floating-point operations of a weight for each token of a forward pass (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True)
class Cost:
    """Device-hours of one model. devices: how many hold one copy (tensor parallel); hours are of all of them together.

    tokens_per_s: of one copy. hours, usd: lowest, expected, highest; usd None where no price is known.
    """

    accelerator: str
    kind: str
    devices: int
    tokens_per_s: Range
    hours: Range
    usd: Range | None
    source: str
    price_source: str


@dataclass(frozen=True)
class Unplaced:
    """No accelerator of the table can be planned for: why."""

    reason: str


def choose_accelerators(estimates: Estimates, wanted: str | None, gpus: float) -> list[Accelerator]:
    """The one that was asked for, else all GPUs of the table for a suite that asks for GPUs, else its CPU cores."""
    if wanted is None:
        kind = "gpu" if gpus > 0 else "cpu"
        return [row for row in estimates.accelerators if row.kind == kind]
    found = [row for row in estimates.accelerators if row.name == wanted]
    if not found:
        known = ", ".join(row.name for row in estimates.accelerators)
        raise InputError(f"--accelerator {wanted}: not in the table of estimates; it has {known}")
    return found


def plan_cost(
    record: ModelRecord,
    tokens: Range,
    memory: GpuMemory | None,
    estimates: Estimates,
    among: list[Accelerator],
    prices: Prices,
) -> Cost | Unplaced:
    """The cheapest of `among` whose memory holds the model; by hours where a price is missing.

    tokens: lowest, expected, highest that are to be encoded. memory: of one of the record's `tensor_parallel` devices,
    None where it cannot be told.
    """
    if record.size is None:
        return Unplaced("its record states no size")
    fitting = [row for row in among if _holds(row, memory)]
    if not fitting:
        need = "" if memory is None else f" needs {memory.total / 2**30:.1f} GiB on each of {record.tensor_parallel}"
        return Unplaced(f"{need.strip()}, more than {', '.join(row.name for row in among)} have".strip(", "))
    costs = [cost for row in fitting if (cost := _cost(record, tokens, row, estimates, prices)) is not None]
    if not costs:
        return Unplaced(f"no throughput for {', '.join(row.name for row in fitting)} in the table of estimates")
    priced = all(cost.usd is not None for cost in costs)
    return min(costs, key=lambda cost: cost.usd[1] if priced and cost.usd else _rate(cost))


def _rate(cost: Cost) -> float:
    return cost.devices / cost.tokens_per_s[1]


def _holds(accelerator: Accelerator, memory: GpuMemory | None) -> bool:
    return accelerator.memory_gib is None or memory is None or memory.total <= accelerator.memory_gib * 2**30


def _cost(
    record: ModelRecord, tokens: Range, accelerator: Accelerator, estimates: Estimates, prices: Prices
) -> Cost | None:
    # of a static model's table a token meets one row, with one addition for each number of it
    size = record.dimension // 2 + 1 if "static" in record.engines else int(record.size or 0)
    row = estimates.throughput_of(accelerator, size)
    speed = None if row is None else _speed(row, accelerator, record.dtype, size)
    if row is None or speed is None:
        return None
    devices = record.tensor_parallel
    hours = tuple(
        count / rate * devices / 3600 for count, rate in zip(tokens, reversed(speed), strict=True)
    )  # fewest tokens at the highest speed first
    own = prices.gpu_hour if accelerator.kind == "gpu" else prices.cpu_hour
    price = accelerator.price_hour if own is None else own
    usd = None if price is None else (hours[0] * price, hours[1] * price, hours[2] * price)
    return Cost(
        accelerator=accelerator.name,
        kind=accelerator.kind,
        devices=devices,
        tokens_per_s=speed,
        hours=(hours[0], hours[1], hours[2]),
        usd=usd,
        source=row.source if row.utilisation is None else f"{row.source} ({_share(row, accelerator, record.dtype)})",
        price_source=accelerator.price_source if own is None else OWN_PRICES,
    )


def _speed(row: Throughput, accelerator: Accelerator, dtype: str, size: int) -> Range | None:
    if row.tokens_per_s is not None and row.weights is not None:
        low, middle, high = (rate * row.weights / size for rate in row.tokens_per_s)
        return low, middle, high
    peak = accelerator.peak_tflops.get(dtype)
    if peak is None or row.utilisation is None:
        return None
    low, middle, high = (share * peak * 1e12 / (FORWARD_FLOPS * size) for share in row.utilisation)
    return low, middle, high


def _share(row: Throughput, accelerator: Accelerator, dtype: str) -> str:
    assert row.utilisation is not None
    low, middle, high = row.utilisation
    return f"{middle:.0%}, {low:.0%} to {high:.0%}, of {accelerator.peak_tflops[dtype]:g} TFLOP/s {dtype}"
