"""Models of every kind in a mirror on S3: found, copied whole, and checked against their records before they load."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_snapshots import PLAIN, record

from patray.encoders.load import load_encoder, load_late_encoder, load_scorer
from patray.encoders.pairs import Pairs
from patray.encoders.protocol import EncoderSettings
from patray.errors import ModelError
from patray.files import Folder
from patray.models.content import identify
from patray.models.mirror import mirror_model
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot, find_snapshot, localise
from tests.models.tiny_late import cross_record, late_record, save_cross_encoder, save_stanford_colbert
from tests.s3_server import S3Server

REVISION = "a" * 40
SETTINGS = EncoderSettings(
    engine="sentence-transformers", dtype="float32", device="cpu", threads=1, tokens_per_batch=512,
    allow_remote_code=False,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of model: its record with changes, how it is loaded, a change that contradicts the files, and the word
    that the refusal says of it."""

    record: Callable[..., ModelRecord]
    load: Callable[[ModelRecord, Path, EncoderSettings], Any]
    lie: dict[str, Any]
    word: str


def dense_record(**changes: Any) -> ModelRecord:
    return record(**{**PLAIN, **changes})


KINDS = {
    "dense": Kind(dense_record, load_encoder, {"pooling": "cls"}, "pooling"),
    "late": Kind(late_record, load_late_encoder, {"punctuation_skipped": False}, "punctuation"),
    "reranker": Kind(cross_record, load_scorer, {"architecture": "RobertaForSequenceClassification"}, "architecture"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def local(kind: Kind, copy: Callable[[str], Path], tmp_path: Path) -> Path:
    if kind.record is dense_record:
        return copy("plain")
    save = save_stanford_colbert if kind.record is late_record else save_cross_encoder
    return save(tmp_path / "snapshot")


@pytest.fixture
def bucket(s3: S3Server) -> Folder:
    return s3.bucket() / "my models"


def found(model: ModelRecord, bucket: Folder) -> Snapshot:
    return identify(model, find_snapshot(model, None, bucket.uri, allow_hub=False))


def test_a_model_in_a_bucket_is_what_it_is_on_disk(kind: Kind, local: Path, bucket: Folder, tmp_path: Path) -> None:
    pinned = kind.record(revision=REVISION)
    mirror_model(pinned, bucket.uri, str(local))
    copied = localise(found(pinned, bucket), pinned, tmp_path / "cache")
    assert copied.is_relative_to(tmp_path / "cache")
    there, here = (kind.load(pinned, path, SETTINGS) for path in (copied, local))
    ids = [np.array([2, 4, 5, 3], dtype=np.int32)]
    if kind.record is cross_record:
        pairs = Pairs(ids, np.array([2], dtype=np.int32), np.zeros(1, dtype=bool))
        assert np.array_equal(there.score(pairs), here.score(pairs))
    elif kind.record is late_record:
        assert np.array_equal(there.encode(ids, "document").vectors, here.encode(ids, "document").vectors)
    else:
        assert np.array_equal(there.encode(ids), here.encode(ids))


def test_a_model_in_a_bucket_that_is_not_what_its_record_says_is_refused(
    kind: Kind, local: Path, bucket: Folder, tmp_path: Path
) -> None:
    pinned = kind.record(revision=REVISION)
    mirror_model(pinned, bucket.uri, str(local))
    lying = kind.record(revision=REVISION, **kind.lie)
    with pytest.raises(ModelError, match=kind.word):
        kind.load(lying, localise(found(lying, bucket), lying, tmp_path / "cache"), SETTINGS)


def test_a_file_that_is_exchanged_after_the_start_is_refused_and_leaves_no_copy(
    kind: Kind, local: Path, bucket: Folder, tmp_path: Path
) -> None:
    pinned = kind.record(revision=REVISION)
    mirrored = mirror_model(pinned, bucket.uri, str(local)).folder
    began = found(pinned, bucket)
    config = json.loads(mirrored.read_text("config.json"))
    mirrored.write_json("config.json", config | {"num_hidden_layers": 1})
    with pytest.raises(ModelError, match=r"does not hold what .* held when this command began: config\.json differs"):
        localise(began, pinned, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock" and path.is_file()]


def test_the_store_may_fail_in_the_middle_of_a_copy(
    kind: Kind, local: Path, bucket: Folder, s3: S3Server, tmp_path: Path
) -> None:
    pinned = kind.record(revision=REVISION)
    mirror_model(pinned, bucket.uri, str(local))
    began = found(pinned, bucket)
    left = iter(range(6))

    def busy(method: str, path: str) -> tuple[str, str] | None:
        at = next(left, None) if method == "GET" and "model.safetensors" in path else None
        return None if at is None else ("503 Service Unavailable", "SlowDown")

    with s3.failing(busy) as answered:
        copied = localise(began, pinned, tmp_path / "cache")
    assert answered
    assert (copied / "model.safetensors").read_bytes() == (local / "model.safetensors").read_bytes()


def test_what_killed_workers_left_of_any_model_goes_and_what_is_being_copied_stays(
    copy: Callable[[str], Path], bucket: Folder, tmp_path: Path
) -> None:
    pinned = dense_record(revision=REVISION)
    mirror_model(pinned, bucket.uri, str(copy("plain")))
    other = tmp_path / "cache" / "somebody--else"
    dead, living = (other / f"_tmp-0123-{name}" for name in ("b" * 32, "c" * 32))
    for folder in (dead, living):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").touch()
    with open(other / f"{'c' * 32}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        localise(found(pinned, bucket), pinned, tmp_path / "cache")
    assert not dead.exists()
    assert living.exists()
