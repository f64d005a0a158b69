"""XML files of many documents: cut at an element's tags, each parsed alone, so a damaged one costs itself only."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from html.entities import html5
from typing import Any
from xml.etree import ElementTree

from patray.errors import InputError

STEP = 1 << 20
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]*);")
_GREEK = dict(
    zip(
        ("a", "b", "g", "d", "e", "z", "ee", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "sf", "s", "t", "u",
         "ph", "kh", "ps", "oh"),
        "αβγδεζηθικλμνξοπρςστυφχψω",
        strict=True,
    )
)  # fmt: skip
ENTITIES = {
    **{name.removesuffix(";"): text for name, text in html5.items() if name.endswith(";")},
    **{f"{name}gr": letter for name, letter in _GREEK.items()},
    **{f"{name.upper()}gr": letter.upper() for name, letter in _GREEK.items() if name != "sf"},
}
"""HTML's, and the Greek letters of ISO 8879, which HTML has not: `&mgr;m` is the micrometre of US patents of 2001."""
_PREDEFINED = {b"amp", b"lt", b"gt", b"quot", b"apos"}
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_PREFIX = re.compile(r"""</?([A-Za-z_][\w.-]*):|\s([A-Za-z_][\w.-]*):[\w.-]+\s*=\s*["']""")
_TAG_AT_MOST = 256
"""A tag's name that lies across two blocks is no longer than this."""
_SPACE = re.compile(r"\s+")
_BLOCKS = {
    "p", "paragraph", "heading", "li", "br", "table", "tables", "row", "entry", "maths", "claim-text", "ul", "ol",
    "dl", "dt", "dd", "sl", "pre",
}  # fmt: skip
"""Elements that stand apart from the text around them even without white space between."""


def without_entities(data: bytes) -> bytes:
    """The DTD, which is elsewhere, names entities; they become the characters that they stand for."""

    def replace(match: re.Match[bytes]) -> bytes:
        text = None if match[1] in _PREDEFINED else ENTITIES.get(match[1].decode("ascii"))
        return match[0] if text is None else b"".join(b"&#%d;" % ord(one) for one in text)

    return _ENTITY.sub(replace, data) if b"&" in data else data


def cut_documents(reader: Any, names: Sequence[str], label: str) -> Iterator[tuple[int, bytes, str]]:
    """(line of its first tag, bytes, encoding) of every element with one of the names, whatever its prefix.

    Memory holds one element. What has no end tag ends at the next element. Raises InputError for UTF-16 and for an
    encoding that is not known.
    """
    either = "|".join(map(re.escape, names)).encode()
    start = re.compile(rb"<(?:[\w.-]+:)?(" + either + rb")(?=[\s/>])")
    bound = re.compile(rb"<(/?)(?:[\w.-]+:)?(?:" + either + rb")(?=[\s/>])")
    data = reader.read(STEP)
    encoding = _encoding(data, label)
    line, more = 1, bool(data)

    def grown(data: bytes) -> tuple[bytes, bool]:
        block = reader.read(max(STEP, len(data)))
        return data + block, bool(block)

    while True:
        opened = start.search(data)
        if opened is None:
            if not more:
                return
            done = max(0, len(data) - _TAG_AT_MOST)
            line, data = line + data.count(b"\n", 0, done), data[done:]
            data, more = grown(data)
            continue
        line, data = line + data.count(b"\n", 0, opened.start()), data[opened.start() :]
        stop, searched = -1, 1
        while stop < 0:
            closing = data.find(b">")
            if closing >= 0 and data[closing - 1 : closing] == b"/":
                stop = closing + 1
            elif (met := bound.search(data, searched)) is not None:
                if not met[1]:
                    stop = met.start()
                elif (end := data.find(b">", met.end())) >= 0:
                    stop = end + 1
            if stop < 0:
                if not more:
                    stop = len(data)
                else:
                    searched = max(1, (met.start() if met else len(data)) - _TAG_AT_MOST) if closing >= 0 else 1
                    data, more = grown(data)
        yield line, data[:stop], encoding
        line, data = line + data.count(b"\n", 0, stop), data[stop:]


def _encoding(head: bytes, label: str) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:4]:
        raise InputError(f"{label}: UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    declared = _DECLARED.search(head[:1000])
    name = declared[1].decode("ascii") if declared else "utf-8"
    try:
        "".encode(name)
    except LookupError as error:
        raise InputError(f"{label}: Python knows no encoding {name!r}, which the file says it has") from error
    return name


def parse_document(data: bytes, encoding: str = "utf-8") -> tuple[ElementTree.Element, bool]:
    """The element, names without prefixes, and whether bytes were not in the encoding (they became U+FFFD).

    Raises ElementTree.ParseError.
    """
    try:
        text, broken = data.decode(encoding), False
    except UnicodeDecodeError:
        text, broken = data.decode(encoding, errors="replace"), True
    prefixes = {one for pair in _PREFIX.findall(text) for one in pair if one} - {"xml", "xmlns"}
    declared = "".join(f' xmlns:{one}="{one}"' for one in sorted(prefixes))
    wrapped = f"<cut{declared}>".encode() + without_entities(text.encode("utf-8", "replace")) + b"</cut>"
    root = ElementTree.fromstring(wrapped)[0]
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root, broken


def xml_members(reader: Any, label: str, skip: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    """(label, reader) of the file, or of every .xml in it where it is a zip archive, archives in it opened too."""
    if reader.peek(4)[:4] != b"PK\x03\x04":
        yield label, reader
        return
    try:
        with zipfile.ZipFile(io.BytesIO(reader.read())) as archive:
            for name in archive.namelist():
                if name.lower().endswith((".xml", ".zip")) and not skip.search(name):
                    with archive.open(name) as member, io.BufferedReader(member) as inner:  # type: ignore[type-var]
                        yield from xml_members(inner, f"{label}:{name}", skip)
    except zipfile.BadZipFile as error:
        raise InputError(f"{label}: not a whole zip archive (cut off or damaged): {error}") from error


def text_of(element: ElementTree.Element | None) -> str | None:
    """All text inside an element, white space as single spaces; None where there is none."""
    if element is None:
        return None
    parts: list[str] = []
    _collect(element, parts)
    return _SPACE.sub(" ", "".join(parts)).strip() or None


def _collect(element: ElementTree.Element, parts: list[str]) -> None:
    parts.append(element.text or "")
    for child in element:
        gap = " " if child.tag in _BLOCKS else ""
        if isinstance(child.tag, str):
            parts.append(gap)
            _collect(child, parts)
        parts += [gap, child.tail or ""]


def paragraphs(element: ElementTree.Element | None) -> str | None:
    """The texts of an element's children, one a line; all as one line where it has text beside them.

    `<abstract><p>A.</p><p>B.</p></abstract>` is two lines, `<abstract><i>In vitro</i> method</abstract>` one.
    """
    if element is None:
        return None
    texts = [text for child in element if (text := text_of(child))]
    beside = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    return "\n".join(texts) if texts and not beside else text_of(element)
