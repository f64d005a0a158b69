"""The questions beside "which system", each answered in a few sentences, or not asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patray.report.answer import Answer, answers_for, place
from patray.report.data import KINDS, Results
from patray.report.findings import explain_cost, explain_domain, explain_fusion, explain_views
from patray.report.fusion_section import explain_gap
from patray.report.prompt_section import explain_prompts
from patray.report.retention_section import explain_retention, of_answer
from patray.report.scale_section import explain_scale
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
    answers = answers_for(results, kinds[0]) if kinds else []
    several = len({answer.task for answer in answers}) > 1
    asked: list[tuple[str, str, Explain]] = [
        ("views", "Which part of the text?", explain_views),
        ("domain", "What is lost across fields?", explain_domain),
        ("fusion", "Does fusion pay?", explain_fusion),
        ("gap", "Does fusion close the gap between fields?", explain_gap),
        ("scale", "Are larger models better?", explain_scale),
        ("prompts", "What does the prompt change?", explain_prompts),
        ("retention", "How small can vectors be?", _explain_retention),
    ]
    found = []
    for anchor, text, explain in asked:
        points = [explain(results, answer, place(answer, several)) for answer in answers]
        if any(points):
            found.append(Question(anchor, text, tuple(point for point in points if point is not None)))
    cost = explain_cost(results)
    if cost:
        found.append(Question("cost", "What did it take?", (cost,)))
    return found


def _explain_retention(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    studies = of_answer(results, answer)
    return explain_retention(studies, where) if studies else None
