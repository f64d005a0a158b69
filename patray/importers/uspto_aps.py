"""USPTO grants of 1976 to 2001 in APS text (`pftaps`, the Green Book): one record from its lines.

Columns 1 to 4 hold a tag, the value begins in column 6, a line without a tag goes on with the value before it. A tag
of four letters alone opens a group (`PATN`, `UREF`, `CLMS`); `PATN` opens a record. Lines may be padded to 80 columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_DESCRIPTION = ("PARN", "GOVT", "BSUM", "DRWD", "DETD")
GROUPS = frozenset(
    (
        *("PATN", "INVT", "ASSG", "PRIR", "REIS", "RLAP", "CLAS", "UREF", "FREF", "OREF", "LREP", "PCTA", "ABST"),
        *("CLMS", "DCLM"),
        *_DESCRIPTION,
    )
)
_KINDS = {"D": "S", "RE": "E", "PP": "P", "H": "H", "T": "I"}
_PREFIX = re.compile(r"[A-Z]*")
_IPC = re.compile(r"([A-H]\d\d[A-Z])([ \d]{2}\d)(\d{2,})")
_UNTIL_2000 = "20010101"


def records(lines: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """(line of PATN, its lines) of every record; what stands before the first (the file's header) is left out."""
    current: list[bytes] = []
    start = 0
    for number, line in enumerate(lines, 1):
        if line.rstrip() == b"PATN":
            if start:
                yield start, current
            current, start = [], number
        elif start:
            current.append(line)
    if start:
        yield start, current


def fields(text: str) -> list[tuple[str, str, str]]:
    """(group, tag, value) in order; a group opens with an empty tag."""
    found: list[tuple[str, str, str]] = []
    group = "PATN"
    for raw in text.split("\n"):  # not splitlines: form feeds and the like are no ends of lines
        line = raw.rstrip()
        tag, value = line[:4].strip(), line[5:]
        if tag in GROUPS and not value.strip():
            group = tag
            found.append((group, "", ""))
        elif tag:
            found.append((group, tag, value.strip() if tag != "ICL" else value.rstrip()))
        elif line.strip() and found and found[-1][1]:
            before = found[-1]
            found[-1] = (before[0], before[1], f"{before[2]} {line.strip()}".strip())
    return found


def extract(text: str, line: int) -> dict[str, Any]:
    """One grant as the record of plain values that `uspto_xml.publications` takes."""
    found = fields(text)
    head = {tag: value for group, tag, value in reversed(found) if group == "PATN" and tag}
    number = _number(head.get("WKU", ""))
    kind = _kind(number, head.get("ISD", ""))
    return {
        "office": "US",
        "number": number or None,
        "kind": kind,
        "publication": head.get("ISD") or None,
        "filing": head.get("APD") or None,
        "application": None,
        "language": "en",
        "title": head.get("TTL") or None,
        "abstract": _paragraphs(found, ("ABST",)),
        "claims": _claims(found),
        "description": _paragraphs(found, _DESCRIPTION),
        "ipc": [] if kind == "S" else ipc_codes([value for _, tag, value in found if tag == "ICL"]),
        "cpc": [],
        "cited": _cited(found),
        "line": line,
    }


def ipc_codes(texts: Iterable[str]) -> list[str]:
    """IPC codes of fixed columns, each once: `G06F  728` -> `G06F7/28`, `G06F 15163` -> `G06F15/163`.

    The main group has three places, what follows is the subgroup. Another form stays as it is.
    """
    found = []
    for text in texts:
        match = _IPC.fullmatch(text.strip())
        found.append(f"{match[1]}{int(match[2])}/{match[3]}" if match else " ".join(text.split()))
    return list(dict.fromkeys(code for code in found if code))


def _number(printed: str) -> str:
    """`039302717` -> `03930271`: the ninth character is a check digit (or `&`) and no part of the number."""
    return printed[:8] if len(printed) == 9 else printed


def _kind(number: str, issued: str) -> str | None:
    """The kind of a US grant, which this format does not print; None for utility patents since 2001 (B1 or B2)."""
    match = _PREFIX.match(number)
    prefix = match[0] if match else ""
    if prefix:
        return _KINDS.get(prefix)
    return "A" if issued < _UNTIL_2000 else None


def _paragraphs(found: list[tuple[str, str, str]], groups: tuple[str, ...]) -> str | None:
    return "\n".join(value for group, tag, value in found if group in groups and tag and value) or None


def _claims(found: list[tuple[str, str, str]]) -> list[str]:
    claims: list[list[str]] = []
    for group, tag, value in found:
        if group not in ("CLMS", "DCLM") or tag == "STM":
            continue
        if tag in ("", "NUM"):
            claims.append([])
        elif value:
            claims[-1].append(value)
    return [" ".join(parts) for parts in claims if parts]


def _cited(found: list[tuple[str, str, str]]) -> list[dict[str, str | None]]:
    """US and foreign patents cited; foreign offices lose their X (`JPX`). Nobody is named as the one who cites."""
    cited: list[dict[str, str | None]] = []
    for group, tag, value in found:
        if group not in ("UREF", "FREF"):
            continue
        if not tag:
            cited.append({"office": "US" if group == "UREF" else None, "number": None, "kind": None, "origin": None})
        elif tag == "PNO":
            cited[-1]["number"] = value or None
        elif tag == "CNT":
            cited[-1]["office"] = value[:2] if len(value) == 3 and value.endswith("X") else value
    return [one for one in cited if one["number"]]
