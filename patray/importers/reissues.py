"""What a US reissue deletes and adds, as the USPTO's plain text marks it, wherever that text went.

a .[.sixth.]. .Iadd.seventh .Iaddend.widget   ->   a seventh widget
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.nested import elements, to_lists, whole
from patray.importers.record import TEXTS

_DELETED = r"(?s)\.\[\..*?\.\]\."
_ADDED = r"\.Iadd(?:end)?\."
_SPACES = r"[ \t]{2,}"


def without_deleted(table: pa.Table) -> pa.Table:
    """Patents without the deleted text of reissues (ids `USRE...`) and the marks around what was added.

    A claim that was deleted whole is gone. A mark without its partner stays as it is.
    """
    reissued = pc.fill_null(pc.starts_with(whole(table["patent_id"]), "USRE"), False)
    if not pc.any(reissued).as_py():
        return table
    for name in TEXTS:
        column = whole(table[name])
        if pa.types.is_list(column.type):
            rows, values = elements(column)
            mask = reissued.to_numpy(zero_copy_only=False)[rows]
            cleaned = _cleaned(values, pa.array(mask))
            empty = pc.fill_null(pc.match_substring_regex(cleaned, pattern=r"^(?:\d+\s*[.)]?)?$"), False)
            gone = empty.to_numpy(zero_copy_only=False) & mask
            changed: pa.Array = to_lists(rows[~gone], cleaned.filter(pa.array(~gone)), len(column))
        else:
            changed = _cleaned(column, reissued)
        table = table.set_column(table.column_names.index(name), table.schema.field(name), changed)
    return table


def _cleaned(texts: pa.Array, mask: pa.Array) -> pa.Array:
    """The texts, cleaned where mask (n,) bool and where there is a mark."""
    marked = pc.fill_null(pc.match_substring_regex(texts, pattern=rf"{_DELETED}|{_ADDED}"), False)
    mask = pc.and_(mask, marked)
    if not np.any(mask.to_numpy(zero_copy_only=False)):
        return texts
    said = texts.filter(mask)
    for pattern, replacement in ((_DELETED, " "), (_ADDED, ""), (_SPACES, " "), (r" +([,;.](?:\s|$))", r"\1")):
        said = pc.replace_substring_regex(said, pattern=pattern, replacement=replacement)
    return pc.replace_with_mask(texts, mask, pc.utf8_trim_whitespace(said))
