"""What a step of a run did, as provenance.json holds it: one type, made by every step, read by report and nightly runs.

record = StepRecord("embed", landscape="mine", view="ta", model="minilm", role="document", seconds=3.1,
                    facts={"patents": 235, "tokens": 51_234})
record["tokens"], record.seconds        # (51234, 3.1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class StepRecord:
    """One step. step: its kind, such as prepare, embed, search. landscape, view, system, model, role: what it was for,
    "" where that is nothing of the kind.

    reused: whether what it makes was there already; seconds: of this run, 0 where it was. cost_usd: None without
    prices. facts: what else its kind says (docs/run-folder.md). notes: what a reader of the run must know; they go
    among the notes of the run, not into the step.
    """

    step: str
    landscape: str = ""
    view: str = ""
    system: str = ""
    model: str = ""
    role: str = ""
    reused: bool = False
    seconds: float = 0.0
    cost_usd: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """A field or fact by the name that it has in provenance.json; KeyError where the step has none."""
        return getattr(self, name) if name in NAMED else self.facts[name]

    def get(self, name: str) -> Any:
        """As `record[name]`, None where the step has none."""
        return getattr(self, name) if name in NAMED else self.facts.get(name)

    def with_facts(self, **facts: Any) -> StepRecord:
        return replace(self, facts={**self.facts, **facts})

    def as_json(self) -> dict[str, Any]:
        """The step as an object of provenance.json: what it was for, its facts, time and cost."""
        about = {name: getattr(self, name) for name in ABOUT if getattr(self, name)}
        ends = {"reused": self.reused, "seconds": self.seconds, "cost_usd": self.cost_usd}
        return {"step": self.step, **about, **self.facts, **ends}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> StepRecord:
        """A record from an object as in provenance.json, of this or an older patray; notes may stand among its keys."""
        named = {name: told[name] for name in NAMED if told.get(name) is not None}
        named["notes"] = tuple(named.get("notes", ()))
        return cls(**{"step": "", **named}, facts={name: value for name, value in told.items() if name not in NAMED})


ABOUT = ("landscape", "view", "system", "model", "role")
NAMED = frozenset(one.name for one in fields(StepRecord)) - {"facts"}


def records_of(provenance: Mapping[str, Any], *steps: str) -> list[StepRecord]:
    """The steps of the content of a provenance.json, in their order: all, or those of the kinds named."""
    found = [StepRecord.of(told) for told in provenance.get("steps") or () if isinstance(told, Mapping)]
    return [record for record in found if record.step in steps] if steps else found
