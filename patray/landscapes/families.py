"""A family that holds too many patents to be one: the note that says so."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_LEAST = ((5, 0.25), (50, 0.05), (1000, 0.0))
"""(members, share of the patents) from which on a family is noted. Real simple families have some hundred at most."""


def large_families(family_ids: pa.Array) -> list[str]:
    """Notes on families that hold an absurd share of the patents, largest first: often a spelling of "unknown".

    family_ids (n,): string, null for a patent that is a family of its own. ["x"] * 8 + ["y", "z"] gives one note.
    """
    total, counts = len(family_ids), family_ids.drop_null().value_counts()
    sizes = counts.field("counts")
    several = counts.filter(pc.greater_equal(sizes, min(least for least, _ in _LEAST))).to_pylist()
    large = [
        (-one["counts"], one["values"])
        for one in several
        if any(one["counts"] >= least and one["counts"] >= share * total for least, share in _LEAST)
    ]
    return [
        f"family {name!r} holds {-size:,} of {total:,} patents ({-size / total:.1%}), none of which is ever ranked for "
        "another; if it stands for 'unknown', leave family_id empty there"
        for size, name in sorted(large)[:5]
    ]
