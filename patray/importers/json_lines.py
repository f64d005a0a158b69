"""JSON lines into arrow tables of a fixed schema: whole blocks by arrow's parser, damaged blocks line by line.

Arrow's parser rejects a block for one bad line, so such a block goes through Python's: each line that is JSON of the
expected shape is kept (a number where text is expected becomes text, one value where a list is expected a list of
one), the others are quarantined. Unexpected fields are ignored in both. A file that is one document (an array, an
answer of a search service, records over many lines) is made lines of first; its lines are then its records.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from patray.errors import InputError
from patray.importers.cells import CELL
from patray.importers.json_documents import BOM, ENVELOPES, as_lines, is_document, path_of_records
from patray.importers.nested import conform, whole
from patray.importers.record import Finding
from patray.importers.source import SourceFile, Stream, line_blocks
from patray.importers.suggest import suggest

BLOCK = 24 << 20
CELLS = {b"patray": b"cells"}
"""Metadata of a list column whose values may come as one text a row: such an element begins with cells.CELL, so that it
can be told from the element of a real list."""
_HOLDERS = ("text", "code", "symbol", "claims", "claim_text", "citations", "members", "publication_number")
"""Keys of the records in which texts, codes, citations and families stand."""
_COUNTS = ("size", "count", "npl_text")
"""How keys end that say how many of these there are, or are of other literature: a record of these alone has none."""
NOT_JSON = "not valid JSON"
WRONG_SHAPE = "not the expected JSON"
BAD_BYTES = "not valid UTF-8 (broken bytes or a lone surrogate), the bad bytes became U+FFFD"


@dataclass(frozen=True)
class JsonBlock:
    """table: rows of the schema. lines (n,): line of each row in the unit, from 1. read: rows met, bad ones too."""

    table: pa.Table
    lines: np.ndarray
    read: int
    findings: list[Finding]


def read_json_lines(
    file: SourceFile,
    schemas: Sequence[pa.Schema],
    start: int = 0,
    stop: int = 0,
    keep_truncated: bool = False,
    block: int = BLOCK,
    needed: Sequence[str] = (),
) -> Iterator[JsonBlock]:
    """Blocks of the file, or of its bytes start..stop (stop 0: to the end; both at line boundaries).

    schemas: the shapes that are met in the wild, the first is that of all tables returned. needed: keys of the schema
    that a whole first block without them is checked for: InputError when its records have a key much like one of them.
    """
    stream = Stream(file, keep_truncated, start)
    line, best = 1, 0
    # Uncompressed bytes are read as they lie; a buffer in between would copy each of them twice.
    document = start == 0 and is_document(_head(file), needed)
    with stream, stream.raw() as reader:
        blocks = as_lines(reader, file.label, block, needed) if document else None
        for data in blocks or line_blocks(reader, block, stop - start if stop else None):
            if line == 1 and start == 0:
                if data.startswith(BOM):
                    del data[: len(BOM)]
                _check_is_lines(file, data)
            count = _newlines(data) + (not data.endswith(b"\n"))
            table, best = _parse(data, schemas, best, count)
            if table is not None:
                found = JsonBlock(table, np.arange(line, line + count), count, [])
            else:
                found = _parse_by_line(data, schemas[0], line)
            if line == 1:
                _check_keys(file, data, found.table, needed)
                _check_nesting(file, data, found.table)
            yield found
            line += count
    if stream.cut:
        yield JsonBlock(schemas[0].empty_table(), np.zeros(0, np.int64), 0, [Finding(line, None, cut(stream), "kept")])


def first_keys(file: SourceFile, score: Callable[[list[str]], int] | None = None) -> list[str]:
    """The keys of the first records (of the first MiB), in the order met.

    score: how many of some keys are known of records; an object with several is one, whatever lists it holds.
    """
    with Stream(file, keep_truncated=True) as stream, io.BufferedReader(stream, 1 << 16) as reader:
        own = [*_keys(reader.read(1 << 20).removeprefix(BOM), 200)]
    if (score is not None and score(own) > 1) or not is_document(_head(file)):
        return own
    with Stream(file, keep_truncated=True) as stream, io.BufferedReader(stream, 1 << 16) as reader:
        return [*_keys(bytes(next(as_lines(reader, file.label, 1 << 20), b"")), 200)]


def _head(file: SourceFile) -> bytes:
    with Stream(file, keep_truncated=True) as stream, io.BufferedReader(stream, 1 << 16) as reader:
        return reader.read(1 << 16)


def _keys(data: bytes | bytearray, lines: int) -> dict[str, None]:
    keys: dict[str, None] = {}
    for record in _first_records(data, lines):
        keys.update(dict.fromkeys(record))
    return keys


def _first_records(data: bytes | bytearray, lines: int) -> Iterator[dict[str, Any]]:
    for raw in data.split(b"\n", lines)[:lines]:
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def cut(stream: Stream) -> str:
    """The reason of the finding that stands for the lost rest of a file."""
    return f"file cut off, its rest is lost: {stream.cut}"


def _newlines(data: bytearray) -> int:
    """As data.count(b"\\n"), three times as fast: compared in pieces that stay in the cache."""
    values, piece = np.frombuffer(data, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(values[at : at + piece] == 10)) for at in range(0, len(values), piece))


def _check_is_lines(file: SourceFile, data: bytearray) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{file.label}: UTF-16; JSON lines are UTF-8, convert it with iconv")


def _check_keys(file: SourceFile, data: bytearray, table: pa.Table, needed: Sequence[str]) -> None:
    missing = [name for name in needed if table.num_rows and table[name].null_count == table.num_rows]
    if not missing:
        return
    keys = _keys(data, 20)
    if table.num_rows == 1 and len(missing) == len(needed):
        _check_no_answer(file, next(_first_records(data, 1), {}))
    others = [key for key in keys if key not in table.column_names]
    for name in missing:
        near = suggest(name, others)
        if near:
            raise InputError(
                f"{file.label}: no record has the key {name!r} (did you mean {near!r}?); keys found: {', '.join(keys)}"
            )


def _check_no_answer(file: SourceFile, record: dict[str, Any]) -> None:
    """Raise InputError for one object that has its records under a name that is not known."""
    found = path_of_records(record)
    if found:
        raise InputError(
            f"{file.label}: one JSON object with the keys {', '.join([*record][:8])}; its records are taken from "
            f"{', '.join(ENVELOPES[:6])} and the like. Make lines of them first: jq -c '{found}[]' {file.label} > "
            "lines.jsonl"
        )


def _check_nesting(file: SourceFile, data: bytearray, table: pa.Table) -> None:
    """Raise InputError where records hold none of the wanted keys: read on, their texts and codes would be empty."""
    for path, wanted in _hollow(table):
        for record in _first_records(data, 20):
            first: Any = record
            for name in path:
                first = first.get(name) if isinstance(first, dict) else None
                first = first[0] if isinstance(first, list) and first else first
            if isinstance(first, dict) and first and not set(first) & set(wanted) and not _counts(first):
                raise InputError(
                    f"{file.label}: column {'.'.join(path)!r} holds records with the keys {', '.join(first)}; "
                    f"wanted {', '.join(wanted)}"
                )


def _counts(record: dict[str, Any]) -> bool:
    return all(name.endswith(_COUNTS) for name in record)


def _hollow(table: pa.Table) -> Iterator[tuple[list[str], list[str]]]:
    """(path, wanted keys) of the records in which texts or codes should stand and which hold nothing at all."""
    waiting = [([name], whole(table[name])) for name in table.column_names]
    while waiting:
        path, column = waiting.pop()
        if pa.types.is_list(column.type):
            column = column.flatten()
        if not pa.types.is_struct(column.type) or column.null_count == len(column):
            continue
        names = [field.name for field in column.type]
        children = [pc.struct_field(column, name) for name in names]
        if _holds_texts(column.type) and all(child.null_count == len(child) for child in children):
            yield path, names
        waiting += [([*path, name], child) for name, child in zip(names, children, strict=True)]


def _holds_texts(kind: pa.StructType) -> bool:
    inner = [field.type.value_type for field in kind if pa.types.is_list(field.type)]
    kinds = [kind, *(one for one in inner if pa.types.is_struct(one))]
    return any(field.name in _HOLDERS for one in kinds for field in one)


def _parse(data: bytearray, schemas: Sequence[pa.Schema], best: int, count: int) -> tuple[pa.Table | None, int]:
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return None, best
    order = [best, *(i for i in range(len(schemas)) if i != best)]
    for place in order:
        try:
            table = pj.read_json(
                pa.BufferReader(data),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pj.ParseOptions(explicit_schema=schemas[place], unexpected_field_behavior="ignore"),
            )
        except pa.ArrowException:
            continue
        if table.num_rows != count:
            return None, best
        return (table if place == 0 else _conform(table, schemas[0])), place
    return None, best


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        column = whole(table[field.name])
        if field.metadata == CELLS and pa.types.is_string(column.type):
            column = pc.binary_join_element_wise(pa.scalar(CELL), column, "")
        columns.append(conform(column, field.type))
    return pa.table(columns, schema=schema)


def _parse_by_line(data: bytearray, schema: pa.Schema, first: int) -> JsonBlock:
    record = pa.struct(list(schema))
    kept: list[dict[str, Any]] = []
    lines: list[int] = []
    findings: list[Finding] = []
    read = 0
    for number, raw in enumerate(data.split(b"\n"), first):
        if not raw.strip():
            continue
        read += 1
        try:
            text, broken = raw.decode("utf-8"), False
        except UnicodeDecodeError:
            text, broken = raw.decode("utf-8", errors="replace"), True
        try:
            value = json.loads(text)
            if not isinstance(value, dict):
                raise ValueError(f"a {type(value).__name__} instead of a record")
            if "\\ud" in text.lower():
                value, repaired = _without_surrogates(value)
                broken |= repaired
            kept.append(coerce(value, record))
        except json.JSONDecodeError as error:
            findings.append(Finding(number, None, f"{NOT_JSON}: {error.msg} at character {error.pos + 1}"))
            continue
        except (ValueError, RecursionError) as error:
            findings.append(Finding(number, None, f"{WRONG_SHAPE}: {error or 'nested too deeply'}"))
            continue
        lines.append(number)
        if broken:
            findings.append(Finding(number, None, BAD_BYTES, "kept"))
    table = pa.Table.from_pylist(kept, schema=schema)
    return JsonBlock(table, np.array(lines, dtype=np.int64), read, findings)


def _without_surrogates(value: Any) -> tuple[Any, bool]:
    """(the value with lone surrogates as U+FFFD, whether it had any): `\\ud800` is JSON, but no text."""
    text = json.dumps(value, ensure_ascii=False)
    whole_text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return (value, False) if whole_text == text else (json.loads(whole_text), True)


def coerce(value: Any, kind: pa.DataType) -> Any:
    """A parsed JSON value as `kind`. Raises ValueError when it cannot be."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [coerce(one, kind.value_type) for one in (value if isinstance(value, list) else [value])]
    if pa.types.is_struct(kind):
        if isinstance(value, list):
            value = value[0] if value else {}
        if not isinstance(value, dict):
            raise ValueError(f"{str(value)[:40]!r} stands where a record is expected")
        return {inner.name: _coerce_field(value.get(inner.name), inner) for inner in kind}
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict | list):
        value = value[0]  # Solr's answers have a list around every value
    if isinstance(value, dict | list):
        raise ValueError(f"a {type(value).__name__} stands where one value is expected")
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else json.dumps(value)
    if pa.types.is_boolean(kind):
        return bool(value)
    return int(value) if pa.types.is_integer(kind) else float(value)


def _coerce_field(value: Any, field: pa.Field) -> Any:
    if field.metadata == CELLS and isinstance(value, str):
        return [CELL + value]
    try:
        return coerce(value, field.type)
    except ValueError as error:
        raise ValueError(f"{field.name}: {error}") from error


def split_ranges(file: SourceFile, size: int) -> list[tuple[int, int]]:
    """(start, stop) of line-aligned stretches of about `size` bytes of an uncompressed file."""
    if file.compression or file.size <= size or is_document(_head(file)):
        return [(0, file.size if not file.compression else 0)]
    bounds = [0]
    for place in range(size, file.size, size):
        if place > bounds[-1]:
            bounds.append(place + _to_next_line(file, place))
    bounds = sorted({bound for bound in bounds if bound < file.size})
    return list(zip(bounds, [*bounds[1:], file.size], strict=True))


def _to_next_line(file: SourceFile, place: int) -> int:
    with Stream(file, start=place) as stream, io.BufferedReader(stream, 1 << 16) as reader:
        return len(reader.readline())
