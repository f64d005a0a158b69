"""USPTO full text before 2005: APS text (1976-2001), PATDOC in SGML and XML v2 (2001-2004), applications in XML v1.

Which of them a file holds is read from its first bytes. Documents are cut apart before they are parsed, so a
damaged one costs itself only. What comes out is as in `uspto-xml`.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from patray.errors import InputError
from patray.importers import uspto_aps, uspto_patdoc
from patray.importers.format import Format, Unit, only
from patray.importers.json_lines import BAD_BYTES, cut
from patray.importers.options import Options
from patray.importers.record import Finding, Rows
from patray.importers.source import SourceFile, Stream
from patray.importers.uspto_eras import APS, era
from patray.importers.uspto_xml import BATCH_DOCUMENTS, NOT_XML, publications

SUFFIXES = (".txt", ".sgm", ".sgml", ".xml", ".dat")
NO_NUMBER = "no patent number (WKU) in this record"


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    units = []
    for file in only(files, SUFFIXES, "uspto-old"):
        role = era(file)
        if not role:
            raise InputError(
                f"{file.label}: neither APS text (PATN) nor PATDOC nor patent-application-publication; files since "
                "2005 go through `patray import uspto-xml`"
            )
        units.append(Unit(role, file))
    return units


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    batch: list[dict[str, Any]] = []
    findings: list[Finding] = []
    line = 1
    cutter = uspto_aps.records if unit.role == APS else uspto_patdoc.documents
    stream = Stream(unit.file, options.keep_truncated)
    with stream, io.BufferedReader(stream, 1 << 20) as reader:
        for line, content in cutter(reader):
            data = b"".join(content) if isinstance(content, list) else content
            text, broken = _decoded(data)
            record = _record(unit.role, text, line, findings)
            if record is not None:
                batch.append(record)
                if broken:
                    findings.append(Finding(line, record["number"], BAD_BYTES, "kept"))
            if len(batch) >= BATCH_DOCUMENTS:
                yield from publications(batch, findings, Counter(), options)
                batch, findings = [], []
    if stream.cut:
        findings.append(Finding(line, None, cut(stream), "kept"))
    yield from publications(batch, findings, Counter(), options)


def _decoded(data: bytes) -> tuple[str, bool]:
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        return data.decode("utf-8", errors="replace"), True


def _record(role: str, text: str, line: int, findings: list[Finding]) -> dict[str, Any] | None:
    """The document's record; None, with a finding, where it cannot be read."""
    if role == APS:
        record = uspto_aps.extract(text, line)
        if not record["number"]:
            findings.append(Finding(line, None, NO_NUMBER))
            return None
        return record
    try:
        root, unknown = uspto_patdoc.parse(text)
    except ElementTree.ParseError as error:
        row, _ = error.position
        findings.append(Finding(line, None, f"{NOT_XML}: {error} (line {line + row - 1} of the file)"))
        return None
    record = uspto_patdoc.extract(root, line)
    if unknown:
        named = ", ".join(f"&{name};" for name in unknown[:5])
        findings.append(Finding(line, record["number"], f"unknown entities, left as written: {named}", "kept"))
    return record


FORMAT = Format(
    name="uspto-old",
    plan=plan,
    read=read,
    source="USPTO bulk data, patent full text before 2005",
    licence="public domain (text of US patents)",
    dates=("publication", "filing"),
)
