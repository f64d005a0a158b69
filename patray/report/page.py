"""The page as data: sections of parts of panels. The template draws these and knows nothing of patents."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from patray.report.grid import Grid
from patray.report.words import Sentence

Legend = tuple[tuple[Markup, str], ...]


@dataclass(frozen=True)
class Panel:
    """A figure and a table about one thing, with the sentence that says what they show. folded: closed at first."""

    title: Sentence = ()
    text: tuple[Sentence, ...] = ()
    figure: Markup | None = None
    legend: Legend = ()
    grid: Grid | None = None
    extra: tuple[Panel, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Part:
    """Panels that answer one question, one panel a landscape. columns: how many stand side by side on a wide page."""

    anchor: str
    title: str
    panels: tuple[Panel, ...]
    text: tuple[Sentence, ...] = ()
    columns: int = 1


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Line:
    """One line of the answer: a landscape, its leader and how sure that is."""

    place: Sentence
    system: str
    view: str
    score: str
    interval: str
    n: str
    runner: str
    lead: str
    lead_interval: str
    p: str
    badge: str
    tone: str


@dataclass(frozen=True)
class Verdict:
    """The answer for one kind of task; small: what its words mean and cost; more: lines folded away."""

    kind: str
    title: str
    metric: str
    headline: Sentence
    small: tuple[Sentence, ...]
    lines: tuple[Line, ...]
    more: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A name and what is recorded under it."""

    name: str
    value: str


@dataclass(frozen=True)
class Page:
    """first: questions that are answered before all others, those of fine-tuning. warnings: notes that stand above.
    glossary: short names and terms in words."""

    title: str
    facts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    questions: tuple[tuple[str, str, tuple[Sentence, ...]], ...]
    fine_print: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    facts_of_run: tuple[Fact, ...] = ()
    methods: tuple[tuple[str, str], ...] = ()
    suite_text: str = ""
    records: tuple[tuple[str, str], ...] = ()
    versions: tuple[Fact, ...] = field(default=())
    first: tuple[tuple[str, str, tuple[Sentence, ...]], ...] = ()
    warnings: tuple[str, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()
