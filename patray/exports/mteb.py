"""The numbers of a run as mteb's result files: one JSON a system and task. DEST is a cache folder for mteb:
`mteb.ResultCache(DEST).load_results()` and `mteb.TaskResult.from_disk(FILE)` read it.

    DEST/results/MODEL/REVISION/TASK.json, model_meta.json

MODEL is ORG__NAME of a dense system's repository where one system alone stands for it, else patray__SYSTEM with the run
as its revision.

A landscape that was imported from DAPFAM has mteb's own task names; others are called LANDSCAPE.VIEW.TASK[.SLICE].
`mteb_version` is null, since mteb did not compute them; `ci_low` and `ci_high` hold the intervals under the same names.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from patray.errors import InputError
from patray.files import Folder
from patray.importers.dapfam import FORMAT as DAPFAM
from patray.importers.dapfam import VARIANTS
from patray.measures.definitions import definition_of
from patray.progress import say
from patray.runs.run_files import check_run
from patray.yaml_source import load_yaml

UNDETERMINED = "und-Zyyy"
"""ISO 639-2 and 15924 for a language and script that nobody stated; mteb reads no score without a language."""
MAIN = ("ndcg_at_10", "f1", "knn_f1", "v_measure")
"""First match wins; DAPFAM's is ndcg_at_100."""


def export_mteb(run: Folder, destination: Folder) -> list[str]:
    """Write the results of a finished run; returns the paths inside `destination`.

    Means that are null, F1 of some of the labels, changes between views and standard deviations over seeds have no
    place in the format and are left out. Raises InputError when the run is not finished or has nothing to export.
    """
    if not run.exists("provenance.json"):
        raise InputError(f"{run}: no finished run (no provenance.json)")
    for note in check_run(run):
        say(f"note: {note}")
    provenance, suite = run.read_json("provenance.json"), load_yaml(run.read_text("suite.yaml"))
    models = _models(suite, run.name)
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for row in run.read_table("summary.parquet").to_pylist():
        metric = _metric(row["metric"])
        if row["mean"] is None or metric is None or row["task"] in ("classification:*", "clustering:*"):
            continue
        if row["task"] != "retrieval" and row["slice"] != "all":
            continue
        facts = provenance["landscapes"].get(row["landscape"], {})
        name, dapfam = _task(row, facts)
        result = results.setdefault(
            (row["system"], name),
            {
                "dataset_revision": str(facts.get("content", "")),
                "task_name": name,
                "mteb_version": None,
                "evaluation_time": None,
                "scores": {
                    "train" if dapfam else "test": [
                        {
                            "hf_subset": "default",
                            "languages": ["eng-Latn" if dapfam else UNDETERMINED],
                            "ci_low": {},
                            "ci_high": {},
                        }
                    ]
                },
            },
        )
        [[scores]] = result["scores"].values()
        scores[metric] = row["mean"]
        for end in ("ci_low", "ci_high"):
            if row[end] is not None:
                scores[end][metric] = row[end]
    if not results:
        raise InputError(f"{run}: its summary holds no mean that mteb's format has a place for")
    written = []
    for (system, name), result in sorted(results.items()):
        [[scores]] = result["scores"].values()
        measured = [key for key in scores if key not in ("hf_subset", "languages", "ci_low", "ci_high")]
        wanted = ("ndcg_at_100", *MAIN) if name.startswith("DAPFAM") else MAIN
        scores["main_score"] = scores[next((key for key in wanted if key in measured), measured[0])]
        model, revision = models[system]
        folder = f"results/{_file(model.replace('/', '__'))}/{_file(revision)}"
        destination.write_json(f"{folder}/{_file(name)}.json", result)
        destination.write_json(f"{folder}/model_meta.json", {"name": model, "revision": revision})
        written.append(f"{folder}/{_file(name)}.json")
    return written


def _models(suite: dict[str, Any], run: str) -> dict[str, tuple[str, str]]:
    """System -> model name and revision."""
    records = {entry["name"]: entry["record"] for entry in suite["models"]}
    plain = {
        system["name"]: records[system["dense"]]
        for system in suite["systems"]
        if system.get("dense") is not None and _is_whole(system, records[system["dense"]])
    }
    repositories = Counter(record["repo"] for record in plain.values())
    return {
        system["name"]: (plain[system["name"]]["repo"], plain[system["name"]]["revision"])
        if system["name"] in plain and repositories[plain[system["name"]]["repo"]] == 1
        else (f"patray/{system['name']}", run)
        for system in suite["systems"]
    }


def _is_whole(system: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether the system is the model as it is, neither cut nor quantised."""
    return system.get("dimensions") in (None, record["dimension"]) and system.get("precision") in (None, "float32")


def _task(row: dict[str, Any], facts: dict[str, Any]) -> tuple[str, bool]:
    """Name of the task, and whether it is one of mteb's own."""
    if row["task"] == "retrieval" and facts.get("source") == DAPFAM.source:
        for variant in VARIANTS:
            if (variant.suite_view, variant.slice) == (row["view"], row["slice"]):
                return variant.name, True
    parts = [row["landscape"], row["view"], row["task"].replace(":", "-")]
    return ".".join([*parts, row["slice"]] if row["task"] == "retrieval" else parts), False


def _metric(name: str) -> str | None:
    """What mteb calls a metric, else its own name; mteb's probe is logistic regression, a k-NN's F1 gets a prefix."""
    found = definition_of(name)
    if found is None:
        return None
    prefix = "knn_" if name.startswith("knn-") else ""
    return prefix + (found.mteb.format(k=name.rpartition("@")[2]) or name)


def _file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+@(),=\[\]-]", "_", name)
