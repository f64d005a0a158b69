"""Texts that stand for "no value": `nan`, `NULL`, `<NA>`, what pandas, SQL and Excel print where nothing is.

Taken literally they would be a family of half the landscape, a title, an office.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_PRINTED = (
    *("nan", "-nan", "+nan", "null", "(null)", "<null>", "nat", "<na>", "<none>", "#n/a", "#na", "#null!", "#ref!"),
    *("#value!", "#name?", "#div/0!", "#num!", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "\\n"),
)
LABEL = pa.array(["", *_PRINTED])
"""Never a label; `none` may be one."""
VALUE = pa.concat_arrays([LABEL, pa.array(["none", "(none)", "n/a", "n.a.", "#n/a n/a", "-", "--", "---", "—", "–"])])
"""Never a value of any column; `NA` is not among them, for it is Namibia's code."""
TEXT = pa.concat_arrays([VALUE, pa.array(["na"])])
FAMILY = pa.concat_arrays([TEXT, pa.array(["0", "-1", "0.0", "-1.0", "unknown", "undefined", "missing", "?", "n/k"])])
"""Never a family id."""
_LONGEST = 16


def is_absent(texts: pa.Array, spellings: pa.Array = VALUE) -> pa.BooleanArray:
    """True for null, blank and every spelling of "no value", in any case: ["nan", "Brush", None] is [T, F, T].

    spellings: VALUE, TEXT, FAMILY or LABEL.
    """
    brief = pc.less_equal(pc.binary_length(texts), _LONGEST)
    if not pc.any(brief).as_py():
        return texts.is_null()
    short = pc.if_else(brief, texts, pa.scalar("x"))
    found = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(short)), value_set=spellings)
    return pc.or_(found, texts.is_null())


def without_absent(texts: pa.Array, spellings: pa.Array = VALUE) -> pa.Array:
    """The texts with null where they only spell "no value"."""
    absent = pc.and_(is_absent(texts, spellings), texts.is_valid())
    return pc.if_else(absent, pa.scalar(None, pa.string()), texts) if pc.any(absent).as_py() else texts
