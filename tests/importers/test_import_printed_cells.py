"""Cells of several publication numbers, numbers with a date behind them, and numbers whose office stands beside."""

from pathlib import Path

import pyarrow as pa
import pytest
from sampling import by_id, counts, rows, run

from patray.importers.printed import canonical_ids, numbers_apart, offices_of


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("CN112345678A CN112345678B", "CN112345678A\nCN112345678B"),
        ("US12345678B1, EP4123456A1 WO2020012345A1", "US12345678B1\nEP4123456A1\nWO2020012345A1"),
        ("US2015056336 (A1) WO2015026896 (A1)", "US2015056336 (A1)\nWO2015026896 (A1)"),
        ("EP 1234567 B1 US 1234567 A", "EP 1234567 B1\nUS 1234567 A"),
        ("US 12345678 B1", "US 12345678 B1"),
        ("DE 10 2019 000001 A1", "DE 10 2019 000001 A1"),
        ("US 7,123,456 B2", "US 7,123,456 B2"),
        ("IN 2024 00123", "IN 2024 00123"),
        ("my patent 12", "my patent 12"),
        ("XY1234 QQ5678", "XY1234 QQ5678"),
        (None, None),
    ],
)
def test_numbers_in_a_cell_with_nothing_but_blanks_between_them_are_told_apart(
    cell: str | None, wanted: str | None
) -> None:
    assert numbers_apart(pa.array([cell], pa.string())).to_pylist() == [wanted]


def test_a_family_in_one_cell_is_one_patent_and_cited_numbers_with_blanks_between_them_are_each_cited(
    tmp_path: Path,
) -> None:
    text = (
        "Publication number,Title,Cited patents\nCN112345678A CN112345678B,Brush,\n"
        "US12345678B1 EP4123456A1,Comb,CN112345678A US10000001B2\nUS10000001B2,Hat,EP4123456A1\n"
    )
    (tmp_path / "list.csv").write_text(text)
    report = run("table", tmp_path / "list.csv", tmp_path / "out")
    assert counts(report) == (3, 3, 0, 0)
    assert set(by_id(tmp_path / "out")) == {"CN112345678A", "US12345678B1", "US10000001B2"}
    cited = {(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")}
    assert cited >= {("US12345678B1", "CN112345678A"), ("US12345678B1", "US10000001B2")}


def test_bare_publication_numbers_get_the_office_of_their_row_and_ids_of_ones_own_do_not(tmp_path: Path) -> None:
    rest = "Country,Title\n1820402,EP,Brush\n1820402,US,Comb\n20090208610,US,Hat\nWO/2010/012345,WO,Cap\n"
    (tmp_path / "a.csv").write_text("Publication Number," + rest)
    assert counts(run("table", tmp_path / "a.csv", tmp_path / "a")) == (4, 4, 0, 0)
    assert set(by_id(tmp_path / "a")) == {"EP1820402", "US1820402", "US20090208610", "WO2010012345"}
    (tmp_path / "b.csv").write_text("id," + rest)
    assert counts(run("table", tmp_path / "b.csv", tmp_path / "b")) == (4, 3, 1, 0)
    assert "1820402" in by_id(tmp_path / "b")


@pytest.mark.parametrize(
    ("printed", "wanted"),
    [
        ("US20150056336 A1 2015-02-26", "US20150056336A1"),
        ("US20150056336 A1 2015-02-26 [US20150056336]", "US20150056336A1"),
        ("EP2843210 (A1) 04.03.2015", "EP2843210A1"),
        ("EP2843210 (A1) ― 2015-03-04", "EP2843210A1"),
        ("EP2843210 A1 - 2015-03-04", "EP2843210A1"),
        ("EP 2843210 A1 20150304", "EP2843210A1"),
        ("US20150056336A1 (2015-02-26)", "US20150056336A1"),
        ("DE 10 2019 000001 A1", "DE102019000001A1"),
        ("US 2015/0056336", "US20150056336"),
    ],
)
def test_a_date_behind_a_number_is_no_part_of_it(printed: str, wanted: str) -> None:
    assert canonical_ids(pa.array([printed])).to_pylist() == [wanted]
    assert offices_of(pa.array([printed])).to_pylist() == [wanted[:2]]


def test_orbit_numbers_with_kind_code_and_date_are_a_family_of_publications(tmp_path: Path) -> None:
    text = (
        "Publication numbers with kind code & date,English title\n"
        '"US20150056336 A1 2015-02-26\nEP2843210 A1 2015-03-04",'
        "Brush\nEP2843210 A1 2015-03-04,Pinsel\n"
    )
    (tmp_path / "orbit.csv").write_text(text)
    assert counts(run("table", tmp_path / "orbit.csv", tmp_path / "out")) == (2, 2, 0, 0)
    found = by_id(tmp_path / "out")
    assert set(found) == {"US20150056336A1", "EP2843210A1"}
    assert len({row["family_id"] for row in found.values()}) == 1
