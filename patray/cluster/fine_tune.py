"""The tuned models of a suite: pairs from each home, matched where asked, hard negatives where asked, then one training
after another.

A training uses the whole cluster; one that is done is found and not done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from patray.cluster.mine import Miner
from patray.cluster.models import Model
from patray.cluster.prepare import Landscape, shares
from patray.cluster.search import ONE_CPU
from patray.cluster.tasks import gather, submit
from patray.cluster.train import TrainJob, check_job, train
from patray.files import Folder
from patray.landscapes.cited_pairs import ALL
from patray.models.content import identify
from patray.models.resolve import Snapshot
from patray.recipes.checkpoint import open_checkpoint
from patray.recipes.match import match
from patray.recipes.pairs import PairSet, make_pairs
from patray.recipes.record import Recipe
from patray.recipes.validation import Validation, make_validation
from patray.runs.suite import ModelEntry, Suite
from patray.runs.tuned import Tuned
from patray.tables import TRAINING


def _pairs(home: Folder, recipe: Recipe, suite: Suite) -> tuple[PairSet, Validation]:
    where = (shares(suite.splits), suite.splits.salt, suite.own_views)
    retrieval = suite.tasks.retrieval
    asked = ("cited", ALL) if retrieval is None else (retrieval.direction, retrieval.cited_by)
    return make_pairs(home, recipe, *where), make_validation(home, recipe, *where, *asked)


def fine_tune(
    suite: Suite,
    landscapes: Sequence[Landscape],
    models: Mapping[str, Model],
    store: Folder,
    run: Folder,
    again: str | None = None,
) -> Iterator[tuple[Model, tuple[dict[str, Any], ...], tuple[str, ...]]]:
    """Every tuned model of a resolved suite, its steps for the provenance, and notes on its pairs; in the end their
    training curves are written to `run`. again: the mark of what was made again where that was asked for."""
    curves = []
    recipes = {str(entry.name): entry.record for entry in suite.recipes}
    for home in suite.homes:
        entries = [entry for entry in suite.models if entry.tuned is not None and entry.tuned.home == home]
        landscape = next(one for one in landscapes if one.name == home)
        wanted = {(_tuned(entry).recipe, _tuned(entry).seed): entry for entry in entries}
        seeded = {at: _seeded(recipes[at[0]], at[1]) for at in wanted}
        started = [submit(_pairs, ONE_CPU, landscape.folder, one, suite) for one in seeded.values()]
        made = dict(zip(seeded, gather(started, f"pairs of {home}", suite.training.stall_seconds), strict=True))
        pairs = {f"{name} seed {seed}": found for (name, seed), (found, _) in made.items()}
        if suite.matched:
            pairs = match(pairs)
        jobs = []
        for tuned in map(_tuned, entries):
            at, base = (tuned.recipe, tuned.seed), models[tuned.base]
            found = pairs[f"{tuned.recipe} seed {tuned.seed}"]
            of_base = (base.record, base.snapshot)
            jobs.append(TrainJob(tuned.name, *of_base, seeded[at], home, found, made[at][1], base.content))
            check_job(jobs[-1], suite.training)  # all of them before the first one trains for hours
        miner = Miner(suite, store, landscape, again)
        ready = [_mined(job, miner, models[_tuned(entry).base]) for entry, job in zip(entries, jobs, strict=True)]
        for entry, (job, steps) in zip(entries, ready, strict=True):
            tuned, found = _tuned(entry), job.pairs
            folder, step = train(job, store, suite.training)
            counts = {f"{row['source']}: {row['reason']}": row["pairs"] for row in found.counts.to_pylist()}
            record = open_checkpoint(folder)
            snapshot = identify(record, Snapshot(folder.uri, "tuned by this run"))
            model = Model(tuned.name, record, str(entry.engine), snapshot, snapshot.content)
            curves.append(_curve(tuned, folder.read_table("steps.parquet")))
            yield model, (*steps, {**step, "counts": counts}), found.notes
    if curves:
        run.write_table("training.parquet", pa.concat_tables(curves))


def _mined(job: TrainJob, miner: Miner, base: Model) -> tuple[TrainJob, tuple[dict[str, Any], ...]]:
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


def _tuned(entry: ModelEntry) -> Tuned:
    if entry.tuned is None:
        raise AssertionError(f"{entry.name} is not a tuned model")
    return entry.tuned


def _seeded(recipe: Recipe | None, seed: int) -> Recipe:
    if recipe is None:
        raise AssertionError("the suite was not resolved")
    return recipe.model_copy(update={"seed": recipe.seed + seed})
