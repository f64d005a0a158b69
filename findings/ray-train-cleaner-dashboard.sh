#!/usr/bin/env bash
# Ray Train keeps a process beside each training that frees the room of its workers when the training's controller is
# killed. One would guess that it does so in any Ray. It asks the dashboard whether the controller lives: in a Ray without
# one (include_dashboard=False, as on a laptop or in tests) it frees nothing, says so only in a log, and stays for ever
# itself. A second training of as many workers then waits without end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'ray[default,train]==2.60.0' 2>/dev/null
cat > "$folder/killed.py" <<'PY'
import logging
import sys
import tempfile
import threading
import time

import ray
from ray._private.state import actors
from ray.train import RunConfig, ScalingConfig
from ray.util.placement_group import placement_group_table


@ray.remote(num_cpus=0)
class Driver:
    def fit(self, folder):
        from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

        def work():
            threading.Event().wait(300)

        DataParallelTrainer(
            work, scaling_config=ScalingConfig(num_workers=1), run_config=RunConfig(name="x", storage_path=folder)
        ).fit()


def alive(kind):
    return sum(one["ActorClassName"] == kind and one["State"] == "ALIVE" for one in actors().values())


def states():
    return [one["state"] for one in placement_group_table().values()]


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.5)
    return true()


ray.init(num_cpus=2, include_dashboard=sys.argv[1] == "yes", logging_level=logging.CRITICAL, log_to_driver=False)
with tempfile.TemporaryDirectory() as folder:
    driver = Driver.remote()
    driver.fit.remote(folder)
    assert until(lambda: "CREATED" in states() and alive("RayTrainWorker") and alive("PlacementGroupCleaner"), 180)
    time.sleep(10)  # the cleaner is told of the group once the workers are ready
    ray.kill(driver)
    assert until(lambda: not alive("TrainController"), 60)
    freed = until(lambda: "CREATED" not in states() and not alive("PlacementGroupCleaner"), 40)
    print("freed and gone" if freed else f"{states()[0].lower()}, {alive('PlacementGroupCleaner')} cleaner stays")
ray.shutdown()
PY
export RAY_TRAIN_V2_ENABLED=1 RAY_USAGE_STATS_ENABLED=0
answer=()
for dashboard in yes no; do
    answer[${#answer[@]}]=$("$folder/env/bin/python" "$folder/killed.py" $dashboard 2>/dev/null)
    echo "ray 2.60.0, dashboard: $dashboard: ${answer[-1]}"
done
test "${answer[0]}" = "freed and gone"
test "${answer[1]}" = "created, 1 cleaner stays"
