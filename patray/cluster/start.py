"""Connect to a cluster or start a local Ray; refuse at once what the cluster can never offer."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import ray

from patray.errors import ResourceError


def connect() -> None:
    """Join the cluster that this process belongs to (RAY_ADDRESS, `ray job submit`), else start a local Ray."""
    if not ray.is_initialized():
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        # Ray's C++ core prints advice about Ray Data's own actors as errors; a local Ray keeps its logs all the same.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        ray.init(
            address=os.environ.get("RAY_ADDRESS"),
            include_dashboard=None if os.environ.get("RAY_ADDRESS") else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": {"TOKENIZERS_PARALLELISM": "false"}},
        )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # says that its bars are off, as asked


@dataclass(frozen=True)
class Offer:
    """What the cluster has now and what it can grow to (equal where nothing scales it)."""

    now: dict[str, float]
    most: dict[str, float]

    @property
    def grows(self) -> bool:
        return any(self.most[name] > self.now.get(name, 0) for name in self.most)


def offer() -> Offer:
    """The cluster's resources now, and the most that its autoscaler may add up to."""
    now = {name: float(ray.cluster_resources().get(name, 0)) for name in ("CPU", "GPU")}
    configured = ray._private.state.state.get_max_resources_from_cluster_config() or {}
    most = {name: max(amount, float(configured.get(name) or 0)) for name, amount in now.items()}
    return Offer(now, most)


def require(what: str, cpus: float, gpus: float) -> Offer:
    """The cluster's offer; ResourceError when `what` asks for more than it can ever give."""
    found = offer()
    for name, asked in (("CPU", cpus), ("GPU", gpus)):
        if asked > found.most[name]:
            raise ResourceError(
                f"{what} asks for {asked:g} {name} at once, but this cluster has {found.now[name]:g} and can grow to "
                f"{found.most[name]:g}. Ask for less in the suite (`embedding`), or add nodes to the cluster."
            )
    return found
