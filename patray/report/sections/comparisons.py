"""The section on declared comparisons, family by family."""

from __future__ import annotations

from collections import Counter

from patray.report.answer import Answer, answers_for
from patray.report.comparison import Comparison
from patray.report.data import KINDS, Results
from patray.report.grid import comparison_grid
from patray.report.page import Panel, Part, Section
from patray.report.words import (
    Name,
    Sentence,
    plural,
)

MOST_COMPARISONS = 40
OPEN_FAMILIES = 2


def comparison_section(results: Results) -> Section | None:
    """Every declared family: how many differences it found, and its comparisons that concern a leader."""
    families = dict.fromkeys(item.family for item in results.comparisons)
    if not families:
        return None
    answers = [answer for kind in KINDS for answer in answers_for(results, kind)]
    leaders = {(answer.task, answer.landscape): answer for answer in answers}
    panels: list[Panel] = []
    for family in families:
        found = [item for item in results.comparisons if item.family == family]
        tally = Counter(item.verdict for item in found)
        differ = tally["better"] + tally["worse"]
        text = f": {plural(len(found), 'comparison')} corrected together, {differ:,} significant"
        text += f", {tally['level']:,} with no difference seen"
        text += f", {tally['untested']:,} not testable" if tally["untested"] else ""
        shown = sorted(found, key=lambda item: _nearness(item, leaders))[:MOST_COMPARISONS]
        lead = [_from_leader(item, leaders) for item in shown]
        grid = comparison_grid(lead, True, len(found))
        panels.append(Panel((Name(family), text), grid=grid, folded=len(panels) >= OPEN_FAMILIES))
    note: Sentence = (
        "Comparisons that concern a leader stand first. Differences are A − B; every comparison is paired.",
    )
    return Section("comparisons", "Comparisons", (Part("families", "", tuple(panels), (note,)),))


def _leader_names(answer: Answer | None) -> tuple[str, str]:
    return ("", "") if answer is None else (answer.leader.system, f"{answer.leader.system}@{answer.leader.view}")


def _nearness(item: Comparison, leaders: dict[tuple[str, str], Answer]) -> tuple[bool, bool, float]:
    """Orders comparisons: the leader in its own view first, then those where any leader is in it, each by size."""
    answer = leaders.get((item.task, item.landscape))
    concerned = bool({item.a, item.b} & set(_leader_names(answer)))
    own_view = answer is not None and item.view in (answer.leader.view, "*")
    return (not (concerned and own_view), not concerned, abs(item.diff) if item.diff == item.diff else 0.0)


def _from_leader(item: Comparison, leaders: dict[tuple[str, str], Answer]) -> Comparison:
    names = _leader_names(leaders.get((item.task, item.landscape)))
    return item.swapped() if item.b in names and item.a not in names else item
