"""A sweep with Ray Tune: many short trainings, the hopeless ones stopped early, the best recipe written as a file.

WORKDIR/sweeps/NAME/
    sweep.yaml        what was asked, complete
    tune/             Ray Tune's own state: a killed driver goes on from it
    training/TRIAL/   checkpoints of a trial at work, deleted when it has ended
    trials/TRIAL.json what a trial left that ended by itself
    trials.parquet trials.md trials.svg report.html best.yaml     the result; best.yaml last
"""

from __future__ import annotations

import os
import time
from typing import Any

from patray.cluster.errors import cause_of
from patray.cluster.go_on import go_on
from patray.cluster.growth import require, scales
from patray.cluster.held_up import LostNodes
from patray.cluster.models import Model, find_model
from patray.cluster.placement import Resources, slots
from patray.cluster.prepare import prepare_landscape
from patray.cluster.start import connect
from patray.cluster.sweep_trial import METRIC, TIME, Bench, free, free_all, trainable, trial_recipe
from patray.cluster.train import PROGRESS, storage_in
from patray.errors import PatrayError, TrainingError
from patray.files import Folder
from patray.progress import Progress, say
from patray.recipes.options import Workers
from patray.recipes.read import dump_recipe
from patray.recipes.space import Range, Space, Values, words_of
from patray.report.sweep import Trial, best_of, write_trials
from patray.runs.sweep import Sweep, claim_sweep
from patray.steps.lease import holding

BEST = "best.yaml"
LAST_RUNG = 10**9
"""Above the steps of any training: how many rungs there are follows from how long a trial is."""
DRIVER_MEMORY = 64 * 2**20
"""What a trial's own function claims: memory and no CPU, so that its workers always find theirs."""
WATCH_SECONDS = 2.0


def sweep(asked: Sweep, workdir: str) -> Folder:
    """Run a resolved sweep in `workdir`, or go on with it; returns its folder. Raises PatrayError with what to do."""
    store = Folder.at(workdir).make()
    suite = asked.suite()
    model = find_model(suite.models[0], suite.models_from)
    connect(dashboard=True)  # without one, Ray's cleaner of a stopped trial frees nothing and stays: findings/
    with holding(store, [f"sweeps/{asked.name}"]):
        return go_on(lambda _: _sweep(asked, suite, model, store), store)


def _sweep(asked: Sweep, suite: Any, model: Model, store: Folder) -> Folder:
    options = asked.training.model_copy(update={"workers": Workers(min=asked.training.workers.min)})
    worker, number = Resources(options.threads, options.gpus), options.workers.min
    offered = require(f"one trial of {asked.name}: {number} worker(s)", worker, number, options.stall_seconds)
    prepared, _ = prepare_landscape(suite.landscapes[0], suite, store)
    folder = (store / "sweeps" / asked.name).make()
    claim_sweep(folder, asked, {"home": prepared.folder.name, "base": model.content})
    if folder.exists(BEST):
        say(f"the sweep {folder} is complete")
        print(f"{folder}/{BEST}")
        return folder
    home = asked.home.model_copy(update={"name": prepared.name})
    bench = Bench(
        asked.model_copy(update={"home": home}), folder, prepared.folder, model.record, model.snapshot, options
    )
    room = asked.trials if scales() else max(1, slots(offered, worker) // number)
    most = min(room, asked.max_concurrent or asked.trials, asked.trials)
    say(f"sweep {asked.name}: {asked.trials} trials, {most} at a time, by {asked.goal.words}")
    results = _tuner(bench, most).fit()
    free_all(bench)
    trials = [_trial(at, result, bench) for at, result in enumerate(results)]
    if any(trial.status == "unfinished" for trial in trials) or len(trials) < asked.trials:
        raise KeyboardInterrupt
    return _finish(bench, trials)


def _tuner(bench: Bench, most: int) -> Any:
    """Tune's driver, new or restored from where the last one ended."""
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.basic_variant import BasicVariantGenerator

    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"  # every event is saved: what a killed driver lost would run again
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    asked = bench.sweep
    function = tune.with_resources(
        trainable(bench), tune.PlacementGroupFactory([{"CPU": 0, "memory": DRIVER_MEMORY}], strategy="PACK")
    )
    watch = _watch(bench)
    there = bench.folder / "tune" / "trials"
    path, filesystem = storage_in(there).values()
    if tune.Tuner.can_restore(path, storage_filesystem=filesystem):
        say(f"sweep {asked.name}: goes on from {there}")
        tuner = tune.Tuner.restore(
            path, function, resume_unfinished=True, resume_errored=True, storage_filesystem=filesystem
        )
        restored: Any = tuner._local_tuner  # Ray restores no callback
        restored.get_run_config().callbacks = [watch]
        return tuner
    scheduler = None
    if asked.scheduler is not None:
        scheduler = ASHAScheduler(
            time_attr=TIME, max_t=max(LAST_RUNG, asked.scheduler.grace_steps), stop_last_trials=False,
            grace_period=asked.scheduler.grace_steps, reduction_factor=asked.scheduler.reduction,
        )  # fmt: skip
    searcher: Any
    if asked.searcher == "optuna":
        from ray.tune.search.optuna import OptunaSearch

        searcher = ConcurrencyLimiter(OptunaSearch(seed=asked.seed), max_concurrent=most)
    else:
        searcher = BasicVariantGenerator(max_concurrent=most, random_state=asked.seed)
    return tune.Tuner(
        function,
        param_space=_domains(asked.space),
        tune_config=tune.TuneConfig(
            metric=METRIC, mode="min" if asked.goal.measure == "loss" else "max", num_samples=asked.trials,
            search_alg=searcher, scheduler=scheduler, reuse_actors=False,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="trials", **storage_in(bench.folder / "tune"), callbacks=[watch], verbose=0,
            failure_config=tune.FailureConfig(max_failures=bench.options.max_failures),
        ),
    )  # fmt: skip


def _domains(space: Space) -> dict[str, Any]:
    """What Tune draws from; `recipes.space.recipe_of` reads it back."""
    from ray import tune

    def domain(of: Values | Range) -> Any:
        if isinstance(of, Values):
            return tune.choice(words_of(of))
        if of.step is not None:
            return tune.randint(0, of.steps + 1)
        if of.whole:
            return (tune.lograndint if of.log else tune.randint)(int(of.low), int(of.high) + 1)
        return (tune.loguniform if of.log else tune.uniform)(float(of.low), float(of.high))

    return {field: domain(of) for field, of in space.items()}


def _watch(bench: Bench) -> Any:
    """A callback of Tune: shows how many trials have ended, deletes their checkpoints, and ends a sweep that stands."""
    from ray.tune import Callback

    class Watch(Callback):
        def __init__(self) -> None:
            self.bar: Progress | None = None
            self.ended: dict[str, float] = {}
            self.counted: set[str] = set()
            self.seen: dict[str, Any] = {}
            self.changed = self.looked = time.monotonic()
            self.nodes = LostNodes(f"sweep {bench.sweep.name}", bench.options.stall_seconds)

        def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
            now = time.monotonic()
            if now - self.looked < WATCH_SECONDS:
                return
            self.looked = now
            self.bar = self.bar or Progress(f"sweep {bench.sweep.name}", bench.sweep.trials, unit="trials")
            over = {trial.trial_id for trial in trials if trial.is_finished()}
            seen: dict[str, Any] = {"over": len(over)}
            for trial in trials:
                running = bench.running(trial.trial_id)
                if not trial.is_finished() and running.exists(PROGRESS):
                    seen[trial.trial_id] = running.read_json(PROGRESS)["step"]
            if over - self.counted:
                values = [trial.last_result[METRIC] for trial in trials if METRIC in (trial.last_result or {})]
                best = (min if bench.sweep.goal.measure == "loss" else max)(values, default=float("nan"))
                self.bar.move(len(over - self.counted), f"best {best:.4f}")
                self.ended |= dict.fromkeys(over - self.counted, now)
                self.counted |= over
            for trial_id, since in list(self.ended.items()):
                if now - since > WATCH_SECONDS:
                    free(bench.running(trial_id))
                if now - since > 5 * WATCH_SECONDS:
                    del self.ended[trial_id]
                    self._clear(trial_id)
            self.nodes.look(seen != self.seen)
            if seen != self.seen:
                self.seen, self.changed = seen, now
            elif now - self.changed > bench.options.stall_seconds:
                raise self.nodes.stalled(
                    f"sweep {bench.sweep.name}: no trial did a step for {bench.options.stall_seconds} s "
                    "(training.stall_seconds). The cluster may have no room for a worker: see `ray status`."
                )

        def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
            if self.bar is not None:
                self.bar.move(len({one.trial_id for one in trials if one.is_finished()} - self.counted), "")
                self.bar.close()

        def _clear(self, trial_id: str) -> None:
            """A worker of a stopped trial has had the time to end; its message, if it failed, is kept."""
            running = bench.running(trial_id)
            for name in running.list():
                if name != "error.json":
                    running.delete(name)

    return Watch()


def _trial(at: int, result: Any, bench: Bench) -> Trial:
    recipe = trial_recipe(bench, result.config)
    metrics = result.metrics or {}
    trial_id = metrics.get("trial_id") or result.path.rstrip("/").rpartition("/")[2]
    record = bench.folder.read_json(bench.record(trial_id)) if bench.folder.exists(bench.record(trial_id)) else None
    if result.error is not None:
        status = "failed"
    elif record is not None and record["metrics"][TIME] == metrics.get(TIME):
        status = "finished"  # a short training may be over before the scheduler's word reaches it: still stopped
    else:
        status = "stopped" if metrics.get("done") else "unfinished"
    log = result.metrics_dataframe
    curve: list[tuple[int, float]] = []
    if log is not None and METRIC in log:
        curve = [(int(step), float(value)) for step, value in zip(log[TIME], log[METRIC], strict=True)]
    cause = None if result.error is None else cause_of(result.error)
    words = "" if cause is None else str(cause)
    if cause is not None and not isinstance(cause, PatrayError):
        words = f"{type(cause).__name__}: {words}"
    return Trial(
        number=at + 1, status=status, recipe=recipe, steps=metrics.get(TIME), objective=metrics.get(METRIC),
        best_step=metrics.get("best_step"), seconds=metrics.get("time_total_s"), curve=tuple(dict(curve).items()),
        message=" ".join(words.split())[:1000],
    )  # fmt: skip


def _finish(bench: Bench, trials: list[Trial]) -> Folder:
    asked, folder = bench.sweep, bench.folder
    lower = asked.goal.measure == "loss"
    write_trials(folder, asked.name, asked.goal.words, list(asked.space), trials, lower)
    best = best_of(trials, lower)
    if best is None:
        raise TrainingError(
            f"sweep {asked.name}: every trial failed; the first: {trials[0].message}. See {folder}/trials.md"
        )
    folder.delete("training")
    title = f"{asked.record.title or asked.record.name}; trial {best.number} of the sweep {asked.name}"
    origin = f"the best of {len(trials)} trials on {asked.home.name} with {asked.base.name or asked.base.model}"
    named = best.recipe.model_copy(update={"name": asked.name, "title": title, "origin": origin})
    folder.write_text(BEST, dump_recipe(named))
    say(f"best: trial {best.number}, {asked.goal.words} {best.objective:.4f}")
    print(f"{folder}/{BEST}")
    return folder
