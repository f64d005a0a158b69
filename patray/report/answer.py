"""The answer first: which system is best, by how much, and how sure that is, in plain sentences.

A sentence claims what the declared, corrected comparison says and no more. "Best" is said only of a system that the
test found better than every other system in the same view; a system that merely has the highest mean "scores highest".
Where no difference was seen, the sentence says how small a difference could have been seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patray.report.comparison import Comparison
from patray.report.data import Results, Row, headline_tasks, kind_of, labels_of
from patray.report.studied import At
from patray.report.words import Name, Sentence, gap_interval, interval, known, listing, p_value, plural, score, size

ITEMS = {
    "retrieval": ("query", "queries"),
    "classification": ("patent", "patents"),
    "clustering": ("patent", "patents"),
}
VERB = {"retrieval": "search", "classification": "classification", "clustering": "clustering"}


@dataclass(frozen=True)
class Answer:
    """Who leads one task on one landscape, and how every other system in the leader's view compares with it.

    rivals: (row, comparison seen from the leader), best mean first; None where no comparison was declared.
    alone: no other system was run for this task here, in any view.
    """

    task: str
    landscape: str
    metric: str
    leader: Row
    rivals: tuple[tuple[Row, Comparison | None], ...]
    alone: bool

    def rivals_that_are(self, verdict: str) -> list[str]:
        """Names of the rivals to which the leader is `better`, `worse`, `level` or `untested`."""
        return [row.system for row, seen in self.rivals if (seen.verdict if seen else "untested") == verdict]

    @property
    def untested(self) -> bool:
        """Whether the leader was compared with nobody by a test."""
        return len(self.rivals_that_are("untested")) == len(self.rivals)

    @property
    def clear(self) -> bool:
        """Whether the leader is significantly better than every other system in its view."""
        return bool(self.rivals) and len(self.rivals_that_are("better")) == len(self.rivals)

    @property
    def front(self) -> list[str]:
        """The leader and every system that is not significantly worse."""
        return [self.leader.system, *self.rivals_that_are("level"), *self.rivals_that_are("worse")]

    @property
    def at(self) -> At:
        """Where studies of this answer are made."""
        return At(self.task, self.landscape, self.leader.view, self.metric)

    @property
    def badge(self) -> str:
        """A few words for a table."""
        if not self.rivals:
            return "only system"
        if self.clear:
            return "clear lead"
        return "no test" if self.untested else "no clear lead"


def answer_for(results: Results, task: str, landscape: str) -> Answer | None:
    """None when the run has no score of the task's main metric on this landscape."""
    metric = results.main_metric(task)
    ranked = results.ranked(task, landscape, metric) if metric else []
    # Tuned models are compared with their bases alone; among all systems those as they are lead.
    ranked = [row for row in ranked if row.system not in results.recipes.tuned] or ranked
    if not ranked or metric is None:
        return None
    leader = ranked[0]
    others = [row for row in ranked if row.view == leader.view and row.system != leader.system]
    alone = len({row.system for row in ranked}) == 1
    return Answer(task, landscape, metric, leader, tuple((row, results.compare(leader, row)) for row in others), alone)


def answers_for(results: Results, kind: str) -> list[Answer]:
    """One answer for each landscape (and label set, where the run has no mean over label sets)."""
    pairs = [(task, name) for name in results.landscapes() for task in headline_tasks(results, kind, name)]
    return [found for task, landscape in pairs if (found := answer_for(results, task, landscape)) is not None]


def in_view(results: Results, answer: Answer) -> dict[str, Row]:
    """The rows of the main metric in the leader's view by system, best first."""
    ranked = results.ranked(answer.task, answer.landscape, answer.metric, answer.leader.view)
    return {row.system: row for row in ranked}


def place(answer: Answer, several_label_sets: bool) -> Sentence:
    """`ultrasound`, or `ultrasound` by `ipc3` where several label sets answer for themselves."""
    labels = labels_of(answer.task)
    if not several_label_sets or not labels:
        return (Name(answer.landscape),)
    if labels == "*":
        return (Name(answer.landscape), ", mean of label sets")
    return (Name(answer.landscape), " by ", Name(labels))


def headline(answers: Sequence[Answer]) -> Sentence:
    """One sentence over all landscapes of one kind of task: what to use, as far as the tests allow."""
    if not answers:
        return ("No result.",)
    if len(answers) == 1:
        return _single_headline(answers[0])
    noun, nouns = "landscape", "landscapes"
    if len({answer.task for answer in answers}) > 1:
        one_landscape = len({answer.landscape for answer in answers}) == 1
        noun = "label set" if one_landscape else "landscape and the label set"
        nouns = "label sets" if one_landscape else "pairs of landscape and label set"
    leaders = list(dict.fromkeys(answer.leader.system for answer in answers))
    clear = sum(answer.clear for answer in answers)
    everywhere = [name for name in answers[0].front if all(name in answer.front for answer in answers)]
    total = len(answers)
    views = {answer.leader.view for answer in answers}
    reading: Sentence = (" reading ", Name(answers[0].leader.view)) if len(views) == 1 else ()
    both = "both" if total == 2 else f"all {total}"
    if len(leaders) == 1 and all(answer.alone for answer in answers):
        only: Sentence = (Name(leaders[0]), f" is the only system that was run for {VERB[kind_of(answers[0].task)]}; ")
        if len(views) > 1:
            return (*only, f"the view with the highest score changes with the {noun}.")
        return (*only, "reading ", Name(answers[0].leader.view), f" scores highest on {both} {nouns}.")
    if len(leaders) == 1:
        how = (
            ", significantly ahead of every other system each time"
            if clear == total
            else f", significantly ahead of every other system on {'one' if clear == 1 else clear} of them"
            if clear
            else _never(answers)
        )
        sentence: Sentence = (Name(leaders[0]), *reading, f" scores highest on {both} {nouns}{how}.")
        rest = [name for name in everywhere if name != leaders[0]]
        if rest:
            verb = "is" if len(rest) == 1 else "are"
            sentence += (" ", *listing(rest, 3), f" {verb} level with it on {both} (no difference seen).")
        return sentence
    untested = all(answer.untested for answer in answers)
    sentence = ("No clear leader" if clear == 0 and not untested else f"The leader changes with the {noun}",)
    if len(leaders) <= 3:
        wins = [(name, sum(answer.leader.system == name for answer in answers)) for name in leaders]
        sentence += (": ",)
        for index, (name, times) in enumerate(wins):
            sentence += (
                (", ", " and ")[index == len(wins) - 1] if index else "",
                Name(name),
                f" scores highest on {times}" if index == 0 else f" on {times}",
            )
    sentence += ("; no difference was tested." if untested else ". ",)
    if untested:
        return sentence
    if everywhere:
        verb = "is" if len(everywhere) == 1 else "are each"
        return (*sentence, *listing(everywhere, 3), f" {verb} first or level with the first on {both}.")
    return (*sentence, f"No system is first or level with the first on {both}.")


def _never(answers: Sequence[Answer]) -> str:
    """Of a leader that is nowhere ahead of all: as far as anybody tested it."""
    if all(answer.untested for answer in answers):
        return "; whether it is ahead was not tested"
    if any(answer.rivals_that_are("untested") for answer in answers):
        return ", but was not tested against every other system"
    return ", but is never significantly ahead of every other system"


def _single_headline(answer: Answer) -> Sentence:
    leader = (Name(answer.leader.system), " reading ", Name(answer.leader.view))
    purpose = VERB[kind_of(answer.task)]
    if answer.alone:
        only = f" is the only system that was run for {purpose}; it scores highest reading "
        return (Name(answer.leader.system), only, Name(answer.leader.view), ".")
    if not answer.rivals:
        return (*leader, f" scores highest for {purpose}, but no other system was run in this view.")
    if answer.clear:
        return (*leader, f" is best for {purpose}, significantly ahead of {_others(len(answer.rivals))}.")
    near = answer.rivals_that_are("level") + answer.rivals_that_are("worse")
    if near:
        return (*leader, f" scores highest for {purpose}, but no difference to ", *listing(near, 3), " was seen.")
    return (*leader, f" scores highest for {purpose}; not every difference was tested.")


def _others(number: int) -> str:
    return {1: "the one other system", 2: "both other systems"}.get(number, f"all {number} other systems")


def explain(answer: Answer) -> Sentence:
    """The answer for one landscape in full: score, lead over the runner-up, certainty, and who is level."""
    leader, metric = answer.leader, answer.metric
    unit = plural(leader.n, *ITEMS[kind_of(answer.task)])
    scored: Sentence = (
        Name(leader.system),
        " reading ",
        Name(leader.view),
        f" scores {metric} {score(leader.mean)} {interval(leader.low, leader.high)}".rstrip() + f" over {unit}",
    )
    if not answer.rivals:
        return (*scored, "; no other system was run in this view, so there is nothing to compare it with.")
    runner, seen = answer.rivals[0]
    if seen is None or seen.verdict == "untested":
        lead = size(leader.mean - runner.mean)
        return (
            *scored,
            f", {lead} above the runner-up ",
            Name(runner.system),
            "; this lead was not tested.",
            *_tested(answer),
        )
    gap = f"{size(seen.diff)} {gap_interval(*_toward(seen))}".rstrip()
    if seen.verdict == "worse":
        return (
            *scored,
            ", the highest mean, but in the paired test the runner-up ",
            Name(runner.system),
            f" is ahead by {gap} ({tail(seen)}).",
        )
    level = [name for name in answer.rivals_that_are("level") if name != runner.system]
    if seen.verdict == "better":
        sentence: Sentence = (*scored, f", {gap} above the runner-up ", Name(runner.system), f" ({tail(seen)}).")
        if answer.clear and len(answer.rivals) > 1:
            return (*sentence, f" It is significantly ahead of {_others(len(answer.rivals))} in this view.")
        return (*sentence, *((" Level with it, though further behind: ", *listing(level), ".") if level else ()))
    sentence = (*scored, ". No difference to the runner-up ", Name(runner.system), f" is seen: +{gap}, {tail(seen)}")
    return (*sentence, f"{smallest(seen)}.", *((" Also level with it: ", *listing(level), ".") if level else ()))


def _tested(answer: Answer) -> Sentence:
    """The closest rival that was tested, where the runner-up was not."""
    for row, seen in answer.rivals:
        if seen is not None and seen.verdict != "untested":
            gap = f"{size(seen.diff)} {gap_interval(*_toward(seen))}".rstrip()
            if seen.verdict == "level":
                return (
                    " The closest system it was tested against is ",
                    Name(row.system),
                    f": no difference seen ({tail(seen)}).",
                )
            side = "above" if seen.diff > 0 else "below"
            return (
                f" It is {gap} {side} ",
                Name(row.system),
                f", the closest system it was tested against ({tail(seen)}).",
            )
    return ()


def _toward(seen: Comparison) -> tuple[float | None, float | None]:
    """The interval of the difference in the direction in which its size is given."""
    if seen.diff >= 0 or seen.low is None or seen.high is None:
        return seen.low, seen.high
    return -seen.high, -seen.low


def tail(seen: Comparison) -> str:
    """`p = 0.003` after correction."""
    return p_value(seen.p_adjusted)


def smallest(seen: Comparison) -> str:
    """How small a difference this comparison could have seen; empty when the run does not say."""
    if not known(seen.min_detectable):
        return ""
    return f"; a difference of {size(seen.min_detectable)} or more would have been seen with 80% power"
