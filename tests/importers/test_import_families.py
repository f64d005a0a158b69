"""Families as connected components, against a plain union-find."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling import by_id, run

from patray.importers.families import known_family, same_application, simple_families


def _families(ids: list, given_ids: list, members: list) -> list[str]:
    return simple_families(
        pa.array(ids, pa.string()), pa.array(given_ids, pa.string()), pa.array(members, pa.list_(pa.string()))
    ).to_pylist()


def test_publications_that_list_each_other_or_a_third_are_one_family() -> None:
    assert _families(["a", "b", "c", "d"], [None] * 4, [["a", "x"], ["x"], ["c"], None]) == ["a", "a", "c", "d"]


def test_a_given_family_id_names_the_family_and_joins_rows_that_carry_it() -> None:
    found = _families(["a", "b", "c", "d"], ["77", None, "77", None], [["a", "b"], None, None, ["d"]])
    assert found == ["77", "77", "77", "d"]


def test_a_family_id_that_reads_like_a_publication_of_another_family_does_not_join_them() -> None:
    assert _families(["77", "b", "c"], [None, "77", "77"], [None, None, None]) == ["publication 77", "77", "77"]


def test_rows_without_a_name_are_families_of_their_own() -> None:
    found = _families([None, None, "a"], [None, None, None], [None, None, None])
    assert len(set(found)) == 3


def test_members_without_a_name_join_nothing() -> None:
    assert _families(["a", "b", "c"], [None] * 3, [["a"], ["b", None], [None]]) == ["a", "b", "c"]


def test_spellings_of_unknown_do_not_make_one_giant_family() -> None:
    ids = known_family(pa.array(["-1", "0", "", " 12 ", None]))
    assert ids.to_pylist() == [None, None, None, "12", None]


def test_a_family_of_five_hundred_members_is_one_family() -> None:
    members = [f"m{i}" for i in range(500)]
    assert len(set(_families(members, [None] * 500, [[members[i], members[i - 1]] for i in range(500)]))) == 1


def test_no_rows_give_no_families() -> None:
    assert _families([], [], []) == []


names = st.sampled_from([f"p{i}" for i in range(12)])


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.sampled_from(["f1", "f2"]), st.lists(names, max_size=3)), max_size=12))
def test_the_partition_equals_that_of_a_plain_union_find(rows: list) -> None:
    ids = [f"p{i}" for i in range(len(rows))]
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for own, (family, members) in zip(ids, rows, strict=True):
        for other in [*members, *([f"family {family}"] if family else [])]:
            parent[root(own)] = root(other)
    found = _families(ids, [family for family, _ in rows], [members for _, members in rows])
    for i, a in enumerate(ids):
        for j, b in enumerate(ids):
            assert (found[i] == found[j]) == (root(a) == root(b))


def _forms(office: str, year: int, serial: int) -> list[tuple[str | None, str]]:
    """How sources print the number of one application: (the office where it stands apart, the number)."""
    short, series = f"{year % 100:02}", f"{10 + year % 10}"
    front, back = f"{serial:06}"[:3], f"{serial:06}"[3:]
    own = f"{series}{front}{back}"
    if office == "US":
        apart = [f"{series}/{front}{back}", f"{series}/{front},{back}", own, f"{own}.0"]
        whole = [f"US {series}/{front},{back}", f"US{year}{own}", f"US{year}{own}A", f"US {year}{own} A"]
    elif office == "EP":
        apart = [f"{short}{front}{back}.7", f"{short}{front}{back}"]
        whole = [f"EP{short}{front}{back}.3", f"EP{year}0{front}{back}", f"EP {short}{front}{back} A"]
    else:
        apart = [f"PCT/US{year}/{front}{back}"]
        whole = [f"WO{year}US{serial}", f"WO {year}US{serial} A", f"PCT/US{year}/0{front}{back}"]
    return [(office, one) for one in apart] + [(None, one) for one in whole]


YEARS, SERIALS = st.integers(2010, 2019), st.integers(10**5, 10**6 - 1)


@given(st.sets(st.tuples(st.sampled_from(["US", "EP", "WO"]), YEARS, SERIALS), min_size=1, max_size=6))
def test_an_application_is_one_in_all_forms_of_its_number_and_no_other(applications: set) -> None:
    forms = [_forms(*one) for one in applications]
    office, number = zip(*(form for one in forms for form in one), strict=True)
    names = same_application(pa.array(office, pa.string()), pa.array(number, pa.string())).to_pylist()
    found, place = [], 0
    for one in forms:
        found.append(set(names[place : place + len(one)]))
        place += len(one)
    assert [len(one) for one in found] == [1] * len(forms)
    assert len(set().union(*found)) == len(forms)


def test_utility_models_and_patents_of_one_number_are_two_applications() -> None:
    names = same_application(pa.nulls(3, pa.string()), pa.array(["JP2014001234U", "JP2014001234", "JP2014001234A"]))
    assert names[0] != names[1]
    assert names[1] == names[2]


@pytest.mark.parametrize("header", ["Simple Family Members", "DWPI Family Members", "简单同族", "members"])
@pytest.mark.parametrize("seed", range(3))
def test_members_that_a_table_lists_are_families(header: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    ids = [f"EP{2000000 + n}A1" for n in range(30)]
    printed = [f"EP {one[2:9]} A1" if rng.random() < 0.5 else one for one in ids]
    whose = [rng.randrange(10) for _ in ids]  # the truth: family of each publication
    cells: list[str | None] = []
    for row in range(len(ids)):
        kin = [printed[other] for other in range(len(ids)) if whose[other] == whose[row]]
        rng.shuffle(kin)
        cells.append(
            rng.choice([";;", " | ", "\n", ", "]).join(kin) if len(kin) > 1 else rng.choice([None, "-", kin[0]])
        )
    pq.write_table(pa.table({"patent_id": printed, "title": ["a"] * 30, header: cells}), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    found = {id: row["family_id"] for id, row in by_id(tmp_path / "out").items()}
    smallest = {family: min(one for one, of in zip(ids, whose, strict=True) if of == family) for family in whose}
    assert found == {one: smallest[family] for one, family in zip(ids, whose, strict=True)}


def test_a_family_id_wins_over_members_and_people_who_cite_are_no_kin(tmp_path: Path) -> None:
    table = {
        "patent_id": ["A", "B", "C"], "title": ["a"] * 3, "family_id": ["1", "2", None],
        "Simple Family Members": ["A; B", None, None],
        "Extended Family Members": ["A; C"] * 3,
        "被引用的专利": ["C", "C", "A"],
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    run("table", tmp_path / "x.parquet", tmp_path / "out")
    assert [row["family_id"] for row in by_id(tmp_path / "out").values()] == ["1", "2", "C"]
    assert not (tmp_path / "out" / "citations.parquet").exists()
