"""Numbers and sentences as a reader of the report sees them.

A sentence is a tuple of strings in which names (systems, views, landscapes) are `Name`s, so that the page can set them
apart and escape them, and a plain text can be had by joining. Everything that came from a file is cleaned first:
control characters, which no page or table can show, and bidirectional overrides, which let a patent's title reorder the
text around it, become U+FFFD.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
MISSING = "–"
NOT_RECORDED = "not recorded"


class Name(str):
    """A name inside a sentence."""

    __slots__ = ()


Sentence = tuple[str, ...]


def plain(sentence: Sentence) -> str:
    """The sentence as one string."""
    return "".join(sentence)


def clean(text: object) -> str:
    """`text` on one line, with every character that cannot be shown safely replaced by U+FFFD."""
    return " ".join(_UNSHOWABLE.sub("\ufffd", str(text)).split())


def shorten(text: str, length: int) -> str:
    """At most `length` characters, an ellipsis in place of what was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def known(value: float | None) -> bool:
    """Whether there is a number at all."""
    return value is not None and math.isfinite(value)


def score(value: float | None, digits: int = 3) -> str:
    """`0.182`; a dash when there is no number."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def size(value: float | None) -> str:
    """A difference without its sign, with one more digit than a score where it would read as zero."""
    if value is None or not math.isfinite(value):
        return MISSING
    value = abs(value)
    return (
        f"{value:.3f}" if value >= 0.00095 or value == 0 else (f"{value:.4f}" if value >= 0.00005 else "under 0.0001")
    )


def signed(value: float | None) -> str:
    """`+0.012`, `−0.004`."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(value):.3f}" if abs(value) >= 0.00095 or value == 0 else f"{abs(value):.4f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """`[0.171, 0.193]`; empty when there is no interval."""
    return f"[{score(low, digits)}, {score(high, digits)}]" if known(low) and known(high) else ""


def gap_interval(low: float | None, high: float | None) -> str:
    """The interval of a difference, `[−0.0004, 0.012]`: an end close to zero keeps its sign and a digit."""
    return f"[{signed(low).lstrip('+')}, {signed(high).lstrip('+')}]" if known(low) and known(high) else ""


def p_value(p: float | None) -> str:
    """`p < 0.001`, `p = 0.003`, `p = 0.31`; more digits at 0.05, so that no rounded p contradicts its verdict."""
    if p is None or not math.isfinite(p):
        return "p not computed"
    if p < 0.001:
        return "p < 0.001"
    digits = 5 if 0.0495 <= p < 0.0505 else (3 if p < 0.0995 else 2)
    return f"p = {p:.{digits}f}"


def stars(p: float | None) -> str:
    """*** below 0.001, ** below 0.01, * below 0.05, else empty."""
    if p is None or not math.isfinite(p):
        return ""
    return "***" if p < 0.001 else "**" if p < 0.01 else "*" if p < 0.05 else ""


def percent(share: float | None, digits: int = 0) -> str:
    """`62%`."""
    if share is None or not math.isfinite(share):
        return MISSING
    return f"{100 * share:.{digits}f}%".replace("-", "−")


def count(number: object) -> str:
    """`46,069`; what is not a number is said to be not recorded."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return NOT_RECORDED
    return f"{number:,.0f}"


def amount(number: object) -> str:
    """A measured quantity in three significant digits: `3,410`, `12.3`, `0.0512`."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return MISSING
    if number == 0 or abs(number) >= 1000:
        return f"{number:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:.{min(digits, 6)}f}"


def plain_number(number: float | None) -> str:
    """An option's value as a person would write it: `0.75`, `10`."""
    return MISSING if number is None or not math.isfinite(number) else f"{number:g}"


def duration(seconds: object) -> str:
    """`48 s`, `12 min 5 s`, `3 h 20 min`."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return NOT_RECORDED
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 landscape`, `2 landscapes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listing(names: Sequence[str], most: int = 6) -> Sentence:
    """`a`, `b` and `c`; past `most` names the rest is counted: `a`, `b` and 5 others."""
    shown: list[str] = [Name(name) for name in (names if len(names) <= most else names[: most - 1])]
    if len(names) > most:
        shown.append(f"{len(names) - most + 1:,} others")
    parts: list[str] = []
    for index, name in enumerate(shown):
        parts += ([] if index == 0 else [" and " if index == len(shown) - 1 else ", "]) + [name]
    return tuple(parts)
