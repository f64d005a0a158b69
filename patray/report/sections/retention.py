"""What shorter and smaller vectors keep of a model's score: sentence, curve, grid, and the tables of a paper."""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.answer import Answer, counted_place, place
from patray.report.data import Results
from patray.report.grid import TOP, Cell, Column, Grid, gap_cell
from patray.report.layouts import DIGITS, Layout
from patray.report.page import Panel, Part
from patray.report.studied import RETENTION, Asked, At, Kept, Retention
from patray.report.study_figures import Cut, Width, retention_curves
from patray.report.svg import swatch
from patray.report.words import Name, Sentence, known, percent, plural, score

MOST_CURVES = 6
MOST_MODELS = 3
MOST_POINTS = 4
ENOUGH = 0.95
NOTES = {True: "", False: "not trained for it", None: "training not known"}
TRAINED = {True: "yes", False: "not trained for this width", None: "not known"}


def of_answer(results: Results, answer: Answer) -> list[Retention]:
    """The studies of one task and landscape, the model with the best full score first."""
    found = [study for study in results.studies.retention if study.at == answer.at]
    return sorted(found, key=lambda study: (-study.score, study.system))


def retention_part(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    """One panel a landscape (and label set); None where no model was run in a smaller form."""
    panels = []
    for answer in answers:
        studies = of_answer(results, answer)
        if not studies:
            continue
        where = place(answer, several)
        curves = [curve for study in studies if (curve := _curve(study)) is not None]
        shown = curves[:MOST_CURVES]
        sentences = [explain_retention(studies, counted_place(answer, several))]
        if len(curves) > len(shown):
            sentences.append((f"The plot shows the first {len(shown)} of {len(curves)} models.",))
        panels.append(
            Panel(
                (*where, ", reading ", Name(answer.leader.view)),
                tuple(sentences),
                retention_curves(shown, answer.metric) if shown else None,
                tuple((swatch(index), curve.name) for index, curve in enumerate(shown)),
                _grid(results, answer, studies),
                folded=len(answers) > 5 and several,
            )
        )
    note: Sentence = (
        "Vectors are cut to their leading dimensions and scaled to length 1 again, documents and queries alike; all "
        "forms come from one set of stored vectors. Kept: the score's share of the same model's full float32 score, "
        "its interval from resamples that both share. Open marks: widths that the model was not trained to be cut "
        "to, or not known to be. Rescored: the float query against the stored codes of the first candidates.",
    )
    return Part(f"{kind}-retention", "Shorter and smaller vectors", tuple(panels), (note,)) if panels else None


def explain_retention(studies: Sequence[Retention], where: Sentence) -> Sentence:
    """What each model keeps at each width, and the fewest bytes that keep most of it."""
    sentence: Sentence = ("On ", *where, ", ")
    for index, study in enumerate(studies[:MOST_MODELS]):
        cuts = [point for point in study.points if point.precision == "float32"][:MOST_POINTS]
        coded = [_best(study, precision) for precision in ("int8", "binary")]
        sentence += ("; " if index else "", Name(study.system), f" keeps, of its {study.at.metric}, ")
        texts = [f"{_share(point)} at {point.dimensions:,}" for point in cuts]
        parts = [f"{_listed(texts)} of {study.dimensions:,} dimensions{_untrained(cuts)}"] if texts else []
        parts += [f"{_share(point)} as {form(point, study.dimensions)}" for point in coded if point is not None]
        sentence += (_listed(parts),)
        enough = [point for point in study.points if point.share.value >= ENOUGH]
        if enough:
            least = min(enough, key=lambda point: (point.bytes, -point.share.value))
            times = f"{4 * study.dimensions / least.bytes:.0f} times fewer than all"
            sentence += (f" (the fewest bytes that keep {percent(ENOUGH)}: {least.bytes:,}, {times})",)
    rest = len(studies) - MOST_MODELS
    tail = f". {plural(rest, 'more model is', 'more models are')} in the table." if rest > 0 else "."
    return (*sentence, tail)


def _best(study: Retention, precision: str) -> Kept | None:
    found = [point for point in study.points if point.precision == precision]
    return max(found, key=lambda point: (point.share.value, -point.bytes), default=None)


def _untrained(points: Sequence[Kept]) -> str:
    """Which of the widths the model was not trained to be cut to, and of which nobody knows."""
    texts = []
    for trained, words in ((False, "not trained for"), (None, "not known to be trained for")):
        widths = [f"{point.dimensions:,}" for point in points if point.trained is trained]
        if widths:
            what = (
                ("this width" if len(points) == 1 else "these widths")
                if len(widths) == len(points)
                else _listed(widths)
            )
            texts.append(f"{words} {what}")
    return f" ({'; '.join(texts)})" if texts else ""


def form(point: Kept, full: int) -> str:
    """`binary, rescored ×10`, `128, int8`: how a smaller form differs from the full one."""
    parts = [f"{point.dimensions:,} dimensions"] if point.dimensions != full else []
    parts += [point.precision] if point.precision != "float32" else []
    return ", ".join(parts) + (f", rescored ×{point.rescore}" if point.rescore else "")


def _share(point: Kept) -> str:
    return f"{percent(point.share.value, 1)} {_percents(point)}".rstrip()


def _percents(point: Kept, digits: int = 1) -> str:
    low, high = point.share.low, point.share.high
    return f"[{percent(low, digits)}, {percent(high, digits)}]" if known(low) and known(high) else ""


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _curve(study: Retention) -> Cut | None:
    """The float32 forms with the full one before them; None where vectors were only stored in fewer bits."""
    cuts = [point for point in study.points if point.precision == "float32" and known(point.share.value)]
    widths = [Width(p.dimensions, p.share.value, p.share.low, p.share.high, p.trained) for p in cuts]
    full = Width(study.dimensions, 1.0, float("nan"), float("nan"), True)
    return Cut(study.system, (full, *widths)) if widths else None


def _grid(results: Results, answer: Answer, studies: Sequence[Retention]) -> Grid:
    asked = results.studies.of(answer.at, RETENTION)
    columns = (
        Column("Model", "name"),
        Column("kept as", "text"),
        Column("kept"),
        Column("to full", hint="difference to the full vectors, corrected p"),
        Column("bytes", hint="of one patent's vector"),
        Column(answer.metric),
    )
    asked = results.studies.of(answer.at, RETENTION)
    body: list[tuple[Cell, ...]] = []
    for study in studies:
        body.append(
            (
                Cell(study.system, best=True),
                Cell(f"all {study.dimensions:,} dimensions"),
                Cell("100%", 1.0),
                Cell("full", 0.0, tone="quiet"),
                Cell(f"{4 * study.dimensions:,}", 4.0 * study.dimensions),
                Cell(score(study.score), study.score),
            )
        )
        body += [_row(study, point, asked) for point in study.points]
    if len(body) <= TOP:
        return Grid(columns, tuple(body))
    folded = Grid(columns, tuple(body))
    return Grid(columns, tuple(body[:TOP]), f"The first {TOP} of {len(body)}.", folded, f"All {len(body)} forms")


def _row(study: Retention, point: Kept, asked: Asked) -> tuple[Cell, ...]:
    return (
        Cell(study.system),
        Cell(form(point, study.dimensions), small=NOTES[point.trained]),
        Cell(percent(point.share.value, 1), point.share.value, _percents(point)),
        gap_cell(asked.compare(point.system, study.system)),
        Cell(f"{point.bytes:,}", float(point.bytes)),
        Cell(score(point.score), point.score),
    )


def retention_layouts(results: Results) -> list[Layout]:
    """For each task and landscape the paper's table, models by widths, and the full one, a row each form."""
    found = []
    for at in dict.fromkeys(study.at for study in results.studies.retention):
        studies = sorted(
            (study for study in results.studies.retention if study.at == at),
            key=lambda study: (-study.score, study.system),
        )
        found += [layout for layout in (_by_width(at, studies),) if layout]
        found.append(_by_form(at, studies))
    return found


def _by_width(at: At, studies: Sequence[Retention]) -> Layout | None:
    widths = sorted({p.dimensions for study in studies for p in study.points if p.precision == "float32"}, reverse=True)
    if not widths:
        return None
    body, shares = [], []
    for study in studies:
        cuts = {point.dimensions: point for point in study.points if point.precision == "float32"}
        if cuts:
            texts = [_marked(cuts[width]) if width in cuts else "" for width in widths]
            body.append((study.system, f"{study.dimensions:,}", score(study.score, DIGITS), *texts))
            shares.append([cuts[width].share.value if width in cuts else None for width in widths])
    if len(body) > 1:
        whole = [[share for share in column if share is not None] for column in zip(*shares, strict=True)]
        means = [f"{percent(sum(column) / len(column), 1)} ({len(column)})" for column in whole]
        body.append(("Mean (of models)", "", "", *means))
    caption = (
        f"Share of the full-width {at.metric} kept by cut vectors, {at.task}, landscape {at.landscape}, view "
        f"{at.view}. Columns: dimensions kept. *: the model was not trained for this width, or not known to be."
    )
    columns = ("System", "Width", at.metric, *(f"@{width}" for width in widths))
    numeric = (False, *[True] * (len(columns) - 1))
    return Layout(f"retention-{at.task}-{at.landscape}-{at.metric}", caption, columns, numeric, tuple(body))


def _marked(point: Kept) -> str:
    return percent(point.share.value, 1) + ("" if point.trained else "*")


def _by_form(at: At, studies: Sequence[Retention]) -> Layout:
    columns = ("System", "Dimensions", "Precision", "Rescored", "Bytes", at.metric, "Kept", "Interval", "Trained for")
    body = []
    for study in studies:
        first = (study.system, f"{study.dimensions:,}", "float32", "", f"{4 * study.dimensions:,}")
        body.append((*first, score(study.score, DIGITS), "100%", "", ""))
        body += [
            (
                point.system,
                f"{point.dimensions:,}",
                point.precision,
                f"x{point.rescore}" if point.rescore else "",
                f"{point.bytes:,}",
                score(point.score, DIGITS),
                percent(point.share.value, 1),
                _percents(point),
                TRAINED[point.trained],
            )
            for point in study.points
        ]
    caption = (
        f"{at.metric} and share of the full score kept by smaller vectors, {at.task}, landscape {at.landscape}, view "
        f"{at.view}; bytes of one patent's vector. Intervals from resamples that both scores share."
    )
    numeric = tuple(name in ("Dimensions", "Bytes", at.metric, "Kept", "Interval") for name in columns)
    return Layout(f"vectors-{at.task}-{at.landscape}-{at.metric}", caption, columns, numeric, tuple(body))
