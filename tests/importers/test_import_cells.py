"""Several values in one cell, in every way that exports have been seen to print them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, rows, run

from patray.importers.cells import split_cells, with_subclass
from patray.landscapes.codes import parse_code


def cited(folder: Path) -> set[tuple[str, str]]:
    return {(row["citing_id"], row["cited_id"]) for row in rows(folder, "citations")}


@pytest.mark.parametrize(
    "sign", ["\\n", "\\r\\n", "\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\u2029", "_x000D_\n", "<br>", "<BR />"]
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
    "A61B5/02 / A46B 7/04", "A61B5/02 + A46B 7/04", "A61B5/02 (2006.01)i, A46B 7/04 (2006.01)n",
    "A61B5/02 (2006.01)i A46B 7/04 (2006.01)n", "A61B5/02•A46B 7/04",
    "• A61B5/02\n• A46B 7/04", "1. A61B5/02; 2. A46B 7/04", '"A61B5/02","A46B 7/04"', "7A61B5/02; 7A46B 7/04",
    "IPC1-7: A61B5/02, A46B 7/04", "A61B5/02A46B7/04", "A61B5/02*; +A46B 7/04",
    "A61B5/02: Measuring; A46B 7/04: Bodies",
])  # fmt: skip
def test_codes_are_read_out_of_what_stands_around_them(cell: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"patent_id": ["A"], "title": ["a"], "ipc": [cell]}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert sorted(code.replace(" ", "") for code in by_id(tmp_path / "out")["A"]["ipc"]) == ["A46B7/04", "A61B5/02"]


def test_codes_with_their_editions_side_by_side_are_told_apart(tmp_path: Path) -> None:
    cell = "A61B 5/02 20060101 A46B  7/04 20060101AFI20051220RMJP A61P 3/10 [I] A61K 31/00"
    pq.write_table(pa.table({"patent_id": ["A"], "title": ["a"], "ipc": [cell]}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    found = [parse_code(code) for code in by_id(tmp_path / "out")["A"]["ipc"]]
    assert [code.symbol for code in found if code] == ["A61B", "A46B", "A61P", "A61K"]


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


@pytest.mark.parametrize(
    "between",
    [" ", ", ", " / ", " & ", " + ", "; ", " | ", " · ", "¶", " # ", " // ", " and ", "\n• ", "\n2. ", " 2) ", "][",
     "\xa0", "</li><li>", '","'],
)  # fmt: skip
def test_numbers_are_told_apart_whatever_stands_between_them(between: str, tmp_path: Path) -> None:
    cells = [between.join(["EP1000001A1", "US 2013/0101709 A1"]), "EP-1000000-A1", None]
    ids = ["EP1000000A1", "EP1000001A1", "US20130101709A1"]
    around = {"][": "[{}]", "</li><li>": "<ul><li>{}</li></ul>", '","': '"{}"', "\n• ": "• {}", " 2) ": "1) {}"}
    cells[0] = around.get(between, "{}").format(cells[0])
    pq.write_table(pa.table({"patent_id": ids, "title": ["a"] * 3, "citations": cells}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert cited(tmp_path / "out") == {(ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[0])}


def test_lists_of_records_that_pandas_printed_are_their_values(tmp_path: Path) -> None:
    codes = [
        {"code": "A61B5/02", "inventive": True, "tree": np.array([])},
        {"code": "A46B7/04", "tree": np.array(["x"])},
    ]
    texts = [{"text": "Bürste", "language": "de"}, {"text": "Brush", "language": "en"}]
    cites = [{"publication_number": "EP-1000001-A1", "category": "SEA", "npl_text": ""}]
    rows_of = [["EP1000000A1", texts, codes, cites], ["EP1000001A1", [{"text": "Kamm", "language": "de"}], [], []]]
    pd.DataFrame(rows_of, columns=["publication_number", "title", "ipc", "citations"]).to_csv(tmp_path / "x.csv")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    found = by_id(tmp_path / "out")
    assert {id: row["title"] for id, row in found.items()} == {"EP1000000A1": "Brush", "EP1000001A1": "Kamm"}
    assert found["EP1000000A1"]["ipc"] == ["A61B5/02", "A46B7/04"]
    assert cited(tmp_path / "out") == {("EP1000000A1", "EP1000001A1")}


def test_blanks_of_other_kinds_in_numbers_and_codes_are_blanks(tmp_path: Path) -> None:
    table = pa.table(
        {"patent_id": ["US\xa02013/0101709\u2009A1", "US9876543B2\u200b"], "title": ["a\xa0b", "c"],
         "ipc": ["A61B\xa05/02;\xa0A46B\u202f7/04", None], "citations": [None, "US\xa02013/0101709\xa0A1"]}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    first = by_id(tmp_path / "out")["US20130101709A1"]
    assert (first["title"], first["ipc"]) == ("a\xa0b", ["A61B 5/02", "A46B 7/04"])
    assert cited(tmp_path / "out") == {("US9876543B2", "US20130101709A1")}
