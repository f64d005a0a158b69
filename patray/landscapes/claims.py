"""Claim 1 and the independent claims, from claims that are listed or from one text that holds them all.

Offices and exports differ: US grants list their claims, BigQuery and DAPFAM give one string ("What is claimed is:
1. A brush ... 2. The brush of claim 1 ..."), with or without line breaks and often in lower case. A flat text is cut
where the expected next number stands as a marker, so that "a diameter of 2. 5 mm", "FIG. 2." or "claims 1 to 3." do
not cut it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.landscapes.claim_marks import (
    CANCELLED,
    CANCELLED_MARKER,
    DEPENDENT,
    DEPENDENT_RE2,
    LABEL_WORD,
    LABELLED_MARKER,
    MARKER,
    OWN_MARK_RE2,
    PERHAPS_GONE_RE2,
    PREAMBLE,
    SET_ASIDE,
    STATUS_WORD,
    numbers_of,
)


class ClaimRule(StrEnum):
    """How claims were told apart."""

    NONE = "no claims"
    LISTED = "listed"
    NUMBERED = "numbered in one text"
    DEPENDENT = "up to the first dependent claim"
    WHOLE = "whole text"


_LINE_START = re.compile(r"(?:^|\n)[^\S\n]*$")
_AFTER_SENTENCE = re.compile(r"[.;:!?)\]}\"”。；：！？）」』]\s*$")
_ABBREVIATION = re.compile(r"\b(?:figs?|nos?|eqs?|ref|vol|pp?|ca|e\.g|i\.e|vs|approx)\.\s*$", re.IGNORECASE)
_NUMBER_CONTEXT = re.compile(
    r"(?:,|\d|[-–=<>+/]|\b(?:and|or|to|through|claims?|of|than|about|step|fig|figure|und|oder|bis|et|ou|à|"
    r"anspruch|ansprüche|ansprüchen|revendications?|least|most|equals?|is|by|from|between))\s*$",
    re.IGNORECASE,
)
_MAX_GAP = 10
"""Cancelled claims leave gaps in the numbers; larger ones are not markers."""
_LOOKBACK = 40


@dataclass(frozen=True)
class SplitClaims:
    """A claim text cut into pieces; preamble + each marker + its claim is the text, character for character.

    markers: what stood before each claim ('1. ', or '' when nothing did). claims: the text after each marker.
    """

    preamble: str
    markers: tuple[str, ...]
    claims: tuple[str, ...]
    rule: ClaimRule

    @property
    def texts(self) -> list[str]:
        """The claims without surrounding white space."""
        return [claim.strip() for claim in self.claims]


def split_flat(text: str) -> SplitClaims:
    """Cut one text that holds all claims of a patent."""
    if not text.strip():
        return SplitClaims(text, (), (), ClaimRule.NONE)
    preamble = PREAMBLE.match(text)
    start = preamble.end() if preamble and preamble.end() < len(text) else 0
    marks = _find_markers(text, start)
    if marks and (marks[0].first == 1 or not text[start : marks[0].start].strip()):
        start = marks[0].start
    else:
        marks = [_Mark(1, 1, start, start), *marks]
    if len(marks) == 1:
        return _cut_at_dependent(text, marks[0])
    ends = [mark.start for mark in marks[1:]] + [len(text)]
    return SplitClaims(
        text[:start],
        tuple(text[mark.start : mark.end] for mark in marks),
        tuple(text[mark.end : end] for mark, end in zip(marks, ends, strict=True)),
        ClaimRule.NUMBERED,
    )


@dataclass(frozen=True)
class _Mark:
    """A claim marker text[start:end] for the numbers first..last ('2-33. (canceled)' stands for several).

    gone: all numbers that a cancelled marker names ('1, 2 and 4').
    """

    first: int
    last: int
    start: int
    end: int
    gone: frozenset[int] = frozenset()


_Tier = dict[int, list[_Mark]]
"""Number -> its possible markers in the order of the text."""


def _find_markers(text: str, start: int) -> list[_Mark]:
    """The claim markers, with rising numbers; the first is number 1 or 2, or any that the text begins with."""
    tiers: tuple[_Tier, _Tier, _Tier] = (defaultdict(list), defaultdict(list), defaultdict(list))
    covered = _unmistakable(text, start, tiers)
    for match in MARKER.finditer(text, start):
        if any(begin < match.end() and match.start() < end for begin, end in covered):
            continue
        before = text[max(0, match.start() - _LOOKBACK) : match.start()] if match.start() > start else ""
        first = int(match.group(1))
        mark = _Mark(first, max(first, int(match.group(2) or 0)), match.start(), match.end())
        if _LINE_START.search(before):
            tiers[0][first].append(mark)
        elif _ABBREVIATION.search(before):
            continue
        elif _AFTER_SENTENCE.search(before):
            tiers[1][first].append(mark)
        elif not _NUMBER_CONTEXT.search(before) and text[match.end() : match.end() + 2].strip()[:1].isupper():
            tiers[2][first].append(mark)
    for tier in tiers[:2]:
        for marks in tier.values():
            marks.sort(key=lambda mark: mark.start)
    opening = min((mark for tier in tiers[:2] for marks in tier.values() for mark in marks), key=_start, default=None)
    found: list[_Mark] = []
    gone: frozenset[int] = frozenset()
    number, position = 0, start - 1
    step: _Mark | None
    if opening is not None and opening.first > 2 and not text[start : opening.start].strip():
        step = opening
    else:
        step = _next_marker(tiers, number, position)
        step = step if step is not None and step.first <= 2 else None
    while step is not None:
        found.append(step)
        gone |= step.gone
        number, position = step.last, step.start
        while number + 1 in gone:
            number += 1
        step = _next_marker(tiers, number, position)
    return found


def _start(mark: _Mark) -> int:
    return mark.start


def _unmistakable(text: str, start: int, tiers: tuple[_Tier, ...]) -> list[tuple[int, int]]:
    """Adds the markers that a status such as `(canceled)` follows and those with an East Asian label; their places."""
    covered: list[tuple[int, int]] = []
    if STATUS_WORD.search(text, start):
        for match in CANCELLED_MARKER.finditer(text, start):
            gone = numbers_of(match.group(1))
            last = first = min(gone)
            while last + 1 in gone:
                last += 1
            tiers[0][first].append(_Mark(first, last, match.start(), match.end(), gone))
            covered.append(match.span())
    if LABEL_WORD.search(text, start):
        for match in LABELLED_MARKER.finditer(text, start):
            if any(begin < match.end() and match.start() < end for begin, end in covered):
                continue
            number = int(next(group for group in match.groups() if group))
            before = text[max(0, match.start() - _LOOKBACK) : match.start()] if match.start() > start else ""
            if match.group(1) or _LINE_START.search(before):
                tiers[0][number].append(_Mark(number, number, match.start(), match.end()))
            elif _AFTER_SENTENCE.search(before):
                tiers[1][number].append(_Mark(number, number, match.start(), match.end()))
            covered.append(match.span())
    return covered


def _next_marker(tiers: tuple[_Tier, ...], number: int, position: int) -> _Mark | None:
    """The marker of the next number: at the start of a line, else after a sentence, else before a capital letter."""
    for tier in tiers:
        mark = _after(tier, number + 1, position)
        if mark is not None:
            return mark
    numbers = range(number + 2, number + _MAX_GAP + 1)
    gaps = [mark for tier in tiers[:2] for mark in (_after(tier, n, position) for n in numbers) if mark is not None]
    return min(gaps, key=lambda mark: mark.start, default=None)


def _after(tier: _Tier, number: int, position: int) -> _Mark | None:
    """The first marker of a number beyond a position."""
    marks = tier.get(number, [])
    at = bisect_right(marks, position, key=lambda mark: mark.start)
    return marks[at] if at < len(marks) else None


def _cut_at_dependent(text: str, mark: _Mark) -> SplitClaims:
    """Without numbers: claim 1 ends before the sentence that first refers to another claim."""
    begin, body = mark.start, mark.end
    reference = DEPENDENT.search(text, body)
    if reference:
        ends = [match.end() for match in re.finditer(r"[.;]\s+|[。；]\s*|\n\s*", text[body : reference.start()])]
        if ends and text[body : body + ends[-1]].strip():
            cut = body + ends[-1]
            return SplitClaims(text[:begin], (text[begin:body], ""), (text[body:cut], text[cut:]), ClaimRule.DEPENDENT)
    rule = ClaimRule.NUMBERED if body > begin else ClaimRule.WHOLE
    return SplitClaims(text[:begin], (text[begin:body],), (text[body:],), rule)


def first_claims(claims: pa.ListArray) -> tuple[pa.Array, Counter[ClaimRule]]:
    """(claim 1 per row as string, null where there is none or all were cancelled; how many rows used which rule)."""
    texts, rules = _select(claims, first_only=True)
    return texts, rules


def independent_claims(claims: pa.ListArray) -> tuple[pa.Array, Counter[ClaimRule]]:
    """(claims without a reference to another claim, joined by newlines; rules). Claim 1 is always among them."""
    return _select(claims, first_only=False)


def _select(claims: pa.ListArray, first_only: bool) -> tuple[pa.Array, Counter[ClaimRule]]:
    flat, sizes = claims.flatten(), pc.fill_null(pc.list_value_length(claims), 0).to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rules = Counter({ClaimRule.NONE: int((sizes == 0).sum()), ClaimRule.LISTED: int((sizes > 1).sum())})
    plain = sizes > 1
    plain[_irregular(flat, sizes, starts, first_only)] = False
    chosen: list[str | None] = []
    one_by_one = np.flatnonzero((sizes > 0) & ~plain)
    for row in one_by_one.tolist():
        texts = flat[starts[row] : starts[row + 1]].to_pylist()
        if len(texts) == 1:
            split = split_flat(texts[0])
            rules[split.rule] += 1
            texts = [text for text in split.texts if text and not SET_ASIDE.match(text)]
        else:
            texts = _in_force(texts)
        chosen.append(_joined([text for text in texts if not CANCELLED.match(text)], first_only))

    several = np.flatnonzero(plain)
    if first_only:
        listed = flat.take(pa.array(starts[several]))
    else:
        keep = pc.invert(pc.match_substring_regex(_without_own_marks(flat), pattern=DEPENDENT_RE2))
        keep = keep.to_numpy(zero_copy_only=False).copy()
        keep[starts[several]] = True
        rows = np.repeat(np.arange(len(sizes)), sizes)
        keep &= plain[rows]
        counts = np.bincount(rows[keep], minlength=len(sizes))[several]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        listed = pc.binary_join(pa.ListArray.from_arrays(offsets, flat.filter(pa.array(keep))), "\n")
    pool = pa.concat_arrays([listed, pa.array(chosen, pa.string())])
    where = np.full(len(sizes), -1, dtype=np.int64)
    where[several] = np.arange(len(several))
    where[one_by_one] = len(several) + np.arange(len(one_by_one))
    return pool.take(pa.array(where, mask=where < 0)), +rules


_HEADING_CHARS = 120
"""A heading ("What is claimed is:") or a status ("1-3. (canceled)") is shorter."""


def _irregular(flat: pa.Array, sizes: np.ndarray, starts: np.ndarray, first_only: bool) -> np.ndarray:
    """Rows of several elements that may hold a heading or a cancelled claim where it matters: to be read one by one."""
    several = np.flatnonzero(sizes > 1)
    if first_only:
        places, rows = starts[several], several
    else:
        rows = np.repeat(np.arange(len(sizes)), sizes)
        places = np.flatnonzero(sizes[rows] > 1)
        rows = rows[places]
    texts = flat if len(places) == len(flat) else flat.take(pa.array(places))
    gone = pc.match_substring_regex(texts, pattern=PERHAPS_GONE_RE2).to_numpy(zero_copy_only=False)
    heads = np.flatnonzero(np.isin(places, starts[several])) if not first_only else np.arange(len(several))
    short = pc.less(pc.binary_length(texts.take(pa.array(heads))), _HEADING_CHARS).to_numpy(zero_copy_only=False)
    headings = [place for place in heads[short].tolist() if PREAMBLE.fullmatch(texts[place].as_py())]
    return np.unique(np.concatenate([rows[gone], rows[np.array(headings, dtype=np.int64)]]))


def _in_force(elements: list[str]) -> list[str]:
    """Listed claims without headings and without those no longer there; an element that begins with a cancelled claim
    and goes on with another (`1. (canceled) 2. A brush.`) gives the other."""
    found: list[str] = []
    for text in elements:
        if not text.strip() or PREAMBLE.fullmatch(text) or CANCELLED.match(text):
            continue
        if SET_ASIDE.match(text):
            pieces = [piece for piece in split_flat(text).texts[1:] if piece]
            found += [piece for piece in pieces if not (CANCELLED.match(piece) or SET_ASIDE.match(piece))]
        else:
            found.append(text)
    return found


def _joined(texts: list[str], first_only: bool) -> str | None:
    """Claim 1, or it and the others without a reference to another claim; None when there is none."""
    marks = [_OWN_MARK.sub("", text) for text in texts]
    chosen = [text for i, text in enumerate(texts) if i == 0 or not (first_only or DEPENDENT.search(marks[i]))]
    return "\n".join(chosen) if chosen else None


_OWN_MARK = re.compile(OWN_MARK_RE2)


def _without_own_marks(flat: pa.Array) -> pa.Array:
    """`Claim 3: A comb.` without its own number, which is no reference to another claim."""
    marked = pc.match_substring_regex(flat, pattern=OWN_MARK_RE2)
    if not pc.any(marked).as_py():
        return flat
    return pc.if_else(marked, pc.replace_substring_regex(flat, pattern=OWN_MARK_RE2, replacement=""), flat)
