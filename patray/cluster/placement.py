"""Work out what fits where: how many workers a cluster's nodes hold at once, and how large to make one.

Pure functions of the nodes' resources. A node's rest is no other node's: 2 + 8 CPUs hold no two workers of 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

NAMES = {"cpus": "CPU", "gpus": "GPU", "memory": "memory"}
SLACK = 1e-6
"""Ray counts resources in ten-thousandths: three workers of 1/3 CPU fit into one."""


@dataclass(frozen=True)
class Resources:
    """What a node has, or one worker (task, actor) asks for. memory: bytes."""

    cpus: float = 0.0
    gpus: float = 0.0
    memory: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.gpus:g} GPU"] if self.gpus else []
        parts += [f"{self.cpus:g} CPU"] if self.cpus or not self.gpus else []
        parts += [f"{self.memory / 1e9:.1f} GB of memory"] if self.memory else []
        return " + ".join(parts)

    def bundle(self) -> dict[str, float]:
        """As Ray names them, without what is not asked for: {"CPU": 1.0}."""
        named = {name: float(getattr(self, field)) for field, name in NAMES.items()}
        return {name: amount for name, amount in named.items() if amount}

    def options(self) -> dict[str, float]:
        """As keyword arguments of a Ray task or actor."""
        found: dict[str, float] = {"num_cpus": self.cpus}
        return found | ({"num_gpus": self.gpus} if self.gpus else {}) | ({"memory": self.memory} if self.memory else {})


def held_by(node: Resources, worker: Resources) -> int:
    """How many such workers one node holds at once; a worker that asks for nothing counts once."""
    asked = [(getattr(node, name), getattr(worker, name)) for name in NAMES if getattr(worker, name) > 0]
    return min((int(has / wants + SLACK) for has, wants in asked), default=1)


def slots(nodes: Iterable[Resources], worker: Resources) -> int:
    """How many such workers the nodes hold at once: `slots([2 CPU, 8 CPU], 5 CPU)` is 1."""
    return sum(held_by(node, worker) for node in nodes)


def lacking(nodes: Sequence[Resources], worker: Resources, count: int = 1) -> str | None:
    """What the nodes lack for `count` such workers at once, in words; None where they fit.

    "2 x 4 CPU do not fit: the nodes hold 1 at once; the largest has 6 CPU"
    """
    room = slots(nodes, worker)
    if room >= count:
        return None
    for field, name in NAMES.items():
        wants, most = getattr(worker, field), max((getattr(node, field) for node in nodes), default=0.0)
        if wants > most + SLACK * wants:
            wanted, has = (f"{x / 1e9:.1f} GB" if field == "memory" else f"{x:g}" for x in (wants, most))
            return f"it asks for {wanted} {name} on one node, and the largest has {has}"
    if room == 0:
        return f"no node has {worker} together"
    return f"{count} x {worker} do not fit at once: the nodes hold {room}"


def share(nodes: Sequence[Resources], tasks: int, least: Resources) -> Resources:
    """How large to make each of `tasks` equal tasks, so that all are done soonest: CPUs from `least.cpus` to a node's.

    Of the sizes that fit, the one with the least (rounds of tasks) / CPUs, the smallest of equals: many tasks get one
    CPU each, one task gets the largest node. Two tasks on 2 + 8 CPUs get 4 each. `least` itself where nothing fits.
    """
    most = int(max((node.cpus for node in nodes if held_by(node, least)), default=least.cpus))
    sizes = [Resources(max(least.cpus, float(cpus)), least.gpus, least.memory) for cpus in range(1, most + 1)]
    fitting = [(size, slots(nodes, size)) for size in [least, *sizes]]
    rounds = [(math.ceil(tasks / room) / max(size.cpus, SLACK), size.cpus, size) for size, room in fitting if room]
    return min(rounds, key=lambda one: one[:2])[2] if rounds else least


def split(nodes: Sequence[Resources], most: int, least: int, memory: Callable[[int], float]) -> int:
    """Into how many shards, from `least` to `most`, to cut something so that one of them fits into some node's memory.

    memory: bytes that a worker takes with one of so many shards. The fewest that fit; `most` where none does.
    """
    largest = max((node.memory for node in nodes), default=0.0)
    return next((shards for shards in range(min(least, most), most) if memory(shards) <= largest), most)
