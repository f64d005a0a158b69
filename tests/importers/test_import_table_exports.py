"""Tables as patent services and spreadsheets write them: headers, cells, numbers and dates as printed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling import by_id, counts, jsonl, reasons, rows, run

from patray.cli import main
from patray.errors import DroppedError, InputError
from patray.importers.cells import printed_list, split_cells
from patray.importers.dates import DateOrder, parse_dates
from patray.importers.headers import assign
from patray.importers.printed import canonical_ids
from patray.importers.table import COLUMNS


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def cited(folder: Path) -> set[tuple[str, str]]:
    return {(row["citing_id"], row["cited_id"]) for row in rows(folder, "citations")}


EXPORTS: dict[str, tuple[str, list[str]]] = {
    "gp-search.csv": (
        "search URL:,https://patents.google.com/?q=(widget)\n"
        "id,title,assignee,priority date,publication date,result link\n"
        'US-10000001-B2,Red widget,"B, C",2015-01-01,2018-06-19,https://x\n',
        ["US10000001B2", "2018-06-19", "[]"],
    ),
    "espacenet.csv": (
        '"Espacenet";"";""\n"https://x"\n""\n\n"No";"Title";"Publication number";"IPC";"CPC";"Publication date";'
        '"Family number"\n"1";"RED";"US2015056336A1 \nUS9999999B2";"A21C11/00 \nA21D13/00";"A21C11/004 (EP,US)";'
        '"2015-02-26 \n2018-06-19";"52480593"\n',
        ["US20150056336A1", "2015-02-26", "['A21C11/00', 'A21D13/00']"],
    ),
    "classic.csv": (
        '"Title","Publication number","Publication date","International classification"\n'
        '"Red","EP1234567 (B1)","2014-02-26","A21C11/00; A21D13/00"\n',
        ["EP1234567B1", "2014-02-26", "['A21C11/00', 'A21D13/00']"],
    ),
    "patentscope.csv": (
        "Application Id,Publication Number,Publication Date,Title,I P C\nWO2015026896,WO2015026896,26.02.2015,Red,"
        "A21C 11/00;A21D 13/00\n",
        ["WO2015026896", "2015-02-26", "['A21C 11/00', 'A21D 13/00']"],
    ),
    "patsnap.csv": (
        "公开(公告)号,标题,公开(公告)日,IPC分类号,法律状态/事件\n"
        "CN101234567A,红色部件,2015-02-26,A21C11/00 | A21D13/00,-\n",
        ["CN101234567A", "2015-02-26", "['A21C11/00', 'A21D13/00']"],
    ),
    "incopat.csv": (
        "公开（公告）号,标题 (中文),公开(公告)日,IPC\nCN101234567A,红色部件,20150226,A21C11/00; A21D13/00\n",
        ["CN101234567A", "2015-02-26", "['A21C11/00', 'A21D13/00']"],
    ),
    "derwent.csv": (
        "Derwent Innovation\nExported\n\nPublication Number,Title - DWPI,IPC - Current,Publication Date\n"
        "US1000001A,Red,A61K-0031/12 | A61P 3/10,2015-02-26\n",
        ["US1000001A", "2015-02-26", "['A61K-0031/12', 'A61P 3/10']"],
    ),
    "orbit.csv": (
        "Publication numbers,English title,IPC - International classification,Publication dates\n"
        '"US1000001A\nEP1234567A1",Red,"A61K-031/12\nA61P-003/10",(US1000001) 2015-02-26\n',
        ["US1000001A", "2015-02-26", "['A61K-031/12', 'A61P-003/10']"],
    ),
    "ppubs.csv": (
        "Result #,Document ID,Date Published,Family ID,Pages,Title,IPC - Main,CPCI,Inventor,Filing Date\n"
        "1,US-20150056336-A1,2015-02-26,52480593,12,Red,A21C11/00,A21C11/004;A21D13/007,DOE,2013-08-23\n",
        ["US20150056336A1", "2015-02-26", "['A21C11/00']"],
    ),
    "depatisnet.csv": (
        "Veröffentlichungsnummer;Titel;Anmelder;IPC-Hauptklasse;Anmeldedatum;Veröffentlichungsdatum\n"
        "DE000019826114A1;Rot;ACME;A21C 11/00;12.06.1998;16.12.1999\n",
        ["DE19826114A1", "1999-12-16", "['A21C 11/00']"],
    ),
    "upper.csv": ("PATENT_ID;TITLE;DATE;IPC\nA;Red;26/02/2015;A61K31/12, A61P3/10\n",
                  ["A", "2015-02-26", "['A61K31/12', 'A61P3/10']"]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_without_a_mapping(name: str, tmp_path: Path) -> None:
    text, wanted = EXPORTS[name]
    report = run("table", write(tmp_path / name, text), tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert [row["patent_id"], str(row["date"]), str(row["ipc"])] == wanted
    assert row["title"]
    assert report["taken"][0].startswith(name)


def test_what_was_taken_for_what_is_said_before_the_rows_are_read(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / "x.csv", EXPORTS["gp-search.csv"][0])
    assert main(["import", "table", str(tmp_path / "x.csv"), str(tmp_path / "out"), "--processes", "1"]) == 0
    said = capsys.readouterr().err
    assert "x.csv, header in line 2: patent_id = 'id'" in said
    assert "not used: assignee, priority date, result link" in said


def test_the_landscapes_own_names_win_and_a_mapping_wins_over_all() -> None:
    header = ["Title", "title", "Publication Number", "patent_id", "pn", "Publication Date"]
    assert assign(header, COLUMNS, {}) == {"patent_id": "patent_id", "title": "title", "date": "Publication Date"}
    assert assign(header, COLUMNS, {"patent_id": "PN", "title": "Title"})["patent_id"] == "pn"
    assert assign(["AN", "Application Date", "Publication Date"], ("date",), {}, "filing") == {
        "date": "Application Date"
    }


def test_line_numbers_count_from_the_files_first_line(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", 'a report\n"two\nlines"\nid,title\nA,a\n,b\n')
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert reasons(tmp_path / "out") == {(6, "no publication number or id")}


@pytest.mark.parametrize("sign", [";", "|", "\t"])
def test_another_delimiter_is_found(sign: str, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", f"patent_id{sign}title\nA{sign}Red, blue\n")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert by_id(tmp_path / "out")["A"]["title"] == "Red, blue"


def test_line_breaks_separate_and_numbers_are_found_across_their_forms(tmp_path: Path) -> None:
    text = (
        'Publication Number,Title,Cited patents\nUS 1000001 A,a,\nUS2015056336 (A1),b,"US1000001A\nEP 9999999 A1"\n'
        'EP1234567B1,c,"US 1,000,001; US 2015/0056336 A1\nUS-1000001"\nWO2015026896,d,EP1234567\nmine 1,e,x\n'
        "AB-12,f,WO 2015/026896 A1|AB-12\nAB-13,g,AB-12\n"
    )
    report = run("table", write(tmp_path / "x.csv", text), tmp_path / "out")
    found = by_id(tmp_path / "out")
    printed = {key: row["printed_number"] for key, row in found.items() if row["printed_number"]}
    assert printed == {"US1000001A": "US 1000001 A", "US20150056336A1": "US2015056336 (A1)"}
    assert cited(tmp_path / "out") == {
        ("US20150056336A1", "US1000001A"), ("EP1234567B1", "US1000001A"), ("EP1234567B1", "US20150056336A1"),
        ("WO2015026896", "EP1234567B1"), ("AB-12", "WO2015026896"), ("AB-13", "AB-12"),
    }  # fmt: skip
    assert counts(report) == (7, 6, 1, 0)
    assert {row["family_id"] for row in found.values()} == set(found)


PRINTED = {
    # Espacenet's and Lens's exports, DOCDB and PatSnap as in the offices' own documentation of their number formats.
    "US2015056336 (A1)": "US20150056336A1", "US 2013/0101709 A1": "US20130101709A1", "US3594916 A": "US3594916A",
    "EP1234567 (B1)": "EP1234567B1", "EP 1234567 B1": "EP1234567B1", "US-10000001-B2": "US10000001B2",
    "US 7,123,456 B2": "US7123456B2", "WO 2015/026896 A1": "WO2015026896A1", "us2015056336a1": "US20150056336A1",
    "JP1999267076A": "JPH11267076A", "JPH11267076 (A)": "JPH11267076A", "KR1020120102849A": "KR20120102849A",
    "DE 10 2005 012 345 A1": "DE102005012345A1", "US D807,612 S": "USD807612S",
}  # fmt: skip
OWN = ["US0000001A", "IN-2024-00123", "P0001", "AB123456A", "EP1A1", "ID0000123", "DE100", "mine-7", "10000001", "A|B",
       "PCT/EP2015/012345", "EP12-A1", "x y", "EP1234567A1 B1"]  # fmt: skip


def test_printed_numbers_get_one_form_and_ids_of_ones_own_stay() -> None:
    assert dict(zip(PRINTED, canonical_ids(pa.array(list(PRINTED))).to_pylist(), strict=True)) == PRINTED
    assert canonical_ids(pa.array(list(PRINTED.values()))).to_pylist() == list(PRINTED.values())
    assert canonical_ids(pa.array(OWN)).to_pylist() == OWN


def test_an_element_of_a_real_list_is_never_cut_and_a_cell_is(tmp_path: Path) -> None:
    records = [
        {"patent_id": "A", "title": "a", "labels": ["Food, drinks", "x; y"], "ipc": ["A21C11/00"]},
        {"patent_id": "B", "title": "b", "labels": "Food, drinks; Tools", "ipc": "A21C11/00 A21D13/00"},
        {"patent_id": "C", "title": "c", "labels": "['Food, drinks', 'Tools']", "ipc": None},
        {"patent_id": "D", "title": "d", "labels": '["nan", null, "Tools"]', "ipc": []},
    ]
    run("table", jsonl(tmp_path / "x.jsonl", records), tmp_path / "out")
    labels = {row["patent_id"]: row["labels"] for row in rows(tmp_path / "out", "labels/table")}
    assert labels == {
        "A": ["Food, drinks", "x; y"], "B": ["Food, drinks", "Tools"], "C": ["Food, drinks", "Tools"], "D": ["Tools"],
    }  # fmt: skip
    assert by_id(tmp_path / "out")["B"]["ipc"] == ["A21C11/00", "A21D13/00"]
    for name, column in (("list", [["Food, drinks"], ["x|y"]]), ("text", ["['Food, drinks']", "['x|y']"])):
        pq.write_table(
            pa.table({"patent_id": ["A", "B"], "title": ["a", "b"], "labels": column}), tmp_path / "x.parquet"
        )
        run("table", tmp_path / "x.parquet", tmp_path / name)
        assert [row["labels"] for row in rows(tmp_path / name, "labels/table")] == [["Food, drinks"], ["x|y"]]


def test_a_column_names_its_own_separator(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", 'patent_id,title,labels,citations\nA,a,Food; drinks # Tools,B C\nB,b,"x, y",\nC,c,z,\n')
    run("table", tmp_path / "x.csv", tmp_path / "out", separators={"labels": "#", "citations": "space"})
    assert [row["labels"] for row in rows(tmp_path / "out", "labels/table")] == [
        ["Food; drinks", "Tools"],
        ["x, y"],
        ["z"],
    ]
    assert cited(tmp_path / "out") == {("A", "B"), ("A", "C")}
    with pytest.raises(InputError, match=r"--separator date=\.\.\.: it holds one value; allowed are claims, ipc"):
        run("table", tmp_path / "x.csv", tmp_path / "two", separators={"date": ";"})


@given(st.lists(st.text("ab ,;|'\"\\\n", min_size=1, max_size=5).map(str.strip).filter(bool), max_size=4))
def test_a_list_that_python_or_json_printed_comes_back_whole(values: list[str]) -> None:
    import json

    for printed in (repr(values), json.dumps(values), repr(tuple(values))):
        assert printed_list(printed) == values


def test_numpy_prints_lists_without_commas_and_brackets_alone_are_no_list() -> None:
    assert printed_list("['A61B5/02' 'A61B5/00'\n 'A61B5/01']") == ["A61B5/02", "A61B5/00", "A61B5/01"]
    assert printed_list("[sic]") is None
    assert split_cells(pa.array(["US 7,123,456, EP1", None, "a，b"])).to_pylist()[0] == ["US 7,123,456", "EP1"]


DATES = {
    "day first by dots": (["03.02.2015", "01.12.2014"], ["2015-02-03", "2014-12-01"]),
    "day first by proof": (["03/02/2001", "26/02/2015"], ["2001-02-03", "2015-02-26"]),
    "month first by proof": (["03/02/2001", "02/26/2015"], ["2001-03-02", "2015-02-26"]),
    "unknown": (["03/02/2001", "2001-02-03"], ["None", "2001-02-03"]),
    "same either way": (["02/02/2001"], ["2001-02-02"]),
    "numbers": (["20180619.0", "1429315200000", "42061", "42061.0", "1429315200"],
                ["2018-06-19", "2015-04-18", "2015-02-26", "2015-02-26", "2015-04-18"]),
    "words": (["26 Feb 2015", "Feb. 26, 2015", "26-Feb-2015", "2015年2月26日"], ["2015-02-26"] * 4),
    "first of several": (["2015-02-26 \n2018-06-19", "(EP1) 2015-02-26", "26.02.2015; 27.02.2015"], ["2015-02-26"] * 3),
    "times": (["2015-02-26T10:11:12Z", "2015-02-26 00:00:00", "26/02/2015 10:11"], ["2015-02-26"] * 3),
    "none": (["NaT", "nan", "", "0", "None", "-"], ["None"] * 6),
    "months of other languages": (
        ["26. Mai 2015", "1er mars 2015", "5 août 2015", "14 juin 2015", "14 juil. 2015", "3 de enero del 2015",
         "26. Dezember 2015", "2 giugno 2015", "3 mei 2015", "26 de septiembre de 2015", "3 de outubro de 2015"],
        ["2015-05-26", "2015-03-01", "2015-08-05", "2015-06-14", "2015-07-14", "2015-01-03",
         "2015-12-26", "2015-06-02", "2015-05-03", "2015-09-26", "2015-10-03"]),
    "days of the week": (["Thu Feb 26 2015", "Thursday, 26 Feb 2015", "jeudi 26 février 2015"], ["2015-02-26"] * 3),
    "Korean": (["2015. 2. 26.", "2015.2.26", "2015년 2월 26일"], ["2015-02-26"] * 3),
    "order that values contradict": (["26/02/2015", "02/27/2015", "03/04/2015", "05/05/2015"],
                                     ["2015-02-26", "2015-02-27", "None", "2015-05-05"]),
    "month first by dots": (["03.04.2015", "02.27.2015"], ["2015-03-04", "2015-02-27"]),
    "several side by side": (
        ["2015-02-26 2018-06-19", "2015-02-26, 2018-06-19", "26.02.2015 27.02.2015", "20150226 20180619"],
        ["2015-02-26"] * 4,
    ),
    "times in a zone": (["2015-02-26Z", "2015-02-26+01:00", "20150226T000000Z"], ["2015-02-26"] * 3),
    "years of two digits": (["26-FEB-15", "12-MAR-63", "1 Jan 70"], ["2015-02-26", "1963-03-12", "1970-01-01"]),
    "no date of a database": (["9999-12-31", "0001-01-01", "2015-02-26"], ["None", "None", "2015-02-26"]),
    "an ordinal with of": (["26th of February, 2015"], ["2015-02-26"]),
    "day second by proof": (["2015-26-02", "2015-03-02", "2015/13/1"], ["2015-02-26", "2015-02-03", "2015-01-13"]),
    "day second once, in a column of ISO dates": (["2015-26-02", "2015-03-02", "2015-02-26"],
                                                  ["None", "2015-03-02", "2015-02-26"]),
    "no dates": (["2015", "2015-02", "20150200", "31.02.2015", "soon"], ["None"] * 5),
}  # fmt: skip


@pytest.mark.parametrize("name", DATES)
def test_dates_as_printed(name: str) -> None:
    texts, wanted = DATES[name]
    dates, bad = parse_dates(pa.array(texts))
    assert [str(date) for date in dates.to_pylist()] == wanted
    assert bad.tolist() == [date == "None" and name != "none" for date in wanted]


def test_what_a_block_proved_holds_for_the_next() -> None:
    order = DateOrder()
    parse_dates(pa.array(["26/02/2015"]), order)
    assert str(parse_dates(pa.array(["03/02/2001"]), order)[0][0]) == "2001-02-03"


def test_iso_dates_that_a_block_proved_stay_iso_dates_in_the_next() -> None:
    order = DateOrder()
    parse_dates(pa.array(["2015-02-26"]), order)
    dates, bad = parse_dates(pa.array(["2015-26-02", "2015-03-02"]), order)
    assert [str(date) for date in dates.to_pylist()] == ["None", "2015-03-02"]
    assert bad.tolist() == [True, False]


@pytest.mark.parametrize(
    ("said", "text", "wanted"),
    [("YYYY-DD-MM", "2015-03-02", "2015-02-03"), ("YYYY-MM-DD", "2015-03-02", "2015-03-02"),
     ("YYYYDDMM", "20150302", "2015-02-03"), ("DD/MM/YY", "01/02/63", "1963-02-01")],
)  # fmt: skip
def test_a_date_format_that_is_said_holds_for_dates_that_look_like_isos_too(said: str, text: str, wanted: str) -> None:
    dates, bad = parse_dates(pa.array([text, None, "0", "2016-12-24T01:02:03"]), DateOrder(said))
    assert [str(date) for date in dates.to_pylist()][:3] == [wanted, "None", "None"]
    assert bad.tolist()[:3] == [False] * 3


def test_dates_that_nothing_proves_are_asked_for_and_said(tmp_path: Path) -> None:
    source = write(tmp_path / "x.csv", "patent_id,title,date\nA,a,03/02/2001\nB,b,04/05/2002\n")
    with pytest.raises(InputError, match=r"none of 2 dates could be read; --date-format says the order.*'03/02/2001'"):
        run("table", source, tmp_path / "out")
    for said, wanted in (("DD/MM/YYYY", "2001-02-03"), ("MM/DD/YYYY", "2001-03-02")):
        run("table", source, tmp_path / said[:2], date_format=said)
        assert str(by_id(tmp_path / said[:2])["A"]["date"]) == wanted
    with pytest.raises(InputError, match="--date-format d/m: write it with DD, MM and YYYY"):
        run("table", source, tmp_path / "out", date_format="d/m")
    write(tmp_path / "x.csv", "patent_id,title,date\nA,a,soon\n")
    with pytest.raises(InputError, match=r"none of 1 dates could be read; --date-format says how they are written"):
        run("table", source, tmp_path / "out")


def test_when_nothing_is_left_the_reasons_are_said_with_numbers_and_examples(tmp_path: Path) -> None:
    source = write(tmp_path / "x.csv", "patent_id,title\nfoo bar,a\na b,b\n,c\nA,\n")
    wanted = (
        r"no patent is left of 4 rows read.*Reasons: 2 id holds white space.*, such as 'foo bar' .x.csv, line 2.; 1 "
    )
    with pytest.raises(DroppedError, match=wanted):
        run("table", source, tmp_path / "out")


def test_more_dropped_rows_than_allowed_end_with_a_status_of_their_own(tmp_path: Path, capsys: Any) -> None:
    source = write(tmp_path / "x.csv", "patent_id,title\nA,a\nA,copy\nA,copy\nx y,b\nx z,c\n")
    command = ["import", "table", str(source), str(tmp_path / "out"), "--processes", "1"]
    assert main(command) == 5
    error = capsys.readouterr().err
    assert "66.7% of the rows of patents were dropped" in error
    assert "2 id holds white space" in error
    assert main([*command, "--max-dropped", "0.7"]) == 0


def test_a_tsv_that_is_not_quoted_is_read_as_it_stands(tmp_path: Path) -> None:
    text = 'patent_id\ttitle\tabstract\nA\t"Smart" widget\t5" wide\nB\t"open\tx\nC\tplain\t"y"\n'
    report = run("table", write(tmp_path / "x.tsv", text), tmp_path / "out")
    assert counts(report) == (3, 3, 0, 0)
    found = by_id(tmp_path / "out")
    assert [found[key]["title"] for key in "ABC"] == ['"Smart" widget', '"open', "plain"]


def test_lines_that_a_quote_swallowed_are_counted_as_lines(tmp_path: Path) -> None:
    lines = ["patent_id,title", 'A,"open', *(f"B{n},b" for n in range(20)), 'C,c"x', "D,d"]
    report = run("table", write(tmp_path / "x.csv", "\n".join(lines) + "\n"), tmp_path / "out")
    read, kept, quarantined, _ = counts(report)
    assert read == kept + quarantined
    assert (read, kept) == (23, 1)
    assert {line for line, _ in reasons(tmp_path / "out")} == set(range(2, 24))


def test_offices_come_from_the_numbers_where_there_is_no_column(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "patent_id,title\nUS2015056336A1,a\nkr1020050012345,b\nmine,c\nAB123456,d\n")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    offices = {key: row["jurisdiction"] for key, row in by_id(tmp_path / "out").items()}
    assert offices == {"US20150056336A1": "US", "kr1020050012345": "KR", "mine": None, "AB123456": None}


def test_publications_of_one_application_and_of_one_cell_are_kin(tmp_path: Path) -> None:
    text = (
        "Publication number,Title,Application Number\nUS20190000001A1,a,16/000001\nUS11000001B2,b,16000001\n"
        'EP1234567A1,c,\n"EP1234567B1\nEP1234567A1",d,\n'
    )
    run("table", write(tmp_path / "x.csv", text), tmp_path / "out")
    family = {key: row["family_id"] for key, row in by_id(tmp_path / "out").items()}
    assert family["US20190000001A1"] == family["US11000001B2"] != family["EP1234567A1"] == family["EP1234567B1"]


def test_a_column_of_the_wrong_shape_is_an_error_with_its_name_and_type(tmp_path: Path) -> None:
    nested = pa.array([[{"code": "A"}]], pa.list_(pa.struct([("code", pa.string())])))
    pq.write_table(pa.table({"patent_id": ["A"], "title": ["a"], "ipc": nested}), tmp_path / "x.parquet")
    with pytest.raises(
        InputError, match=r"x.parquet: column 'ipc' has type list<.*struct<code: string>>; wanted a list"
    ):
        run("table", tmp_path / "x.parquet", tmp_path / "out")


def test_a_header_in_another_encoding_or_without_ids_says_what_to_do(tmp_path: Path) -> None:
    source = write(tmp_path / "x.csv", "公开(公告)号,标题\nCN101234567A,红色\n", "gb18030")
    with pytest.raises(InputError, match=r"the header is not UTF-8: --encoding says what it is, such as gb18030"):
        run("table", source, tmp_path / "out")
    run("table", source, tmp_path / "out", encoding="gb18030")
    assert by_id(tmp_path / "out")["CN101234567A"]["title"] == "红色"
    write(tmp_path / "x.csv", "number of it,title\nA,a\n")
    with pytest.raises(InputError, match=r"columns found: number of it, title; --map patent_id=COLUMN"):
        run("table", source, tmp_path / "two")


def test_the_citation_columns_of_classic_espacenet_say_who_cited(tmp_path: Path) -> None:
    header = (
        "Title,Publication number,Publication date,International classification,Patents cited in the search report,"
        "Literature cited in the search report,Patents cited during examination,Other patent citations,"
        "Patents used in opposition,Patents cited by the applicant,International search citation,"
        "Supplementary international search citation"
    )
    numbers = [f"EP100000{i} (A1)" for i in range(1, 9)]
    blank = ",".join(['""'] * 8)
    rows_of = [f'"Widget {i}","{numbers[i]}","2015-02-11","A21C11/00",{blank}' for i in range(1, 8)]
    first = (
        f'"Widget 0","{numbers[0]}","2016-02-11","A21C11/00","{numbers[1]}; {numbers[2]}","Smith, page 3",'
        f'"{numbers[3]}","{numbers[4]}","{numbers[5]}","{numbers[1]};  {numbers[6]}","{numbers[7]}\n",""'
    )
    path = write(tmp_path / "classic.csv", "\n".join([header, first, *rows_of]) + "\n")
    out = tmp_path / "out"
    report = run("table", path, out)
    said = {(row["cited_id"][-3:-2], row["origin"], row["phase"]) for row in rows(out, "citations")}
    assert said == {
        ("2", "examiner", "search"), ("3", "examiner", "search"), ("4", "examiner", "examination"), ("5", None, None),
        ("6", "opposition", "opposition"), ("2", "applicant", "application"), ("7", "applicant", "application"),
        ("8", "examiner", "international search"),
    }  # fmt: skip
    assert counts(report, "citations")[:2] == (8, 8)
