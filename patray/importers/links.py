"""Publication numbers out of web addresses, where an id or a citation is a link to Google Patents, Espacenet, The Lens,
PATENTSCOPE, DEPATISnet and others.

    https://patents.google.com/patent/US9876543B2/en                     US9876543B2
    https://worldwide.espacenet.com/publicationDetails/biblio?CC=EP&NR=1000000A1&KC=A1     EP1000000A1
    https://www.lens.org/lens/patent/065-528-931-353-44X                 065-528-931-353-44X
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.printed import OFFICES

_LINK = r"(?:https?://|www\.|(?:patents\.google|worldwide\.espacenet|patentscope\.wipo|lens)\.(?:com|int|org)/)[^\s;|]+"
_LINKS = rf"(?i)^\s*(?:{_LINK}[\s;|]*)+$"
_EACH = re.compile(rf"(?i){_LINK}")
_LENS_ID = re.compile(r"(?<![\w-])\d{3}-\d{3}-\d{3}-\d{3}-\d{2}[\dX](?![\w-])")
_NUMBER = re.compile(r"(?i)[A-Z]{2}-?[A-Z]{0,4}\d[\d-]{3,}(?:-?[A-Z]\d?)?")
_FIELD = re.compile(r"(?i)[?&](CC|NR|KC)=([^&#]*)")


def numbers_of_links(texts: pa.Array) -> pa.Array:
    """Texts that are links to publications as the numbers of these; other texts, and links that hold no number or
    several, as they are."""
    links = pc.fill_null(pc.match_substring_regex(texts, pattern=_LINKS), False)
    if not pc.any(links).as_py():
        return texts
    read = [_EACH.sub(lambda match: _number(match[0]), text) for text in texts.filter(links).to_pylist()]
    return pc.replace_with_mask(texts, links, pa.array(read, pa.string()))


def _number(link: str) -> str:
    plain = unquote(unquote(link)).rstrip(".,")
    address, _, query = re.sub(r"^(?i:https?://)?[^/?]*", "", plain).partition("?")
    parts = {name.upper(): said.upper() for name, said in _FIELD.findall(f"?{query}")}
    if {"CC", "NR"} <= parts.keys():
        number, kind = parts["CC"] + parts["NR"].removeprefix(parts["CC"]), parts.get("KC", "")
        return number if number.endswith(kind) else number + kind
    if match := _LENS_ID.search(plain):
        return match[0]
    for where in (address, query):
        pieces = [re.sub(r"(?i)\.(?:html?|pdf|xml|json)$", "", one) for one in re.split(r"[/?&=#,:\"()\s]+", where)]
        dashed = [piece.replace("_", "-") for piece in pieces]
        found = dict.fromkeys(one.upper() for one in dashed if _NUMBER.fullmatch(one) and one[:2].upper() in OFFICES)
        if "patentscope" in link.lower():  # its numbers of national documents are its own
            found = {one: None for one in found if re.fullmatch(r"WO\d{10}", one)}
        if found:
            return next(iter(found)) if len(found) == 1 else link
    return link
