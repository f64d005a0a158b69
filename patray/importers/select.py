"""What enters a landscape: filters of single rows, one publication a family, a sample that keeps citations dense."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.nested import elements, whole
from patray.importers.numbers import kind_has_text
from patray.importers.options import Selection

UNKNOWN = "unknown"


def filter_rows(table: pa.Table, selection: Selection) -> tuple[np.ndarray, Counter[str]]:
    """(which rows stay (n,) bool, rows removed by reason; a row counts for the first reason that removes it)."""
    keep = np.ones(table.num_rows, dtype=bool)
    removed: Counter[str] = Counter()

    def remove(mask: np.ndarray, reason: str) -> None:
        mask = mask & keep
        removed[reason] += int(mask.sum())
        keep[mask] = False

    if not selection.all_kinds:
        kinds = whole(table["kind"])
        bare = ~kind_has_text(kinds, whole(table["jurisdiction"])).to_numpy(zero_copy_only=False)
        for kind in pc.unique(kinds.filter(pa.array(bare))).to_pylist():
            remove(bare & _equal(kinds, kind), f"kind {kind} (search report, correction, translation, design or plant)")
    if selection.offices:
        offices = pc.is_in(whole(table["jurisdiction"]), value_set=pa.array(selection.offices))
        remove(~offices.to_numpy(zero_copy_only=False), "other office")
    if selection.since or selection.until:
        date = whole(table["date"])
        remove(date.is_null().to_numpy(zero_copy_only=False), "no date")
        if selection.since:
            remove(_compare(pc.less, date, selection.since), "date before --since")
        if selection.until:
            remove(_compare(pc.greater, date, selection.until), "date after --until")
    if selection.languages:
        language = pc.fill_null(pc.utf8_lower(whole(table["language"])), UNKNOWN)
        chosen = pc.is_in(language, value_set=pa.array([one.lower() for one in selection.languages]))
        remove(~chosen.to_numpy(zero_copy_only=False), "other language")
    if selection.codes:
        remove(~_has_code(table, selection.codes), "no IPC or CPC code with a chosen prefix")
    return keep, +removed


def _equal(column: pa.Array, value: str) -> np.ndarray:
    return pc.fill_null(pc.equal(column, value), False).to_numpy(zero_copy_only=False)


def _compare(test: object, dates: pa.Array, limit: str) -> np.ndarray:
    found = test(dates, pa.scalar(limit).cast(pa.date32()))  # type: ignore[operator]
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)


def _has_code(table: pa.Table, prefixes: tuple[str, ...]) -> np.ndarray:
    """(n,) bool: an IPC or CPC code of the row starts with one of the prefixes; white space does not count."""
    found = np.zeros(table.num_rows, dtype=bool)
    for scheme in ("ipc", "cpc"):
        rows, codes = elements(whole(table[scheme]))
        codes = pc.replace_substring_regex(pc.utf8_upper(codes), pattern=r"\s", replacement="")
        codes = pc.replace_substring_regex(codes, pattern=r"^([A-HY]\d\d[A-Z])-?0*(\d{1,4}/)", replacement=r"\1\2")
        for prefix in prefixes:
            wanted = "".join(prefix.upper().split())
            found[rows[pc.starts_with(codes, wanted).to_numpy(zero_copy_only=False)]] = True
    return found


def representatives(
    families: np.ndarray, dates: np.ndarray, offices: np.ndarray, chars: np.ndarray, order: np.ndarray, rule: str
) -> np.ndarray:
    """(n,) int64: for every row the row that stands for its family.

    families (n,): int codes. dates (n,): int days, missing as a very large number. offices (n,): str. chars (n,): size
    of all texts. order (n,): rank of the id, the last tie-break. rule: 'earliest', 'longest' or 'EP,US,WO'; ties go to
    the earliest, then to the smallest id. A publication without text stands for its family only if all lack it.
    """
    if rule == "earliest":
        first = dates
    elif rule == "longest":
        first = -chars
    else:
        wanted = rule.split(",")
        first = np.full(len(families), len(wanted))
        for place, office in enumerate(wanted):
            first[offices == office] = place
    best = np.lexsort((order, dates, first, families))
    _, start, inverse = np.unique(families[best], return_index=True, return_inverse=True)
    chosen = np.empty(len(families), dtype=np.int64)
    chosen[best] = best[start][inverse]
    return chosen


def dense_sample(count: int, source: np.ndarray, target: np.ndarray, size: int, seed: int) -> np.ndarray:
    """(count,) bool: `size` of `count` patents, grown along the citations source -> target (m,) from seeded starts.

    Each round adds the neighbours of what is already in, those with most links into it first; when nothing is left to
    grow, another seeded start is taken. So the share of citations that stay inside is far above that of a uniform
    draw of the same size. Deterministic for a seed and an order of the patents.
    """
    chosen = np.zeros(count, dtype=bool)
    if size >= count:
        return ~chosen
    from scipy.sparse import csr_matrix  # as in families.simple_families

    pairs = np.concatenate([source, target]), np.concatenate([target, source])
    graph = csr_matrix((np.ones(len(pairs[0]), np.int32), pairs), shape=(count, count))
    graph.data[:] = 1
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(count)
    degree = np.diff(graph.indptr)
    # Isolated patents come last: they are taken only when every linked one is in.
    starts = shuffled[np.argsort(degree[shuffled] == 0, kind="stable")]
    rank = np.empty(count, dtype=np.int64)
    rank[shuffled] = np.arange(count)
    links = np.zeros(count, dtype=np.int64)
    left, place = size, 0
    while left:
        candidates = np.flatnonzero((links > 0) & ~chosen)
        if len(candidates) == 0:
            while chosen[starts[place]]:
                place += 1
            new = starts[place : place + 1]
        else:
            # A round takes at most as many as are already in, so that the best linked are found as it grows.
            room = min(left, max(8, (size - left) // 4))
            best = np.lexsort((rank[candidates], -links[candidates]))[:room]
            new = candidates[best]
        chosen[new] = True
        left -= len(new)
        links += np.asarray(graph[new].sum(axis=0)).ravel().astype(np.int64)
    return chosen
