"""Run a suite: prepare, embed, search, judge, report. One phase after another, each step found done or done now.

Phases rather than a graph: on a cluster all GPU work lies together, so GPU nodes come once and leave before the judging
begins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa

from patray import tables
from patray.cluster.embed import Means, embed
from patray.cluster.given import take_all
from patray.cluster.go_on import go_on
from patray.cluster.growth import cluster_facts, nodes, require
from patray.cluster.judge import Judge
from patray.cluster.lexical import choose_languages
from patray.cluster.models import Model, find_models, most_gpus
from patray.cluster.placement import Resources
from patray.cluster.prepare import prepare_landscapes
from patray.cluster.rankings import Rankings, places
from patray.cluster.score import Scored, map_patents, score_classification, score_clustering, score_retrieval, titles_of
from patray.cluster.search import TASK_BYTES, Place, bytes_of, start_index
from patray.cluster.small import is_small, needs_ray
from patray.cluster.start import connect
from patray.cluster.tasks import Beside, gather, in_this_process, shared, submit, works_here
from patray.cluster.views import index_views
from patray.encoders.windows import ViewIndex
from patray.files import Folder
from patray.landscapes.labels import LabelSet
from patray.landscapes.views import View
from patray.models.record import Role
from patray.progress import say
from patray.report.write import PAGE, write_report
from patray.runs.family_sizes import tasks_on, uncarried
from patray.runs.identity import claim_run
from patray.runs.provenance import Provenance, other_packages
from patray.runs.resolve import suite_views
from patray.runs.run_files import MARK, check_run, seal_run
from patray.runs.step_record import StepRecord
from patray.runs.suite import Suite
from patray.runs.trec import write_trec
from patray.steps.again import forget_other_rankings, mark_of
from patray.steps.certified import made_of
from patray.steps.embed import CorpusView, EmbedStep, embed_steps
from patray.steps.landscape import Landscape, family_split, label_sets, of_test_families, open_landscape
from patray.steps.lease import holding
from patray.steps.store_care import USES, paths_used
from patray.systems.base import Inputs, System
from patray.systems.dense import OneVector

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
    gpus = suite.embedding.gpus * most_gpus(models)
    if os.environ.get("RAY_ADDRESS") or gpus:
        connect()
    if models:
        what, wait = f"one encoder actor of {suite.name}", suite.embedding.stall_seconds
        require(what, Resources(suite.embedding.threads, gpus), 1, wait)
    made = store / ANEW / run.name if anew else store
    with holding(store, [f"runs/{run.name}"]):
        done = go_on(lambda before: Execution(suite, store, run, [*models], made).go(reembed, before.notes), store)
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
        self.texts: dict[tuple[str, str], CorpusView] = {}
        self.tuned: list[Scored] = []
        self.labels: dict[tuple[str, tuple[str, ...]], list[LabelSet]] = {}
        self.again: str | None = None  # the mark of vectors that were made again, where that was asked for
        self.label_refs: dict[tuple[str, tuple[str, ...]], list[tuple[Any, Any, Any]]] = {}

    def go(self, reembed: bool = False, notes: Sequence[str] = ()) -> Folder:
        """The run's folder, with what befell an earlier try in its provenance."""
        for note in notes:
            self.provenance.note(note)
        self.prepare()
        claim_run(self.run.make(), self.suite)
        self.again = mark_of(self.run, reembed)
        if self.run.exists("provenance.json"):
            say(f"the run {self.run} is complete{other_packages(self.run)}; `patray report` writes its report again")
            for note in check_run(self.run):
                say(f"note: {note}")
            if not self.run.exists(PAGE):
                write_report(self.run)
        else:
            self._fine_tune()
            self._embed()
            self._read_vectors()
            with in_this_process(is_small(self.suite, self.landscapes)):
                self._search()
                self._judge()
                self._finish()
        say(f"report: {self.run}/report.html")
        print(f"{self.run}/report.html")
        return self.run

    def prepare(self) -> None:
        entries = []
        with ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(prepare_landscapes, self.suite, self.store)
            if not self.run.exists("provenance.json") and needs_ray(self.suite, self.models, self.made):
                connect()  # it takes seconds, in which small landscapes are prepared here
            copies = waiting.result()
        for entry, (prepared, step) in zip(self.suite.landscapes, copies, strict=True):
            self._add(step)
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

    def _with_content(self) -> tuple[System, ...]:
        """The systems with what their inputs decide written out, such as the hash of the files of one that ranked
        elsewhere, which must be there for every place, and the language of one that searches words."""
        landscapes = [one.name for one in self.landscapes if one.truth is not None]
        inputs = Inputs(landscapes, [view.name for view in self.views], cache(self._language))
        self.systems = tuple(system.with_inputs(inputs) for system in self.systems)
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
        from patray.cluster.fine_tune import fine_tune

        bases = {model.name: model for model in self.models}
        for model, steps, notes in fine_tune(self.suite, self.landscapes, bases, self.store, self.run, self.again):
            self.models.append(model)
            self.provenance.models[model.name] = model.facts()
            for step in steps:
                self._add(step)
            for note in notes:
                self._note(f"{model.name}: {note}")

    def _embed(self) -> None:
        if not self.models:
            return
        self.index()
        for model in self.models:
            steps = self.embed_steps(model)
            made = embed(steps, self.means(model), self.made) if steps else []
            for step, (folder, facts) in zip(steps, made, strict=True):
                self._add(facts)
                self.vectors.setdefault((step.landscape, step.view.name, step.label), {})[step.role] = folder

    def _read_vectors(self) -> None:
        """Take over the vectors that were made elsewhere, and forget rankings that were made of others."""
        for key, by_role, step in take_all(self.made, list(self._places()), self.systems):
            self.vectors[key] = by_role
            self._add(step)
        made = {key: made_of(*by_role.values()) for key, by_role in self.vectors.items()}
        for name in forget_other_rankings(self.run, self.systems, made):
            say(f"the ranking {name} was made of other vectors: it is made again")

    def index(self) -> None:
        there = list(self._places())
        indexes = index_views([(at.folder, view) for at, view in there], self.suite.embedding.stall_seconds)
        for (at, view), index in zip(there, indexes, strict=True):
            self._note_empty(at, view, index)
            self.texts[at.name, view.name] = CorpusView(at.name, at.folder, view, index, at.truth)

    def embed_steps(self, model: Model) -> list[EmbedStep]:
        """The artifacts of a model that the run needs; none for a reranker."""
        return embed_steps(model, list(self.texts.values()), self.suite.tasks, self.systems)

    def means(self, model: Model) -> Means:
        return Means(model.snapshot, self.suite.embedding, self.suite.models_from.remote_code, self.again)

    def _note_empty(self, landscape: Landscape, view: View, index: ViewIndex) -> None:
        if index.empty.any():
            self._note(
                f"{landscape.name}: {int(index.empty.sum()):,} patents have no text in view {view.name}; they are kept"
            )

    def _search(self) -> None:
        models = {model.name: model for model in self.models}
        if not works_here():
            connect()
        rankings = Rankings(self.run, self.made, self.suite, models, nodes(), self.again)
        for step, tuned in rankings.make(places(self.landscapes, self.views, self.texts, self.vectors)):
            self._add(step)
            self.tuned.append(tuned)
        wanted = self.vectors.items() if "faiss" in self.suite.exports else ()
        others = {name for name, model in models.items() if model.record.kind != "dense"}
        dense = [(key, of) for key, of in wanted if key[2] not in others and "#" not in key[2]]
        files = [start_index(self.made, *key, by_role["document"]) for key, by_role in dense]
        gather(files, "write FAISS indexes", self.suite.embedding.stall_seconds, "files")

    def _judge(self) -> None:
        begin = time.perf_counter()
        judge = Beside(Judge, self.run, self.suite)
        scored = [*self.tuned, *(one for landscape, view in self._places() for one in self._tasks(landscape, view))]
        pending = [judge.call("add", (order,), one) for order, one in enumerate(scored)]
        maps = self._start_maps()
        stall = self.suite.embedding.stall_seconds
        for notes in gather(pending, "judge", stall, "results"):
            for note in notes:
                self._note(note)
        [rows] = gather([judge.call("write_evidence", self._items(), self._maps(maps))], "write evidence", stall)
        say(f"{rows:,} rows of evidence; computing intervals and tests")
        [(summary, comparisons)] = gather([judge.call("write_statistics")], "intervals and tests", stall)
        facts = {"evidence": rows, "summary": summary, "comparisons": comparisons}
        self._add(StepRecord("judge", seconds=time.perf_counter() - begin, facts=facts))

    def _tasks(self, landscape: Landscape, view: View) -> Iterator[Any]:
        """References to the results of every task of one landscape and view."""
        tasks, depth = self.suite.tasks, self.suite.search.depth
        if tasks.retrieval is not None and landscape.truth is not None:
            truth, slices = shared(landscape.truth), shared(landscape.slices)
            for system in self.systems:
                place = Place(landscape.name, view.name, str(system.name))
                needs = Resources(1, 0, self.run.size(place.file) * 4 + TASK_BYTES)
                yield submit(score_retrieval, needs, self.run, place, system, truth, slices, tasks.retrieval, depth)
        for system in self.systems:
            if not isinstance(system, OneVector):
                continue
            place = Place(landscape.name, view.name, str(system.name))
            by_role = self.vectors[landscape.name, view.name, str(system.vectors)]
            if tasks.classification is not None:
                folder = by_role.get("classification", by_role["document"])
                for labels, split, _ in self._label_refs(landscape, tasks.classification.labels):
                    needs, options = self._of_vectors(folder), tasks.classification
                    yield submit(score_classification, needs, place, folder, system, labels, split, options)
            if tasks.clustering is not None:
                folder = by_role.get("clustering", by_role["document"])
                for _, _, labels in self._label_refs(landscape, tasks.clustering.labels):
                    needs = self._of_vectors(folder)
                    yield submit(score_clustering, needs, place, folder, system, labels, tasks.clustering)

    def _of_vectors(self, folder: Folder) -> Resources:
        """What a task asks for that reads a whole artifact: its vectors as read, cut, and those of its patents."""
        return Resources(1, 0, 4 * bytes_of(folder) + TASK_BYTES)

    def _label_refs(self, landscape: Landscape, names: tuple[str, ...]) -> list[tuple[Any, Any, Any]]:
        """For each label set references to: itself for classification, its families' splits, itself for clustering."""
        key = (landscape.name, names)
        if key not in self.label_refs:
            home, splits = landscape.name in self.suite.homes, self.suite.splits
            self.label_refs[key] = [
                (
                    # the recipes kept to the families' split, not the file's
                    shared(replace(labels, split=None) if home else labels),
                    shared(family_split(landscape, labels, splits)),
                    shared(of_test_families(landscape, labels, splits) if home else labels),
                )
                for labels in self._labels(landscape, names)
            ]
        return self.label_refs[key]

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

    def _start_maps(self) -> list[tuple[Landscape, Place, Any]]:
        """Begin a 2-D map of every landscape, in the first view and the first dense system."""
        dense = next((system for system in self.systems if isinstance(system, OneVector)), None)
        if dense is None:
            return []
        started = []
        for landscape in self.landscapes:
            place = Place(landscape.name, self.views[0].name, str(dense.name))
            folder = self.vectors[landscape.name, place.view, str(dense.vectors)]["document"]
            names = self.suite.tasks.classification.labels if self.suite.tasks.classification else ("files",)
            sets = self._labels(landscape, names)
            labels = sets[0] if sets else None
            started.append((landscape, place, submit(map_patents, self._of_vectors(folder), place, folder, labels)))
        return started

    def _maps(self, started: list[tuple[Landscape, Place, Any]]) -> pa.Table:
        parts = [tables.MAP.empty_table()]
        made = gather([one for _, _, one in started], "maps", self.suite.embedding.stall_seconds, "landscapes")
        for (landscape, place, _), found in zip(started, made, strict=True):
            count = len(found["patent_id"])
            where = {"landscape": place.landscape, "view": place.view, "system": place.system}
            columns = {key: [value] * count for key, value in where.items()} | found
            columns["title"] = titles_of(landscape.folder, found["patent_id"])
            parts.append(pa.Table.from_pydict(columns, schema=tables.MAP))
        return pa.concat_tables(parts)

    def _items(self) -> pa.Table:
        parts = []
        for landscape in self.landscapes:
            for table in (landscape.metadata.patents, landscape.metadata.queries):
                if table is not None:
                    name = pa.array([landscape.name] * table.num_rows, pa.string())
                    columns = [name, table["patent_id"], table["family_id"], table["date"].cast(pa.string())]
                    parts.append(pa.Table.from_arrays(columns, schema=tables.DATED_ITEMS))
        return pa.concat_tables(parts)

    def _finish(self) -> None:
        quarantine = [landscape.folder.read_table("quarantine.parquet") for landscape in self.landscapes]
        self.run.write_table("quarantine.parquet", pa.concat_tables(quarantine))
        for landscape, view in self._places() if "trec" in self.suite.exports else ():
            if landscape.truth is not None:
                systems = [str(system.name) for system in self.systems]
                place = landscape.name, view.name, systems
                write_trec(self.run, self.run / "trec", *place, landscape.truth, landscape.slices)
        folders = [one.folder for one in self.landscapes]
        folders += [folder for by_role in self.vectors.values() for folder in by_role.values()]
        self.run.write_json(USES, paths_used(self.suite, self.store, folders, self.provenance.steps))
        content = self.provenance.finish(cluster_facts()) | {"files": seal_run(self.run).as_json()}
        self.run.write_json("provenance.json", content)
        self.run.delete(MARK)
        write_report(self.run)

    def _places(self) -> Iterator[tuple[Landscape, View]]:
        for landscape in self.landscapes:
            for view in self.views:
                yield landscape, view

    def _add(self, record: StepRecord) -> None:
        for note in record.notes:
            self._note(note)
        self.provenance.add(record)

    def _note(self, text: str) -> None:
        if text not in self.provenance.notes:
            say(f"note: {text}")
            self.provenance.note(text)
