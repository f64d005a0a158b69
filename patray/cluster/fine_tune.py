"""The tuned models of a suite: pairs from each home, matched where asked, hard negatives where asked, then one training
after another.

A training uses the whole cluster; one that is done is found and not done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from patray.cluster.mine import Miner
from patray.cluster.models import Model
from patray.cluster.search import ONE_CPU
from patray.cluster.tasks import gather, submit
from patray.cluster.train import TrainJob, check_job, train
from patray.files import Folder
from patray.models.content import identify
from patray.models.resolve import Snapshot
from patray.recipes.checkpoint import open_checkpoint
from patray.runs.step_record import StepRecord
from patray.runs.suite import Suite
from patray.runs.tuned import Tuned
from patray.steps.landscape import Landscape
from patray.steps.train import make_material, match_materials, train_step, tunings_of
from patray.tables import TRAINING


def fine_tune(
    suite: Suite,
    landscapes: Sequence[Landscape],
    models: Mapping[str, Model],
    store: Folder,
    run: Folder,
    again: str | None = None,
) -> Iterator[tuple[Model, tuple[StepRecord, ...], tuple[str, ...]]]:
    """Every tuned model of a resolved suite, its steps for the provenance, and notes on its pairs; in the end their
    training curves are written to `run`. again: the mark of what was made again where that was asked for."""
    curves = []
    for home in suite.homes:
        tunings = tunings_of(suite, home)
        landscape = next(one for one in landscapes if one.name == home)
        recipes = {one.at: one.recipe for one in tunings}
        started = [submit(make_material, ONE_CPU, landscape.folder, one, suite) for one in recipes.values()]
        made = gather(started, f"pairs of {home}", suite.training.stall_seconds)
        materials = match_materials(dict(zip(recipes, made, strict=True)), suite)
        jobs = []
        for tuning in tunings:
            base = models[tuning.tuned.base]
            jobs.append(TrainJob.of(train_step(tuning, materials[tuning.at], base), base.snapshot))
            check_job(jobs[-1], suite.training)  # all of them before the first one trains for hours
        miner = Miner(suite, store, landscape, again)
        ready = [_mined(job, miner, models[one.tuned.base]) for one, job in zip(tunings, jobs, strict=True)]
        for tuning, (job, steps) in zip(tunings, ready, strict=True):
            tuned, found = tuning.tuned, job.pairs
            folder, step = train(job, store, suite.training)
            counts = {f"{row['source']}: {row['reason']}": row["pairs"] for row in found.counts.to_pylist()}
            record = open_checkpoint(folder)
            snapshot = identify(record, Snapshot(folder.uri, "tuned by this run"))
            model = Model(tuned.name, record, str(tuning.entry.engine), snapshot, snapshot.content)
            curves.append(_curve(tuned, folder.read_table("steps.parquet")))
            yield model, (*steps, step.with_facts(counts=counts)), found.notes
    if curves:
        run.write_table("training.parquet", pa.concat_tables(curves))


def _mined(job: TrainJob, miner: Miner, base: Model) -> tuple[TrainJob, tuple[StepRecord, ...]]:
    """The job with the hard negatives that its recipe asks for, which are part of what identifies its checkpoint."""
    if job.recipe.hard_negatives is None:
        return job, ()
    pairs, step = miner.mine(job.pairs, job.recipe, base)
    return replace(job, pairs=pairs), (step,)


def _curve(tuned: Tuned, steps: pa.Table) -> pa.Table:
    """Rows of the schema `tables.TRAINING` from a checkpoint's log."""
    named = {"model": tuned.name, **tuned.model_dump()}
    for at, (name, value) in enumerate(named.items()):
        steps = steps.add_column(at, name, pa.array([value] * steps.num_rows))
    return steps.select(TRAINING.names).cast(TRAINING)
