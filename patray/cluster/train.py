"""Fine-tune one model with Ray Train: workers that may die, a driver that may die, one checkpoint in the end.

Ray Train keeps the checkpoints of a training under `training/NAME-KEY` in the work directory and finds the last one by
itself, whether a worker died or the driver. The result goes to `checkpoints/RECIPE/BASE/KEY`; then the former is
deleted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from patray import errors
from patray.artifacts import is_complete, read_record
from patray.cluster.embed import MODEL_CACHE
from patray.cluster.growth import require
from patray.cluster.held_up import LostNodes, working
from patray.cluster.placement import Resources
from patray.cluster.tasks import beside_driver
from patray.errors import PatrayError, ResourceError, TrainingError
from patray.files import Folder, locate
from patray.models.resolve import Snapshot, localise
from patray.progress import Progress, say
from patray.recipes.checkpoint import Origin, export, open_checkpoint
from patray.recipes.options import Training
from patray.recipes.train import Trained, Work, check_work, total_steps
from patray.recipes.train import train as train_worker
from patray.runs.step_record import StepRecord
from patray.steps.lease import holding
from patray.steps.train import TrainStep

PROGRESS, ERROR = "progress.json", "error.json"
POLL_SECONDS = 2.0
SAY_SECONDS = 5.0
"""How often worker 0 writes how far it is."""


@dataclass(frozen=True)
class TrainJob(TrainStep):
    """A step of training and where the files of its base lie."""

    snapshot: Snapshot = field(kw_only=True)

    @classmethod
    def of(cls, step: TrainStep, snapshot: Snapshot) -> TrainJob:
        return cls(*(getattr(step, one.name) for one in fields(step)), snapshot=snapshot)


def train(job: TrainJob, store: Folder, options: Training) -> tuple[Folder, StepRecord]:
    """The checkpoint of a job and the step's record; made now, resumed, or found complete.

    Raises InputError for what cannot be trained, ResourceError when the cluster has no room or no step is done for
    `options.stall_seconds`, TrainingError when the loss is not finite.
    """
    with holding(store, [str(job.folder(store).path_in(store))]):
        return _train(job, store, options)


def _train(job: TrainJob, store: Folder, options: Training) -> tuple[Folder, StepRecord]:
    import ray

    folder = job.folder(store)
    about = {"base": job.base.name, "recipe": job.recipe.name, "seed": job.recipe.seed, "checkpoint": str(folder)}
    record = StepRecord("train", job.home, model=job.name, facts=about)
    if is_complete(folder):
        open_checkpoint(folder)
        return folder, replace(record.with_facts(**_totals(folder)), reused=True)
    least = options.workers.min
    require(
        f"training {job.name}: {least} worker(s) of {options.threads} thread(s)",
        Resources(options.threads, options.gpus),
        least,
        options.stall_seconds,
    )
    check_job(job, options)
    origin = Origin(job.name, job.home, job.key, job.identity)
    running = store / "training" / f"{job.name}-{origin.key}"
    running.make().delete(ERROR)
    say(
        f"train {job.name}: {total_steps(job.recipe, job.pairs.table.num_rows):,} steps of {job.recipe.batch} pairs "
        f"from {job.pairs.table.num_rows:,}"
    )
    begin = time.perf_counter()
    run: Any = beside_driver(_Run).remote()
    try:
        _watch(run.fit.remote(ray.put(job), origin, running, folder, options), job, running, options)
    finally:
        ray.kill(run)
    open_checkpoint(folder)
    store.delete(f"training/{running.name}")
    totals = _totals(folder)
    hours = totals["train_seconds"] * totals["workers"] / 3600
    spent = {"cpu_hours": 0.0 if options.gpus else hours * options.threads, "gpu_hours": hours * options.gpus}
    return folder, replace(record.with_facts(**totals, **spent), seconds=time.perf_counter() - begin)


def _totals(folder: Folder) -> dict[str, Any]:
    """What a checkpoint says of its training; `train_seconds` of it are those of its workers."""
    totals = dict(read_record(folder)["totals"])
    return {**totals, "train_seconds": totals.pop("seconds")}


def check_job(job: TrainJob, options: Training) -> None:
    """InputError or ModelError for what cannot be trained, before anything starts."""
    check_work(training_work(job, Path(), options), options.workers.max or options.workers.min)


def training_work(job: TrainJob, snapshot: Path, options: Training) -> Work:
    return Work(job.base, snapshot, job.recipe, job.pairs, job.validation, options.checkpoint_every)


class _Run:
    """Ray Train's own driver, as an actor: when it is killed, its controller and its workers end with it."""

    def fit(self, job: TrainJob, origin: Origin, running: Folder, folder: Folder, options: Training) -> None:
        import ray

        reference = ray.put(job)
        torch_trainer(
            lambda: _work_of_one(ray.get(reference), origin, running, folder, options), running, options
        ).fit()


def storage_in(folder: Folder) -> dict[str, Any]:
    """Where Ray keeps what it writes itself, as its own options say it: a URI may hold how its store is reached."""
    filesystem, path = locate(folder.uri, ResourceError)
    return {"storage_path": path, "storage_filesystem": None if folder.is_local else filesystem}


def torch_trainer(work: Callable[[], None], running: Folder, options: Training, callbacks: Sequence[Any] = ()) -> Any:
    """Ray Train's trainer of `work` on every worker, its checkpoints kept in `running`."""
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    resources = {"CPU": float(options.threads)} | ({"GPU": float(options.gpus)} if options.gpus else {})
    low, high = options.workers.min, options.workers.max
    workers: Any = low if high is None or high == low else (low, high)  # Ray's annotation does not know pairs
    return TorchTrainer(
        work,
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=options.gpus > 0,
            resources_per_worker=resources,
        ),
        torch_config=TorchConfig(timeout_s=options.stall_seconds),
        run_config=RunConfig(
            name=running.name,
            **storage_in(running.parent),
            failure_config=FailureConfig(max_failures=options.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            callbacks=[*callbacks],
        ),
    )


class RaySession:
    """A `patray.recipes.train.Session` inside a worker of Ray Train."""

    def __init__(self, running: Folder, scratch: Path) -> None:
        from ray.train import get_context
        from ray.train.torch import get_device

        context = get_context()
        self.rank, self.workers = context.get_world_rank(), context.get_world_size()
        self.device = str(get_device())
        self._running, self._scratch, self._said = running, scratch, 0.0

    def resume(self) -> Path | None:
        import ray

        checkpoint = ray.train.get_checkpoint()
        return None if checkpoint is None else Path(checkpoint.to_directory(str(self._scratch / "resumed")))

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        import ray

        found = None if checkpoint is None else ray.train.Checkpoint.from_directory(str(checkpoint))
        ray.train.report(metrics, checkpoint=found)

    def progress(self, step: int, steps: int, loss: float, pairs_per_s: float) -> None:
        now = time.monotonic()
        if self.rank == 0 and (now - self._said >= SAY_SECONDS or step == steps):
            self._said = now
            self._running.write_json(PROGRESS, {"step": step, "steps": steps, "loss": loss, "pairs_per_s": pairs_per_s})


def _work_of_one(job: TrainJob, origin: Origin, running: Folder, folder: Folder, options: Training) -> None:
    check = options.check_in_vllm
    work_of_one(job, running, options, lambda trained, work: export(trained, work, origin, folder, in_vllm=check))


def work_of_one(job: TrainJob, running: Folder, options: Training, finish: Callable[[Trained, Work], None]) -> None:
    """What one worker does; worker 0 ends with `finish`. An error that a user can act on is kept in a file: Ray would
    only try again, in vain."""
    import torch

    if running.exists(ERROR):
        return
    try:
        with working(), tempfile.TemporaryDirectory(prefix="patray-train-") as scratch:
            session = RaySession(running, Path(scratch))
            if session.device == "cpu":
                torch.set_num_threads(options.threads)
            work = training_work(job, localise(job.snapshot, job.base, MODEL_CACHE), options)
            trained = train_worker(work, session, Path(scratch))
            if trained is not None:
                finish(trained, work)
    except PatrayError as error:
        running.write_json(ERROR, {"kind": type(error).__name__, "message": str(error)})
        raise


def _watch(run: Any, job: TrainJob, running: Folder, options: Training) -> None:
    """Wait for the run's end, showing its steps; ResourceError when none is done for `stall_seconds`."""
    import ray

    label = f"train {job.name}"
    progress = Progress(label, total_steps(job.recipe, job.pairs.table.num_rows), unit="steps")
    seen, changed, error, nodes = 0, time.monotonic(), None, LostNodes(label, options.stall_seconds)
    try:
        while not ray.wait([run], timeout=POLL_SECONDS)[0]:
            now = running.read_json(PROGRESS) if running.exists(PROGRESS) else {"step": 0}
            nodes.look(now["step"] != seen)
            if now["step"] != seen:
                progress.move(now["step"] - seen, f"loss {now['loss']:.4f}, {now['pairs_per_s']:.1f} pairs/s")
                seen, changed = now["step"], time.monotonic()
            elif time.monotonic() - changed > options.stall_seconds:
                raise nodes.stalled(
                    f"{label}: no step was done for {options.stall_seconds} s (training.stall_seconds), the last was "
                    f"{seen}. The cluster may have no room for a worker: see `ray status`."
                )
        ray.get(run)
    except ResourceError:
        raise
    except Exception as failure:
        error = failure
    finally:
        progress.close()
    if running.exists(ERROR):
        told = running.read_json(ERROR)
        kind = getattr(errors, told["kind"], TrainingError)
        raise kind(f"{label}: {told['message']}. The last good checkpoint, if any, stays in {running}") from error
    if error is not None:
        nodes.look(True)
        cause = nodes.cause(error)
        raise cause from (None if cause is error else error)
