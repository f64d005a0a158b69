"""Merged files read like the tables they were made from, in every reader's eyes."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.importers.parquet_merge import ParquetMerger, Piece, read_footer

TEXTS = st.lists(st.none() | st.text(max_size=8), max_size=4)


def written(table: pa.Table, **options: object) -> pa.NativeFile:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return pa.BufferReader(sink.getvalue())


def merge(groups: list[list[tuple[pa.NativeFile, int, dict[str, str]]]], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    merger = ParquetMerger(sink, schema)
    for pieces in groups:
        merger.add([Piece(source, read_footer(source), group, names) for source, group, names in pieces])
    merger.close()
    return sink.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.text(max_size=8), TEXTS, st.none() | st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(1, 9),
    st.sampled_from(["zstd", "snappy", "none"]),
    st.booleans(),
)
def test_row_groups_with_renamed_dropped_and_replaced_columns_read_as_expected(
    rows: list, group: int, compression: str, dictionary: bool
) -> None:
    names, lists, numbers = (list(column) for column in zip(*rows, strict=True))
    table = pa.table(
        {"old": pa.array(names, pa.string()), "x": pa.array(lists, pa.list_(pa.string())), "drop": pa.array(numbers)}
    )
    replaced = pa.table({"n": pa.array(np.arange(len(rows)))})
    source = written(table, row_group_size=group, compression=compression, use_dictionary=dictionary)
    other = written(replaced, row_group_size=group)
    schema = pa.schema([("new", pa.string()), ("n", pa.int64()), ("x", pa.list_(pa.string()))])
    groups = pq.read_metadata(source).num_row_groups
    data = merge([[(source, g, {"old": "new", "x": "x"}), (other, g, {"n": "n"})] for g in range(groups)], schema)
    expected = pa.table({"new": table["old"], "n": replaced["n"], "x": table["x"]})
    found = pq.read_table(pa.BufferReader(data))
    assert found.equals(expected)
    assert found.schema.equals(schema)
    assert pq.ParquetFile(pa.BufferReader(data)).read_row_group(groups - 1).num_rows == (len(rows) - 1) % group + 1


def test_pandas_and_the_dataset_reader_with_a_filter_read_a_merged_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tables = [pa.table({"a": pa.array([f"{i}" for i in range(start, start + 50)])}) for start in (0, 50)]
    data = merge([[(written(table), 0, {"a": "a"})] for table in tables], tables[0].schema)
    (tmp_path / "x.parquet").write_bytes(data)
    assert pd.read_parquet(tmp_path / "x.parquet")["a"].tolist() == [f"{i}" for i in range(100)]
    assert ds.dataset(tmp_path / "x.parquet").to_table(filter=ds.field("a") == "77").num_rows == 1


def test_a_row_group_without_all_columns_is_refused() -> None:
    source = written(pa.table({"a": ["x"]}))
    with pytest.raises(pa.ArrowInvalid, match="a row group of"):
        merge([[(source, 0, {"a": "a"})]], pa.schema([("a", pa.string()), ("b", pa.string())]))
