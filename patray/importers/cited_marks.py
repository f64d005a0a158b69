"""Cited numbers without what exports print around them: the category of a search report, who cited, a footnote's star.

    CN101234567A (X)   EP1234567A1 (A,D)   [Y] US1234567A   D1: EP1234567A1   US9876543B2 *   EP1234567A1 (examiner)
    1. EP1234567A1   X EP1234567A1   EP1234567A1 - Y   EP1234567A1 (X: 1-3; Y: 4)   US9876543B2 ACME CORP 2018-01-23

Only around what certainly is a publication number; the letter in `US3594916 (A)` is its kind.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.printed import offices_of
from patray.landscapes.cited_how import ORIGINS, STRENGTH, is_category, letters, origin_word

_SIGNS = re.escape(STRENGTH)
_SEVERAL = re.compile(rf"([(\[{{])\s*([{_SIGNS}](?:\s*[,;/|+]\s*[{_SIGNS}])+)\s*([)\]}}])")
_IN_FRONT = re.compile(rf"(^|[;|\n]\s*)([{_SIGNS}](?:,[{_SIGNS}])+)(\s+[A-Z]{{2}}[ -]?\d)")
_IN_BRACKETS = re.compile(r"(\d\s?[A-Z]\d?\)?\s?[(\[{])([^()\[\]{}\n]*[,;|][^()\[\]{}\n]*)([)\]}])")
_ODD = (
    r"[)\]}*\x{2020}\x{2021}]\s*$|^\s*(?:[(\[{•·*▪–-]|\d{1,3}[.)]\s)|^\s*[A-Z]{1,2}\d{0,2}\s*:\s|"
    r"\d\s?[A-Z]\d?\)?\s+(?:[A-Za-z]{2}|[*\x{2020}\x{2021}]|\d{4}-)|"
    rf"[A-Z]\d?\)?(?:\s+|\s*[-\x{{2013}}\x{{2014}}/:]\s*)[{_SIGNS}]{{1,4}}\s*$|"
    rf"^\s*[{_SIGNS}]{{1,3}}\s+[A-Z]{{2}}[ -]?\d"
)
_PLAIN = r"^[^()\[\]{}]*\(\s?[A-Z]\d?\s?\)\s*$"
_CATEGORY = rf"\d\s?[A-Z]\d?\s*\(\s?[{_SIGNS}]\s?\)\s*$|\(\s?[X&]\s?\)\s*$"
"""A letter in brackets alone may be a kind; behind a kind, or where no office has such a kind, it is a category."""
_BEFORE = re.compile(
    rf"\s*(?:[(\[{{]\s*([{_SIGNS}]+)\s*[)\]}}]|([{_SIGNS}]{{1,3}})(?:\s*:|\s+(?=[A-Z]{{2}}[ -]?\d))|"
    r"[A-Z]{1,2}\d{1,2}\s*:)\s*(.+)"
)
_LISTED = re.compile(r"^\s*(?:[•·*▪–-]|\d{1,3}[.)]\s)\s*")
_WORDS = re.compile(
    r"([A-Z]{2}[ -]?[A-Z]{0,2}\d[\d/.,-]{3,}(?:[ -]?[A-Z]\d?|\s?\([A-Z]\d?\)))\s+((?:[A-Za-z]{2}|[*†‡]\s|\d{4}-).*)",
    re.DOTALL,
)
_DASHED = re.compile(rf"(.+?\d\s?\(?[A-Z]\d?\)?)\s*[-–—/:]\s*([{_SIGNS}]{{1,4}})\s*")
_BEHIND = re.compile(rf"(.+?)(?:\s*[(\[{{]\s*([^()\[\]{{}}]+?)\s*[)\]}}]|\s*[*†‡]+|\s+([{_SIGNS}]{{1,4}}))\s*")


def letters_together(cells: pa.Array) -> pa.Array:
    """Cells in which no separator stands inside what is said of a number: `EP1234567A1 (A,D)` is `EP1234567A1 (AD)`."""
    for pattern, replacement in ((_SEVERAL, _together), (_IN_FRONT, _together), (_IN_BRACKETS, _spaced)):
        several = pc.fill_null(pc.match_substring_regex(cells, pattern=pattern.pattern), False)
        if pc.any(several).as_py():
            read = [pattern.sub(replacement, text) for text in cells.filter(several).to_pylist()]
            cells = pc.replace_with_mask(cells, several, pa.array(read, pa.string()))
    return cells


def _together(match: re.Match[str]) -> str:
    return match[1] + "".join(re.findall(f"[{_SIGNS}]", match[2])) + match[3]


def _spaced(match: re.Match[str]) -> str:
    return match[1] + re.sub("[,;|]", " ", match[2]) + match[3]


def without_marks(cited: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(the numbers alone, letters of the category, who cited), each (n,) string; null where nothing is said."""
    odd, plain, sure = (pc.match_substring_regex(cited, pattern=one) for one in (_ODD, _PLAIN, _CATEGORY))
    marked = pc.fill_null(pc.or_(pc.and_(odd, pc.invert(plain)), sure), False)
    nothing = pa.nulls(len(cited), pa.string())
    if not pc.any(marked).as_py():
        return cited, nothing, nothing
    said = cited.filter(marked).to_pylist()
    parts = [_parts(text) for text in said]
    numbers = pa.array([number for number, _, _ in parts], pa.string())
    sure = [
        one if office else (text, None, None)
        for text, one, office in zip(said, parts, offices_of(numbers).to_pylist(), strict=True)
    ]
    numbers, categories, origins = (pa.array([one[at] for one in sure], pa.string()) for at in range(3))
    return (
        pc.replace_with_mask(cited, marked, numbers),
        pc.replace_with_mask(nothing, marked, categories),
        pc.replace_with_mask(nothing, marked, origins),
    )


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """(number, category, origin) of a text with marks in front or behind."""
    said: list[str] = []
    text = re.sub(r"^\s*[(\[{]([^()\[\]{}]+)[)\]}]\s*$", r"\1", text)
    text = _LISTED.sub("", text)
    if (match := _WORDS.fullmatch(text)) and not is_category(match[2]):
        text = match[1]
    if match := _BEFORE.fullmatch(text):
        said += [one for one in match.group(1, 2) if one]
        text = match[3]
    if match := _DASHED.fullmatch(text) or _BEHIND.fullmatch(text):
        said += [one for one in match.groups()[1:] if one]
        text = match[1]
    for one in said[:]:  # `X: 1-3 Y: 4` says letters and the claims that they are for
        found = re.findall("[A-Za-z&]+", one)
        if len(found) > 1 or re.search(r"\d", one):
            said += found if all(is_category(word) and word.isupper() for word in found) else []
    words = [word for one in said if not is_category(one) and (word := origin_word(one)) in ORIGINS]
    return text.strip(), letters(said), words[0] if words else None
