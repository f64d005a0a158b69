"""EP full text: applications and grants as the EPO publishes them (ST.36, `ep-patent-document`).

Weekly deliveries are a tar (to 2022) or zip (from 2023) of one zip a document, each with an XML file; loose files are
read too. A publication is country + doc-number + kind: `id` and `file` are made from the application's number. Grants
have no abstract and their claims in three languages. Cited numbers are free text without letters or who cited.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from patray.errors import InputError
from patray.importers.exchange import blank, convert, in_language, language_of, symbol
from patray.importers.format import Format, Unit, only
from patray.importers.json_lines import BAD_BYTES, cut
from patray.importers.options import Options
from patray.importers.record import Finding, Rows
from patray.importers.source import SourceFile, Stream
from patray.importers.tar_files import tar_files
from patray.importers.xml_documents import cut_documents, paragraphs, parse_document, text_of, xml_members

BATCH_DOCUMENTS = 200
LOOSE_FILES = 2000
"""Files of one unit: each alone would cost more than its reading."""
NOT_XML = "not well-formed XML"
NOT_ZIP = "not a whole zip archive"
EMPTY = "a file without an EP document"
_SKIP = re.compile(r"(?i)TOC\.xml$|__SL\d+\.xml$|__MACOSX")
"""Tables of contents and sequence listings."""
_CITED = re.compile(r"\s*([A-Z]{2})\s*-\s*([A-Z]\d?)\s*-?\s*([A-Z]{0,2}[\d][\d\s./-]*)\s*")
_EDITION = re.compile(r"^\s*\d\s*(?=[A-H])")


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    kept = [file for file in files if not _SKIP.search(file.member or file.uri)]
    zips = [file for file in kept if file.member.lower().endswith(".zip")]
    found = zips or only(kept, (".xml", ".tar", ".tgz"), "ep-xml")
    archives = [file for file in found if _is_tar(file)]
    loose = [file for file in [*found, *(one for one in kept if zips and one.base.endswith(".xml"))]
             if file not in archives]  # fmt: skip
    groups = [loose[start : start + LOOSE_FILES] for start in range(0, len(loose), LOOSE_FILES)]
    return [Unit("tar", file) for file in archives] + [Unit("xml", one[0], more=tuple(one[1:])) for one in groups]


def _is_tar(file: SourceFile) -> bool:
    with Stream(file, True) as stream, io.BufferedReader(stream) as reader:
        return reader.read(262)[257:] == b"ustar"


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    batch: list[dict[str, Any]] = []
    findings: list[Finding] = []
    filtered: Counter[str] = Counter()
    number = 0
    for file in (unit.file, *unit.more):
        stream = Stream(file, options.keep_truncated)
        with stream:
            for label, reader in _members(unit.role, stream, file):
                if isinstance(reader, str):
                    number += 1
                    findings.append(Finding(number, None, f"{NOT_ZIP}: {reader}"))
                    continue
                before = number
                for line, data, encoding in cut_documents(reader, ("ep-patent-document",), label):
                    number += 1
                    try:
                        document, broken = parse_document(data, encoding)
                    except ElementTree.ParseError as error:
                        where = f"{label}, line {line + error.position[0] - 1}"
                        findings.append(Finding(number, None, f"{NOT_XML}: {where}: {error}"))
                        continue
                    batch.append(extract(document, number, options))
                    if broken:
                        findings.append(Finding(number, batch[-1]["number"], f"{BAD_BYTES}: {label}", "kept"))
                if number == before:
                    filtered[EMPTY] += 1
                if len(batch) >= BATCH_DOCUMENTS:
                    yield from convert(batch, findings, filtered, options)
                    batch, findings, filtered = [], [], Counter()
        if stream.cut:
            findings.append(Finding(max(number, 1), None, cut(stream), "kept"))
    yield from convert(batch, findings, filtered, options)


def _members(role: str, stream: Stream, file: SourceFile) -> Iterator[tuple[str, Any]]:
    """(label, reader) of every XML file of a source file; for a damaged document's zip what is wrong with it."""
    if role == "tar":
        for name, data in tar_files(stream, file, (".xml", ".zip")):
            if not _SKIP.search(name):
                yield from _of_one(io.BufferedReader(io.BytesIO(data)), name)
    else:
        with io.BufferedReader(stream, 1 << 20) as reader:
            yield from _of_one(reader, file.label)


def _of_one(reader: Any, label: str) -> Iterator[tuple[str, Any]]:
    try:
        yield from xml_members(reader, label, _SKIP)
    except InputError as error:
        if "--keep-truncated" in str(error):
            raise
        yield label, str(error)


def extract(document: Element, line: int, options: Options) -> dict[str, Any]:
    """The record of one publication."""
    biblio = document.find("SDOBI")
    biblio = document if biblio is None else biblio
    claims = in_language(document.findall("claims"), options.prefer)
    abstract = in_language(document.findall("abstract"), options.prefer)
    title, title_language = _title(biblio, options.prefer)
    priorities = [text.strip() for one in biblio.iterfind("B300/B320/date") if (text := one.text)]
    return blank(line) | {
        "office": document.get("country"),
        "number": document.get("doc-number"),
        "kind": document.get("kind"),
        "publication": document.get("date-publ") or text_of(biblio.find("B100/B140/date")),
        "filing": text_of(biblio.find("B200/B220/date")),
        "priority": min(priorities, default=None),
        "application_office": document.get("country"),
        "application": text_of(biblio.find("B200/B210")),
        "language": language_of(abstract) or language_of(claims) or title_language or language_of(document),
        "title": title,
        "abstract": paragraphs(abstract),
        "claims": _claims(claims),
        "description": paragraphs(in_language(document.findall("description"), options.prefer)),
        "ipc": _codes(biblio, "B510EP//text") or _codes(biblio, "B510/*"),
        "cpc": _codes(biblio, "B520EP//text"),
        "cited": [_cited(text) for one in biblio.iterfind("B500/B560/B561") if (text := text_of(one))],
    }


def _claims(claims: Element | None) -> list[str]:
    """One text a claim; where none is marked as one, all as one text."""
    if claims is None:
        return []
    found = [text for one in claims.iterfind("claim") if (text := text_of(one))]
    return found or [text for text in [text_of(claims)] if text]


def _title(biblio: Element, prefer: Sequence[str]) -> tuple[str | None, str | None]:
    """(title, its language): B541, a language, and B542, the title in it, take turns."""
    found: dict[str, str] = {}
    language = ""
    for child in biblio.iterfind("B500/B540/*"):
        text = text_of(child)
        if child.tag == "B541":
            language = (text or "").lower()
        elif child.tag == "B542" and text:
            found.setdefault(language, text)
    for name in [*(one.lower() for one in prefer), *found]:
        if name in found:
            return found[name], name or None
    return None, None


def _codes(biblio: Element, path: str) -> list[str]:
    texts = [text for one in biblio.iterfind(f"B500/{path}") if one.tag != "B516" and (text := text_of(one))]
    return list(dict.fromkeys(symbol(_EDITION.sub("", text)) for text in texts))


def _cited(text: str) -> dict[str, str | None]:
    """`WO-A1-2010/012345`, `US-A- 5 123 456`, in parts."""
    match = _CITED.fullmatch(text)
    parts = (match[1], match[3], match[2]) if match else (None, text, None)
    return dict(zip(("office", "number", "kind"), parts, strict=True)) | dict.fromkeys(("origin", "category", "phase"))


FORMAT = Format(
    name="ep-xml",
    plan=plan,
    read=read,
    source="EPO publications in full text (bulk data of the European Patent Office)",
    licence="see the EPO's terms for its bulk data sets",
    dates=("publication", "filing", "priority"),
)
