"""What a run's systems were meant to show of each other: kept scores, changed gaps, scale. Plain data, no reading."""

from __future__ import annotations

from dataclasses import dataclass

from patray.report.comparison import Comparison
from patray.statistics.components import Components
from patray.tasks.gap import GapChange
from patray.tasks.joint import Estimate
from patray.tasks.scale import Scale

RETENTION, PROMPTS, KS = "retention", "prompts", "rrf"
"""Questions that are asked of few pairs."""


@dataclass(frozen=True)
class At:
    """Where a study was made: the view is that of the leader of the task on the landscape."""

    task: str
    landscape: str
    view: str
    metric: str


@dataclass(frozen=True)
class Kept:
    """A smaller form of a model's vectors and the share of the full score that it keeps.

    trained: whether the model was trained to be cut to this width; None where nobody has verified it.
    """

    system: str
    dimensions: int
    precision: str
    rescore: int | None
    bytes: int
    trained: bool | None
    score: float
    share: Estimate


@dataclass(frozen=True)
class Retention:
    """A model at full width and its smaller forms, widest first, float32 before int8 before binary."""

    at: At
    model: str
    system: str
    dimensions: int
    score: float
    n: int
    points: tuple[Kept, ...]


@dataclass(frozen=True)
class Commonest:
    """F1 of giving every patent the commonest label. labels: its name in each label set, and the patents with it."""

    task: str
    landscape: str
    macro: float
    micro: float
    n: int
    labels: tuple[tuple[str, int], ...]

    def of(self, metric: str) -> float:
        """The value beside a metric such as `knn-macro-F1`."""
        return self.macro if metric.endswith("macro-F1") else self.micro


@dataclass(frozen=True)
class Gaps:
    """What each fusion does to the difference between same field and other field, best fusion first."""

    at: At
    changes: tuple[GapChange, ...]


@dataclass(frozen=True)
class Sized:
    """A model on the scale figure; size in numbers of weights."""

    system: str
    family: str
    size: int
    score: float


@dataclass(frozen=True)
class Scaled:
    at: At
    models: tuple[Sized, ...]
    found: Scale


@dataclass(frozen=True)
class Asked:
    """Comparisons of the few pairs that a question is about, corrected together and by themselves."""

    at: At
    question: str
    found: tuple[Comparison, ...]

    def compare(self, a: str, b: str) -> Comparison | None:
        """Seen from `a`; None where the pair was not asked."""
        for seen in self.found:
            if (seen.a, seen.b) == (a, b):
                return seen
            if (seen.a, seen.b) == (b, a):
                return seen.swapped()
        return None


@dataclass(frozen=True)
class Prompted:
    """Systems of one checkpoint that differ in their prompts alone, in the order of the suite, and what prompts do."""

    at: At
    systems: tuple[str, ...]
    components: Components


@dataclass(frozen=True)
class Studies:
    """Everything that was computed from the evidence for the report; empty where the run has no such systems."""

    retention: tuple[Retention, ...] = ()
    gaps: tuple[Gaps, ...] = ()
    scale: tuple[Scaled, ...] = ()
    asked: tuple[Asked, ...] = ()
    prompted: tuple[Prompted, ...] = ()

    def of(self, at: At, question: str) -> Asked:
        """The comparisons of one question; empty where it was not asked."""
        nothing = Asked(at, question, ())
        return next((asked for asked in self.asked if (asked.at, asked.question) == (at, question)), nothing)
