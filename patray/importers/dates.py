"""Dates as exports print them: ISO, day or month first, names of months, Excel's serials, epochs; one order a column.

`26.02.2015` is day first; `26/02/2015` proves that the column is, `03/02/2015` beside it then is 3 February. Where no
value proves the order, or values contradict each other, --date-format says it. Of several dates in a cell the first
counts.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.nested import take
from patray.landscapes.absent import is_absent

DAY_FIRST, MONTH_FIRST, MIXED = "day", "month", "mixed"
AMBIGUOUS = "day, month or year first?"
_EPOCH = datetime.date(1970, 1, 1)
_EXCEL = datetime.date(1899, 12, 30)
_TIME = r"(?:[T ]+\d{1,2}:\d\d.*|[T ]\d{1,2}(?::?\d\d)?Z?|Z|[+-]\d\d:\d\d|T\d{6}(?:\.\d+)?(?:Z|[+-]\d{4})?)?"
_ISO = re.compile(rf"(\d{{4}})(?:[-/]|\.\s?)(\d{{1,2}})(?:[-/]|\.\s?)(\d{{1,2}})\.?{_TIME}")
_MONTH_SECOND = r"^\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:1[3-9]|[23]\d)"
_DAY_SECOND = r"^\d{4}[-/.](?:1[3-9]|[23]\d)[-/.](?:0?[1-9]|1[0-2])(?:\D|$)"
_COMPACT = re.compile(rf"((?:1[6-9]|20)\d\d)(\d\d)(\d\d)(?:\.0*)?{_TIME}")
_ERA = re.compile(
    r"(明治|大正|昭和|平成|令和|[MTSHR])\s*(\d{1,2}|元)\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*日?"
)
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERAS |= {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
"""The year before the first of each Japanese era."""
_EAST = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
_ORDERED = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")
_NAMED = re.compile(
    r"(?:[a-z]{2,10}[.,]*\s+)?"  # the day of the week
    r"(?:(\d{1,2})(?:st|nd|rd|th|er|o|a)?[\s.-]*(?:(?:del?|of)\s+)?([a-z]{3,10})|([a-z]{3,10})[\s.-]*(\d{1,2})(?:st|nd|rd|th)?)"
    r"[\s.,'-]+(?:del?\s+)?(\d{4}|\d\d)"
)
_WHOLE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(?:1[6-9]|20)\d{6})"
_SIDE_BY_SIDE = re.compile(rf"({_WHOLE})(?:(?:\s*[,&]\s*|\s+/?\s*){_WHOLE})+")
"""Several dates with blanks or commas between them."""
_SHORT = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d\d")
_NAMES = (
    "jan gen ene", "feb fev fevr", "mar maa mrz", "apr avr abr", "may mai mei mag", "jun juin giu", "jul juil lug",
    "aug aou aout ago", "sep set", "oct okt ott out", "nov", "dec dez dic",
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
"""How the names of months begin in English, German, French, Spanish, Portuguese, Italian and Dutch, without accents."""
_SERIAL = re.compile(r"([1-7]\d{4})(?:\.\d+)?")
_EPOCHS = re.compile(r"(-?\d{9,19})(?:\.0*)?")
_FORMAT = re.compile(r"(YYYY|YY|MM|DD|[^A-Za-z]+)")


@dataclass
class DateOrder:
    """What is known of a column while its blocks are read. said: --date-format. order: proven, '' until then, MIXED
    where some dates prove one and some the other: then only those are read that can be read in one way."""

    said: str = ""
    order: str = ""
    ambiguous: list[str] = field(default_factory=list)
    year_first: str = ""
    """Of dates that begin with the year: DAY_FIRST where some prove `2015-26-02` and none ISO's order."""

    def learn(self, dates: Sequence[re.Match[str]]) -> None:
        """Take from dates (numbers in groups 1 and 3, the sign between them in 2) which order they prove."""
        pairs = [(int(date[1]), int(date[3])) for date in dates]
        proofs = {DAY_FIRST for first, second in pairs if first > 12 >= second}
        proofs |= {MONTH_FIRST for first, second in pairs if second > 12 >= first}
        proofs |= {self.order} - {""}
        if not proofs and any(date[2] == "." for date in dates):
            proofs = {DAY_FIRST}
        self.order = "" if not proofs else proofs.pop() if len(proofs) == 1 else MIXED


def check_format(text: str) -> None:
    """Raise InputError unless `text` is made of YYYY or YY, MM, DD and signs between them, such as DD/MM/YYYY."""
    parts = _FORMAT.findall(text.upper())
    words = sorted(part for part in parts if part[0] in "YMD")
    if "".join(parts) != text.upper() or words not in (["DD", "MM", "YYYY"], ["DD", "MM", "YY"]):
        raise InputError(f"--date-format {text}: write it with DD, MM and YYYY (or YY), such as DD/MM/YYYY or MM/DD/YY")


def parse_dates(texts: pa.Array, order: DateOrder | None = None) -> tuple[pa.Array, np.ndarray]:
    """(date32 of texts, (n,) bool: something stands there that is no date). Blank, zero and `NaT` mean missing.

    A day or month 00 is no date: the day is not known and is not made up. order: told what the column proves.
    """
    encoded = texts.dictionary_encode()  # a day comes many times
    dates, bad = _parse_each(encoded.dictionary, order or DateOrder())
    place = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return take(dates, place), np.append(bad, False)[place]


def _parse_each(texts: pa.Array, order: DateOrder) -> tuple[pa.Array, np.ndarray]:
    texts = pc.utf8_trim_whitespace(texts if pa.types.is_string(texts.type) else texts.cast(pa.string()))
    if order.said or _is_day_first(texts, order):
        return _read_all(texts, order)
    digits = pc.replace_substring_regex(
        texts, pattern=r"^(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ].*)?$", replacement=r"\1\2\3"
    )
    blank = pc.or_(is_absent(texts), pc.fill_null(pc.match_substring_regex(digits, pattern=r"^[0.]*$"), True))
    shaped = pc.fill_null(pc.match_substring_regex(digits, pattern=r"^(?:1[6-9]|20)\d{6}$"), False)
    usable = pc.if_else(shaped, digits, pa.scalar(None, pa.string()))
    dates = pc.strptime(usable, format="%Y%m%d", unit="s", error_is_null=True).cast(pa.date32())
    # strptime reads 20230231 as 3 March; such a date does not come back as it went in.
    same = pc.fill_null(pc.equal(pc.strftime(dates, format="%Y%m%d"), usable), False)
    dates = pc.if_else(same, dates, pa.scalar(None, pa.date32()))
    left = np.flatnonzero(pc.and_(pc.invert(blank), dates.is_null()).to_numpy(zero_copy_only=False))
    if len(left):  # the few shapes that the fast way does not read
        read = _read_others(texts.take(pa.array(left)).to_pylist(), order)
        mask = np.zeros(len(texts), dtype=bool)
        mask[left] = True
        dates = pc.replace_with_mask(dates, pa.array(mask), pa.array(read, pa.date32()))
    return dates, pc.and_(pc.invert(blank), dates.is_null()).to_numpy(zero_copy_only=False)


def _is_day_first(texts: pa.Array, order: DateOrder) -> bool:
    """Whether days come second in the column's dates that begin with the year; where ISO's order is proven, not."""
    for pattern, proven in ((_MONTH_SECOND, MONTH_FIRST), (_DAY_SECOND, DAY_FIRST)):
        if not order.year_first and pc.any(pc.match_substring_regex(texts, pattern=pattern)).as_py():
            order.year_first = proven
    return order.year_first == DAY_FIRST


def _read_all(texts: pa.Array, order: DateOrder) -> tuple[pa.Array, np.ndarray]:
    """As _parse_each, one by one, where the order of the column is not the usual one."""
    blank = pc.or_(is_absent(texts), pc.fill_null(pc.match_substring_regex(texts, pattern=r"^[0./-]*$"), True))
    said = pc.if_else(blank, pa.scalar(None, pa.string()), texts)
    dates = pa.array(_read_others([text or "" for text in said.to_pylist()], order), pa.date32())
    return dates, pc.and_(pc.invert(blank), dates.is_null()).to_numpy(zero_copy_only=False)


def _read_others(texts: list[str], order: DateOrder) -> list[datetime.date | None]:
    firsts = [_first_of(text) for text in texts]
    own = _own_format(order.said) if order.said else None
    if own is None:
        order.learn([match for match in map(_ORDERED.fullmatch, firsts) if match])
    found = []
    for text in firsts:
        date = own(text) if own else None
        found.append(date or _read(text, order))
    return found


def _first_of(text: str) -> str:
    """The first of several dates in a cell, without the publication in brackets that Orbit prints before it."""
    first = re.split(r"\s*[\r\n;|]\s*", text.strip(), maxsplit=1)[0]
    if match := _SIDE_BY_SIDE.fullmatch(first):
        return match[1]
    return re.sub(r"^\([^)]*\)\s*|\s*\([A-Z]{2}[^)]*\)$", "", first).strip()


def _read(text: str, order: DateOrder) -> datetime.date | None:
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    for pattern in (_ISO, _COMPACT, _EAST):
        if match := pattern.fullmatch(text):
            swapped = pattern is _ISO and order.year_first == DAY_FIRST
            return _date(match[1], match[3], match[2]) if swapped else _date(match[1], match[2], match[3])
    if match := _ORDERED.fullmatch(text):
        first, second = int(match[1]), int(match[3])
        if order.order in ("", MIXED) and first != second and first <= 12 and second <= 12:
            order.ambiguous.append(text)
            return None
        month_first = order.order == MONTH_FIRST or (order.order == MIXED and second > 12)
        day, month = (second, first) if month_first else (first, second)
        return _date(match[4], month, day)
    if match := _NAMED.fullmatch(_without_accents(text.lower())):
        name = match[2] or match[3]
        return _date(_century(match[5]), _MONTHS.get(name[:4], _MONTHS.get(name[:3], 0)), match[1] or match[4])
    if match := _ERA.fullmatch(text):
        return _date(_ERAS[match[1]] + int(match[2].replace("元", "1")), match[3], match[4])
    if _SHORT.fullmatch(text):
        order.ambiguous.append(text)
        return None
    if match := _SERIAL.fullmatch(text):
        return _EXCEL + datetime.timedelta(days=int(match[1]))
    if match := _EPOCHS.fullmatch(text):
        return _of_epoch(int(match[1]))
    return None


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def _of_epoch(value: int) -> datetime.date | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told by their size."""
    for digits, divisor in ((10, 1), (13, 1000), (16, 10**6), (19, 10**9)):
        if len(str(abs(value))) <= digits:
            return _EPOCH + datetime.timedelta(seconds=value // divisor)
    return None


def _date(year: str | int, month: str | int, day: str | int) -> datetime.date | None:
    try:
        found = datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if 1600 <= found.year < 2100 else None  # databases write 9999-12-31 and 0001-01-01 for no date


def _century(year: str) -> int:
    """A year of four digits as it is; of two the one from 1930 to 2029, as spreadsheets read it."""
    return int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 30 else 1900)


def _own_format(said: str) -> Callable[[str], datetime.date | None]:
    pieces = {"YYYY": r"(?P<Y>\d{4})", "YY": r"(?P<y>\d\d)", "MM": r"(?P<M>\d{1,2})", "DD": r"(?P<D>\d{1,2})"}
    pattern = re.compile("".join(pieces.get(part, re.escape(part)) for part in _FORMAT.findall(said.upper())) + _TIME)

    def read(text: str) -> datetime.date | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        short = int(parts.get("y") or 0)
        return _date(parts.get("Y") or _century(f"{short:02}"), parts["M"], parts["D"])

    return read
