"""What else a run says: which part of the text to read, how far a system carries across fields, whether fusion pays,
and what it took. Each finding is a list of plain sentences; an empty list means that the run cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patray.report.answer import Answer, smallest, tail
from patray.report.comparison import Comparison
from patray.report.data import Results, Row, kind_of
from patray.report.declared import declared
from patray.report.naming import FEWEST_ITEMS, items_words, view_name
from patray.report.price import example_dollars
from patray.report.words import (
    Name,
    Sentence,
    amount,
    count,
    duration,
    gap_interval,
    known,
    percent,
    plain_number,
    plural,
    score,
    signed,
    size,
)
from patray.runs.step_record import StepRecord


@dataclass(frozen=True)
class ViewCount:
    """For how many systems a view scores highest, and for how many it is significantly above their second view."""

    view: str
    first: int
    clear: int
    systems: int


def count_views(results: Results, task: str, landscape: str, metric: str) -> list[ViewCount]:
    """One count per view that is first for some system, the most first. Systems seen in one view are left out."""
    by_system: dict[str, list[Row]] = {}
    for row in results.ranked(task, landscape, metric):
        by_system.setdefault(row.system, []).append(row)
    several = [rows for rows in by_system.values() if len(rows) > 1]
    first: dict[str, int] = {}
    clear: dict[str, int] = {}
    for rows in several:
        seen = results.compare(rows[0], rows[1])
        first[rows[0].view] = first.get(rows[0].view, 0) + 1
        if seen is not None and seen.verdict == "better":
            clear[rows[0].view] = clear.get(rows[0].view, 0) + 1
    counts = [ViewCount(view, number, clear.get(view, 0), len(several)) for view, number in first.items()]
    return sorted(counts, key=lambda item: (-item.first, item.view))


def explain_views(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """Which view is best for most systems on one landscape, and for the leader by how much."""
    counts = count_views(results, answer.task, answer.landscape, answer.metric)
    if not counts:
        return None
    text, top = results.suite_text, counts[0]
    shared = [item.view for item in counts if item.first == top.first]
    sentence: Sentence = ("On ", *where, ", ")
    if top.systems == 1:
        sentence += (*view_name(text, top.view), " scores highest")
    elif len(shared) > 1:
        sentence += ("no one text scores highest for most systems",)
    else:
        sentence += (*view_name(text, top.view), f" scores highest for {top.first} of {top.systems} systems")
        sentence += (f" (significantly above their second text for {top.clear or 'none'})",)
    own = [
        row
        for row in results.ranked(answer.task, answer.landscape, answer.metric)
        if row.system == answer.leader.system
    ]
    if len(own) < 2:
        return (*sentence, ".")
    best, second = own[0], own[1]
    sentence += ("; for ", Name(best.system), ", ", Name(best.view), " is ")
    return (*sentence, *above(results.compare(best, second), best, second, Name(second.view)), ".")


def explain_domain(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """How much of the leader's score is left when query and answer share no field.

    A rise or a fall is one only where its interval excludes none; fewer than FEWEST_ITEMS queries say nothing.
    """
    inside = results.find(answer.leader, answer.metric, "in")
    outside = results.find(answer.leader, answer.metric, "out")
    if inside is None or outside is None:
        return None
    fewest = min(inside.n, outside.n)
    if fewest < FEWEST_ITEMS:
        which = "the same field" if inside.n < FEWEST_ITEMS else "another field"
        have = "query has" if fewest == 1 else "queries have"
        return ("On ", *where, f", {fewest:,} {have} a relevant patent in {which}: too few to say what is lost.")
    drop = results.find(answer.leader, f"{answer.metric}.drop", "out")
    sentence: Sentence = ("On ", *where, f", {answer.metric} of ", Name(answer.leader.system))
    seen = drop is None or drop.low is None or drop.high is None or not drop.low <= 0 <= drop.high
    if drop is not None and not seen:
        sentence += (f" is not seen to change (by {_change(-drop.mean)}{_changes(drop)}):",)
    elif drop is not None and drop.mean < 0:
        sentence += (f" rises by {percent(-drop.mean)}{_percents(drop, -1)}",)
    elif drop is not None:
        sentence += (f" falls by {percent(drop.mean)}{_percents(drop, 1)}",)
    else:
        sentence += (" goes",)
    sentence += (f" from {score(inside.mean)} within the query's field ({plural(inside.n, 'query', 'queries')})",)
    sentence += (f" to {score(outside.mean)} across fields ({plural(outside.n, 'query', 'queries')})",)
    drops = results.ranked(answer.task, answer.landscape, f"{answer.metric}.drop", answer.leader.view, "out")
    if drop is not None and seen and len(drops) > 1:
        least = drops[-1]
        rise = least.mean < 0 and least.high is not None and least.high < 0
        extreme = "the largest rise" if rise else "the smallest fall"
        if least.system == answer.leader.system:
            sentence += (f", {extreme} of all systems in this view",)
        elif least.mean < 0 and not rise:
            sentence += ("; the smallest fall in this view is ", Name(least.system), "'s, of which none is seen")
        else:
            sentence += (f"; {extreme} in this view is ", Name(least.system), f"'s {percent(abs(least.mean))}")
    best = results.ranked(answer.task, answer.landscape, answer.metric, answer.leader.view, "out")[0]
    if best.system != answer.leader.system:
        sentence += (". Across fields ", Name(best.system), f" scores highest, {score(best.mean)}, ")
        sentence += above(results.compare(best, outside), best, outside, Name(answer.leader.system))
    return (*sentence, ".")


def _percents(drop: Row, sign: int) -> str:
    if drop.low is None or drop.high is None:
        return ""
    low, high = sorted((sign * drop.low, sign * drop.high))
    return f" [{percent(low)}, {percent(high)}]"


def _change(share: float) -> str:
    return f"+{percent(share)}" if share > 0 else percent(share)


def _changes(drop: Row) -> str:
    return f" [{_change(-(drop.high or 0.0))}, {_change(-(drop.low or 0.0))}]"


@dataclass(frozen=True)
class Fused:
    """A fused system against the better of its parts. seen is from the fused system; weight as picked on validation,
    low and high the ends of its interval."""

    row: Row
    part: Row
    seen: Comparison | None
    weight: float | None
    low: float | None = None
    high: float | None = None


def fused_systems(results: Results, task: str, landscape: str, metric: str, view: str) -> list[Fused]:
    """The fused systems of one view whose parts were also run, best first."""
    ranked = results.ranked(task, landscape, metric, view)
    systems = declared(results.suite_text).systems
    found = []
    for row in ranked:
        parts = systems[row.system].parts if row.system in systems else ()
        alone = [other for other in ranked if other.system in parts]
        if alone:
            found.append(Fused(row, alone[0], results.compare(row, alone[0]), *_weight(results, row)))
    return found


def _weight(results: Results, row: Row) -> tuple[float | None, float | None, float | None]:
    """The weight that was picked on validation and the ends of its interval, each None where it was not recorded."""
    found: dict[str, float | None] = {}
    for tried in results.tuning:
        here = (tried.landscape, tried.view, tried.system) == (row.landscape, row.view, row.system)
        if not here or kind_of(tried.task) != kind_of(row.task) or not tried.parameter.startswith("fusion.weight"):
            continue
        if tried.chosen or tried.parameter != "fusion.weight":
            found[tried.parameter] = tried.value
    return found.get("fusion.weight"), found.get("fusion.weight.ci_low"), found.get("fusion.weight.ci_high")


def explain_fusion(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """What fusing gains over the better part, in the leader's view."""
    fused = fused_systems(results, answer.task, answer.landscape, answer.metric, answer.leader.view)
    if not fused:
        return None
    sentence: Sentence = ("On ", *where, ", ")
    if len(fused) > 2:
        verdicts = [item.seen.verdict if item.seen else "untested" for item in fused]
        gains, losses = verdicts.count("better"), verdicts.count("worse")
        sentence += (f"{gains} of {len(fused)} fusions beat the better of their parts",)
        sentence += (f" and {losses} {'falls' if losses == 1 else 'fall'} below it" if losses else "",)
        sentence += ("; the highest, ",)
        fused = fused[:1]
    for index, item in enumerate(fused):
        weight = f" ({weight_words(results, item)})" if item.weight is not None else ""
        sentence += ("; " if index else "", Name(item.row.system), weight, " is ")
        sentence += above(item.seen, item.row, item.part, Name(item.part.system))
    return (*sentence, ".")


def weight_text(item: Fused) -> str:
    """`0.7 [0.55, 0.85]`."""
    ends = f" [{plain_number(item.low)}, {plain_number(item.high)}]" if known(item.low) and known(item.high) else ""
    return plain_number(item.weight) + ends


def weight_words(results: Results, item: Fused) -> str:
    """`weight of minilm 0.7; other validation queries would have picked 0.55 to 0.85`."""
    said = f"weight of {declared(results.suite_text).systems[item.row.system].parts[0]} {plain_number(item.weight)}"
    if not known(item.low) or not known(item.high) or item.low == item.high:
        return said
    return f"{said}; other validation queries would have picked {plain_number(item.low)} to {plain_number(item.high)}"


def above(seen: Comparison | None, best: Row, other: Row, name: Name) -> Sentence:
    """`0.010 [0.004, 0.016] above X (p < 0.001)`, or that no difference was seen."""
    if seen is None or seen.verdict == "untested":
        side = "above" if best.mean >= other.mean else "below"
        return (f"{size(best.mean - other.mean)} {side} ", name, " (not tested)")
    if seen.identical:
        return ("identical to ", name, f": the same score on each of {items_words(seen.n, kind_of(seen.task))}")
    if seen.verdict == "level":
        span = f"{signed(seen.diff)} {gap_interval(seen.low, seen.high)}".rstrip()
        return ("level with ", name, f": no difference seen ({span}, {tail(seen)}{smallest(seen)})")
    low, high = (seen.low, seen.high)
    if seen.diff < 0 and low is not None and high is not None:
        low, high = -high, -low
    side = "above" if seen.diff > 0 else "below"
    return (f"{size(seen.diff)} {gap_interval(low, high)}".rstrip() + f" {side} ", name, f" ({tail(seen)})")


def explain_cost(results: Results) -> Sentence:
    """What the run took, as far as provenance says."""
    provenance = results.provenance
    steps = results.steps()
    sentences: list[str] = []
    if isinstance(provenance.get("seconds"), int | float):
        sentences.append(f"The run took {duration(provenance['seconds'])}.")
    fresh = [step for step in steps if step.step == "embed" and not step.reused]
    reused = sum(step.step == "embed" and bool(step.reused) for step in steps)
    if fresh:
        tokens, seconds = total(fresh, "tokens"), total(fresh, "seconds")
        texts = total(fresh, "inputs")
        text = "It embedded" if texts is None else f"It embedded {count(texts)} texts"
        text += f" ({count(tokens)} tokens)" if tokens is not None else ""
        sentences.append(f"{text} in {duration(seconds)}, start-up not counted." if seconds is not None else f"{text}.")
    if reused:
        sentences.append(
            f"{plural(reused, 'set of embeddings was', 'sets of embeddings were')} reused from earlier runs."
        )
    spent_now = [step for step in steps if not step.reused]  # a reused step keeps the hours it once took
    bill = [
        f"{amount(total(spent_now, key))} {unit}"
        for key, unit in (("gpu_hours", "GPU-hours"), ("cpu_hours", "CPU-hours"))
        if total(spent_now, key)
    ]
    cost = total(spent_now, "cost_usd")
    if bill or cost is not None:
        sentences.append(f"Spent: {' and '.join(bill) or 'hours not recorded'}; {_dollars(spent_now, cost)}.")
    return (" ".join(sentences),) if sentences else ()


def _dollars(steps: Sequence[StepRecord], cost: float | None) -> str:
    """By the suite's prices; without any by those with which `patray plan` counts cores, and no GPU."""
    if cost is not None:
        return f"${cost:,.2f} by the suite's prices"
    if total(steps, "gpu_hours"):
        return "no dollars, as the suite names no prices (the plan's are of examples)"
    return f"{example_dollars(total(steps, 'cpu_hours') or 0.0)} (the suite names no prices)"


def total(steps: Sequence[StepRecord], key: str) -> float | None:
    """Sum over the steps that record `key`; None when none does."""
    values = [
        value for step in steps if isinstance(value := step.get(key), int | float) and not isinstance(value, bool)
    ]
    return float(sum(values)) if values else None
