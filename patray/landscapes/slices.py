"""Parts of the truth that are reported on their own: inside and outside the domain, by the query's office.

A slice narrows which pairs are relevant; the ranking stays that of the full corpus (DAPFAM's rule), and queries left
without a relevant pair drop out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patray.errors import InputError
from patray.landscapes.records import IN, OUT, Slice, Truth

OFFICE = "jurisdiction="
ALLOWED = "all, in, out, jurisdictions, jurisdiction=XX"


def make_slices(
    truth: Truth, names: Sequence[str], min_queries: int = 1, min_office_queries: int = 20
) -> tuple[list[Slice], dict[str, str]]:
    """(the slices that exist, name -> why it is absent for the others), in the order asked for, each once.

    names: all, in, out, jurisdiction=XX, or jurisdictions, which stands for every office with at least
    `min_office_queries` queries. min_queries: a slice with fewer is absent. Raises InputError for another name.
    """
    slices: list[Slice] = []
    absent: dict[str, str] = {}
    offices, counts = np.unique(truth.query_jurisdiction.astype(str), return_counts=True)
    for name in dict.fromkeys(_expanded(names, offices, counts, min_office_queries, absent)):
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
    names: Sequence[str], offices: np.ndarray, counts: np.ndarray, least: int, absent: dict[str, str]
) -> list[str]:
    found: list[str] = []
    for name in names:
        if name != "jurisdictions":
            found.append(name)
            continue
        large = [f"{OFFICE}{office}" for office, n in zip(offices, counts, strict=True) if office and n >= least]
        if not large:
            absent[name] = f"no office has {least} queries"
        found += large
    return found


def _pairs(truth: Truth, name: str) -> np.ndarray:
    if name == "all":
        return np.ones(len(truth.query), dtype=bool)
    if name in ("in", "out"):
        return truth.domain == (IN if name == "in" else OUT)
    if name.startswith(OFFICE) and len(name) > len(OFFICE):
        return (truth.query_jurisdiction == name.removeprefix(OFFICE))[truth.query]
    raise InputError(f"unknown slice {name!r}; allowed are {ALLOWED}")


def _why_empty(truth: Truth, name: str, offices: np.ndarray) -> str:
    if name.startswith(OFFICE):
        return f"no query from this office (offices: {', '.join(o for o in offices.tolist() if o) or 'none known'})"
    if not np.isin(truth.domain, (IN, OUT)).any():
        return "the domain of no pair is known (patents without codes, or qrels without a domain)"
    return "no relevant pair shares a class" if name == "in" else "every relevant pair of known domain shares a class"
