"""Label sets: from the landscape's files, or derived from IPC or CPC at section, class or subclass."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.landscapes.codes import LEVELS, SCHEMES, code_sets
from patray.landscapes.positions import positions
from patray.landscapes.records import Metadata
from patray.landscapes.splits import SPLITS

DERIVED = tuple(f"{scheme}-{level}" for scheme in SCHEMES for level in LEVELS)
NO_SPLIT = -1


@dataclass(frozen=True)
class LabelSet:
    """Labels of patents. patent_ids (n,): str objects in byte order, only patents with a label.

    labels: names in byte order. rows, codes (m,): int32, patent `rows` has label `codes`; sorted, unique.
    split (n,): int8, position in splits.SPLITS, NO_SPLIT where the file says nothing; None when it has no such column.
    unknown_codes: strings of a derived set whose spelling could not be read.
    """

    name: str
    patent_ids: np.ndarray
    labels: tuple[str, ...]
    rows: np.ndarray
    codes: np.ndarray
    split: np.ndarray | None
    unknown_codes: int = 0

    def keep(self, chosen: np.ndarray) -> LabelSet:
        """The same labels for the chosen patents alone; `chosen` (n,) bool."""
        new_row = np.cumsum(chosen) - 1
        kept = chosen[self.rows]
        return replace(
            self,
            patent_ids=self.patent_ids[chosen],
            rows=new_row[self.rows[kept]].astype(np.int32),
            codes=self.codes[kept],
            split=None if self.split is None else self.split[chosen],
        )

    def to_lists(self) -> list[list[str]]:
        """The label names of each patent, in the order of patent_ids."""
        names = np.array(self.labels, dtype=object)[self.codes]
        bounds = np.searchsorted(self.rows, np.arange(len(self.patent_ids) + 1))
        return [names[low:high].tolist() for low, high in itertools.pairwise(bounds)]

    def to_matrix(self, patent_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """((N, L) bool: patent has label, (N,) bool: patent is in this set) for `patent_ids` (N,) of str."""
        place = positions(patent_ids, self.patent_ids)
        known = place >= 0
        own = np.zeros((len(self.patent_ids) + 1, len(self.labels)), dtype=bool)
        own[self.rows, self.codes] = True
        return own[place], known


def label_set_names(metadata: Metadata) -> list[str]:
    """The sets that can be asked for: those from files, then the derived ones for which there are codes."""
    derived = [
        name
        for name in DERIVED
        if name not in metadata.labels and (pc.sum(pc.list_value_length(_codes(metadata, name))).as_py() or 0) > 0
    ]
    return [*sorted(metadata.labels), *derived]


def get_label_set(metadata: Metadata, name: str) -> LabelSet:
    """The label set of that name; a file wins over a derived set of the same name. Raises InputError when unknown."""
    if name in metadata.labels:
        return _from_table(name, metadata.labels[name])
    if name not in DERIVED:
        raise InputError(
            f"{metadata.name}: unknown label set {name!r}; "
            f"allowed are {', '.join([*sorted(metadata.labels), *DERIVED])}"
        )
    scheme, level = name.split("-")
    sets = code_sets(_codes(metadata, name), level, scheme)
    if len(sets.rows) == 0:
        raise InputError(f"{metadata.name}: label set {name} is not possible: no patent has a readable {scheme} code")
    present, rows = np.unique(sets.rows, return_inverse=True)
    ids = metadata.patents["patent_id"].take(pa.array(present))
    return LabelSet(name, _objects(ids), sets.names, rows.astype(np.int32), sets.codes, None, sets.unknown)


def _codes(metadata: Metadata, name: str) -> pa.ChunkedArray:
    return metadata.patents[name.split("-")[0]]


def _from_table(name: str, table: pa.Table) -> LabelSet:
    table = table.take(pc.sort_indices(table["patent_id"])).combine_chunks()
    lists = table["labels"].combine_chunks()
    sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
    encoded = lists.flatten().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    names = encoded.dictionary.take(order).to_pylist()
    codes = rank[encoded.indices.to_numpy(zero_copy_only=False)]
    pairs = np.unique(np.repeat(np.arange(len(lists)), sizes) * max(len(names), 1) + codes)
    split = None
    if "split" in table.column_names:
        found = pc.index_in(table["split"], value_set=pa.array(SPLITS))
        split = pc.fill_null(found, NO_SPLIT).to_numpy().astype(np.int8)
    return LabelSet(
        name=name,
        patent_ids=_objects(table["patent_id"]),
        labels=tuple(names),
        rows=(pairs // max(len(names), 1)).astype(np.int32),
        codes=(pairs % max(len(names), 1)).astype(np.int32),
        split=split,
    )


def _objects(column: pa.ChunkedArray) -> np.ndarray:
    out = np.empty(len(column), dtype=object)
    out[:] = column.to_pylist()
    return out
