"""Several Ray nodes on one machine: work is placed where it fits, and a node may be lost in every phase."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from patray.files import Folder
from patray.landscapes.generate import generate
from tests.chaos.killing import kill_with_children
from tests.chaos.several_nodes import OPEN, several_nodes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | OPEN
SUITE: dict[str, Any] = {
    "name": "small",
    "views": ["ta"],
    "models": ["minilm"],
    "systems": [
        {"dense": "minilm"}, {"lexical": "bm25"}, {"linear": ["minilm", "bm25"]},
        {"dense": "minilm", "precision": "int8"}, {"dense": "minilm", "dimensions": 128},
    ],
    "tasks": {
        "classification": {"labels": ["files"], "min_train": 3},
        "clustering": {"labels": ["files"], "seeds": 2, "min_class": 3},
    },
    "statistics": {"resamples": 500, "flips": 500},
}  # fmt: skip


def write_suite(folder: Path, **changes: Any) -> Path:
    if not (folder / "landscape").exists():
        generate(Folder.at(folder / "landscape"), seed=9, patents=300, name="landscape")
    path = folder / f"suite-{len(list(folder.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump({**SUITE, "landscapes": [{"path": str(folder / "landscape")}], **changes}))
    return path


def run(suite: Path, workdir: Path, faults: dict[str, int], **environment: str) -> str:
    """What a run says on stderr; it must end well, and all of the faults must have happened."""
    command = [sys.executable, "-m", "tests.chaos.losing_driver", str(suite), str(workdir), json.dumps(faults)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**CLEAN, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=500)
    except subprocess.TimeoutExpired:
        kill_with_children(process)
        raise
    assert process.returncode == 0, said
    return said


def evidence(workdir: Path) -> Any:
    return pq.read_table(workdir / "runs" / "small" / "evidence.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Path:
    run(write_suite(folder), folder / "undisturbed", {})
    return folder / "undisturbed"


@pytest.mark.chaos
def test_a_node_lost_in_every_phase_changes_nothing_and_what_was_done_twice_is_counted(
    folder: Path, undisturbed: Path
) -> None:
    with several_nodes(0, 1, 1, 2, 1) as nodes:
        faults = dict(zip(("embed", "search", "judge"), nodes.raylets, strict=False))
        said = run(write_suite(folder, search={"shards": 2}), folder / "lost", faults, RAY_ADDRESS=nodes.address)
    assert evidence(folder / "lost").equals(evidence(undisturbed))
    assert said.startswith(f"patray: on the Ray at {nodes.address} (RAY_ADDRESS): 5 nodes, 5 CPUs, 0 GPUs\n")
    steps = json.loads((folder / "lost" / "runs" / "small" / "provenance.json").read_text())["steps"]
    [embedded] = [step for step in steps if step["step"] == "embed"]
    assert embedded["windows_repeated"] <= 2  # one at work and one waiting on the lost node, where it had any
    assert "Traceback" not in said


@pytest.mark.chaos
@pytest.mark.parametrize(("head", "workers", "shards"), [(2, (8,), 2), (0, (1, 1), 3), (1, (2, 2), 4)])
def test_shards_are_searched_where_they_fit(
    folder: Path, undisturbed: Path, head: int, workers: tuple[int, ...], shards: int
) -> None:
    workdir = folder / f"shards-{head}-{shards}"
    with several_nodes(head, *workers) as nodes:
        run(write_suite(folder, search={"shards": shards}), workdir, {}, RAY_ADDRESS=nodes.address)
    assert evidence(workdir).equals(evidence(undisturbed))


@pytest.mark.chaos
def test_a_node_lost_under_late_interaction_and_reranking_changes_nothing(folder: Path) -> None:
    from tests.models.tiny_late import cross_record, late_record, save_cross_encoder, save_stanford_colbert

    models = []
    for name, save, record in (
        ("colbert", save_stanford_colbert, late_record()), ("cross", save_cross_encoder, cross_record())
    ):  # fmt: skip
        save(folder / name)
        models.append({"name": name, "record": record.model_dump(mode="json"), "path": str(folder / name)})
    systems = [
        {"lexical": "bm25"}, {"late": "colbert", "name": "late"}, {"rerank": "bm25", "with": "cross", "depth": 20},
    ]  # fmt: skip
    changes = {"models": models, "systems": systems, "tasks": {"classification": None, "clustering": None}}
    suite = write_suite(folder, **changes)
    run(suite, folder / "late-undisturbed", {})
    with several_nodes(0, 1, 1, 2, 1) as nodes:
        faults = dict(zip(("embed", "search", "rerank"), nodes.raylets, strict=False))
        run(suite, folder / "late-lost", faults, RAY_ADDRESS=nodes.address)
    assert evidence(folder / "late-lost").equals(evidence(folder / "late-undisturbed"))
