"""One canonical key for a publication, whichever office, export or citation list spelled it.

Key = office + number + kind without separators: `US20050123456A1`, `EP0292076A1`, `WO2013189530A1`, `JPH06334022A`.
The rules by office unify what DOCDB, BigQuery, Lens, PatentsView and the USPTO's files write for the same document:

    US grants    leading zeros go (08930553 = 8930553), also behind D, RE, PP, H, T, X (D0807612 = D807612)
    US pre-grant year + 7 digits; DOCDB and BigQuery drop the serial's first zero (2005123456 = 20050123456)
    EP           7 digits
    WO           4-digit year + 6 digits (94/03665 = 9403665 = 1994003665)
    JP           era letter + 2-digit year + 6 digits (H117015 = H11007015 = 1999007015 = 11007015); from 2000 the
                 4-digit year + 6 digits
    KR           patents 10 + 7 digits (0955871 B1 = 100955871), utility models 20 + 7 digits; year + 7 for publications
                 (the register's 10-1234567-0000 is 101234567)
    DE, RU       leading zeros go (PATENTSCOPE's DE000019826114 = DE19826114)
    others       as written, without separators
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

_PARTS = r"^(?P<office>[A-Z]{2})(?P<number>[A-Z]{0,4}\d(?:[0-9A-Z]*?\d)??)(?P<kind>[A-Z]\d?)?$"
_CANONICAL = r"^(?:US\x00(?:[1-9]\d{5,8}|[1-9]\d{10})|EP\x00\d{7}|WO\x00\d{10})\x00[A-Z]\d?$"
"""Most numbers of most sources: the rules leave them as they are, and one look is a third of the work."""
_FLOAT = r"(\d)\.0$"
"""`10000001.0`, as pandas prints a column of numbers with gaps; without its point it would be another number."""
_SEPARATORS = r"[\s\-/,._:]"
NOT_TEXT_KINDS = re.compile(r"A8|A9|B8|B9|[TSP]\d?")
"""Corrections, translations, designs and plants: no text of their own to embed."""
_REPORT_OFFICES = ("EP", "WO", "EA")
"""Whose A3 and A4 are search reports. Those of others are patents: Czech and Slovak applications, Belgian patents."""


def join_number(office: pa.Array, number: pa.Array, kind: pa.Array | None = None) -> pa.Array:
    """Canonical keys (string) of publications given in parts; null where office or number is missing.

    kind None, null or '' gives the key without a kind, which matches every kind of that number.
    """
    if kind is None or not all(pa.types.is_string(part.type) for part in (office, number, kind)):
        return _by_rules(office, number, kind)
    joined = pc.binary_join_element_wise(office, number, kind, "\0")
    done = pc.fill_null(pc.match_substring_regex(joined, pattern=_CANONICAL), False)
    keys = pc.replace_substring(joined, "\0", "")
    if pc.all(done).as_py():
        return keys
    left = pc.invert(done)
    return pc.replace_with_mask(keys, left, _by_rules(*(part.filter(left) for part in (office, number, kind))))


def _by_rules(office: pa.Array, number: pa.Array, kind: pa.Array | None) -> pa.StringArray:
    office = _clean(office)
    digits = _strip_office(_clean(number), office)
    kinds = pc.fill_null(_clean(kind), "") if kind is not None else pa.repeat(pa.scalar(""), len(digits))
    for name, rule in _RULES.items():
        mask = pc.fill_null(pc.and_(pc.equal(office, name), digits.is_valid()), False)
        if pc.any(mask).as_py():
            digits = pc.replace_with_mask(digits, mask, rule(digits.filter(mask), kinds.filter(mask)))
    blank = pc.fill_null(pc.or_(pc.equal(digits, ""), pc.equal(office, "")), True)
    digits = pc.if_else(blank, pa.scalar(None, pa.string()), digits)
    return pc.binary_join_element_wise(office, digits, kinds, "")


def parse_numbers(texts: pa.Array, office: str | None = None) -> pa.StructArray:
    """Publications written as one text (`US-2014313399-A1`, `EP 0292076 A1`, `US 8,930,553`) in parts.

    Returns structs key, office, number, kind, all null where the text is no publication number. office: assumed where
    a text starts with none.
    """
    cleaned = _clean(texts)
    if office is not None:
        bare = pc.invert(pc.fill_null(pc.match_substring_regex(cleaned, pattern=r"^[A-Z]{2}[A-Z]{0,3}\d"), True))
        designs = pc.match_substring_regex(cleaned, pattern=r"^(?:RE|PP|RX|AI)\d")
        bare = pc.or_(bare, pc.fill_null(designs, False))
        cleaned = pc.if_else(bare, pc.binary_join_element_wise(pa.scalar(office), cleaned, ""), cleaned)
    parts = pc.extract_regex(cleaned, pattern=_PARTS)
    offices, kind = pc.struct_field(parts, "office"), pc.struct_field(parts, "kind")
    number = pc.struct_field(parts, "number")
    key = join_number(offices, number, kind)
    return pa.StructArray.from_arrays([key, offices, number, kind], names=["key", "office", "number", "kind"])


def without_kind(keys: pa.Array) -> pa.Array:
    """Keys cut before the kind; a key without one stays."""
    return pc.replace_substring_regex(keys, pattern=r"(\d)[A-Z]\d?$", replacement=r"\1")


def canonical(text: str, office: str | None = None) -> str | None:
    """The key of one number, for interactive use and tests; columns go through the functions above."""
    return parse_numbers(pa.array([text], pa.string()), office).field("key")[0].as_py()


def kind_has_text(kinds: pa.Array, offices: pa.Array) -> pa.Array:
    """bool per row: False for kinds that hold no text of their own (search reports, corrections, designs ...).

    kinds, offices (n,): (A3, EP) and (A3, null) are search reports, (A3, CZ) is an application.
    """
    bare = pc.match_substring_regex(kinds, pattern=f"^(?:{NOT_TEXT_KINDS.pattern})$")
    known = pc.fill_null(pc.is_in(offices, value_set=pa.array(_REPORT_OFFICES)), False)
    report = pc.and_(pc.match_substring_regex(kinds, pattern="^A[34]$"), pc.or_(known, offices.is_null()))
    return pc.invert(pc.fill_null(pc.or_(bare, report), False))


def _clean(column: pa.Array) -> pa.Array:
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    return _rewrite(pc.utf8_upper(text), (_FLOAT, r"\1"), (_SEPARATORS, ""))


def _strip_office(number: pa.Array, office: pa.Array) -> pa.Array:
    """The number without a repetition of its office in front (`EP` + `EP0292076`)."""
    repeats = pc.fill_null(pc.equal(pc.utf8_slice_codeunits(number, 0, 2), office), False)
    return pc.if_else(repeats, pc.utf8_slice_codeunits(number, 2), number)


def _rewrite(column: pa.Array, *rules: tuple[str, str]) -> pa.Array:
    """Each rule on the values that it matches: these are few, and replacing is slower than looking."""
    for pattern, replacement in rules:
        hit = pc.fill_null(pc.match_substring_regex(column, pattern=pattern), False)
        if pc.any(hit).as_py():
            changed = pc.replace_substring_regex(column.filter(hit), pattern=pattern, replacement=replacement)
            column = pc.replace_with_mask(column, hit, changed)
    return column


def _pad(column: pa.Array, pattern: str, width: int) -> pa.Array:
    short = pc.fill_null(pc.match_substring_regex(column, pattern=pattern), False)
    return pc.if_else(short, pc.utf8_lpad(column, width, "0"), column)


def _pad_serial(column: pa.Array, pattern: str, width: int) -> pa.Array:
    """Pad group 'serial' of the values that match; `pattern` has the groups 'head' and 'serial'."""
    parts = pc.extract_regex(column, pattern=pattern)
    padded = pc.utf8_lpad(pc.struct_field(parts, "serial"), width, "0")
    joined = pc.binary_join_element_wise(pc.struct_field(parts, "head"), padded, "")
    return pc.coalesce(joined, column)


def _us(number: pa.Array, kind: pa.Array) -> pa.Array:
    return _rewrite(number, (r"^(D|RE|PP|RX|AI|H|T|X)?0+(\d)", r"\1\2"), (r"^(20\d\d)(\d{6})$", r"\10\2"))


def _ep(number: pa.Array, kind: pa.Array) -> pa.Array:
    return _pad(number, r"^\d{1,6}$", 7)


def _wo(number: pa.Array, kind: pa.Array) -> pa.Array:
    last, this = r"7[89]|[89]\d", r"[0-6]\d|7[0-7]"
    # Every result has 10 digits, so no later rule matches it again.
    return _rewrite(
        number,
        (rf"^({last})(\d{{5}})$", r"19\10\2"),
        (rf"^({this})(\d{{5}})$", r"20\10\2"),
        (rf"^({last})(\d{{6}})$", r"19\1\2"),
        (rf"^({this})(\d{{6}})$", r"20\1\2"),
        (r"^((?:19|20)\d\d)(\d{5})$", r"\10\2"),
    )


def _jp(number: pa.Array, kind: pa.Array) -> pa.Array:
    number = _rewrite(number, (r"^(H)([4-9])(\d{6})$", r"\10\2\3"))  # H5-123456: a year of one digit
    # Without the era's letter, or with the western year (PatSnap, Derwent): patents have 7 digits, 8 begin with a year.
    number = _rewrite(number, (r"^(0[1-9]|1[01])(\d{6})$", r"H\1\2"), (r"^(4[6-9]|5\d|6[0-3])(\d{6})$", r"S\1\2"))
    number = _rewrite(
        number,
        *((rf"^{year}(\d{{6}})$", rf"S{year - 1925:02}\1") for year in range(1971, 1989)),
        *((rf"^{year}(\d{{6}})$", rf"H{year - 1988:02}\1") for year in range(1989, 2000)),
    )
    number = _pad_serial(number, r"^(?P<head>[SHTMR]\d\d)(?P<serial>\d{1,5})$", 6)
    return _pad_serial(number, r"^(?P<head>20\d\d)(?P<serial>\d{4,5})$", 6)


def _kr(number: pa.Array, kind: pa.Array) -> pa.Array:
    number = _rewrite(number, (r"^[12]0((?:19|20)\d\d\d{7})$", r"\1"), (r"^([12]0\d{7})0000$", r"\1"))
    grant, utility = pc.match_substring_regex(kind, pattern="^[BC]"), pc.match_substring_regex(kind, pattern="^Y")
    short = pc.match_substring_regex(number, pattern=r"^\d{5,7}$")
    prefix = pc.if_else(pc.and_(grant, short), "10", pc.if_else(pc.and_(utility, short), "20", ""))
    padded = pc.if_else(pc.equal(prefix, ""), number, pc.utf8_lpad(number, 7, "0"))
    return pc.binary_join_element_wise(prefix, padded, "")


def _unpadded(number: pa.Array, kind: pa.Array) -> pa.Array:
    return _rewrite(number, (r"^0+(\d{4})", r"\1"))


_RULES: dict[str, Callable[[pa.Array, pa.Array], pa.Array]] = {
    "US": _us, "EP": _ep, "WO": _wo, "JP": _jp, "KR": _kr, "DE": _unpadded, "RU": _unpadded,
}  # fmt: skip
