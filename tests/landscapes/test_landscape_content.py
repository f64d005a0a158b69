"""The identity of a landscape's content: changes when it must, and never when it must not."""

import pyarrow as pa
import pyarrow.parquet as pq
from conftest_landscapes import citations_table, patent, patents_table
from hypothesis import given
from hypothesis import strategies as st

from patray.landscapes.content import ColumnHash
from patray.landscapes.validate import prepare

texts = st.lists(st.none() | st.text(max_size=6), max_size=12)


def digest(*chunks: pa.Array) -> str:
    column = ColumnHash()
    for chunk in chunks:
        column.update(chunk)
    return column.hexdigest()


@given(texts, st.integers(0, 12))
def test_the_hash_of_strings_is_blind_to_chunks_and_slices(values, cut):
    whole = pa.array(values, pa.string())
    padded = pa.array(["x", *values, None], pa.string()).slice(1, len(values))
    assert digest(whole) == digest(whole.slice(0, cut), whole.slice(cut)) == digest(padded)


@given(st.lists(st.lists(st.text(max_size=4), max_size=3), max_size=8), st.integers(0, 8))
def test_the_hash_of_lists_is_blind_to_chunks_and_slices(values, cut):
    whole = pa.array(values, pa.list_(pa.string()))
    padded = pa.array([["y"], *values], pa.list_(pa.string())).slice(1)
    assert digest(whole) == digest(whole.slice(0, cut), whole.slice(cut)) == digest(padded)


@given(texts, texts)
def test_different_strings_have_different_hashes(first, second):
    same = digest(pa.array(first, pa.string())) == digest(pa.array(second, pa.string()))
    assert same == (first == second)


@given(
    st.lists(st.lists(st.text("ab", max_size=2), max_size=3), max_size=4),
    st.lists(st.lists(st.text("ab", max_size=2), max_size=3), max_size=4),
)
def test_different_lists_have_different_hashes(first, second):
    kind = pa.list_(pa.string())
    assert (digest(pa.array(first, kind)) == digest(pa.array(second, kind))) == (first == second)


def test_a_null_hides_the_bytes_beneath_it():
    visible = pa.array(["a", "secret", "b"])
    validity = pa.array([True, False, True]).buffers()[1]
    hidden = pa.StringArray.from_buffers(3, visible.buffers()[1], visible.buffers()[2], validity)
    assert hidden.to_pylist() == ["a", None, "b"]
    assert digest(hidden) == digest(pa.array(["a", None, "b"]))


def test_row_groups_encodings_and_part_sizes_do_not_change_the_content(write, clean):
    rows = [patent(f"P{i}") for i in range(50)]
    source = write(rows, citations=citations_table(("P1", "P2")))
    first = prepare(source, clean, rows_per_part=50)
    table = patents_table(rows)
    table = table.set_column(table.column_names.index("title"), "title", table["title"].cast(pa.large_string()))
    pq.write_table(table, f"{source}/patents.parquet", row_group_size=7, compression="none")
    second = prepare(source, clean, rows_per_part=8)
    assert first.content_hash == second.content_hash
    assert first.hashes == second.hashes


def test_the_hash_is_the_same_for_ever():
    """Golden: stored embeddings are found by it. A change here orphans every artifact that anyone has."""
    assert digest(pa.array(["a", None, "ä\n"])) == GOLDEN_STRINGS
    assert digest(pa.array([["a", "b"], []], pa.list_(pa.string()))) == GOLDEN_LISTS


GOLDEN_STRINGS = "d52f77e476d08ea30ea14cdd9fcd2c1f"
GOLDEN_LISTS = "46749177e58f847a61963188080a06d0"
