"""Answers of the EPO's Open Patent Services (OPS 3.2), XML or JSON, as they were saved: biblio, abstracts, full texts.

A document may come in several answers (biblio, then claims, then the description): they are joined by number, so all
files are one unit and memory holds the documents. The JSON is the XML in other signs (`@` attributes, `$` texts, a list
only where an element repeats) and is turned back.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pyarrow as pa

from patray.errors import InputError
from patray.importers.exchange import NO_DATA, SCHEMA, convert, extract, extract_full_text, keys_of
from patray.importers.format import Format, Unit, only
from patray.importers.json_documents import BOM, as_lines
from patray.importers.json_lines import BAD_BYTES, NOT_JSON, cut
from patray.importers.numbers import without_kind
from patray.importers.options import Options
from patray.importers.record import Action, Finding, Rows
from patray.importers.source import SourceFile, Stream
from patray.importers.xml_documents import cut_documents, parse_document, xml_members

NOT_XML = "not well-formed XML"
NO_DOCUMENT = "an answer without documents"
NUMBERS_ONLY = "an answer that lists numbers, images or legal events, without documents"
JOINED = "joined to the other answer on the same publication"
SEVERAL = "full text names no kind, and several publications have its number"
BATCH_DOCUMENTS = 1000
_ELEMENTS = ("exchange-document", "fulltext-document")
_FAULT = re.compile(rb"(?:<message>|\"message\"\s*:[^\"]*\")([^<\"]{1,200})")
_TEXT_KEYS = ("$", "#text")


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    found = only(files, (".xml", ".json", ".jsonl", ".ndjson", ".txt"), "ops")
    return [Unit("answers", found[0], more=tuple(found[1:]))]


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    records: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    findings: list[Finding] = []
    filtered: Counter[str] = Counter()
    number = 0
    for file in (unit.file, *unit.more):
        before = number
        try:
            for document in _documents(file, options):
                number += 1
                if isinstance(document, tuple):
                    findings.append(Finding(number, None, *document))
                elif document.tag == "fulltext-document":
                    texts.append(extract_full_text(document, number, options))
                else:
                    record, odd = extract(document, number, options)
                    findings += odd
                    if document.find("bibliographic-data") is None and document.find("abstract") is None:
                        name = "".join(record[one] or "" for one in ("office", "number", "kind")) or None
                        said = document.get("status") or "none"
                        findings.append(Finding(number, name, f"{NO_DATA}: status {said} ({file.label})"))
                    else:
                        records.append(record)
        except InputError as error:
            if "--keep-truncated" in str(error):
                raise
            number += 1
            findings.append(Finding(number, None, f"{NOT_JSON}: {error}"))
        if number == before:
            number += 1
            head = _head(file)
            if b"world-patent-data" in head:
                filtered[NUMBERS_ONLY] += 1
            else:
                findings.append(Finding(number, None, f"{NO_DOCUMENT}: {file.label}{_fault(head)}"))
    kept, joined, odd = _joined(records, texts)
    findings, filtered = findings + odd, filtered + joined
    for start in range(0, max(len(kept), 1), BATCH_DOCUMENTS):
        yield from convert(kept[start : start + BATCH_DOCUMENTS], findings, filtered, options)
        findings, filtered = [], Counter()


def _documents(file: SourceFile, options: Options) -> Iterator[Element | tuple[str, Action]]:
    """The exchange documents and full texts of a file, and what was wrong with others."""
    stream = Stream(file, options.keep_truncated)
    with stream, io.BufferedReader(stream, 1 << 20) as reader:
        head = reader.peek(64).removeprefix(BOM).lstrip()
        if head[:1] in (b"{", b"["):
            for block in as_lines(reader, file.label, 1 << 20, ("ops:world-patent-data", "exchange-documents")):
                for record in block.splitlines():
                    yield from _inside(to_element("answer", json.loads(record)))
        else:
            for label, inner in xml_members(reader, file.label, re.compile("__MACOSX")):
                for line, data, encoding in cut_documents(inner, _ELEMENTS, label):
                    try:
                        document, broken = parse_document(data, encoding)
                    except ElementTree.ParseError as error:
                        yield f"{NOT_XML}: {label}, the document in line {line}: {error}", "dropped"
                    else:
                        yield document
                        if broken:
                            yield f"{BAD_BYTES}: {label}, the document in line {line}", "kept"
    if stream.cut:
        yield cut(stream), "kept"


def to_element(tag: str, value: Any) -> Element:
    """JSON as the element that it was: `{"@lang": "en", "p": {"$": "A brush."}}`."""
    element = Element(tag.rpartition(":")[2])
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _TEXT_KEYS:
                element.text = _scalar(inner.get("$", "") if isinstance(inner, dict) else inner)
            elif key.startswith("@") or (key == "lang" and isinstance(inner, str)):  # dumps that lost the `@`
                element.set(key.removeprefix("@"), _scalar(inner))
            else:
                element.extend(to_element(key, one) for one in (inner if isinstance(inner, list) else [inner]))
    elif isinstance(value, list):
        element.extend(to_element(tag, one) for one in value)
    else:
        element.text = _scalar(value)
    return element


def _scalar(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _inside(root: Element) -> Iterator[Element]:
    yield from (one for one in root.iter() if one.tag in _ELEMENTS)


def _head(file: SourceFile) -> bytes:
    with Stream(file, True) as stream:
        return stream.read(4096) or b""


def _fault(head: bytes) -> str:
    """What the service said instead, as ` (...)`."""
    said = _FAULT.search(head)
    return f" ({said[1].decode('utf-8', 'replace').strip()})" if said else ""


def _joined(
    records: Sequence[dict[str, Any]], texts: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], Counter[str], list[Finding]]:
    """(one record a publication, answers joined into others, findings)."""
    everything = [*records, *texts]
    keys = keys_of(pa.Table.from_pylist(everything, schema=SCHEMA))
    kept: list[dict[str, Any]] = []
    filtered: Counter[str] = Counter()
    findings: list[Finding] = []
    by_key: dict[str, dict[str, Any]] = {}
    by_number: defaultdict[str, list[str]] = defaultdict(list)
    for record, key, bare in zip(everything, keys.to_pylist(), without_kind(keys).to_pylist(), strict=True):
        others = by_number[bare] if key == bare and key is not None else []
        if key not in by_key and len(others) > 1:
            findings.append(Finding(record["line"], key, SEVERAL))
            continue
        into = by_key.get(key if key in by_key or not others else others[0])
        if into is None:
            kept.append(record)
            if key is not None:
                by_key[key] = record
                by_number[bare].append(key)
        else:
            into.update({name: value for name, value in record.items() if value and not into[name]})
            filtered[JOINED] += 1
    return kept, filtered, findings


FORMAT = Format(
    name="ops",
    plan=plan,
    read=read,
    source="EPO Open Patent Services (OPS)",
    licence="see the EPO's terms of use for Open Patent Services",
    dates=("publication", "filing", "priority"),
)
