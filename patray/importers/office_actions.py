"""Citations of the USPTO's office actions into a landscape of US patents: who cited, X/Y/A, and 102 or 103.

Two services answer with them, neither holds the other's: Enriched Citation v3 (`citedDocumentIdentifier`, category
letters) and Office Action Citations v2 (`referenceIdentifier` in free words, `legalSectionCode`). Both name the citing
side by its application, so a landscape needs the column `application` (imports of USPTO sources write it), or answers
of the Open Data Portal (`patentFileWrapperDataBag`) among the files, which say which publication an application became.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.importers.citations import Lookup
from patray.importers.families import application_number
from patray.importers.json_lines import first_keys, read_json_lines
from patray.importers.nested import whole
from patray.importers.numbers import parse_numbers
from patray.importers.printed import OFFICES
from patray.importers.recognise import check_format
from patray.importers.record import FINDINGS, Finding
from patray.importers.source import SourceFile, find_files
from patray.landscapes.cited_how import BAD_CATEGORY, UNKNOWN, letters, origin_word
from patray.landscapes.parts import find_parts, is_landscape, open_parts
from patray.landscapes.schema import CITATIONS, DOCUMENTS, STRING, to_strings
from patray.landscapes.validate import is_prepared

NO_NUMBER = "cited document is no publication number"
NO_APPLICATION = "no application number"
LITERATURE = "non-patent literature"
OTHER_APPLICATION = "its application is not in the landscape"
OUTSIDE = "cited publication outside the landscape"
SELF = "cites its own application"
NOT_CITATIONS = "holds neither office-action citations (patentApplicationNumber) nor answers of the Open Data Portal"

_FLAGS = ("examinerCitedReferenceIndicator", "applicantCitedExaminerReferenceIndicator")
_USED = "officeActionCitationReferenceIndicator"
_NAMES = (
    "patentApplicationNumber", "citedDocumentIdentifier", "countryCode", "kindCode", "citationCategoryCode",
    "officeActionDate", "referenceIdentifier", "parsedReferenceIdentifier", "legalSectionCode", "actionTypeCategory",
)  # fmt: skip


def _schema(flag: pa.DataType) -> pa.Schema:
    return pa.schema(
        [*((name, STRING) for name in _NAMES), *((name, flag) for name in (*_FLAGS, _USED, "nplIndicator"))]
    )


_SCHEMAS = [_schema(STRING), _schema(pa.bool_())]
_WRAPPER = pa.schema(
    [
        ("applicationNumberText", STRING),
        ("applicationMetaData", pa.struct([("patentNumber", STRING), ("earliestPublicationNumber", STRING)])),
    ]
)
_NEW = pa.schema(
    [
        *((name, STRING) for name in ("citing_id", "cited_id", "origin", "category", "phase", "reliance")),
        ("same_family", pa.bool_()),
    ]
)
_IN_WORDS = re.compile(r"\b([A-Z]{2})[ -]{0,2}((?:RE|PP|D|H|T)?[ -]?\d[\d,/. -]*\d)(?:[ -]?([A-Z]\d?))?(?![A-Za-z0-9])")
_BARE = re.compile(r"(?<![A-Za-z0-9])((?:RE|PP|D|H|T)?[ -]?\d[\d,/]{4,}\d)(?:[ -]?([A-Z]\d?))?(?![A-Za-z0-9])")
_SURE = re.compile(r"(?:RE|PP|D|H|T)?[ -]?\d{1,3}(?:,\d{3})+|(?:19|20)\d\d/?\d{7}")
"""A number without a country that is a US number also where nothing else says so."""
_OFFICE_FIRST = re.compile(r"(?!(?:RE|PP|RX|AI)\d)[A-Z]{2}[A-Z]{0,3}\d")


def candidates(row: dict[str, Any]) -> list[str]:
    """Texts that may be the cited publication's number, the surest first.

    "US 2006/0075466 A1" -> the same; "Itagaki; Takeshi US 20150044531 A1" -> US20150044531A1; "SMITH (6,234,567)" ->
    US6,234,567. The parsed digits of a reference lack D, RE and the country: they only confirm what the words say, and
    stand alone where eleven of them name an application of the US.
    """
    found = []
    said, words = ((row[name] or "").strip() for name in ("citedDocumentIdentifier", "referenceIdentifier"))
    if said:
        kind, office = ((row[name] or "").strip().upper() for name in ("kindCode", "countryCode"))
        plain = re.sub(r"[\s\-/,._:]", "", said.upper())
        if not _OFFICE_FIRST.match(plain):
            plain = (office if office in OFFICES else "US") + plain
        named = re.search(r"\d[A-Z]\d?$", plain) or not re.fullmatch(r"[A-Z]\d?", kind)
        found.append(plain if named else plain + kind)
    for office, number, kind in _IN_WORDS.findall(words or said):
        if office in OFFICES and len(re.sub(r"\D", "", number)) >= 5:
            found.append(f"{office}{number}{kind}")
    parsed = re.sub(r"\D", "", row["parsedReferenceIdentifier"] or "").lstrip("0")
    for number, kind in _BARE.findall(words or said):
        digits = re.sub(r"\D", "", number).lstrip("0")
        if digits == parsed or (not parsed and _SURE.fullmatch(number)):
            found.append(f"US{number}{kind}")
    return [*found, f"US{parsed}"] if re.fullmatch(r"20\d{9}", parsed) and not found else found


@dataclass
class Said:
    """What one record says of a citation. reliance: `102` or `103` where a rejection relies on it."""

    origins: tuple[str | None, ...]
    category: str | None
    phase: str | None
    reliance: str | None


def what_is_said(row: dict[str, Any]) -> Said:
    """Who cited and how: {"citationCategoryCode": "X", "officeActionDate": "2023-01-01"} -> X, in examination.

    A section counts where the record is of an office action and its action is a rejection (or not named): what was
    withdrawn or allowed relies on nothing.
    """
    flags = [_true(row[name]) for name in _FLAGS]
    section = re.match(r"\s*(?:35\s*U\.?S\.?C\.?\s*)?(10[23])(?!\d)", row["legalSectionCode"] or "")
    rejected = (row["actionTypeCategory"] or "").strip().lower() in ("", "rejected", "rejection")
    acted = _true(row[_USED]) or bool((row["officeActionDate"] or "").strip())
    return Said(
        tuple(who for who, said in zip(("examiner", "applicant"), flags, strict=True) if said) or (None,),
        letters([row["citationCategoryCode"]]),
        "examination" if acted else None,
        section[1] if section and rejected and acted else None,
    )


def _true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "y", "yes")


@dataclass(frozen=True)
class _Patents:
    """The landscape's patents. rows: application (digits) -> row of its earliest publication."""

    ids: pa.Array
    family: list[str | None]
    application: list[str | None]
    rows: dict[str, int]
    lookup: Lookup

    @staticmethod
    def of(folder: Folder, wrappers: Sequence[SourceFile]) -> _Patents:
        """Raises InputError where nothing says from which applications the patents come."""
        documents = open_parts(folder, "patents.parquet", DOCUMENTS)
        names = [one for one in ("patent_id", "family_id", "date", "application") if one in documents.schema.names]
        table = pa.Table.from_batches(
            documents.batches(1 << 16, names), pa.schema([documents.schema.field(name) for name in names])
        ).combine_chunks()
        count = table.num_rows
        ids = to_strings(whole(table["patent_id"]))
        days = np.full(count, 2**31 - 1)
        if "date" in names:
            dates = whole(table["date"]).cast(pa.date32()).cast(pa.int32())
            days = dates.fill_null(2**31 - 1).to_numpy(zero_copy_only=False).astype(np.int64)
        lookup = Lookup(ids, pa.nulls(count, STRING), days, np.arange(count), printed=True)
        application: list[str | None] = [None] * count
        if "application" in names:
            application = _applications(to_strings(whole(table["application"])))
        for number, row in _of_wrappers(wrappers, lookup):
            application[row] = number
        rows: dict[str, int] = {}
        for row in np.lexsort((np.arange(count), days))[::-1].tolist():
            if application[row]:
                rows[application[row]] = row
        if not rows:
            raise InputError(
                f"{folder}: nothing says from which application a patent comes, and office actions name applications; "
                "add answers of the Open Data Portal (patentFileWrapperDataBag) for these patents to the files, or "
                "write the numbers into a column `application` of patents.parquet"
            )
        family = to_strings(whole(table["family_id"])).to_pylist() if "family_id" in names else [None] * count
        return _Patents(ids, family, application, rows, lookup)


def _of_wrappers(files: Sequence[SourceFile], lookup: Lookup) -> list[tuple[str, int]]:
    """(application, row) of every publication of the portal's answers that is in the landscape."""
    found: list[tuple[str, int]] = []
    for file in files:
        for block in read_json_lines(file, [_WRAPPER], needed=("applicationNumberText",)):
            names = _applications(whole(block.table["applicationNumberText"]))
            meta = whole(block.table["applicationMetaData"])
            for field_name in ("patentNumber", "earliestPublicationNumber"):
                keys = parse_numbers(pc.struct_field(meta, field_name), office="US").field("key")
                rows = _find(lookup, keys)
                found += [(name, row) for name, row in zip(names, rows.tolist(), strict=True) if name and row >= 0]
    return found


def _applications(numbers: pa.Array) -> list[str | None]:
    """`16/816,197`, `US16816197` and `US-202016816197-A` (DOCDB, with the year) as `16816197`, None for none."""
    plain = application_number(pa.repeat(pa.scalar("US"), len(numbers)), numbers)
    pattern, parts = r"^US(?:(?:19|20)\d\d)?(\d{8})A?$", []
    for text in plain.to_pylist():
        match = re.match(pattern, text or "")
        parts.append(match[1].lstrip("0") if match else (text or "US")[2:] or None)
    return parts


def _find(lookup: Lookup, keys: pa.Array) -> np.ndarray:
    return lookup.find(pa.chunked_array([keys]), pa.chunked_array([pa.nulls(len(keys), STRING)]))


Pairs = dict[tuple[int, int], dict[tuple[str | None, str | None], tuple[set[str], set[str]]]]
"""(citing row, cited row) -> (origin, category) -> (phases, sections relied on)."""


@dataclass
class _Counts:
    read: int = 0
    kept: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def _read_file(file: SourceFile, patents: _Patents, pairs: Pairs) -> _Counts:
    counts = _Counts()
    for block in read_json_lines(file, _SCHEMAS, needed=("patentApplicationNumber",)):
        counts.read += block.read
        counts.findings += block.findings
        names = _applications(whole(block.table["patentApplicationNumber"]))
        records = block.table.to_pylist()
        texts = [candidates(row) for row in records]
        keys = parse_numbers(pa.array([text for one in texts for text in one], STRING)).field("key")
        rows = _find(patents.lookup, keys).tolist()
        at = 0
        for line, row, name, several in zip(block.lines.tolist(), records, names, texts, strict=True):
            known = [place for place in range(at, at + len(several)) if keys[place].is_valid]
            at += len(several)
            citing = patents.rows.get(name or "", -1)
            cited = rows[known[0]] if known else -1
            why = ""
            if name is None:
                counts.findings.append(Finding(line, None, NO_APPLICATION))
                continue
            if _true(row["nplIndicator"]):
                why = LITERATURE
            elif not known:
                said = row["citedDocumentIdentifier"] or row["referenceIdentifier"] or ""
                counts.findings.append(Finding(line, name, f"{NO_NUMBER}: {said.strip()[:60]!r}"))
                continue
            elif citing < 0:
                why = OTHER_APPLICATION
            elif cited < 0:
                why = OUTSIDE
            elif cited == citing or patents.application[cited] == patents.application[citing]:
                why = SELF
            if why:
                counts.filtered[why] += 1
                continue
            said_how = what_is_said(row)
            letter = (row["citationCategoryCode"] or "").strip()
            if letter and said_how.category is None and letter.lower() != UNKNOWN:
                counts.findings.append(Finding(line, name, f"{BAD_CATEGORY}: {letter[:40]!r}", "kept"))
            counts.kept += 1
            for origin in said_how.origins:
                how = pairs.setdefault((citing, cited), {}).setdefault((origin, said_how.category), (set(), set()))
                how[0].update(filter(None, [said_how.phase]))
                how[1].update(filter(None, [said_how.reliance]))
    return counts


def import_office_actions(sources: list[str], destination: str | Folder) -> dict[str, dict[str, Any]]:
    """Add the citations to `destination`/citations.parquet; counts by file: read = kept + quarantined + filtered.

    Raises InputError when the folder holds no landscape, does not say which applications its patents come from, and
    when none of the citations lies inside it.
    """
    folder = destination if isinstance(destination, Folder) else Folder.at(destination)
    if not is_landscape(folder) or is_prepared(folder):
        raise InputError(f"{folder}: no landscape folder (no patents.parquet); import US patents first")
    parts = find_parts(folder, "citations.parquet")
    if parts not in ((), ("citations.parquet",)):
        raise InputError(f"{folder}: citations are in {len(parts)} parts; write them as one citations.parquet first")
    files = find_files(sources)
    check_format("office-actions", files)
    keys = {file: set(first_keys(file)) for file in files}
    wrappers = [file for file in files if "applicationNumberText" in keys[file]]
    for file in files:
        if file not in wrappers and "patentApplicationNumber" not in keys[file]:
            raise InputError(f"{file.label}: {NOT_CITATIONS}; keys found: {', '.join(sorted(keys[file])) or 'none'}")
    patents, pairs = _Patents.of(folder, wrappers), Pairs()
    report: dict[str, dict[str, Any]] = {}
    quarantine = []
    for file in files:
        if file in wrappers:
            continue
        counts = _read_file(file, patents, pairs)
        dropped = sum(one.action == "dropped" for one in counts.findings)
        if counts.read != counts.kept + dropped + counts.filtered.total():
            raise AssertionError(f"{file.label}: {counts.read} read, {counts.kept} kept, {dropped} quarantined")
        quarantine += [(file.label, one.line, one.id, one.reason, one.action) for one in counts.findings]
        report[file.label] = {
            "kind": "citations of office actions",
            "read": counts.read,
            "kept": counts.kept,
            "quarantined": dropped,
            "filtered": counts.filtered.total(),
            "reasons": dict(counts.filtered + Counter(one.reason.split(":")[0] for one in counts.findings)),
        }
    columns = [[row[place] for row in quarantine] for place in range(len(FINDINGS))]
    folder.write_table("office-actions-quarantine.parquet", pa.table(columns, schema=FINDINGS))
    if not pairs:
        total = sum((Counter(one["reasons"]) for one in report.values()), Counter[str]())
        why = "; ".join(f"{number:,} {reason}" for reason, number in total.most_common(4)) or "no record in them"
        raise InputError(f"{', '.join(report) or 'the files'}: no citation inside {folder}: {why}")
    before = open_parts(folder, "citations.parquet", CITATIONS).table() if parts else None
    folder.write_table("citations.parquet", _merged(before, pairs, patents))
    return report


def _merged(before: pa.Table | None, pairs: Pairs, patents: _Patents) -> pa.Table:
    """The landscape's citations with the new ones: a pair stands once for each origin and category.

    A row that says the same origin and category gets phase and reliance; one that says neither goes, and leaves what
    else it says to another, where another says more.
    """
    ids = patents.ids.to_pylist()
    known: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    others = None
    if before is not None:
        none = pa.chunked_array([pa.nulls(len(before), STRING)])
        ends = [
            patents.lookup.find(pa.chunked_array([to_strings(whole(before[name]))]), none)
            for name in ("citing_id", "cited_id")
        ]
        where = list(zip(*(end.tolist() for end in ends), strict=True))
        touched = pa.array([pair in pairs for pair in where], pa.bool_())
        others = before.filter(pc.invert(touched))
        for row in before.append_column("", pa.array(range(len(before)))).filter(touched).to_pylist():
            known[where[row.pop("")]].append(row)
    rows: list[dict[str, Any]] = []
    for pair, said in pairs.items():
        held = {(origin_word(row.get("origin")), letters([row.get("category")])): row for row in known[pair]}
        for (origin, category), (phases, sections) in said.items():
            named = {"citing_id": ids[pair[0]], "cited_id": ids[pair[1]], "origin": origin, "category": category}
            row = held.setdefault((origin, category), named)
            row["phase"] = row.get("phase") or min(phases, default=None)
            row["reliance"] = _joined(row.get("reliance"), *sections)
            family = [patents.family[end] for end in pair]
            row["same_family"] = None not in family and family[0] == family[1]
        silent = held.pop((None, None), None)
        if silent is not None and held:
            first = next(iter(held.values()))
            first["reliance"] = _joined(first.get("reliance"), silent.get("reliance"))
        rows += held.values() if held or silent is None else [silent]
    new = pa.Table.from_pylist(rows, _NEW)
    if others is None:
        return new
    kept = pa.schema([*others.schema, *(one for one in _NEW if one.name not in others.schema.names)])
    return pa.concat_tables([others, pa.Table.from_pylist(rows, kept)], promote_options="default")


def _joined(*sections: str | None) -> str | None:
    return ",".join(sorted({one for some in sections for one in (some or "").split(",") if one})) or None
