"""What two runs do not have in common, and which of their rows that takes the comparison from.

Read from suite.yaml, provenance.json and items.parquet of both. A row of a comparison speaks of the same thing in both
runs when its landscape holds the same documents and judgements and its measure is defined in the same way. What else
differs (versions, weights, settings of a system) is named and compared all the same: that is what one compares for.
What a run of an older patray did not record is called unknown, never the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from patray.files import Folder
from patray.measures.definitions import NAMES
from patray.yaml_source import load_yaml

RETRIEVAL, CLASSIFICATION, CLUSTERING = "retrieval", "classification", "clustering"
NAMED_OPTIONS = {
    RETRIEVAL: ("measures", "slices", "domain_from", "queries"),
    CLASSIFICATION: ("labels", "probes", "measures"),
    CLUSTERING: ("labels", "measures", "seeds"),
}
"""Options of a task that leave the values of its rows in slice `all` alone; every other one defines them."""
ELSEWHERE = ("name", "title", "landscapes", "tasks", "statistics", "embedding", "training", "landscapes_root", "prices",
             "models_from", "exports")  # fmt: skip
"""Keys of a suite that have lines of their own, or decide no value of the evidence."""
COUNTS = ("patents", "families", "citations", "queries", "pairs")
CODE = ("patray", "git", "python", "platform")
UNKNOWN = "unknown"
MOST = 12
"""Differences of one subject that are written out."""


@dataclass(frozen=True)
class Difference:
    """One subject on which two runs differ. changes: `patents 70 -> 120`, first run first.

    tasks: prefixes of the tasks whose rows cannot be compared, on `landscape` or, where it is None, on all; empty where
    the difference is only named. measure: the one whose rows those are, "" for all. unknown: a run did not record what
    is asked.
    """

    subject: str
    changes: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    landscape: str | None = None
    unknown: bool = False
    measure: str = ""

    def blocks(self, task: str, landscape: str, metric: str) -> bool:
        if self.landscape not in (None, landscape) or self.measure not in ("", metric.partition("@")[0]):
            return False
        return any(task.startswith(prefix) for prefix in self.tasks)

    def __str__(self) -> str:
        more = f", and {len(self.changes) - MOST} more" if len(self.changes) > MOST else ""
        return f"{self.subject}: {', '.join(self.changes[:MOST])}{more}"


@dataclass(frozen=True)
class RunFacts:
    """What a run says of itself; a part that it lacks is empty. items: landscape -> (ids, families) of its items."""

    suite: dict[str, Any]
    provenance: dict[str, Any]
    items: dict[str, tuple[pa.ChunkedArray, pa.ChunkedArray]] = field(default_factory=dict)

    @staticmethod
    def of(run: Folder) -> RunFacts:
        suite = load_yaml(run.read_text("suite.yaml")) if run.exists("suite.yaml") else {}
        provenance = run.read_json("provenance.json") if run.exists("provenance.json") else {}
        table = run.read_table("items.parquet")
        items = {}
        for landscape in pc.unique(table["landscape"]).to_pylist():
            part = table.filter(pc.equal(table["landscape"], landscape)).sort_by("item_id")
            items[landscape] = part["item_id"], part["family_id"]
        return RunFacts(_dict(suite), _dict(provenance), items)

    def landscape(self, name: str) -> dict[str, Any]:
        """What it holds: the provenance's facts, and the content hash of the resolved suite."""
        entry = _by_name(self.suite.get("landscapes")).get(name, {})
        facts = _dict(_dict(self.provenance.get("landscapes")).get(name))
        return {"content": entry.get("content"), **{key: value for key, value in facts.items() if value is not None}}


def differences_between(a: RunFacts, b: RunFacts) -> tuple[Difference, ...]:
    """Every subject on which two runs differ, those that take rows from the comparison first.

    A landscape with 70 patents in a and 120 in b gives one Difference that blocks all tasks on it:
    `landscape corp: patents 70 -> 120, content hash 9f2c41d0 -> 03ab77e1`.
    """
    found = [
        *_landscapes(a, b),
        *_measures(a, b),
        *_settings(a, b),
        *_models(a, b),
        *_versions(a, b),
        *_extensions(a, b),
    ]
    return tuple(sorted(found, key=lambda difference: not difference.tasks))


def why_not(differences: Iterable[Difference], task: str, landscape: str, metric: str) -> str:
    """The subjects that make a row not comparable, joined by `; `; empty where it can be compared."""
    return "; ".join(item.subject for item in differences if item.blocks(task, landscape, metric))


def _landscapes(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    for name in [name for name in a.items if name in b.items]:
        one, two = a.landscape(name), b.landscape(name)
        changes = tuple(_counts(one, two, len(a.items[name][0]), len(b.items[name][0])))
        same_items = all(x.equals(y) for x, y in zip(a.items[name], b.items[name], strict=True))
        if one["content"] and two["content"]:
            if one["content"] != two["content"]:
                digest = f"content hash {str(one['content'])[:8]} -> {str(two['content'])[:8]}"
                parts, tasks = _parts(one.get("contents"), two.get("contents"))
                yield Difference(f"landscape {name}", (*changes, *parts, digest), tasks, name)
        elif not same_items or changes:
            if not same_items:
                changes = (*changes, "ids or families of its documents")
            yield Difference(f"landscape {name}", changes, ("",), name)
        else:
            which = " and ".join(run for run, facts in (("a", one), ("b", two)) if not facts["content"])
            words = (
                f"content {UNKNOWN} in {which}",
                "the same documents by id and family, texts and judgements not known",
            )
            yield Difference(f"landscape {name}", words, (), name, unknown=True)


def _counts(one: dict[str, Any], two: dict[str, Any], items_a: int, items_b: int) -> Iterator[str]:
    """The counts that differ; documents where a run did not count its patents."""
    for key in COUNTS:
        if key in one and key in two and one[key] != two[key]:
            yield f"{key} {one[key]} -> {two[key]}"
    if items_a != items_b and not ("patents" in one and "patents" in two):
        yield f"documents {items_a} -> {items_b}"


def _parts(one: Any, two: Any) -> tuple[list[str], tuple[str, ...]]:
    """The parts of a landscape whose content differs, and the tasks that read them; all where nobody recorded parts."""
    if not (isinstance(one, dict) and isinstance(two, dict)):
        return [], ("",)
    changed = [name for name in sorted(one.keys() | two.keys()) if one.get(name) != two.get(name)]
    tasks: list[str] = [] if changed else [""]
    for name in changed:
        if name.startswith("labels/"):
            label_set = name.removeprefix("labels/")
            tasks += [f"{kind}:{label_set}" for kind in (CLASSIFICATION, CLUSTERING)] + [f"{CLASSIFICATION}:*"]
        elif name in ("citations", "qrels", "queries"):
            tasks.append(RETRIEVAL)
        else:
            tasks.append("")
    return [f"{name} changed" for name in changed], tuple(dict.fromkeys(tasks))


def _measures(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    for task, named in NAMED_OPTIONS.items():
        one, two = (_dict(_dict(facts.suite.get("tasks")).get(task)) for facts in (a, b))
        if not one or not two:
            if a.suite and b.suite and bool(one) != bool(two):
                yield Difference(f"task {task}", (_change("", bool(one), bool(two)).strip(),))
            continue
        changed = [key for key in sorted(one.keys() | two.keys()) if one.get(key) != two.get(key)]
        absent = [key for key in changed if (key in one) != (key in two)]
        defining = [key for key in changed if key not in named and key not in absent]
        if defining:
            yield Difference(f"options of {task}", tuple(_change(key, one[key], two[key]) for key in defining), (task,))
        told = [key for key in changed if key in named and key not in absent]
        if told:
            yield Difference(f"{task}", tuple(_change(key, one[key], two[key]) for key in told))
        if absent:
            words = tuple(_change(key, one.get(key, UNKNOWN), two.get(key, UNKNOWN)) for key in absent)
            yield Difference(f"options of {task}", words, unknown=True)
    one, two = _dict(a.suite.get("splits")), _dict(b.suite.get("splits"))
    if one and two and one != two:
        changed = [_change(key, one.get(key), two.get(key)) for key in sorted(one.keys() | two.keys())]
        changed = [words for words in changed if words]
        yield Difference("splits", tuple(changed), (CLASSIFICATION,))


def _settings(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    if not a.suite or not b.suite:
        which = " and ".join(run for run, facts in (("a", a), ("b", b)) if not facts.suite)
        yield Difference("suite", (f"{UNKNOWN} in {which}: no suite.yaml",), unknown=True)
        return
    for key in sorted((a.suite.keys() | b.suite.keys()) - {*ELSEWHERE, "models", "splits"}):
        changes = tuple(_leaf_changes(a.suite.get(key), b.suite.get(key)))
        if changes:  # a home judges its test families alone, whatever a label file's own split says
            yield Difference(key, changes, (CLASSIFICATION, CLUSTERING) if key == "homes" else ())


def _models(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    sides = [(_by_name(facts.suite.get("models")), _dict(facts.provenance.get("models"))) for facts in (a, b)]
    names = list(dict.fromkeys([*sides[0][0], *sides[0][1], *sides[1][0], *sides[1][1]]))
    without = []
    for name in names:
        known = [{**_dict(suite.get(name)), **_dict(recorded.get(name))} for suite, recorded in sides]
        if not all(known):
            yield Difference(f"model {name}", (_change("", bool(known[0]), bool(known[1])).strip(),))
            continue
        one, two = ({**_dict(facts.pop("record", None)), **facts} for facts in known)
        for facts in (one, two):
            for where in ("found", "path", "name", "model"):
                facts.pop(where, None)
        changes = tuple(_leaf_changes(one, two))
        if changes:
            yield Difference(f"model {name}", changes)
        if not ("content" in one and "content" in two):
            without.append(name)
    if without:
        which = " and ".join(
            run
            for run, (_, recorded) in zip("ab", sides, strict=True)
            if any("content" not in _dict(recorded.get(name)) for name in without)
        )
        words = (f"{UNKNOWN} in {which} for {', '.join(without[:MOST])}",)
        yield Difference("weights", words, unknown=True)


def _versions(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    one, two = (_dict(facts.provenance.get("versions")) for facts in (a, b))
    which = " and ".join(run for run, versions in (("a", one), ("b", two)) if not versions)
    if which:
        yield Difference("versions", (f"{UNKNOWN} in {which}",), unknown=True)
    else:
        changes = tuple(_leaf_changes(one, two))
        if changes:
            yield Difference("versions", changes)
    ours = [{key: facts.provenance[key] for key in CODE if facts.provenance.get(key)} for facts in (a, b)]
    changes = tuple(_leaf_changes(*ours))
    if all(ours) and changes:
        yield Difference("code and machine", changes)


def _extensions(a: RunFacts, b: RunFacts) -> Iterator[Difference]:
    """What is not patray's own: a measure whose code is another, or not known, is another measure."""
    sides = [_dict(facts.provenance.get("extensions")) for facts in (a, b)]
    for group in sorted({*sides[0], *sides[1]} - {"measures"}):
        changes = tuple(_leaf_changes(_dict(sides[0].get(group)), _dict(sides[1].get(group))))
        if changes:
            yield Difference(f"{group} of other packages", changes)
    for name in sorted(_own_measures(a) & _own_measures(b)):
        one, two = (_dict(side.get("measures")).get(name) for side in sides)
        if one is None or two is None or one != two:
            words = _change("", one or UNKNOWN, two or UNKNOWN).strip() or UNKNOWN
            yield Difference(f"measure {name}", (words,), (RETRIEVAL,), unknown=None in (one, two), measure=name)


def _own_measures(facts: RunFacts) -> set[str]:
    """Retrieval measures of a run that are none of patray's."""
    asked = _dict(_dict(facts.suite.get("tasks")).get(RETRIEVAL)).get("measures")
    names = {str(one).partition("@")[0] for one in asked} if isinstance(asked, list) else set()
    return names - set(NAMES)


def _leaf_changes(one: Any, two: Any) -> Iterator[str]:
    before, after = dict(_leaves(one, ())), dict(_leaves(two, ()))
    for place in sorted(before.keys() | after.keys()):
        words = _change(".".join(place), before.get(place), after.get(place))
        if words:
            yield words


def _leaves(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(place, value) of every leaf; entries of a list that have names are told apart by them, not by their number."""
    named = _by_name(value)
    if isinstance(value, dict) or named:
        for key, item in (named or value).items():
            yield from _leaves(item, (*place, str(key)))
    elif value is not None:
        yield place, value


def _change(key: str, before: Any, after: Any) -> str:
    return "" if before == after else f"{key} {_short(before)} -> {_short(after)}".strip()


def _short(value: Any) -> str:
    if isinstance(value, bool | None):
        return {True: "yes", False: "no", None: "absent"}[value]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _by_name(entries: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and entry.get("name") for entry in entries):
        return {}
    return {str(entry["name"]): dict(entry) for entry in entries}


def _dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
