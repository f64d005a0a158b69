"""USPTO documents of 2001 to 2004: grants as PATDOC (SGML 2.4, XML 2.5) and applications in XML v1.

In SGML empty elements stand open (`<CITED-BY-EXAMINER>`, `<EMI ...>`); those that a document never closes are closed
here, unless they carry its structure: then it is damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

from patray.importers.uspto_aps import ipc_codes
from patray.importers.uspto_xml import as_tree
from patray.importers.xml_documents import ENTITIES, text_of

_START = re.compile(rb"<(?:PATDOC|patent-application-publication)(?=[\s>])")
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)([^<>]*?)(/?)>")
_STRUCTURE = re.compile(
    r"PATDOC|SDO[A-Z]+|B\d\d\d|CL|CLM|PARA|PTEXT|PDAT|STEXT|BTEXT|PCIT|DOC|DNUM|DATE|CTRY|KIND|HIL|H"
)
_ENTITY = re.compile(r"&([A-Za-z][\w.-]*);?")
_PREDEFINED = ("amp", "lt", "gt", "quot", "apos")
_APART = frozenset(("PARA", "CLMSTEP", "H", "LI", "ENTRY", "ROW", "TABLE", "CWU", "BR"))
_IPC = re.compile(r"([A-H]\d\d[A-Z])[\s-]*(\d{1,4})\s*/\s*(\d{1,6})")


def documents(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(line, bytes) of every document, from its start tag to the next one's; prologs are left out."""
    current: list[bytes] = []
    start = 0
    for number, raw in enumerate(lines, 1):
        line = raw
        while (match := _START.search(line)) is not None:
            head, line = line[: match.start()], line[match.start() :]
            if start:
                yield start, b"".join([*current, head])
            current, start = [line[:2]], number
            line = line[2:]
        if start:
            current.append(line)
    if start:
        yield start, b"".join(current)


def parse(text: str) -> tuple[ElementTree.Element, list[str]]:
    """The document's tree, and the names of entities that stand for no known character; they stay as written.

    Raises ElementTree.ParseError where it is damaged.
    """
    end = max(text.rfind("</PATDOC>"), text.rfind("</patent-application-publication>"))
    if end >= 0:
        text = text[: text.index(">", end) + 1]
    unknown: list[str] = []

    def entity(match: re.Match[str]) -> str:
        name = match[1]
        if name in _PREDEFINED:
            return f"&{name};"
        found = ENTITIES.get(name)
        if found is None:
            unknown.append(name)
            return f"&amp;{match[0][1:]}"
        return "".join(f"&#{ord(one)};" for one in found)

    text = _ENTITY.sub(entity, text)
    if text.startswith("<PATDOC"):
        text = re.sub(r"<DEL-S\b[^<>]*>(?:\s*</DEL-S>)?", "<?delete-start?>", text)
        text = re.sub(r"<DEL-E\b[^<>]*>(?:\s*</DEL-E>)?", "<?delete-end?>", text)
        closed = {match[2] for match in _TAG.finditer(text) if match[1] or match[4]}

        def close(match: re.Match[str]) -> str:
            opens = not match[1] and not match[4] and match[2] not in closed and not _STRUCTURE.fullmatch(match[2])
            return f"<{match[2]}{match[3]}/>" if opens else match[0]

        text = _TAG.sub(close, text)
    return as_tree(text.encode("utf-8")), sorted(set(unknown))


def extract(root: ElementTree.Element, line: int) -> dict[str, Any]:
    """One publication as the record of plain values that `uspto_xml.publications` takes."""
    return {**(_grant(root) if root.tag == "PATDOC" else _application(root)), "cpc": [], "line": line}


def _grant(root: ElementTree.Element) -> dict[str, Any]:
    at = root.find("SDOBI")
    at = root if at is None else at
    codes = [_said(one) for path in ("B511", "B512") for one in at.iterfind(f"B500/B510/{path}")]
    kind = _said(at.find("B100/B130")) or None
    design = (kind or "").startswith("S")
    return {
        "office": _said(at.find("B100/B190")) or "US",
        "number": _said(at.find("B100/B110")) or None,
        "kind": kind,
        "publication": _said(at.find("B100/B140")) or None,
        "filing": _said(at.find("B200/B220")) or None,
        "application": _said(at.find("B200/B210")) or None,
        "language": "en",
        "title": _pdat(at.find("B500/B540")),
        "abstract": _blocks(root.find("SDOAB"), ("PARA",), _pdat),
        "claims": [text for claim in root.iterfind("SDOCL//CLM") if (text := _pdat(claim))],
        "description": _blocks(root.find("SDODE"), ("H", "PARA"), _pdat),
        "ipc": [] if design else ipc_codes(codes),
        "cited": _cited(at),
    }


def _cited(at: ElementTree.Element) -> list[dict[str, str | None]]:
    cited: list[dict[str, str | None]] = []
    for one in at.iterfind("B500/B560/B561"):
        tags = {element.tag for element in one.iter()}
        origin = "examiner" if "CITED-BY-EXAMINER" in tags else "other" if "CITED-BY-OTHER" in tags else None
        document = one.find("PCIT/DOC")
        if document is not None and (number := _said(document.find("DNUM"))):
            office = _said(document.find("CTRY")) or "US"
            kind = _said(document.find("KIND")) or None
            cited.append({"office": office, "number": number, "kind": kind, "origin": origin})
    return cited


def _application(root: ElementTree.Element) -> dict[str, Any]:
    at = root.find("subdoc-bibliographic-information")
    at = root if at is None else at
    codes = []
    for one in at.iterfind("technical-information/classification-ipc//ipc"):
        match = _IPC.fullmatch((one.text or "").strip())
        codes.append(f"{match[1]}{int(match[2])}/{match[3]}" if match else text_of(one) or "")
    return {
        "office": text_of(at.find("document-id/country-code")) or "US",
        "number": text_of(at.find("document-id/doc-number")),
        "kind": text_of(at.find("document-id/kind-code")),
        "publication": text_of(at.find("document-id/document-date")),
        "filing": text_of(at.find("domestic-filing-data/filing-date")),
        "application": text_of(at.find("domestic-filing-data/application-number")),
        "language": "en",
        "title": text_of(at.find("technical-information/title-of-invention")),
        "abstract": _blocks(root.find("subdoc-abstract"), ("paragraph",), text_of),
        "claims": [text for claim in root.iterfind("subdoc-claims//claim") if (text := text_of(claim))],
        "description": _blocks(root.find("subdoc-description"), ("heading", "paragraph"), text_of),
        "ipc": list(dict.fromkeys(code for code in codes if code)),
        "cited": [],
    }


def _said(element: ElementTree.Element | None) -> str:
    """The text of all PDAT inside, its inner blanks kept: they are places of fixed columns."""
    return "" if element is None else "".join(one.text or "" for one in element.iter("PDAT")).strip()


def _pdat(element: ElementTree.Element | None) -> str | None:
    """All text of PDAT elements inside, as one line; white space between elements is layout."""
    parts: list[str] = []

    def collect(one: ElementTree.Element) -> None:
        gap = " " if one.tag in _APART else ""
        parts.append(gap + (one.text or "" if one.tag == "PDAT" else ""))
        for child in one:
            collect(child)
            parts.append(child.tail or "" if one.tag == "PDAT" else "")
        parts.append(gap)

    if element is not None:
        collect(element)
    return " ".join("".join(parts).split()) or None


def _blocks(element: ElementTree.Element | None, tags: tuple[str, ...], text: Any) -> str | None:
    """The texts of the outermost elements of these names, one a line."""
    found: list[str] = []

    def collect(one: ElementTree.Element) -> None:
        for child in one:
            if child.tag in tags:
                found.extend([said] if (said := text(child)) else [])
            else:
                collect(child)

    if element is None:
        return None
    collect(element)
    return "\n".join(found) or text(element)
