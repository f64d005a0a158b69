"""Derwent's own texts beside the patents' texts, words where codes are expected, families that are lists."""

from pathlib import Path

import pyarrow.parquet as pq
from sampling import by_id, check_valid, counts, rows, run

DERWENT = """Publication Number,Title,Title - DWPI,Abstract - DWPI,Assignee - DWPI
EP1000000A1,Brush | Bürste,Folding hair brush has hinge | x,Novelty - it folds.,ACME
EP1000001A1,,Comb,,ACME
"""


def test_derwents_own_texts_are_kept_beside_the_patents(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(DERWENT)
    (tmp_path / "b.csv").write_text("Publication Number,Title\nEP1000002A1,Hat\n")
    report = run("table", [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "out")
    assert (
        "dwpi_title = 'Title - DWPI', dwpi_abstract = 'Abstract - DWPI'; not used: Assignee - DWPI"
        in report["taken"][0]
    )
    assert counts(report) == (3, 3, 0, 0)
    names = ("title", "abstract", "dwpi_title", "dwpi_abstract")
    assert {id: tuple(row[name] for name in names) for id, row in by_id(tmp_path / "out").items()} == {
        "EP1000000A1": ("Brush", "Novelty - it folds.", "Folding hair brush has hinge", "Novelty - it folds."),
        "EP1000001A1": ("Comb", None, "Comb", None),
        "EP1000002A1": ("Hat", None, None, None),
    }
    check_valid(tmp_path / "out", tmp_path / "scratch")
    run("table", tmp_path / "b.csv", tmp_path / "plain")
    assert "dwpi_title" not in pq.read_schema(tmp_path / "plain" / "patents.parquet").names
    run("table", [tmp_path / "b.csv", tmp_path / "a.csv"], tmp_path / "turned")
    assert by_id(tmp_path / "turned") == by_id(tmp_path / "out")


def test_an_office_in_words_is_the_numbers_and_small_letters_are_a_code(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "公开号,标题,受理局\nCN101234567A,a,中国\nEP1000000A1,b,ep\nEP1000001A1,c,somewhere\n"
        "1000000,d,United States\n1000000,e,Japan\nmine,f,Utopia\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert [(row["patent_id"], row["jurisdiction"]) for row in rows(tmp_path / "out")] == [
        ("CN101234567A", "CN"), ("EP1000000A1", "EP"), ("EP1000001A1", "EP"), ("US1000000", "US"), ("JP1000000", "JP"),
        ("mine", "Utopia"),
    ]  # fmt: skip


def test_a_family_that_is_a_list_of_publications_is_its_members(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "Publication Number,Title,Simple Family\nEP1000000A1,a,US9876543B2; WO2015026896A1\n"
        "US9876543B2,b,EP1000000A1 | WO2015026896A1\nEP1000001A1,c,52480593\nEP1000002A1,d,52480593\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    family = {id: row["family_id"] for id, row in by_id(tmp_path / "out").items()}
    assert (
        family["EP1000000A1"] == family["US9876543B2"] != family["EP1000001A1"] == family["EP1000002A1"] == "52480593"
    )


def test_what_says_that_there_is_a_text_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "#,Jurisdiction,Kind,Publication Number,Title,Full Text,Claims\n1,US,A1,US 2013/0101709 A1,Brush,yes,20\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    (row,) = by_id(tmp_path / "out").values()
    assert (row["title"], row["description"], row["claims"]) == ("Brush", None, [])
