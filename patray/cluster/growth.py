"""See what a cluster has, ask its autoscaler for what it lacks, and wait for that up to a limit.

Ray reports no limits of node types to a job. So nothing is refused for its size where an autoscaler runs: it is asked,
and says itself when no node type can ever hold what is asked. Where none runs, what does not fit is refused at once.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from patray.cluster.placement import Resources, lacking
from patray.cluster.start import is_up
from patray.errors import ResourceError
from patray.progress import warn

OWN_TYPE = re.compile("node_[0-9a-f]{20,}")
"""How Ray's read-only node provider names the type of a node that nobody's autoscaler brought."""
POLL_SECONDS = 1.0
SAY_SECONDS = 30.0
"""How often a wait says what it waits for."""


@dataclass(frozen=True)
class Demand:
    """What Ray's scheduler says of the whole cluster. waiting: what tasks and actors ask for and have not; starting:
    nodes on their way; impossible: what the autoscaler cannot make; scaled: an autoscaler has reported."""

    waiting: tuple[tuple[Resources, int], ...] = ()
    starting: tuple[str, ...] = ()
    impossible: tuple[Resources, ...] = ()
    scaled: bool = False

    def __str__(self) -> str:
        parts = [f"{count} x {what}" for what, count in self.waiting]
        words = "waiting for " + (", ".join(parts) or "what runs")
        return words + (f" (starting: {', '.join(self.starting)})" if self.starting else "")


def nodes() -> list[Resources]:
    """What each living node has, whether in use or not; this machine, where no Ray is up."""
    if not is_up():
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return [Resources(len(os.sched_getaffinity(0)), 0, 0.7 * memory)]  # Ray offers as much
    import ray

    return [_resources(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def node_ids() -> set[str]:
    """Ray's names of the nodes that are alive."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def cluster_facts() -> dict[str, Any]:
    """What the provenance says of the cluster."""
    there, named = nodes(), {}
    if is_up():
        import ray

        named = ray.cluster_resources()
    return {
        "nodes": len(there),
        "cpus": sum(node.cpus for node in there),
        "gpus": sum(node.gpus for node in there),
        "memory_gb": sum(node.memory for node in there) / 1e9,
        "accelerators": sorted(key.split(":")[1] for key in named if key.startswith("accelerator_type:")),
    }


def _resources(named: dict[str, float]) -> Resources:
    return Resources(named.get("CPU", 0.0), named.get("GPU", 0.0), named.get("memory", 0.0))


def demand() -> Demand:
    """What is asked for and not placed, from the scheduler itself (it needs no dashboard)."""
    import ray
    from ray import _raylet
    from ray.core.generated import autoscaler_pb2

    reply = getattr(autoscaler_pb2, "GetClusterStatusReply")()  # noqa: B009 -- generated: no types
    address = ray.get_runtime_context().gcs_address
    try:
        reply.ParseFromString(getattr(_raylet, "GcsClient")(address).get_cluster_status(timeout_s=10))  # noqa: B009
    except Exception as error:  # Ray names no type for it; a wait must not end because it could not say why it waits
        warn(f"the scheduler of {address} did not say what it waits for: {error}")
        return Demand()
    asked: Counter[Resources] = Counter()
    for one in reply.cluster_resource_state.pending_resource_requests:
        asked[_resources(dict(one.request.resources_bundle))] += one.count
    for group in reply.cluster_resource_state.pending_gang_resource_requests:
        for one in group.requests:
            asked[_resources(dict(one.resources_bundle))] += 1
    state = reply.autoscaling_state
    starting = Counter({one.ray_node_type_name: one.count for one in state.pending_instance_requests})
    starting.update(one.ray_node_type_name for one in state.pending_instances)
    impossible = [_resources(dict(one.resources_bundle)) for one in state.infeasible_resource_requests]
    for constraint in state.infeasible_cluster_resource_constraints:
        impossible += [_resources(dict(one.request.resources_bundle)) for one in constraint.resource_requests]
    return Demand(
        tuple(asked.items()), tuple(f"{count} x {name}" for name, count in starting.items()), tuple(impossible),
        reply.HasField("autoscaling_state"),
    )  # fmt: skip


def scales() -> bool:
    """Whether an autoscaler may add nodes: it has reported, or (of the older kind) left its status.

    Every head has a monitor that reports as an autoscaler does. Of a Ray that this process started, or that was started
    by hand (`ray start`), it never adds a node: it calls each node a type of its own, `node_` and the node's id.
    """
    from ray._private import worker
    from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
    from ray.experimental.internal_kv import _internal_kv_get

    if worker._global_node is not None and worker._global_node.is_head():
        return False
    status = _internal_kv_get(DEBUG_AUTOSCALING_STATUS)
    types = json.loads(status).get("autoscaler_report", {}).get("active_nodes", {}) if status else {}
    if types:
        return not all(OWN_TYPE.fullmatch(name) for name in types)
    return bool(status) or demand().scaled


def require(what: str, worker: Resources, count: int, wait_seconds: float) -> list[Resources]:
    """The nodes, once they hold `count` such workers at once; asks the autoscaler for them and waits where they do not.

    what: who asks, for the message. Raises ResourceError, with what is missing, at once where no autoscaler runs or
    none of its node types can hold a worker, and when `wait_seconds` have passed.
    """
    found = nodes()
    missing = lacking(found, worker, count)
    if missing is None:
        return found
    if not is_up() or not scales():
        raise ResourceError(_refusal(what, missing, found, "no autoscaler runs here that could add a node"))
    from ray.autoscaler.sdk import request_resources

    begin = said = time.monotonic()
    warn(f"{what}: {missing}; the autoscaler is asked for {count} x {worker}, for up to {wait_seconds:g} s")
    request_resources(bundles=[worker.bundle()] * count)
    try:
        while (missing := lacking(found, worker, count)) is not None:
            now, state = time.monotonic(), demand()
            if worker in map(_comparable(worker), state.impossible):
                raise ResourceError(_refusal(what, missing, found, "the autoscaler can never bring it"))
            if now - begin > wait_seconds:
                why = f"the autoscaler brought none in {wait_seconds:g} s (embedding.stall_seconds)"
                raise ResourceError(_refusal(what, missing, found, why))
            if now - said >= SAY_SECONDS:
                said = now
                warn(f"{what}: {state}, for {now - begin:.0f} s")
            time.sleep(POLL_SECONDS)
            found = nodes()
    finally:
        request_resources(bundles=[])  # what runs keeps its nodes; what was asked for would keep them for ever
    return found


def _comparable(worker: Resources) -> Any:
    """Ray gives amounts back rounded to ten-thousandths."""

    def same(found: Resources) -> Resources:
        near = (abs(found.cpus - worker.cpus) < 1e-3, abs(found.gpus - worker.gpus) < 1e-3)
        return worker if all(near) else found

    return same


def _refusal(what: str, missing: str, found: list[Resources], why: str) -> str:
    cpus, gpus = (sum(getattr(node, name) for node in found) for name in ("cpus", "gpus"))
    return (
        f"{what}: {missing}. The cluster has {len(found)} node{'s' * (len(found) != 1)} with {cpus:g} CPU and {gpus:g} "
        f"GPU, and {why}. Ask for less in the suite (`embedding`, `training`, more `search.shards`), or add nodes."
    )
