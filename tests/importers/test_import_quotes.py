"""Quotes around cells that are no double quotes, headers that come again, rows that end in empty cells."""

import csv
import io
import random
from pathlib import Path

import pytest
from sampling import by_id, counts, reasons, run

CELLS = ["Brush", "Brush, red", "it's red", 'a "smart" brush', "two\nlines", "a; b", "", "5' wide", "o'clock, o'hara"]


def written(rows: list[list[str]], quote: str, doubled: bool, delimiter: str, all_cells: bool = True) -> str:
    sink = io.StringIO()
    csv.writer(
        sink, quotechar=quote, doublequote=doubled, escapechar=None if doubled else "\\", delimiter=delimiter,
        quoting=csv.QUOTE_ALL if all_cells else csv.QUOTE_NONNUMERIC, lineterminator="\n",
    ).writerows(rows)  # fmt: skip
    return sink.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("doubled", [True, False])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_cells_in_any_quotes_are_read_as_they_were_written(
    quote: str, doubled: bool, delimiter: str, tmp_path: Path
) -> None:
    rng = random.Random(1)
    titles = {f"EP{1000000 + n}A1": (f"t {rng.choice(CELLS)}", rng.choice(CELLS)) for n in range(60)}
    table = [["patent_id", "title", "abstract"], *([id, *texts] for id, texts in titles.items())]
    (tmp_path / "x.csv").write_text(written(table, quote, doubled, delimiter))
    assert counts(run("table", tmp_path / "x.csv", tmp_path / "out")) == (60, 60, 0, 0)
    found = {id: (row["title"], row["abstract"] or "") for id, row in by_id(tmp_path / "out").items()}
    assert found == titles


def test_a_header_may_stand_without_quotes_and_words_in_single_quotes_are_words(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("patent_id,title\n'A','Red, blue'\n'B','it''s'\n")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert {id: row["title"] for id, row in by_id(tmp_path / "out").items()} == {"A": "Red, blue", "B": "it's"}
    (tmp_path / "y.csv").write_text("patent_id,title\nA,'Smart' brush\nB,'Smart'\nC,brush\n")
    run("table", tmp_path / "y.csv", tmp_path / "words")
    assert [row["title"] for row in by_id(tmp_path / "words").values()] == ["'Smart' brush", "'Smart'", "brush"]


def test_rows_with_an_apostrophe_in_single_quotes_are_counted_as_lost(tmp_path: Path) -> None:
    rows = "'EP1000000A1','Farmer's brush'\n'EP1000001A1','b, c'\n'EP1000002A1','d'\n"
    for name, text in (
        ("named", f"'Publication Number','Title'\n{rows}"),
        ("plain", f"Publication Number,Title\n{rows}"),
    ):
        (tmp_path / "x.csv").write_text(text)
        assert counts(run("table", tmp_path / "x.csv", tmp_path / name)) == (3, 2, 1, 0)
        assert {id: row["title"] for id, row in by_id(tmp_path / name).items()} == {
            "EP1000001A1": "b, c", "EP1000002A1": "d",
        }  # fmt: skip
        assert reasons(tmp_path / name) == {(2, "broken quoting")}


def test_blanks_before_quotes_are_no_part_of_the_cells(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        '"patent_id", "title", "abstract"\n"A", "Brush, red", "a ""b"""\nB, c, "two\nlines"\n'
    )
    assert counts(run("table", tmp_path / "x.csv", tmp_path / "out")) == (2, 2, 0, 0)
    found = {id: (row["title"], row["abstract"]) for id, row in by_id(tmp_path / "out").items()}
    assert found == {"A": ("Brush, red", 'a "b"'), "B": ("c", "two\nlines")}


@pytest.mark.parametrize(("opening", "closing"), ["“”", "„“", "``"])
def test_quotes_of_a_word_processor_are_no_part_of_the_values(opening: str, closing: str, tmp_path: Path) -> None:
    text = "\n".join(
        ",".join(f"{opening}{cell}{closing}" for cell in row)
        for row in (("Publication Number", "Title"), ("EP1000000A1", "Brush"), ("EP1000001A1", "a 'red' comb"))
    )
    (tmp_path / "x.csv").write_text(text + f"\nEP1000002A1,{opening}Smart{closing} hat\n")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert {id: row["title"] for id, row in by_id(tmp_path / "out").items()} == {
        "EP1000000A1": "Brush", "EP1000001A1": "a 'red' comb", "EP1000002A1": f"{opening}Smart{closing} hat",
    }  # fmt: skip


def test_a_header_that_comes_again_is_no_patent(tmp_path: Path) -> None:
    one = "\ufeffid,title\n"
    (tmp_path / "x.csv").write_text(f"{one}A,a\n{one}B,b\nID, Title\n")
    assert counts(run("table", tmp_path / "x.csv", tmp_path / "out")) == (4, 2, 2, 0)
    assert {line for line, reason in reasons(tmp_path / "out") if reason.startswith("the header once more")} == {3, 5}


def test_empty_cells_behind_the_last_column_are_no_reason_to_drop_a_row(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("patent_id,title\nA,a,\nB,b,,\nC,c\nD,d,x\nE\n")
    assert counts(run("table", tmp_path / "x.csv", tmp_path / "more")) == (5, 3, 2, 0)
    assert {line for line, _ in reasons(tmp_path / "more")} == {5, 6}
    (tmp_path / "y.csv").write_text("patent_id,title,,\nA,a\nB,b,\nC\n")
    assert counts(run("table", tmp_path / "y.csv", tmp_path / "less")) == (3, 2, 1, 0)


def test_the_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("sep=;\r\npatent_id;words\r\nA;a, b\r\n;c\r\n")
    run("table", tmp_path / "x.csv", tmp_path / "out", columns={"title": "words"})
    assert by_id(tmp_path / "out")["A"]["title"] == "a, b"
    assert reasons(tmp_path / "out") == {(4, "no publication number or id")}
