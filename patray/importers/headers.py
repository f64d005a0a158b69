"""Names of columns in the exports of patent services, and which landscape column each one is.

Names are compared without case, blanks and punctuation, after Unicode's NFKC: `I P C` is `ipc`.
A name of the landscape's own (`patent_id`) always wins; of several columns that could serve the first in the list does.
Sources: Lens, Espacenet (classic and current), Google Patents (gp-search), PATENTSCOPE, PatSnap, Derwent Innovation,
Orbit, incoPat, Patent Public Search, DEPATISnet, their English, German and Chinese column names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

KNOWN: dict[str, tuple[str, ...]] = {
    "patent_id": (
        "publication number", "veröffentlichungsnummer", "veröffentlichungs-nr.",
        "numéro de publication", "número de publicación",
        "publication no", "publication no.", "publication numbers with kind code & date",
        "publication numbers with kind code", "publication numbers", "publication_number", "publicationnumber",
        "display key", "patent number", "patent no", "patent no.", "patent_number", "document number", "pn", "pub no",
        "pub. no.", "pub number", "document id", "document/patent number", "doc number", "publication id", "id",
        "application id", "lens id",
        "publication nr", "publication nr.", "publ. no.", "publ no", "publ. number", "patent/publication number",
        "公开(公告)号", "公開(公告)號", "公開號", "公告號", "專利號", "公开公告号",
        "公开号", "公告号", "专利号", "文献号", "公開番号", "公報番号", "文献番号", "공개번호", "등록번호",
    ),
    "family_id": (
        "family number", "simple family id", "simple family", "docdb family id", "inpadoc simple family id",
        "questel unique family id (fan)", "family id", "familyid", "简单同族ID", "简单同族编号",
    ),
    "jurisdiction": (
        "jurisdiction", "publication country code", "publication country", "country code", "country", "authority",
        "patent office", "issuing authority", "公开国别", "公开国家", "公开国家/地区", "受理局", "国家/地区",
    ),
    "title": (
        "titel", "titre", "título", "titulo", "bezeichnung",
        "title (english)", "english title", "title_en", "title en", "invention title", "title (en)", "titles",
        "title - english", "title (translated)", "translated title", "patent title", "title - dwpi", "title dwpi",
        "dwpi title", "title (original)", "ti",
        "專利名稱", "標題", "发明标题",
        "标题", "标题 (中文)", "标题(英文)", "标题(翻译)", "专利名称", "发明名称", "名称",
        "标题 - DWPI", "発明の名称", "タイトル", "발명의 명칭",
    ),
    "abstract": (
        "zusammenfassung", "abrégé", "résumé", "resumen", "abstract text",
        "abstract - english", "abstract (translated)", "translated abstract", "patent abstract",
        "abstract (english)", "english abstract", "abstract_en", "abstract en", "abstract (en)", "abstracts", "ab",
        "abstract (original)", "abstract - dwpi", "dwpi abstract", "摘要", "摘要 (中文)", "摘要(英文)", "摘要(翻译)",
        "摘要 - DWPI", "要約", "抄録", "요약",
    ),
    "claims": (
        "claims - english", "claims (translated)", "claim text", "ansprüche", "revendications",
        "claims (english)", "english claims", "claims_en", "claims text", "claim", "all claims", "clms",
        "independent claims", "first claim", "权利要求", "权利要求书", "全部权利要求", "独立权利要求", "首项权利要求",
        "請求項", "特許請求の範囲",
    ),
    "description": (
        "english description", "description (english)", "full text", "specification", "description text",
        "说明书", "说明书全文", "発明の詳細な説明",
    ),
    "ipc": (
        "ipc", "ipc(8)", "ipcr", "分类号", "cib", "ipc-haupt-/nebenklasse", "ipc-hauptklasse",
        "ipcr classifications", "ipc classifications", "international classification", "ipc - current",
        "ipc - current full", "ipc - international classification", "ipc codes", "ipc code", "ipc classification",
        "ipc class", "ipc - current - dwpi", "int cl", "int.cl.", "ic", "IPC分类号", "IPC", "IPC主分类号", "IPC主分类",
        "IPC - 现版", "國際分類號", "国际分类号", "主分类号", "国際特許分類",
        "ipc - main", "main ipc", "first ipc",
    ),
    "cpc": (
        "cpc", "cpc classifications", "cooperative patent classification", "cpc - current",
        "cpci", "cpc inventive",
        "cpc - cooperative classification", "cpc codes", "cpc code", "cpc classification", "cpc class", "CPC分类号",
        "CPC - 现版", "CPC主分类号", "main cpc", "cpc - main",
    ),
    "kind": ("kind code", "kind", "publication kind code", "文献类型代码"),
    "language": ("language", "publication language", "lang"),
    "citations": (
        "cited patents", "cited patent", "patents cited", "cited documents", "cited refs - patent", "patent citations",
        "backward citations", "citations",
        "cited patent numbers", "cited publications", "references cited",
        "引用的参考文献 - 专利", "引证专利", "引用专利", "引证文献", "引用文献", "引用文献 - 特許",
    ),
    "members": (
        "simple family members", "dwpi family members", "docdb family members", "simple patent family members",
        "简单同族", "简单同族成员", "docdb同族", "DWPI 同族成员",
    ),
    "application": (
        "anmeldenummer", "aktenzeichen", "application number", "application no", "application no.", "appl. no.",
        "application_number", "application numbers", "apn",
        "申請號", "申请号", "出願番号", "출원번호",
    ),
    "labels": ("labels", "label", "tags"),
}  # fmt: skip
"""Landscape column -> the headers that serve it, best first, besides its own name."""

CITED_BY: dict[str, tuple[str | None, str | None]] = {
    "cited in search": ("examiner", "search"),
    "cited in examination": ("examiner", "examination"),
    "cited in international search": ("examiner", "international search"),
    "cited in supplementary search": ("examiner", "supplementary search"),
    "cited in opposition": ("opposition", "opposition"),
    "cited by applicant": ("applicant", "application"),
    "cited otherwise": (None, None),
}  # fmt: skip
"""Columns of cited publications that say who cited and when: what each one says. Classic Espacenet has them all."""

_CITED_HEADERS: dict[str, tuple[str, ...]] = {
    "cited in search": ("patents cited in the search report", "patent cited in the search report"),
    "cited in examination": ("patents cited during examination", "patent cited during examination"),
    "cited in international search": ("international search citation", "international search citations"),
    "cited in supplementary search": (
        "supplementary international search citation", "supplementary international search citations",
    ),
    "cited in opposition": ("patents used in opposition", "patent used in opposition"),
    "cited by applicant": ("patents cited by the applicant", "patent cited by the applicant"),
    "cited otherwise": ("other patent citations", "other patents cited"),
}  # fmt: skip

DWPI: dict[str, tuple[str, ...]] = {
    "dwpi_title": ("title - dwpi", "title dwpi", "dwpi title", "标题 - DWPI", "タイトル - DWPI"),
    "dwpi_abstract": ("abstract - dwpi", "abstract dwpi", "dwpi abstract", "摘要 - DWPI", "抄録 - DWPI"),
}  # fmt: skip
"""Columns of Derwent's own texts -> their headers, which serve title and abstract too where these are missing."""

DATES: dict[str, tuple[str, ...]] = {
    "publication": (
        "date", "publication date", "publication_date", "date of publication", "publication dates", "date published",
        "date_published", "pub date", "pub. date", "pd", "公开(公告)日", "公开公告日", "公开日", "公开日期",
        "公告日", "公開(公告)日", "公開日", "공개일", "発行日", "veröffentlichungsdatum", "veröffentlichungstag",
        "date de publication", "fecha de publicación",
    ),
    "filing": (
        "anmeldedatum", "anmeldetag", "application date", "date of application", "filing date", "filing/creation date",
        "filing_date", "date filed",
        "ad", "申請日", "申请日", "申请日期", "出願日", "출원일",
    ),
    "priority": (
        "earliest priority date", "priority date", "earliest priority", "priority_date", "priority dates",
        "最早优先权日", "优先权日", "優先日",
    ),
}  # fmt: skip
"""Which date (--date) -> the headers that hold it."""


def fold(name: str) -> str:
    """A header as it is compared: `Publication No.` is publicationno."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in text if sign.isalnum())


@cache
def candidates(column: str, date: str = "publication") -> tuple[str, ...]:
    """Folded names that serve a landscape column, best first."""
    known = KNOWN.get(column) or _CITED_HEADERS.get(column) or DWPI.get(column, ())
    names = (column, *(DATES[date] if column == "date" else known))
    return tuple(dict.fromkeys(fold(name) for name in names))


_OWN_IDS = frozenset(
    map(fold, ("patent_id", "id", "document id", "doc number", "publication id", "application id", "lens id"))
)


_DERWENT = frozenset(map(fold, ("ipc - current", "cpc - current", "cited refs - patent", "IPC - 现版", "CPC - 现版")))


def between_versions(header: Sequence[str]) -> str:
    """What stands between the versions of a text, in several languages, in an export with such a header; '' for none.

    Derwent Innovation (told by its columns of DWPI, and others that no other service has) prints ` | `.
    """
    folded = {fold(name) for name in header}
    derwent = folded & _DERWENT or any("dwpi" in (name[:4], name[-4:]) for name in folded)
    return " | " if derwent else ""


def is_number_header(name: str) -> bool:
    """True for the known headers of publication numbers (`Publication Number`, `公开号`), not for those of ids."""
    return fold(name) in {*candidates("patent_id")} - _OWN_IDS


_COUNTED = re.compile(r"^\s*\d{1,2}[.)]\s+")
_EXTRA = re.compile(
    r"\s*(?:\[[^\]]*\]|"
    r"\((?:[dmy/. -]{4,}|iso[^)]*|text|string|str|char\w*|varchar\w*|list\w*|date|utf-?8|latest|en|eng)\))\s*$",
    re.IGNORECASE,
)
"""What exports and people put behind a name: its type, its format, its language."""


def assign(
    header: Sequence[str], columns: Sequence[str], said: dict[str, str], date: str = "publication"
) -> dict[str, str]:
    """Landscape column -> the header that serves it, where there is one. said: what --map asks for, taken first.

    A column of exactly the landscape's name wins, then one that differs in case and punctuation, then a known name.
    """
    folded: dict[str, str] = {}
    for name in header:
        folded.setdefault(fold(name), name)
    for name in header:
        folded.setdefault(fold(_EXTRA.sub("", _COUNTED.sub("", name))), name)
    found = {}
    for column in columns:
        if column in said:
            asked = said[column]
            found[column] = asked if asked in header else folded.get(fold(asked), asked)
        elif column in header:
            found[column] = column
    taken = set(found.values())
    for column in columns:
        if column not in found:
            free = () if column in DWPI else taken
            served = [folded[one] for one in candidates(column, date) if one in folded and folded[one] not in free]
            if served:
                found[column] = served[0]
                if column not in DWPI:
                    taken.add(served[0])
    return found


def further(header: Sequence[str], found: dict[str, str], said: dict[str, str], column: str) -> tuple[str, ...]:
    """Headers that are known for a column too, best first: they fill the rows that its own header leaves empty.

    `标题(翻译)` beside `标题 (中文)`: the title in translation, of patents that have no Chinese one.
    """
    if column not in found or column in said:
        return ()
    folded: dict[str, str] = {}
    for name in header:
        folded.setdefault(fold(name), name)
    taken = {name for one, name in found.items() if one not in DWPI}
    return tuple(folded[one] for one in candidates(column) if one in folded and folded[one] not in taken)


def score(cells: Sequence[str], columns: Sequence[str], said: dict[str, str], date: str = "publication") -> int:
    """How many landscape columns a line of a table serves if it is the header; 0 when the id is not among them."""
    cleaned = [cell.strip().lstrip("\ufeff") for cell in cells]
    present = set(cleaned)
    found = {column: name for column, name in assign(cleaned, columns, said, date).items() if name in present}
    return len(found) if "patent_id" in found else 0
