"""What stands in front of a claim or instead of one: numbers, status words, references, in the offices' languages.

`1.`, `Claim 1:`, `【請求項１】`, `청구항 1`, `1、` start a claim; `1-3. (canceled)`, `1.-20. (withdrawn)`,
`Claims 1, 2 and 4 (not entered)` stand for claims that are no longer there. Patterns named *_RE2 are read by arrow, the
others by Python's re.
"""

from __future__ import annotations

import re

_D = "[0-9０-９]"
_LABEL = (
    r"(?:claims?|(?:patent)?anspr(?:uch|üche)|revendications?|reivindicaci(?:ón|ones)|rivendicazion[ei]|"
    "請求項|请求项|权利要求|權利要求|청구항)"
)
_REFERENCE = (
    r"(?:claims?|anspr(?:uch|üchen?)|patentanspr(?:uch|üchen?)|revendications?|reivindicaci(?:ón|ones)|"
    r"rivendicazion[ei]|conclusies?)\s*\(?(?:nos?\.?\s*)?\d"
)
_PRECEDING = (
    r"(?:preceding|previous|above|foregoing|other)\s+claims?|(?:vor(?:her|an)gehenden|obigen|vorstehenden)\s+"
    r"(?:patent)?ansprüche|revendications\s+précédentes|reivindicaciones\s+anteriores"
)
_PARTICLE = (
    "(?:所述|に|の|[記记][載载]|から|または|又は|もしくは|若しくは|及び|乃至|至|到|或|中|"
    "[~～〜,、-]|및|또는|내지|에|의|중|[项項]|任)"
)
_EAST = (
    rf"(?:請求項|请求项|权利要求|權利要求|청구항)\s*{_D}{{1,3}}\s*{_PARTICLE}|申請專利範圍\s*第\s*{_D}|"
    rf"제\s*{_D}{{1,3}}\s*항\s*(?:에|의|내지|또는|및|중|,)|(?:前述|上述)(?:任[意何一]*[项項]?)?(?:所述)?的?权利要求"
)
DEPENDENT_RE2 = rf"(?i)(?:\b(?:{_REFERENCE}|{_PRECEDING})|{_EAST})"
"""A reference to another claim, in the languages of the large offices (both Python's re and RE2 read it)."""
DEPENDENT = re.compile(DEPENDENT_RE2)

OWN_MARK_RE2 = rf"(?i)^\s*(?:[【\[［]\s*{_LABEL}\s*{_D}{{1,3}}\s*[】\]］]|{_LABEL}\s*{_D}{{1,3}}\s*[.:：．、)])"
"""A claim's own number when it is written with the word: no reference to another claim."""

PREAMBLE = re.compile(
    r"\s*(?:(?:what\s+(?:is|we|i)\s+claim(?:ed)?(?:\s+is)?|(?:the\s+)?(?:invention|embodiments?)[^.:]{0,80}claimed[^.:]{0,60}"
    r"|(?:we|i)\s+claim|(?:the\s+)?claims?(?!\s*\d)|(?:patent)?ansprüche|revendications|reivindicaciones)[^.:\d]{0,40}[:.]?"
    r"|[【\[]?\s*(?:书类名|書類名)?\s*[】\]]?\s*(?:权利要求书|特許請求の範囲|申請專利範圍(?!\s*第)|특허청구범위|청구범위)\s*[】\]]?[:：]?)\s*",
    re.IGNORECASE,
)

# What became of a claim.
_STATUS = (
    r"(?:cancell?ed|withdrawn|deleted|not\s+(?:been\s+)?(?:entered|presented)|gestrichen|entfallen|entfällt|"
    r"annul[ée]e?s?|supprim[ée]e?s?|anulad[ao]s?|cancelad[ao]s?|suprimid[ao]s?|annullat[aeio]|cancellat[aeio]|vervallen|"
    "删除|刪除|取消|撤回|削除|삭제)"
)
_WAS = r"(?:(?:is|are|was|were|has|have|been|being|previously|currently|presently|now|hereby|claims?)\s+)*"
_TAIL = r"(?:\s+(?:herein|claims?|without\s+prejudice(?:\s+or\s+disclaimer)?|by\s+amendment))*"
_BRACKETED = rf"[(\[（［【]\s*{_WAS}{_STATUS}(?:[^\w)\]）］】][^)\]）］】]*)?[)\]）］】]"
_TO = r"(?:[-–—‐‑−~～〜]|\bto\b|\bthrough\b|\bthru\b|\bbis\b|à|至|乃至|から|내지)"
_AND = r"(?:,\s*(?:and\b|&)?|;|&|\band\b|\bund\b|\bet\b|及び?|、|및)"
_NUMBER = rf"(?:[【\[［(]\s*)?(?:{_LABEL}\s*)?{_D}{{1,3}}(?:\s*[】\]］)])?\s*[.．]?"
_NUMBERS = rf"{_NUMBER}(?:\s*(?:{_TO}|{_AND})\s*{_NUMBER})*"
CANCELLED = re.compile(
    rf"\s*(?:{_NUMBERS}\s*[.:：、)]?\s*)?(?:{_BRACKETED}|{_WAS}{_STATUS}{_TAIL})\s*[.;。]?\s*$", re.IGNORECASE
)
"""A text that only says that a claim, or claims, are no longer there."""
SET_ASIDE = re.compile(rf"\s*(?:{_NUMBERS}\s*[.:：、)]?\s*)?{_BRACKETED}", re.IGNORECASE)
"""A text that begins so: `4. (withdrawn) A method ...`."""
PERHAPS_GONE_RE2 = (
    rf"(?i)^[^\pL]*(?:(?:{_LABEL}|to|through|thru|bis|and|und|et|à|至|乃至|から|내지|及び?|및)[^\pL]+)*{_WAS}{_STATUS}"
)
"""All texts that CANCELLED or SET_ASIDE match, and few others."""

MARKER = re.compile(
    r"(?:(?<=\s)|(?<=[.;:。；：）】])|(?<=ed\))|(?<=wn\))|(?<![\s\S]))(?:claim\s+)?"
    r"(\d{1,3})(?:[^\S\n]?\.?[^\S\n]?[-–—‐‑−][^\S\n]?(\d{1,3}))?[^\S\n]?(?:[.):．、：）]|\.-)(?=\s|[^\W\d_])",
    re.IGNORECASE,
)
"""The number of a claim, or of a range of cancelled ones, as offices write it before the text."""
STATUS_WORD = re.compile(rf"[(\[（［【]\s*{_WAS}{_STATUS}", re.IGNORECASE)
CANCELLED_MARKER = re.compile(
    rf"(?:(?<=\s)|(?<=[.;:。；：)\]）】])|(?<![\s\S]))({_NUMBERS})\s*[.:：、)]?(?=\s*{_BRACKETED})", re.IGNORECASE
)
"""Numbers that a status in brackets follows: claims begin and end there, whatever stands before."""
LABEL_WORD = re.compile(
    r"請求項|请求项|权利要求|權利要求|청구항|제\s*\d+\s*항|第\s*\d+\s*[项項]|[\[【［]\s*claim", re.IGNORECASE
)
LABELLED_MARKER = re.compile(
    r"[【\[［]\s*(?:請求項|请求项|权利要求|權利要求|청구항|claim)\s*(\d{1,3})\s*[】\]］]|"
    r"(?:(?<=\n)|(?<=[\s.;。；])|(?<![\s\S]))(?:"
    r"(?:請求項|请求项|权利要求|權利要求|청구항)\s*(\d{1,3})(?:\s*[.:：．、)]|(?=\s))"
    rf"(?!\s*(?:{_PARTICLE}))|제\s*(\d{{1,3}})\s*항(?:\s*[.:：]|(?=\s*\n))|第\s*(\d{{1,3}})\s*[项項](?:\s*[.:：、．]|(?=\s)))",
    re.IGNORECASE,
)
"""East Asian claim labels: in brackets anywhere, bare ones at a line's start or after a sentence."""


def numbers_of(marker: str) -> frozenset[int]:
    """The claims that a marker names: `1, 2 and 4` is {1, 2, 4}, `1.-3` is {1, 2, 3}."""
    found: set[int] = set()
    last = 0
    for match in re.finditer(r"(\D*)(\d{1,3})", marker):
        number = int(match.group(2))
        ranged = bool(found) and re.search(_TO, match.group(1), re.IGNORECASE) is not None
        found.update(range(last + 1, number + 1) if ranged else (number,))
        last = number
    return frozenset(found)
