"""A file of a store is read to its end though the store is busy in between, in every way of reading."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray import filesystems
from patray.errors import ResourceError
from patray.files import Folder
from patray.seals import seal_of
from tests.s3_server import S3Server

TABLE = pa.table({"a": np.arange(5000), "b": np.random.default_rng(1).normal(size=5000)})


@pytest.fixture
def folder(s3: S3Server) -> Folder:
    folder = s3.bucket() / "work"
    folder.write_table("t.parquet", TABLE, row_group_size=500)
    return folder


@pytest.fixture
def busy(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every second request is answered that the store is busy; no pause between two tries."""
    monkeypatch.setattr(filesystems.time, "sleep", lambda seconds: None)
    draw = random.Random(4)

    def fault(method: str, path: str) -> tuple[str, str] | None:
        return ("429 Too Many Requests", "TooManyRequests") if draw.random() < 0.5 else None

    with s3.failing(fault) as answered:
        yield answered


def stream_groups(folder: Folder) -> pa.Table:
    with folder.input("t.parquet") as stream:
        opened = pq.ParquetFile(stream)
        return pa.concat_tables(opened.read_row_group(at) for at in range(opened.num_row_groups))


@pytest.mark.parametrize(
    "read",
    [
        lambda folder: folder.read_table("t.parquet"),
        lambda folder: folder.read_table("t.parquet", columns=["b"]),
        stream_groups,
    ],
    ids=["whole", "columns", "groups"],
)
def test_a_table_is_read_to_its_end(folder: Folder, busy: list[str], read: Callable[[Folder], pa.Table]) -> None:
    found = [read(folder) for _ in range(3)]
    assert busy
    assert all(one.equals(TABLE.select(one.column_names)) for one in found)


def test_bytes_and_seals_are_those_of_the_file(folder: Folder, busy: list[str]) -> None:
    content = folder.read_bytes("t.parquet")
    assert folder.seal("t.parquet") == seal_of(content)
    with folder.input("t.parquet") as stream:
        assert stream.size() == len(content)
        stream.seek(-7, 2)
        assert stream.read() == content[-7:]
        stream.seek(3)
        assert stream.read(5) == content[3:8]
    assert busy


def test_a_store_that_stays_busy_is_named_from_within_a_table(
    folder: Folder, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems, "PATIENCE", 0.3)
    with folder.input("t.parquet") as stream:
        opened = pq.ParquetFile(stream)
        with (
            s3.failing(lambda method, path: ("503 Service Unavailable", "SlowDown")),
            pytest.raises(ResourceError, match=r"t\.parquet: could not be read: the store was busy or out of reach"),
        ):
            opened.read_row_group(7)
