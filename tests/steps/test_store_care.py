"""What a clean would free: never what a run needs or a living driver holds; what dead ones left."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from patray.artifacts import complete
from patray.cli import main
from patray.errors import InputError
from patray.files import Folder
from patray.steps.lease import LEASES, holding
from patray.steps.store_care import OLD_SECONDS, PROVENANCE, SUITE, USES, clean, take_stock
from tests.s3_server import S3Server

LATER = time.time() + 2 * OLD_SECONDS
VECTORS = "embeddings/small/ta/minilm"


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "disk":
        return Folder.at(tmp_path / "work")
    server: S3Server = request.getfixturevalue("s3")
    return server.bucket() / "work"


def make(store: Folder, path: str, whole: bool = True) -> str:
    """A thing of one file of 1,000 bytes."""
    folder = store / path
    seal = folder.write_bytes("part.parquet", b"x" * 1000)
    if whole and path.startswith("landscapes/"):
        folder.write_json("prepared.json", {})
    elif whole:
        complete(folder, {}, {"part.parquet": seal})
    return path


def make_run(store: Folder, name: str, uses: list[str] | None, finished: bool = True, landscape: str = "small") -> None:
    run = store / "runs" / name
    suite = {"landscapes": [{"name": landscape}], "models": [{"name": "minilm", "record": {"name": "minilm"}}]}
    run.write_text(SUITE, yaml.safe_dump(suite))
    if uses is not None:
        run.write_json(USES, uses)
    if finished:
        run.write_json(PROVENANCE, {})


def free(store: Folder) -> set[str]:
    return {thing.path for thing in take_stock(store, LATER).free}


def test_a_finished_run_needs_what_it_lists_and_nothing_else(store: Folder) -> None:
    used = [make(store, f"{VECTORS}/used"), make(store, "landscapes/small/used")]
    make(store, "indexes/small/ta/minilm/used")
    others = {
        make(store, f"{VECTORS}/other"), make(store, "landscapes/small/other"),
        make(store, "rerankings/small/ta/gte/other"), make(store, "mined/embeddings/small/ta/minilm/k"),
        make(store, "mined/rankings/small/minilm/k"), make(store, "checkpoints/R1/minilm/k"),
    }  # fmt: skip
    make_run(store, "first", used)
    assert free(store) == others
    found = take_stock(store, LATER)
    assert clean(store, found) == found.freed_bytes
    assert free(store) == set()
    assert {thing.path for thing in take_stock(store, LATER).things} == {
        *used, "indexes/small/ta/minilm/used", "runs/first",
    }  # fmt: skip


@pytest.mark.parametrize(("uses", "finished"), [(None, True), (None, False), ([], False)])
def test_a_run_that_is_unfinished_or_older_needs_all_of_its_landscapes_and_models(
    store: Folder, uses: list[str] | None, finished: bool
) -> None:
    for path in (
        f"{VECTORS}/any",
        "landscapes/small/any",
        "checkpoints/R1/minilm/k",
        "training/minilm--R1--small--s0-k",
    ):
        make(store, path, whole=not path.startswith("training"))
    make(store, "mined/embeddings/small/ta/minilm/k")
    gone = {make(store, "embeddings/large/ta/minilm/any"), make(store, "embeddings/small/ta/qwen/any")}
    make_run(store, "first", uses, finished)
    assert free(store) == gone


def test_what_a_living_driver_holds_is_not_touched(store: Folder) -> None:
    path = make(store, f"{VECTORS}/held", whole=False)
    make_run(store, "other", [])
    assert free(store) == {path}
    found = take_stock(store, LATER)
    with holding(store, [path]):
        assert free(store) == set()
        assert clean(store, found) == 0  # a lease that was taken since the look
    assert free(store) == {path}


def test_what_was_written_within_a_day_and_is_not_finished_is_kept(store: Folder) -> None:
    make(store, f"{VECTORS}/young", whole=False)
    [thing] = take_stock(store).things
    assert thing.why_kept == "it was written to within a day"


def test_what_dead_writers_left_is_left_over(store: Folder) -> None:
    path = make(store, f"{VECTORS}/used")
    (store / path).write_bytes("_tmp-0-part.parquet", b"half")
    (store / path / "started").write_bytes("part.parquet", b"")
    dead = {"what": path, "host": "h", "boot": "b", "pid": 1, "started": "1", "beat": 0, "since": "1999"}
    make_run(store, "first", [path])
    assert set(take_stock(store, LATER).leftovers) == {
        f"{path}/_tmp-0-part.parquet", f"{path}/started/part.parquet",
    }  # fmt: skip
    assert set(take_stock(store).leftovers) == {f"{path}/started/part.parquet"}
    (store / LEASES).write_bytes("x@1.json", json.dumps(dead).encode())
    assert take_stock(store, LATER).things[0].why_kept == "a driver is at it"  # one look cannot tell that it is dead


def test_a_sweep_is_never_cleaned(store: Folder) -> None:
    store.write_text("sweeps/s/tune/x", "x")
    assert free(store) == set()


def test_a_folder_that_is_no_work_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such work directory"):
        take_stock(Folder.at(tmp_path / "nowhere"))
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(InputError, match="this is no work directory of patray"):
        take_stock(Folder.at(tmp_path))


def test_clean_says_what_it_would_do_and_does_it_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Folder.at(tmp_path)
    path = make(store, f"{VECTORS}/other")
    make_run(store, "first", [])
    assert main(["store", "clean", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert path in said
    assert "would be freed; nothing was deleted" in said
    assert store.exists(path)
    assert main(["store", "list", str(tmp_path)]) == 0
    assert "no run needs it" in capsys.readouterr().out
    assert main(["store", "size", str(tmp_path)]) == 0
    assert "needed by no run" in capsys.readouterr().out
    assert main(["store", "clean", str(tmp_path), "--yes"]) == 0
    assert not store.exists(path)
    assert store.exists("runs/first")
