"""The EPO's exchange documents, as DOCDB and Open Patent Services (OPS) both write them: one element to one record.

    <exchange-document country="EP" doc-number="1000000" kind="A1" family-id="19768124"> ... </exchange-document>

DOCDB says the form of a number on the reference (`data-format`), OPS on the `document-id`; both are read. What stands
under `patent-family` belongs to other publications and is not taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.columns import dates, one_text, separate_claims
from patray.importers.families import known_family, same_application
from patray.importers.nested import STRINGS, whole
from patray.importers.numbers import join_number, parse_numbers, without_kind
from patray.importers.options import Options
from patray.importers.record import CITED_HOW, Finding, Rows, patents_table
from patray.importers.xml_documents import paragraphs, text_of
from patray.landscapes.cited_how import BAD_CATEGORY, is_category, letters, phase_and_origin

S = pa.string()
NO_DATA = "no bibliographic data in the document"
_CITED = pa.list_(pa.struct([(name, S) for name in ("office", "number", "kind", "origin", "category", "phase")]))
_TEXTS = ("office", "number", "kind", "publication", "filing", "priority", "application_office", "application")
SCHEMA = pa.schema(
    [
        *[(name, S) for name in (*_TEXTS, "family", "language", "title", "abstract", "description")],
        *[(name, STRINGS) for name in ("claims", "ipc", "cpc")],
        ("cited", _CITED),
        ("line", pa.int64()),
    ]
)
_SYMBOL = re.compile(r"([A-HY])\s*(\d\d)\s*([A-Z])\s*(?:(\d{1,4})\s*/\s*(\d{1,6}))?")
_CLAIM_NUMBER = re.compile(r"\s*(\d{1,4})\s*[.):]")


def extract(document: Element, line: int, options: Options) -> tuple[dict[str, Any], list[Finding]]:
    """The record of an exchange document, and what was wrong with it."""
    biblio = document.find("bibliographic-data")
    biblio = document if biblio is None else biblio
    publication = _best_id(biblio.findall("publication-reference"))
    application = _best_id(biblio.findall("application-reference"))
    priorities = [one.text.strip() for one in biblio.iterfind("priority-claims/priority-claim//date") if one.text]
    title = in_language(biblio.findall("invention-title"), options.prefer)
    abstract = in_language(document.findall("abstract"), options.prefer)
    record = blank(line) | {
        **{name: said(document, tag) or said(publication, tag) for name, tag in _ID_TAGS.items()},
        "publication": said(document, "date-publ") or _date(biblio, "publication-reference"),
        "filing": _date(biblio, "application-reference"),
        "priority": min(priorities, default=None),
        "application_office": said(application, "country"),
        "application": said(application, "doc-number"),
        "family": said(document, "family-id"),
        "language": language_of(abstract) or language_of(title),
        "title": text_of(title),
        "abstract": paragraphs(abstract),
        "ipc": _ipc(biblio),
        "cpc": _cpc(biblio),
    }
    record["cited"], strange = _citations(biblio)
    name = "".join(record[one] or "" for one in _ID_TAGS) or None
    return record, [Finding(line, name, f"{BAD_CATEGORY}: {text[:40]!r}", "kept") for text in strange]


_ID_TAGS = {"office": "country", "number": "doc-number", "kind": "kind"}


def extract_full_text(document: Element, line: int, options: Options) -> dict[str, Any]:
    """The record of a full-text answer of OPS: number, claims and description, nothing else."""
    publication = _best_id(list(document.iter("publication-reference")))
    claims = in_language(document.findall("claims"), options.prefer)
    description = in_language(document.findall("description"), options.prefer)
    return blank(line) | {
        **{name: said(publication, tag) for name, tag in _ID_TAGS.items()},
        "claims": _claims(claims),
        "description": paragraphs(description),
        "language": language_of(claims) or language_of(description),
    }


def blank(line: int) -> dict[str, Any]:
    """A record that says nothing."""
    lists: dict[str, Any] = {name: [] for name in ("claims", "ipc", "cpc", "cited")}
    return dict.fromkeys(SCHEMA.names) | lists | {"line": line}


def said(element: Element | None, name: str) -> str | None:
    """An attribute; in answers whose `@` was lost on the way it is a child."""
    if element is None:
        return None
    text = (element.get(name) or element.findtext(name) or "").strip()
    return text or None


def language_of(element: Element | None) -> str | None:
    language = said(element, "lang")
    return language.lower() if language else None


def in_language(elements: Sequence[Element], prefer: Sequence[str]) -> Element | None:
    """The first with text in the first preferred language that there is, else the first with text."""
    full = [one for one in elements if text_of(one)]
    for language in prefer:
        for one in full:
            if language_of(one) == language.lower():
                return one
    return full[0] if full else None


def _best_id(references: Sequence[Element]) -> Element | None:
    """The docdb number of the references to one publication; without a form said, the one that has all its parts."""
    ids = [(said(one, "document-id-type") or said(ref, "data-format") or "", one) for ref in references
           for one in ref.iterfind("document-id")]  # fmt: skip
    ranked = sorted(
        ids, key=lambda pair: (pair[0] != "docdb", -sum(said(pair[1], tag) is not None for tag in _ID_TAGS.values()))
    )
    return ranked[0][1] if ranked else None


def _date(biblio: Element, reference: str) -> str | None:
    best = _best_id(biblio.findall(reference))
    return said(best, "date") or next((one.text for one in biblio.iterfind(f"{reference}//date") if one.text), None)


def _claims(claims: Element | None) -> list[str]:
    """One text a claim. OPS writes one `claim` with many `claim-text`: one that has no next number continues."""
    if claims is None:
        return []
    found: list[str] = []
    expected = 1
    elements = claims.findall("claim")
    for claim in elements:
        texts = [text for one in claim.findall("claim-text") if (text := text_of(one))] or [text_of(claim) or ""]
        if len(elements) > 1:
            found.append("\n".join(texts))
            continue
        for text in texts:
            number = _CLAIM_NUMBER.match(text)
            starts = number is not None and int(number[1]) == expected
            if found and (not starts or expected == 1):
                found[-1] += f"\n{text}"
            else:
                found.append(text)
            expected += starts
    return [text for text in found if text.strip()] or [text for text in [text_of(claims)] if text]


def symbol(text: str) -> str:
    """`A47L   9/    28 20060101AFI20051220RMJP`, `H04B 7/18515` or `F 23D 13/18 B` as a plain code; else as it is."""
    match = _SYMBOL.match(text.strip())
    if match is None:
        return " ".join(text.split())
    return f"{match[1]}{match[2]}{match[3]}" + (f"{int(match[4])}/{match[5]}" if match[4] else "")


def _ipc(biblio: Element) -> list[str]:
    texts = [text_of(one) for one in biblio.iterfind("classifications-ipcr/classification-ipcr/text")]
    texts += [text_of(one) for one in biblio.iterfind("classifications-ipcr/classification-ipcr") if not len(one)]
    if not any(texts):
        for name in ("text", "main-classification", "further-classification"):
            texts += [text_of(one) for one in biblio.iterfind(f"classification-ipc/{name}")]
    return list(dict.fromkeys(symbol(text) for text in texts if text))


def _cpc(biblio: Element) -> list[str]:
    found = []
    for one in biblio.iterfind("patent-classifications/patent-classification"):
        scheme = one.find("classification-scheme")
        if not (said(scheme, "scheme") or "CPC").upper().startswith("CPC"):
            continue
        whole_symbol = said(one, "classification-symbol")
        parts = [said(one, name) or "" for name in ("section", "class", "subclass", "main-group", "subgroup")]
        if whole_symbol:
            found.append(symbol(whole_symbol))
        elif all(parts[:3]):
            found.append("".join(parts[:3]) + (f"{parts[3]}/{parts[4]}" if parts[3] and parts[4] else ""))
    return list(dict.fromkeys(found))


def _citations(biblio: Element) -> tuple[list[dict[str, str | None]], list[str]]:
    """(cited publications, categories that could not be read)."""
    found, strange = [], []
    for citation in biblio.iterfind("references-cited/citation"):
        phase, origin = phase_and_origin(said(citation, "cited-phase"), said(citation, "cited-by"))
        texts = [one.text.strip() for one in citation.iter("category") if one.text and one.text.strip()]
        strange += [text for text in texts if not is_category(text)]
        category = letters(texts)
        for patent in citation.iterfind("patcit"):
            best = _best_id([patent])
            number = said(best, "doc-number") or said(patent, "dnum") or text_of(patent.find("text"))
            cited = {"office": said(best, "country"), "number": number, "kind": said(best, "kind")}
            found.append(cited | {"origin": origin, "category": category, "phase": phase})
    return found, strange


def keys_of(table: pa.Table) -> pa.Array:
    """(n,) string: canonical numbers of records; an epodoc number holds its office."""
    office, number, kind = (whole(table[name]) for name in ("office", "number", "kind"))
    return pc.coalesce(join_number(office, number, kind), parse_numbers(_with_kind(number, kind)).field("key"))


def _with_kind(number: pa.Array, kind: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(number, pc.fill_null(kind, ""), "")


def convert(
    batch: Sequence[dict[str, Any]], findings: Sequence[Finding], filtered: Counter[str], options: Options
) -> Iterator[Rows]:
    """Patents and citations of some records. A search report's citations (A3, A4) go to the application's text."""
    table = pa.Table.from_pylist(list(batch), schema=SCHEMA)
    column = {name: whole(table[name]) for name in table.column_names}
    lines = column["line"].to_numpy(zero_copy_only=False)
    ids, findings = keys_of(table), list(findings)
    read_rows = len(batch) + sum(one.action == "dropped" for one in findings) + sum(filtered.values())
    family = known_family(column["family"])
    application = same_application(column["application_office"], column["application"])
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": family,
            "members": one_text(pc.if_else(family.is_null(), application, pa.scalar(None, S))),
            "jurisdiction": pc.coalesce(column["office"], parse_numbers(column["number"]).field("office")),
            "date": dates(column[options.date], lines, ids, findings),
            "claims": separate_claims(column["claims"]),
            **{name: column[name] for name in ("title", "abstract", "description", "ipc", "cpc", "kind", "language")},
            "line": column["line"],
        },
        len(batch),
    )
    yield Rows("patents", data, read_rows, findings, filtered)
    report = pc.and_(
        pc.is_in(column["office"], value_set=pa.array(["EP", "WO"])),
        pc.is_in(column["kind"], value_set=pa.array(["A3", "A4"])),
    )
    citing = pc.if_else(report, without_kind(ids), ids)
    rows = pc.list_parent_indices(column["cited"])
    cited = column["cited"].flatten()
    parts = {field.name: pc.struct_field(cited, field.name) for field in _CITED.value_type}
    columns = [
        citing.take(rows),
        keys_of(pa.table({name: parts[name] for name in ("office", "number", "kind")})),
        pa.nulls(len(cited), S),
        parts["origin"],
        parts["category"],
        parts["phase"],
    ]
    found = pa.table(columns, schema=CITED_HOW)
    known = pc.and_(found["cited_id"].is_valid(), found["citing_id"].is_valid())
    lost = len(found) - int(np.count_nonzero(known.to_numpy()))
    unread = Counter({"cited number cannot be read": lost} if lost else {})
    yield Rows("citations", found.filter(known), len(found), filtered=unread)
