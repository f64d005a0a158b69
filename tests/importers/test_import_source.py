"""Files as they come: every compression, zip members, folders, URIs, and damage at every place."""

import bz2
import gzip
import io
import lzma
import random
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from patray.errors import InputError
from patray.importers.source import Stream, find_files, line_blocks

TEXT = "\n".join(f"line {i} {random.Random(i).random()}" for i in range(20_000)).encode() + b"\n"


def pack(kind: str, data: bytes) -> bytes:
    if kind == "gz":
        return gzip.compress(data)
    if kind == "xz":
        return lzma.compress(data)
    if kind == "bz2":
        return bz2.compress(data)
    if kind == "zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner/table.tsv", data)
        return buffer.getvalue()
    return data


KINDS = ["", "gz", "xz", "bz2", "zst", "zip"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_compression_gives_the_same_bytes_whatever_the_name(tmp_path: Path, kind: str) -> None:
    (tmp_path / "export").write_bytes(pack(kind, TEXT))
    [file] = find_files([str(tmp_path / "export")])
    assert file.compression == kind
    with Stream(file) as stream, io.BufferedReader(stream) as reader:
        assert reader.read() == TEXT


def test_gzip_of_several_members_is_read_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(pack("gz", TEXT[:1000]) + pack("gz", TEXT[1000:]))
    with Stream(find_files([str(tmp_path / "x.gz")])[0]) as stream, io.BufferedReader(stream) as reader:
        assert reader.read() == TEXT


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2", "zst"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_stream_raises_with_file_and_position_or_keeps_what_came_before(
    tmp_path: Path, kind: str, share: float
) -> None:
    packed = pack(kind, TEXT)
    (tmp_path / "cut").write_bytes(packed[: int(len(packed) * share)])
    [file] = find_files([str(tmp_path / "cut")])
    with (
        Stream(file) as stream,
        io.BufferedReader(stream) as reader,
        pytest.raises(InputError, match=r"cut: cut off or"),
    ):
        reader.read()
    with Stream(file, keep_truncated=True) as stream, io.BufferedReader(stream) as reader:
        kept = reader.read()
        assert TEXT.startswith(kept)
        assert "after" in stream.cut
    if share == 0.9 and kind in ("gz", "zst"):
        assert len(kept) > len(TEXT) // 2


def test_a_cut_zip_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(pack("zip", TEXT)[:-40])
    with pytest.raises(InputError, match="not a whole zip archive"):
        find_files([str(tmp_path / "x.zip")])


def test_folders_are_searched_in_the_order_of_names_and_hidden_files_left_out(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/2.csv", "b/1.csv", "a.csv", ".hidden"):
        (tmp_path / name).write_text("x")
    assert [file.label for file in find_files([str(tmp_path)])] == ["a.csv", "1.csv", "2.csv"]


def test_a_file_uri_is_read_like_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    [file] = find_files([f"file://{tmp_path}/a.txt"])
    with Stream(file) as stream, io.BufferedReader(stream) as reader:
        assert reader.read() == b"hello\n"
    assert [one.label for one in find_files([f"file://{tmp_path}"])] == ["a.txt"]


def test_absent_and_empty_sources_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_files([str(tmp_path / "absent")])
    with pytest.raises(InputError, match="no file found"):
        find_files([str(tmp_path)])


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_line_blocks_are_whole_lines_and_lose_nothing(size: int) -> None:
    data = b"a\nbb\n\nccc ccc ccc\n" * 20 + b"no end"
    blocks = [bytes(block) for block in line_blocks(io.BytesIO(data), size)]
    assert b"".join(blocks) == data
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize("stop", [1, 2, 5, 17, 50])
def test_a_stretch_ends_at_the_end_of_the_line_where_it_stops(stop: int) -> None:
    data = b"a\nbb\n\nccc ccc ccc\n" * 20
    reader = io.BytesIO(data)
    taken = b"".join(bytes(block) for block in line_blocks(reader, 4, stop))
    assert taken == data[: len(taken)]
    assert len(taken) >= stop
    assert taken.endswith(b"\n")
