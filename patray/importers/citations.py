"""Citations between publications, found across spellings and kinds.

A cited publication is looked up by the source's own id (Lens), then by its key, then by its number without a kind (of
several kinds the earliest). What a source cites outside the import is counted, not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.nested import whole
from patray.importers.numbers import without_kind
from patray.importers.printed import number_keys
from patray.landscapes.positions import positions

OUTSIDE = "cited publication outside the import"
GONE = "citing publication not kept"
SELF = "cites itself"
COLLAPSED = "inside a family of which one publication was kept"
REPEATED = "repeated"
HOW = ("origin", "category", "phase")
"""What a source may say of a citation; text, null where it does not."""
EXAMPLES = 3
_BETWEEN = "\x1f"


class Lookup:
    """Row numbers of publications by source id, key, and key without kind."""

    def __init__(
        self, ids: pa.Array, source_ids: pa.Array, dates: np.ndarray, first: np.ndarray, printed: bool = False
    ) -> None:
        """first (n,): the first row that has the row's id. Of publications met twice the first is kept, so every way of
        finding one must lead to it. printed: ids need not be canonical."""
        self.ids, self.source_ids, self._dates, self._first = ids, source_ids, dates, first
        self._keys = number_keys if printed else lambda ids: ids

    @cached_property
    def _bare(self) -> tuple[pa.Array, np.ndarray]:
        """(the ids without their kind, each once; the row of each: the earliest)."""
        order = np.lexsort((pc.rank(self.ids, sort_keys="ascending").to_numpy(), self._dates))
        encoded = without_kind(self._keys(self.ids)).dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)[order]
        numbers, first = np.unique(codes, return_index=True)
        return encoded.dictionary.take(pa.array(numbers)), order[first]

    def find(self, keys: pa.ChunkedArray, source_ids: pa.ChunkedArray) -> np.ndarray:
        """(n,) int64: row of each publication, -1 when it is not there."""
        found = positions(source_ids, self.source_ids)
        lost = np.flatnonzero(found < 0)
        found[lost] = positions(keys.take(pa.array(lost)), self.ids)
        lost = lost[found[lost] < 0]
        if self._keys is number_keys and len(lost):
            found[lost] = positions(number_keys(whole(keys.take(pa.array(lost)))), number_keys(self.ids))
            lost = lost[found[lost] < 0]
        if len(lost) and len(self.ids):
            numbers, rows = self._bare
            bare = positions(without_kind(self._keys(whole(keys.take(pa.array(lost))))), numbers)
            found[lost] = np.where(bare >= 0, rows[bare], -1)
        return np.where(found >= 0, self._first[found], -1) if len(self._first) else found


@dataclass
class Citations:
    """Collects resolved citations as row numbers. counts: read, kept, and the others by why they are not kept."""

    lookup: Lookup
    read: int = 0
    _pairs: list[np.ndarray] = field(default_factory=list)
    _origins: list[np.ndarray] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)
    """The first few cited publications that are not there, as they are printed."""

    def add(self, table: pa.Table) -> None:
        """Rows of record.CITED or record.CITED_HOW."""
        self.read += table.num_rows
        citing = positions(table["citing_id"], self.lookup.ids)
        if "category" in table.column_names:
            self._find_reports(table["citing_id"], citing)
        cited = self.lookup.find(table["cited_id"], table["cited_source_id"])
        gone, outside = citing < 0, (citing >= 0) & (cited < 0)
        self.removed[GONE] += int(gone.sum())
        self.removed[OUTSIDE] += int(outside.sum())
        some = pa.array(np.flatnonzero(outside)[: 8 * EXAMPLES])
        printed = pc.coalesce(table["cited_source_id"].take(some), table["cited_id"].take(some)).to_pylist()
        self.outside = [*dict.fromkeys([*self.outside, *printed])][:EXAMPLES]
        keep = ~(gone | outside)
        self._pairs.append(np.stack([citing[keep], cited[keep]]).astype(np.int32))
        said = [pc.fill_null(whole(table[name]), "") for name in HOW if name in table.column_names]
        encoded = pc.binary_join_element_wise(*said, _BETWEEN).dictionary_encode()
        names = np.array([self._names.setdefault(name, len(self._names)) for name in encoded.dictionary.to_pylist()])
        codes = encoded.indices.to_numpy(zero_copy_only=False)[keep]
        self._origins.append((names[codes] if len(names) else codes).astype(np.int16))

    def _find_reports(self, names: pa.ChunkedArray, citing: np.ndarray) -> None:
        """Fill in the rows of citing publications that are named without their kind."""
        lost = np.flatnonzero(citing < 0)
        keys = names.take(pa.array(lost))
        bare = pc.fill_null(pc.equal(without_kind(keys), keys), False).to_numpy()
        lost = lost[bare]
        keys = names.take(pa.array(lost))
        citing[lost] = self.lookup.find(keys, pa.chunked_array([pa.nulls(len(lost), pa.string())]))

    def finish(self, stands_for: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, list[tuple[str, ...]]]:
        """((2, m) int32 rows of citing and cited; (m,) codes; what each code says, see HOW).

        A pair stands once for each origin and category that a source gives it; of others the first is kept, and one
        that says neither only where no other says more.
        stands_for (n,): the row that represents each row's family, or None when families are not collapsed.
        """
        pairs = np.concatenate([np.zeros((2, 0), np.int32), *self._pairs], axis=1)
        origins = np.concatenate([np.zeros(0, np.int16), *self._origins])
        same = pairs[0] == pairs[1]
        self.removed[SELF] += int(same.sum())
        pairs, origins = pairs[:, ~same], origins[~same]
        if stands_for is not None:
            pairs = stands_for[pairs].astype(np.int32)
            same = pairs[0] == pairs[1]
            self.removed[COLLAPSED] += int(same.sum())
            pairs, origins = pairs[:, ~same], origins[~same]
        names = [tuple(name.split(_BETWEEN)) for name in self._names]
        first = _first_of_each(pairs, origins, names, len(self.lookup.ids) + 1)
        self.removed[REPEATED] += len(origins) - len(first)
        return pairs[:, first], origins[first], names


def _first_of_each(pairs: np.ndarray, codes: np.ndarray, names: Sequence[tuple[str, ...]], size: int) -> np.ndarray:
    """(k,) int64, ascending: the first of each pair (2, m) with each origin and category; silent ones only if alone.

    codes (m,): places in names, which say (origin[, category, phase]). size: above every row number.
    """
    said = [(name[0], name[1] if len(name) > 1 else "") for name in names] or [("", "")]
    places = {one: at for at, one in enumerate(dict.fromkeys([("", ""), *said]))}
    says = np.array([places[one] for one in said])[codes]
    key = (pairs[0].astype(np.int64) * size + pairs[1]) * len(places) + says
    key, first = np.unique(key, return_index=True)
    silent = np.zeros(len(key), dtype=bool)  # saying nothing is 0: the first of its pair, and the next one says more
    silent[:-1] = (key[:-1] % len(places) == 0) & (key[:-1] // len(places) == key[1:] // len(places))
    return np.sort(first[~silent])
