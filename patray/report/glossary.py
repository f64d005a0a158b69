"""The words of this page, on one screen: terms, texts, measures and systems behind their short names."""

from __future__ import annotations

from patray.report.answer import answers_for
from patray.report.data import KINDS, Results
from patray.report.naming import measure_words, system_words, view_words

MOST = 10
"""Entries of a kind that are shown; of systems those that lead come first."""

TERMS = {
    "landscape": "a collection of patents with the citations between them, or with classes, on which systems are tried",
    "query": "a patent for which earlier ones are searched; those that it is known to cite count as relevant",
    "system": "anything that searches: a keyword search, an embedding model, or several of them together",
    "embedding model": "a program that turns a text into numbers, so that texts of like meaning lie close together",
    "brackets": "[0.21, 0.25]: other queries of the same kind would put the score in here, 95 times in 100",
    "p": "how often chance alone would make a difference this large; below 0.05 it is called one (significant)",
    "family": "comparisons made together; p allows for their number. (Of patents: one invention in several offices)",
    "F1": "a class is found where it belongs, and not given where it does not: 1 is both always, 0 never",
    "level": "no difference was found between two systems; that is no proof that they are equal",
    "as good as far as … can tell": "no difference was found; one too small for so few queries may be there",
    "clear lead": "better than every other system that read the same text, by a test that allows for their number",
}


def glossary(results: Results) -> tuple[tuple[str, str], ...]:
    """(short name, words) of everything that the first section names; what nobody has words for is left out."""
    text = results.suite_text
    found = dict(TERMS)
    answers = [answer for kind in KINDS for answer in answers_for(results, kind)]
    views = dict.fromkeys([*(answer.leader.view for answer in answers), *(row.view for row in results.rows)])
    found |= {view: f"text: {words}" for view in list(views)[:MOST] if (words := view_words(text, view))}
    metrics = dict.fromkeys(
        metric for kind in KINDS for task in results.tasks(kind) for metric in results.metrics(task)
    )
    found |= {metric: words for metric in list(metrics)[:MOST] if (words := measure_words(metric))}
    systems = dict.fromkeys(
        row.system for answer in answers for row in (answer.leader, *(row for row, _ in answer.rivals))
    )
    found |= {name: words for name in list(systems)[:MOST] if (words := system_words(text, name))}
    return tuple(found.items())
