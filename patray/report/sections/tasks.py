"""The sections on retrieval, classification and clustering, and the lines of the answer above them."""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.advice import headline, small_print
from patray.report.answer import Answer, answers_for, counted_place, explain, place
from patray.report.baselines import commonest_of
from patray.report.boards import (
    by_field,
    by_label_set,
    by_part,
    by_view,
    leaderboard,
)
from patray.report.comparison import Comparison
from patray.report.data import KINDS, Results, kind_of, labels_of
from patray.report.figures import pair_matrix, slopes
from patray.report.findings import explain_domain, explain_views
from patray.report.grid import TOP, Cell, Column, Grid
from patray.report.naming import TITLES, items_words
from patray.report.page import Legend, Line, Panel, Part, Section, Verdict
from patray.report.sections.across import across_part
from patray.report.sections.contamination import contamination_part
from patray.report.sections.frequency import frequency_part
from patray.report.sections.fusion import fusion_part
from patray.report.sections.prompts import prompt_part
from patray.report.sections.readings import readings_part
from patray.report.sections.retention import retention_part
from patray.report.sections.scale import scale_part
from patray.report.sections.standing import standing_part
from patray.report.svg import swatch
from patray.report.words import Name, Sentence, gap_interval, interval, listing, p_value, plain_number, score, signed

MOST_LINES = 6
MOST_IN_MATRIX = 80


def verdicts(results: Results) -> list[Verdict]:
    """The answer, one verdict a kind of task that the run holds."""
    found = []
    for kind in KINDS:
        answers = answers_for(results, kind)
        if answers:
            several = len({answer.task for answer in answers}) > 1
            lines = tuple(_line(answer, several) for answer in answers)
            said = headline(results, answers), tuple(small_print(results, answers))
            found.append(Verdict(kind, TITLES[kind], answers[0].metric, *said, lines[:MOST_LINES], lines[MOST_LINES:]))
    return found


def _line(answer: Answer, several: bool) -> Line:
    leader = answer.leader
    runner, seen = answer.rivals[0] if answer.rivals else (None, None)
    tested = seen is not None and seen.verdict != "untested"
    same = seen is not None and seen.identical
    if runner is None:
        lead = ""
    elif same:
        lead = "identical"
    else:
        lead = signed(seen.diff if seen is not None and tested else leader.mean - runner.mean)
    return Line(
        place=place(answer, several),
        system=leader.system,
        view=leader.view,
        score=score(leader.mean),
        interval=interval(leader.low, leader.high),
        n=items_words(leader.n, kind_of(answer.task)),
        runner=runner.system if runner else "",
        lead=lead,
        lead_interval=gap_interval(seen.low, seen.high) if seen is not None and tested and not same else "",
        p=p_value(seen.p_adjusted) if seen is not None and tested and not same else "",
        badge=answer.badge,
        tone={"clear lead": "lead", "no clear lead": "level"}.get(answer.badge, "quiet"),
    )


def retrieval_section(results: Results) -> Section | None:
    """Who finds cited patents best; None when the run did not ask."""
    return task_section(results, "retrieval")


def classification_section(results: Results) -> Section | None:
    """Whose vectors predict labels best; None when the run did not ask."""
    return task_section(results, "classification")


def clustering_section(results: Results) -> Section | None:
    """Whose clusters agree best with labels; None when the run did not ask."""
    return task_section(results, "clustering")


def task_section(results: Results, kind: str) -> Section | None:
    """Everything on one kind of task; None when the run has none."""
    answers = answers_for(results, kind)
    if not answers:
        return None
    several = len({answer.task for answer in answers}) > 1
    parts = [_boards(results, kind, answers, several), standing_part(results, kind, answers, several)]
    parts.append(_views(results, kind, answers, several))
    if kind == "retrieval":
        parts += [_fields(results, answers), *(_by_part(results, answers, *one) for one in _PARTS)]
        parts += [contamination_part(results, answers), fusion_part(results, answers)]
        parts.append(readings_part(results, kind, answers, several))
    else:
        parts.append(_label_sets(results, kind, answers))
        parts.append(frequency_part(results, answers) if kind == "classification" else None)
    parts += [part(results, kind, answers, several) for part in (scale_part, prompt_part, retention_part)]
    parts += [across_part(results, kind, answers), _tuned(results, kind)]
    return Section(kind, kind.capitalize(), tuple(part for part in parts if part is not None and part.panels))


def _boards(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part:
    sets = {labels_of(answer.task) for answer in answers}
    panels = []
    for answer in answers:
        matrix = _matrix(results, answer) if len(sets) <= 2 else None  # nested too deep to be read there
        title: Sentence = (*place(answer, several), ", reading ", Name(answer.leader.view))
        panel = Panel(
            title=title,
            text=(explain(answer), *_beside(results, answer), *_flat(results, answer)),
            grid=leaderboard(results, answer),
            extra=(matrix,) if matrix else (),
            folded=len(sets) > 2,
        )
        panels.append(panel)
    note: Sentence = (
        "Systems in the view of the leader. The vertical line is the leader's mean; stars mark differences to the "
        "leader that stay significant after correction.",
    )
    return Part(f"{kind}-systems", "Which system", tuple(panels), (note,))


def _beside(results: Results, answer: Answer) -> list[Sentence]:
    """What the commonest label alone scores, in both kinds of F1."""
    found = commonest_of(results, answer)
    if found is None:
        return []
    n = items_words(found.n, "classification")
    return [(f"The commonest class for every patent would score macro-F1 {score(found.macro)} and micro-F1 "
             f"{score(found.micro)} on these {n}: what is below has learned nothing.",)]  # fmt: skip


def _flat(results: Results, answer: Answer) -> list[Sentence]:
    """Why intervals of the board have no width, once for all systems of which it is true."""
    reasons: dict[str, list[str]] = {}
    for row in (answer.leader, *(row for row, _ in answer.rivals)):
        if why := results.why_flat(row):
            reasons.setdefault(why, []).append(row.system)
    return [("No width to the interval of ", *listing(names), f": {why}.") for why, names in reasons.items()]


def _matrix(results: Results, answer: Answer) -> Panel | None:
    rows = [answer.leader, *(row for row, _ in answer.rivals)][:MOST_IN_MATRIX]
    seen: dict[tuple[int, int], Comparison] = {}
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            found = results.compare(a, b) if i != j else None
            if found is not None:
                seen[i, j] = found
    if len(rows) < 3 or not seen:
        return None
    words = (
        "Up: the row is significantly better than the column. Down: worse. Dot: no difference seen. Blank: not tested."
    )
    if len(answer.rivals) + 1 > len(rows):
        words += f" The first {len(rows)} of {len(answer.rivals) + 1} systems."
    return Panel(("All pairs at a glance",), ((words,),), pair_matrix([row.system for row in rows], seen), folded=True)


def _views(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    panels = []
    for answer in answers:
        grid = by_view(results, answer)
        if grid is not None:
            where = place(answer, several)
            text = explain_views(results, answer, counted_place(answer, several)) if not answer.few else None
            legend = _legend(results.views(answer.task, answer.landscape))
            panels.append(
                Panel(where, (text,) if text else (), legend=legend, grid=grid, folded=len(answers) > 5 and several)
            )
    note: Sentence = (
        f"{answers[0].metric}, all items. Bold: the highest of a column; the plot's marks: those of the column heads.",
    )
    return Part(f"{kind}-views", "Which part of the text", tuple(panels), (note,)) if panels else None


def _legend(names: Sequence[str]) -> Legend:
    return tuple((swatch(index), name) for index, name in enumerate(names))


def _fields(results: Results, answers: Sequence[Answer]) -> Part | None:
    panels = []
    for answer in answers:
        found = by_field(results, answer)
        if found is not None:
            lines, grid = found
            text = explain_domain(results, answer, place(answer, False))
            figure = slopes(lines, answer.metric)
            panels.append(
                Panel(
                    (*place(answer, False), ", reading ", Name(answer.leader.view)),
                    (text,) if text else (),
                    figure,
                    grid=grid,
                )
            )
    note: Sentence = (
        "Same field: only pairs that share a 3-character classification code count as relevant. Other field: only "
        "pairs that share none. The ranking is of the full corpus in both.",
    )
    return Part("retrieval-domain", "Same field and other fields", tuple(panels), (note,)) if panels else None


def _by_part(results: Results, answers: Sequence[Answer], kind: str, heads: tuple[str, str], said: str) -> Part | None:
    """The slices `kind=...` side by side; heads: of the section and of the column."""
    panels = []
    for answer in answers:
        found = by_part(results, answer, kind, heads[1])
        if found is not None:
            grid, systems = found
            legend = _legend(systems)
            panels.append(
                Panel((*place(answer, False), ", reading ", Name(answer.leader.view)), legend=legend, grid=grid)
            )
    note: Sentence = (f"{said} Few queries mean wide intervals; no test was made across these rows.",)
    return Part(f"retrieval-{_ANCHORS[kind]}", heads[0], tuple(panels), (note,)) if panels else None


_ANCHORS = {"jurisdiction": "offices", "origin": "origins", "category": "categories"}
_PARTS = (
    ("jurisdiction", ("By jurisdiction", "Office"), "Queries by the office of the query patent."),
    (
        "origin",
        ("Who cited", "Cited by"),
        "Only pairs cited by these count as relevant; the ranking is of the full corpus in each row. A pair that "
        "several cited is in several rows. Rows have other queries and numbers of relevant patents: compare systems "
        "within a row, and their order across rows.",
    ),
    (
        "category",
        ("Category of the citation", "Category"),
        "Only pairs with this letter of the search report, or section of a US rejection (102, 103), count as relevant; "
        "a pair with several is in several rows, `unknown` has none. Rows have other queries: compare systems within a "
        "row, and their order across rows.",
    ),
)


def _label_sets(results: Results, kind: str, answers: Sequence[Answer]) -> Part | None:
    panels = []
    for landscape in dict.fromkeys(answer.landscape for answer in answers):
        answer = next(item for item in answers if item.landscape == landscape)
        grid = by_label_set(results, kind, landscape, answer.leader.view, answer.metric)
        if grid is not None:
            legend = _legend([labels_of(task) for task in results.tasks(kind) if labels_of(task) != "*"])
            panels.append(Panel((Name(landscape), ", reading ", Name(answer.leader.view)), legend=legend, grid=grid))
    note: Sentence = (f"{answers[0].metric} by label set.",)
    return Part(f"{kind}-labels", "Label sets", tuple(panels), (note,)) if panels else None


def _tuned(results: Results, kind: str) -> Part | None:
    """What was picked on validation, except fusion weights, which have their own part."""
    tried: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    chosen: dict[tuple[str, ...], tuple[float | None, float]] = {}
    for row in results.tuning:
        key = (row.landscape, labels_of(row.task), row.view, row.system, row.parameter)
        if kind_of(row.task) != kind or row.parameter.startswith("fusion.weight") or row.value is None:
            continue
        tried.setdefault(key, []).append((row.value, row.mean))
        if row.chosen:
            chosen[key] = (row.value, row.mean)
    if not tried:
        return None
    columns = [
        Column(name, "name" if not index else "text")
        for index, name in enumerate(("Landscape", "labels", "view", "system", "parameter"))
    ]
    columns += [Column("chosen"), Column("validation score"), Column("tried", "text")]
    body = []
    for where, pairs in tried.items():
        value, mean = chosen.get(where, (None, None))
        values = ", ".join(plain_number(value) for value, _ in sorted(pairs))
        body.append(
            (*(Cell(text) for text in where), Cell(plain_number(value), value), Cell(score(mean), mean), Cell(values))
        )
    grid = Grid(tuple(columns), tuple(body[:TOP]))
    if len(body) > TOP:
        note = f"The first {TOP} of {len(body):,}."
        grid = Grid(grid.columns, grid.rows, note, Grid(grid.columns, tuple(body)), f"All {len(body):,} tuned values")
    return Part(f"{kind}-tuned", "Tuned on validation", (Panel(("Tuned values",), grid=grid, folded=True),))
