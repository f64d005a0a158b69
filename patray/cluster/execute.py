"""Run a suite: prepare, embed, search, judge, report. One phase after another, each step found done or done now.

Phases rather than a graph: on a cluster all GPU work lies together, so GPU nodes come once and leave before the judging
begins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from patray import tables
from patray.cluster.embed import EmbedJob, embed
from patray.cluster.fine_tune import fine_tune
from patray.cluster.foreign import content_of, foreign_files
from patray.cluster.go_on import go_on
from patray.cluster.judge import Judge
from patray.cluster.lexical import choose_languages
from patray.cluster.models import Model, find_models
from patray.cluster.prepare import (
    Landscape,
    family_split,
    label_sets,
    of_test_families,
    open_landscape,
    prepare_landscape,
)
from patray.cluster.rankings import Rankings
from patray.cluster.score import Scored, map_patents, score_classification, score_clustering, score_retrieval
from patray.cluster.search import Place, save_index
from patray.cluster.start import connect, require
from patray.cluster.views import index_view
from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.landscapes.labels import LabelSet
from patray.landscapes.views import View
from patray.models.record import Role
from patray.progress import say
from patray.report.write import write_report
from patray.runs.again import forget_other_rankings, mark_of
from patray.runs.certified import made_of
from patray.runs.family_sizes import tasks_on, uncarried
from patray.runs.identity import claim_run
from patray.runs.inputs import texts_by_role
from patray.runs.lease import holding
from patray.runs.provenance import Provenance
from patray.runs.resolve import suite_views
from patray.runs.run_files import MARK, seal_run
from patray.runs.store_care import USES, paths_used
from patray.runs.suite import Suite
from patray.runs.systems import SystemEntry
from patray.runs.trec import write_trec

ANEW = "anew"
"""Where vectors lie that a run makes for itself alone, until it is done."""


def execute(suite: Suite, workdir: str, name: str | None = None, anew: bool = False, reembed: bool = False) -> Folder:
    """Run a resolved suite in `workdir`; returns the run's folder. Raises PatrayError with what to do.

    anew: no vector, token vector or rerank score of another run is used, and none is left behind. Trainings are kept.
    reembed: all of them are made again and stay in the store; a finished run is done again with them.
    """
    store = Folder.at(workdir).make()
    run = store / "runs" / (name or suite.name)
    models = find_models((entry for entry in suite.models if entry.tuned is None), suite.models_from)
    connect()
    gpus = suite.embedding.gpus * max([model.record.tensor_parallel for model in models], default=1)
    if models:
        require(f"one encoder actor of {suite.name}", suite.embedding.threads, gpus)
    made = store / ANEW / run.name if anew else store
    with holding(store, [f"runs/{run.name}"]):
        done = go_on(lambda: Execution(suite, store, run, [*models], made), store, reembed)
    if anew:
        (store / ANEW).delete(run.name)
    return done


class Execution:
    """The state of one execution: what the phases hand to each other."""

    def __init__(self, suite: Suite, store: Folder, run: Folder, models: list[Model], made: Folder) -> None:
        self.suite, self.store, self.run, self.models = suite, store, run, models
        self.made = made  # where vectors and rerank scores lie
        self.views = suite_views(suite)
        self.systems = suite.systems or ()
        self.provenance = Provenance(run.name, suite.prices)
        self.provenance.models = {model.name: model.facts() for model in models}
        self.landscapes: list[Landscape] = []
        self.vectors: dict[tuple[str, str, str], dict[Role, Folder]] = {}
        self.indexes: dict[tuple[str, str], ViewIndex] = {}
        self.tuned: list[Scored] = []
        self.labels: dict[tuple[str, tuple[str, ...]], list[LabelSet]] = {}
        self.again: str | None = None  # the mark of vectors that were made again, where that was asked for

    def go(self, reembed: bool = False) -> Folder:
        self.prepare()
        claim_run(self.run.make(), self.suite)
        self.again = mark_of(self.run, reembed)
        if self.run.exists("provenance.json"):
            say(f"the run {self.run} is complete; only its report is written again")
            write_report(self.run)
        else:
            self._fine_tune()
            self._embed()
            self._search()
            self._judge()
            self._finish()
        say(f"report: {self.run}/report.html")
        print(f"{self.run}/report.html")
        return self.run

    def prepare(self) -> None:
        entries = []
        for entry in self.suite.landscapes:
            prepared, step = prepare_landscape(entry, self.suite, self.store)
            self.provenance.add(step)
            landscape = open_landscape(prepared, self.suite)
            self.landscapes.append(landscape)
            self.provenance.landscapes[landscape.name] = landscape.facts
            for note in landscape.notes:
                self._note(note)
            entries.append(entry.model_copy(update={"content": prepared.content_hash}))
        found = {model.name: model for model in self.models}
        models = [
            entry if entry.tuned else entry.model_copy(update={"content": found[str(entry.name)].content})
            for entry in self.suite.models
        ]
        for model in self.models:
            for note in model.snapshot.notes:
                self._note(f"{model.name}: {note}")
        changes = {"landscapes": tuple(entries), "models": tuple(models), "systems": self._with_content()}
        self.suite = self.suite.model_copy(update=changes)
        tasks = {one.name: tasks_on(self.suite, one.metadata, one.truth) for one in self.landscapes}
        for note in uncarried(self.suite, tasks):
            self._note(note)

    def _with_content(self) -> tuple[SystemEntry, ...]:
        """The systems with what their inputs decide written out: the hash of the files of one that ranked elsewhere,
        which must be there for every place, and the language of one that searches words."""
        places = [one.name for one in self.landscapes if one.truth is not None], [view.name for view in self.views]
        language = self._language() if any(one.lexical and one.language is None for one in self.systems) else None
        entries = []
        for system in self.systems:
            if system.lexical and system.language is None:
                system = system.model_copy(update={"language": language})
            if system.run is not None:
                foreign_files(system.run, *places)
                system = system.model_copy(update={"content": content_of(system.run)})
            entries.append(system)
        self.systems = tuple(entries)
        return self.systems

    def _language(self) -> str | dict[str, str]:
        """The language of every place's texts, one word where it is the same; told where it is not English."""
        places = [(one.name, one.folder, view) for one, view in self._places() if one.truth is not None]
        found = choose_languages(places)
        for place, language in found.items():
            if language != "english":
                self._note(f"{place}: words are cut as {language} by bm25, as its texts are (docs/suites.md, language)")
        return next(iter(found.values()), "english") if len(set(found.values())) < 2 else found

    def _fine_tune(self) -> None:
        bases = {model.name: model for model in self.models}
        for model, steps, notes in fine_tune(self.suite, self.landscapes, bases, self.store, self.run, self.again):
            self.models.append(model)
            self.provenance.models[model.name] = model.facts()
            for step in steps:
                self.provenance.add(step)
            for note in notes:
                self._note(f"{model.name}: {note}")

    def _embed(self) -> None:
        if not self.models:
            return
        self.index()
        for model in self.models:
            jobs = self.jobs_of(model)
            if not jobs:
                continue
            found = embed(jobs, self.made, self.suite.embedding, self.suite.models_from.remote_code, self.again)
            for job, (folder, step) in zip(jobs, found, strict=True):
                self.provenance.add(step)
                self.vectors.setdefault((job.landscape, job.view.name, model.name), {})[job.role] = folder
        made = {key: made_of(*by_role.values()) for key, by_role in self.vectors.items()}
        for name in forget_other_rankings(self.run, self.systems, made):
            say(f"the ranking {name} was made of other vectors: it is made again")

    def index(self) -> None:
        self.indexes = {(at.name, view.name): self._index(at, view) for at, view in self._places()}

    def jobs_of(self, model: Model) -> list[EmbedJob]:
        """The artifacts of a model that the run needs; none for a reranker."""
        if model.record.kind == "reranker":
            return []
        return [
                EmbedJob(
                    landscape.name, landscape.folder, view, self.indexes[landscape.name, view.name], chosen,
                    model.name, model.record, model.snapshot, model.engine, role, model.content,
                )
                for landscape, view in self._places()
                for role, chosen in texts_by_role(
                    self.indexes[landscape.name, view.name], landscape.truth, self.suite.tasks, model.record
                ).items()
            ]  # fmt: skip

    def _index(self, landscape: Landscape, view: View) -> ViewIndex:
        index = index_view(landscape.folder, view)
        if index.empty.any():
            self._note(
                f"{landscape.name}: {int(index.empty.sum()):,} patents have no text in view {view.name}; they are kept"
            )
        return index

    def _search(self) -> None:
        models = {model.name: model for model in self.models}
        for landscape, view in self._places():
            at = (landscape.name, view.name)
            vectors = {key[2]: by_role for key, by_role in self.vectors.items() if key[:2] == at}
            of = landscape, view, self.indexes.get(at), models, vectors
            rankings = Rankings(self.run, self.made, self.suite, *of, self.again)
            for step, tuned in rankings.make():
                if step is not None:
                    for note in step.pop("notes", ()):
                        self._note(note)
                    self.provenance.add(step)
                self.tuned.append(tuned)
        for key, by_role in self.vectors.items() if "faiss" in self.suite.exports else ():
            if models[key[2]].record.kind == "dense":
                save_index(self.made, *key, by_role["document"])

    def _judge(self) -> None:
        begin = time.perf_counter()
        judge: Any = ray.remote(num_cpus=0)(Judge).remote(self.run, self.suite)
        pending: list[Any] = []
        order = 0
        for tuned in self.tuned:
            pending.append(judge.add.remote((order,), tuned))
            order += 1
        for landscape, view in self._places():
            for scored in self._tasks(landscape, view):
                pending.append(judge.add.remote((order,), scored))
                order += 1
        maps = self._maps()
        for notes in ray.get(pending):
            for note in notes:
                self._note(note)
        rows = ray.get(judge.write_evidence.remote(self._items(), maps))
        say(f"{rows:,} rows of evidence; computing intervals and tests")
        summary, comparisons = ray.get(judge.write_statistics.remote())
        self.provenance.add(
            {
                "step": "judge",
                "reused": False,
                "seconds": time.perf_counter() - begin,
                "evidence": rows,
                "summary": summary,
                "comparisons": comparisons,
            }
        )

    def _tasks(self, landscape: Landscape, view: View) -> Iterator[Any]:
        """References to the results of every task of one landscape and view."""
        tasks = self.suite.tasks
        if tasks.retrieval is not None and landscape.truth is not None:
            truth, slices = ray.put(landscape.truth), ray.put(landscape.slices)
            for system in self.systems:
                place = Place(landscape.name, view.name, str(system.name))
                yield score_retrieval.remote(
                    self.run, place, system, truth, slices, tasks.retrieval, self.suite.search.depth
                )
        for system in self.systems:
            if system.dense is None:
                continue
            place = Place(landscape.name, view.name, str(system.name))
            by_role = self.vectors[landscape.name, view.name, system.dense]
            if tasks.classification is not None:
                folder = by_role.get("classification", by_role["document"])
                for labels in self._labels(landscape, tasks.classification.labels):
                    if landscape.name in self.suite.homes:
                        labels = replace(labels, split=None)  # the recipes kept to the families' split, not the file's
                    split = family_split(landscape, labels, self.suite.splits)
                    yield score_classification.remote(place, folder, system, labels, split, tasks.classification)
            if tasks.clustering is not None:
                folder = by_role.get("clustering", by_role["document"])
                for labels in self._labels(landscape, tasks.clustering.labels):
                    if landscape.name in self.suite.homes:
                        labels = of_test_families(landscape, labels, self.suite.splits)
                    yield score_clustering.remote(place, folder, system, labels, tasks.clustering)

    def _labels(self, landscape: Landscape, names: tuple[str, ...]) -> list[LabelSet]:
        """The label sets of a landscape, read or derived once for all views, systems and tasks."""
        if (landscape.name, names) not in self.labels:
            self.labels[landscape.name, names] = self._read_labels(landscape, names)
        return self.labels[landscape.name, names]

    def _read_labels(self, landscape: Landscape, names: tuple[str, ...]) -> list[LabelSet]:
        sets, notes = label_sets(landscape, names)
        for note in notes:
            self._note(note)
        for found in sets:
            landscape.facts["label_sets"][found.name] = {
                "labels": len(found.labels),
                "patents": len(found.patent_ids),
            }
        return sets

    def _maps(self) -> pa.Table:
        """A 2-D map of every landscape, in the first view and the first dense system."""
        dense = next((system for system in self.systems if system.dense is not None), None)
        if dense is None:
            return tables.MAP.empty_table()
        parts = []
        for landscape in self.landscapes:
            place = Place(landscape.name, self.views[0].name, str(dense.name))
            folder = self.vectors[landscape.name, place.view, str(dense.dense)]["document"]
            names = self.suite.tasks.classification.labels if self.suite.tasks.classification else ("files",)
            sets = self._labels(landscape, names)
            found = ray.get(map_patents.remote(place, folder, sets[0] if sets else None))
            count = len(found["patent_id"])
            where = {"landscape": place.landscape, "view": place.view, "system": place.system}
            columns = {key: [value] * count for key, value in where.items()} | found
            columns["title"] = _titles(landscape, found["patent_id"])
            parts.append(pa.Table.from_pydict(columns, schema=tables.MAP))
        return pa.concat_tables(parts)

    def _items(self) -> pa.Table:
        parts = []
        for landscape in self.landscapes:
            for table in (landscape.metadata.patents, landscape.metadata.queries):
                if table is not None:
                    name = pa.array([landscape.name] * table.num_rows, pa.string())
                    columns = [name, table["patent_id"], table["family_id"]]
                    parts.append(pa.Table.from_arrays(columns, schema=tables.ITEMS))
        return pa.concat_tables(parts)

    def _finish(self) -> None:
        quarantine = [landscape.folder.read_table("quarantine.parquet") for landscape in self.landscapes]
        self.run.write_table("quarantine.parquet", pa.concat_tables(quarantine))
        for landscape, view in self._places() if "trec" in self.suite.exports else ():
            if landscape.truth is not None:
                systems = [str(system.name) for system in self.systems]
                place = landscape.name, view.name, systems
                write_trec(self.run, self.run / "trec", *place, landscape.truth, landscape.slices)
        resources = ray.cluster_resources()
        cluster = {
            "nodes": len([node for node in ray.nodes() if node["Alive"]]),
            "cpus": resources.get("CPU", 0.0),
            "gpus": resources.get("GPU", 0.0),
            "memory_gb": resources.get("memory", 0.0) / 1e9,
            "accelerators": sorted(key.split(":")[1] for key in resources if key.startswith("accelerator_type:")),
        }
        folders = [one.folder for one in self.landscapes]
        folders += [folder for by_role in self.vectors.values() for folder in by_role.values()]
        self.run.write_json(USES, paths_used(self.suite, self.store, folders, self.provenance.steps))
        content = self.provenance.finish(cluster) | {"files": seal_run(self.run).as_json()}
        self.run.write_json("provenance.json", content)
        self.run.delete(MARK)
        write_report(self.run)

    def _places(self) -> Iterator[tuple[Landscape, View]]:
        for landscape in self.landscapes:
            for view in self.views:
                yield landscape, view

    def _note(self, text: str) -> None:
        if text not in self.provenance.notes:
            say(f"note: {text}")
            self.provenance.note(text)


def _titles(landscape: Landscape, ids: list[str]) -> list[str]:
    """Titles of some patents, for the map; the only text that the driver reads."""
    from patray.landscapes.load import iter_sections

    wanted = pa.array(ids, pa.string())
    titles: dict[str, str] = {}
    for batch in iter_sections(landscape.folder, ["title"]):
        kept = batch.filter(pc.is_in(batch.column("patent_id"), value_set=wanted))
        titles.update(zip(kept.column("patent_id").to_pylist(), kept.column("title").to_pylist(), strict=True))
    return [(titles[patent] or "")[:200] for patent in ids]
