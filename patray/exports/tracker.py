"""`patray export tracker`: a run, its trainings, or a sweep into an experiment tracker that speaks wandb's API.

trackio has the same `init`, `log` and `finish`, so it serves as well; both are optional and found by name. A run is one
entry with its resolved suite and all means with their intervals; every training and every trial of a sweep is one more.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from patray.errors import InputError
from patray.files import Folder
from patray.yaml_source import load_yaml

TRACKERS = ("wandb", "trackio")
LOGGED = ("loss", "learning_rate", "gradient_norm", "validation", "seconds", "pairs_per_s")
TRIALS = "trials.parquet"


@dataclass(frozen=True)
class Entry:
    """One run of a tracker: its name, settings, and what is logged at which step."""

    name: str
    config: dict[str, Any]
    steps: tuple[tuple[int, dict[str, float]], ...]


def export_to_tracker(folder: Folder, project: str, tracker: str) -> list[str]:
    """Log a finished run or sweep; returns the names of the entries.

    tracker: `wandb` or `trackio`, which must be installed. Raises InputError for another name, one that is not there,
    and a folder that is neither a finished run nor a finished sweep.
    """
    there = _module(tracker)
    if folder.exists(TRIALS):
        entries = list(_trials(folder))
    elif folder.exists("provenance.json"):
        entries = [_run(folder), *_trainings(folder)]
    else:
        raise InputError(f"{folder}: neither a finished run (provenance.json) nor a finished sweep ({TRIALS})")
    for entry in entries:
        there.init(project=project, name=entry.name, config=entry.config)
        for step, values in entry.steps:
            there.log(values, step=step)
        there.finish()
    return [entry.name for entry in entries]


def _module(tracker: str) -> ModuleType:
    if tracker not in TRACKERS:
        raise InputError(f"--tracker {tracker}: allowed are {', '.join(TRACKERS)}")
    try:
        return importlib.import_module(tracker)
    except ModuleNotFoundError as error:
        raise InputError(f"--tracker {tracker}: not installed here; pip install {tracker}") from error


def _run(run: Folder) -> Entry:
    """Every mean of the summary, `LANDSCAPE/VIEW/TASK/SLICE/SYSTEM/METRIC`, with `.ci_low`, `.ci_high` and `.n`."""
    values: dict[str, float] = {}
    for row in run.read_table("summary.parquet").to_pylist():
        name = "/".join(row[part] for part in ("landscape", "view", "task", "slice", "system", "metric"))
        ends = {f"{name}.{end}": row[end] for end in ("ci_low", "ci_high", "n")}
        values |= _numbers({name: row["mean"], **ends})
    suite = load_yaml(run.read_text("suite.yaml"))
    return Entry(run.name, suite if isinstance(suite, dict) else {}, ((0, values),))


def _trainings(run: Folder) -> Iterator[Entry]:
    """One entry for each training of the run, in the order of its log."""
    if not run.exists("training.parquet"):
        return
    steps: dict[str, list[tuple[int, dict[str, float]]]] = {}
    configs: dict[str, dict[str, Any]] = {}
    for row in run.read_table("training.parquet").to_pylist():
        name = f"{run.name}/{row['model']}"
        configs.setdefault(name, {part: row[part] for part in ("model", "base", "recipe", "home", "seed")})
        steps.setdefault(name, []).append((row["step"], _numbers({part: row[part] for part in LOGGED})))
    for name, logged in steps.items():
        yield Entry(name, configs[name], tuple(logged))


def _trials(sweep: Folder) -> Iterator[Entry]:
    """One entry for each trial: texts and lists are its settings, numbers are logged."""
    for at, row in enumerate(sweep.read_table(TRIALS).to_pylist()):
        name = f"{sweep.name}/{row.get('trial', at)}"
        config = json.loads(json.dumps(row, default=str))
        yield Entry(name, config, ((0, _numbers(row)),))


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """Those that are finite numbers: trackers draw nothing else."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
