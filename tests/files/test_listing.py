"""A folder is listed while others make it, fill it and delete it."""

import threading
from pathlib import Path

import pytest

from patray.files import Folder


def test_a_folder_that_is_made_while_it_is_listed_is_empty_or_there(tmp_path: Path) -> None:
    """Of 1,500 folders pyarrow 26 by itself says of some 50 that they are not found, though it may find none."""
    places = [tmp_path / str(at) for at in range(1500)]
    both = threading.Barrier(2)

    def make() -> None:
        for place in places:
            both.wait()
            place.mkdir()

    maker = threading.Thread(target=make)
    maker.start()
    try:
        for place in places:
            both.wait()
            assert [Folder.at(place).list() for _ in range(20)] == [[]] * 20
    finally:
        both.abort()
        maker.join()


@pytest.mark.parametrize("name", ["", "inner"])
def test_what_comes_and_goes_in_a_folder_that_is_walked_is_no_error(tmp_path: Path, name: str) -> None:
    folder, end = Folder.at(tmp_path), threading.Event()
    (tmp_path / "stays").write_text("stays")

    def churn(writer: int) -> None:
        while not end.is_set():
            made = folder / f"{name}{writer}" / "deep"
            made.write_text("file", "here")
            folder.delete(f"{name}{writer}")

    writers = [threading.Thread(target=churn, args=(writer,)) for writer in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(300):
            assert "stays" in folder.walk()
    finally:
        end.set()
        for writer in writers:
            writer.join()
