"""Names the right importer where the wrong one was asked for, by the file's first bytes, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from patray.errors import InputError
from patray.importers.formats import FORMATS
from patray.importers.source import SourceFile, Stream

LOOKED_AT = 4096
FILES_LOOKED_AT = 3
_SIGNS: tuple[tuple[re.Pattern[bytes], str, str], ...] = tuple(
    (re.compile(pattern), importer, what)
    for pattern, importer, what in (
        (rb'\A\s*(?:<\?xml[^>]*>\s*)?(?:<[!?][^>]*>\s*)*<ops:world-patent-data|\A\s*[{\[][^<]{0,200}"ops:world-patent-data"',
         "ops", "an answer of the EPO's Open Patent Services"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:\w+:)?exchange-documents?[\s>]", "docdb", "DOCDB exchange documents"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:!DOCTYPE )?ep-patent-document[\s>]", "ep-xml", "EP full text"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:!DOCTYPE )?us-patent-(?:grant|application)[\s>]", "uspto-xml",
         "USPTO full text"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:!DOCTYPE )?PATDOC[\s>]", "uspto-old", "a USPTO grant of 2001 to 2004 (PATDOC)"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:!DOCTYPE )?patent-application-publication[\s>]", "uspto-old",
         "a USPTO application of 2001 to 2004"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<patent-document\s[^>]*ucid=", "clef-ip", "a MAREC or CLEF-IP document"),
        (rb"\AHHHHHT|\APATN\s*[\r\n]", "uspto-old", "USPTO text of before 2001 (Green Book)"),
        (rb'(?s)\A\s*[{\[].{0,3000}?"(?:citedDocumentIdentifier|parsedReferenceIdentifier|'
         rb'applicantCitedExaminerReferenceIndicator)"\s*:', "office-actions", "citations of USPTO office actions"),
        (rb'(?s)\A\s*[{\[].{0,3000}?"(?:patentFileWrapperDataBag"\s*:\s*\[|applicationMetaData"\s*:\s*\{)', "uspto-odp",
         "an answer of the USPTO's Open Data Portal"),
        (rb'(?s)\A\s*[{\[](?=.*"lens_id"\s*:)(?=.*"biblio"\s*:\s*\{)', "lens", "records of The Lens"),
        (rb'(?s)\A\s*[{\[](?=.*"publication_number"\s*:)'
         rb'(?=.*"(?:title|abstract|claims|description)_localized"\s*:\s*\[)',
         "bigquery", "Google Patents Public Data (BigQuery)"),
        (rb"(?i)\A\s*<(?:!doctype\s+html|html|head|body|table|meta)\b", "",
         "a web page (HTML), whatever it is called; open it in a spreadsheet and save it as .xlsx or CSV"),
        (rb"\A(?=\s*<)[^{]{0,3000}?<(?:\w+:)?Workbook[\s>]", "",
         "a spreadsheet of Excel 2003 in XML, whatever it is called; open it and save it as .xlsx or CSV"),
        (rb"(?i)\AMIME-Version:", "", "a web archive (MHTML); open it in a spreadsheet and save it as .xlsx or CSV"),
        (rb"\A\s*TY  - ", "", "references for a bibliography (RIS); export the list as a table instead"),
        (rb"\A%PDF-", "", "a PDF; export the list as a table instead"),
        (rb"\A\{\\rtf", "", "a text document (RTF); save its table as CSV"),
        (rb"\A(?:\x89PNG|GIF8|\xff\xd8\xff)", "", "a picture"),
        (rb"\ASQLite format 3", "", "an SQLite database; export the table as CSV"),
        (rb"\A(?:ARROW1|FEA1)", "", "an Arrow (Feather) file; write it as Parquet"),
        (rb"\A(?:7z\xbc\xaf|Rar!)", "", "an archive that is no zip; unpack it first"),
        (rb"\A\x80[\x02-\x05]", "", "a Python pickle; write it as Parquet"),
        (rb"\A\x00{64}", "", "a file of null bytes: it was not copied whole"),
    )
)  # fmt: skip
"""(first bytes, the importer that reads it, '' for none, and what it is)."""
_MEMBERS = ((re.compile(r"(?i)(?:^|/)DOCDB-\d{6}-"), "docdb"), (re.compile(r"(?i)(?:^|/)EPNWB1/"), "ep-xml"))
_STARTS = (
    b"<", b"{", b"[", b"HHHHHT", b"PATN", b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"SQLite", b"ARROW1", b"FEA1",
    b"7z\xbc\xaf", b"Rar!", b"\x80", b"\x00", b"MIME-Version", b"TY  - ",
)  # fmt: skip
_ALSO = {("docdb", "ops"), ("uspto-odp", "office-actions")}
"""(what it is, importer): pairs that work as well: OPS answers may be cut to their exchange documents, and the portal's
answers say which publications the applications of office actions became."""


def recognise(head: bytes, member: str = "") -> tuple[str, str] | None:
    """(importer, what it is) of a file's first bytes, None where they tell nothing certain.

    `<ops:world-patent-data ...` -> ("ops", "an answer of the EPO's Open Patent Services").
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith(b"PK\x03\x04"):
        return next(((name, "a delivery of zips in a zip") for sign, name in _MEMBERS if sign.search(member)), None)
    if not head.lstrip().startswith(_STARTS):
        return None
    return next(((importer, what) for sign, importer, what in _SIGNS if sign.search(head)), None)


def check_format(asked: str, files: Sequence[SourceFile]) -> None:
    """Raise InputError when the first files are certainly of another format than asked for."""
    for file in files[:FILES_LOOKED_AT]:
        with Stream(file, True) as stream:
            found = recognise(stream.read(LOOKED_AT) or b"", file.member)
        if found is None or found[0] == asked or (found[0], asked) in _ALSO:
            continue
        importer, what = found
        if {importer, asked} <= {"uspto-xml", "uspto-old"}:
            continue  # their own readers say more
        if importer not in FORMATS:
            raise InputError(f"{file.label}: {what}")
        raise InputError(f"{file.label}: {what}, not what `{asked}` reads; import it with: patray import {importer}")
