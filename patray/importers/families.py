"""Simple families when a source gives no family id, or gives one for some publications only.

A simple family is an equivalence: two publications belong together when one lists the other, when a third lists both,
or when they carry the same family id. So families are the connected components of that graph. Extended (INPADOC)
families must not be fed in here: they join different inventions.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

MISSING = pa.array(["", "0", "-1", "null", "None"])
"""Spellings of 'no family id'; taken literally they would make one giant family."""


def known_family(ids: pa.Array) -> pa.Array:
    """Family ids with every spelling of 'unknown' as null."""
    ids = pc.utf8_trim_whitespace(ids)
    return pc.if_else(pc.fill_null(pc.is_in(ids, value_set=MISSING), False), pa.scalar(None, pa.string()), ids)


def simple_families(ids: pa.Array, given: pa.Array, members: pa.ListArray) -> pa.Array:
    """(n,) string: the family of each publication, never null.

    ids (n,): the names under which `members` list publications (null when there is none). given (n,): family id, or
    null. members (n,): lists of names, the publication itself included or not. A family is named by the smallest given
    id in it, else by its smallest member (by bytes): a publication without either is a family named by itself.
    """
    count = len(ids)
    sizes = pc.fill_null(pc.list_value_length(members), 0).to_numpy(zero_copy_only=False)
    own = pc.coalesce(ids, pc.binary_join_element_wise("row ", pa.array(np.arange(count)).cast(pa.string()), ""))
    labelled = given.drop_null()
    # Family ids and publication names are different kinds of node; a prefix keeps `1234` and `1234` apart.
    parts = [
        pc.binary_join_element_wise("p", own, ""),
        pc.binary_join_element_wise("p", members.flatten(), ""),
        pc.binary_join_element_wise("f", labelled, ""),
    ]
    nodes = pa.concat_arrays([part.cast(pa.string()) for part in parts]).dictionary_encode()
    codes = nodes.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    rows, listed, families = np.split(codes, [count, count + len(members.flatten())])
    source = np.concatenate([np.repeat(rows, sizes), rows[given.is_valid().to_numpy(zero_copy_only=False)]])
    target = np.concatenate([listed, families])
    size = len(nodes.dictionary)
    graph = coo_matrix((np.ones(len(source), np.int8), (source, target)), shape=(size, size))
    _, component = connected_components(graph, directed=False)

    # 'f' sorts before 'p', so the smallest node of a component is its smallest family id where it has one.
    order = pc.sort_indices(nodes.dictionary).to_numpy()
    name = np.empty(component.max() + 1 if size else 0, dtype=np.int64)
    name[component[order][::-1]] = order[::-1]
    chosen = nodes.dictionary.take(pa.array(name[component[rows]] if count else np.zeros(0, np.int64)))
    names = pc.utf8_slice_codeunits(chosen, 1)
    clash = pc.and_(pc.starts_with(chosen, "p"), pc.is_in(names, value_set=labelled.unique()))
    return pc.if_else(clash, pc.binary_join_element_wise("publication", names, " "), names)
