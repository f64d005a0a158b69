"""Cells as spreadsheets and pandas leave them, put right before anything is read from them.

="US10000002B2"   'US10000001B2   =HYPERLINK("https://...","US1")   10000002.0   特開平11-243846   ＵＳ１２３４５６７
"""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.links import numbers_of_links
from patray.importers.numbers import parse_numbers
from patray.importers.printed import OFFICES, canonical_ids

_WRAPPED = (
    (r'(?s)^=HYPERLINK\(\s*"[^"]*"\s*[,;]\s*"(.*)"\s*\)$', r"\1"),
    (r'(?s)^=HYPERLINK\(\s*"([^"]*)"\s*\)$', r"\1"),
    (r'(?s)^=\s*"(.*)"$', r"\1"),
    (r"(?s)^[\x{201c}\x{201e}]([^\x{201c}-\x{201e}]*)[\x{201c}\x{201d}]$", r"\1"),
    (r"(?s)^`([^`]*)`$", r"\1"),
    (r"(?s)^'((?:[^']|'\pL)*(?:[^'\]]|'\pL))$", r"\1"),
)
_WRAPPED_IN = r"^\s*[=`'\x{2019}\x{201c}\x{201e}]"
_WIDE = r"[\x{3000}-\x{9fff}\x{ff01}-\x{ff5e}\x{2010}-\x{2015}\x{2212}]"
_BREAKS = r"(?i)_x000d_\r?\n?|<br\s*/?>|</?[uo]l>|</?li>|[\x0b\x0c\x{85}\x{2028}\x{2029}]"
_SPACES = r"[\x{a0}\x{2000}-\x{200b}\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}]"
_FLOAT = r"^(\d+)\.0+$"
_SCIENCE = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?(\d{1,2})")
LOST_DIGITS = "number in scientific notation, its digits are lost, left empty"
_JAPANESE = re.compile(
    r"(特開|特表|再表|再公表|特公|実開|実公|特許第?)\s*(昭和?|平成?|令和?)?\s*(\d{1,7})(?:\s*[-/]\s*(\d{1,6}))?号?(?:公報)?"
    r"(?:\s*\(?([ABUY]\d?)\)?)?"
)
_ERAS = {"昭": "S", "平": "H", "令": "R", "": ""}
_KINDS = {"特開": "A", "特表": "A", "再表": "A1", "再公表": "A1", "特公": "B2", "実開": "U", "実公": "Y2", "特許": ""}
_SPOKEN = {
    "US": "united states|united states of america|usa|美国|美國", "CN": "china|中国|中國", "JP": "japan|日本",
    "EP": "european patent office|epo|欧洲专利局|欧洲|歐洲", "DE": "germany|德国", "FR": "france|法国",
    "GB": "united kingdom|great britain|英国", "KR": "korea|south korea|republic of korea|韩国|韓國",
    "TW": "taiwan|台湾|中国台湾|臺灣", "BR": "brazil|巴西", "IN": "india|印度", "AU": "australia|澳大利亚",
    "WO": "wipo|pct|world intellectual property organization|世界知识产权组织|世界知识产权局", "CA": "canada|加拿大",
    "RU": "russia|russian federation|俄罗斯|俄罗斯联邦",
}  # fmt: skip
_OFFICE_NAMES = {name: office for office, names in _SPOKEN.items() for name in names.split("|")}
_WORDED = r"^\s*(?:U\.\s?S\.|[A-Z]{2}\s+(?i:pat|pub|appl?)|[A-Z]{2}[- ]\s?[ABCUY]\d?[- ])"
_WORDS = re.compile(
    r"\s*(?:U\.\s?(S)\.?|([A-Z]{2}))\s*((?i:Pat(?:ent)?s?\.?|Appl?(?:ication)?\.?|Publ?(?:ication)?\.?|No\.?|Nr\.?|"
    r"Number|[#:\s])*)\s*((?:RE|D|PP)?(?:\d[ ,./-]*){4}.*?)\s*"
)
_KIND_FIRST = re.compile(r"\s*([A-Z]{2})[- ]\s?([ABCUY]\d?)[- ]\s*((?:RE|D|PP)?\d[\d ./,-]{4,}\d)\s*")
_TOTAL = r"(?i)^\s*(?:(?:grand )?totals?|sum|count|gesamt|合计|总计|小计)\s*:?\s*$"
_UNIT = r"^\s*[(\[<{][^\d(\[<{]*[)\]>}]\s*$"


def plain_breaks(texts: pa.Array) -> pa.Array:
    """Texts with a newline for every other sign of a line's end: Word's and Excel's soft breaks (U+000B, `_x000D_`),
    Unicode's (U+0085, U+2028, U+2029), the web's (`<br>`)."""
    if not pc.any(pc.match_substring_regex(texts, pattern=_BREAKS)).as_py():
        return texts
    return pc.replace_substring_regex(texts, pattern=_BREAKS, replacement="\n")


def plain_spaces(texts: pa.Array) -> pa.Array:
    """Texts with plain blanks for all others (U+00A0, U+2009, U+200B, U+FEFF) that stand in numbers and codes."""
    if not pc.any(pc.match_substring_regex(texts, pattern=_SPACES)).as_py():
        return texts
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, pattern=_SPACES, replacement=" "))


def unwrap(texts: pa.Array) -> pa.Array:
    """Texts without what Excel wraps around one so that it stays a text: `="x"`, `'x`, a link with its words; and
    without quotes that are none of CSV's around the whole: `“x”`, a text in backticks."""
    if not pc.any(pc.match_substring_regex(texts, pattern=_WRAPPED_IN)).as_py():
        return texts
    texts = pc.utf8_trim_whitespace(texts)
    for pattern, replacement in _WRAPPED:
        texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
    return texts


def names(texts: pa.Array) -> pa.Array:
    """Ids and numbers as they were before a spreadsheet: unwrapped, without `.0`, full-width signs as plain ones,
    Japanese numbers (特開平11-243846) with office and kind (JPH11-243846A), links as the numbers in them,
    `U.S. Pat. No. 7,123,456` as US 7,123,456 and `EP-A-1234567` as EP 1234567 A."""
    texts = numbers_of_links(pc.replace_substring_regex(unwrap(texts), pattern=_FLOAT, replacement=r"\1"))
    worded = pc.fill_null(pc.match_substring_regex(texts, pattern=_WORDED), False)
    if pc.any(worded).as_py():
        read = [_reworded(text) for text in texts.filter(worded).to_pylist()]
        texts = pc.replace_with_mask(texts, worded, pa.array(read, pa.string()))
    wide = pc.fill_null(pc.match_substring_regex(texts, pattern=_WIDE), False)
    if not pc.any(wide).as_py():
        return texts
    read = [_western(text) for text in texts.filter(wide).to_pylist()]
    return pc.replace_with_mask(texts, wide, pa.array(read, pa.string()))


def _reworded(text: str) -> str:
    if match := _KIND_FIRST.fullmatch(text):
        return f"{match[1]} {match[3]} {match[2]}" if match[1] in OFFICES else text
    match = _WORDS.fullmatch(text)
    if match is None or (match[3].strip() and not re.search("(?i)pat|pub", match[3])):  # an application's number
        return text
    office = "US" if match[1] else match[2]
    return f"{office} {match[4]}" if office in OFFICES and (match[1] or match[3].strip()) else text


def _western(text: str) -> str:
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", unicodedata.normalize("NFKC", text)).strip()
    match = _JAPANESE.fullmatch(plain)
    if match is None:
        return plain
    sort, era, first, second = match[1].removesuffix("第"), (match[2] or "")[:1], match[3], match[4]
    return f"JP{_ERAS[era]}{first}{'-' + second if second else ''}{match[5] or _KINDS[sort]}"


def is_unit(texts: pa.Array) -> pa.Array:
    """(n,) bool: what stands under a header to say its type, `(string)` or `[text]`, and is no value."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern=_UNIT), False)


def office_codes(texts: pa.Array) -> pa.Array:
    """Codes of offices, in capitals, of codes and common names (`us`, `United States`, `中国`); null for others."""
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    coded = pc.match_substring_regex(plain, pattern="^[a-z]{2}$")
    place = pc.index_in(plain, value_set=pa.array([*_OFFICE_NAMES]))
    return pc.if_else(coded, pc.utf8_upper(plain), pa.array([*_OFFICE_NAMES.values()]).take(place))


def is_total(texts: pa.Array) -> pa.Array:
    """(n,) bool: what stands in the first cell of a line of sums, below the rows of a spreadsheet."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern=_TOTAL), False)


def whole_numbers(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(`52480593.0` and `5.2480593E7` as 52480593; (n,) bool: digits were lost, as in `5.25E+07`, those are null)."""
    texts = pc.replace_substring_regex(unwrap(texts), pattern=_FLOAT, replacement=r"\1")
    odd = pc.fill_null(pc.match_substring_regex(texts, pattern=r"^\d(?:\.\d+)?[eE]\+?\d{1,2}$"), False)
    if not pc.any(odd).as_py():
        return texts, odd
    read = [_exact(text) for text in texts.filter(odd).to_pylist()]
    texts = pc.replace_with_mask(texts, odd, pa.array(read, pa.string()))
    return texts, pc.and_(odd, texts.is_null())


def _exact(text: str) -> str | None:
    match = _SCIENCE.fullmatch(text)
    assert match is not None
    digits, power = match[2] or "", int(match[3])
    digits = digits.rstrip("0") if len(digits) > power else digits
    return match[1] + digits + "0" * (power - len(digits)) if len(digits) in (power, power - 1) else None


def with_parts(ids: pa.Array, office: pa.Array, kind: pa.Array, numbers: bool = False) -> pa.Array:
    """Numbers with the kind, and bare digits with the office too, that stand in columns of their own.

    (EP1234567, null, A1) -> EP1234567A1; (10000001, US, B2) -> US10000001B2. An id that has a kind, or is no number of
    an office, stays as it is. numbers: the column is one of publication numbers, so that bare digits get their office
    where no kind says that they are one: (1820402, EP, null) -> EP1820402.
    """
    kinds = pc.if_else(pc.match_substring_regex(kind, pattern=r"^[A-Za-z]\d?$"), pc.utf8_upper(kind), None)
    if not numbers and not pc.any(kinds.is_valid()).as_py():
        return ids
    known = pc.is_in(pc.utf8_upper(office), value_set=pa.array(sorted(OFFICES)))
    bare = pc.fill_null(
        pc.and_(known, pc.match_substring_regex(ids, pattern=r"^(?:RE|PP|D|H|T|X)?[\d,./ -]{5,}$")), False
    )
    whole = pc.if_else(bare, pc.binary_join_element_wise(pc.utf8_upper(office), ids, ""), ids)
    parts = parse_numbers(whole)
    agree = pc.or_kleene(office.is_null(), pc.equal(pc.utf8_upper(office), parts.field("office")))
    without = pc.fill_null(pc.and_(agree, pc.equal(parts.field("kind"), "")), False)
    joined = pc.binary_join_element_wise(whole, kinds, " ")
    read = canonical_ids(joined)
    certain = pc.fill_null(pc.and_(without, pc.not_equal(read, joined)), False)
    return pc.if_else(certain, read, pc.if_else(bare, whole, ids) if numbers else ids)
