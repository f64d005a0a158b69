"""IPC and CPC codes in the spellings of offices and exports."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.landscapes.codes import Code, code_bits, code_sets, parse_code

SPELLINGS = [
    ("A61B5/0205", Code("A61B", 5)),
    ("A61B 5/0205", Code("A61B", 5)),
    ("a61b 5/0205", Code("A61B", 5)),
    (" A61B   5/0205 20060101AFI20051220RMJP", Code("A61B", 5)),
    ("A61B 5/00 (2006.01)", Code("A61B", 5)),
    ("C10L   1/    00            A I   ", Code("C10L", 1)),
    ("A61B0005020500", Code("A61B", 5)),
    ("A61M51723", Code("A61M", -1)),
    ("C12Q2600/156", Code("C12Q", 2600)),
    ("C12Q2600015600", Code("C12Q", 2600)),
    ("A61B 5", Code("A61B", 5)),
    ("A61B", Code("A61B")),
    ("A 61 B 5/02", Code("A61B", 5)),
    ("A61", Code("A61")),
    ("A", Code("A")),
    ("Y02E 10/50", Code("Y02E", 10)),
    ("A61K-031/00", Code("A61K", 31)),
    ("A61K-0031/12", Code("A61K", 31)),
    ("A41D013/00", Code("A41D", 13)),
    ("H04L9/8", Code("H04L", 9)),
]


@pytest.mark.parametrize(("text", "code"), SPELLINGS)
def test_a_spelling_is_read(text, code):
    assert parse_code(text) == code


@pytest.mark.parametrize(
    "text",
    ["", "61B", "I61B 5/02", "A6", "A45D/", "A61B/", "435/6.1", "A61B5/0205/3", "H04L9/08X", "Int. Cl."],
)
def test_another_spelling_is_unknown_rather_than_guessed(text):
    assert parse_code(text) is None


def test_levels_cut_a_code_and_a_short_code_has_no_deeper_level():
    code = Code("A61B", 5)
    assert [code.at(level) for level in ("section", "class", "subclass")] == ["A", "A61", "A61B"]
    assert Code("A61").at("subclass") is None


def column(*rows):
    return pa.array(rows, pa.list_(pa.string()))


def named(sets):
    found = {}
    for row, code in zip(sets.rows.tolist(), sets.codes.tolist(), strict=True):
        found.setdefault(row, []).append(sets.names[code])
    return found


def test_every_code_counts_once_per_row_and_strange_ones_are_counted():
    sets = code_sets(column(["A61B5/02", "A61B 17/00", "A46B1/00"], [], None, ["?", "A61", "?"]), "class", "ipc")
    assert named(sets) == {0: ["A46", "A61"], 3: ["A61"]}
    assert (sets.unknown, sets.examples) == (2, ("?",))


def test_cpc_tags_and_indexing_codes_do_not_count_but_in_ipc_they_would():
    row = column(["Y02E10/50", "C12Q2600/156", "C12N 15/00"])
    assert named(code_sets(row, "subclass", "cpc")) == {0: ["C12N"]}
    assert named(code_sets(row, "subclass", "ipc")) == {0: ["C12N", "C12Q", "Y02E"]}


def test_an_unknown_level_names_what_is_allowed():
    with pytest.raises(InputError, match=r"ipc-group; allowed are ipc, cpc at section, class, subclass"):
        code_sets(column([]), "group", "ipc")


codes = st.sampled_from(
    ["A61B5/02", "A46B1/00", "H04L 9/08", "G06F3/01", "?", "Y02E10/50"] + [f"B{i:02d}C 1/00" for i in range(1, 99)]
)


@given(st.lists(st.lists(codes, max_size=4), min_size=1, max_size=8))
def test_bit_masks_agree_with_python_sets(rows):
    bits = code_bits([code_sets(column(*rows), "class", "cpc")], len(rows))
    sets = [{parse_code(text).at("class") for text in row if text != "?" and not text.startswith("Y")} for row in rows]
    shared = (bits[:, None, :] & bits[None, :, :]).any(axis=2)
    assert shared.tolist() == [[bool(a & b) for b in sets] for a in sets]


def test_a_column_without_a_code_gives_empty_sets():
    sets = code_sets(pa.chunked_array([], pa.list_(pa.string())), "class", "ipc")
    assert len(sets.rows) == 0
    assert not code_bits([sets], 3).any()
    assert np.array_equal(code_bits([], 2), np.zeros((2, 1), np.uint64))
