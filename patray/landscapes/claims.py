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


class ClaimRule(StrEnum):
    """How claims were told apart."""

    NONE = "no claims"
    LISTED = "listed"
    NUMBERED = "numbered in one text"
    DEPENDENT = "up to the first dependent claim"
    WHOLE = "whole text"


_REFERENCE = (
    r"(?:claims?|anspr(?:uch|üchen?)|patentanspr(?:uch|üchen?)|revendications?|reivindicaci(?:ón|ones)|"
    r"rivendicazion[ei]|conclusies?)\s*\(?(?:nos?\.?\s*)?\d"
)
_PRECEDING = (
    r"(?:preceding|previous|above|foregoing|other)\s+claims?|(?:vor(?:her|an)gehenden|obigen|vorstehenden)\s+"
    r"(?:patent)?ansprüche|revendications\s+précédentes|reivindicaciones\s+anteriores"
)
DEPENDENT = rf"(?i)\b(?:{_REFERENCE}|{_PRECEDING})"
"""A reference to another claim, in the languages of the large offices (both Python's re and RE2 read it)."""

_DEPENDENT = re.compile(DEPENDENT)
_PREAMBLE = re.compile(
    r"\s*(?:(?:what\s+(?:is|we|i)\s+claim(?:ed)?(?:\s+is)?|(?:the\s+)?(?:invention|embodiments?)[^.:]{0,80}claimed[^.:]{0,60}"
    r"|(?:we|i)\s+claim|(?:the\s+)?claims?(?!\s*\d)|(?:patent)?ansprüche|revendications|reivindicaciones)[^.:\d]{0,40}[:.]?)\s*",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"(?:(?<=\s)|(?<=[.;:])|(?<![\s\S]))(?:claim\s+)?(\d{1,3})(?:[^\S\n]?[-–][^\S\n]?(\d{1,3}))?[^\S\n]?[.):](?=\s|[^\W\d_])",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"(?:^|\n)[^\S\n]*$")
_AFTER_SENTENCE = re.compile(r"[.;:!?)\]}\"”]\s*$")
_ABBREVIATION = re.compile(r"\b(?:figs?|nos?|eqs?|ref|vol|pp?|ca|e\.g|i\.e|vs|approx)\.\s*$", re.IGNORECASE)
_NUMBER_CONTEXT = re.compile(
    r"(?:,|\d|[-–=<>+/]|\b(?:and|or|to|through|claims?|of|than|about|step|fig|figure|und|oder|bis|et|ou|à|"
    r"anspruch|ansprüche|ansprüchen|revendications?|least|most|equals?|is|by|from|between))\s*$",
    re.IGNORECASE,
)
_CANCELLED = r"(?i)^\s*[(\[]?\s*(?:cancell?ed|withdrawn|gestrichen|annul[ée]e?s?|supprim[ée]e?s?)\s*[)\]]?\s*[.;]?\s*$"
_IS_CANCELLED = re.compile(_CANCELLED)
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
    preamble = _PREAMBLE.match(text)
    start = preamble.end() if preamble and preamble.end() < len(text) else 0
    marks = _find_markers(text, start)
    if marks and marks[0].first == 1:
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
    """A claim marker text[start:end] for the numbers first..last ('2-33. (canceled)' stands for several)."""

    first: int
    last: int
    start: int
    end: int


_Tier = dict[int, list[_Mark]]
"""Number -> its possible markers in the order of the text."""


def _find_markers(text: str, start: int) -> list[_Mark]:
    """The claim markers, with rising numbers; the first is number 1 or 2."""
    tiers: tuple[_Tier, _Tier, _Tier] = (defaultdict(list), defaultdict(list), defaultdict(list))
    for match in _MARKER.finditer(text, start):
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
    found: list[_Mark] = []
    number, position = 0, start - 1
    while (step := _next_marker(tiers, number, position)) is not None and (found or step.first <= 2):
        found.append(step)
        number, position = step.last, step.start
    return found


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
    reference = _DEPENDENT.search(text, body)
    if reference:
        ends = [match.end() for match in re.finditer(r"[.;]\s+|\n\s*", text[body : reference.start()])]
        if ends and text[body : body + ends[-1]].strip():
            cut = body + ends[-1]
            return SplitClaims(text[:begin], (text[begin:body], ""), (text[body:cut], text[cut:]), ClaimRule.DEPENDENT)
    rule = ClaimRule.NUMBERED if body > begin else ClaimRule.WHOLE
    return SplitClaims(text[:begin], (text[begin:body],), (text[body:],), rule)


def first_claims(claims: pa.ListArray) -> tuple[pa.Array, Counter[ClaimRule]]:
    """(claim 1 per row as string, null where there are none; how many rows used which rule)."""
    texts, rules = _select(claims, first_only=True)
    return texts, rules


def independent_claims(claims: pa.ListArray) -> tuple[pa.Array, Counter[ClaimRule]]:
    """(claims without a reference to another claim, joined by newlines; rules). Claim 1 is always among them."""
    return _select(claims, first_only=False)


def _select(claims: pa.ListArray, first_only: bool) -> tuple[pa.Array, Counter[ClaimRule]]:
    flat, sizes = claims.flatten(), pc.fill_null(pc.list_value_length(claims), 0).to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    single = np.flatnonzero(sizes == 1)
    cut = [_chosen(split_flat(text), first_only) for text in flat.take(pa.array(starts[single])).to_pylist()]
    rules = Counter({ClaimRule.NONE: int((sizes == 0).sum()), ClaimRule.LISTED: int((sizes > 1).sum())})
    rules.update(rule for _, rule in cut)

    several = np.flatnonzero(sizes > 1)
    heads = _first_real(flat, starts[several], starts[several + 1])
    if first_only:
        listed = flat.take(pa.array(heads))
    else:
        referring = pc.match_substring_regex(flat, pattern=DEPENDENT)
        cancelled = pc.match_substring_regex(flat, pattern=_CANCELLED)
        keep = pc.invert(pc.or_(referring, cancelled)).to_numpy(zero_copy_only=False).copy()
        keep[starts[several]] = False  # it may be a heading; claim 1 is among the heads
        keep[heads] = True
        keep[starts[single]] = False
        rows = np.repeat(np.arange(len(sizes)), sizes)[keep]
        counts = np.bincount(rows, minlength=len(sizes))[several]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        listed = pc.binary_join(pa.ListArray.from_arrays(offsets, flat.filter(pa.array(keep))), "\n")
    pool = pa.concat_arrays([listed, pa.array([text for text, _ in cut], pa.string())])
    where = np.full(len(sizes), -1, dtype=np.int64)
    where[several] = np.arange(len(several))
    where[single] = len(several) + np.arange(len(single))
    return pool.take(pa.array(where, mask=where < 0)), +rules


def _first_real(flat: pa.Array, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(n,) int64: place in `flat` of each list's first claim that is neither a heading nor cancelled.

    first, end (n,): bounds of the lists. A list of nothing else keeps its first element.
    """
    heads = first.copy()
    for row in np.flatnonzero(
        pc.less(pc.binary_length(flat.take(pa.array(first))), 120).to_numpy(zero_copy_only=False)
    ):
        for place in range(first[row], end[row]):
            text = flat[place].as_py()
            if not (_PREAMBLE.fullmatch(text) or _IS_CANCELLED.match(text)):
                heads[row] = place
                break
    return heads


def _chosen(split: SplitClaims, first_only: bool) -> tuple[str, ClaimRule]:
    texts = [text for text in split.texts if text]
    texts = [text for text in texts if not _IS_CANCELLED.match(text)] or texts
    chosen = texts[:1] if first_only else [t for i, t in enumerate(texts) if i == 0 or not _DEPENDENT.search(t)]
    return "\n".join(chosen), split.rule
