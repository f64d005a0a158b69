"""The questions beside "which system", each answered in a few sentences, or not asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patray.report.answer import Answer, answers_for, counted_place, place
from patray.report.data import KINDS, Results
from patray.report.findings import explain_cost, explain_domain, explain_fusion, explain_views
from patray.report.sections.fusion import explain_gap
from patray.report.sections.prompts import explain_prompts
from patray.report.sections.retention import explain_retention, of_answer
from patray.report.sections.scale import explain_scale
from patray.report.sections.standing import explain_cheapest, explain_standing
from patray.report.words import Sentence


@dataclass(frozen=True)
class Question:
    """A question of the first section with its answer, a few sentences."""

    anchor: str
    text: str
    points: tuple[Sentence, ...]


Explain = Callable[[Results, Answer, Sentence], Sentence | None]


def questions(results: Results) -> list[Question]:
    """Each question with the sentences that this run supports."""
    kinds = [kind for kind in KINDS if results.tasks(kind)]
    every = answers_for(results, kinds[0]) if kinds else []
    several = len({answer.task for answer in every}) > 1
    answers = [answer for answer in every if not answer.few]
    asked: list[tuple[str, str, Explain]] = [
        ("best", "Which systems may be the best?", explain_standing),
        ("cheapest", "Which is the cheapest that is good enough?", explain_cheapest),
        ("views", "Which part of the text?", explain_views),
        ("domain", "What is lost in other technical fields?", explain_domain),
        ("fusion", "Does it pay to join two systems?", explain_fusion),
        ("gap", "Does joining systems help in other fields?", explain_gap),
        ("scale", "Are larger models better?", explain_scale),
        ("prompts", "What does the instruction before a text (prompt) change?", explain_prompts),
        ("retention", "How small can vectors be?", _explain_retention),
    ]
    found = []
    for anchor, text, explain in asked:
        where = place if explain is explain_domain else counted_place  # that one counts its own queries
        points = [explain(results, answer, where(answer, several)) for answer in answers]
        if any(points):
            found.append(Question(anchor, text, tuple(point for point in points if point is not None)))
    cost = explain_cost(results)
    if cost:
        found.append(Question("cost", "What did it take?", (cost,)))
    return found


def _explain_retention(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    studies = of_answer(results, answer)
    return explain_retention(studies, where) if studies else None
