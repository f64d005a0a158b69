"""The likely other spelling of a column or key that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def suggest(name: str, names: Sequence[str]) -> str | None:
    """The likely other spelling of a column, None when nothing is close."""
    folded = {one.lower().replace("_", "").replace(" ", ""): one for one in names}
    key = name.lower().replace("_", "").replace(" ", "")
    close = get_close_matches(key, list(folded), n=1, cutoff=0.72)
    inside = [one for one in folded if one and (one in key or key in one)]
    return folded[close[0]] if close else folded[inside[0]] if len(inside) == 1 else None
