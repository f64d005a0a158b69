"""The plan of a suite, put together: read the landscapes once, then every step, model, byte and dollar follows."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from patray.errors import ModelError
from patray.files import Folder
from patray.models.content import identify
from patray.models.memory import BYTES, GpuMemory, gpu_bytes
from patray.models.resolve import Snapshot, find_snapshot, require_runnable
from patray.planning.corpus import Corpus, open_corpus, read_texts
from patray.planning.cost import Cost, Unplaced, choose_accelerators, plan_cost
from patray.planning.disk import Disk, plan_disk
from patray.planning.embeddings import NOTHING, EmbedPlan, PlannedModel, plan_embeddings
from patray.planning.estimates import Estimates, Range
from patray.planning.rankings import RankPlan, RankPlanner
from patray.planning.time import WallTime, plan_time
from patray.planning.tokens import own_counter, proxy_counter
from patray.planning.training import TrainPlan, plan_training
from patray.runs.family_sizes import refuse_hopeless, tasks_on, uncarried
from patray.runs.identity import differences
from patray.runs.read import dump_suite
from patray.runs.resolve import model_record, suite_views
from patray.runs.suite import ModelEntry, Suite
from patray.steps.embed import CorpusView, embed_steps
from patray.steps.landscape import label_names
from patray.systems.listwise import Listwise
from patray.systems.readings import Readings
from patray.systems.rerank import Rerank
from patray.yaml_source import load_yaml

WRITTEN_BY_RUN = re.compile(r"systems\.\d+\.content: |models\.\d+\.content: .* -> None$")
"""Hashes that `patray run` writes into its suite and a plan does not know: of runs made elsewhere, of models whose
files are not at hand."""
WHOLE = 1_000_000
"""Tokens of a text that are counted where it is read to its end."""
GPU_BATCH, CPU_BATCH = 65_536, 2_048
"""Tokens of a batch where the suite names none."""


@dataclass(frozen=True)
class ModelPlan:
    """What one model asks for. tokens: of all its steps; to_do: of those that are not there (a reranker's pairs too).

    training: forward tokens that its training is worth.

    file_bytes: of its snapshot, exact where it was found (`file_source`), else weights x bytes of its dtype.
    """

    model: PlannedModel
    inputs: int
    truncated: int
    tokens: Range
    to_do: Range
    training: Range
    memory: GpuMemory | None
    cost: Cost | Unplaced
    file_bytes: int | None
    file_source: str


@dataclass(frozen=True, repr=False)
class Plan:
    """What a run will do and cost. run_state: new, begun or finished; notes: what the run will say."""

    suite: Suite
    workdir: str
    run: str
    run_state: str
    tokens_per_batch: int
    estimates: Estimates
    corpora: tuple[Corpus, ...]
    models: tuple[ModelPlan, ...]
    training: tuple[TrainPlan, ...]
    embeddings: tuple[EmbedPlan, ...]
    rankings: tuple[RankPlan, ...]
    disk: Disk
    search_hours: float
    time: WallTime
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        """`<Plan of demo: 12 sets of vectors, 2 to do; 36 rankings, 36 to do; some 0.03 hours>`."""
        counts = [
            f"{len(steps):,} {what}, {sum(step.state in ('to do', 'partly') for step in steps):,} to do"
            for steps, what in ((self.embeddings, "sets of vectors"), (self.rankings, "rankings"))
        ]
        return f"<Plan of {self.suite.name}: {'; '.join(counts)}; some {self.time.wall / 3600:.2g} hours>"


def make_plan(
    suite: Suite, workdir: str, name: str | None, estimates: Estimates, accelerator: str | None = None
) -> Plan:
    """Plan a resolved suite. Reads `workdir` and the landscapes; writes to a scratch folder alone, which it deletes.

    Raises PatrayError for landscapes, paths or tables that cannot be read; models that cannot run are listed.
    """
    from joblib import cpu_count

    store = Folder.at(workdir)
    run = store / "runs" / (name or suite.name)
    among = choose_accelerators(estimates, accelerator, suite.embedding.gpus)
    models = {str(one.name): _planned(one, suite, estimates) for one in suite.models if one.tuned is None}
    with tempfile.TemporaryDirectory(prefix="patray-plan-") as scratch:
        corpora = [open_corpus(entry, suite, store, Folder.at(scratch)) for entry in suite.landscapes]
        training, tuned = plan_training(suite, {corpus.name: corpus for corpus in corpora}, models, store)
        models |= tuned
        embeddings, rankings = _steps(suite, store, run, models, corpora)
    on_gpu = any(row.kind == "gpu" for row in among)
    batch = suite.embedding.tokens_per_batch or (GPU_BATCH if on_gpu else CPU_BATCH)
    plans = []
    for entry in suite.models:
        model = models[str(entry.name)]
        own = [step for step in embeddings if step.model == model.name]
        pairs = [
            step.tokens
            for step in rankings
            if _reranker(suite, step.system) == model.name and (step.state == "to do" or model.refused)
        ]
        tuning = next((step.tokens for step in training if step.model == model.name), NOTHING)
        to_do = add_ranges([*(step.to_do for step in own), *pairs])
        work = add_ranges([to_do, tuning])
        memory = None if model.record.size is None else gpu_bytes(model.record, batch)
        files, found = _files(entry, model, suite)
        plans.append(
            ModelPlan(
                model=model,
                inputs=sum(step.inputs for step in own if step.state != "shared"),
                truncated=sum(step.truncated for step in own if step.state != "shared"),
                tokens=add_ranges([*(step.tokens for step in own if step.state != "shared"), *pairs]),
                to_do=to_do,
                training=tuning,
                memory=memory,
                cost=plan_cost(model.record, work, memory if on_gpu else None, estimates, among, suite.prices),
                file_bytes=files,
                file_source=found,
            )
        )
    state = "finished" if run.exists("provenance.json") else "begun" if run.exists("suite.yaml") else "new"
    notes = list(dict.fromkeys(note for corpus in corpora for note in _notes(corpus, suite)))
    tasks = {corpus.name: tasks_on(suite, corpus.landscape.metadata, corpus.truth) for corpus in corpora}
    refuse_hopeless(suite, tasks)
    notes += uncarried(suite, tasks)
    others = sum(step.compared for step in embeddings)
    if others:
        notes.append(
            f"{others} set(s) of vectors were made by other versions than are installed here: a sample of each is "
            "encoded again before it is used, or `patray run --reembed` makes them again"
        )
    fetched = sum(one.file_bytes or 0 for one in plans if not one.model.refused and one.to_do[1] > 0)
    flops = sum(step.flops for step in rankings)
    return Plan(
        suite=suite,
        workdir=store.uri,
        run=run.uri,
        run_state=state,
        tokens_per_batch=batch,
        estimates=estimates,
        corpora=tuple(corpora),
        models=tuple(plans),
        training=tuple(training),
        embeddings=tuple(embeddings),
        rankings=tuple(rankings),
        disk=plan_disk(
            suite, corpora, models, fetched, training, embeddings, rankings, estimates.bytes, state == "finished"
        ),
        search_hours=flops / estimates.search.flops_per_core / 3600,
        time=plan_time(
            suite,
            corpora,
            rankings,
            sum(one.cost.hours[1] for one in plans if isinstance(one.cost, Cost) and not one.model.refused),
            sum(one.to_do[1] > 0 for one in plans if not one.model.refused),
            flops,
            estimates.time,
            cpu_count(),
            estimates.search.flops_per_core,
        ),
        notes=tuple(notes + _conflict(suite, run, corpora, models)),
    )


def _notes(corpus: Corpus, suite: Suite) -> Iterator[str]:
    """What the run will say of a landscape."""
    yield from corpus.landscape.notes
    for task in (suite.tasks.classification, suite.tasks.clustering):
        if task is not None:
            yield from label_names(corpus.landscape, task.labels)[1]


def add_ranges(ranges: Iterable[Range]) -> Range:
    total = NOTHING
    for low, middle, high in ranges:
        total = total[0] + low, total[1] + middle, total[2] + high
    return total


def _conflict(suite: Suite, run: Folder, corpora: list[Corpus], models: Mapping[str, PlannedModel]) -> list[str]:
    """A note where the run folder holds another suite, which `patray run` refuses."""
    if not run.exists("suite.yaml"):
        return []
    contents = [
        entry.model_copy(update={"content": corpus.prepared.content_hash})
        for entry, corpus in zip(suite.landscapes, corpora, strict=True)
    ]
    entries = [
        entry if entry.tuned else entry.model_copy(update={"content": models[str(entry.name)].content})
        for entry in suite.models
    ]
    new = dump_suite(suite.model_copy(update={"landscapes": tuple(contents), "models": tuple(entries)}))
    changes = differences(load_yaml(run.read_text("suite.yaml")), load_yaml(new))
    changes = [change for change in changes if not WRITTEN_BY_RUN.match(change)]
    if not changes:
        return []
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return [f"{run} holds another suite, so `patray run` will ask for another --name: {'; '.join(changes[:3])}{more}"]


def _planned(entry: ModelEntry, suite: Suite, estimates: Estimates) -> PlannedModel:
    record, source = model_record(entry), suite.models_from
    counter = own_counter(record, entry.path, source.mirror, source.hub)
    refused = ""
    try:
        require_runnable(record, str(entry.engine or "none"), source.remote_code)
    except ModelError as error:
        refused = str(error)
    found, content = "", None
    try:
        snapshot = find_snapshot(record, entry.path, source.mirror, source.hub)
    except ModelError:
        pass  # listed as a model without files
    else:
        found = snapshot.found
        content = identify(record, snapshot, trust_listing=True).content
    return PlannedModel(
        name=str(entry.name),
        record=record,
        engine=str(entry.engine or "none"),
        counter=counter or proxy_counter(),
        vocabulary=None if counter is not None else estimates.vocabulary_of(record),
        refused=refused,
        found=found,
        content=content,
    )


def _steps(
    suite: Suite, store: Folder, run: Folder, models: dict[str, PlannedModel], corpora: list[Corpus]
) -> tuple[list[EmbedPlan], list[RankPlan]]:
    views = suite_views(suite)
    systems = suite.systems or ()
    in_spans = {one.readings for one in systems if isinstance(one, Readings)}
    limit = max((WHOLE if name in in_spans else _needed(model) for name, model in models.items()), default=1)
    asked = [count for model in models.values() for count in model.counts(limit)]
    counts = {count.key: count for count in sorted(asked, key=lambda count: not count.only_queries)}
    complete = run.exists("provenance.json")
    embeddings, rankings = list[EmbedPlan](), list[RankPlan]()
    for corpus in corpora:
        texts = read_texts(corpus, views, list(counts.values()))
        of = corpus.name, corpus.prepared.folder
        places = [CorpusView(*of, view, texts[view.name][0], corpus.truth) for view in views]
        counted = {view: counts for view, (_, counts) in texts.items()}
        for model in models.values():
            steps = embed_steps(model, places, suite.tasks, systems)
            embeddings.extend(plan_embeddings(model, steps, counted, store))
        ranker = RankPlanner(corpus, texts, models, run, suite.search.depth, complete, len(corpora) == 1)
        rankings.extend(ranker.steps(systems))
    return embeddings, rankings


def _needed(model: PlannedModel) -> int:
    """Tokens of the counter's vocabulary beyond which no text of this model grows."""
    record = model.record
    most = max(record.max_tokens, record.document_tokens or 0)
    return most if model.vocabulary is None else round(most / model.vocabulary.ratio[0]) + 1


def _reranker(suite: Suite, system: str) -> str | None:
    kinds = (Rerank, Listwise)
    return next((one.with_ for one in suite.systems or () if isinstance(one, kinds) and one.name == system), None)


def _files(entry: ModelEntry, model: PlannedModel, suite: Suite) -> tuple[int | None, str]:
    """Bytes of the snapshot and where from; of weights x bytes of the dtype where it is not at hand."""
    record = model.record
    if entry.tuned is not None:
        return None, "made by this run"
    if model.found and model.found != "hub":
        snapshot: Snapshot = find_snapshot(record, entry.path, suite.models_from.mirror, False)
        folder = Folder.at(snapshot.location)
        return sum(folder.size(name) for name in folder.list() if "." in name), model.found
    size = None if record.size is None else record.size * BYTES[record.dtype]
    return size, model.found or "not found"
