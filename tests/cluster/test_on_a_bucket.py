"""All on S3: landscape, mirror, work directory, a training and a sweep give what they give on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from patray.cluster.execute import execute
from patray.cluster.sweep import sweep
from patray.cluster.tokenizers import MODEL_CACHE
from patray.cluster.train import TrainJob, train
from patray.files import Folder
from patray.models.mirror import mirror_model
from patray.models.resolve import Snapshot
from patray.recipes.checkpoint import open_checkpoint
from patray.recipes.options import Training
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from tests.chaos.tiny_sweep import make_snapshot, tiny_sweep
from tests.models.tiny_late import cross_record, late_record, save_cross_encoder, save_stanford_colbert
from tests.recipes.tiny_bases import tiny_record
from tests.recipes.tiny_training import tiny_pairs, tiny_recipe, tiny_validation
from tests.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray", "encodes_here")]


@pytest.fixture
def bucket(s3: S3Server) -> Folder:
    return s3.bucket()


def evidence(run: Folder) -> Any:
    return pq.read_table(run.input("evidence.parquet"))


def copy_into(folder: Path, target: Folder) -> None:
    source = Folder.at(folder)
    for name in source.walk():
        target.upload(name, str(folder / name))


def test_a_late_model_a_reranker_a_landscape_and_the_work_directory_on_s3_give_the_same_evidence(
    small_landscape: Path, bucket: Folder, tmp_path: Path
) -> None:
    # A revision of this test's own: what another session copied of it would be found in the cache.
    revision = hashlib.sha1(str(tmp_path).encode(), usedforsecurity=False).hexdigest()
    mirror = bucket / "models"
    models = []
    for name, save, make in (
        ("colbert", save_stanford_colbert, late_record), ("cross", save_cross_encoder, cross_record)
    ):  # fmt: skip
        record = make(revision=revision, repo=f"nobody/{name}")
        mirror_model(record, mirror.uri, str(save(tmp_path / name)))
        models.append({"name": name, "record": record.model_dump(mode="json")})
    copy_into(small_landscape, bucket / "small")
    suite = {
        "name": "bucket",
        "views": ["ta"],
        "models": models,
        "systems": [{"lexical": "bm25"}, {"late": "colbert", "name": "late"},
                    {"rerank": "bm25", "with": "cross", "depth": 10}],
        "tasks": {"classification": None, "clustering": None},
        "statistics": {"resamples": 100, "flips": 100},
        "models_from": {"mirror": mirror.uri},
    }  # fmt: skip
    found = []
    for landscape, workdir in (((bucket / "small").uri, (bucket / "work").uri), (small_landscape, tmp_path / "work")):
        text = yaml.safe_dump({**suite, "landscapes": [{"path": str(landscape)}]})
        found.append(evidence(execute(resolve(parse_suite(text, "bucket.yaml", [])), str(workdir))))
    assert found[0].equals(found[1])
    assert found[0].num_rows
    assert not [path for path in MODEL_CACHE.glob("nobody--c*/*") if path.name.startswith("_tmp-")]
    assert not (bucket / "work").temporary()


@pytest.mark.chaos
def test_a_training_on_s3_ends_where_one_on_disk_does(bucket: Folder, tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path / "bert")
    record = tiny_record()
    job = TrainJob(
        "tiny--R1--home--s0", record, tiny_recipe(), "home", tiny_pairs(), tiny_validation(),
        snapshot=Snapshot(str(snapshot), "path"),
    )  # fmt: skip
    options = Training(stall_seconds=300)
    there, _ = train(job, bucket / "work", options)
    here, _ = train(job, Folder.at(tmp_path / "work").make(), options)
    assert open_checkpoint(there).name == job.name
    assert there.read_bytes("model.safetensors") == here.read_bytes("model.safetensors")
    assert not (bucket / "work" / "training").walk()


@pytest.mark.chaos
def test_a_sweep_on_s3_ends_and_is_found_done(bucket: Folder, tmp_path: Path) -> None:
    asked = tiny_sweep(make_snapshot(tmp_path / "bert"), "random", 2, scheduler=None)
    done = sweep(asked, (bucket / "work").uri)
    rows = done.read_table("trials.parquet").to_pylist()
    assert [row["trial"] for row in rows] == [1, 2]
    assert {row["status"] for row in rows} <= {"finished", "failed"}
    assert done.exists("best.yaml")
    assert sweep(asked, (bucket / "work").uri) == done
