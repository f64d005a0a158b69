"""Which rankings a run makes: every system in every view of every landscape with truth, the same list for run and plan.

steps = rank_steps([("mine", "ta")], suite.systems)
steps[0].is_done(store / "runs" / "demo")       # whether rankings/mine/ta/minilm.parquet is there, whole
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patray.artifacts import is_sealed
from patray.files import Folder
from patray.runs.step_record import StepRecord
from patray.systems.base import System
from patray.tables import ranking_file

Key = tuple[str, str, str]
"""Landscape, view, name of a system."""


@dataclass(frozen=True)
class RankStep:
    """One ranking: a system in one view of one landscape."""

    landscape: str
    view: str
    system: System

    @property
    def key(self) -> Key:
        return self.landscape, self.view, str(self.system.name)

    @property
    def after(self) -> list[Key]:
        """The rankings that this one is made from."""
        return [(self.landscape, self.view, part) for part in self.system.parts]

    @property
    def file(self) -> str:
        """Where the ranking lies inside the run's folder."""
        return ranking_file(*self.key)

    def record(self, facts: Mapping[str, Any]) -> StepRecord:
        """What the step did, from what its work tells: seconds, whether it was reused, notes, and facts of its kind."""
        about = dict(zip(("landscape", "view", "system"), self.key, strict=True))
        return StepRecord.of({"step": self.system.STEP, **about, **facts})

    def is_done(self, run: Folder) -> bool:
        """Whether the ranking is there, whole, so that it is not made again. Kinds that are cheap are always made."""
        return self.system.kept and is_sealed(run, self.file)


def rank_steps(places: Iterable[tuple[str, str]], systems: Sequence[System]) -> list[RankStep]:
    """The rankings of all systems, in their order, in each place: (landscape, view)."""
    return [RankStep(landscape, view, system) for landscape, view in places for system in systems]
