"""Citations between publications, found across spellings and kinds.

A cited publication is looked up by the source's own id (Lens), then by its key, then by its number without a kind (of
several kinds the earliest). What a source cites outside the import is counted, not kept.
"""

from __future__ import annotations

from collections import Counter
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
STRENGTH = "XIYEPADTOL&"
"""Letters of search reports, the most harmful to the citing patent first; others come behind."""
HOW = ("origin", "category", "phase")
"""What a source may say of a citation; text, null where it does not."""
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
        """((2, m) int32 rows of citing and cited, each pair once; (m,) codes; what each code says, see HOW).

        Of a pair met more than once the strongest category is kept, else the first.
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
        key = pairs[0].astype(np.int64) * (len(self.lookup.ids) + 1) + pairs[1]
        names = [tuple(name.split(_BETWEEN)) for name in self._names]
        rank = np.array([category_rank(name[1] if len(name) > 1 else "") for name in names] or [0])
        order = np.argsort(rank[origins], kind="stable") if rank.any() else np.arange(len(key))
        _, first = np.unique(key[order], return_index=True)
        first = order[first]
        self.removed[REPEATED] += len(key) - len(first)
        first.sort()
        return pairs[:, first], origins[first], names


def category_rank(letters: str) -> int:
    """Lower for what stands more against the citing patent, by its strongest letter; last where none is known."""
    return min((STRENGTH.find(one) % (len(STRENGTH) + 1) for one in letters), default=len(STRENGTH) + 1)
