"""Whether larger models score higher: score against the number of parameters, over all models and within families."""

from __future__ import annotations

from collections.abc import Sequence

from patray.report.answer import Answer, counted_place, place
from patray.report.comparison import ALPHA
from patray.report.data import Results
from patray.report.grid import TOP, Cell, Column, Grid
from patray.report.page import Panel, Part
from patray.report.studied import Scaled
from patray.report.study_figures import Sizes, score_by_size, weights
from patray.report.svg import SERIES, swatch
from patray.report.words import Name, Sentence, known, p_value, plural, score
from patray.tasks.joint import Estimate


def of_answer(results: Results, answer: Answer) -> Scaled | None:
    """The study of one task and landscape; None where fewer than three models of known size were run."""
    return next((study for study in results.studies.scale if study.at == answer.at), None)


def explain_scale(results: Results, answer: Answer, where: Sentence) -> Sentence | None:
    """What size predicts, over all models and within families, as far as the intervals allow."""
    study = of_answer(results, answer)
    if study is None:
        return None
    found, count = study.found, len(study.models)
    sentence: Sentence = ("On ", *where, f", over {count} models ", _predicts(found.tau, found.p, answer.metric))
    if found.within is None:
        return (*sentence, "; no family has models of two sizes.")
    pairs = plural(found.pairs_within, "pair")
    words = _predicts(found.within, found.p_within, answer.metric)
    return (*sentence, f"; within families ({pairs} of models) ", words, ".")


def _predicts(tau: Estimate, p: float, metric: str) -> str:
    """Words for a correlation. Larger models are said to score higher only where neither other items nor so few models
    could have made the order by chance."""
    numbers = f"(Kendall's tau {_estimate(tau)}, {p_value(p)})"
    if not known(tau.low) or not known(tau.high) or tau.low <= 0 <= tau.high:
        return f"no order of {metric} by size is seen {numbers}"
    way = "higher" if tau.value > 0 else "lower"
    if not p < ALPHA:
        return f"the larger score {way}, but so few models may be ordered so by chance {numbers}"
    return f"the larger score {way} {numbers}"


def _estimate(found: Estimate) -> str:
    span = f" [{score(found.low, 2)}, {score(found.high, 2)}]" if known(found.low) and known(found.high) else ""
    return f"{score(found.value, 2)}{span}"


def scale_part(results: Results, kind: str, answers: Sequence[Answer], several: bool) -> Part | None:
    """One panel a landscape (and label set)."""
    panels = []
    for answer in answers:
        study = of_answer(results, answer)
        where = place(answer, several)
        text = explain_scale(results, answer, counted_place(answer, several))
        if study is None or text is None:
            continue
        families = _families(study)
        legend = [(swatch(index), family.family) for index, family in enumerate(families[:SERIES])]
        if len(families) > SERIES:
            legend.append((swatch(SERIES), f"{len(families) - SERIES} more families"))
        panels.append(
            Panel(
                (*where, ", reading ", Name(answer.leader.view)),
                (text,),
                score_by_size(families, answer.metric),
                tuple(legend),
                _grid(study, answer),
                folded=len(answers) > 5 and several,
            )
        )
    note: Sentence = (
        "Models of one family are joined. The interval of tau says how far other items of this kind could reorder "
        "these models; its p is over models, were their sizes dealt at random. Within families only pairs of one "
        "family count. Size goes along with training data and age, so an order is no proof that size is its cause.",
    )
    return Part(f"{kind}-scale", "Score and size", tuple(panels), (note,)) if panels else None


def _families(study: Scaled) -> list[Sizes]:
    """Families with most models first; their models smallest first."""
    grouped: dict[str, list[tuple[str, int, float]]] = {}
    for model in study.models:
        grouped.setdefault(model.family, []).append((model.system, model.size, model.score))
    ordered = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Sizes(name, tuple(models)) for name, models in ordered]


def _grid(study: Scaled, answer: Answer) -> Grid:
    columns = (Column("Model", "name"), Column("family", "text"), Column("parameters"), Column(answer.metric))
    best = max(model.score for model in study.models)
    body = tuple(
        (
            Cell(model.system),
            Cell(model.family),
            Cell(weights(model.size), float(model.size)),
            Cell(score(model.score), model.score, best=model.score == best),
        )
        for model in study.models
    )
    rho = f"Spearman's rho {_estimate(study.found.rho)}, over {study.found.n:,} items."
    if len(body) <= TOP:
        return Grid(columns, body, rho)
    return Grid(columns, body[:TOP], f"The first {TOP} of {len(body)}. {rho}", Grid(columns, body), f"All {len(body)}")
