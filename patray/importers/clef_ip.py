"""CLEF-IP 2010 to 2013: the corpus (one XML file a publication, EP and WO), topics and qrels.

A patent of the landscape is all publications of one number: relevance is of patents, not of files, so ids carry no kind
(`EP1000000`). Topics (`PAC-1001_EP-1234567-A1.xml`, or files that a topics list names) become queries under the topic's
number, in their own language. What a file is, is told by its name, else by its first bytes.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa

from patray.errors import InputError
from patray.importers.columns import dates, separate_claims
from patray.importers.format import Format, Unit
from patray.importers.json_lines import BAD_BYTES
from patray.importers.nested import STRINGS
from patray.importers.numbers import join_number, parse_numbers, without_kind
from patray.importers.options import Options
from patray.importers.record import CITED, QRELS, Finding, Rows, patents_table
from patray.importers.source import SourceFile, Stream
from patray.importers.uspto_xml import NOT_XML, parse_xml
from patray.importers.xml_documents import paragraphs, text_of
from patray.landscapes.grades import parse_grade

S = pa.string()
UNIT_FILES = 2000
MERGED = "another publication of the same patent, merged"
TWICE = "pair judged more than once, the highest is kept"
_NAME = re.compile(r"([a-z]{2})-([a-z]?\d+)-([a-z]\d?)\.xml")
_TOPIC = re.compile(r"(pac-\d+)[_-].+\.xml")
_LISTED = re.compile(r"<(?:num|tid)>\s*([^<\s]+)\s*</(?:num|tid)>.*?<(?:file|tfile)>\s*([^<\s]+)\s*</", re.DOTALL)
_CODE = re.compile(r"\s*([A-H]\d\d[A-Z])[\s-]*0*(\d{1,4})\s*/\s*(\d{2,6})")


def plan(files: Sequence[SourceFile], options: Options) -> list[Unit]:
    corpus: list[SourceFile] = []
    topics: list[SourceFile] = []
    units: list[Unit] = []
    lists: list[SourceFile] = []
    for file in files:
        role = _role(file)
        if role == "list":
            lists.append(file)
            units.append(Unit("list", file))
        elif role == "qrels":
            units.append(Unit("qrels", file))
        elif role:
            (topics if role == "topic" else corpus).append(file)
    named = {name: number for one in lists for number, name in _read_list(one)}
    topics += [file for file in corpus if file.base in named]
    corpus = [file for file in corpus if file.base not in named]
    if not corpus:
        raise InputError(f"clef-ip: no file of the corpus (EP-1000000-A1.xml); found {files[0].label}, ...")
    group: list[SourceFile] = []
    for file in sorted(corpus, key=lambda one: (_patent(one), one.base)):
        if len(group) >= UNIT_FILES and _patent(file) != _patent(group[-1]):
            units.append(Unit("patents", group[0], more=tuple(group[1:])))
            group = []
        group.append(file)
    units.append(Unit("patents", group[0], more=tuple(group[1:])))
    by_list = [one for one in topics if one.base in named]
    units += [Unit(f"queries {named[one.base]}", one) for one in by_list]
    by_name = [one for one in topics if one.base not in named]
    for start in range(0, len(by_name), UNIT_FILES):
        first, *more = by_name[start : start + UNIT_FILES]
        units.append(Unit("queries", first, more=tuple(more)))
    return units


def _role(file: SourceFile) -> str:
    """'patents', 'topic', 'list' of topics, 'qrels', or '' for what is none of them."""
    if _NAME.fullmatch(file.base):
        return "patents"
    if _TOPIC.fullmatch(file.base):
        return "topic"
    with Stream(file, keep_truncated=True) as stream:
        head = stream.raw().read(1 << 14)
    if b"<patent-document" in head:
        return "patents"
    if _LISTED.search(head.decode("utf-8", "replace")):
        return "list"
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip() and line[0] != "#"]
    if lines and _judgement(lines[0]) is not None:
        return "qrels"
    if file.base.endswith(".xml"):
        raise InputError(f"{file.label}: neither a <patent-document> nor a list of topics (<num>, <file>)")
    return ""


def _read_list(file: SourceFile) -> list[tuple[str, str]]:
    with Stream(file) as stream, io.BufferedReader(stream) as reader:
        text = reader.read().decode("utf-8", "replace")
    return [(number, name.rsplit("/", 1)[-1].lower()) for number, name in _LISTED.findall(text)]


def _patent(file: SourceFile) -> str:
    return file.base.rsplit("-", 1)[0] if _NAME.fullmatch(file.base) else file.base


def _topic_number(file: SourceFile) -> str:
    match = _TOPIC.fullmatch(file.base)
    return match[1].upper() if match else file.base.removesuffix(".xml")


def _judgement(line: str) -> tuple[str, str, str] | None:
    """(topic, document, grade): three or four fields, or the commas of 2012 (a passage, which has no grade)."""
    fields = line.split()
    if len(fields) in (3, 4) and "," not in fields[0]:
        return (fields[0], fields[-2], fields[-1]) if re.fullmatch(r"-?\d+(\.0*)?", fields[-1]) else None
    fields = [one.strip() for one in line.split(",")]
    return (fields[0], fields[1], "1") if len(fields) == 3 and fields[2].startswith("/patent-document") else None


def read(unit: Unit, options: Options) -> Iterator[Rows]:
    if unit.role == "qrels":
        yield _qrels(unit.file)
        return
    if unit.role == "list":
        listed = pa.table({"topic": [number for number, _ in _read_list(unit.file)]})
        yield Rows("source topics", listed, listed.num_rows)
        return
    which, _, topic = unit.role.partition(" ")
    findings: list[Finding] = []
    groups: dict[str, list[dict[str, Any]]] = {}
    number = 0
    for number, file in enumerate((unit.file, *unit.more), 1):
        with Stream(file) as stream, io.BufferedReader(stream) as reader:
            data = reader.read()
        try:
            root, broken = parse_xml(data)
        except ElementTree.ParseError as error:
            findings.append(Finding(number, file.label, f"{NOT_XML}: {file.label}: {error}"))
            continue
        if root.tag != "patent-document":
            findings.append(Finding(number, file.label, f"no <patent-document>: {file.label} holds a <{root.tag}>"))
            continue
        record = _publication(root, number)
        if broken:
            findings.append(Finding(number, file.label, f"{BAD_BYTES}: {file.label}", "kept"))
        record["topic"] = topic or _topic_number(file)
        own = record["topic"] if which == "queries" else f"{record['office']}-{record['number'] or file.base}"
        groups.setdefault(own, []).append(record)
    merged = Counter({MERGED: sum(len(group) - 1 for group in groups.values())})
    prefer = () if which == "queries" else options.prefer
    yield from _convert(which, [_merge(group, prefer) for group in groups.values()], findings, +merged)


def _publication(root: ElementTree.Element, line: int) -> dict[str, Any]:
    """One file: texts by language, and what its attributes say."""
    named = (root.get("ucid") or "").split("-")
    office, number, kind = [*named, "", "", ""][:3]
    texts: dict[str, dict[str, Any]] = {"title": {}, "abstract": {}, "claims": {}, "description": {}}
    own = (root.get("lang") or "").lower()

    def add(section: str, element: ElementTree.Element, value: Any) -> None:
        if value:
            texts[section].setdefault((element.get("lang") or own).lower(), value)

    for one in root.iterfind("bibliographic-data//invention-title"):
        add("title", one, text_of(one))
    for section in ("abstract", "description"):
        for one in root.iterfind(section):
            add(section, one, paragraphs(one))
    for one in root.iterfind("claims"):
        add("claims", one, [text for claim in one.iterfind("claim") if (text := text_of(claim))])
    found = [text for tag in ("ipcr", "ipc") for text in _codes(root, tag)]
    cited = [
        one.get("ucid") or "-".join(one.findtext(f"document-id/{name}", "") for name in ("country", "doc-number"))
        for one in root.iterfind("bibliographic-data//patcit")
    ]
    return {
        "office": (root.get("country") or office).upper() or None,
        "number": root.get("doc-number") or number or None,
        "kind": (root.get("kind") or kind) or None,
        "family": root.get("family-id"),
        "publication": root.get("date"),
        "language": own or None,
        "texts": texts,
        "ipc": list(dict.fromkeys(found)),
        "cited": list(dict.fromkeys(one for one in cited if one.strip("-"))),
        "line": line,
    }


def _codes(root: ElementTree.Element, tag: str) -> list[str]:
    """`A46B   5/02        20060101AFI20051220RMJP` and `A46B005/02` are `A46B5/02`; other text as it is, once."""
    path = f"bibliographic-data//classification-{tag}"
    found = []
    for one in root.iterfind(path):
        for element in [child for child in one if "edition" not in child.tag] or [one]:
            text = element.text or ""
            match = _CODE.match(text)
            found.append(f"{match[1]}{match[2]}/{match[3]}" if match else " ".join(text.split()))
    return [code for code in found if code]


def _merge(group: list[dict[str, Any]], prefer: Sequence[str]) -> dict[str, Any]:
    """All publications of a patent as one: each section from the first kind that has it, best language first."""
    group = sorted(group, key=lambda one: one["kind"] or "")
    first = next((one for one in group if any(one["texts"].values())), group[0])
    languages = [*(one.lower() for one in prefer), first["language"]]
    merged = {**first, "publication": min((one["publication"] for one in group if one["publication"]), default=None)}
    said_in: dict[str, str] = {}
    for section in ("title", "abstract", "claims", "description"):
        choices = [one["texts"][section] for one in group if one["texts"][section]]
        said = [(language, texts[language]) for language in languages for texts in choices if language in texts]
        said += [pair for texts in choices for pair in texts.items()]
        merged[section] = said[0][1] if said else ([] if section == "claims" else None)
        if said:
            said_in[section] = said[0][0]
    read_in = next((said_in[one] for one in ("abstract", "claims", "title", "description") if one in said_in), "")
    merged["language"] = read_in or first["language"]
    for name in ("ipc", "cited"):
        merged[name] = list(dict.fromkeys(value for one in group for value in one[name]))
    merged["family"] = next((one["family"] for one in group if one["family"]), None)
    return merged


def _convert(
    which: str, patents: list[dict[str, Any]], findings: list[Finding], merged: Counter[str]
) -> Iterator[Rows]:
    def column(name: str, kind: pa.DataType = S) -> pa.Array:
        return pa.array([one[name] for one in patents], kind)

    read_rows = len(patents) + sum(merged.values()) + sum(one.action == "dropped" for one in findings)
    lines = np.array([one["line"] for one in patents], dtype=np.int64)
    ids = column("topic") if which == "queries" else join_number(column("office"), column("number"))
    data = patents_table(
        {
            "patent_id": ids,
            "family_id": column("family"),
            "jurisdiction": column("office"),
            "date": dates(column("publication"), lines, ids, findings),
            **{name: column(name) for name in ("title", "abstract", "description", "kind", "language")},
            "claims": separate_claims(column("claims", STRINGS)),
            "ipc": column("ipc", STRINGS),
            "line": pa.array(lines),
        },
        len(patents),
    )
    yield Rows(which, data, read_rows, findings, merged)
    if which == "patents":
        pairs = [(own, one) for own, row in zip(ids.to_pylist(), patents, strict=True) for one in row["cited"]]
        cited = without_kind(parse_numbers(pa.array([one for _, one in pairs], S)).field("key"))
        count = len(pairs)
        table = pa.table([pa.array([own for own, _ in pairs], S), cited, pa.nulls(count, S), pa.nulls(count, S)], CITED)
        table = table.filter(table["cited_id"].is_valid())
        unread = Counter({"cited number cannot be read": count - table.num_rows})
        yield Rows("citations", table, count, filtered=+unread)


def _qrels(file: SourceFile) -> Rows:
    best: dict[tuple[str, str], tuple[int, int]] = {}
    findings: list[Finding] = []
    judged: list[tuple[int, str, str, int]] = []
    read_lines = 0
    with Stream(file) as stream, io.BufferedReader(stream) as reader:
        for number, line in enumerate(io.TextIOWrapper(reader, "utf-8-sig", errors="replace"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            read_lines += 1
            said = _judgement(line)
            grade = parse_grade(said[2]) if said else "not `topic document grade` nor `topic,document,passage`"
            if said is None or isinstance(grade, str):
                findings.append(Finding(number, line.split()[0], f"not readable: {grade}"))
            elif grade < 0:
                findings.append(Finding(number, said[0], "unjudged (negative relevance)"))
            else:
                judged.append((number, said[0], said[1], grade))
    printed = pa.array([document for _, _, document, _ in judged], S)
    keys = without_kind(parse_numbers(printed).field("key")).to_pylist()
    for (number, topic, document, grade), key in zip(judged, keys, strict=True):
        match = re.match(r"PAC-\d+", topic.upper())
        pair = (match[0] if match else topic, key or document)
        if pair in best:
            findings.append(Finding(number, topic, f"{TWICE}: {document}"))
        best[pair] = (max(grade, best[pair][0]), best[pair][1]) if pair in best else (grade, number)
    rows = [(*pair, grade, None, number) for pair, (grade, number) in best.items()]
    columns = [pa.array([row[place] for row in rows], field.type) for place, field in enumerate(QRELS)]
    return Rows("qrels", pa.table(columns, schema=QRELS), read_lines, findings)


FORMAT = Format(
    name="clef-ip",
    plan=plan,
    read=read,
    source="CLEF-IP (extract of MAREC)",
    licence="CC BY-NC-SA 3.0",
)
