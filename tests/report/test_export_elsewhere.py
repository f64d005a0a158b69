"""`.eval_results` files by huggingface_hub's own reader, and a tracker that speaks wandb's API."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from make_study_run import study_run

from patray.cli import main
from patray.files import Folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return study_run(str(tmp_path_factory.mktemp("elsewhere") / "run"))


def test_the_hub_reads_every_score_with_its_interval_in_the_notes(run: Folder, tmp_path: Path) -> None:
    words = ["export", "eval-results", str(run), str(tmp_path), "--dataset", "mobility=me/mobility"]
    assert main(words) == 0
    summary = pd.read_parquet(Path(run.uri) / "summary.parquet")
    files = sorted(tmp_path.glob("*/.eval_results/*.yaml"))
    assert files
    for path in files:
        entries = parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert {entry.dataset_id for entry in entries} == {"me/mobility"}
        model = path.parts[-3]
        own = summary[(summary.system == model) & (summary.slice == "all")]
        for entry in entries:
            view, _, rest = entry.task_id.partition(".")
            task, _, metric = rest.partition(".")
            row = own[(own.view == view) & (own.task == task.replace("-", ":")) & (own.metric == metric)].iloc[0]
            assert entry.value == row["mean"]
            assert f"interval {row.ci_low:.3f} to {row.ci_high:.3f}" in str(entry.notes)
            assert f"{row.n:,} " in str(entry.notes)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no score of a model as it is"),
        (["--dataset", "nowhere=me/x"], "no such landscape; it has mobility"),
        (["--dataset", "mobility=me"], "expected LANDSCAPE=OWNER/NAME"),
        (["--dataset", "mobility"], "expected LANDSCAPE=OWNER/NAME"),
        (["--dataset", "mobility=me/x", "--tuned"], "no score of a fine-tuned model"),
    ],
)
def test_what_cannot_be_written_is_refused(
    run: Folder, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "eval-results", str(run), str(tmp_path), *words]) == 1
    assert said in capsys.readouterr().err


class Tracker(ModuleType):
    """Keeps what is logged; the names and keywords are those that wandb and trackio share."""

    def __init__(self) -> None:
        super().__init__("trackio")
        self.entries: list[dict[str, Any]] = []

    def init(self, project: str, name: str, config: dict[str, Any]) -> None:
        self.entries.append({"project": project, "name": name, "config": config, "logged": []})

    def log(self, values: dict[str, float], step: int) -> None:
        self.entries[-1]["logged"].append((step, values))

    def finish(self) -> None:
        self.entries[-1]["finished"] = True


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Tracker:
    made = Tracker()
    monkeypatch.setitem(sys.modules, "trackio", made)
    return made


def test_a_tracker_gets_every_mean_with_its_interval(run: Folder, tracker: Tracker) -> None:
    assert main(["export", "tracker", str(run), "--tracker", "trackio", "--project", "mine"]) == 0
    (entry,) = tracker.entries
    assert entry["finished"]
    assert (entry["project"], entry["config"]["name"]) == ("mine", "study")
    ((step, values),) = entry["logged"]
    assert step == 0
    summary = pd.read_parquet(Path(run.uri) / "summary.parquet").dropna(subset=["mean"])
    for row in summary.itertuples():
        name = f"{row.landscape}/{row.view}/{row.task}/{row.slice}/{row.system}/{row.metric}"
        assert (values[name], values[f"{name}.n"]) == (row.mean, row.n)


def test_every_training_and_every_trial_is_an_entry_of_its_own(run: Folder, tmp_path: Path, tracker: Tracker) -> None:
    copy = Folder.at(tmp_path / "run").make()
    for name in ("provenance.json", "suite.yaml", "summary.parquet"):
        (tmp_path / "run" / name).write_bytes((Path(run.uri) / name).read_bytes())
    rows = [
        {"model": model, "base": "minilm", "recipe": "r", "home": "h", "seed": seed, "step": step, "loss": 1.0 / step}
        for seed, model in enumerate(("a", "b"))
        for step in (1, 2)
    ]
    for row in rows:
        row.update(dict.fromkeys(("learning_rate", "gradient_norm", "validation", "seconds", "pairs_per_s")))
    copy.write_table("training.parquet", pa.Table.from_pylist(rows))
    assert main(["export", "tracker", str(copy), "--tracker", "trackio"]) == 0
    assert [entry["name"] for entry in tracker.entries] == ["run", "run/a", "run/b"]
    assert tracker.entries[1]["logged"] == [(1, {"loss": 1.0}), (2, {"loss": 0.5})]
    sweep = Folder.at(tmp_path / "sweep").make()
    trials = {"trial": [1, 2], "status": ["finished", "failed"], "rate": [0.1, 0.2], "objective": [0.5, None]}
    sweep.write_table("trials.parquet", pa.table(trials))
    assert main(["export", "tracker", str(sweep), "--tracker", "trackio"]) == 0
    assert [entry["name"] for entry in tracker.entries[3:]] == ["sweep/1", "sweep/2"]
    assert tracker.entries[3]["logged"] == [(0, {"trial": 1, "rate": 0.1, "objective": 0.5})]


def test_a_tracker_that_is_not_known_or_not_there_is_said(run: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "tracker", str(run), "--tracker", "other"]) == 1
    assert "allowed are wandb, trackio" in capsys.readouterr().err
