"""USPTO weekly full text, grants (`ipg`) and applications (`ipa`), XML v4.x since 2005.

A weekly file is thousands of XML documents one behind the other; they are cut at their XML declarations and parsed one
by one, so a damaged document costs itself only. Roots other than us-patent-grant and us-patent-application are
filtered. There is no family id: publications of one application are one family. v4.2 and v4.5 differ in the names of
the citation elements, 2005 has IPC 7, and all are read. What a reissue deletes from the patent is left out.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.importers.columns import dates, one_text
from patray.importers.families import application_number, same_application
from patray.importers.format import Format, Unit, only
from patray.importers.json_lines import BAD_BYTES, cut
from patray.importers.nested import STRINGS, whole
from patray.importers.numbers import join_number, parse_numbers
from patray.importers.options import Options
from patray.importers.record import CITED, Finding, Rows, patents_table
from patray.importers.source import SourceFile, Stream
from patray.importers.uspto_aps import ipc_codes
from patray.importers.uspto_eras import APS, era
from patray.importers.xml_documents import paragraphs, text_of, without_entities

S = pa.string()
BATCH_DOCUMENTS = 500
ROOTS = {"us-patent-grant": "us-bibliographic-data-grant", "us-patent-application": "us-bibliographic-data-application"}
NOT_XML = "not well-formed XML"
_DECLARATION = b"<?xml"
_NUMBER_ALONE = re.compile(r"\d{1,3}\s*\.?")
_IPC7 = re.compile(r"([A-H]\d\d[A-Z])[\s-]*(\d{1,4})\s*/\s*(\d{1,6})")
_SCHEMA = pa.schema(
    [
        ("office", S),
        ("number", S),
        ("kind", S),
        ("publication", S),
        ("filing", S),
        ("application", S),
        ("language", S),
        ("title", S),
        ("abstract", S),
        ("claims", STRINGS),
        ("description", S),
        ("ipc", STRINGS),
        ("cpc", STRINGS),
        ("cited", pa.list_(pa.struct([("office", S), ("number", S), ("kind", S), ("origin", S)]))),
        ("line", pa.int64()),
    ]
)


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units = [Unit("xml", file) for file in only(files, (".xml",), "uspto-xml")]
    for unit in units:
        if old := era(unit.file):
            raise InputError(
                f"{unit.file.label}: {'the text format before 2001' if old == APS else f'{old} of 2001 to 2004'}; "
                "`patray import uspto-old` reads it (wanted XML v4, ipg or ipa, since 2005)"
            )
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    batch: list[dict[str, Any]] = []
    findings: list[Finding] = []
    other: Counter[str] = Counter()
    line = 1
    stream = Stream(unit.file, options.keep_truncated)
    with stream, io.BufferedReader(stream, 1 << 20) as reader:
        for line, data in documents(reader, unit.file):
            try:
                root, broken = parse_xml(data)
            except ElementTree.ParseError as error:
                row, _ = error.position
                findings.append(Finding(line, None, f"{NOT_XML}: {error} (line {line + row - 1} of the file)"))
            else:
                if root.tag in ROOTS:
                    batch.append(extract(root, line))
                    if broken:
                        findings.append(Finding(line, batch[-1]["number"], BAD_BYTES, "kept"))
                else:
                    other[f"a <{root.tag}> document"] += 1
            if len(batch) >= BATCH_DOCUMENTS:
                yield from publications(batch, findings, other, options)
                batch, findings, other = [], [], Counter()
    if stream.cut:
        findings.append(Finding(line, None, cut(stream), "kept"))
    yield from publications(batch, findings, other, options)


def documents(reader: Any, file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """(first line, bytes) of every XML document of a weekly file. Raises InputError when it holds none."""
    lines: list[bytes] = []
    start, number = 1, 0
    for number, line in enumerate(reader, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        head, found, tail = line.partition(_DECLARATION)
        if found:
            if head.strip():
                lines.append(head)
            if any(one.strip() for one in lines):
                yield start, b"".join(lines)
            lines, start = [found + tail], number
        else:
            lines.append(line)
    if any(one.strip() for one in lines):
        yield start, b"".join(lines)
    elif number == 0:
        raise InputError(f"{file.label}: an empty file")


def parse_xml(data: bytes) -> tuple[ElementTree.Element, bool]:
    """The document, and whether it had bytes that are not UTF-8, which became U+FFFD."""
    data = without_entities(data)
    try:
        return as_tree(data), False
    except ElementTree.ParseError:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return as_tree(data.decode("utf-8", errors="replace").encode("utf-8")), True
        raise


def as_tree(data: bytes) -> ElementTree.Element:
    """The parsed document without what a reissue deletes."""
    if b"<?delete-start" not in data:
        return ElementTree.fromstring(data)
    builder = ElementTree.TreeBuilder(insert_pis=True)
    root = ElementTree.fromstring(data, ElementTree.XMLParser(target=builder))
    _drop_deleted(root, False)
    return root


def _drop_deleted(element: ElementTree.Element, deleted: bool) -> bool:
    """Empty what stands between <?delete-start?> and <?delete-end?>, over whatever elements; True while inside."""
    if deleted:
        element.text = None
    before: ElementTree.Element | None = None
    for child in list(element):
        if child.tag is ElementTree.ProcessingInstruction:
            said = (child.text or "").split(" ", 1)[0]
            deleted = said == "delete-start" or (deleted and said != "delete-end")
            tail = "" if deleted else child.tail or ""
            element.remove(child)
            if before is None:
                element.text = (element.text or "") + tail
            else:
                before.tail = (before.tail or "") + tail
        else:
            deleted = _drop_deleted(child, deleted)
            if deleted:
                child.tail = None
            before = child
    return deleted


def extract(root: ElementTree.Element, line: int) -> dict[str, Any]:
    """One publication as a record of plain values."""
    bibliography = root.find(ROOTS[root.tag])
    bibliography = root if bibliography is None else bibliography
    publication = bibliography.find("publication-reference/document-id")
    application = bibliography.find("application-reference/document-id")
    return {
        "office": _child(publication, "country"),
        "number": _child(publication, "doc-number"),
        "kind": _child(publication, "kind"),
        "publication": _child(publication, "date"),
        "filing": _child(application, "date"),
        "application": _child(application, "doc-number"),
        "language": (root.get("lang") or "").lower() or None,
        "title": text_of(bibliography.find("invention-title")),
        "abstract": paragraphs(root.find("abstract")),
        "claims": [text for claim in root.iterfind("claims/claim") if (text := _claim(claim))],
        "description": paragraphs(root.find("description")),
        "ipc": _codes(bibliography, "classifications-ipcr/classification-ipcr") or _ipc7(bibliography),
        "cpc": _codes(bibliography, "classifications-cpc//classification-cpc"),
        "cited": _citations(bibliography),
        "line": line,
    }


def _child(element: ElementTree.Element | None, name: str) -> str | None:
    found = element.findtext(name) if element is not None else None
    return found.strip() or None if found else None


def _claim(element: ElementTree.Element) -> str | None:
    """The text of a claim, None when it was deleted (a reissue may leave its number)."""
    text = text_of(element)
    return None if text is None or _NUMBER_ALONE.fullmatch(text) else text


def _codes(bibliography: ElementTree.Element, path: str) -> list[str]:
    found = []
    for one in bibliography.iterfind(path):
        section, group, subclass, main, sub = (
            one.findtext(name, "").strip() for name in ("section", "class", "subclass", "main-group", "subgroup")
        )
        if section and group and subclass:
            found.append(f"{section}{group}{subclass}" + (f"{main}/{sub}" if main and sub else ""))
    return list(dict.fromkeys(found))


def _ipc7(bibliography: ElementTree.Element) -> list[str]:
    """Codes of 2005: `A41D013/00`, or `A41D 1300` in columns, main group in three places, no slash."""
    found = []
    for name in ("main-classification", "further-classification"):
        for one in bibliography.iterfind(f"classification-ipc/{name}"):
            match = _IPC7.fullmatch((one.text or "").strip())
            found.append(f"{match[1]}{int(match[2])}/{match[3]}" if match else one.text or "")
    return ipc_codes(found)


def _citations(bibliography: ElementTree.Element) -> list[dict[str, str | None]]:
    found = []
    for path in ("us-references-cited/us-citation", "references-cited/citation"):
        for citation in bibliography.iterfind(path):
            document = citation.find("patcit/document-id")
            if document is not None:
                origin = (citation.findtext("category") or "").strip().removeprefix("cited by ").strip()
                found.append(
                    {
                        "office": _child(document, "country"),
                        "number": _child(document, "doc-number"),
                        "kind": _child(document, "kind"),
                        "origin": origin or None,
                    }
                )
    return found


def publications(
    batch: list[dict[str, Any]], findings: list[Finding], other: Counter[str], options: Options
) -> Iterator[Rows]:
    """Patents and citations from records of plain values, as `extract` gives them."""
    table = pa.Table.from_pylist(batch, schema=_SCHEMA)
    column = {name: whole(table[name]) for name in table.column_names}
    lines = column["line"].to_numpy(zero_copy_only=False)
    ids = join_number(column["office"], column["number"], column["kind"])
    read_rows = len(batch) + sum(one.action == "dropped" for one in findings) + sum(other.values())
    findings = list(findings)
    data = patents_table(
        {
            "patent_id": ids,
            "jurisdiction": column["office"],
            "date": dates(column[options.date], lines, ids, findings),
            **{name: column[name] for name in ("title", "abstract", "claims", "description", "ipc", "cpc", "kind")},
            "language": column["language"],
            "members": one_text(same_application(column["office"], column["application"])),
            "application": application_number(column["office"], column["application"]),
            "line": column["line"],
        },
        len(batch),
    )
    yield Rows("patents", data, read_rows, findings, other)
    rows = pc.list_parent_indices(column["cited"])
    cited = column["cited"].flatten()
    office, number = pc.struct_field(cited, "office"), pc.struct_field(cited, "number")
    # A foreign number may repeat its office or hold it alone (`WO 89/02682` in a US reference).
    bare = join_number(office, number)
    named = parse_numbers(number).field("key")
    key = pc.if_else(pc.match_substring_regex(number, pattern=r"^\s*(?:WO|EP|PCT)"), named, bare)
    found = pa.table(
        [ids.take(rows), pc.coalesce(key, bare), pa.nulls(len(cited), S), pc.struct_field(cited, "origin")],
        schema=CITED,
    )
    known = pc.and_(found["cited_id"].is_valid(), found["citing_id"].is_valid())
    found = found.filter(known)
    yield Rows("citations", found, found.num_rows)


FORMAT = Format(
    name="uspto-xml",
    plan=plan,
    read=read,
    source="USPTO bulk data, patent full text",
    licence="public domain (text of US patents)",
    dates=("publication", "filing"),
)
