"""Workbooks as tables: the sheet, dates, cells with line breaks; what is no workbook gets a sentence."""

import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from sampling import by_id, counts, reasons, rows, run

from patray.errors import InputError

TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def cell(value: Any) -> str:
    """A text, a number, or ('date', serial)."""
    if isinstance(value, tuple):
        return f'<c s="1"><v>{value[1]}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>' if value else "<c/>"


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{TYPES}.worksheet+xml"/>'
            for n, _ in enumerate(sheets, 1)
        )
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{TYPES}.styles+xml"/>{parts}</Types>',
        )
        package = "http://schemas.openxmlformats.org/package/2006/relationships"
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{names}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n, _ in enumerate(sheets, 1)
        )
        styles = f'<Relationship Id="r99" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{links}{styles}</Relationships>'
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
            "</cellXfs></styleSheet>",
        )
        for n, lines in enumerate(sheets.values(), 1):
            data = "".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines)
            archive.writestr(
                f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
            )
    return path


EXPORT = [
    ["Results: 2"],
    [""],
    ["Publication Number", "Title", "Publication Date", "IPC", "Cited patents", "Family number"],
    ["US2015056336 (A1)", "Red widget", ("date", 42061), "A21C11/00\nA21D13/00\n", "", 52480593],
    ["", "", "", "", "", ""],
    ["EP1234567 (B1)", "Blue widget", ("date", 41696), "A21C11/00", "US2015056336 (A1)\nUS1000001A", 7.0],
    ["two words", "No id", 5, "", "", ""],
]


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv", "x.xls"])
def test_the_first_sheet_is_read_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    report = run("table", workbook(tmp_path / name, Results=EXPORT, Other=[["x"]]), tmp_path / "out")
    assert counts(report) == (3, 2, 1, 0)
    found = by_id(tmp_path / "out")
    assert str(found["US20150056336A1"]["date"]) == "2015-02-26"
    assert found["US20150056336A1"]["ipc"] == ["A21C11/00", "A21D13/00"]
    assert [row["family_id"] for row in found.values()] == ["52480593", "7"]
    assert [(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")] == [
        ("EP1234567B1", "US20150056336A1")
    ]
    assert (7, "id holds white space, which TREC files cannot hold") in reasons(tmp_path / "out")


def test_another_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    source = workbook(tmp_path / "x.xlsx", Cover=[["x"]], Data=[["patent_id", "title"], ["A", "a"]])
    run("table", source, tmp_path / "out", sheet="Data")
    assert set(by_id(tmp_path / "out")) == {"A"}
    with pytest.raises(InputError, match=r"x\.xlsx: no sheet 'Dat'; there are Cover, Data"):
        run("table", source, tmp_path / "two", sheet="Dat")


def test_a_workbook_that_is_cut_or_empty_or_cannot_be_read_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = workbook(tmp_path / "x.xlsx", A=EXPORT)
    (tmp_path / "cut.xlsx").write_bytes(source.read_bytes()[:900])
    with pytest.raises(InputError, match=r"cut\.xlsx: not a whole workbook"):
        run("table", tmp_path / "cut.xlsx", tmp_path / "out")
    with pytest.raises(InputError, match=r"empty\.xlsx: an empty sheet"):
        run("table", workbook(tmp_path / "empty.xlsx", A=[]), tmp_path / "out")
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(InputError, match=r"an Excel workbook; `pip install 'patray\[excel\]'` reads it"):
        run("table", source, tmp_path / "out")


def test_a_lens_export_may_be_a_workbook(tmp_path: Path) -> None:
    names = ["#", "Lens ID", "Display Key", "Title", "Abstract", "Publication Date", "Simple Family Members"]
    lines = [names, [1, "011-222-333-444-55X", "EP 0999999 A1", "Brush", "", ("date", 42061), "011-222-333-444-55X"]]
    run("lens", workbook(tmp_path / "x.xlsx", Export=lines), tmp_path / "out")
    assert str(by_id(tmp_path / "out")["EP0999999A1"]["date"]) == "2015-02-26"


TABLE = [["Publication Number", "Title"], ["US10000001B2", "Red"]]


def test_the_sheet_with_known_columns_is_read(tmp_path: Path) -> None:
    book = workbook(tmp_path / "x.xlsx", Cover=[], Query=[["Search report"], ["ti=(red)"]], Results=TABLE)
    run("table", book, tmp_path / "out")
    assert by_id(tmp_path / "out")["US10000001B2"]["title"] == "Red"


def test_two_sheets_with_the_same_header_are_an_error_that_names_them(tmp_path: Path) -> None:
    book = workbook(tmp_path / "x.xlsx", A=TABLE, B=[TABLE[0], ["US10000002B2", "Green"]], C=[TABLE[0]])
    with pytest.raises(InputError, match=r"sheets 'A' and 'B' hold tables with the same header; --sheet says which"):
        run("table", book, tmp_path / "out")
    run("table", book, tmp_path / "out", sheet="B")
    assert list(by_id(tmp_path / "out")) == ["US10000002B2"]


@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_workbook_in_a_zip_is_read(tmp_path: Path, way: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", way) as archive:
        archive.write(workbook(tmp_path / "x.xlsx", A=TABLE), "export.xlsx")
    run("table", tmp_path / "x.zip", tmp_path / "out")
    assert list(by_id(tmp_path / "out")) == ["US10000001B2"]


def test_a_header_that_comes_again_and_a_line_of_totals_are_no_patents(tmp_path: Path) -> None:
    lines = [EXPORT[2], EXPORT[3], EXPORT[2], EXPORT[5], ["Total", 2, "", "", "", ""]]
    report = run("table", workbook(tmp_path / "x.xlsx", Results=lines), tmp_path / "out")
    assert counts(report) == (4, 2, 2, 0)
    assert reasons(tmp_path / "out") == {
        (3, "the header once more, as in files that were put together"), (5, "no publication number or id"),
    }  # fmt: skip
