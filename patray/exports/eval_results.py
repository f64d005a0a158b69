"""`patray export eval-results`: a run's scores of models as `.eval_results/*.yaml` of their repositories on the Hub.

    DEST/MODEL/.eval_results/patray-RUN.yaml

Copy the folder of a model into its repository, such as beside a tuned checkpoint. The format is huggingface_hub's
(`EvalResultEntry`): a value has no interval there, so it stands in `notes`, with n and the view.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from patray.errors import InputError
from patray.files import Folder
from patray.report.data import Results, Row, labels_of, load_results
from patray.report.declared import declared, option
from patray.report.naming import items_words
from patray.report.words import score
from patray.runs.run_files import check_run

DATASET = re.compile(r"[\w.-]+/[\w.-]+")


def export_eval_results(
    run: Folder, destination: Folder, datasets: Mapping[str, str], tuned: bool = False
) -> list[str]:
    """Write a file for every model that a system of the run uses as it is; returns the paths inside `destination`.

    datasets: landscape to the dataset on the Hub that holds it, such as {"dapfam": "owner/name"}; other landscapes are
    left out, as the Hub shows a score beside its dataset alone. tuned: fine-tuned models only. Raises InputError for a
    landscape that the run does not have, a name that is no OWNER/NAME, and where nothing is left to write.
    """
    check_run(run)
    results = load_results(run)
    for landscape, dataset in datasets.items():
        if landscape not in results.landscapes():
            known = ", ".join(results.landscapes())
            raise InputError(f"--dataset {landscape}={dataset}: the run has no such landscape; it has {known}")
        if not DATASET.fullmatch(dataset):
            raise InputError(f"--dataset {landscape}={dataset}: expected LANDSCAPE=OWNER/NAME of a dataset on the Hub")
    entries: dict[str, list[dict[str, Any]]] = {}
    suite = declared(results.suite_text)
    for system in suite.systems.values():
        model = suite.model_of(system)
        if model is not None and system.whole(model) and (model.tuned or not tuned):
            found = [_entry(results, row, datasets[row.landscape]) for row in _rows(results, system.name, datasets)]
            if found:
                entries.setdefault(model.name, []).extend(found)
    if not entries:
        which = "fine-tuned model" if tuned else "model as it is"
        raise InputError(f"{run}: no score of a {which} on {', '.join(datasets) or 'a landscape (--dataset)'}")
    written = []
    for name, listed in entries.items():
        path = f"{name}/.eval_results/patray-{run.name}.yaml"
        destination.write_text(path, yaml.safe_dump(listed, sort_keys=False, allow_unicode=True, width=120))
        written.append(path)
    return written


def _rows(results: Results, system: str, datasets: Mapping[str, str]) -> list[Row]:
    """Scores over all items in the measures that the suite asks for; a mean over label sets is no task of a dataset."""
    return [
        row
        for row in results.rows
        if row.system == system and row.landscape in datasets and row.slice == "all" and labels_of(row.task) != "*"
        if row.metric in results.metrics(row.task)
    ]  # fmt: skip


def _entry(results: Results, row: Row, dataset: str) -> dict[str, Any]:
    """task.id names view, task and measure, since an entry has one value."""
    kind = row.task.partition(":")[0]
    notes = f"{row.metric} on {row.landscape}, view {row.view}, {items_words(row.n, kind)}"
    if row.low is not None and row.high is not None:
        level = 100 * option(results.suite_text, "level", 0.95)
        notes += f"; {level:g}% interval {score(row.low)} to {score(row.high)}".replace("−", "-")
    entry: dict[str, Any] = {
        "dataset": {"id": dataset, "task_id": f"{row.view}.{row.task.replace(':', '-')}.{row.metric}"},
        "value": row.mean,
        "notes": f"{notes}; patray {results.provenance.get('patray', 'of before')}",
    }
    started = results.provenance.get("started")
    return entry | ({"date": started} if isinstance(started, str) else {})
