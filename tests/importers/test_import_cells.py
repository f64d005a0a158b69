"""Several values in one cell, in every way that exports have been seen to print them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, rows, run

from patray.importers.cells import split_cells, with_subclass


def cited(folder: Path) -> set[tuple[str, str]]:
    return {(row["citing_id"], row["cited_id"]) for row in rows(folder, "citations")}


@pytest.mark.parametrize(
    "sign", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\u2029", "_x000D_\n", "<br>", "<BR />"]
)
def test_every_sign_of_a_lines_end_separates_values(sign: str, tmp_path: Path) -> None:
    cells = [sign.join(pair) for pair in (("A61B5/02", "A46B 7/04"), ("B", "C"), ("Food, drinks", "Tools"))]
    table = pa.table({"patent_id": ["A", "B", "C"], "title": ["a"] * 3, **{
        name: [cell, None, None] for name, cell in zip(("ipc", "citations", "labels"), cells, strict=True)
    }})  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert by_id(tmp_path / "out")["A"]["ipc"] == ["A61B5/02", "A46B 7/04"]
    assert cited(tmp_path / "out") == {("A", "B"), ("A", "C")}
    assert rows(tmp_path / "out", "labels/table")[0]["labels"] == ["Food, drinks", "Tools"]


@pytest.mark.parametrize("cell", [
    "[A61B5/02, A46B 7/04]", "{A61B5/02,A46B 7/04}", "[A61B5/02; A46B 7/04]", "IPC(8): A61B5/02, A46B 7/04",
    "Int. Cl.7: A61B5/02 // A46B 7/04", "{'A61B5/02', 'A46B 7/04'}",
])  # fmt: skip
def test_codes_are_read_out_of_what_stands_around_them(cell: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"patent_id": ["A"], "title": ["a"], "ipc": [cell]}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert sorted(by_id(tmp_path / "out")["A"]["ipc"]) == ["A46B 7/04", "A61B5/02"]


def test_a_list_without_quotes_is_a_list_unless_a_separator_is_named() -> None:
    assert split_cells(pa.array(["[Food, Tools]", "[sic]", "[a, b] or [c]"]), "").to_pylist() == [
        ["Food", "Tools"], ["[sic]"], ["[a", "b] or [c]"],
    ]  # fmt: skip
    assert split_cells(pa.array(["[Food, Tools]"]), "#").to_pylist() == [["[Food, Tools]"]]


def test_a_subclass_that_is_said_once_holds_for_the_groups_behind_it() -> None:
    said = [["A61K 31/00", "31/12", "45/06", "C07D 417/00", "2/04"], ["31/12"], None, ["A61K"], ["b60r", "1/00"]]
    assert with_subclass(pa.array(said, pa.list_(pa.string()))).to_pylist() == [
        ["A61K 31/00", "A61K 31/12", "A61K 45/06", "C07D 417/00", "C07D 2/04"], ["31/12"], [], ["A61K"],
        ["b60r", "b60r 1/00"],
    ]  # fmt: skip


@pytest.mark.parametrize("between", [" ", ", ", " / ", " & ", " + ", "; ", " | "])
def test_numbers_are_told_apart_whatever_stands_between_them(between: str, tmp_path: Path) -> None:
    cells = [between.join(["EP1000001A1", "US 2013/0101709 A1"]), "EP-1000000-A1", None]
    ids = ["EP1000000A1", "EP1000001A1", "US20130101709A1"]
    pq.write_table(pa.table({"patent_id": ids, "title": ["a"] * 3, "citations": cells}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert cited(tmp_path / "out") == {(ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[0])}
