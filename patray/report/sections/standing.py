"""Who may be the best, which systems are not worse by more than a margin, and the cheapest of those."""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.answer import Answer, counted_place, in_view, place
from patray.report.data import Results, Row, kind_of
from patray.report.declared import declared, margin_of
from patray.report.grid import TOP, Cell, Column, Grid
from patray.report.naming import items_words, system_words
from patray.report.page import Panel, Part
from patray.report.price import Price, price_of
from patray.report.standings import Standing
from patray.report.words import Name, Sentence, known, listing, p_value, percent, plain_number, score, size

FOLDED = 5
"""Landscapes (and label sets) beyond which panels start closed."""


def standings_of(results: Results, answer: Answer) -> list[Standing]:
    """The standings of the main metric in the leader's view, highest mean first; of the largest family."""
    families: dict[str, list[Standing]] = {}
    for row in results.standings:
        where = (row.task, row.landscape, row.view, row.metric, row.slice)
        if where == (answer.task, answer.landscape, answer.leader.view, answer.metric, "all"):
            families.setdefault(row.family, []).append(row)
    most = max(families.values(), key=len, default=[])
    return sorted(most, key=lambda row: (row.rank, row.system))


def explain_standing(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """The systems one of which is the best with 95% confidence, and what the winner is worth without its luck."""
    rows = standings_of(results, answer)
    if not rows:
        return None
    able = [row.system for row in rows if row.may_win]
    sentence: Sentence = ("On ", *where, ", ")
    if len(able) == 1:
        sentence += (Name(able[0]), f" is the best of {len(rows)} systems with 95% confidence")
    elif len(able) == len(rows):
        sentence += (f"any of the {len(rows)} systems may be the best: these {_items(answer)} cannot tell",)
    else:
        sentence += (f"the best of {len(rows)} systems is one of {len(able)}, with 95% confidence: ", *listing(able, 6))
    winner = rows[0]
    if winner.winner_held_out is not None and score(winner.winner_held_out) != score(winner.mean):
        drawn = f"{score(winner.mean)}, its score on the very {_items(answer)} that chose it"
        sentence += (f". On others like them expect about {score(winner.winner_held_out)} of the winner, not {drawn}",)
    return (*sentence, ".")


def _items(answer: Answer) -> str:
    return items_words(answer.n, kind_of(answer.task)).partition(" ")[2]


def explain_cheapest(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """The cheapest system that is not worse than the best by more than the margin of the suite."""
    rows, margin = standings_of(results, answer), margin_of(results.suite_text)
    if not rows:
        return None
    view, metric = answer.leader.view, answer.metric
    if margin is None:
        able = _by_price(results, [row.system for row in rows if row.may_win], view)
        if len(able) < 2:
            return None
        return (
            "On ", *where, ", the cheapest system that may be the best is ", *_priced(results, *able[0]),
            ". How much worse than the best it may be is in the table. Whether that is little enough is tested where "
            f"the suite says what loss you would accept (for 0.01 {metric}: `non_inferior: {{margin: 0.01}}`).",
        )  # fmt: skip
    good = [row.system for row in rows if row.not_worse]
    bar = f"{plain_number(margin)} {metric}"
    if not good:
        least = min((row for row in rows if known(row.shortfall)), key=lambda row: row.shortfall or 0.0, default=None)
        sentence: Sentence = ("On ", *where, f", no system is shown to be within {bar} of the best")
        if least is None:
            return (*sentence, ".")
        return (*sentence, "; ", Name(least.system), f" comes closest, worse by {size(least.shortfall)} at most.")
    cheapest = _by_price(results, good, view)
    sentence = ("On ", *where, f", {len(good)} of {len(rows)} systems {'is' if len(good) == 1 else 'are'} not worse ")
    sentence += (f"than the best by more than {bar} (95% confidence, all at once)",)
    if not cheapest:
        return (*sentence, ": ", *listing(good), "; what they cost is not recorded.")
    if len(cheapest) == 1 and len(good) == 1:
        return (*sentence, ": ", *_priced(results, *cheapest[0]), ".")
    unpriced = len(good) - len(cheapest)
    more = f" ({unpriced} without a recorded cost left out)" if unpriced else ""
    return (*sentence, "; the cheapest of them is ", *_priced(results, *cheapest[0]), f"{more}.")


def _by_price(results: Results, systems: Sequence[str], view: str) -> list[tuple[str, Price]]:
    """The cheapest first; of those that cost the same, what is one system before what is put together of several."""
    said = declared(results.suite_text).systems
    parts = {name: len(said[name].parts) if name in said else 0 for name in systems}
    found = [(name, price) for name in systems if (price := price_of(results, name, view)) is not None]
    return sorted(found, key=lambda item: (item[1].rank, parts[item[0]]))


def _priced(results: Results, system: str, price: Price) -> Sentence:
    words = system_words(results.suite_text, system)
    return (Name(system), f" ({words + ', ' if words else ''}{price.words()})")


def standing_part(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    """One panel a landscape (and label set); None where the run compared no pairs of systems, or is older."""
    panels = []
    for answer in answers:
        rows = standings_of(results, answer)
        if not rows:
            continue
        where = counted_place(answer, several)
        told = [explain_standing(results, answer, where), explain_cheapest(results, answer, where)]
        title: Sentence = (*place(answer, several), ", reading ", Name(answer.leader.view))
        grid = standing_grid(results, answer, rows)
        text = tuple(sentence for sentence in told if sentence is not None)
        panels.append(Panel(title, text, grid=grid, folded=len(answers) > FOLDED and several))
    note: Sentence = (
        "Ranks: those that the tests of all pairs leave open, all at once. May be worse by: the best system, whichever "
        "it is, is not better by more than this (95%, all at once). Elsewhere: the mean when the system is the best of "
        "one half of the families and is scored on the other, 200 random halves both ways. Cost: of embedding a "
        "million patents, documents alone.",
    )
    return Part(f"{kind}-standings", "Which systems may be the best", tuple(panels), (note,)) if panels else None


def standing_grid(results: Results, answer: Answer, rows: Sequence[Standing]) -> Grid:
    """Systems with the ranks they may have, what they may lack, and their price."""
    margin = margin_of(results.suite_text)
    columns = [
        Column("System", "name"),
        Column(answer.metric),
        Column("may be best", "text"),
        Column("rank", hint="by mean, and the ranks that the tests leave open"),
        Column("may be worse by", hint="than the best, at most, with 95% confidence"),
    ]
    if margin is not None:
        columns += [
            Column(f"within {plain_number(margin)}", "text", hint="not worse than the best by more than the margin"),
            Column("equal to leader", hint="p of two one-sided tests that the difference is within the margin"),
        ]
    columns += [Column("best on half", hint="share of random halves on which it is the best")]
    columns += [Column("elsewhere", hint="its mean on the other halves when it is"), Column("cost", "text")]
    board = in_view(results, answer)
    body = []
    for row in rows:
        cells = [
            Cell(row.system, best=row.may_win),
            Cell(score(row.mean), row.mean),
            Cell("yes" if row.may_win else "no", tone="lead" if row.may_win else "quiet"),
            Cell(str(row.rank), -float(row.rank), _ranks(row)),
            Cell(size(row.shortfall), None if row.shortfall is None else -row.shortfall),
        ]
        if margin is not None:
            said = "not known" if row.not_worse is None else "yes" if row.not_worse else "not shown"
            cells += [Cell(said, tone="lead" if row.not_worse else "quiet"), _equal(results, answer, board, row)]
        price = price_of(results, row.system, row.view)
        cells += [
            Cell(percent(row.picked), row.picked),
            Cell(score(row.held_out), row.held_out),
            Cell(price.short() if price else "not recorded", tone="" if price else "quiet"),
        ]
        body.append(tuple(cells))
    if len(body) <= TOP:
        return Grid(tuple(columns), tuple(body))
    folded = Grid(tuple(columns), tuple(body))
    return Grid(tuple(columns), tuple(body[:TOP]), f"The first {TOP} of {len(body)}.", folded, f"All {len(body)}")


def _ranks(row: Standing) -> str:
    return f"{row.rank_low} to {row.rank_high}" if row.rank_low != row.rank_high else f"{row.rank_low} for sure"


def _equal(results: Results, answer: Answer, board: dict[str, Row], row: Standing) -> Cell:
    if row.system == answer.leader.system:
        return Cell("leader", 0.0, tone="quiet")
    other = board.get(row.system)
    seen = results.compare(answer.leader, other) if other is not None else None
    if seen is None or seen.p_equivalent is None:
        return Cell("not tested", tone="quiet")
    return Cell(p_value(seen.p_equivalent), seen.p_equivalent, tone="lead" if seen.p_equivalent < 0.05 else "")
