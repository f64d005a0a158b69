"""A cluster that grows and shrinks: Ray's own autoscaler over its fake provider, whose nodes are processes here.

`ray.cluster_utils.AutoscalingCluster` does the same, but its wheel lacks a file that it reads, and it begins, ends by
`ray stop --force`, which ends every Ray of the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.several_nodes import OPEN, free_port

HEAD_ID = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"


@dataclass(frozen=True)
class Growing:
    """A cluster with an autoscaler. address: of its head; head: the process that all of its nodes hang on."""

    address: str
    head: psutil.Process

    def raylets(self) -> list[psutil.Process]:
        """The process that each worker ends with, in the order in which the autoscaler brought them."""
        found = []
        for process in self.head.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = process.cmdline()
                if command and command[0].endswith("/raylet") and "--head" not in command:
                    found.append(process)
        return sorted(found, key=psutil.Process.create_time)


@contextmanager
def growing_cluster(folder: Path, head_cpus: int, workers: dict[str, dict[str, Any]]) -> Iterator[Growing]:
    """A head whose autoscaler may add `workers`: {name: {"resources": {...}, "max_workers": n}}.

    Ends by the handles of its own processes. A driver needs RAY_AUTH_MODE=disabled too. (The provider is named as an
    external one: by its own name, Ray reads defaults from a file that is not in its wheel.)
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    types = {name: {"node_config": {}, "min_workers": 0, **one} for name, one in workers.items()}
    types["ray.head.default"] = {"resources": {"CPU": head_cpus}, "node_config": {}, "max_workers": 0}
    config = {
        "cluster_name": "fake",
        "max_workers": 8,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "external", "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": address, "head_node_id": HEAD_ID, "launch_multiple": True, "disable_node_updaters": True,
        },
        "available_node_types": types,
        "head_node_type": "ray.head.default",
        "upscaling_speed": 100,
        "auth": {}, "file_mounts": {}, "cluster_synced_files": [], "file_mounts_sync_continuously": False,
        "rsync_exclude": [], "rsync_filter": [], "initialization_commands": [], "setup_commands": [],
        "head_setup_commands": [], "worker_setup_commands": [], "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }  # fmt: skip
    file = folder / "autoscaling.json"
    file.write_text(json.dumps(config))
    with tempfile.TemporaryDirectory(prefix="patray-", dir="/tmp") as short:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
            "RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_enable_autoscaler_v2": "1",
            "RAY_CLOUD_INSTANCE_ID": HEAD_ID, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID, "RAY_TMPDIR": short,
            "RAY_USAGE_STATS_ENABLED": "0", **OPEN,
        }  # fmt: skip
        command = [
            str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", f"--port={port}",
            f"--num-cpus={head_cpus}", "--include-dashboard=false", f"--autoscaling-config={file}",
            "--node-ip-address=127.0.0.1",
        ]  # fmt: skip
        with open(folder / "head.log", "wb") as log:
            head = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(address, head, folder / "head.log")
            yield Growing(address, psutil.Process(head.pid))
        finally:
            family = psutil.Process(head.pid).children(recursive=True)
            head.send_signal(signal.SIGTERM)
            try:
                head.wait(timeout=30)
            except subprocess.TimeoutExpired:
                head.kill()
            for child in family:
                if child.is_running():
                    child.kill()
            psutil.wait_procs(family, timeout=30)


def _wait_for(address: str, head: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = address.partition(":")
    for _ in range(1200):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            try:
                head.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(log.read_text()[-2000:]) from None
    raise RuntimeError("the head did not start")
