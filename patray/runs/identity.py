"""A run is identified by its resolved suite. The same name with another content is refused, key by key."""

from __future__ import annotations

from typing import Any

from patray.errors import ConflictError
from patray.files import Folder
from patray.runs.read import dump_suite
from patray.runs.run_files import rewrite
from patray.runs.suite import Suite
from patray.yaml_source import load_yaml

WHERE_NOT_WHAT = (
    ("embedding",), ("training",), ("search", "shards"), ("search", "coarse"), ("landscapes_root",), ("prices",),
    ("title",), ("models_from",), ("exports",),
)  # fmt: skip
"""Keys that say where or how fast a run happens, not what comes out."""
COMPARISONS = ("statistics", "comparisons")
CHOSEN = ("systems/", "views/", "recipes/", "recipe-pairs/")
"""How the names of the comparisons begin that patray chooses where a suite says none (`resolve`)."""
MOST = 40
"""Keys that are told."""


def claim_run(run: Folder, suite: Suite) -> None:
    """Write the resolved suite into the run folder, or check that it holds the same one; ConflictError if not."""
    new = dump_suite(suite)
    if run.exists("suite.yaml"):
        changes = _told(load_yaml(run.read_text("suite.yaml")), load_yaml(new))
        if changes:
            listed = "\n".join(f"  {change}" for change in changes)
            raise ConflictError(
                f"the run {run} exists with another suite:\n{listed}\n"
                "Give this run another --name, or delete the folder."
            )
    rewrite(run, "suite.yaml", new)


def _told(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """`differences` for a person: comparisons that patray chose, which follow from the other keys, are a count."""
    changes = differences(old, new)
    chosen = all(
        str(family.get("name")).startswith(CHOSEN)
        for side in (old, new)
        for family in (side.get("statistics") or {}).get("comparisons") or ()
    )
    written = [change for change in changes if not (chosen and change.startswith("statistics.comparisons."))]
    if not written:
        written = changes
    lines = written[:MOST]
    if len(written) > MOST:
        lines.append(f"and {len(written) - MOST} more")
    if len(changes) > len(written):
        lines.append(f"and {len(changes) - len(written)} of statistics.comparisons, which follow from these")
    return lines


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """`key: old -> new` for every leaf that differs, keys that do not decide a result left out.

    Those of `statistics.comparisons` stand last, as by default they follow from the others. An option that is off is
    as one that is not there, so that a run of before it came can go on.
    """
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    lines = []
    for place in sorted(before.keys() | after.keys(), key=lambda place: (place[:2] == COMPARISONS, str(place))):
        was, now = before.get(place), after.get(place)
        lacking = place not in before or place not in after
        if _ignored(place) or was == now or (lacking and _off(was) and _off(now)):
            continue
        shown = (repr(side[place]) if place in side else "absent" for side in (before, after))
        lines.append(f"{'.'.join(map(str, place))}: {' -> '.join(shown)}")
    return lines


def _off(value: Any) -> bool:
    """Whether a value is what an option has that is not used, as in a suite of before the option came."""
    return value is None or value is False or value == [] or value == {}


def _ignored(place: tuple[str | int, ...]) -> bool:
    if place[0] in ("landscapes", "models") and place[-1] == "path":
        return True
    return any(place[: len(prefix)] == prefix for prefix in WHERE_NOT_WHAT)


def _leaves(value: Any, place: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*place, key))]
    if isinstance(value, list) and value:
        return [leaf for key, item in enumerate(value) for leaf in _leaves(item, (*place, key))]
    return [(place, value)]
