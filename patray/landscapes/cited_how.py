"""Who cited and how, in one set of words: letters of search reports, origins, phases, whatever the source spells.

    ("SEA", None) -> phase search, origin examiner      ["Y", "A,D"] -> YAD      "Cited by Examiner" -> examiner

A citation without a letter is unknown, not background: most offices never give letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.landscapes.absent import without_absent

STRENGTH = "XNIYEPADTOL&"
"""Letters of search reports (WIPO ST.14), the most harmful to the citing patent first."""
RELIANCE = ("102", "103")
"""Sections of the US code on which a rejection relies (novelty, obviousness), from the column `reliance`."""
UNKNOWN = "unknown"
OTHER = "other"
ORIGINS = ("examiner", "applicant", "opposition", "third party", OTHER)
"""Who cited. `other` stands for every other word of a source, such as USPTO's `imported from a related application`."""
BAD_CATEGORY = "citation category is no letter, left unknown"

_LETTERS = re.compile(rf"[{STRENGTH}](?:[\s,;/|+]*[{STRENGTH}]){{0,11}}")
_PHASES = {
    "sea": "search", "isr": "international search", "sup": "supplementary search", "prs": "pre-search",
    "exa": "examination", "opp": "opposition", "fop": "opposition", "app": "application", "tpo": "third party",
    "115": "third party", "apl": "appeal", "ch2": "examination",
}  # fmt: skip
"""DOCDB's codes of `cited-phase`."""
_PHASE_WORDS = {
    "opposition": "opposition", "appeal": "appeal", "third": "third party", "supplementary": "supplementary search",
    "pre-search": "pre-search", "international": "international search", "search": "search",
    "examination": "examination", "applicant": "application", "description": "application",
}  # fmt: skip
_ORIGINS = {"opposition": "opposition", "application": "applicant", "third party": "third party"}
_BY_OFFICE = {"search", "international search", "supplementary search", "pre-search", "examination"}
_SAID = {
    "opponent": "opposition",
    "third-party": "third party",
    "third_party": "third party",
    "thirdparty": "third party",
}


def letters(texts: Sequence[str | None]) -> str | None:
    """All letters of a citation's categories, each once, the strongest first: `Y`, `A,D` -> `YAD`; None for none."""
    met = {one for text in texts if is_category(text) for one in re.findall(f"[{STRENGTH}]", str(text).upper())}
    return "".join(sorted(met, key=STRENGTH.find)) or None


def is_category(text: str | None) -> bool:
    """True of `X`, `x,d`, `XY`; not of words, nor of the codes of phases that are made of such letters (`EXA`)."""
    upper = (text or "").strip().upper()
    if not _LETTERS.fullmatch(upper) or upper.lower() in _PHASES:
        return False
    return not any(len(set(word)) < len(word) for word in re.split(f"[^{STRENGTH}]+", upper))


def phase_and_origin(phase: str | None, by: str | None) -> tuple[str | None, str | None]:
    """(when it was cited, who cited it), each None where the source does not say.

    ("national-search-report", "examiner") -> ("search", "examiner"); ("OPP", None) -> ("opposition", "opposition").
    """
    raw, who = (phase or "").strip().lower(), (by or "").strip().lower()
    named = _PHASES.get(raw) or next((name for word, name in _PHASE_WORDS.items() if word in raw), raw)
    named = "" if named in ("undefined", UNKNOWN) else named
    if named in ("opposition", "third party"):
        return named, _ORIGINS[named]
    if who:
        return named or None, origin_word(who)
    return named or None, "examiner" if named in _BY_OFFICE else _ORIGINS.get(named)


def origin_word(said: str | None) -> str | None:
    """A source's word for who cited, in lower case and in ORIGINS' spelling where it is one of them; None for none."""
    word = re.sub(r"^cited by (the )?", "", " ".join((said or "").casefold().split()))
    if word in ("", UNKNOWN, "undefined"):
        return None
    return _SAID.get(word, word)


def of_columns(phases: pa.Array, categories: pa.Array, by: pa.Array | None = None) -> tuple[pa.Array, ...]:
    """(origin, category, phase) columns from a source's phases, categories and, where it has them, words for who.

    Each (n,) string, null where the source does not say. Every spelling is read once, so millions of rows are cheap.
    """
    said = by if by is not None else pa.nulls(len(phases), pa.string())
    filled = [pc.fill_null(column, "") for column in (phases, said)]
    encoded = pc.binary_join_element_wise(*filled, "\x1f").dictionary_encode()
    pairs = [phase_and_origin(*text.split("\x1f")) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices
    phase, origin = (pa.array([pair[at] for pair in pairs], pa.string()).take(codes) for at in (0, 1))
    found = categories.dictionary_encode()
    category = pa.array([letters([text]) for text in found.dictionary.to_pylist()], pa.string()).take(found.indices)
    return origin, category, phase


def origin_words(column: pa.Array) -> pa.Array:
    """(n,) string: every origin in one spelling, null where nobody is named."""
    encoded = without_absent(column).dictionary_encode()
    words = [origin_word(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(encoded.indices)


def category_letters(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """((n,) string: letters as `letters` gives them, null for none; (n,) bool: something is said that is no letter)."""
    encoded = without_absent(column).dictionary_encode()
    said = encoded.dictionary.to_pylist()
    found = [letters([text]) for text in said]
    silent = (UNKNOWN, "undefined")
    strange = [one is None and text.strip().casefold() not in silent for one, text in zip(found, said, strict=True)]
    codes = encoded.indices.fill_null(len(said)).to_numpy(zero_copy_only=False)
    return pa.array(found, pa.string()).take(encoded.indices), np.array([*strange, False])[codes]


def category_bits(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) uint32: bit i is letter i of STRENGTH; 0 where no letter is given."""
    encoded = column.combine_chunks().dictionary_encode()
    said = [letters([text]) or "" for text in encoded.dictionary.to_pylist()]
    bits = [sum(1 << STRENGTH.find(one) for one in found) for found in said]
    return _by_code(bits, encoded)


def origin_bits(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) uint32: bit i is ORIGINS[i]; 0 where nobody is named."""
    encoded = column.combine_chunks().dictionary_encode()
    words = [origin_word(text) for text in encoded.dictionary.to_pylist()]
    bits = [0 if word is None else 1 << ORIGINS.index(word if word in ORIGINS else OTHER) for word in words]
    return _by_code(bits, encoded)


def reliance_bits(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) uint32: bit len(STRENGTH) + i is RELIANCE[i], behind the letters: `102,103` has both; 0 where none is."""
    encoded = column.combine_chunks().dictionary_encode()
    said = [re.findall(r"(?<!\d)10[23](?!\d)", text or "") for text in encoded.dictionary.to_pylist()]
    bits = [sum(1 << (len(STRENGTH) + RELIANCE.index(one)) for one in set(found)) for found in said]
    return _by_code(bits, encoded)


def _by_code(bits: Sequence[int], encoded: pa.DictionaryArray) -> np.ndarray:
    codes = encoded.indices.fill_null(len(bits)).to_numpy(zero_copy_only=False)
    return np.array([*bits, 0], np.uint32)[codes]
