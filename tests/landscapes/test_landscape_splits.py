"""Splits by family, labels, and what both promise to those who tune and test."""

import numpy as np
import pyarrow as pa
import pytest
from conftest_landscapes import patent, patents_table
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.landscapes.labels import DERIVED, NO_SPLIT, get_label_set, label_set_names
from patray.landscapes.load import load_metadata
from patray.landscapes.records import Metadata
from patray.landscapes.splits import TEST, TRAIN, VALIDATION, split_families
from patray.landscapes.validate import prepare


def test_splits_are_the_same_for_ever():
    """Golden: a change here moves patents between train and test in everyone's published numbers."""
    assert "".join(map(str, split_families([f"F{i}" for i in range(40)]))) == GOLDEN
    assert split_families(["é", "12345678"]).tolist() == GOLDEN_TWO


GOLDEN = "0102002020200202000100000001002010102010"
GOLDEN_TWO = [0, 1]


@given(st.lists(st.text(min_size=1, max_size=5).filter(lambda t: "\x00" not in t), min_size=1, max_size=30))
def test_a_family_is_on_one_side_whatever_stands_beside_it(families):
    whole = split_families(families)
    assert whole.tolist() == [int(split_families([family])[0]) for family in families]


def test_shares_are_met_on_many_families():
    names = [f"family-{i}" for i in range(50_000)]
    shares = np.bincount(split_families(names), minlength=3) / len(names)
    assert np.allclose(shares, [0.6, 0.2, 0.2], atol=0.01)
    assert set(split_families(names, shares=(0, 0, 1)).tolist()) == {TEST}
    assert set(split_families(names, shares=(0.5, 0.5, 0)).tolist()) == {TRAIN, VALIDATION}


def test_more_training_never_moves_a_family_out_of_training():
    names = [f"family-{i}" for i in range(1000)]
    small, large = split_families(names, (0.4, 0.2, 0.4)), split_families(names, (0.6, 0.2, 0.2))
    assert (large[small == TRAIN] == TRAIN).all()
    assert (split_families(names, salt="other") != split_families(names)).any()


@pytest.mark.parametrize("shares", [(0.6, 0.4), (0.6, 0.3, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_do_not_add_up_are_refused(shares):
    with pytest.raises(InputError, match="three numbers of at least 0 that add up to 1"):
        split_families(["a"], shares)


@pytest.fixture
def labelled(write, clean):
    rows = [
        patent("P2", ipc=["A61B5/00", "A61M1/00"], cpc=["A61B 5/02", "Y02E1/00", "C12Q2600/156"]),
        patent("P1", ipc=["H04L9/08", "?"]),
        patent("P3", ipc=[]),
    ]
    table = pa.table(
        {"patent_id": ["P3", "P1"], "labels": [["z", "é"], ["a"]], "split": pa.array(["test", None], pa.string())}
    )
    prepare(write(rows, labels={"field": table}), clean)
    return load_metadata(clean)


def test_a_label_set_from_a_file_is_sorted_and_keeps_its_splits(labelled):
    found = get_label_set(labelled, "field")
    assert found.patent_ids.tolist() == ["P1", "P3"]
    assert found.labels == ("a", "z", "é")
    assert found.to_lists() == [["a"], ["z", "é"]]
    assert found.split.tolist() == [NO_SPLIT, TEST]


def test_label_sets_are_derived_from_codes_at_every_level(labelled):
    lists = {name: get_label_set(labelled, name) for name in DERIVED}
    assert lists["ipc-section"].to_lists() == [["H"], ["A"]]
    assert lists["ipc-class"].to_lists() == [["H04"], ["A61"]]
    assert lists["ipc-subclass"].to_lists() == [["H04L"], ["A61B", "A61M"]]
    assert lists["cpc-subclass"].to_lists() == [["A61B"]]
    assert lists["cpc-subclass"].patent_ids.tolist() == ["P2"]
    assert lists["ipc-class"].unknown_codes == 1
    assert lists["ipc-class"].split is None


def test_a_label_set_becomes_a_matrix_over_any_patents(labelled):
    matrix, known = get_label_set(labelled, "ipc-subclass").to_matrix(np.array(["P3", "P2", "X", "P1"], dtype=object))
    assert known.tolist() == [False, True, False, True]
    assert matrix.astype(int).tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_a_file_wins_over_a_derived_set_of_the_same_name(write, clean):
    table = pa.table({"patent_id": ["P1"], "labels": [["mine"]]})
    prepare(write([patent("P1")], labels={"ipc-class": table}), clean)
    data = load_metadata(clean)
    assert get_label_set(data, "ipc-class").labels == ("mine",)
    assert label_set_names(data) == ["ipc-class", "ipc-section", "ipc-subclass"]


def test_an_unknown_or_impossible_label_set_is_refused(write, clean):
    prepare(write([patent("P1", ipc=["?"])]), clean)
    data = load_metadata(clean)
    with pytest.raises(InputError, match="unknown label set 'uspc'; allowed are ipc-section, ipc-class"):
        get_label_set(data, "uspc")
    with pytest.raises(InputError, match="label set cpc-class is not possible: no patent has a readable cpc code"):
        get_label_set(data, "cpc-class")
    with pytest.raises(InputError, match="label set ipc-class is not possible"):
        get_label_set(data, "ipc-class")


codes = st.lists(st.sampled_from(["A61B5/00", "A61M1/00", "B01D1/00", "H04L9/08"]), max_size=4)


@given(st.lists(codes, min_size=1, max_size=12).filter(any))
def test_lists_and_matrix_say_the_same(rows):
    ids = [f"P{i:02d}" for i in range(len(rows))]
    table = patents_table([patent(id, ipc=row) for id, row in zip(ids, rows, strict=True)])
    found = get_label_set(Metadata("x", table, None, None, None, {}, {}), "ipc-subclass")
    matrix, known = found.to_matrix(np.array(ids, dtype=object))
    names = np.array(found.labels)
    assert [names[row].tolist() for row in matrix] == [sorted({code[:4] for code in row}) for row in rows]
    assert [names[row].tolist() for row in matrix[known]] == found.to_lists()
