"""The answer first: which system is best, by how much, and how sure that is, in plain sentences.

A sentence claims what the declared, corrected comparison says and no more. "Best" is said only of a system that the
test found better than every other system in the same view; a system that merely has the highest mean "scores highest".
Where no difference was seen, the sentence says how small a difference could have been seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from patray.report.comparison import Comparison
from patray.report.data import Results, Row, headline_tasks, kind_of, labels_of
from patray.report.naming import FEWEST_ITEMS, items_words
from patray.report.studied import At
from patray.report.words import Name, Sentence, gap_interval, interval, known, listing, p_value, score, size


@dataclass(frozen=True)
class Answer:
    """Who leads one task on one landscape, and how every other system in the leader's view compares with it.

    rivals: (row, comparison seen from the leader), best mean first; None where no comparison was declared.
    alone: no other system was run for this task here, in any view. beaten: systems that the standings rule out as the
    best, by intervals that hold together: more than a test of each pair may see.
    """

    task: str
    landscape: str
    metric: str
    leader: Row
    rivals: tuple[tuple[Row, Comparison | None], ...]
    alone: bool
    beaten: frozenset[str] = frozenset()

    @property
    def n(self) -> int:
        """Queries or patents that the leader was scored on."""
        return self.leader.n

    @property
    def few(self) -> bool:
        """Whether these are too few to make a sentence of."""
        return self.n < FEWEST_ITEMS

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
        """The leader and every system that may be as good or better."""
        return [self.leader.system, *self.as_good, *self.rivals_that_are("worse")]

    @property
    def as_good(self) -> list[str]:
        """The rivals from which no test tells the leader, and which may be the best themselves."""
        return [name for name in self.rivals_that_are("level") if name not in self.beaten]

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
    rivals = tuple((row, results.compare(leader, row)) for row in others)
    where = (task, landscape, leader.view, leader.slice, metric)
    beaten = frozenset(
        one.system
        for one in results.standings
        if (one.task, one.landscape, one.view, one.slice, one.metric) == where and not one.may_win
    )
    return Answer(task, landscape, metric, leader, rivals, alone, beaten)


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


def counted_place(answer: Answer, several_label_sets: bool) -> Sentence:
    """The place with the number of queries or patents: `ultrasound (224 queries)`."""
    return (*place(answer, several_label_sets), f" ({items_words(answer.n, kind_of(answer.task))})")


def others(number: int) -> str:
    """`both other systems`, `all 6 other systems`."""
    return {1: "the one other system", 2: "both other systems"}.get(number, f"all {number} other systems")


def explain(answer: Answer) -> Sentence:
    """The answer for one landscape in full: score, lead over the runner-up, certainty, and who is level."""
    leader, metric = answer.leader, answer.metric
    unit = items_words(leader.n, kind_of(answer.task))
    scored: Sentence = (
        Name(leader.system),
        " reading ",
        Name(leader.view),
        f" scores {metric} {score(leader.mean)} {interval(leader.low, leader.high)}".rstrip() + f" over {unit}",
    )
    if answer.few:
        return (*scored, ": too few to say which system is the best.")
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
            return (*sentence, f" It is significantly ahead of {others(len(answer.rivals))} in this view.")
        return (*sentence, *((" Level with it, though further behind: ", *listing(level), ".") if level else ()))
    if seen.identical:
        same = f" scores the same on each of the {items_words(seen.n, kind_of(answer.task))}."
        also: Sentence = (" Also level with it: ", *listing(level), ".") if level else ()
        return (*scored, ". The runner-up ", Name(runner.system), same, *also)
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
    return f"; a difference of {size(seen.min_detectable)} {seen.metric} would have been seen 4 times in 5"
