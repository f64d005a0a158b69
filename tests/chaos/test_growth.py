"""A cluster without workers grows to what a run asks for, and shrinks again; what no node type holds is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.fake_autoscaler import growing_cluster

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import json
import ray
from patray.cluster.growth import nodes, require
from patray.cluster.placement import Resources
from patray.cluster.start import connect
from patray.cluster.tasks import gather, submit
from patray.errors import ResourceError
from tests.chaos.arena import until

def count(at):
    return at

connect()
found = {"before": sum(node.gpus for node in nodes())}
try:
    require("too much", Resources(1, 4), 1, 120)
except ResourceError as error:
    found["refused"] = str(error)
found["there"] = sum(node.gpus for node in require("one worker", Resources(1, 1), 1, 120))
found["done"] = gather([submit(count, Resources(1, 1), at) for at in range(4)], "search", 120)
until(lambda: not sum(node.gpus for node in nodes()), "the leave of the idle node", 300)
found["after"] = sum(node.gpus for node in nodes())
print(json.dumps(found))
"""


BY_HAND = """
from patray.cluster.growth import require, scales
from patray.cluster.placement import Resources
from patray.cluster.start import connect
from patray.errors import ResourceError
from tests.chaos.arena import until

connect()
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.experimental.internal_kv import _internal_kv_get
until(lambda: _internal_kv_get(DEBUG_AUTOSCALING_STATUS), "the monitor's first report", 120)
assert not scales()
try:
    require("one worker", Resources(1, 1), 1, 600)
except ResourceError as error:
    print(error)
"""


def test_nodes_that_were_started_by_hand_are_not_waited_for_to_grow() -> None:
    """Their head's monitor reports as an autoscaler does, and brings nothing."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=2)
        environment = {**os.environ, "RAY_ADDRESS": cluster.address}
        done = subprocess.run(
            [sys.executable, "-c", BY_HAND], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )
    finally:
        cluster.shutdown()
    assert done.returncode == 0, done.stderr
    assert "no autoscaler runs here that could add a node" in done.stdout


def test_from_no_gpu_worker_to_one_and_back(tmp_path: Path) -> None:
    workers = {"gpu": {"resources": {"CPU": 2, "GPU": 1}, "max_workers": 2}}
    with growing_cluster(tmp_path, 2, workers) as cluster:
        environment = {**os.environ, "RAY_ADDRESS": cluster.address, "RAY_AUTH_MODE": "disabled"}
        done = subprocess.run(
            [sys.executable, "-c", DRIVER], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])  # Ray prints its own lines first
    assert found["before"] == found["after"] == 0
    assert found["there"] >= 1
    assert found["done"] == [0, 1, 2, 3]
    assert "it asks for 4 GPU on one node" in found["refused"]
    assert "the autoscaler can never bring it" in found["refused"]
    assert re.search(r"patray: one worker: .* the autoscaler is asked for 1 x 1 GPU \+ 1 CPU", done.stderr)
