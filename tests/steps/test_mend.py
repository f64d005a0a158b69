"""A damaged file of the store is named, taken out, and nothing but its own artifact is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from patray.artifacts import (
    adopt,
    complete,
    is_complete,
    is_sealed,
    is_whole,
    read_record,
    read_sealed,
    read_seals,
    seal_name,
    write_sealed,
    wrong_files,
)
from patray.encoders.vectors import load_vectors, vectors_table
from patray.errors import DamagedError
from patray.files import Folder
from patray.landscapes.clean_copy import damaged_files
from patray.landscapes.generate import generate
from patray.landscapes.validate import prepare, read_prepared
from patray.steps.mend import damaged_name, mend
from patray.tables import RANKING
from tests.s3_server import S3Server

PARTS = [f"patents-part-{at:05}.parquet" for at in range(3)]
HOME = "embeddings/small/ta/minilm/0123456789abcdef"


def make_part(at: int) -> object:
    random = np.random.default_rng(at)
    vectors = random.normal(size=(50, 64)).astype(np.float32)
    ids = [f"P{at}-{row}" for row in range(50)]
    return vectors_table(ids, vectors, np.ones(50, np.int32), np.zeros(50, bool), {"patents": 50})


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "disk":
        return Folder.at(tmp_path / "work")
    server: S3Server = request.getfixturevalue("s3")
    return server.bucket() / "work dir"


@pytest.fixture
def artifact(store: Folder) -> Folder:
    folder = store / HOME
    seals = {name: folder.write_table(name, make_part(at)) for at, name in enumerate(PARTS)}
    complete(folder, {"identity": {}, "parts": PARTS}, seals)
    return folder


def damage(folder: Folder, name: str, how: str) -> None:
    content = bytearray(folder.read_bytes(name))
    if how == "missing":
        folder.delete(name)
        return
    if how == "a bit":
        content[len(content) // 2] ^= 4
    folder.write_bytes(name, bytes({"cut short": content[:-7], "emptied": b""}.get(how, content)))


HOWS = ("missing", "cut short", "emptied", "a bit")


@pytest.mark.parametrize("how", HOWS)
def test_vectors_with_a_damaged_part_are_not_read_but_named_and_opened_again(
    artifact: Folder, store: Folder, how: str
) -> None:
    before = {name: artifact.seal(name) for name in PARTS}
    ids, vectors = load_vectors(artifact)
    damage(artifact, PARTS[1], how)
    with pytest.raises(DamagedError, match=PARTS[1]) as caught:
        load_vectors(artifact)
    assert mend(caught.value, store) == f"{HOME}/{PARTS[1]}"
    assert not is_complete(artifact)
    assert {name: artifact.seal(name) for name in artifact.list()} == {
        name: seal for name, seal in before.items() if name != PARTS[1]
    }
    artifact.write_table(PARTS[1], make_part(1))
    complete(artifact, {"identity": {}, "parts": PARTS}, before)
    again = load_vectors(artifact)
    assert again[0].tolist() == ids.tolist()
    assert np.array_equal(again[1], vectors)


@pytest.mark.parametrize("how", HOWS[:3])
def test_what_a_listing_shows_opens_an_artifact_before_anything_is_read(artifact: Folder, how: str) -> None:
    assert is_whole(artifact)
    damage(artifact, PARTS[2], how)
    assert not is_whole(artifact)
    assert not is_complete(artifact)
    assert artifact.list() == PARTS[:2]


def test_all_damage_of_an_artifact_is_mended_at_once(artifact: Folder, store: Folder) -> None:
    damage(artifact, PARTS[0], "a bit")
    damage(artifact, PARTS[2], "a bit")
    assert list(wrong_files(artifact, read_seals(artifact))) == [PARTS[0], PARTS[2]]
    with pytest.raises(DamagedError) as caught:
        load_vectors(artifact)
    mend(caught.value, store)
    assert artifact.list() == [PARTS[1]]


def test_a_record_that_was_cut_off_costs_no_part(artifact: Folder, store: Folder) -> None:
    artifact.write_bytes("artifact.json", artifact.read_bytes("artifact.json")[:-30])
    with pytest.raises(DamagedError, match=r"artifact\.json.*: not valid JSON") as caught:
        load_vectors(artifact)
    assert mend(caught.value, store)
    assert artifact.list() == PARTS
    assert not is_complete(artifact)
    with pytest.raises(DamagedError, match=r"artifact\.json: no such file, so this artifact is not whole"):
        load_vectors(artifact, PARTS[:1])


def test_parts_of_a_stopped_run_are_looked_at_before_they_are_used(artifact: Folder, store: Folder) -> None:
    seals = read_seals(artifact)
    artifact.delete("artifact.json")
    for name, how in zip(PARTS[:2], ("a bit", "cut short"), strict=True):
        damage(artifact, name, how)
    with pytest.raises(DamagedError, match=PARTS[0]) as caught:
        complete(artifact, {"identity": {}, "parts": PARTS})
    assert mend(caught.value, store)
    assert artifact.list() == [PARTS[2]]
    for at, name in enumerate(PARTS[:2]):
        artifact.write_table(name, make_part(at))
    complete(artifact, {"identity": {}, "parts": PARTS})
    assert read_seals(artifact) == seals


def test_an_artifact_from_before_there_were_seals_is_sealed_when_all_of_it_can_be_read(artifact: Folder) -> None:
    seals = read_seals(artifact)
    artifact.write_json("artifact.json", {"identity": {}, "parts": PARTS})
    assert read_seals(artifact) == {}
    adopt(artifact)
    assert read_seals(artifact) == seals
    artifact.write_json("artifact.json", {"identity": {}, "parts": PARTS})
    damage(artifact, PARTS[0], "cut short")
    adopt(artifact)
    assert not is_complete(artifact)
    assert artifact.list() == PARTS[1:]


def test_a_record_that_is_written_again_keeps_its_seals(artifact: Folder) -> None:
    seals = read_seals(artifact)
    complete(artifact, {**read_record(artifact), "certificates": []})
    assert read_seals(artifact) == seals


@pytest.mark.parametrize("how", HOWS)
def test_a_damaged_ranking_is_named_and_made_again(store: Folder, how: str) -> None:
    run, name = store / "runs" / "first", "rankings/small/ta/linear(a,b).parquet"
    write_sealed(run, name, RANKING.empty_table())
    assert is_sealed(run, name)
    damage(run, name, how)
    with pytest.raises(DamagedError, match="linear") as caught:
        read_sealed(run, name)
    assert mend(caught.value, store) == f"runs/first/{name}"
    assert not is_sealed(run, name)
    assert not run.exists(seal_name(name))


def test_a_ranking_whose_seal_was_never_written_is_not_taken_for_whole(store: Folder) -> None:
    store.write_table("r.parquet", RANKING.empty_table())
    assert not is_sealed(store, "r.parquet")
    with pytest.raises(DamagedError, match=r"r\.parquet.*: its seal \.r\.parquet\.seal is missing"):
        read_sealed(store, "r.parquet")


def test_files_outside_the_store_and_checkpoints_are_not_mended(store: Folder) -> None:
    elsewhere = DamagedError("/somewhere/else/embeddings/a/part.parquet: cut short")
    assert damaged_name(elsewhere, store) is None
    assert mend(elsewhere, store) is None
    assert (
        mend(DamagedError(f"{store / 'checkpoints' / 'R1' / 'm' / 'k' / 'model.safetensors'}: damaged"), store) is None
    )


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder.at(tmp_path_factory.mktemp("landscape"))
    generate(folder, seed=3, patents=60, name="small")
    return folder


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("file", ["patents/part-00000.parquet", "metadata.parquet", "landscape.yaml"])
def test_a_clean_copy_knows_which_of_its_files_is_damaged(
    landscape: Folder, tmp_path: Path, how: str, file: str
) -> None:
    clean = Folder.at(tmp_path / "landscapes" / "small" / "key")
    prepared = prepare(landscape, clean, rows_per_part=25)
    assert read_prepared(clean) == prepared
    assert damaged_files(clean) == {}
    damage(clean, file, how)
    assert list(damaged_files(clean)) == [file]
    assert mend(DamagedError(f"{clean / file}: damaged"), Folder.at(tmp_path)) == f"landscapes/small/key/{file}"
    assert not clean.exists("prepared.json")


def test_a_clean_copy_from_before_there_were_seals_is_checked_and_sealed(landscape: Folder, tmp_path: Path) -> None:
    clean = Folder.at(tmp_path)
    prepare(landscape, clean, rows_per_part=25)
    record = clean.read_json("prepared.json")
    old = {key: value for key, value in record.items() if key != "seals"}
    clean.write_json("prepared.json", old)
    assert damaged_files(clean) == {}
    assert clean.read_json("prepared.json") == record
    clean.write_json("prepared.json", old)
    clean.delete("patents/part-00001.parquet")
    assert damaged_files(clean) == {"patents": "its parts do not hold the documents of metadata.parquet"}
