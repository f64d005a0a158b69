"""Write out every default and name of a suite, and check that everything it names exists.

Pure: no file is read but the registry's. The result is again a suite; resolving it a second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from patray.errors import InputError
from patray.landscapes.labels import DERIVED
from patray.landscapes.views import View, get_view, make_view
from patray.metrics.measures import parse_measure
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.runs.suite import Comparison, LandscapeEntry, ModelEntry, Suite, SystemEntry, Tasks, ViewEntry


def resolve(suite: Suite) -> Suite:
    """`suite` with every default and name in place; InputError for a name that does not exist or stands twice."""
    landscapes = tuple(_landscape(entry) for entry in suite.landscapes)
    _unique("landscapes", [str(entry.name) for entry in landscapes])
    views = tuple(_view_entry(entry) for entry in suite.views)
    _unique("views", [view.name for view in views])
    models = tuple(_model(entry) for entry in suite.models)
    _unique("models", [str(entry.name) for entry in models])
    systems = _systems(suite.systems, models)
    if suite.tasks.retrieval is not None:
        for measure in suite.tasks.retrieval.measures:
            parse_measure(measure)
    tuned = any(system.kind == "linear" for system in systems)
    tasks = _tasks(suite.tasks, tuned)
    if suite.embedding.actors.max is not None and suite.embedding.actors.max < suite.embedding.actors.min:
        raise InputError(
            f"embedding.actors: max {suite.embedding.actors.max} is below min {suite.embedding.actors.min}"
        )
    statistics = suite.statistics.model_copy(update={"comparisons": _comparisons(suite, tasks, systems, views, models)})
    return suite.model_copy(
        update={
            "landscapes": landscapes,
            "views": views,
            "models": models,
            "systems": systems,
            "tasks": tasks,
            "statistics": statistics,
        }
    )


def suite_views(suite: Suite) -> list[View]:
    """The views of a resolved suite."""
    return [make_view(entry.name, entry.sections) for entry in suite.views if isinstance(entry, ViewEntry)]


def model_record(entry: ModelEntry) -> ModelRecord:
    """The record of a resolved model entry."""
    if entry.record is None:
        raise InputError(f"models: {entry.name} was not resolved")
    return entry.record


def _landscape(entry: LandscapeEntry) -> LandscapeEntry:
    if entry.name is not None:
        return entry
    return entry.model_copy(update={"name": PurePosixPath(str(entry.path).rstrip("/")).name})


def _view_entry(entry: str | ViewEntry) -> ViewEntry:
    if isinstance(entry, ViewEntry):
        view = make_view(entry.name, entry.sections)
        return ViewEntry(name=view.name, sections=view.sections)
    view = get_view(entry)
    return ViewEntry(name=view.name, sections=view.sections)


def _model(entry: ModelEntry) -> ModelEntry:
    record = entry.record if entry.record is not None else find_record(str(entry.model))
    if record.kind != "dense":
        raise InputError(f"models: {record.name} is a {record.kind} model; this suite's systems take dense models")
    changes: dict[str, object] = {}
    if entry.dtype is not None:
        changes["dtype"] = entry.dtype
    if entry.max_tokens is not None:
        if entry.max_tokens > record.nominal_tokens:
            raise InputError(
                f"models: {record.name}: max_tokens {entry.max_tokens} is above the {record.nominal_tokens} it accepts"
            )
        changes["max_tokens"] = entry.max_tokens
    if entry.prompts is not None:
        if entry.prompts not in record.prompt_sets:
            known = ", ".join(record.prompt_sets) or "none besides the default"
            raise InputError(f"models: {record.name} has no prompt set {entry.prompts!r}; it has {known}")
        changes["prompts"] = record.prompt_sets[entry.prompts]
    engine = entry.engine or record.engines[0]
    if engine not in record.engines:
        raise InputError(f"models: {record.name} does not run on {engine}; it runs on {', '.join(record.engines)}")
    return ModelEntry(
        name=entry.name or record.name, record=record.model_copy(update=changes), path=entry.path, engine=engine
    )


def system_name(system: SystemEntry) -> str:
    """The name of a system that has none of its own: its parts and settings."""
    if system.dense is not None:
        return system.dense
    if system.linear is not None:
        return f"linear({','.join(system.linear)})"
    if system.rrf is not None:
        return f"rrf{system.k or 60}({','.join(system.rrf)})"
    default = system.k1 in (None, 1.2) and system.b in (None, 0.75)
    return "bm25" if default else f"bm25-k{system.k1 or 1.2:g}-b{0.75 if system.b is None else system.b:g}"


def _systems(systems: tuple[SystemEntry, ...] | None, models: tuple[ModelEntry, ...]) -> tuple[SystemEntry, ...]:
    if systems is None:
        systems = (*(SystemEntry(dense=entry.name) for entry in models), SystemEntry(lexical="bm25"))
    resolved: list[SystemEntry] = []
    kinds: dict[str, str] = {}
    for system in systems:
        name = system.name or system_name(system)
        if name in kinds:
            raise InputError(f"systems: the name {name} stands there twice; give one of them another `name`")
        if system.dense is not None and system.dense not in {entry.name for entry in models}:
            known = ", ".join(str(entry.name) for entry in models) or "none"
            raise InputError(f"systems: {name}: there is no model {system.dense!r} in this suite; it has {known}")
        parts = system.linear or system.rrf or ()
        missing = [part for part in parts if part not in kinds]
        if missing:
            raise InputError(
                f"systems: {name}: {missing[0]!r} is not a system that stands before it; there are {', '.join(kinds)}"
            )
        if system.linear is not None and (kinds[system.linear[0]], kinds[system.linear[1]]) != ("dense", "lexical"):
            raise InputError(f"systems: {name}: linear takes a dense system first and a lexical one second")
        kinds[name] = system.kind
        changes: dict[str, object] = {"name": name}
        if system.lexical is not None:
            changes.update(k1=1.2 if system.k1 is None else system.k1, b=0.75 if system.b is None else system.b)
        if system.rrf is not None:
            changes.update(k=system.k or 60)
        resolved.append(system.model_copy(update=changes))
    return tuple(resolved)


def _tasks(tasks: Tasks, tuned: bool) -> Tasks:
    for kind in (tasks.classification, tasks.clustering):
        for name in kind.labels if kind is not None else ():
            if name.startswith(("ipc-", "cpc-")) and name not in DERIVED:
                raise InputError(f"labels: {name!r} is not one of {', '.join(DERIVED)}")
    retrieval = tasks.retrieval
    if retrieval is None or retrieval.queries is not None:
        if retrieval is not None and retrieval.queries == "all" and tuned:
            raise InputError(
                "tasks.retrieval.queries: all would report the queries on which the linear fusion is tuned; "
                "use untuned or test"
            )
        return tasks
    queries = "untuned" if tuned else "all"
    return tasks.model_copy(update={"retrieval": retrieval.model_copy(update={"queries": queries})})


def _comparisons(
    suite: Suite,
    tasks: Tasks,
    systems: tuple[SystemEntry, ...],
    views: tuple[ViewEntry, ...],
    models: tuple[ModelEntry, ...],
) -> tuple[Comparison, ...]:
    if suite.statistics.comparisons is not None:
        _unique("statistics.comparisons", [family.name for family in suite.statistics.comparisons])
        return suite.statistics.comparisons
    families = []
    mains = []
    if tasks.retrieval is not None:
        first = tasks.retrieval.measures[0]
        mains.append(("retrieval", "retrieval", first, len(systems)))
    if tasks.classification is not None:
        mains.extend(
            (f"classification-{probe}", "classification:*", f"{probe}-macro-F1", len(models))
            for probe in tasks.classification.probes
        )
    if tasks.clustering is not None:
        mains.append(("clustering", "clustering:*", "V-measure", len(models)))
    for name, task, metric, count in mains:
        if count > 1:
            families.append(Comparison(name=f"systems/{name}", task=task, metric=metric))
        if len(views) > 1:
            families.append(Comparison(name=f"views/{name}", task=task, metric=metric, between="views"))
    if tasks.retrieval is not None and len(systems) > 1 and "out" in tasks.retrieval.slices:
        families.append(
            Comparison(name="systems/retrieval-out", task="retrieval", metric=tasks.retrieval.measures[0], slice="out")
        )
    return tuple(families)


def _unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what}: the name {name} stands there twice; give one of them another `name`")
        seen.add(name)
