"""Several values in one cell: on lines of their own, between separators, or as a list that pandas or JSON printed.

    "A45D20/14\\nA45D20/44"  "A61K31/00; A61P 3/10"  "['Food, drinks', 'Tools']"  '["a", "b"]'  "US 7,123,456; EP1"

An element of a real list is never cut. A comma separates only where no other separator does, and never inside a number
(`7,123,456`).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.nested import elements, take, to_lists

CELL = "\x1f"
"""In front of an element that is a cell of text rather than an element of a real list; see json_lines."""
STRONG = r"\s*(?:[\r\n]+|(?:\\r)?\\n|;;|;|\||；)\s*"
"""What separates values in a cell; a line's end that a database printed as `\\n` too."""
WORDS = {"newline": r"\s*[\r\n]+\s*", "tab": r"\s*\t\s*", "space": r"\s+", "none": ""}
"""Names of separators that are hard to type, for --separator."""
_COMMA = re.compile(r"\s*(?:,(?!\d{3}(?!\d))|，|、)\s*")
_PRINTED = r"^\s*(?:(?:np\.)?array)?[\[({].*[\])}]\s*$"
_BARE = re.compile(r"""\s*[\[{]([^\[\]{}()'":]*[,;|\n][^\[\]{}()'":]*)[\]}]\s*""")
_ARRAY = re.compile(r"array\((\[[^\[\]]*\])(?:,\s*dtype=[^()]+)?\)")
_NAMING = ("publication_number", "code", "symbol", "number", "pn", "id", "label", "name", "text")
"""Keys of records that are values of a list, the most telling first."""
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


def split_cells(cells: pa.Array, separator: str = "", commas: bool = True) -> pa.ListArray:
    """list<string> per cell (n,). separator: a text or a key of WORDS; '' takes line breaks, `;`, `|`, and `,` where
    commas is True or no cell has one of the others."""
    printed = is_printed_list(cells)
    if separator:
        pattern = WORDS.get(separator, rf"\s*{re.escape(separator)}\s*")
        split = pc.split_pattern_regex(cells, pattern) if pattern else _alone(cells)
    else:
        split = pc.split_pattern_regex(cells, STRONG)
        strong = pc.any(pc.greater(pc.list_value_length(split), 1)).as_py()
        if commas or not strong:
            split = _at_commas(split)
    if pc.any(printed).as_py():
        rows = np.flatnonzero(printed.to_numpy(zero_copy_only=False))
        values = split.to_pylist()
        for row in rows.tolist():
            text = cells[row].as_py()
            found = printed_list(text)
            if found is None and not separator:
                found = _bare_list(text)
            values[row] = values[row] if found is None else found
        split = pa.array(values, pa.list_(pa.string()))
    return split


def is_printed_list(cells: pa.Array) -> pa.Array:
    """(n,) bool: texts that begin and end as a printed list does, so that brackets in them are its own."""
    return pc.fill_null(pc.match_substring_regex(cells, pattern=rf"(?s){_PRINTED}"), False)


def printed_list(text: str) -> list[str] | None:
    """The elements of a list, tuple, set or numpy array that Python, pandas or JSON printed; None when it is none."""
    text = _ARRAY.sub(r"\1", text)
    text = re.sub(r"^\s*(?:np\.)?array\((.*)\)\s*$", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"^(\[.*\])\s*,\s*dtype=.*$", r"\1", text.strip(), flags=re.DOTALL)
    inner = text.strip()[1:-1].replace("nan", "").replace("None", "")
    quoted = [one.group(1) if one.group(1) is not None else one.group(2) for one in _QUOTED.finditer(inner)]
    if len(quoted) > 1 and not re.sub(r"\s+|\.\.\.", "", _QUOTED.sub("", inner)):  # numpy puts no commas
        return quoted
    value = _literal(text)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return _of_records(value)
    if isinstance(value, list | tuple | set | frozenset):
        nested = any(isinstance(one, list | dict) for one in value)
        return None if nested else [str(one) for one in value if one is not None and one == one]
    if isinstance(value, dict):
        return None
    return quoted if quoted and not re.sub(r"[\s,]+|\.\.\.|dtype=object", "", _QUOTED.sub("", inner)) else None


def printed_text(text: str, prefer: Sequence[str]) -> str:
    """The text of a printed list of texts by language, in the first preferred language that it has; else as it is.

    `[{'text': 'Bürste', 'language': 'de'}, {'text': 'Brush', 'language': 'en'}]` -> `Brush`; `['Brush']` -> `Brush`.
    """
    value = _literal(_ARRAY.sub(r"\1", text))
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    if not (isinstance(value, list) and value and all(isinstance(one, dict) and "text" in one for one in value)):
        return text
    said = {str(one.get("language") or one.get("lang") or "").lower(): str(one["text"]) for one in reversed(value)}
    return next((said[one] for one in prefer if one in said), str(value[0]["text"]))


def _literal(text: str) -> Any:
    """What Python or JSON printed, None where neither did."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return None


def _of_records(records: list[dict[str, Any]]) -> list[str] | None:
    """What the records of a printed list name: `[{'code': 'A61B5/02', 'first': True}]` of BigQuery's columns."""
    key = next((key for key in _NAMING if all(isinstance(one.get(key), str) for one in records)), None)
    return None if key is None else [one[key] for one in records]


def _bare_list(text: str) -> list[str] | None:
    """The elements of a list printed without quotes: `[A61B5/02, A61B5/00]` of Java or Scala, `{a,b}` of PostgreSQL."""
    match = _BARE.fullmatch(text)
    return None if match is None else [part for part in re.split(r"\s*[,;|\n]\s*", match[1].strip()) if part]


def with_subclass(lists: pa.ListArray) -> pa.ListArray:
    """IPC and CPC codes with the subclass that patents print once: [A61K 31/00, 31/12] -> [A61K 31/00, A61K 31/12]."""
    rows, codes = elements(lists)
    short = pc.fill_null(pc.match_substring_regex(codes, pattern=r"^\s*\d{1,4}\s*/\s*\d{2,6}\s*$"), False)
    if not pc.any(short).as_py():
        return lists
    subclass = pc.struct_field(pc.extract_regex(codes, pattern=r"^\s*(?P<at>[A-HYa-hy]\d\d\s?[A-Za-z])"), "at")
    said = subclass.is_valid().to_numpy(zero_copy_only=False)
    place = np.maximum.accumulate(np.where(said, np.arange(len(rows)), -1))  # the last code that says it
    known = (place >= 0) & (rows[np.maximum(place, 0)] == rows)
    before = take(subclass, np.where(known, place, -1))
    whole = pc.coalesce(pc.binary_join_element_wise(before, codes, " "), codes)
    return to_lists(rows, pc.if_else(short, whole, codes), len(lists))


def check_separators(said: dict[str, str], columns: tuple[str, ...]) -> None:
    """Raise InputError for a separator of a column that holds one value."""
    for column in said:
        if column not in columns:
            raise InputError(f"--separator {column}=...: it holds one value; allowed are {', '.join(columns)}")


def _alone(cells: pa.Array) -> pa.ListArray:
    return to_lists(np.arange(len(cells)), cells, len(cells))


def _at_commas(lists: pa.ListArray) -> pa.ListArray:
    rows, values = elements(lists)
    if not pc.any(pc.match_substring_regex(values, pattern="[,，、]")).as_py():
        return lists
    # RE2 has no lookahead: the few values with digits around a comma are cut by Python.
    pieces = [_COMMA.split(value) for value in values.to_pylist()]
    inner = np.repeat(rows, [len(piece) for piece in pieces])
    return to_lists(inner, pa.array([part for piece in pieces for part in piece], pa.string()), len(lists))
