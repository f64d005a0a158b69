"""Parts of the truth that are reported on their own: inside and outside the domain, by the query's office.

A slice narrows which pairs are relevant; the ranking stays that of the full corpus (DAPFAM's rule), and queries left
without a relevant pair drop out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.errors import InputError
from patray.landscapes.cited_how import UNKNOWN as UNKNOWN_WORD
from patray.landscapes.cited_pairs import CATEGORIES, WHO
from patray.landscapes.records import IN, OUT, Slice, Truth

OFFICE, CATEGORY, ORIGIN = "jurisdiction=", "category=", "origin="
ALLOWED = (
    f"all, in, out, jurisdictions, jurisdiction=XX, categories, category= one of {' '.join(CATEGORIES)}, "
    f"origins, origin= one of {', '.join(WHO)}"
)

_EACH = {"categories": (CATEGORY, CATEGORIES), "origins": (ORIGIN, WHO)}


def is_slice(name: str) -> bool:
    """True for what `make_slices` takes."""
    kinds = ((OFFICE, None), (CATEGORY, CATEGORIES), (ORIGIN, WHO))
    return name in ("all", "in", "out", "jurisdictions", *_EACH) or any(
        name.startswith(prefix) and len(name) > len(prefix) and (values is None or name.removeprefix(prefix) in values)
        for prefix, values in kinds
    )


def make_slices(
    truth: Truth, names: Sequence[str], min_queries: int = 1, min_office_queries: int = 20
) -> tuple[list[Slice], dict[str, str]]:
    """(the slices that exist, name -> why it is absent for the others), in the order asked for, each once.

    names: all, in, out, jurisdiction=XX, category=X, origin=examiner, or jurisdictions, categories, origins, which
    stand for every one of its kind with at least `min_office_queries` queries. A pair cited in several ways is in
    several slices. min_queries: a slice with fewer is absent. Raises InputError for another name.
    """
    slices: list[Slice] = []
    absent: dict[str, str] = {}
    offices, counts = np.unique(truth.query_jurisdiction.astype(str), return_counts=True)
    for name in dict.fromkeys(_expanded(names, truth, offices, counts, min_office_queries, absent)):
        pairs = _pairs(truth, name)
        queries = np.zeros(len(truth.query_ids), dtype=bool)
        queries[truth.query[pairs & truth.relevant]] = True
        found = int(queries.sum())
        if found >= max(min_queries, 1):
            slices.append(Slice(name, pairs, queries))
        elif found:
            absent[name] = f"{found} queries, fewer than {min_queries}"
        else:
            absent[name] = _why_empty(truth, name, offices)
    return slices, absent


def _expanded(
    names: Sequence[str], truth: Truth, offices: np.ndarray, counts: np.ndarray, least: int, absent: dict[str, str]
) -> list[str]:
    found: list[str] = []
    for name in names:
        if name in _EACH:
            prefix, values = _EACH[name]
            sets = truth.category if prefix == CATEGORY else truth.origin
            if sets is None or not sets.any():
                absent[name] = _why_empty(truth, prefix, offices)
                continue
            large = [f"{prefix}{value}" for value in values if _queries(truth, f"{prefix}{value}") >= least]
            if not large:
                absent[name] = f"no {prefix[:-1]} has {least} queries"
            found += large
            continue
        if name != "jurisdictions":
            found.append(name)
            continue
        large = [f"{OFFICE}{office}" for office, n in zip(offices, counts, strict=True) if office and n >= least]
        if not large:
            absent[name] = f"no office has {least} queries"
        found += large
    return found


def _queries(truth: Truth, name: str) -> int:
    return len(np.unique(truth.query[_pairs(truth, name) & truth.relevant]))


def _pairs(truth: Truth, name: str) -> np.ndarray:
    if name == "all":
        return np.ones(len(truth.query), dtype=bool)
    if name in ("in", "out"):
        return truth.domain == (IN if name == "in" else OUT)
    if name.startswith(OFFICE) and len(name) > len(OFFICE):
        return (truth.query_jurisdiction == name.removeprefix(OFFICE))[truth.query]
    for prefix, values, sets in ((CATEGORY, CATEGORIES, truth.category), (ORIGIN, WHO, truth.origin)):
        if name.startswith(prefix) and (value := name.removeprefix(prefix)) in values:
            if sets is None:
                return np.zeros(len(truth.query), dtype=bool)
            return sets == 0 if value == UNKNOWN_WORD else (sets & np.uint32(1 << values.index(value))) > 0
    raise InputError(f"unknown slice {name!r}; allowed are {ALLOWED}")


def _why_empty(truth: Truth, name: str, offices: np.ndarray) -> str:
    if name.startswith(OFFICE):
        return f"no query from this office (offices: {', '.join(o for o in offices.tolist() if o) or 'none known'})"
    for prefix, sets in ((CATEGORY, truth.category), (ORIGIN, truth.origin)):
        if name.startswith(prefix):
            if sets is None or not sets.any():
                return "the truth is qrels" if sets is None else f"no citation says its {prefix[:-1]}"
            return f"no relevant pair is of this {prefix[:-1]}"
    if not np.isin(truth.domain, (IN, OUT)).any():
        return "the domain of no pair is known (patents without codes, or qrels without a domain)"
    return "no relevant pair shares a class" if name == "in" else "every relevant pair of known domain shares a class"
