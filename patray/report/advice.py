"""What to use, in words that a person without statistics can repeat, and no stronger than the corrected tests allow.

"Better" is said only of a system that the test found better than every other system in the same view; a system that
merely has the highest mean "scores highest", and others may be "as good as far as 224 queries can tell". Nothing is
said from fewer than `FEWEST_ITEMS` queries or patents.
"""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.answer import Answer, others, place
from patray.report.baselines import explain_commonest
from patray.report.data import Results, kind_of, labels_of
from patray.report.declared import declared, queries_of
from patray.report.naming import PURPOSE, items_words, measure_words, no_agreement, system_name, view_name
from patray.report.price import Price, price_of
from patray.report.words import Name, Sentence, known, listing, plain, score, size

MOST_PLACES = 3
LEFT_OUT = {
    "untuned": "; the others are kept apart for choosing settings (validation) and are left out",
    "test": "; the others are not among the test patents, which the suite asks for, and are left out",
}
"""Why not all queries of a landscape are counted, by the option `queries` of retrieval."""


def headline(results: Results, answers: Sequence[Answer]) -> Sentence:
    """One or two sentences over all landscapes of one kind of task: what to use, and what is as good."""
    if not answers:
        return ("No result.",)
    enough = [answer for answer in answers if not answer.few]
    if not enough:
        return ("No system can be recommended: ", *_counted(answers), " are too few.")
    if all(no_agreement(answer.metric, answer.leader.mean) for answer in enough):
        said = _no_groups(results, enough)
    else:
        said = _of_one(results, enough[0]) if len(enough) == 1 else _of_several(results, enough)
    few = [answer for answer in answers if answer.few]
    if few:
        return (*said, " Left out, as too few: ", *_counted(few), ".")
    return said


def _no_groups(results: Results, answers: Sequence[Answer]) -> Sentence:
    """Of clusterings that practically do not agree with the classes, whichever is first."""
    best = max(answers, key=lambda answer: answer.leader.mean)
    view = view_name(results.suite_text, best.leader.view)
    why = ", which is practically no agreement (0 is none, 1 is complete)."
    return ("No system groups these patents as their classes do. The best, ", Name(best.leader.system), " on ", *view,
            f", reaches {best.metric} {score(best.leader.mean)} on ", *_counted([best]), why)  # fmt: skip


def _of_one(results: Results, answer: Answer) -> Sentence:
    text, kind = results.suite_text, kind_of(answer.task)
    leader, view = system_name(text, answer.leader.system), view_name(text, answer.leader.view)
    n = items_words(answer.n, kind)
    if answer.alone:
        only: Sentence = ("Only one system was run to ", PURPOSE[kind], ", ", *leader, ", so none can be said to be ")
        best = f" gives the highest {answer.metric}, {score(answer.leader.mean)} ({n})."
        return (*only, "the better one. Of the texts that it read, ", *view, best)
    if not answer.rivals:
        why = f" scores highest ({n}), but no other system read that text, so this was not tested."
        return (*_capital(leader), " on ", *view, why)
    if answer.untested:
        return (*_capital(leader), " on ", *view, f" scores highest ({n}); no difference was tested.")
    use: Sentence = ("Use ", *leader, " on ", *view, ". ")
    if answer.clear:
        return (*use, f"It is better than {others(len(answer.rivals))}, by a test on {n}.")
    return (*use, *_near(results, answer))


def _near(results: Results, answer: Answer) -> Sentence:
    """Of a leader that is not better than all: who is ahead in the paired test, and who is as good."""
    ahead, level = answer.rivals_that_are("worse"), answer.as_good
    said: Sentence = ()
    if ahead:
        said += (*listing(ahead, 3), f" {'is' if len(ahead) == 1 else 'are'} ahead where both were scored. ")
    if level:
        return said + _as_good(results, answer.leader.system, answer.leader.view, level, _telling(answer, level))
    if ahead:
        return said
    if answer.rivals_that_are("level"):
        return (
            f"It is the only one that may be the best, with 95% confidence "
            f"({items_words(answer.n, kind_of(answer.task))}).",
        )
    return (f"It scores highest ({items_words(answer.n, kind_of(answer.task))}); not every difference was tested.",)


def _telling(answer: Answer, level: Sequence[str]) -> str:
    """` as far as 224 queries can tell`, or that these have the very same scores."""
    seen = [found for row, found in answer.rivals if row.system in level and found is not None]
    n = items_words(min(found.n for found in seen), kind_of(answer.task))
    if all(found.identical for found in seen):
        return f": the same score on each of {n}"
    if not any(known(found.min_detectable) for found in seen):
        return f", but with {n} this run could not have told them apart"
    return f" as far as {n} can tell"


def _as_good(results: Results, system: str, view: str, level: Sequence[str], telling: str) -> Sentence:
    """`bm25, a keyword search with nothing to embed, is as good`: the cheapest of those first."""
    prices = {name: price_of(results, name, view) for name in (system, *level)}
    ordered = sorted(level, key=lambda name: _rank(prices[name]))
    first, rest = ordered[0], ordered[1:]
    own, other = prices[system], prices[first]
    about: Sentence = (Name(first),)
    if other is not None and other.free:
        about += (f", {_kind_of(results, first)} with nothing to embed,",)
    elif other is not None and own is not None and other.rank < own.rank:
        about += (", which costs less,",)
    if rest:
        return (*about, *_glue(about, len(rest)), *listing(rest, 3), f" are as good{telling}.")
    return (*about, f" is as good{telling}.")


def _kind_of(results: Results, system: str) -> str:
    """`a keyword search`, `an own kind`: what a system is, behind its name."""
    known = declared(results.suite_text).systems.get(system)
    noun = known.said.NOUN if known is not None and known.said is not None else "system"
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _glue(about: Sentence, more: int) -> Sentence:
    """What stands before the rest of a list: no second comma after an apposition."""
    closed = str(about[-1]).endswith(",")
    return (" and " if more == 1 else " " if closed else ", ",)


def _rank(price: Price | None) -> tuple[bool, tuple[bool, float, float]]:
    return (price is None, price.rank if price is not None else (False, 0.0, 0.0))


def _of_several(results: Results, answers: Sequence[Answer]) -> Sentence:
    text, kind, total = results.suite_text, kind_of(answers[0].task), len(answers)
    noun, nouns = _noun(answers)
    both = "both" if total == 2 else f"all {total}"
    where: Sentence = ("on ", *_counted(answers)) if total <= MOST_PLACES else _spread(answers, nouns)
    leaders = list(dict.fromkeys(answer.leader.system for answer in answers))
    everywhere = [name for name in answers[0].front if all(name in answer.front for answer in answers)]
    clear = sum(answer.clear for answer in answers)
    if len(leaders) == 1 and all(answer.alone for answer in answers):
        only: Sentence = ("Only one system was run to ", PURPOSE[kind], ", ", *system_name(text, leaders[0]))
        only += (", so none can be said to be the better one. Of the texts that it read, ",)
        if len({answer.leader.view for answer in answers}) > 1:
            return (*only, f"the one with the highest {answers[0].metric} changes with the {noun}.")
        best = view_name(text, answers[0].leader.view)
        return (*only, *best, f" gives the highest {answers[0].metric} ", *where, ".")
    if all(answer.untested for answer in answers):
        return (*_leaders(answers, leaders, where, noun), "; no difference was tested.")
    if len(leaders) == 1:
        choice, rest = leaders[0], [name for name in everywhere if name != leaders[0]]
        use: Sentence = ("Use ", *system_name(text, choice), *_views(text, answers), ". ")
        if clear == total:
            return (*use, "It is better than every other system ", *where, ".")
        use += ("It scores highest ", *where)
        if clear:
            use += (f", and is better than every other system on {'one' if clear == 1 else clear} of them",)
        use += (". ",) if rest or not clear else (".",)
        if rest:
            return use + _as_good(
                results, choice, answers[0].leader.view, rest, f" on {both}, as far as these can tell"
            )
        if any(answer.rivals_that_are("untested") or not answer.rivals for answer in answers):
            return (*use, f"{' ' if clear else ''}Not every difference was tested.")
        for answer in [answer for answer in answers if not answer.clear][:MOST_PLACES]:
            use += (" " if plain(use).endswith(".") else "", "On ", Name(answer.landscape), ", ")
            use += _near(results, answer)
        return use
    if everywhere:
        choice = max(everywhere, key=lambda name: sum(answer.leader.system == name for answer in answers))
        rest = [name for name in everywhere if name != choice]
        use = ("Use ", *system_name(text, choice), *_views(text, answers), ". ")
        use += (*_capital(where), ", it is first, or as good as the first as far as these can tell.")
        if rest:
            use += (" ", *_as_good(results, choice, answers[0].leader.view, rest, f" on {both}, by the same test"))
        return use
    return ("No one system serves all: ", *_leaders(answers, leaders, where, noun), ".")


def _leaders(answers: Sequence[Answer], leaders: Sequence[str], where: Sentence, noun: str) -> Sentence:
    """`a scores highest on x (224 queries), b on y (610 queries)`."""
    if len(leaders) == 1:
        return (Name(leaders[0]), " scores highest ", *where)
    if len(leaders) > MOST_PLACES:
        return (f"the highest score changes with the {noun}: {len(leaders)} systems lead on {len(answers)}",)
    said: Sentence = ()
    for index, name in enumerate(leaders):
        own = [answer for answer in answers if answer.leader.system == name]
        glue = "" if not index else " and " if index == len(leaders) - 1 else ", "
        places = _counted(own) if len(own) <= MOST_PLACES else (f"{len(own)} others",)
        said += (glue, Name(name), " on " if index else " scores highest on ", *places)
    return said


def _counted(answers: Sequence[Answer]) -> Sentence:
    """`ultrasound (224 queries) and hair-dryer (610 queries)`."""
    several = len({answer.task for answer in answers}) > 1
    said: Sentence = ()
    for index, answer in enumerate(answers):
        labels = labels_of(answer.task)
        by: Sentence = (" by ", Name(labels)) if several and labels not in ("", "*") else ()
        glue = "" if not index else " and " if index == len(answers) - 1 else ", "
        said += (glue, Name(answer.landscape), *by, f" ({items_words(answer.n, kind_of(answer.task))})")
    return said


def _spread(answers: Sequence[Answer], nouns: str) -> Sentence:
    low, high = min(answer.n for answer in answers), max(answer.n for answer in answers)
    unit = items_words(high, kind_of(answers[0].task))
    return (f"on all {len(answers)} {nouns} ({f'{low:,} to ' if low < high else ''}{unit} each)",)


def _noun(answers: Sequence[Answer]) -> tuple[str, str]:
    if len({answer.task for answer in answers}) == 1:
        return "landscape", "landscapes"
    if len({answer.landscape for answer in answers}) == 1:
        return "set of classes", "sets of classes"
    return "landscape and the set of classes", "pairs of landscape and set of classes"


def _views(text: str, answers: Sequence[Answer]) -> Sentence:
    """` on title and abstract (ta)`, or a view for each landscape."""
    views = list(dict.fromkeys(answer.leader.view for answer in answers))
    if len(views) == 1:
        return (" on ", *view_name(text, views[0]))
    if len(views) > MOST_PLACES or len({answer.task for answer in answers}) > 1:
        return (" (the text to read changes: see the table)",)
    said: Sentence = ()
    for index, view in enumerate(views):
        glue = ", " if not index else "; "
        own = [answer.landscape for answer in answers if answer.leader.view == view]
        said += (glue, "on ", *listing(own, 3), " reading ", *view_name(text, view))
    return said


def _capital(sentence: Sentence) -> Sentence:
    """With a capital at its beginning, unless it begins with a name."""
    first = sentence[0]
    return sentence if isinstance(first, Name) or not first else (first[0].upper() + first[1:], *sentence[1:])


def small_print(results: Results, answers: Sequence[Answer]) -> list[Sentence]:
    """Below the headline: what the number says, how small a difference could have been seen, and what it costs."""
    enough = [answer for answer in answers if not answer.few]
    metric = answers[0].metric
    said: list[Sentence] = []
    words = measure_words(metric)
    if words:
        scale = "from -1 to 1" if metric == "ARI" else "from 0 to 1"
        said.append(("Measured by ", Name(metric), f", {scale} (1 is perfect): {words}."))
    if kind_of(answers[0].task) == "retrieval":
        said.append(("Relevant are the patents that the landscape's citations, or its judgements, name for a query.",))
        said += _counted_queries(results, answers)
    several = len({(answer.task, answer.landscape) for answer in enough}) > 1
    said += [one for answer in enough[:MOST_PLACES] if (one := explain_commonest(results, answer, several)) is not None]
    if agreement := _agreement(results, enough):
        said.append(agreement)
    seen = _visible(enough)
    if seen and "can tell" in plain(headline(results, answers)):
        said.append(seen)
    costs = _costs(results, enough)
    if costs:
        said.append(costs)
    return said


def _visible(answers: Sequence[Answer]) -> Sentence:
    """How small a difference to the leader the tests could have seen."""
    found = [
        (seen.min_detectable, seen.n)
        for answer in answers
        for _, seen in answer.rivals
        if seen is not None and seen.verdict == "level" and seen.min_detectable is not None and not seen.identical
    ]
    if not found:
        return ()
    kind = kind_of(answers[0].task)
    low, high = min(size_ for size_, _ in found), max(size_ for size_, _ in found)
    least, most = min(n for _, n in found), max(n for _, n in found)
    span = size(high) if size(low) == size(high) else f"{size(low)} to {size(high)} (depending on the pair)"
    n = items_words(most, kind) if least == most else f"{least:,} to {items_words(most, kind)}"
    return (f"“As good as far as … can tell”: {n} show a true difference of {span} in ", Name(answers[0].metric),
            " 4 times in 5; a smaller one may be there unseen.")  # fmt: skip


def _counted_queries(results: Results, answers: Sequence[Answer]) -> list[Sentence]:
    """Of landscapes whose queries are not all counted: how many there are, how many count, and why."""
    described = results.provenance.get("landscapes")
    why = LEFT_OUT.get(queries_of(results.suite_text), "")
    said: list[Sentence] = []
    for answer in answers:
        facts = described.get(answer.landscape) if isinstance(described, dict) else None
        facts = facts if isinstance(facts, dict) else {}
        every, counted = facts.get("queries"), (facts.get("reported_queries") or {}).get("all")
        if isinstance(every, int) and isinstance(counted, int) and counted < every:
            said.append(
                ("Of the ", items_words(every, "retrieval"), " of ", Name(answer.landscape), f" {counted:,} "
                 f"{'is' if counted == 1 else 'are'} counted{why}.")
            )  # fmt: skip
    return said[:MOST_PLACES]


def _agreement(results: Results, answers: Sequence[Answer]) -> Sentence:
    """How a clustering's V-measure or NMI is to be read: 0, 1, and what chance adds."""
    found = [(answer, results.find(answer.leader, "ARI")) for answer in answers[:MOST_PLACES]]
    beside = [(answer, chance.mean) for answer, chance in found if chance is not None]
    if not beside or beside[0][0].metric not in ("V-measure", "NMI"):
        return ()
    said: Sentence = (
        Name(beside[0][0].metric),
        " is 0 where groups and classes have nothing in common; where classes are many, chance alone gives more. ARI, "
        "which takes chance out, is ",
    )
    several = len({answer.task for answer in answers}) > 1
    for at, (answer, mean) in enumerate(beside):
        told = ", practically no agreement either" if no_agreement("ARI", mean) else ""
        where = place(answer, several)
        said += ("; " if at else "", f"{score(mean)} for ", Name(answer.leader.system), " on ", *where, told)
    return (*said, ".")


def _costs(results: Results, answers: Sequence[Answer]) -> Sentence:
    """`Cost of embedding: a about 5.0 CPU-hours for a million patents; bm25 nothing to embed.`"""
    named: dict[str, str] = {}
    for answer in answers:
        named.setdefault(answer.leader.system, answer.leader.view)
    for answer in answers:
        level = answer.as_good
        prices = {name: price_of(results, name, answer.leader.view) for name in level}
        if level:
            named.setdefault(min(level, key=lambda name: _rank(prices[name])), answer.leader.view)
    said: Sentence = ()
    for name, view in list(named.items())[:MOST_PLACES]:
        price = price_of(results, name, view)
        if price is not None:
            said += ("; " if said else "Cost: ", Name(name), f" {price.words()}")
    return (*said, ".") if said else ()
