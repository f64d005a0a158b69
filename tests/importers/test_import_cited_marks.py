"""What exports print around cited numbers, and numbers that come as links or without kind and in small letters."""

from pathlib import Path

import pyarrow as pa
import pytest
from sampling import by_id, counts, rows, run

from patray.importers.cited_marks import letters_together, without_marks
from patray.importers.links import numbers_of_links

MARKED = {
    "CN101234567A (X)": ("CN101234567A", "X", None),
    "EP1234567A1 (AD)": ("EP1234567A1", "AD", None),
    "EP1234567A1(X, Y)": ("EP1234567A1", "XY", None),
    "EP 1234567 A1 [Y]": ("EP 1234567 A1", "Y", None),
    "EP1234567 (A1) (X)": ("EP1234567 (A1)", "X", None),
    "EP1234567 (X)": ("EP1234567", "X", None),
    "[X] EP1234567A1": ("EP1234567A1", "X", None),
    "Y: EP1234567A1": ("EP1234567A1", "Y", None),
    "D1: EP1234567A1": ("EP1234567A1", None, None),
    "(EP1234567A1)": ("EP1234567A1", None, None),
    "US9876543B2 *": ("US9876543B2", None, None),
    "US9876543B2†": ("US9876543B2", None, None),
    "US9876543B2 (examiner)": ("US9876543B2", None, "examiner"),
    "US9876543B2 (cited by applicant)": ("US9876543B2", None, "applicant"),
    "US9876543B2 (Smith)": ("US9876543B2", None, None),
    "• US9876543B2": ("US9876543B2", None, None),
    "1. US9876543B2": ("US9876543B2", None, None),
    "US9876543B2 ACME CORP 2018-01-23": ("US9876543B2", None, None),
    "X US1234567A": ("US1234567A", "X", None),
    "XY EP 1234567 A1": ("EP 1234567 A1", "XY", None),
    "US1234567A - X": ("US1234567A", "X", None),
    "EP1234567 (A1) – Y": ("EP1234567 (A1)", "Y", None),
    "WO2015026896A1/A": ("WO2015026896A1", "A", None),
    "US1234567A (X: 1-3 Y: 4)": ("US1234567A", "XY", None),
    "EP1234567A1 [A 1-12]": ("EP1234567A1", "A", None),
    "US5612345A * 1995-01-01 1997-03-25 Acme Brush": ("US5612345A", None, None),
    "US5612345A 1997-03-25 Acme": ("US5612345A", None, None),
    "US-1234567-A": ("US-1234567-A", None, None),
    "US 1234567/A": ("US 1234567/A", None, None),
    "DE 19826114 A1": ("DE 19826114 A1", None, None),
    "AT 512345 B1": ("AT 512345 B1", None, None),
    "EP1234567A1 XY": ("EP1234567A1", "XY", None),
    # The letter is the kind, or nothing is certain.
    "US3594916 (A)": ("US3594916 (A)", None, None),
    "CN201234567 (Y)": ("CN201234567 (Y)", None, None),
    "EP1234567 (A1)": ("EP1234567 (A1)", None, None),
    "EP 1234567 A": ("EP 1234567 A", None, None),
    "US RE45678 E": ("US RE45678 E", None, None),
    "EP: 1234567": ("EP: 1234567", None, None),
    "my patent (X)": ("my patent (X)", None, None),
    "AB-12 (A)": ("AB-12 (A)", None, None),
    "Smith (2010)": ("Smith (2010)", None, None),
}


@pytest.mark.parametrize("cell", MARKED)
def test_a_cited_number_is_told_from_what_stands_around_it(cell: str) -> None:
    read = without_marks(pa.array([cell, "EP1000000A1", None]))
    assert tuple(one[0].as_py() for one in read) == MARKED[cell]
    assert [[one[at].as_py() for one in read] for at in (1, 2)] == [["EP1000000A1", None, None], [None, None, None]]


def test_letters_in_a_bracket_are_no_values_of_the_cell() -> None:
    said = [
        "EP1234567A1 (A,D), US1234567A [X; Y]", "Y,D EP1000001A1; A,D US1234567A", "US1234567A (X: 1-3; Y: 4)",
        "US 1,234,567 A (Mar. 25, 1997), EP1000001A1", "see (a, b)", "EP1, EP2", "D, EP1000001A1",
    ]  # fmt: skip
    assert letters_together(pa.array(said)).to_pylist() == [
        "EP1234567A1 (AD), US1234567A [XY]", "YD EP1000001A1; AD US1234567A", "US1234567A (X: 1-3  Y: 4)",
        "US 1,234,567 A (Mar. 25  1997), EP1000001A1", *said[4:],
    ]  # fmt: skip


@pytest.mark.parametrize("between", ["; ", "\n", ", ", " | ", " "])
def test_categories_behind_cited_numbers_are_theirs(between: str, tmp_path: Path) -> None:
    cell = between.join(["CN101234567A (X)", "EP1234567A1 (A,D)", "US9876543B2"])
    plain = "CN101234567A,a,\nEP1234567A1,b,\nUS9876543B2,c,\n"
    text = f'Publication Number,Title,Cited patents\n{plain}EP1000000B1,d,"{cell}"\n'
    (tmp_path / "x.csv").write_text(text)
    report = run("table", tmp_path / "x.csv", tmp_path / "out")
    assert counts(report, "citations") == (3, 3, 0, 0)
    found = {row["cited_id"]: row["category"] for row in rows(tmp_path / "out", "citations")}
    assert found == {"CN101234567A": "X", "EP1234567A1": "AD", "US9876543B2": None}


LINKS = {
    "https://patents.google.com/patent/US9876543B2/en": "US9876543B2",
    "https://patents.google.com/patent/US20150056336A1/en?oq=US20150056336A1": "US20150056336A1",
    "patents.google.com/patent/EP1000000A1": "EP1000000A1",
    "https://worldwide.espacenet.com/patent/search?q=pn%3DEP1000000A1": "EP1000000A1",
    "https://worldwide.espacenet.com/patent/search/family/024692748/publication/US5612345A?q=pn%3DUS5612345A":
        "US5612345A",
    "https://worldwide.espacenet.com/publicationDetails/biblio?DB=EPODOC&II=0&FT=D&date=20000517&CC=EP&NR=1000000A1&KC=A1":
        "EP1000000A1",
    "http://worldwide.espacenet.com/publicationDetails/biblio?CC=US&NR=5612345&KC=A": "US5612345A",
    "https://www.lens.org/lens/patent/US_2015_0056336_A1": "US-2015-0056336-A1",
    "https://www.lens.org/lens/patent/065-528-931-353-44X": "065-528-931-353-44X",
    "https://lens.org/065-528-931-353-44X": "065-528-931-353-44X",
    "https://patentscope.wipo.int/search/en/detail.jsf?docId=WO2015026896": "WO2015026896",
    "https://depatisnet.dpma.de/DepatisNet/depatisnet?action=bibdat&docid=DE102005012345A1": "DE102005012345A1",
    "https://www.freepatentsonline.com/EP1000000A1.html": "EP1000000A1",
    # PATENTSCOPE's numbers of national documents are its own; others name no publication, or several.
    "https://patentscope.wipo.int/search/en/detail.jsf?docId=US127324321": None,
    "https://example.org/patents/17": None,
    "https://worldwide.espacenet.com/patent/search?q=EP1000000A1%20OR%20EP1000001A1": None,
    "see https://patents.google.com/patent/US9876543B2/en": None,
    "US9876543B2": None,
}  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_the_number_of_a_link_is_its_publication(link: str) -> None:
    assert numbers_of_links(pa.array([link, None])).to_pylist() == [LINKS[link] or link, None]


def test_ids_and_citations_may_be_links(tmp_path: Path) -> None:
    google, espacenet = (
        "https://patents.google.com/patent/US9876543B2/en",
        "https://worldwide.espacenet.com/patent/search?q=pn%3DEP1000000A1",
    )
    text = (
        f"id,title,citations\n{google},a,\n{espacenet},b,US9876543B2\n"
        f'WO2015026896A1,c,"{google}\n{espacenet}"\n"=HYPERLINK(""{google.replace("43B2", "44B2")}"")",d,{espacenet}\n'
    )
    (tmp_path / "x.csv").write_text(text)
    report = run("table", tmp_path / "x.csv", tmp_path / "out")
    assert counts(report) == (4, 4, 0, 0)
    found = by_id(tmp_path / "out")
    assert found["US9876543B2"]["printed_number"] == google
    assert found["US9876543B2"]["jurisdiction"] == "US"
    cited = {(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")}
    assert cited == {
        ("EP1000000A1", "US9876543B2"), ("WO2015026896A1", "US9876543B2"), ("WO2015026896A1", "EP1000000A1"),
        ("US9876544B2", "EP1000000A1"),
    }  # fmt: skip


def test_a_column_of_publication_numbers_needs_no_kinds_and_ids_of_ones_own_stay(tmp_path: Path) -> None:
    numbers = ["us9876543", "US2015056336", "kr1020050012345", "DE000019826114", "za2005/01234", "Mine-7", "US12"]
    wanted = ["US9876543", "US20150056336", "KR20050012345", "DE19826114", "ZA200501234", "Mine-7", "US12"]
    for header, ids in (("Publication Number", wanted), ("patent_id", numbers)):
        (tmp_path / "x.csv").write_text(
            f"{header},title,citations\n" + "".join(f"{one},a,us9876543\n" for one in numbers)
        )
        out = tmp_path / header.replace(" ", "")
        run("table", tmp_path / "x.csv", out)
        assert list(by_id(out)) == ids
        assert len(rows(out, "citations")) == len(numbers) - 1


def test_what_is_cited_outside_the_import_is_said_with_examples(tmp_path: Path) -> None:
    from patray.importers.report import format_report

    (tmp_path / "x.csv").write_text("patent_id,title,citations\nA,a,5\nB,b,A; 12; 5\n")
    report = run("table", tmp_path / "x.csv", tmp_path / "out")
    assert "3  citations filtered: cited publication outside the import, such as '5', '12'" in format_report(report)


def test_a_cited_number_that_ops_prints_as_a_text_is_found_and_one_that_says_nothing_is_counted(tmp_path: Path) -> None:
    def document(number: str, cited: str = "") -> str:
        return (
            f'<exchange-document country="EP" doc-number="{number}" kind="A1"><bibliographic-data><invention-title '
            f'lang="en">Brush</invention-title><references-cited>{cited}</references-cited></bibliographic-data>'
            "</exchange-document>"
        )

    cited = "".join(f"<citation><patcit>{one}</patcit></citation>" for one in ("<text>EP1000001A1</text>", "<text/>"))
    documents = document("1000000", cited) + document("1000001")
    (tmp_path / "x.xml").write_text(
        '<ops:world-patent-data xmlns="http://www.epo.org/exchange" xmlns:ops="http://ops.epo.org"><exchange-documents>'
        f"{documents}</exchange-documents></ops:world-patent-data>"
    )
    report = run("ops", tmp_path / "x.xml", tmp_path / "out")
    assert counts(report, "citations") == (2, 1, 0, 1)
    assert report["tables"]["citations"]["filtered_by"] == {"cited number cannot be read": 1}
