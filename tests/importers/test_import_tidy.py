"""Cells as spreadsheets, pandas and Japanese services leave them; units under headers; files that are no table."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling import by_id, counts, reasons, rows, run

from patray.errors import InputError
from patray.importers.dates import DateOrder, parse_dates
from patray.importers.tidy import names, whole_numbers, with_parts


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def one(function, *texts):  # type: ignore[no-untyped-def]
    return function(*(pa.array([text], pa.string()) for text in texts))[0].as_py()


@pytest.mark.parametrize(
    ("cell", "id"),
    [
        ('="US10000002B2"', "US10000002B2"),
        ("'US10000001B2", "US10000001B2"),
        ('=HYPERLINK("https://x/US1","US10000001B2")', "US10000001B2"),
        ("10000002.0", "10000002"),
        ("特開2001-123456", "JP2001-123456A"),
        ("特開平11－243846号公報", "JPH11-243846A"),
        ("特許第4567890号", "JP4567890"),
        ("特許第4567890号(B2)", "JP4567890B2"),
        ("再表2014/123456", "JP2014-123456A1"),
        ("ＵＳ１００００００１Ｂ２", "US10000001B2"),
        ("my-own'id", "my-own'id"),
        ("'quoted'", "'quoted'"),
        ("'Smart' brush", "'Smart' brush"),
        ("'it's", "it's"),
        ('=HYPERLINK("https://patents.google.com/patent/US10000001B2/en")', "US10000001B2"),
        ("U.S. Pat. No. 7,123,456", "US 7,123,456"),
        ("US Patent Application Publication No. 2015/0056336", "US 2015/0056336"),
        ("EP Patent 1 234 567 B1", "EP 1 234 567 B1"),
        ("EP-A-1234567", "EP 1234567 A"),
        ("WO-A1-2015/026896", "WO 2015/026896 A1"),
        ("US Appl. No. 12/345,678", "US Appl. No. 12/345,678"),
        ("AB-A-123456", "AB-A-123456"),
        ("my patent 1234", "my patent 1234"),
        ("v1.0", "v1.0"),
    ],
)
def test_an_id_is_what_stood_there_before_the_spreadsheet(cell: str, id: str) -> None:
    assert one(names, cell) == id


@given(st.integers(1, 10**15))
def test_a_whole_number_survives_as_float_and_in_scientific_notation(number: int) -> None:
    digits = str(number)
    cells = [digits, f"{digits}.0", f"{digits[0]}.{digits[1:] or '0'}E+{len(digits) - 1:02}"]
    found, lost = whole_numbers(pa.array(cells, pa.string()))
    assert set(found.to_pylist()) == {digits}
    assert not any(lost.to_pylist())


def test_a_number_whose_digits_excel_lost_is_no_family(tmp_path: Path) -> None:
    text = (
        "patent_id,title,family_id\nUS10000001B2,a,5.24806E+12\nUS10000002B2,b,5.24806E+12\nUS10000003B2,c,52480593.0\n"
    )
    run("table", write(tmp_path / "a.csv", text), tmp_path / "out")
    found = by_id(tmp_path / "out")
    assert [found[id]["family_id"] for id in sorted(found)] == ["US10000001B2", "US10000002B2", "52480593"]
    assert reasons(tmp_path / "out") == {
        (line, "number in scientific notation, its digits are lost, left empty") for line in (2, 3)
    }


def test_kind_and_office_in_columns_of_their_own_belong_to_the_number(tmp_path: Path) -> None:
    text = (
        "Jurisdiction,Publication Number,Kind,Title,Citations\nUS,10000001,B2,a,EP1234567 B1\nEP,1234567,A1,b,\n"
        "EP,1234567,B1,c,\nUS,US10000002,B2,d,10000001\nEP,EP7654321A1,A1,e,\n"
    )
    report = run("table", write(tmp_path / "a.csv", text), tmp_path / "out")
    found = by_id(tmp_path / "out")
    assert set(found) == {"US10000001B2", "EP1234567A1", "EP1234567B1", "US10000002B2", "EP7654321A1"}
    assert {row["family_id"] for row in found.values()} == set(found)
    assert counts(report)[:2] == (5, 5)
    assert {(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")} >= {
        ("US10000001B2", "EP1234567B1")
    }


@pytest.mark.parametrize("id", ["P1", "12", "IN-2024-00123", "US10000001B2", "ABC12345"])
def test_an_own_id_takes_no_kind(id: str) -> None:
    assert one(with_parts, id, "US", "B2") == id


def test_a_doubled_column_that_is_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Publication Number,Title,x,x,Title\nUS10000001B2,Red,1,2,Rot\n")
    with pytest.raises(InputError, match=r"a\.csv: column 'Title' appears more than once \(columns 2, 5\)"):
        run("table", path, tmp_path / "out")


def test_headers_with_types_and_a_line_of_units_below(tmp_path: Path) -> None:
    header = "Publication Number [text],Title (en),Publication Date (YYYY-MM-DD)"
    text = f"{header}\n(string),(string),\nUS10000001B2,a,2018-06-19\n"
    report = run("table", write(tmp_path / "a.csv", text), tmp_path / "out")
    assert counts(report) == (2, 1, 1, 0)
    assert str(by_id(tmp_path / "out")["US10000001B2"]["date"]) == "2018-06-19"


def test_lists_that_numpy_printed_with_their_type_and_tuples(tmp_path: Path) -> None:
    text = (
        "patent_id,title,ipc\nP1,a,\"array(['A61B5/00', 'A61B5/01'], dtype=object)\"\nP2,a,\"('A61B5/00',)\"\n"
        'P3,a,"A61B5/00 (2006.01), A61B 5/02 (2006.01)"\nP4,a,Int. Cl. A61B 5/00\nP5,a,A61K31/00//A61P3/10\n'
    )
    run("table", write(tmp_path / "a.csv", text), tmp_path / "out")
    assert {id: row["ipc"] for id, row in by_id(tmp_path / "out").items()} == {
        "P1": ["A61B5/00", "A61B5/01"], "P2": ["A61B5/00"], "P3": ["A61B5/00", "A61B 5/02"], "P4": ["A61B 5/00"],
        "P5": ["A61K31/00", "A61P3/10"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("19-Jun-18", "2018-06-19"), ("19 June '98", "1998-06-19"), ("平成13年5月8日", "2001-05-08"),
        ("令和元年5月8日", "2019-05-08"), ("H11.9.14", "1999-09-14"), ("２０１８年６月１９日", "2018-06-19"),
    ],
)  # fmt: skip
def test_dates_with_two_digits_of_a_year_and_japanese_eras(text: str, date: str) -> None:
    found, bad = parse_dates(pa.array([text], pa.string()))
    assert (str(found[0]), bad.tolist()) == (date, [False])


def test_three_short_numbers_prove_no_order() -> None:
    order = DateOrder()
    _, bad = parse_dates(pa.array(["03/02/15"], pa.string()), order)
    assert (bad.tolist(), order.ambiguous) == ([True], ["03/02/15"])
    found, _ = parse_dates(pa.array(["25/04/13"], pa.string()), DateOrder("DD/MM/YY"))
    assert str(found[0]) == "2013-04-25"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_excels_unicode_text_is_read_by_its_mark(tmp_path: Path, encoding: str) -> None:
    text = "Publication Number\tTitle\r\nUS10000001B2\tRøde\r\n"
    run("table", write(tmp_path / "a.txt", text, encoding), tmp_path / "out")
    assert by_id(tmp_path / "out")["US10000001B2"]["title"] == "Røde"


RECORDS = [{"patent_id": "P1", "title": "a"}, {"patent_id": "P2", "title": "b"}]
PANDAS = {
    "columns": {"patent_id": {"0": "P1", "1": "P2"}, "title": {"0": "a", "1": "b"}},
    "split": {"columns": ["patent_id", "title"], "index": [0, 1], "data": [["P1", "a"], ["P2", "b"]]},
    "records": RECORDS,
    "deep": {"response": {"docs": RECORDS}},
}


@pytest.mark.parametrize("layout", PANDAS)
@pytest.mark.parametrize("indent", [None, 2])
def test_every_layout_that_pandas_writes_is_read(tmp_path: Path, layout: str, indent: int | None) -> None:
    run("table", write(tmp_path / "a.json", json.dumps(PANDAS[layout], indent=indent)), tmp_path / "out")
    assert {row["patent_id"]: row["title"] for row in rows(tmp_path / "out")} == {"P1": "a", "P2": "b"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html><table><tr><td>Publication Number</td></tr></table></html>", "a web page"),
        (b"<TABLE><tr><td>x</td></tr></TABLE>", "a web page"),
        (b"%PDF-1.4\n%\xe2\xe3", "a PDF"),
        (b"\0" * 500, "a file of null bytes"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x80\x04\x95abc", "a Python pickle"),
        (b"ARROW1\0\0", r"an Arrow \(Feather\) file"),
    ],
)
@pytest.mark.parametrize("importer", ["table", "lens"])
def test_what_is_no_table_is_told_by_its_first_bytes(tmp_path: Path, data: bytes, said: str, importer: str) -> None:
    (tmp_path / "export.csv").write_bytes(data)
    with pytest.raises(InputError, match=rf"export\.csv: {said}"):
        run(importer, tmp_path / "export.csv", tmp_path / "out")


def test_headers_in_german_french_and_spanish(tmp_path: Path) -> None:
    for number, (header, sign) in enumerate(
        (
            ("Veröffentlichungsnummer;Titel;Zusammenfassung;Veröffentlichungsdatum;IPC", "."),
            ("Veröffentlichungs-Nr.;Titel;Zusammenfassung;Veröffentlichungstag;IPC(8)", "."),
            ("Numéro de publication;Titre;Abrégé;Date de publication;CIB", "/"),
        )
    ):
        text = f"{header}\nDE102012345678A1;Rot;ab;19{sign}06{sign}2018;A61B 5/00\n"
        run("table", write(tmp_path / f"{number}.csv", text), tmp_path / str(number))
        found = by_id(tmp_path / str(number))["DE102012345678A1"]
        assert (found["title"], found["abstract"], str(found["date"])) == ("Rot", "ab", "2018-06-19")
