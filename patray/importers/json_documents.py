"""JSON that is not lines: arrays, records over many lines, and the answers of search services, as JSON lines.

    [{"pn": ...}, ...]     {"total": 2, "data": [{"lens_id": ...}, ...]}     {"response": {"docs": [...]}}
    {
      "lens_id": ...       <- records printed over many lines, one behind the other
    {...}{...}   RS{...}   <- records without line ends between them, JSON text sequences (RFC 7464)

Read piece by piece; memory holds one record, or one answer.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from patray.errors import InputError

ENVELOPES = (
    "data", "results", "hits", "records", "patents", "items", "docs", "documents", "publications", "rows", "response",
    "result", "patentFileWrapperDataBag", "patentBag",
)  # fmt: skip
"""Keys under which services put their records, at the top, one or two below."""
BOM = b"\xef\xbb\xbf"
RECORD_SEPARATOR = b"\x1e"
"""In front of each record of a JSON text sequence (RFC 7464); between records it is white space here."""
_DECODER = json.JSONDecoder()
_ENVELOPE_START = re.compile(rf'\{{.{{0,2000}}?"(?:{"|".join(ENVELOPES)})"\s*:\s*[\[{{]', re.DOTALL)
_PANDAS_START = re.compile(r'\{"[^"]*":\{"0":|\{"columns":\[')
"""to_json of pandas in its own order ("columns") and with orient='split'."""
_SPACE = re.compile(r"[\s,\ufeff]*")


def is_document(head: bytes, needed: Sequence[str] = ()) -> bool:
    """True when the first bytes of a file are an array, an answer that wraps its records, a record of many lines, or
    records without line ends between them.

    needed: keys of a record; an object that has one of them is a record, not an answer.
    """
    head = head.removeprefix(BOM)
    if head.lstrip().startswith(RECORD_SEPARATOR):
        return True
    text = head.decode("utf-8", errors="replace").lstrip()
    if not text.startswith("{"):
        return text.startswith("[")
    first, newline, rest = text.partition("\n")
    try:
        value = json.loads(first)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and (first[error.pos :] + rest).lstrip(", \t\r\n").startswith("{"):
            return True
        if not newline:
            return _ENVELOPE_START.match(first) is not None or _PANDAS_START.match(first) is not None
        ends = error.pos >= len(first.rstrip()) - 1
        return ends and (rest.lstrip()[:1] in ('"', "}", "]") or first.rstrip().endswith("["))
    except RecursionError:
        return False
    return records_of(value, needed) != [value]


def records_of(value: Any, needed: Sequence[str] = (), depth: int = 3) -> list[Any]:
    """The records of an answer: those of the list it wraps; [value] for a record itself."""
    if isinstance(value, list):
        return [one.get("_source", one) if isinstance(one, dict) else one for one in value]
    if isinstance(value, dict) and value and all(isinstance(one, dict) and "0" in one for one in value.values()):
        return [{name: column.get(row) for name, column in value.items()} for row in next(iter(value.values()))]
    if not isinstance(value, dict) or any(key in value for key in needed):
        return [value]
    if records := _of_columns(value):
        return records
    for key in ENVELOPES:
        inner = value.get(key)
        if isinstance(inner, list) and all(isinstance(one, dict) for one in inner):
            return records_of(inner)
        if isinstance(inner, dict) and depth > 1:
            found = records_of(inner, needed, depth - 1)
            if found != [inner] or any(name in inner for name in needed):
                return found
    return [value]


def path_of_records(value: dict[str, Any]) -> str | None:
    """Where the records of an answer stand that has them under no known name, as jq writes it; None for nowhere.

    {"export": {"found": [{...}, {...}]}} -> '.export.found'; {"a": {...}, "b": {...}} -> '.', for each value is one.
    """
    path = _path(value, 3)
    return path if path is None or path.startswith(".") else f".{path}"


def _path(value: dict[str, Any], depth: int) -> str | None:
    for key, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner):
            return _step(key)
    if len(value) > 1 and all(isinstance(inner, dict) and len(inner) > 1 for inner in value.values()):
        return ""
    for key, inner in value.items():
        found = _path(inner, depth - 1) if isinstance(inner, dict) and depth > 1 else None
        if found is not None:
            return _step(key) + found
    return None


def _step(key: str) -> str:
    return f".{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f"[{json.dumps(key)}]"


def _of_columns(value: dict[str, Any]) -> list[Any]:
    """The records of a table that pandas wrote with orient='split', [] where it is none."""
    names, data = value.get("columns"), value.get("data")
    if not (isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data)):
        return []
    return [dict(zip(names, row, strict=False)) for row in data]


def as_lines(reader: Any, label: str, size: int, needed: Sequence[str] = ()) -> Iterator[bytearray]:
    """Blocks of JSON lines of about `size` bytes. Raises InputError where the text is no JSON."""
    block = bytearray()
    for value in _values(reader, label):
        for record in records_of(value, needed):
            block += json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
            if len(block) >= size:
                yield block
                block = bytearray()
    if block:
        yield block


def _values(reader: Any, label: str) -> Iterator[Any]:
    """The elements of one array, or the objects of a file that holds several."""
    decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
    text = decode(reader.read(1 << 20))
    place, before, array = 0, 0, False
    if text.lstrip().startswith("["):
        array, place = True, text.index("[") + 1
    while True:
        place = _SPACE.match(text, place).end()  # type: ignore[union-attr]
        if array and text[place : place + 1] == "]":
            return
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as error:
            more = reader.read(max(1 << 20, len(text)))
            if not more:
                if place >= len(text) and not array:
                    return
                said = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                where = before + (error.pos if isinstance(error, json.JSONDecodeError) else place) + 1
                raise InputError(f"{label}: not valid JSON: {said} at character {where:,}") from error
            before, text, place = before + place, text[place:] + decode(more), 0
            continue
        yield value
        place = end
        if place > 1 << 22:
            before, text, place = before + place, text[place:], 0
