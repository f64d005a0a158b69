"""The columns of a landscape folder, their types, and which spellings of a type are accepted.

Files of the same content come out of pandas, polars, Spark and BigQuery with different arrow types. What can be cast
without a loss or a guess is cast (large strings, dictionaries, ISO dates in text, timestamps); anything else is an
error that names the file, the column, the type found and the types wanted.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from patray.errors import InputError

STRING = pa.string()
STRINGS = pa.list_(pa.string())
DATE = pa.date32()
INTEGER = pa.int32()

_WANTED = {
    STRING: "string (large_string, string_view or dictionary of strings are accepted)",
    STRINGS: "list<string>",
    DATE: "date32 (date64, timestamp or text YYYY-MM-DD are accepted)",
    INTEGER: "int32 (any integer, or floats and decimals that are whole numbers, are accepted)",
}


@dataclass(frozen=True)
class Column:
    """One column of the format. flat: one plain string per row is accepted for a list (claims as one text)."""

    name: str
    type: pa.DataType
    required: bool = False
    flat: bool = False


TEXT_COLUMNS = ("title", "abstract", "claims", "description", "dwpi_title", "dwpi_abstract")
"""Columns that hold text; all others are metadata."""

DOCUMENTS = (
    Column("patent_id", STRING, required=True),
    Column("family_id", STRING),
    Column("jurisdiction", STRING),
    Column("date", DATE),
    Column("title", STRING),
    Column("abstract", STRING),
    Column("claims", STRINGS, flat=True),
    Column("description", STRING),
    Column("ipc", STRINGS),
    Column("cpc", STRINGS),
    Column("dwpi_title", STRING),
    Column("dwpi_abstract", STRING),
)
"""patents.parquet and queries.parquet."""

CITATIONS = (
    Column("citing_id", STRING, required=True),
    Column("cited_id", STRING, required=True),
    Column("origin", STRING),
    Column("category", STRING),
    Column("phase", STRING),
    Column("reliance", STRING),
)
QRELS = (
    Column("query_id", STRING, required=True),
    Column("patent_id", STRING, required=True),
    Column("relevance", INTEGER, required=True),
    Column("domain", STRING),
)
LABELS = (
    Column("patent_id", STRING, required=True),
    Column("labels", STRINGS, required=True),
    Column("split", STRING),
)


def arrow_schema(columns: Sequence[Column], without: Sequence[str] = ()) -> pa.Schema:
    """The columns as an arrow schema, some left out: for those who write a landscape."""
    return pa.schema([(column.name, column.type) for column in columns if column.name not in without])


def is_text(kind: pa.DataType) -> bool:
    """True for every arrow type that holds one string per row."""
    if pt.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def accepts(column: Column, found: pa.DataType) -> bool:
    """True when `found` can be cast to the column's type without a loss or a guess."""
    if pt.is_null(found):
        return True
    if column.type == STRING:
        return is_text(found)
    if column.type == STRINGS:
        if _is_list(found):
            return is_text(found.value_type) or pt.is_null(found.value_type)
        return column.flat and is_text(found)
    if column.type == DATE:
        return bool(pt.is_date(found) or pt.is_timestamp(found)) or is_text(found)
    return bool(pt.is_integer(found) or pt.is_floating(found) or pt.is_decimal(found))


def check_schema(file: str, found: pa.Schema, columns: Sequence[Column]) -> list[str]:
    """Raise InputError for a missing, doubled or wrongly typed column; return notes on columns that look misspelt."""
    names = list(found.names)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{file}: column {doubled[0]!r} appears more than once")
    known = [column.name for column in columns]
    strange = [name for name in names if name not in known]
    notes = []
    for column in columns:
        if column.name in names:
            kind = found.field(column.name).type
            if not accepts(column, kind):
                wanted = _WANTED[column.type] + (" or one string per row" if column.flat else "")
                raise InputError(f"{file}: column {column.name!r} has type {kind}; wanted {wanted}")
            continue
        near = _near(column.name, strange)
        if column.required:
            hint = f"; did you mean {near!r}?" if near else ""
            raise InputError(
                f"{file}: required column {column.name!r} is missing{hint} "
                f"(columns found: {', '.join(names) or 'none'})"
            )
        if near:
            notes.append(f"{file}: column {near!r} is not part of the format and is ignored; {column.name!r} is absent")
    return notes


def _near(name: str, candidates: Sequence[str]) -> str | None:
    folded = {candidate.lower().replace("_", "").replace(" ", ""): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.replace("_", ""), list(folded), n=1, cutoff=0.75)
    return folded[found[0]] if found else None


def to_strings(array: pa.Array) -> pa.StringArray:
    """Any text array (or all nulls) as plain `string`."""
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type == STRING else array.cast(STRING)


def to_lists(array: pa.Array) -> pa.ListArray:
    """Any list of text as list<string> without null lists; one plain string per row becomes a list of that string."""
    if pt.is_null(array.type):
        return pa.ListArray.from_arrays(pa.array([0] * (len(array) + 1), pa.int32()), pa.array([], STRING))
    if is_text(array.type):
        flat = to_strings(array)
        sizes = flat.is_valid().cast(pa.int32())
        return _lists(sizes, flat.drop_null())
    sizes = pc.fill_null(pc.list_value_length(array).cast(pa.int32()), 0)
    if pt.is_fixed_size_list(array.type):
        sizes = pc.if_else(array.is_valid(), sizes, 0)
    return _lists(sizes, to_strings(array.flatten()))


def _lists(sizes: pa.Array, values: pa.StringArray) -> pa.ListArray:
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(sizes).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, values)


def missing_column(column: Column, rows: int) -> pa.Array:
    """What stands for an optional column that a file lacks: nulls, or empty lists."""
    return to_lists(pa.nulls(rows)) if column.type == STRINGS else pa.nulls(rows, column.type)
