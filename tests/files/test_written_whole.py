"""A file is written whole or not at all: on a disk, behind file://, on an object store, and where rename does not
replace; whatever the writer raises."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from patray import filesystems
from patray.errors import DamagedError, InputError, ResourceError
from patray.files import Folder
from patray.seals import seal_of
from tests.s3_server import S3Server

STORES = ("disk", "file://", "s3", "memory")


class NoReplace(pafs.FSSpecHandler):
    """As HDFS: a rename over a file is refused."""

    def move(self, source: str, target: str) -> None:
        if self.fs.exists(target):
            raise FileExistsError(f"rename {source} to {target} failed")
        super().move(source, target)


@pytest.fixture(params=STORES)
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """An empty folder `at/here` of every kind of store; the last refuses to rename over a file."""
    if request.param == "disk":
        return Folder.at(tmp_path / "at" / "here")
    if request.param == "file://":
        return Folder.at(f"file://{tmp_path}/at/here")
    if request.param == "s3":
        return request.getfixturevalue("s3").bucket() / "at" / "here"
    import fsspec

    memory = pafs.PyFileSystem(NoReplace(fsspec.filesystem("memory")))
    monkeypatch.setattr(filesystems, "_open_root", lambda root: (memory, "/"))
    return Folder.at(f"memory://any{tmp_path}/at/here")


class Stop(BaseException):
    """As an interrupt from the keyboard: no Exception."""


def raising(error: BaseException, size: int = 1 << 20) -> Callable[[Any], None]:
    def write(sink: Any) -> None:
        sink.write(os.urandom(size))
        raise error

    return write


def everything(folder: Folder) -> list[str]:
    """All names below, temporary and hidden ones too."""
    return [name for name, info in folder._infos(recursive=True) if info.type == pafs.FileType.File]


@pytest.mark.parametrize("error", [ValueError("a bug"), pa.ArrowInvalid("a table"), Stop(), KeyboardInterrupt()])
def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(folder: Folder, error: BaseException) -> None:
    folder.write_bytes("whole", b"the old content")
    for name in ("whole", "new"):
        with pytest.raises(type(error)):
            folder.publish(name, raising(error))
    assert folder.read_bytes("whole") == b"the old content"
    assert everything(folder) == ["whole"]


def test_a_writer_without_room_leaves_the_old_file_and_says_why(folder: Folder) -> None:
    folder.write_bytes("whole", b"the old content")
    with pytest.raises(ResourceError, match=r"here/whole.*: could not be saved: the disk is full"):
        folder.publish("whole", raising(OSError(28, "No space left on device")))
    assert folder.read_bytes("whole") == b"the old content"
    assert everything(folder) == ["whole"]


def test_what_is_written_can_be_read_replaced_listed_and_deleted(folder: Folder) -> None:
    table = pa.table({"patent_id": ["a", "b"], "value": [1.0, 2.0]})
    assert folder.list() == []
    seal = folder.write_table("sub/a table", table)
    assert seal.rows == 2
    assert seal == folder.write_table("sub/a table", table)
    assert folder.sizes() == {"sub/a table": seal.bytes}
    assert folder.size("sub/a table") == seal.bytes
    assert folder.read_table("sub/a table", seal=seal).equals(table)
    assert folder.read_table("sub/a table", ["value"]).column_names == ["value"]
    assert (folder / "sub").list() == ["a table"]
    assert (folder / "sub" / "a table").name == "a table"
    assert (folder / "sub").parent == folder
    folder.write_text("sub/a table", "shorter")
    assert folder.read_text("sub/a table") == "shorter"
    folder.delete("sub/a table")
    folder.delete("sub/a table")
    assert not folder.exists("sub/a table")
    with pytest.raises(InputError, match="no such file"):
        folder.read_bytes("sub/a table")


def test_large_files_go_through_whole(folder: Folder, tmp_path: Path) -> None:
    data = os.urandom(12 << 20)  # more than a part of an upload
    (tmp_path / "source").write_bytes(data)
    seal = folder.upload("large", str(tmp_path / "source"))
    assert seal == seal_of(data) == folder.seal("large")
    folder.download("large", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == data


def damaged(content: bytes) -> dict[str, bytes]:
    middle = bytearray(content)
    middle[len(middle) // 2] ^= 1
    last = bytearray(content)
    last[-9] ^= 64
    return {"cut": content[:-10], "empty": b"", "a bit": bytes(middle), "a bit of the footer": bytes(last)}


@pytest.mark.parametrize("kind", ["cut", "empty", "a bit", "a bit of the footer", "exchanged", "missing"])
def test_a_sealed_file_that_was_changed_is_named(folder: Folder, kind: str) -> None:
    seal = folder.write_table("t.parquet", pa.table({"x": list(range(1000))}))
    content = folder.read_bytes("t.parquet")
    if kind == "missing":
        folder.delete("t.parquet")
    elif kind == "exchanged":
        folder.write_table("t.parquet", pa.table({"x": list(range(1, 1001))}))
    else:
        folder.write_bytes("t.parquet", damaged(content)[kind])
    for look in (lambda: folder.read_table("t.parquet", seal=seal), lambda: folder.check("t.parquet", seal)):
        with pytest.raises(DamagedError, match=r"t\.parquet.*: (cut short|damaged|no such file)"):
            look()


def test_an_unreadable_table_is_named_without_a_seal_too(folder: Folder) -> None:
    folder.write_bytes("t.parquet", b"PAR1 and nothing")
    with pytest.raises(DamagedError, match=r"t\.parquet.*: not a readable Parquet file"):
        folder.read_table("t.parquet")
    folder.write_text("record.json", '{"half": ')
    with pytest.raises(DamagedError, match=r"record\.json.*: not valid JSON"):
        folder.read_json("record.json")


def test_temporary_files_of_dead_writers_are_seen_by_their_age(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    folder.write_text("a/kept", "x")
    left = tmp_path / "a" / "_tmp-0123-part.parquet"
    left.write_bytes(b"half")
    assert folder.temporary(older_than=3600) == {}
    os.utime(left, (1, 1))
    assert folder.temporary(older_than=3600) == {"a/_tmp-0123-part.parquet": 4}
    assert (folder / "a").list() == ["kept"]


def test_a_busy_store_is_asked_again_until_it_answers(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(filesystems.time, "sleep", pauses.append)
    folder = s3.bucket()
    for status, code in (("503 Service Unavailable", "SlowDown"), ("429 Too Many Requests", "TooManyRequests")):
        left = iter([True] * 5)
        with s3.failing(lambda method, path, left=left, say=(status, code): say if next(left, False) else None) as said:
            folder.write_bytes(f"file-{code}", b"content")
        assert len(said) == 5
        assert folder.read_bytes(f"file-{code}") == b"content"
    assert pauses
    assert pauses[-1] < filesystems.PATIENCE


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("403 Forbidden", "InvalidAccessKeyId", "the store refused the credentials; set those of someone"),
        ("403 Forbidden", "SignatureDoesNotMatch", "the store refused the credentials; set those of someone"),
        ("400 Bad Request", "ExpiredToken", "the store refused the credentials; set those of someone"),
        ("404 Not Found", "NoSuchBucket", "there is no such bucket; create it, or correct the name"),
    ],
)
def test_a_refusal_is_said_at_once(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, status: str, code: str, told: str
) -> None:
    monkeypatch.setattr(filesystems.time, "sleep", lambda pause: pytest.fail("a refusal does not pass"))
    folder = s3.bucket()
    fault = s3.failing(lambda method, path: (status, code) if method in ("PUT", "POST") else None)
    with fault, pytest.raises(ResourceError, match=told) as caught:
        folder.write_bytes("x", b"content")
    assert "bucket-" in str(caught.value)


def test_a_store_that_stays_busy_or_cannot_be_reached_is_an_error_in_words(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems, "PATIENCE", 0.0)
    folder = s3.bucket()
    with s3.failing(lambda method, path: ("503 Service Unavailable", "SlowDown")):
        for ask in (lambda: folder.exists("x"), lambda: folder.write_text("x", "y"), lambda: folder.list()):
            with pytest.raises(ResourceError, match=r"the store was busy or out of reach .* the same command goes on"):
                ask()
    nobody = Folder.at("s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    with pytest.raises(ResourceError, match="the store was busy or out of reach"):
        nobody.exists()


def test_a_missing_bucket_is_named(s3: S3Server) -> None:
    nowhere = Folder.at(s3.uri("not-there/x").replace("&allow_bucket_creation=true", ""))
    for make in (nowhere.make, lambda: nowhere.write_text("x", "y")):
        with pytest.raises(ResourceError, match=r"s3://not-there/x.*: there is no such bucket; create it"):
            make()


def test_names_go_before_the_question_mark_of_a_uri_and_secrets_are_not_shown() -> None:
    folder = Folder.at("s3://key:sec/ret@bucket/work/?endpoint_override=http://host:9000&region=x")
    assert folder.uri == "s3://key:sec/ret@bucket/work?endpoint_override=http://host:9000&region=x"
    place = Folder.at("s3://key:secret@bucket?endpoint_override=host:9000") / "a b?" / "c"
    assert place.uri == "s3://key:secret@bucket/a%20b%3F/c?endpoint_override=host:9000"
    assert place.parent.name == "a b?"
    assert str(place) == "s3://***@bucket/a b?/c"
    assert str(folder) == "s3://***@bucket/work"
    local = Folder.at("/tmp/what?") / "x"
    assert (local.uri, local.name, local.parent.uri) == ("/tmp/what?/x", "x", "/tmp/what?")


def test_a_scheme_that_nobody_knows_is_named() -> None:
    with pytest.raises(ResourceError, match=r"bogus://x/y: cannot open this location"):
        Folder.at("bogus://x/y").exists()
