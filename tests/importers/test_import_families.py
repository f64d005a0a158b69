"""Families as connected components, against a plain union-find."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.importers.families import known_family, simple_families


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
