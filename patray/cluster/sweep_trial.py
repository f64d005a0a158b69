"""One trial of a sweep: a training whose validations Ray Tune hears of, and that ends without a checkpoint of its own.

A function of Tune starts Ray Train; each checkpoint's metrics go on to Tune, which may stop the trial there. What a
trial leaves is `trials/ID.json` in the sweep's folder, written when it ends by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private.state import actors

from patray import errors
from patray.cluster.errors import cause_of
from patray.cluster.train import ERROR, TrainJob, torch_trainer, training_work, work_of_one
from patray.errors import TrainingError
from patray.files import Folder
from patray.landscapes.cited_pairs import CitedBy
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot
from patray.recipes.objective import make_weighted
from patray.recipes.options import Training
from patray.recipes.pairs import make_pairs
from patray.recipes.record import Recipe
from patray.recipes.space import recipe_of
from patray.recipes.train import Trained, Work, check_work, total_steps
from patray.recipes.validation import Validation, make_validation
from patray.runs.sweep import Sweep
from patray.steps.landscape import shares

METRIC, TIME = "best_value", "step"
"""What a checkpoint of a training reports: the best validation so far, and the steps done."""
LAST_SECONDS, POLL_SECONDS = 30.0, 0.2
"""How long controllers of stopped trials may take to end when a sweep is over, and how often that is looked at."""
GROUP = "group.json"
"""Which placement group holds a trial's workers: Ray does not free it when the trial is stopped."""


@dataclass(frozen=True)
class Bench:
    """What all trials share. folder: of the sweep; home: the clean copy; options: workers of one trial."""

    sweep: Sweep
    folder: Folder
    home: Folder
    base: ModelRecord
    snapshot: Snapshot
    options: Training

    def running(self, trial: str) -> Folder:
        return self.folder / "training" / trial

    def record(self, trial: str) -> str:
        """Name of what a trial leaves, in the sweep's folder."""
        return f"trials/{trial}.json"


def trial_recipe(bench: Bench, drawn: Mapping[str, Any]) -> Recipe:
    return recipe_of(bench.sweep.record, bench.sweep.space, drawn)


def make_job(bench: Bench, recipe: Recipe, name: str) -> TrainJob:
    """The training of a recipe with its pairs and the sweep's objective. Raises InputError as those do."""
    sweep, goal = bench.sweep, bench.sweep.goal
    views = {view.name: view.sections for view in sweep.views}
    where = (shares(sweep.splits), sweep.splits.salt, views)
    asked = (sweep.direction, CitedBy(sweep.relevant, sweep.origin or ()))
    if goal.is_weighted:
        weights = {task: getattr(goal, task) for task in ("retrieval", "classification", "clustering")}
        validation: Validation = make_weighted(bench.home, recipe, weights, goal.labels, *where, *asked)
    else:
        validation = make_validation(bench.home, recipe, *where, *asked)
    pairs = make_pairs(bench.home, recipe, *where)
    return TrainJob(
        name, bench.base, recipe, sweep.home.name or "home", pairs, validation, bench.snapshot.content,
        snapshot=bench.snapshot,
    )  # fmt: skip


def trainable(bench: Bench) -> Callable[[dict[str, Any]], None]:
    """The function that Tune calls with a draw."""

    def try_one(drawn: dict[str, Any]) -> None:
        from ray import tune
        from ray.tune.integration.ray_train import TuneReportCallback

        trial = tune.get_context().get_trial_id()
        if bench.folder.exists(bench.record(trial)):  # it ended just before the driver was killed
            tune.report(bench.folder.read_json(bench.record(trial))["metrics"])
            return
        running = bench.running(trial).make()
        free(running)  # an earlier try may have died with its node
        _raise_kept(running, None)
        failed = f"failed-{ray.get_runtime_context().get_job_id()}.json"
        if running.exists(failed):  # Tune tries a trial again that died with its node, and this one too
            raise TrainingError(running.read_json(failed)["message"])
        job = make_job(bench, trial_recipe(bench, drawn), trial)
        check_work(training_work(job, Path(), bench.options), bench.options.workers.min)
        reference, record = ray.put(job), bench.record(trial)

        def finish(trained: Trained, work: Work) -> None:
            state = trained.state
            metrics = {"step": state.step, "best_step": state.best_step, "best_value": state.best_value}
            log = [{"step": row["step"], "validation": row["validation"]} for row in state.log if "validation" in row]
            bench.folder.write_json(
                record,
                {
                    "metrics": metrics,
                    "before": state.log[0].get("validation"),
                    "log": [row for row in log if row["validation"] is not None],
                    "steps": total_steps(work.recipe, work.pairs.table.num_rows),
                    "seconds": sum(row.get("seconds") or 0.0 for row in state.log),
                },
            )

        def work() -> None:
            group = ray.get_runtime_context().get_placement_group_id()
            running.write_json(GROUP, {"id": group})  # the same on every worker
            work_of_one(ray.get(reference), running, bench.options, finish)

        try:
            torch_trainer(work, running, bench.options, [TuneReportCallback()]).fit()
        except Exception as error:
            _raise_kept(running, error)
            running.write_json(failed, {"message": str(cause_of(error))})
            raise
        _raise_kept(running, None)
        if not bench.folder.exists(record):
            raise TrainingError(f"trial {trial}: the training ended without a result")

    return try_one


def _raise_kept(running: Folder, cause: BaseException | None) -> None:
    """The error of a worker that a user can act on, if there is one: trying again would be in vain."""
    if running.exists(ERROR):
        told = running.read_json(ERROR)
        raise getattr(errors, told["kind"], TrainingError)(told["message"]) from cause


def free(running: Folder) -> None:
    """Give the room of a trial's workers back.

    Ray Train's controller, killed with the trial, cannot do it, and the next trial would wait for ever. A controller
    that was slower to die has made another group: called again.
    """
    if not running.exists(GROUP):
        return
    from ray._raylet import PlacementGroupID
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    group = running.read_json(GROUP)["id"]
    running.delete(GROUP)
    if group is not None:
        remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(group))))


def free_all(bench: Bench) -> None:
    """Give the room of every trial's workers back, once no controller is left that could take it again."""
    job, end = ray.get_runtime_context().get_job_id(), time.monotonic() + LAST_SECONDS
    while time.monotonic() < end and any(
        actor["ActorClassName"] == "TrainController" and actor["JobID"] == job and actor["State"] != "DEAD"
        for actor in actors().values()
    ):
        time.sleep(POLL_SECONDS)
    training = bench.folder / "training"
    for trial in training.list():
        free(training / trial)
