"""Several Ray nodes on this machine, begun here and ended by their own handles."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OPEN = {"RAY_AUTH_MODE": "disabled"}
"""Environment of whoever joins."""


@dataclass(frozen=True)
class Nodes:
    """address: of the head; dashboard: its URL, "" without one; raylets: the process that each worker ends with; head:
    the process that the cluster is told of everything by."""

    address: str
    dashboard: str
    raylets: list[int]
    head: int


@contextmanager
def several_nodes(head: int, *workers: int, dashboard: bool = False) -> Iterator[Nodes]:
    """A head and workers with so many CPUs each, whatever this machine has.

    With a dashboard they keep their files in a folder of their own, and the head's address in it: Ray 2.60 tells the
    driver of a job the address that it finds there, else that of any Ray of the machine.
    """
    from ray.cluster_utils import Cluster

    before = os.environ.get("RAY_AUTH_MODE")
    os.environ.update(OPEN)
    port = free_port()
    asked: dict[str, object] = {"num_cpus": head, "include_dashboard": dashboard}
    own = tempfile.mkdtemp(prefix="pt-", dir="/tmp")  # short: sockets lie in it
    if dashboard:  # jobs are given to the head's agent, whose port any other Ray of the machine may have
        asked |= {"dashboard_port": port, "dashboard_agent_listen_port": free_port(), "temp_dir": own}
    made = Cluster(initialize_head=True, head_node_args=asked)
    try:
        Path(own, "ray_current_cluster").write_text(made.address)
        raylets = [made.add_node(num_cpus=cpus).all_processes["raylet"][0].process.pid for cpus in workers]
        assert made.head_node is not None
        head_pid = made.head_node.all_processes["gcs_server"][0].process.pid
        yield Nodes(made.address, f"http://127.0.0.1:{port}" if dashboard else "", raylets, head_pid)
    finally:
        made.shutdown()
        shutil.rmtree(own, ignore_errors=True)
        del os.environ["RAY_AUTH_MODE"]
        if before is not None:
            os.environ["RAY_AUTH_MODE"] = before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
