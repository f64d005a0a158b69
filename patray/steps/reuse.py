"""Say why nothing of the store is reused for a step: what differs from the nearest artifact that is there.

why_not_reused(store / "embeddings" / "mine" / "ta" / "minilm", {"content": "8b3219…", "max_tokens": 512})
# "max_tokens 256 -> 512 since 3f0c…"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patray.artifacts import is_complete, read_record
from patray.errors import DamagedError
from patray.files import Folder

MOST_FIELDS = 6
"""Fields that are named; an artifact that differs in more is another thing."""
MOST_LETTERS = 24
TEXTS = "inputs"
"""The field that is a hash of all texts."""


def why_not_reused(place: Folder, identity: Mapping[str, object]) -> str:
    """The fields in which `identity` differs from the nearest artifact in `place`, "" where there is none near.

    place: the folder of all artifacts of one landscape, view and model. The nearest has the fewest other
    fields; of equals the first by name. One of another role is never near.
    """
    nearest: list[str] | None = None
    key = ""
    for name in sorted(place.list()) if place.exists() else ():
        found = _identity(place / name)
        if found is None or found.get("role") != identity.get("role"):
            continue
        differs = [field for field in {**identity, **found} if identity.get(field) != found.get(field)]
        if nearest is None or len(differs) < len(nearest):
            nearest, key = [_change(field, found.get(field), identity.get(field)) for field in differs], name
    if not nearest or len(nearest) > MOST_FIELDS:
        return ""
    return f"{', '.join(sorted(nearest))} since {key}"


def _identity(artifact: Folder) -> dict[str, Any] | None:
    """What an artifact was made of; None where it is not whole, or says nothing."""
    if not is_complete(artifact):
        return None
    try:
        found = read_record(artifact).get("identity")
    except DamagedError:
        return None  # whoever opens it says so
    return found if isinstance(found, dict) else None


def _change(field: str, before: object, after: object) -> str:
    return "other texts" if field == TEXTS else f"{field} {_short(before)} -> {_short(after)}"


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
