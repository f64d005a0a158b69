"""Where a run's numbers come from: versions, code, machine, seconds, tokens and cost of every step."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import patray
from patray.errors import InputError
from patray.files import Folder
from patray.kinds import installed
from patray.runs.read import parse_suite
from patray.runs.step_record import StepRecord
from patray.runs.suite import Prices, Suite

PACKAGES = (
    "ray", "torch", "sentence-transformers", "transformers", "vllm", "openvino", "ctranslate2", "faiss-cpu",
    "faiss-gpu", "bm25s", "numpy", "scipy", "scikit-learn", "pyarrow",
)  # fmt: skip


@dataclass
class Provenance:
    """Collects while a run goes on; `finish` gives the content of provenance.json."""

    run: str
    prices: Prices
    begin: float = field(default_factory=time.time)
    steps: list[StepRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    landscapes: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def add(self, step: StepRecord) -> None:
        """Record a step; its cost in US dollars is added where prices are set and its hours are known."""
        self.steps.append(replace(step, cost_usd=self._cost(step)))

    def _cost(self, step: StepRecord) -> float | None:
        parts = [
            (step.get("cpu_hours"), self.prices.cpu_hour),
            (step.get("gpu_hours"), self.prices.gpu_hour),
        ]
        if any(hours and price is None for hours, price in parts) or all(hours is None for hours, _ in parts):
            return None
        return sum((hours or 0.0) * (price or 0.0) for hours, price in parts)

    def finish(self, cluster: dict[str, Any]) -> dict[str, Any]:
        return {
            "patray": patray.__version__,
            "run": self.run,
            "started": datetime.datetime.fromtimestamp(self.begin, datetime.UTC).isoformat(timespec="seconds"),
            "seconds": time.time() - self.begin,
            "argv": sys.argv,
            "git": git_state(Path(patray.__file__).parent),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "versions": installed_versions(),
            "extensions": installed(),
            "cluster": cluster,
            "landscapes": self.landscapes,
            "models": self.models,
            "steps": [step.as_json() for step in self.steps],
            "notes": self.notes,
        }


def other_packages(run: Folder) -> str:
    """What to add to the word that a run is finished, where packages that add to patray are others by now.

    "; it was made with overlap of mine 0.1, there is mine 0.2 now: give another --name to run it with that"
    """
    changed = [
        f"{name} of {made}, there is {now or 'none'} now" for _, name, made, now in _then_and_now(run) if now != made
    ]
    return f"; it was made with {'; '.join(changed)}: give another --name to run it with that" if changed else ""


def not_here(run: Folder) -> list[str]:
    """What a finished run was made with and is not here any more: "shared-words (systems) of my-package 1.0"."""
    return [
        f"{name} ({group}) of {made or 'another package'}"
        for group, name, made, now in _then_and_now(run)
        if now is None
    ]


def _then_and_now(run: Folder) -> Iterator[tuple[str, str, str, str | None]]:
    """(group, name, who made it then, who makes it now or None) of all that a finished run had of other packages."""
    if run.exists("provenance.json"):
        now = installed()
        for group, things in (run.read_json("provenance.json").get("extensions") or {}).items():
            for name, made in things.items():
                yield group, name, made, now.get(group, {}).get(name)


def suite_of(run: Folder) -> Suite:
    """The suite of a run, with every default written out. InputError where it cannot be read, naming the packages that
    the run was made with and that are not here."""
    try:
        return parse_suite(run.read_text("suite.yaml"), f"{run}/suite.yaml", [])
    except InputError as error:
        gone = not_here(run)
        if not gone:
            raise
        raise InputError(
            f"{run} was made with {'; '.join(gone)}, which is not here. Install it, or register the function again, to "
            f"work with this run; `report`, `compare`, `export mteb` and `export tables` need none of it. ({error})"
        ) from error


def installed_versions() -> dict[str, str]:
    """Versions of the packages that decide numbers, those that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None where patray does not run from a git checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
