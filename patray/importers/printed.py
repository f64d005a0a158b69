"""Publication numbers as services print them, read into one form; ids of the user's own are left alone.

    US2015056336 (A1)   US 2013/0101709 A1   US-10000001-B2   EP 1234567 B1   us2015056336a1

A text is taken for a publication number when it begins with an office of WIPO's ST.3 and its number has a length that
this office gives out. Without white space it must also have a kind code: `IN-2024-00123` or `US0000001A` stay as they
are. A text with white space cannot stay, for TREC files hold none.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.numbers import parse_numbers, without_kind

_ST3 = (
    "AD AE AF AG AI AL AM AN AO AP AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BV BW BX BY BZ CA "
    "CD CF CG CH CI CK CL CM CN CO CR CS CU CV CW CY CZ DD DE DJ DK DM DO DZ EA EC EE EG EH EM EP ER ES ET FI FJ "
    "FK FO FR GA GB GC GD GE GG GH GI GL GM GN GQ GR GS GT GW GY HK HN HR HT HU IB ID IE IL IM IN IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MP "
    "MR MS MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OA OM PA PE PG PH PK PL PT PW PY QA QZ RO RS RU RW SA "
    "SB SC SD SE SG SH SI SK SL SM SN SO SR ST SU SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US "
    "UY UZ VA VC VE VG VN VU WO WS XN XU XV XX YD YE YU ZA ZM ZW "
)
OFFICES = frozenset(_ST3.split())
_SHAPES = {
    "US": r"[1-9]\d{5,7}|(?:19|20)\d{9}|(?:D|RE|PP|RX|AI|H|T|X)[1-9]\d{0,6}",
    "EP": r"0{0,2}[1-9]\d{4,6}",
    "WO": r"(?:19|20)\d{8}",
    "JP": r"[SHTMR]\d{8}|20\d{8}|[1-9]\d{5,6}",
    "KR": r"(?:19|20)\d{9}|[12]0\d{7}",
    "CN": r"[12]\d{6,8}|20[12]\d{6}",
}
"""What canonical numbers of these offices look like."""
_OTHER = r"[A-Z]{0,4}\d{6,12}"
_KIND_IN_BRACKETS = r"\s*[(\[]\s*([A-Za-z]\d?)\s*[)\]]\s*$"


_DATE_BEHIND = (
    r"([\d\s(\[][A-Za-z]\d?[)\]]?)\s+(?:[-\x{2010}-\x{2015}]\s+)?[(\[]?"
    r"(?:\d{4}[-/.]\d{2}[-/.]\d{2}|\d{2}[-/.]\d{2}[-/.]\d{4}|(?:1[89]|20)\d{6})[)\]]?(?:\s+\[[^\]]*\])?\s*$"
)
"""`US20150056336 A1 2015-02-26`, as Orbit prints numbers with kind code and date: the date is no part of the number."""
_NUMBER = (
    rf"(?:{'|'.join(sorted(OFFICES))})"
    r"[ -]?[A-Z]{0,2}\d[\d/.-]{3,}(?:[ -]?[A-Z]\d?|\s?\([A-Z]\d?\))?(?:\s?\([XYAPEDTOLI&]{1,6}\))?"
)
_SIGN = r"(?:\s*(?:[,/&+·•¶#]|//|\]\s*\[|\b(?:and|und|et)\b|\b\d{1,3}[.)]\s)\s*|\s+)"
_FIRST = r"^\s*(?:[\[•·*-]\s*|\d{1,3}[.)]\s+)?"
_SEVERAL = rf"{_FIRST}{_NUMBER}(?:{_SIGN}{{1,3}}{_NUMBER})+[\s\].;,]*$"
_LEAD = re.compile(_FIRST)
_BETWEEN = re.compile(rf"(?<=[\dA-Z)]){_SIGN}{{1,3}}(?={_NUMBER})")


def numbers_apart(texts: pa.Array) -> pa.Array:
    """Each publication number of a cell on a line of its own, where only blanks, signs, list marks or `and` stand
    between them.

    `CN112345678A CN112345678B` is two lines, so are `1) US1000001A 2) EP1234567A1` and `[US1000001A][EP1234567A1]`;
    `US 12345678 B1` is one number, and every other text stays as it is.
    """
    texts = pc.utf8_trim_whitespace(texts)
    several = pc.fill_null(pc.match_substring_regex(texts, pattern=_SEVERAL), False)
    if not pc.any(several).as_py():
        return texts
    lines = [_BETWEEN.sub("\n", _LEAD.sub("", text)).rstrip("].;, ") for text in texts.filter(several).to_pylist()]
    return pc.replace_with_mask(texts, several, pa.array(lines, pa.string()))


def one_number(texts: pa.Array) -> pa.Array:
    """Texts trimmed and cut to their first line or value: an Espacenet cell holds all publications of a family."""
    first = pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), pattern=r"(?s)\s*[\r\n;|].*$", replacement="")
    return pc.utf8_trim_whitespace(first)


def canonical_ids(texts: pa.Array, numbers_only: bool = False) -> pa.Array:
    """Each text in its canonical form where it is a publication number as printed, else as it is (trimmed).

    numbers_only: the column is one of publication numbers, so that they need no kind: `us9876543` is US9876543.
    """
    numbers = parse_numbers(_plain(texts))
    key, office, kind = (numbers.field(name) for name in ("key", "office", "kind"))
    number = pc.utf8_slice_codeunits(without_kind(key), 2)
    known = pc.is_in(office, value_set=pa.array(sorted(OFFICES)))
    shaped = pc.fill_null(pc.match_substring_regex(number, pattern=f"^(?:{_OTHER})$"), False)
    for name, shape in _SHAPES.items():
        mine = pc.fill_null(pc.equal(office, name), False)
        shaped = pc.if_else(
            mine, pc.fill_null(pc.match_substring_regex(number, pattern=f"^(?:{shape})$"), False), shaped
        )
    spaced = pc.match_substring_regex(texts, pattern=r"[\p{Z}\p{Cc}()\[\]]")
    long_enough = pc.fill_null(pc.match_substring_regex(number, pattern=r"[1-9]\d{3}"), False)
    sure = numbers_only or pc.fill_null(pc.not_equal(kind, ""), False)
    certain = pc.or_(pc.and_(shaped, sure), pc.and_(spaced, long_enough))
    # `EP1234567A1 B1`: digits and kinds of two numbers are none. Others have letters inside (IN 1234/DEL/2010).
    glued = pc.and_(pc.is_in(office, pa.array([*_SHAPES])), pc.match_substring_regex(number, pattern=r"\d[A-Z]"))
    certain = pc.and_(certain, pc.invert(pc.fill_null(glued, False)))
    return pc.if_else(pc.fill_null(pc.and_(known, certain), False), key, texts)


def offices_of(ids: pa.Array) -> pa.Array:
    """The office that an id begins with, null where it is no publication number."""
    numbers = parse_numbers(_plain(ids))
    office = numbers.field("office")
    long_enough = pc.match_substring_regex(numbers.field("number"), pattern=r"[1-9]\d{3}")
    known = pc.and_(pc.is_in(office, value_set=pa.array(sorted(OFFICES))), long_enough)
    return pc.if_else(pc.fill_null(known, False), office, pa.scalar(None, pa.string()))


def number_keys(ids: pa.Array) -> pa.Array:
    """What all printed forms of one publication share, for looking up citations: its canonical key, else the id."""
    return pc.coalesce(parse_numbers(_plain(ids)).field("key"), ids)


def _plain(texts: pa.Array) -> pa.Array:
    """Printed numbers without a date behind them and without brackets around the kind."""
    undated = pc.replace_substring_regex(texts, pattern=_DATE_BEHIND, replacement=r"\1")
    return pc.replace_substring_regex(undated, pattern=_KIND_IN_BRACKETS, replacement=r" \1")
