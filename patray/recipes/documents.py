"""A landscape as pair sources see it: documents as rows, each with its family and the one split it belongs to.

The split is that of the family. Where a label file has a split of its own, the stricter answer counts for the whole
family (test over validation over train): a patent that any task tests on is never trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.cited_pairs import CitedBy, check_said, cited_pairs, why_none
from patray.landscapes.labels import get_label_set
from patray.landscapes.load import load_metadata
from patray.landscapes.positions import positions
from patray.landscapes.records import Metadata
from patray.landscapes.splits import SALT, SHARES, split_families


@dataclass(frozen=True)
class Documents:
    """Patents, then query documents outside the corpus; a row each.

    ids, families (N,): str objects. family (N,) int32: code of the family; two families of one id
    (a patent and a query document of that id) are one. split (N,) int8: position in splits.SPLITS.
    split_by_hash (N,) int8: the same without label files. in_corpus (N,) bool: a patent, not a query document.
    hidden (N,) bool: a patent whose id a query document has too; pairs are made with the query document.
    links (E, 2) int32: rows of each citation, citing first; without citations, of each relevant qrel, query first.
    """

    metadata: Metadata
    ids: np.ndarray
    families: np.ndarray
    family: np.ndarray
    split: np.ndarray
    split_by_hash: np.ndarray
    in_corpus: np.ndarray
    hidden: np.ndarray
    links: np.ndarray

    @property
    def corpus(self) -> np.ndarray:
        """(n,) int64: rows of the corpus, by the query document where a patent is hidden by one."""
        return self.rows(self.ids[self.in_corpus])

    def rows(self, ids: np.ndarray | pa.ChunkedArray) -> np.ndarray:
        """(n,) int64: row of each id, -1 where unknown. A query document wins over a patent with its id."""
        own = np.flatnonzero(~self.hidden)
        place = positions(ids, self.ids[own])
        return np.where(place < 0, -1, own[place])


def read_documents(prepared: Folder, shares: Sequence[float] = SHARES, salt: str = SALT) -> Documents:
    """The documents of a clean copy. shares, salt: as in `splits.split_families`."""
    metadata = load_metadata(prepared)
    tables = [metadata.patents] + ([] if metadata.queries is None else [metadata.queries])
    ids = _objects([table["patent_id"] for table in tables])
    families = _objects([table["family_id"] for table in tables])
    in_corpus = np.arange(len(ids)) < metadata.patents.num_rows
    names, name = np.unique(families.astype(str), return_inverse=True)
    _, same, often = np.unique(ids.astype(str), return_inverse=True, return_counts=True)
    family = _joined(name, same)[name]
    size = int(family.max(initial=-1)) + 1
    by_hash = np.zeros(size, np.int8)
    np.maximum.at(by_hash, family, split_families(names, shares, salt)[name])
    strictest = by_hash.copy()
    for labels in (get_label_set(metadata, label) for label in metadata.labels):
        if labels.split is not None:
            rows = positions(labels.patent_ids, metadata.patents["patent_id"].combine_chunks())
            np.maximum.at(strictest, family[rows], labels.split)
    documents = Documents(
        metadata=metadata,
        ids=ids,
        families=families,
        family=family.astype(np.int32),
        split=strictest[family],
        split_by_hash=by_hash[family],
        in_corpus=in_corpus,
        hidden=in_corpus & (often[same] > 1),
        links=np.zeros((0, 2), np.int32),
    )
    return replace(documents, links=_links(documents))


def _joined(name: np.ndarray, id: np.ndarray) -> np.ndarray:
    """(F,) code of each family name; names (rows' codes, (N,)) that share an id (N,) are one family."""
    n, m = int(name.max(initial=-1)) + 1, int(id.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(len(name)), (name, n + id)), shape=(n + m, n + m))
    return np.asarray(connected_components(graph, directed=False)[1][:n])


def _links(documents: Documents) -> np.ndarray:
    metadata = documents.metadata
    if metadata.citations is not None:
        ends = metadata.citations["citing_id"], metadata.citations["cited_id"]
    elif metadata.qrels is not None:
        relevant = metadata.qrels.filter(pc.greater(metadata.qrels["relevance"], 0))
        ends = relevant["query_id"], relevant["patent_id"]
    else:
        return documents.links
    return _rows_of(documents, *ends)


def counted_links(documents: Documents, cited_by: CitedBy) -> np.ndarray:
    """(E, 2) int32, as Documents.links, of the citations that count. Raises InputError where nothing says so, or none
    does."""
    metadata = documents.metadata
    check_said(metadata, cited_by)
    if metadata.citations is None:
        return np.zeros((0, 2), np.int32)
    pairs, _ = cited_pairs(metadata, "cited", cited_by)
    pairs = pairs.filter(pc.greater(pairs["relevance"], 0))
    if not pairs.num_rows:
        raise InputError(f"{metadata.name}: {why_none(metadata, cited_by)}")
    return _rows_of(documents, pairs["query_id"], pairs["patent_id"])


def _rows_of(documents: Documents, *ends: pa.ChunkedArray) -> np.ndarray:
    links = np.stack([documents.rows(end) for end in ends], axis=1)
    links = links[(links >= 0).all(axis=1) & (links[:, 0] != links[:, 1])]
    return np.unique(links, axis=0).astype(np.int32)


def _objects(columns: Sequence[pa.ChunkedArray]) -> np.ndarray:
    values = [value for column in columns for value in column.to_pylist()]
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
