"""What the files of a model are, wherever they lie, and that nothing else is taken for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_snapshots import PLAIN, record

from patray.cli import main
from patray.errors import ModelError
from patray.files import Folder
from patray.models import resolve
from patray.models.content import identify
from patray.models.hashes import verify_fetched
from patray.models.mirror import mirror_model
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.models.resolve import Snapshot, find_snapshot, localise

REVISION = "a" * 40
PINNED = record(**{**PLAIN, "revision": REVISION})
LOCAL = PINNED.model_copy(update={"revision": "local"})
CODED = LOCAL.model_copy(update={"remote_code": {"repo": "nobody/tiny", "commit": REVISION}})


def make(folder: Path, weights: bytes = b"w", pooling: str = "mean", extra: str = "", code: str = "") -> Snapshot:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "1_Pooling" / "config.json").write_text(pooling)
    (folder / "README.md").write_text(str(folder))
    (folder / "pytorch_model.bin").write_bytes(str(folder).encode())
    (folder / "modeling.py").write_text(code)
    if extra:
        (folder / extra).write_text("1")
    return Snapshot(str(folder), "path")


def content(record: ModelRecord, snapshot: Snapshot) -> str:
    return identify(record, snapshot).content


def test_the_same_files_elsewhere_have_the_same_content(tmp_path: Path) -> None:
    assert content(LOCAL, make(tmp_path / "a")) == content(LOCAL, make(tmp_path / "b", code="is never run"))


@pytest.mark.parametrize(
    "changed", [{"weights": b"x"}, {"pooling": "cls"}, {"extra": "merges.txt"}, {"extra": "new_kind.tiktoken"}]
)
def test_changed_weights_settings_or_a_new_file_of_any_kind_change_it(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    assert content(LOCAL, make(tmp_path / "a")) != content(LOCAL, make(tmp_path / "b", **changed))  # type: ignore[arg-type]


def test_code_counts_where_the_record_names_code(tmp_path: Path) -> None:
    assert content(CODED, make(tmp_path / "a")) != content(CODED, make(tmp_path / "b", code="x = 1"))


def test_weights_exchanged_in_place_with_the_size_and_the_times_of_the_old_ones_are_seen(tmp_path: Path) -> None:
    snapshot = make(tmp_path / "a", b"one")
    before, file = content(LOCAL, snapshot), tmp_path / "a" / "model.safetensors"
    times = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert content(LOCAL, snapshot) != before


def test_the_packaged_minilm_is_its_pinned_revision_and_so_is_a_copy_of_it_but_no_other_weights(
    minilm_path: Path, tmp_path: Path
) -> None:
    minilm = find_record("minilm")
    packaged = find_snapshot(minilm, None, None, allow_hub=False)
    assert content(minilm, packaged) == minilm.revision
    copied = shutil.copytree(minilm_path, tmp_path / "mine")
    (copied / "README.md").write_text("other words")
    found = find_snapshot(minilm, str(copied), None, allow_hub=False)
    assert content(minilm, found) == minilm.revision
    with (copied / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    changed = content(minilm, found)
    assert len(changed) == 32
    shutil.copy(minilm_path / "model.safetensors", copied)
    (copied / "1_Pooling" / "config.json").unlink()
    assert len({changed, content(minilm, found), minilm.revision}) == 3


def hub_cache(root: Path, files: dict[str, bytes]) -> Path:
    """A snapshot as the hub's client lays it out: links to blobs that are named by their hashes."""
    home = root / "models--nobody--tiny"
    snapshot = home / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    for name, data in files.items():
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        blob = home / "blobs" / (hashlib.sha256(data).hexdigest() if name.endswith(".safetensors") else git)
        blob.write_bytes(data)
        (snapshot / name).symlink_to(blob)
    return snapshot


FILES = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{}"}


def test_a_snapshot_in_the_hubs_cache_is_the_pinned_revision_until_a_file_is_not_what_its_name_says(
    tmp_path: Path,
) -> None:
    folder = hub_cache(tmp_path, FILES)
    found = Snapshot(str(folder), "path")
    assert content(PINNED, found) == REVISION
    verify_fetched(PINNED, folder)
    (folder / "model.safetensors").resolve().write_bytes(b"weighty")
    assert len(content(PINNED, found)) == 32
    with pytest.raises(ModelError, match=r"model\.safetensors of the hub's cache does not have the hash"):
        verify_fetched(PINNED, folder)
    verify_fetched(PINNED, folder, weights=False)


def test_what_the_hub_serves_is_the_pinned_revision_and_the_worker_that_fetched_it_checks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = identify(PINNED, Snapshot(f"hub:nobody/tiny@{REVISION}", "hub"))
    assert found.content == REVISION
    folder = hub_cache(tmp_path, FILES)
    monkeypatch.setattr(resolve, "fetch_from_hub", lambda record: folder)
    assert localise(found, PINNED, tmp_path / "cache") == folder
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"fine-tuned in place")
    with pytest.raises(ModelError, match="does not have the hash that its name says"):
        localise(found, PINNED, tmp_path / "cache")


@pytest.mark.parametrize("source", [f"hub nobody/tiny@{REVISION}", "path /somewhere"])
def test_a_mirror_filled_from_the_hub_is_the_pinned_revision_and_says_where_a_file_was_exchanged(
    source: str, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = mirror_model(PINNED, str(tmp_path / "m"), str(copy("plain"))).folder
    listing = folder.read_json("sha256.json")
    folder.write_json("sha256.json", {**listing, "source": source})
    found = find_snapshot(PINNED, None, str(tmp_path / "m"), allow_hub=False)
    assert (content(PINNED, found) == REVISION) == source.startswith("hub")
    config = folder.read_json("tokenizer_config.json")
    folder.write_json("tokenizer_config.json", {**config, "note": "exchanged"})
    changed = identify(PINNED, found)
    assert len(changed.content) == 32
    assert "tokenizer_config.json is not what sha256.json of this mirror says" in changed.notes[0]


def test_a_bucket_whose_files_changed_is_another_model_and_no_cache_of_a_node_hands_out_the_old_copy(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    bucket = f"file://{tmp_path}/bucket"
    folder = mirror_model(PINNED, bucket, str(copy("plain"))).folder
    first = identify(PINNED, find_snapshot(PINNED, None, bucket, allow_hub=False))
    old = localise(first, PINNED, tmp_path / "cache")
    folder.write_text("config.json", json.dumps({**folder.read_json("config.json"), "note": "trained again"}))
    second = identify(PINNED, find_snapshot(PINNED, None, bucket, allow_hub=False))
    assert second.content != first.content
    new = localise(second, PINNED, tmp_path / "cache")
    assert "trained again" in (new / "config.json").read_text()
    assert localise(first, PINNED, tmp_path / "cache") == old
    assert "trained again" not in (old / "config.json").read_text()
    assert identify(PINNED, second, trust_listing=True).content == first.content, "a plan believes the listing"


def test_verify_reads_what_lies_in_the_bucket_now(
    minilm_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "scratch"))
    bucket = f"file://{tmp_path}/bucket"
    folder = mirror_model(find_record("minilm"), bucket, str(minilm_path)).folder
    assert main(["models", "verify", "minilm", "--mirror", bucket]) == 0
    folder.write_text("1_Pooling/config.json", json.dumps({"word_embedding_dimension": 384, "pooling_mode": "cls"}))
    assert main(["models", "verify", "minilm", "--mirror", bucket]) == 1
    assert "pooling" in capsys.readouterr().out


def test_a_bucket_that_changes_while_a_run_goes_on_is_named_and_leaves_no_copy(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    bucket = f"file://{tmp_path}/bucket"
    folder = mirror_model(PINNED, bucket, str(copy("plain"))).folder
    found = identify(PINNED, find_snapshot(PINNED, None, bucket, allow_hub=False))
    folder.write_text("config.json", "{}")
    with pytest.raises(ModelError, match=r"does not hold what .* held when this command began: config\.json differs"):
        localise(found, PINNED, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_node_whose_path_holds_other_files_is_told_by_name(tmp_path: Path) -> None:
    found = identify(LOCAL, make(tmp_path / "a"))
    assert localise(found, LOCAL, tmp_path / "cache") == tmp_path / "a"
    (tmp_path / "a" / "model.safetensors").write_bytes(b"v")
    with pytest.raises(ModelError, match=r"on .* does not hold what .*: model\.safetensors differs"):
        localise(found, LOCAL, tmp_path / "cache")
    assert localise(found, LOCAL, tmp_path / "cache", weights=False) == tmp_path / "a"
    (tmp_path / "a" / "1_Pooling" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"1_Pooling/config\.json differs"):
        localise(found, LOCAL, tmp_path / "cache", weights=False)


def test_files_of_a_tuned_checkpoint_that_tell_of_it_are_no_part_of_it(tmp_path: Path) -> None:
    snapshot = make(tmp_path / "a")
    before = content(LOCAL, snapshot)
    for name in ("artifact.json", "record.yaml", "steps.parquet", "counts.parquet", ".gitattributes"):
        Folder.at(snapshot.location).write_text(name, "told")
    assert content(LOCAL, snapshot) == before
