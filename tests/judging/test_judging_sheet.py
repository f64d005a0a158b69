"""A sheet out, filled by any spreadsheet, and back; what is wrong in it is named by file, row and what is allowed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.importers.sheets import read_rows
from patray.importers.source import find_files
from patray.judging.outcome import complete_queries
from patray.judging.pool import Pool
from patray.judging.sheet import COLUMNS, csv_bytes, read_judgements, sheet_rows, xlsx_bytes

PAIRS = (("Q1", "P1"), ("Q1", "P2"), ("Q2", "P1"), ("Q4", "P3"))
POOL = Pool("run", "land", "ta", ("a",), 10, 2, 0, 9, ("Q1", "Q2", "Q3", "Q4", "Q5"), PAIRS)


def filled(grades: list[str], judge: str = "", pairs: tuple[tuple[str, str], ...] = PAIRS) -> list[list[str]]:
    rows = sheet_rows(POOL, {})[:1]
    return rows + [
        ["1", query, "", "", patent, "", "", grade, judge, ""]
        for (query, patent), grade in zip(pairs, grades, strict=True)
    ]


def write(path: Path, rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return str(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_several_judges_in_files_or_in_a_column_are_told_apart(tmp_path: Path, delimiter: str) -> None:
    ann = write(tmp_path / "ann.csv", filled(["0", "1", "", "2"]), delimiter)
    others = [*filled(["1", "1", "", ""], "bob"), *filled(["1", "2", "0", ""], "eve")[1:]]
    found = read_judgements([ann, write(tmp_path / "others.csv", others)], POOL)
    assert found.judges == ("ann", "bob", "eve")
    assert found.combined.tolist() == [1, 1, 0, 2]
    assert found.graded == 4


def test_of_two_grades_in_the_middle_the_lower_counts(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.csv", filled(grades))
        for name, grades in (("a", ["2", "0", "", ""]), ("b", ["1", "2", "", ""]))
    ]
    assert np.array_equal(read_judgements(files, POOL).combined, [1, 0, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (filled(["", "", "", "5"]), r"s\.csv, row 5: grade '5'; allowed are 0, 1, 2, or an empty cell"),
        (filled(["", "-1", "", ""]), r"s\.csv, row 3: grade '-1'; allowed are 0, 1, 2"),
        (filled(["yes", "", "", ""]), r"s\.csv, row 2: grade 'yes'; allowed are"),
        (filled(["", ""], pairs=PAIRS[:2]),
         r"s\.csv: 2 of 4 rows of the pool are missing, the first of query 'Q2' and patent 'P1'"),
        ([*filled(["1", "", "", ""]), filled(["0"], pairs=PAIRS[:1])[1]],
         r"s\.csv, row 6: judge 's' has a row for query 'Q1' and patent 'P1' already, in s\.csv, row 2; allowed"),
        (filled(["", "", "", "", ""], pairs=(*PAIRS, ("Q7", "P1"))),
         r"s\.csv, row 6: query_id 'Q7' is not one of the 5 queries"),
        (filled(["", "", "", "", ""], pairs=(*PAIRS, ("Q1", "P9"))),
         r"s\.csv, row 6: patent_id 'P9' was not pooled for query 'Q1'; allowed are P1, P2"),
        ([["query_id", "grade"]], r"s\.csv, row 1: no column patent_id; expected row, query_id"),
        ([], r"s\.csv: empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_judgements([write(tmp_path / "s.csv", rows)], POOL)


def test_two_files_of_one_judge_may_not_grade_a_pair_twice(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", filled(["1", "", "", ""], "ann"))
    two = write(tmp_path / "two.csv", filled(["0", "", "", ""], "ann"))
    with pytest.raises(InputError, match=r"two\.csv, row 2: judge 'ann' has a row for .* in one\.csv, row 2"):
        read_judgements([one, two], POOL)


def test_another_encoding_and_a_torn_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("query_id,patent_id,grade\nQ1,Stühle,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.csv, line 2: not UTF-8; save it as `CSV UTF-8`"):
        read_judgements([str(tmp_path / "latin.csv")], POOL)
    (tmp_path / "torn.csv").write_text('query_id,patent_id,grade\nQ1,"P1,1\n')
    with pytest.raises(InputError, match=r"torn\.csv: not a whole CSV file"):
        read_judgements([str(tmp_path / "torn.csv")], POOL)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=("Cc", "Cs")), max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_any_text_goes_into_both_forms_and_the_ids_come_back(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("sheets")
    pairs = tuple((f"Q{at}", f"P{at}") for at in range(len(found)))
    pool = Pool("run", "land", "ta", ("a",), 10, 1, 0, 9, tuple(query for query, _ in pairs), pairs)
    rows = sheet_rows(pool, {patent: text for (_, patent), text in zip(pairs, found, strict=True)})
    (folder / "s.csv").write_bytes(csv_bytes(rows))
    (folder / "s.xlsx").write_bytes(xlsx_bytes(rows))
    for name in ("s.csv", "s.xlsx"):
        assert read_judgements([str(folder / name)], pool).graded == 0
    shown = read_rows(find_files([str(folder / "s.xlsx")], open_archives=False)[0])
    assert shown[0] == list(COLUMNS)
    assert [row[5].strip() for row in shown[1:]] == [title.strip() for title, _ in found]
    with (folder / "s.csv").open(encoding="utf-8-sig", newline="") as stream:
        cells = [row[5] for row in csv.reader(stream)][1:]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_queries_without_a_pair_count_up_to_where_the_judges_came(tmp_path: Path) -> None:
    def complete(grades: list[str]) -> list[str]:
        return complete_queries(POOL, read_judgements([write(tmp_path / "s.csv", filled(grades))], POOL))

    assert complete(["1", "0", "1", ""]) == ["Q1", "Q2"]
    assert complete(["1", "", "", "1"]) == ["Q3", "Q4"]
    assert complete(["1", "0", "1", "0"]) == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    assert complete(["", "", "", ""]) == []
