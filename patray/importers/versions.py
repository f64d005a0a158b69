"""Text cells that hold several versions of one text: in several languages, or of several publications of a family.

Derwent Innovation:  `Hair brush | Haarbürste`                              the first version is the text
Orbit:               `Hair brush (US20150056336)\\nBrush (EP2842432)`         the one of the row's own publication
                     `(US20150056336)\\nA brush folds.\\n(EP2842432)\\nA brush.`
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.cells import WORDS
from patray.importers.nested import elements
from patray.importers.numbers import without_kind
from patray.importers.printed import canonical_ids, numbers_apart

_MARK = r"\(\s*([A-Z]{2}[ -]?[A-Z]{0,2}\d[\d/., -]{3,18}?(?: ?[A-Z]\d?)?)\s*\)"
_MARKS = re.compile(_MARK)
_LEADS, _ENDS = re.compile(r"(?:\A|\n)[ \t]*\Z"), re.compile(r"[ \t]*\r?\n")
"""What stands before and behind a mark that has a line's start or end for itself."""


def first_version(texts: pa.Array, separator: str) -> pa.Array:
    """What stands before the separator in each text: (`Brush | Bürste`, ` | `) -> `Brush`.

    separator: a text, or a key of cells.WORDS; '' and `none` leave the texts as they are. Before the first separator
    nothing may stand: what follows it is then the text.
    """
    between = WORDS.get(separator, re.escape(separator))
    if not between:
        return texts
    cut = pc.match_substring_regex(texts, pattern=between)
    if not pc.any(cut).as_py():
        return texts
    first = pc.replace_substring_regex(texts, pattern=rf"^(?:{between}|\s)+", replacement="")
    first = pc.replace_substring_regex(first, pattern=rf"(?s)\s*{between}.*$", replacement="")
    return pc.if_else(cut, first, texts)


def of_own_publication(texts: pa.Array, numbers: pa.Array) -> pa.Array:
    """Each text (n,) without the numbers in brackets that say which of the row's publications it is of.

    numbers (n,): the cell with the row's publications, as printed, the row's own first. Where several texts are marked
    so, the one of the row's own publication is taken, else the first. Brackets that hold another number, or stand
    where they mark no text, are words of the text and stay.
    """
    marked = pc.fill_null(pc.match_substring_regex(texts, pattern=rf"^\s*{_MARK}|{_MARK}\s*$"), False)
    rows = pa.array(np.flatnonzero(marked.to_numpy(zero_copy_only=False)))
    if len(rows) == 0:
        return texts
    chosen = texts.take(rows).to_pylist()
    own = _numbers(numbers.take(rows))
    inside = [_MARKS.findall(text) for text in chosen]
    known = _numbers(pa.array(["\n".join(one) for one in inside], pa.string()))
    read = [
        _own(text, mine, dict(zip(said, found, strict=True))) if len(said) == len(found) else text
        for text, mine, said, found in zip(chosen, own, inside, known, strict=True)
    ]
    return pc.replace_with_mask(texts, marked, pa.array(read, pa.string()))


def _numbers(cells: pa.Array) -> list[list[str]]:
    """The publications of each cell in canonical form, without their kinds, in order."""
    lists = pc.split_pattern_regex(pc.fill_null(numbers_apart(cells), ""), r"\s*[\r\n;|]+\s*")
    rows, values = elements(lists)
    found: list[list[str]] = [[] for _ in range(len(cells))]
    spaced = pc.binary_join_element_wise(values, " ", "")  # brackets held it: it needs no kind to be a number
    for row, number in zip(rows.tolist(), without_kind(canonical_ids(spaced)).to_pylist(), strict=True):
        found[row].append(number.strip())
    return found


def _own(text: str, own: list[str], canonical: dict[str, str]) -> str:
    marks = [one for one in _MARKS.finditer(text) if canonical[one[1]] in own]
    if not marks:
        return text
    if not text[: marks[0].start()].strip():  # marks stand before what they mark
        marks = [one for one in marks if _LEADS.search(text[: one.start()]) or _ENDS.match(text[one.end() :])]
        bounds = [*(one.start() for one in marks), len(text)]
        pieces = [text[mark.end() : stop].strip() for mark, stop in zip(marks, bounds[1:], strict=True)]
    elif not text[marks[-1].end() :].strip():
        # In the middle of a sentence a number in brackets is one of its words.
        marks = [one for one in marks if not re.match(r"[ \t]*(?:[a-z,.;:)-])", text[one.end() :])]
        starts = [0, *(one.end() for one in marks)]
        pieces = [text[start : mark.start()].strip() for mark, start in zip(marks, starts, strict=False)]
    else:
        return text
    found = [(canonical[mark[1]], piece) for mark, piece in zip(marks, pieces, strict=True) if piece]
    return next((piece for number, piece in found if number == own[0]), found[0][1] if found else "")
