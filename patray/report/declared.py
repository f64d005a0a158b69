"""What the resolved suite says of its systems and models, as far as the report needs it. What it lacks is None."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from patray.measures.definitions import F1, of_probes
from patray.models.record import ModelRecord
from patray.report.words import clean
from patray.systems import base as systems
from patray.systems.dense import OneVector
from patray.systems.kinds import readable
from patray.systems.rerank import Rerank
from patray.yaml_source import load_yaml


@dataclass(frozen=True)
class Model:
    """prompts: role to text. setup: what else decides its vectors, besides checkpoint and prompts."""

    name: str
    record: ModelRecord | None
    family: str | None
    size: int | None
    dimension: int | None
    checkpoint: tuple[str, str] | None
    prompts: tuple[tuple[str, str], ...]
    setup: tuple[str, ...]
    tuned: bool

    def trained_for(self, dimensions: int) -> bool | None:
        return None if self.record is None else self.record.trained_for(dimensions)


@dataclass(frozen=True)
class System:
    """A system of the suite as the report shows it. raw: its name as files have it; said: what the suite says of it,
    None where this patray does not know its kind."""

    raw: str
    name: str
    said: systems.System | None

    @property
    def kind(self) -> str:
        return "" if self.said is None else self.said.kind

    @property
    def model(self) -> str | None:
        """The model whose vectors it ranks from."""
        return None if self.said is None or self.said.searches is None else clean(self.said.searches)

    @property
    def parts(self) -> tuple[str, ...]:
        """What it fuses; nothing for other kinds."""
        return () if self.said is None or self.said.STEP != "fuse" else tuple(map(clean, self.said.parts))

    @property
    def base(self) -> str | None:
        """What stands before a reranker."""
        return clean(self.said.rerank) if isinstance(self.said, Rerank) else None

    @property
    def form(self) -> tuple[int | None, str, int | None]:
        """Dimensions, precision and rescoring of a dense system."""
        return self.said.form if isinstance(self.said, OneVector) else (None, "float32", None)

    def whole(self, model: Model | None) -> bool:
        """Whether it uses a model's vectors as they are."""
        own = None if model is None else model.dimension
        width, precision, _ = self.form
        return self.model is not None and precision == "float32" and width in (None, own)


@dataclass(frozen=True)
class Declared:
    systems: dict[str, System]
    models: dict[str, Model]

    def model_of(self, system: System) -> Model | None:
        return self.models.get(system.model or "")

    def plain(self) -> list[tuple[System, Model]]:
        """Systems that use a known model's vectors as they are, fine-tuned ones left out."""
        pairs = [(system, self.model_of(system)) for system in self.systems.values()]
        return [(system, model) for system, model in pairs if model and system.whole(model) and not model.tuned]

    def prompted(self, present: Collection[str]) -> list[list[tuple[System, Model]]]:
        """Systems of one checkpoint and set-up whose prompts differ, in the order of the suite."""
        groups: dict[tuple[object, ...], list[tuple[System, Model]]] = {}
        for system, model in self.plain():
            if model.checkpoint and system.name in present:
                groups.setdefault((*model.checkpoint, *model.setup), []).append((system, model))
        return [group for group in groups.values() if len({model.prompts for _, model in group}) > 1]


@cache
def declared(suite_text: str) -> Declared:
    """Read a resolved suite; anything of an unexpected form counts as not said."""
    loaded = load_yaml(suite_text)
    options = loaded if isinstance(loaded, dict) else {}
    entries = _entries(options, "systems")
    said = readable(entries)
    systems = [System(str(one["name"]), clean(one["name"]), said.get(str(one["name"]))) for one in entries]
    models = (_model(entry) for entry in _entries(options, "models"))
    return Declared({system.name: system for system in systems}, {model.name: model for model in models})


@cache
def declared_metrics(suite_text: str, kind: str) -> tuple[str, ...]:
    """The metrics of a kind of task, as tables name them, in the suite's order; empty where it says nothing."""
    loaded = load_yaml(suite_text)
    tasks = loaded.get("tasks") if isinstance(loaded, dict) else None
    task = tasks.get(kind) if isinstance(tasks, dict) else None
    if not isinstance(task, dict):
        return ()
    given = task.get("measures")
    measures = tuple(map(str, given)) if isinstance(given, list) else ()
    if kind != "classification":
        return measures
    probes = task.get("probes")
    return of_probes(probes, measures or F1) if isinstance(probes, list) else ()


def queries_of(suite_text: str) -> str:
    """Which queries retrieval reports: `all`, `untuned` or `test`; empty where the suite does not say."""
    loaded = load_yaml(suite_text)
    tasks = loaded.get("tasks") if isinstance(loaded, dict) else None
    task = tasks.get("retrieval") if isinstance(tasks, dict) else None
    return str(task.get("queries") or "") if isinstance(task, dict) else ""


def option(suite_text: str, name: str, default: Any) -> Any:
    """A setting of `statistics` of the resolved suite."""
    loaded = load_yaml(suite_text)
    found = loaded.get("statistics") if isinstance(loaded, dict) else None
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, type(default)) else default


def margin_of(suite_text: str) -> float | None:
    """The margin of `non_inferior`: a difference that does not matter; None where the suite gives none."""
    found = option(suite_text, "non_inferior", {})
    margin = found.get("margin")
    return float(margin) if isinstance(margin, int | float) and not isinstance(margin, bool) else None


def _entries(options: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = options.get(key)
    return (
        [entry for entry in found if isinstance(entry, dict) and entry.get("name")] if isinstance(found, list) else []
    )


def _model(entry: dict[str, Any]) -> Model:
    facts = entry.get("record")
    facts = facts if isinstance(facts, dict) else {}
    prompts = facts.get("prompts")
    pairs = [(clean(role), str(text)) for role, text in prompts.items()] if isinstance(prompts, dict) else []
    known = facts.get("repo") and facts.get("revision")
    return Model(
        name=clean(entry["name"]),
        record=_record(facts),
        family=clean(facts["family"]) if facts.get("family") else None,
        size=_int(facts.get("parameters")) or _int(facts.get("rounded_parameters")),
        dimension=_int(facts.get("dimension")),
        checkpoint=(str(facts["repo"]), str(facts["revision"])) if known else None,
        prompts=tuple((role, text) for role, text in pairs if role != "origin" and text != "None"),
        setup=(
            *(str(facts.get(key)) for key in ("dtype", "max_tokens")),
            *map(str, (entry.get("engine"), entry.get("path"))),
        ),
        tuned=bool(entry.get("tuned")),
    )


def _record(facts: dict[str, Any]) -> ModelRecord | None:
    """None where the record is not there, or is one of another version of patray that this one cannot read."""
    try:
        return ModelRecord.model_validate(facts)
    except ValidationError:
        return None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
