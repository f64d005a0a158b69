"""Telling the USPTO's full-text formats by their first bytes, never by the file's name."""

from __future__ import annotations

import re

from patray.importers.source import SourceFile, Stream

APS, PATDOC, PAP = "APS text", "PATDOC", "application XML v1"
_SIGNS = (
    (APS, re.compile(rb"\A\s*HHHHHT|^PATN[ \t]*\r?$", re.MULTILINE)),
    (PATDOC, re.compile(rb"<(?:!DOCTYPE\s+)?PATDOC\b")),
    (PAP, re.compile(rb"<(?:!DOCTYPE\s+)?patent-application-publication\b")),
)


def era(file: SourceFile) -> str:
    """Which format before 2005 a file holds: APS, PATDOC or PAP; '' for every other."""
    with Stream(file, keep_truncated=True) as stream:
        head = stream.raw().read(1 << 14)
    return next((name for name, sign in _SIGNS if sign.search(head)), "")
