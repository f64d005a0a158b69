"""Columnar handling of the nested lists that exports are full of: texts by language, lists of lists, first elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

STRINGS = pa.list_(pa.string())


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, whatever the chunks."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:  # combine_chunks would copy it
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def field(column: pa.Array, *names: str) -> pa.Array:
    """A field inside nested structs, null where any level is null."""
    for name in names:
        column = pc.struct_field(column, name)
    return column


def elements(lists: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """(row of each element (m,) int64 ascending, the elements (m,)); null lists have none."""
    return pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64), lists.flatten()


def to_lists(rows: np.ndarray, values: pa.Array, count: int) -> pa.ListArray:
    """Lists from elements sorted by row; nulls among the values are left out."""
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    if not valid.all():
        rows, values = rows[valid], values.drop_null()
    sizes = np.bincount(rows, minlength=count)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def unique_in_rows(lists: pa.ListArray) -> pa.ListArray:
    """Stripped, non-empty elements, each once per row, in the order of their first occurrence."""
    rows, values = elements(lists)
    values = pc.utf8_trim_whitespace(values)
    keep = pc.fill_null(pc.not_equal(values, ""), False).to_numpy(zero_copy_only=False)
    rows, values = rows[keep], values.filter(pa.array(keep))
    encoded = values.dictionary_encode()
    key = rows * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(key, return_index=True)
    first.sort()
    return to_lists(rows[first], values.take(pa.array(first)), len(lists))


def choose_language(
    lists: pa.Array, language: str, preferred: Sequence[str], own: pa.Array | None = None
) -> tuple[np.ndarray, pa.Array]:
    """(per row the element to take (n,) int64, -1 for none; its language, lower case, null when unknown).

    lists: list<struct> with a field named `language`. The first element in the first preferred language that the row
    has, else in the publication's own (own (n,), lower case), else the row's first element.
    """
    rows, structs = elements(lists)
    languages = pc.utf8_lower(pc.struct_field(structs, language))
    rank = np.full(len(rows), len(preferred) + 1, dtype=np.int64)
    if own is not None:
        rank[pc.fill_null(pc.equal(languages, own.take(pa.array(rows))), False).to_numpy(zero_copy_only=False)] -= 1
    for place in range(len(preferred) - 1, -1, -1):
        rank[pc.fill_null(pc.equal(languages, preferred[place]), False).to_numpy(zero_copy_only=False)] = place
    order = np.lexsort((rank, rows))
    found, first = np.unique(rows[order], return_index=True)
    chosen = np.full(len(lists), -1, dtype=np.int64)
    chosen[found] = order[first]
    return chosen, take(languages, chosen)


def is_blank(texts: pa.Array) -> pa.Array:
    """bool: null, empty, or white space alone."""
    return pc.fill_null(pc.or_(pc.equal(texts, ""), pc.utf8_is_space(texts)), True)


def take(values: pa.Array, index: np.ndarray) -> pa.Array:
    """values[index], null where index is -1."""
    if len(index) == len(values) and np.array_equal(index, np.arange(len(index))):
        return values  # most rows have one text, and texts are much to copy
    return values.take(pa.array(index, pa.int64(), mask=index < 0))


def conform(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column as `kind`: fields picked by name, absent ones null, lists and structs rebuilt, numbers as text.

    Raises pa.ArrowInvalid or pa.ArrowNotImplementedError when a value cannot be `kind`.
    """
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    if pa.types.is_dictionary(column.type):
        return conform(column.dictionary_decode(), kind)
    if pa.types.is_list(kind):
        if pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
            column = column.cast(pa.list_(column.type.value_type))
        if not pa.types.is_list(column.type):
            column = _as_list(column)
        values = conform(column.flatten(), kind.value_type)
        sizes = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(sizes).cast(pa.int32())])
        return pa.ListArray.from_arrays(offsets, values, mask=column.is_null() if column.null_count else None)
    if pa.types.is_struct(kind):
        if pa.types.is_list(column.type):
            column = pc.list_element(pc.if_else(pc.equal(pc.list_value_length(column), 0), None, column), 0)
        if not pa.types.is_struct(column.type):
            raise pa.ArrowInvalid(f"a {column.type} stands where a record with {[f.name for f in kind]} is expected")
        names = {column.type.field(i).name for i in range(column.type.num_fields)}
        if not names & {inner.name for inner in kind} and column.null_count < len(column):
            wanted = ", ".join(inner.name for inner in kind)
            raise pa.ArrowInvalid(f"a {column.type} has none of the fields {wanted}")
        parts = [
            conform(pc.struct_field(column, inner.name), inner.type)
            if inner.name in names
            else pa.nulls(len(column), inner.type)
            for inner in kind
        ]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())
    if pa.types.is_list(column.type) or pa.types.is_struct(column.type):
        raise pa.ArrowInvalid(f"a {column.type} stands where one {kind} value is expected")
    return column.cast(kind)


def _as_list(column: pa.Array) -> pa.ListArray:
    """One value per row as lists of one; a null is a null list."""
    valid = column.is_valid()
    offsets = np.concatenate([[0], np.cumsum(valid.to_numpy(zero_copy_only=False))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), column.drop_null(), mask=column.is_null())
