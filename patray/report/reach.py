"""Families of the run that could not find anything: said before the answers that rest on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from patray.report.data import Results
from patray.report.declared import option
from patray.report.words import clean
from patray.runs.family_sizes import uncarried_note


def uncarried_families(results: Results) -> Iterator[str]:
    """A note for each family that its flips cannot carry, its tested rows counted, and what follows from it."""
    text = results.suite_text
    correction = option(text, "correction", "holm")
    flips, resamples = option(text, "flips", 10_000), option(text, "resamples", 10_000)
    families: dict[str, tuple[str, int]] = {}
    for kind, rows in (("", results.comparisons), ("verdicts of ", results.recipes.verdicts)):
        sizes = Counter(row.family for row in rows if row.p_adjusted is not None)
        tasks = {row.family: row.task for row in rows}
        families |= {f"{kind}{name}": (tasks[name], size) for name, size in sizes.items()}
    notes = [
        uncarried_note(clean(name), task, size, correction, flips, resamples) for name, (task, size) in families.items()
    ]
    told = [note for note in notes if note]
    yield from told
    if told:
        yield "Where an answer on one of these says that no difference was seen, none could have been."
