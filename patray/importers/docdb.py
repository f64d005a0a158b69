"""DOCDB, the EPO's master file: exchange documents in XML, loose, zipped, or zips in the zip as it is delivered.

Biblio and abstracts, no claims or descriptions. Citations carry who cited, when, and the letters of the search report.
Documents that a front file deletes are filtered.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from patray.importers.exchange import NO_DATA, convert, extract
from patray.importers.format import Format, Unit, only
from patray.importers.json_lines import BAD_BYTES, cut
from patray.importers.options import Options
from patray.importers.record import Finding, Rows
from patray.importers.source import SourceFile, Stream
from patray.importers.xml_documents import cut_documents, parse_document, xml_members

BATCH_DOCUMENTS = 1000
NOT_XML = "not well-formed XML"
DELETED = "deleted by the source (status D)"
EMPTY = "a file without exchange documents"
_SKIP = re.compile(r"(?i)(?:^|/)(?:DTDS?|XSD|Root/DTDS)/|index\.xml$|__MACOSX")


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    inside = [file for file in files if file.compression == "zip" and file.member.lower().endswith(".zip")]
    plain = [file for file in files if file not in inside and not _SKIP.search(file.member)]
    found = [file for file in plain if file.base.endswith(".xml")]
    return [Unit("xml", file) for file in (inside + found or only(plain, (".xml",), "docdb"))]


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    batch: list[dict[str, Any]] = []
    findings: list[Finding] = []
    filtered: Counter[str] = Counter()
    line, stream = 1, Stream(unit.file, options.keep_truncated)
    with stream, io.BufferedReader(stream, 1 << 20) as outer:
        for label, reader in xml_members(outer, unit.file.label, _SKIP):
            where = "" if label == unit.file.label else f" (in {label.rsplit(':', 1)[-1]})"
            line = 0
            for line, data, encoding in cut_documents(reader, ("exchange-document",), label):
                try:
                    document, broken = parse_document(data, encoding)
                except ElementTree.ParseError as error:
                    row = error.position[0]
                    findings.append(
                        Finding(line, None, f"{NOT_XML}: {error} (line {line + row - 1} of the file){where}")
                    )
                else:
                    if (document.get("status") or "").upper().startswith("D"):
                        filtered[DELETED] += 1
                        continue
                    record, odd = extract(document, line, options)
                    if document.find("bibliographic-data") is None:
                        name = "".join(record[one] or "" for one in ("office", "number", "kind")) or None
                        findings.append(Finding(line, name, f"{NO_DATA}: status {document.get('status')!r}{where}"))
                        continue
                    batch.append(record)
                    findings += odd
                    if broken:
                        findings.append(Finding(line, record["number"], BAD_BYTES, "kept"))
                if len(batch) >= BATCH_DOCUMENTS:
                    yield from convert(batch, findings, filtered, options)
                    batch, findings, filtered = [], [], Counter()
            if line == 0:
                filtered[EMPTY] += 1
    if stream.cut:
        findings.append(Finding(max(line, 1), None, cut(stream), "kept"))
    yield from convert(batch, findings, filtered, options)


FORMAT = Format(
    name="docdb",
    plan=plan,
    read=read,
    source="EPO DOCDB (bulk data of the European Patent Office)",
    licence="see the EPO's terms for its bulk data sets",
    dates=("publication", "filing", "priority"),
)
