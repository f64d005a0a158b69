"""Computes the studies of a run from its evidence: what smaller vectors keep, what fusion does to the gap, scale.

Only the main metric in the leader's view of each task and landscape is read, and only the systems that a study is
about; a run without such systems, or without its evidence, has no studies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations

from patray.files import Folder
from patray.report.answer import Answer, answers_for, in_view
from patray.report.data import KINDS, Results, comparison_of, kind_of, labels_of
from patray.report.declared import Declared, Model, System, declared, option
from patray.report.studied import (
    KS,
    PROMPTS,
    RETENTION,
    Asked,
    At,
    Gaps,
    Kept,
    Prompted,
    Retention,
    Scaled,
    Sized,
    Studies,
)
from patray.report.words import clean
from patray.search.quantise import BYTES, vector_bytes
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.tasks.by_part import metrics_of_key
from patray.tasks.comparisons import ComparisonFamily, compare_pairs
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.gap import Halves, gap_changes
from patray.tasks.joint import Side
from patray.tasks.populations import Catalogue, Placed
from patray.tasks.retention import kept
from patray.tasks.scale import FEWEST, scale
from patray.tasks.seed_means import spread

FILES = ("evidence.parquet", "items.parquet")
Group = tuple[System, Model, list[System]]
Pair = tuple[System, System]


def with_studies(run: Folder, results: Results) -> Results:
    """`results` with the studies that the run folder's evidence and suite allow."""
    known = declared(results.suite_text)
    if not known.systems or not all(run.exists(name) for name in FILES):
        return results
    evidence = EvidenceFile(run)
    catalogue: Catalogue | None = None
    found = Studies()
    for kind in KINDS:
        for answer in answers_for(results, kind):
            present = set(in_view(results, answer))
            groups, fusions = _groups(known, present), _fusions(known, present, kind)
            models = _sized(known, present)
            wanted = {system.raw for full, _, smaller in groups for system in (full, *smaller)}
            wanted |= {system.raw for pair in fusions for system in pair} | {system.raw for system, _ in models}
            pairs = _asked(known, present, groups, kind)
            wanted |= {system.raw for listed in pairs.values() for pair in listed for system in pair}
            if not wanted:
                continue
            catalogue = catalogue or Catalogue.of(run.read_table("items.parquet"))
            study = _Study(results, answer, catalogue, _read(evidence, answer, wanted, bool(fusions), catalogue))
            found = Studies(
                (*found.retention, *study.retention(groups)),
                (*found.gaps, *study.gaps(fusions)),
                (*found.scale, *study.scale(models)),
                (*found.asked, *study.ask(pairs)),
                (*found.prompted, *study.prompted(known.prompted(present))),
            )
    return replace(results, studies=found)


def _groups(known: Declared, present: set[str]) -> list[Group]:
    """Each model that was run as it is and in smaller forms."""
    found = []
    for full, model in known.plain():
        smaller = [
            system
            for system in known.systems.values()
            if system.model == full.model and system.kind == "dense" and system.name in present
            if not system.whole(model) and system.form[1] in BYTES
        ]
        if smaller and full.kind == "dense" and full.name in present and model.dimension:
            found.append((full, model, smaller))
    return found


def _fusions(known: Declared, present: set[str], kind: str) -> list[tuple[System, System]]:
    """Each fusion with the first of its parts that uses a model; retrieval alone."""
    found = []
    for system in known.systems.values() if kind == "retrieval" else ():
        parts = [known.systems[part] for part in system.parts if part in known.systems]
        before = next((part for part in parts if part.model is not None), None)
        if before and system.name in present and before.name in present:
            found.append((before, system))
    return found


def _sized(known: Declared, present: set[str]) -> list[tuple[System, Model]]:
    """One system a checkpoint of known size, as it is; of several prompt sets the first. None where they are few."""
    found: dict[object, tuple[System, Model]] = {}
    for system, model in known.plain():
        if system.name in present and model.size and model.family:
            found.setdefault(model.checkpoint or model.name, (system, model))
    return list(found.values()) if len(found) >= FEWEST else []


def _asked(known: Declared, present: set[str], groups: list[Group], kind: str) -> dict[str, list[Pair]]:
    """Pairs of systems by the question that they answer: each smaller form against the full one, every two prompt sets
    of a checkpoint, every two k of one reciprocal rank fusion."""
    listed = [system for system in known.systems.values() if system.name in present]
    by_parts: dict[tuple[str, ...], list[System]] = {}
    for system in listed:
        if system.kind == "rrf" and kind == "retrieval":
            by_parts.setdefault(system.parts, []).append(system)
    return {
        RETENTION: [(smaller, full) for full, _, members in groups for smaller in members],
        PROMPTS: [pair for group in known.prompted(present) for pair in combinations([one for one, _ in group], 2)],
        KS: [pair for members in by_parts.values() for pair in combinations(members, 2)],
    }


def _read(
    evidence: EvidenceFile, answer: Answer, systems: set[str], halves: bool, catalogue: Catalogue
) -> Mapping[tuple[str, str], Side]:
    """Scores of the answer's task, view and metric by (system, slice); a side holds one score a label set."""
    every = f"{kind_of(answer.task)}:" if labels_of(answer.task) == "*" else None
    parts = ("all", "in", "out") if halves else ("all",)
    wanted = [
        key
        for key in evidence.index
        if (key.where.task == answer.task if every is None else key.where.task.startswith(every))
        and (key.where.landscape, key.where.view) == (answer.landscape, answer.leader.view)
        and key.where.system in systems
        and key.where.slice in parts
        and answer.metric in metrics_of_key(evidence, key)
    ]
    found: dict[tuple[str, str], list[Placed]] = {}
    for score in evidence.load(wanted):
        found.setdefault((clean(score.where.system), score.where.slice), []).append(catalogue.place(score))
    # A mean over label sets compares with means over the same sets alone.
    tasks = {key: tuple(placed.score.where.task for placed in side) for key, side in found.items()}
    most = max(tasks.values(), key=len, default=())
    return {key: side for key, side in found.items() if tasks[key] == most}


class _Study:
    """The studies of one task on one landscape."""

    def __init__(
        self, results: Results, answer: Answer, catalogue: Catalogue, sides: Mapping[tuple[str, str], Side]
    ) -> None:
        self.at = At(answer.task, answer.landscape, answer.leader.view, answer.metric)
        self.catalogue, self.sides = catalogue, sides
        text = results.suite_text
        self.draws = Draws(**{name: option(text, name, default) for name, default in asdict(DEFAULT_DRAWS).items()})
        self.order = {name: index for index, name in enumerate(in_view(results, answer))}

    def _has(self, systems: Iterable[System], parts: Sequence[str] = ("all",)) -> bool:
        return all((system.name, part) in self.sides for system in systems for part in parts)

    def _side(self, system: System) -> Side:
        return self.sides[system.name, "all"]

    def ask(self, pairs: Mapping[str, list[Pair]]) -> Iterable[Asked]:
        """The comparisons of each question, a family of their own: few are asked, so little is lost to correction."""
        for question, listed in pairs.items():
            sides = [(self._side(a), self._side(b)) for a, b in listed if self._has((a, b))]
            if sides:
                family = ComparisonFamily(question, self.at.task, self.at.metric)
                rows = compare_pairs(family, sides, self.catalogue, self.draws)
                yield Asked(self.at, question, tuple(comparison_of(row) for row in rows))

    def prompted(self, groups: Iterable[Sequence[tuple[System, Model]]]) -> Iterable[Prompted]:
        """What another prompt would change, as a component beside what other queries would."""
        for group in groups:
            systems = [system for system, _ in group if self._has([system])]
            if len(systems) > 1:
                sides = [self._side(system) for system in systems]
                found = spread(sides, self.at.metric, self.catalogue, self.draws.level).components
                if found is not None:
                    yield Prompted(self.at, tuple(system.name for system in systems), found)

    def retention(self, groups: Iterable[Group]) -> Iterable[Retention]:
        for full, model, listed in groups:
            own = model.dimension or 0
            smaller = sorted(
                (system for system in listed if self._has([system])),
                key=lambda one: (list(BYTES).index(one.form[1]), -(one.form[0] or own), one.form[2] or 0),
            )
            if not smaller or not self._has([full]):
                continue
            sides = [self._side(system) for system in smaller]
            found = kept(self._side(full), sides, self.at.metric, self.catalogue, self.draws)
            if found is None:
                continue
            points = tuple(
                Kept(
                    system=system.name,
                    dimensions=(width := system.form[0] or own),
                    precision=system.form[1],
                    rescore=system.form[2],
                    bytes=vector_bytes(width, system.form[1]),
                    trained=model.trained_for(width),
                    score=float(value),
                    share=share,
                )
                for system, value, share in zip(smaller, found.scores[1:], found.estimates, strict=True)
            )
            yield Retention(self.at, model.name, full.name, own, float(found.scores[0]), found.n, points)

    def gaps(self, fusions: Iterable[tuple[System, System]]) -> Iterable[Gaps]:
        halves: dict[str, Halves] = {}
        pairs = [pair for pair in fusions if self._has(pair, ("in", "out"))]
        pairs.sort(key=lambda pair: self.order.get(pair[1].name, len(self.order)))
        for system in (system for pair in pairs for system in pair):
            inside, outside = (self.sides[system.name, part][0] for part in ("in", "out"))
            halves.setdefault(system.name, Halves(inside, outside))
        asked = [(halves[before.name], halves[after.name]) for before, after in pairs]
        if asked:
            found = gap_changes(asked, self.catalogue, self.draws)
            changes = tuple(
                replace(change, before=clean(change.before), after=clean(change.after))
                for change in found
                if change is not None
            )
            if changes:
                yield Gaps(self.at, changes)

    def scale(self, models: Iterable[tuple[System, Model]]) -> Iterable[Scaled]:
        chosen = [(system, model) for system, model in models if self._has([system])]
        sizes, families = [model.size or 0 for _, model in chosen], [model.family or "" for _, model in chosen]
        sides = [self._side(system) for system, _ in chosen]
        found = scale(sides, sizes, families, self.at.metric, self.catalogue, self.draws) if sides else None
        if found is not None:
            points = [
                Sized(system.name, family, size, float(score))
                for (system, _), family, size, score in zip(chosen, families, sizes, found.scores, strict=True)
            ]
            points.sort(key=lambda point: (point.size, point.system))
            yield Scaled(self.at, tuple(points), found)
