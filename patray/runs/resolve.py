"""Write out every default and name of a suite, and check that everything it names exists.

No file is read but the registry's, and those of a model that is a path and nothing else. The result is again a suite;
resolving it a second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from patray.errors import InputError, PatrayError
from patray.filesystems import is_uri, parent_and_name
from patray.landscapes.labels import DERIVED
from patray.landscapes.views import View, get_view, make_view
from patray.measures.definitions import of_probes, parse_measure, spelled
from patray.models.announced import named_record
from patray.models.derive import folder_record
from patray.models.record import ModelRecord
from patray.runs.suite import Comparison, LandscapeEntry, ModelEntry, Search, Suite, Tasks, ViewEntry
from patray.runs.tuned import RecipeEntry, resolve_recipe, tuned_models
from patray.runs.tuned_systems import check_bases, untuned_systems
from patray.systems.base import System
from patray.systems.dense import LOSSY, Dense
from patray.systems.resolve import resolve_systems


def resolve(suite: Suite) -> Suite:
    """`suite` with every default and name in place; InputError for a name that does not exist or stands twice."""
    suite = _spelled(suite)
    landscapes = tuple(_landscape(entry) for entry in suite.landscapes)
    _unique("landscapes", [str(entry.name) for entry in landscapes])
    views = tuple(_view_entry(entry) for entry in suite.views)
    _unique("views", [view.name for view in views])
    recipes = tuple(resolve_recipe(entry) for entry in suite.recipes)
    _unique("recipes", [str(entry.name) for entry in recipes])
    models = tuple(_model(entry) for entry in suite.models if entry.tuned is None)
    models += _tuned(suite, recipes, models, [str(entry.name) for entry in landscapes])
    _unique("models", [str(entry.name) for entry in models])
    records = {str(entry.name): model_record(entry) for entry in models}
    _check_measures(suite)
    search = _deep_enough(suite)
    systems = resolve_systems(_with_tuned(suite.systems, models), records, search.depth)
    tuned = any(system.TUNED for system in systems)
    tasks = _tasks(suite.tasks, tuned)
    if suite.embedding.actors.max is not None and suite.embedding.actors.max < suite.embedding.actors.min:
        raise InputError(
            f"embedding.actors: max {suite.embedding.actors.max} is below min {suite.embedding.actors.min}"
        )
    statistics = suite.statistics.model_copy(update={"comparisons": _comparisons(suite, tasks, systems, views, models)})
    resolved = suite.model_copy(
        update={
            "landscapes": landscapes,
            "views": views,
            "models": models,
            "recipes": recipes,
            "systems": systems,
            "tasks": tasks,
            "search": search,
            "statistics": statistics,
        }
    )
    check_bases(resolved)
    return resolved


def _spelled(suite: Suite) -> Suite:
    """Measures of rankings under the names that they are reported by: MRR@10 becomes RR@10."""
    retrieval, given = suite.tasks.retrieval, suite.statistics.comparisons
    updates: dict[str, Any] = {}
    if retrieval is not None:
        measures = tuple(map(spelled, retrieval.measures))
        updates["tasks"] = suite.tasks.model_copy(
            update={"retrieval": retrieval.model_copy(update={"measures": measures})}
        )
    if given is not None:
        families = tuple(family.model_copy(update={"metric": spelled(family.metric)}) for family in given)
        updates["statistics"] = suite.statistics.model_copy(update={"comparisons": families})
    return suite.model_copy(update=updates)


def _check_measures(suite: Suite) -> None:
    """Every measure exists and stands once."""
    tasks = suite.tasks
    for name, task in (("retrieval", tasks.retrieval), ("classification", tasks.classification),
                       ("clustering", tasks.clustering)):  # fmt: skip
        if task is not None:
            _unique(f"tasks.{name}.measures", task.measures, "measure", "leave one of them out")
    for text in tasks.retrieval.measures if tasks.retrieval is not None else ():
        try:
            parse_measure(text)
        except InputError as error:
            raise InputError(f"tasks.retrieval.measures: {error}") from error


def _deep_enough(suite: Suite) -> Search:
    """The search with rankings as long as the largest cutoff where no depth is given; a given one must reach it."""
    measures = suite.tasks.retrieval.measures if suite.tasks.retrieval is not None else ()
    longest = max(map(parse_measure, measures), key=lambda measure: measure.cutoff, default=None)
    if longest is None or longest.cutoff <= suite.search.depth:
        return suite.search
    if "depth" in suite.search.model_fields_set:
        raise InputError(
            f"search.depth: {suite.search.depth} is too short for {longest} of tasks.retrieval.measures; set at least "
            f"{longest.cutoff}, leave depth out, or leave the measure out"
        )
    return suite.search.model_copy(update={"depth": longest.cutoff})


def suite_views(suite: Suite) -> list[View]:
    """The views of a resolved suite."""
    return [
        make_view(entry.name, entry.sections, entry.query_sections)
        for entry in suite.views
        if isinstance(entry, ViewEntry)
    ]


def model_record(entry: ModelEntry) -> ModelRecord:
    """The record of a resolved model entry."""
    if entry.record is None:
        raise InputError(f"models: {entry.name} was not resolved")
    return entry.record


def _landscape(entry: LandscapeEntry) -> LandscapeEntry:
    if entry.name is not None:
        return entry
    path = str(entry.path).rstrip("/")
    name = parent_and_name(path)[1] if is_uri(path) else PurePosixPath(path).name
    return entry.model_copy(update={"name": name})


def _view_entry(entry: str | ViewEntry) -> ViewEntry:
    if isinstance(entry, ViewEntry):
        view = make_view(entry.name, entry.sections, entry.query_sections)
        return ViewEntry(name=view.name, sections=view.sections, query_sections=view.query_sections)
    view = get_view(entry)
    return ViewEntry(name=view.name, sections=view.sections)


def _record(entry: ModelEntry) -> ModelRecord:
    if entry.record is not None:
        return entry.record
    if entry.model is not None:
        return named_record(entry.model, entry.path)
    try:
        return folder_record(Path(str(entry.path)).expanduser().absolute())
    except PatrayError as error:
        raise InputError(f"models: {error}") from error


def _model(entry: ModelEntry) -> ModelEntry:
    record = _record(entry)
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
    engine = entry.engine or next(
        iter(record.engines), None
    )  # none: refused before anything starts, but can be planned
    if engine is not None and engine not in record.engines:
        allowed = ", ".join(record.engines) or "no engine here"
        raise InputError(f"models: {record.name} does not run on {engine}; it runs on {allowed}")
    return ModelEntry(
        name=entry.name or record.name,
        record=record.model_copy(update=changes),
        path=entry.path,
        engine=engine,
        content=entry.content,
    )


def _tuned(
    suite: Suite, recipes: tuple[RecipeEntry, ...], models: tuple[ModelEntry, ...], landscapes: list[str]
) -> tuple[ModelEntry, ...]:
    """The models that this run's recipes make; they run on the engine of their base."""
    known = {str(entry.name): model_record(entry) for entry in models}
    engines = {entry.name: entry.engine for entry in models}
    return tuple(
        ModelEntry(name=tuned.name, record=record, engine=engines[tuned.base], tuned=tuned)
        for tuned, record in tuned_models(recipes, suite.bases, suite.homes, known, landscapes)
    )


def _with_tuned(systems: tuple[System, ...] | None, models: tuple[ModelEntry, ...]) -> tuple[System, ...] | None:
    """The suite's systems, and every tuned model and its base that none of them names."""
    if systems is None:
        return None
    dense = [system for system in systems if isinstance(system, Dense)]
    named = {system.dense for system in dense if not (system.dimensions or system.precision in LOSSY)}
    wanted = [name for entry in models if entry.tuned for name in (entry.tuned.base, str(entry.name))]
    missing = [name for name in dict.fromkeys(wanted) if name not in named]
    return (*systems, *(Dense(dense=name) for name in missing))


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
    systems: tuple[System, ...],
    views: tuple[ViewEntry, ...],
    models: tuple[ModelEntry, ...],
) -> tuple[Comparison, ...]:
    """The families of the suite, or a default; with recipes the verdict is always among them."""
    mains = _main_metrics(tasks)
    tuned = {str(entry.name) for entry in models if entry.tuned is not None}
    given = suite.statistics.comparisons
    families: list[Comparison] = []
    if given is not None:
        _unique("statistics.comparisons", [family.name for family in given])
        families.extend(given)
    else:
        plain = untuned_systems(systems, tuned)
        counts = {"retrieval": len(plain)}
        dense = sum(system.vectors is not None and system.name in plain for system in systems)
        only = plain if tuned else None
        for name, task, metric in mains:
            if counts.get(name, dense) > 1:
                families.append(Comparison(name=f"systems/{name}", task=task, metric=metric, systems=only))
            if len(views) > 1:
                families.append(
                    Comparison(name=f"views/{name}", task=task, metric=metric, between="views", systems=only)
                )
        if tasks.retrieval is not None and len(plain) > 1 and "out" in tasks.retrieval.slices:
            first = tasks.retrieval.measures[0]
            families.append(
                Comparison(name="systems/retrieval-out", task="retrieval", metric=first, slice="out", systems=only)
            )
    declared = {family.between for family in families}
    if tuned and "bases" not in declared:
        families += [
            Comparison(name=f"recipes/{name}", task=task, metric=metric, between="bases")
            for name, task, metric in mains
        ]
    if len(suite.recipes) > 1 and "recipes" not in declared:
        families += [
            Comparison(name=f"recipe-pairs/{name}", task=task, metric=metric, between="recipes")
            for name, task, metric in mains
        ]
    _unique("statistics.comparisons", [family.name for family in families])
    return tuple(families)


def _main_metrics(tasks: Tasks) -> list[tuple[str, str, str]]:
    """(name, task, metric) of the main measure of each task."""
    mains = []
    if tasks.retrieval is not None:
        first = tasks.retrieval.measures[0]
        mains.append(("retrieval", "retrieval", first))
    if tasks.classification is not None:
        mains.extend(
            (f"classification-{probe}", "classification:*", of_probes([probe], tasks.classification.measures)[0])
            for probe in tasks.classification.probes
        )
    if tasks.clustering is not None:
        mains.append(("clustering", "clustering:*", tasks.clustering.measures[0]))
    return mains


def _unique(
    what: str, names: Iterable[str], noun: str = "name", instead: str = "give one of them another `name`"
) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what}: the {noun} {name} stands there twice; {instead}")
        seen.add(name)
