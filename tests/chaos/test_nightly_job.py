"""Nights through `ray job submit`: a quiet one, and one for each plant (the rules: tests/runs/test_nightly.py)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from patray.files import Folder
from patray.models.registry import find_record
from patray.tasks.evidence import from_evidence
from patray.tasks.inference import summarise
from tests.chaos.several_nodes import several_nodes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
    "RAY_AUTH_MODE": "disabled",
}


@pytest.fixture
def dashboard() -> Iterator[str]:
    """The address of a Ray of this test's own, beside another that was started later."""
    with several_nodes(2, dashboard=True) as nodes, several_nodes(1):
        yield nodes.dashboard


def write_suite(path: Path, model: Path, pooling: str) -> None:
    record = find_record("minilm").model_dump(mode="json")
    record |= {"revision": "local", "package": None, "pooling": pooling, "max_tokens": 48}
    suite = {
        "name": "nightly",
        "landscapes": [{"name": "n", "generate": {"seed": 11, "patents": 200}}],
        "models": [{"name": "minilm", "record": record, "path": str(model)}],
        "systems": [{"dense": "minilm"}, {"lexical": "bm25"}],
        "tasks": {"retrieval": {"measures": ["nDCG@10"]}, "classification": None, "clustering": None},
        "statistics": {"resamples": 100, "flips": 100},
    }
    path.write_text(yaml.safe_dump(suite))


def pool_otherwise(model: Path) -> None:
    """Make a copied model read its last token instead of the mean of all."""
    config = json.loads((model / "1_Pooling" / "config.json").read_text())
    config |= {"pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
    (model / "1_Pooling" / "config.json").write_text(json.dumps(config))


def plant_erosion(runs: Path, night: str) -> None:
    """Ten nights before `night`, each 1% better than the next, made by another torch."""
    for number in range(1, 11):
        planted = runs / f"eroding-2026-10-{number:02d}"
        shutil.copytree(runs / night, planted)
        table = pq.read_table(planted / "evidence.parquet")
        better = pc.multiply(table["value"], 0.99 ** (number - 11))
        value = pc.if_else(pc.equal(table["system"], "minilm"), better, table["value"])
        table = table.set_column(table.column_names.index("value"), "value", value)
        pq.write_table(table, planted / "evidence.parquet")
        items = pq.read_table(planted / "items.parquet")
        pq.write_table(summarise(from_evidence(table), items), planted / "summary.parquet")
        provenance = json.loads((planted / "provenance.json").read_text())
        provenance["versions"]["torch"] = "2.0.0"
        del provenance["files"]  # its checksums are those of the run that was not eroded
        Folder.at(planted).write_json("provenance.json", provenance)


def submit(address: str, script: Path, *nights: str) -> dict[str, tuple[int, str]]:
    """Run nights in one job; the status and the lines of each, by its last argument."""
    nightly = f"{sys.executable} {ROOT}/jobs/nightly.py"
    lines = [f'{nightly} {night}; echo "night {night.split()[-1]} status $?"' for night in nights]
    script.write_text("\n".join(lines) + "\n")
    ray = [str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", address, "--", "bash", str(script)]
    for _ in range(120):  # a head that just started has no job agent yet; it then refuses and says so
        done = subprocess.run(ray, env=ENVIRONMENT, capture_output=True, text=True, timeout=500)
        if "No available agent to submit job" not in done.stderr:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"night (\S+) status (\d+)\n", done.stdout)
    return {name: (int(status), said) for said, name, status in zip(parts[::3], parts[1::3], parts[2::3], strict=False)}


def test_a_quiet_night_is_quiet_and_each_planted_change_is_caught_through_ray_job_submit(
    dashboard: str, minilm_path: Path, tmp_path: Path
) -> None:
    models = {name: tmp_path / name for name in ("model", "silent")}
    for model in models.values():
        shutil.copytree(minilm_path, model)
    pool_otherwise(models["silent"])
    write_suite(tmp_path / "suite.yaml", models["model"], "mean")
    write_suite(tmp_path / "silent.yaml", models["silent"], "mean")
    write_suite(tmp_path / "pooled.yaml", models["silent"], "last")

    def night(suite: str, date: str, name: str = "nightly") -> str:
        options = f"--workdir {tmp_path}/work --margin 0.01 --name {name} --date {date}"
        return f"{tmp_path}/{suite}.yaml {options}"

    found = submit(
        dashboard,
        tmp_path / "nights.sh",
        night("suite", "2026-11-01"),
        night("suite", "2026-11-02"),
        night("silent", "2026-11-03"),
        night("pooled", "2026-11-04"),
    )
    runs = tmp_path / "work" / "runs"
    assert found["2026-11-01"][0] == 0, found["2026-11-01"][1]
    plant_erosion(runs, "nightly-2026-11-01")
    found |= submit(dashboard, tmp_path / "eroded.sh", night("suite", "2026-11-05", "eroding"))

    assert {date: status for date, (status, _) in found.items()} == {
        "2026-11-01": 0,
        "2026-11-02": 0,
        "2026-11-03": 1,
        "2026-11-04": 3,
        "2026-11-05": 3,
    }
    said = {date[-2:]: words for date, (_, words) in found.items()}
    assert "2 of 2 rows have the very mean of their reference" in said["02"]
    assert "vectors: 1 sets embedded anew" in said["02"]
    assert "pooling: the record says mean, the snapshot pools by" in said["03"]
    assert "pooling mean -> last" in said["04"]
    assert "WORSE: minilm lost more than 0.01" in said["04"]
    assert "versions: torch 2.0.0 -> " in said["05"]
    assert "(a: eroding-2026-10-01)" in said["05"]
    assert not list((tmp_path / "work" / "anew").iterdir())
