"""Fusion: what it gains, the weight that was picked and how sure that is, RRF by k, and the gap between fields."""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.answer import Answer, counted_place, in_view, place
from patray.report.boards import fusion_curves, fusion_grid
from patray.report.comparison import ALPHA
from patray.report.data import Results, Row
from patray.report.declared import declared
from patray.report.figures import weight_curves
from patray.report.findings import above, explain_fusion
from patray.report.grid import TOP, Cell, Column, Grid, gap_cell, score_cell
from patray.report.naming import FEWEST_ITEMS
from patray.report.page import Panel, Part
from patray.report.studied import KS, Gaps
from patray.report.svg import swatch
from patray.report.words import Name, Sentence, gap_interval, known, p_value, score, signed, size, stars
from patray.systems.fusion import Rrf
from patray.tasks.gap import GapChange

MOST_CURVES = 6
GAP = "the gap between same field and other field"


def fusion_part(results: Results, answers: Sequence[Answer]) -> Part | None:
    """One panel a landscape; None where no fusion was run."""
    panels = []
    for answer in answers:
        curves, grid = fusion_curves(results, answer), fusion_grid(results, answer)
        if grid is None and not curves:
            continue
        where, shown = place(answer, False), curves[:MOST_CURVES]
        counted = counted_place(answer, False)
        counted = counted_place(answer, False)
        legend = tuple((swatch(index, star=True), curve.name) for index, curve in enumerate(shown))
        found = [
            explain_fusion(results, answer, counted),
            explain_ks(results, answer),
            explain_gap(results, answer, counted),
        ]
        sentences = [text for text in found if text]
        if len(curves) > len(shown):
            sentences.append((f"The plot shows the first {len(shown)} of {len(curves)} tuned fusions.",))
        figure = weight_curves(shown, answer.metric) if shown else None
        title: Sentence = (*where, ", reading ", Name(answer.leader.view))
        extra = [
            Panel((words,), grid=made)
            for words, made in (
                ("Gap between same field and other field, before and after fusion", gap_grid(results, answer)),
                ("Reciprocal rank fusion by k", k_grid(results, answer)),
            )
            if made is not None
        ]
        panels.append(Panel(title, tuple(sentences), figure, legend, grid, tuple(extra)))
    note: Sentence = (
        "The weight was picked on validation queries (a star in the plot; its interval holds the weights that other "
        "such queries would have picked); gains are on the reported queries, against the better of the fused parts.",
    )
    return Part("retrieval-fusion", "Fusion", tuple(panels), (note,)) if panels else None


def gaps_of(results: Results, answer: Answer) -> tuple[GapChange, ...]:
    """The changes of the gap of one landscape, best fusion first."""
    study = next((study for study in results.studies.gaps if study.at == answer.at), Gaps(answer.at, ()))
    return study.changes


def explain_gap(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """Does fusion close the gap between same field and other field? With the test of each change."""
    changes = gaps_of(results, answer)
    if not changes:
        return None
    fewest = min(change.n for change in changes)
    if fewest < FEWEST_ITEMS:
        have = "query has" if fewest == 1 else "queries have"
        return (
            "On ",
            *where,
            f", {fewest:,} {have} relevant patents both in its field and in another: too few to say.",
        )
    n = f"over {fewest:,} queries that have both"
    sentence: Sentence = ("On ", *where, f", {n}, ")
    gap = GAP
    if len(changes) > 2:
        gap = "that"
        told = [_told(change) for change in changes]
        closed, widened = told.count("closes"), told.count("widens")
        sentence += (
            f"{closed or 'none'} of {len(changes)} fusions {'close' if closed > 1 else 'closes'} {GAP}, "
            f"{widened or 'none'} {'widen' if widened > 1 else 'widens'} it: ",
        )
        moved = tuple(change for change in changes if _told(change) != "leaves")
        changes = moved[:2] or changes[:1]
    for index, change in enumerate(changes):
        sentence += ("; " if index else "", Name(change.after), " ", *_explained(change, answer.metric, gap))
    return (*sentence, ".")


def _told(change: GapChange) -> str:
    if not known(change.p_adjusted) or change.p_adjusted >= ALPHA or change.change == 0:
        return "leaves"
    return "closes" if change.change < 0 else "widens"


def _explained(change: GapChange, metric: str, gap: str) -> Sentence:
    told, p = _told(change), p_value(change.p_adjusted)
    if told == "leaves":
        seen = f"no change seen ({signed(change.change)} {gap_interval(change.low, change.high)}".rstrip() + f", {p}"
        if known(change.min_detectable):
            seen += f"; a change of {size(change.min_detectable)} {metric} would have been seen 4 times in 5"
        return (f"leaves {gap} of ", Name(change.before), f": {seen})")
    low, high = (change.low, change.high) if told == "widens" else (-change.high, -change.low)
    by = f"{size(change.change)} {gap_interval(low, high)}".rstrip()
    gains = f"{signed(change.gain_in)} within and {signed(change.gain_out)} across fields"
    left = f"from {score(change.gap_before)} to {score(change.gap_after)} {metric}"
    how = "closes" if change.gap_after <= 0 else "closes part of" if told == "closes" else "widens"
    return (f"{how} {gap} of ", Name(change.before), f" by {by} ({p}), {left}: it adds {gains}")


def gap_grid(results: Results, answer: Answer) -> Grid | None:
    """Every fusion's gap beside that of its dense part."""
    changes = gaps_of(results, answer)
    if not changes:
        return None
    columns = (
        Column("Fusion", "name"),
        Column("against", "text"),
        Column("gap before", hint="same field less other field, queries that have both"),
        Column("gap after"),
        Column("change", hint="p corrected over the fusions of this table"),
        Column("same field"),
        Column("other field"),
        Column("queries"),
    )
    body = tuple(_gap_row(change) for change in changes)
    if len(body) <= TOP:
        return Grid(columns, body)
    return Grid(columns, body[:TOP], "", Grid(columns, body), f"All {len(body)} fusions")


def _gap_row(change: GapChange) -> tuple[Cell, ...]:
    tone = {"closes": "lead", "widens": "", "leaves": "level"}[_told(change)]
    small = f"{gap_interval(change.low, change.high)} {p_value(change.p_adjusted)}".strip()
    return (
        Cell(change.after),
        Cell(change.before),
        Cell(score(change.gap_before), change.gap_before),
        Cell(score(change.gap_after), change.gap_after),
        Cell(signed(change.change) + stars(change.p_adjusted), change.change, small, tone=tone),
        Cell(signed(change.gain_in), change.gain_in),
        Cell(signed(change.gain_out), change.gain_out),
        Cell(f"{change.n:,}", float(change.n)),
    )


def _by_k(results: Results, answer: Answer) -> dict[tuple[str, ...], dict[int, Row]]:
    """Reciprocal rank fusions of the same parts by k, where there are several; best parts first."""
    rows = in_view(results, answer)
    found: dict[tuple[str, ...], dict[int, Row]] = {}
    for system in declared(results.suite_text).systems.values():
        said = system.said
        if isinstance(said, Rrf) and isinstance(said.k, int) and system.name in rows:
            found.setdefault(system.parts, {})[said.k] = rows[system.name]
    several = {parts: by_k for parts, by_k in found.items() if len(by_k) > 1}
    return dict(sorted(several.items(), key=lambda item: -max(row.mean for row in item[1].values())))


def explain_ks(results: Results, answer: Answer) -> Sentence | None:
    """How much the k of reciprocal rank fusion decides, for the parts that fuse best."""
    asked = results.studies.of(answer.at, KS)
    for by_k in _by_k(results, answer).values():
        ordered = sorted(by_k.items(), key=lambda item: (-item[1].mean, item[0]))
        (first, best), (last, worst) = ordered[0], ordered[-1]
        seen = above(asked.compare(best.system, worst.system), best, worst, Name(worst.system))
        start = f"Of {len(ordered)} values of k, {first} scores highest and {last} lowest: "
        return (start, Name(best.system), " is ", *seen, ".")
    return None


def k_grid(results: Results, answer: Answer) -> Grid | None:
    """Fused parts by k, the highest of each row bold, with the test of the highest against the lowest."""
    found = _by_k(results, answer)
    if not found:
        return None
    ks = sorted({k for by_k in found.values() for k in by_k})
    columns = (
        Column("Fused parts", "name"),
        *(Column(f"k = {k}") for k in ks),
        Column("highest − lowest", hint="corrected p"),
    )
    body, asked = [], results.studies.of(answer.at, KS)
    for parts, by_k in found.items():
        ordered = sorted(by_k.values(), key=lambda row: (-row.mean, row.system))
        cells = [score_cell(by_k.get(k), best=k in by_k and by_k[k] is ordered[0]) for k in ks]
        body.append((Cell(", ".join(parts)), *cells, gap_cell(asked.compare(ordered[0].system, ordered[-1].system))))
    if len(body) <= TOP:
        return Grid(columns, tuple(body))
    return Grid(columns, tuple(body[:TOP]), "", Grid(columns, tuple(body)), f"All {len(body)}")
