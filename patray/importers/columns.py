"""Columns that several formats make in the same way: dates with findings, split lists, claims told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.cells import STRONG
from patray.importers.dates import AMBIGUOUS, DateOrder, parse_dates
from patray.importers.nested import choose_language, elements, field, take, to_lists, unique_in_rows, whole
from patray.importers.record import Finding
from patray.landscapes.absent import is_absent, without_absent
from patray.landscapes.claims import ClaimRule, split_flat

BAD_DATE = "bad date, left empty"


def dates(
    texts: pa.Array, lines: np.ndarray, ids: pa.Array, findings: list[Finding], order: DateOrder | None = None
) -> pa.Array:
    """date32; what is no date becomes null with a finding. order: what the column is known to be, and learns here."""
    order = order or DateOrder()
    parsed, bad = parse_dates(texts, order)
    unclear = set(order.ambiguous)
    for row in np.flatnonzero(bad).tolist():
        said = str(texts[row].as_py())
        why = f" ({AMBIGUOUS} --date-format says it)" if said.strip() in unclear else ""
        findings.append(Finding(int(lines[row]), ids[row].as_py(), f"{BAD_DATE}{why}: {said[:40]!r}", "kept"))
    return parsed


def split_list(texts: pa.Array) -> pa.ListArray:
    """list<string> of texts like `A61B5/02;;A61B5/00`, also with `; `, ` | ` or line breaks: stripped, each once."""
    return unique_in_rows(pc.split_pattern_regex(pc.fill_null(texts, ""), STRONG))


def blank_to_null(texts: pa.Array) -> pa.Array:
    """Texts of white space alone, and those that spell "no value" (`nan`, `NULL`), are missing."""
    return without_absent(pc.utf8_trim_whitespace(texts))


def preferred_text(
    lists: pa.Array, language: str, preferred: Sequence[str], own: pa.Array | None = None
) -> tuple[pa.Array, pa.Array]:
    """(the text in the first preferred language that there is, its language), of list<struct> with a field `text`.

    own (n,): the language of each publication, which comes before the others; lower case.

    [{text: "nan", lang: en}, {text: Bürste, lang: de}] -> (Bürste, de): what only spells "no value" is no text.
    """
    rows, structs = elements(lists)
    said = pc.invert(is_absent(field(structs, "text"))).to_numpy(zero_copy_only=False)
    if not said.all():
        rows, structs = rows[said], structs.filter(pa.array(said))
    filled = to_lists(rows, structs, len(lists))
    chosen, found = choose_language(filled, language, preferred, own)
    return blank_to_null(take(field(filled.flatten(), "text"), chosen)), found


def one_text(texts: pa.Array) -> pa.ListArray:
    """One string a row as list<string>, empty where it is missing."""
    texts = blank_to_null(texts)
    return to_lists(np.arange(len(texts)), texts, len(texts))


def separate_claims(lists: pa.ListArray) -> pa.ListArray:
    """Rows that hold all claims in one element get one element a claim; a text that cannot be cut stays whole."""
    rows, texts = elements(lists)
    sizes = np.bincount(rows, minlength=len(lists))
    single = sizes[rows] == 1
    if not single.any():
        return lists
    new_rows: list[int] = []
    pieces: list[str] = []
    for row, text in zip(rows[single].tolist(), texts.filter(pa.array(single)).to_pylist(), strict=True):
        claims = _pieces(text)
        pieces += claims
        new_rows += [row] * len(claims)
    merged = np.concatenate([rows[~single], np.array(new_rows, dtype=np.int64)])
    values = pa.concat_arrays([whole(texts.filter(pa.array(~single))), pa.array(pieces, pa.string())])
    order = np.argsort(merged, kind="stable")
    return to_lists(merged[order], take(values, order), len(lists))


def _pieces(text: str) -> list[str]:
    split = split_flat(text)
    if split.rule in (ClaimRule.WHOLE, ClaimRule.NONE):
        return [text] if text.strip() else []
    found = [f"{marker}{claim}".strip() for marker, claim in zip(split.markers, split.claims, strict=True)]
    return [claim for claim in found if claim]
