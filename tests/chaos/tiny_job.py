"""A tuning of a tiny base on a local Ray, as a process that a test can kill: `python -m tests.chaos.tiny_job ...`."""

import sys
from pathlib import Path

from patray.cluster.start import connect
from patray.cluster.train import TrainJob, train
from patray.files import Folder
from patray.models.resolve import Snapshot
from patray.recipes.options import Training
from tests.recipes.tiny_bases import tiny_record
from tests.recipes.tiny_training import tiny_pairs, tiny_recipe, tiny_validation

STEPS = 160


def job(snapshot: Path) -> TrainJob:
    recipe = tiny_recipe(steps=STEPS, validate_every=16, batch=16, mini_batch=8, learning_rate=0.001)
    found = Snapshot(str(snapshot), "path")
    return TrainJob(
        "tiny--r1--home--s0", tiny_record(), recipe, "home", tiny_pairs(), tiny_validation(), snapshot=found
    )


if __name__ == "__main__":
    connect()
    options = Training.model_validate({"workers": {"min": int(sys.argv[3])}, "stall_seconds": 120})
    folder, step = train(job(Path(sys.argv[1])), Folder.at(sys.argv[2]), options)
    print(folder, step["starts"], step["steps"])
