"""The questions about fine-tuning, answered in sentences that claim what the corrected tests say and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from patray.report.answer import smallest, tail
from patray.report.comparison import ALPHA, Comparison
from patray.report.data import KINDS, Results, kind_of, labels_of
from patray.report.recipe_results import Trend, Verdict
from patray.report.words import Name, Sentence, known, listing, p_value, plural, score, signed, size
from patray.tasks.scale import FEWEST
from patray.tasks.verdicts import DEGRADED, FOREIGN, HOME, IMPROVED, NEITHER

Asked = tuple[str, str, tuple[Sentence, ...]]
"""Anchor, question, answers."""


def main_verdicts(results: Results) -> list[Verdict]:
    """The verdicts on the main metric of each kind of task, in the first view."""
    rows = results.recipes.verdicts
    found: list[Verdict] = []
    for kind in KINDS:
        of_kind = [row for row in rows if kind_of(row.task) == kind]
        if of_kind:
            first = of_kind[0]
            found += [row for row in of_kind if (row.family, row.view) == (first.family, first.view)]
    return found


def task_words(task: str) -> str:
    """`retrieval`, `classification`, `clustering by area`."""
    labels = labels_of(task)
    return kind_of(task) if labels in ("", "*") else f"{kind_of(task)} by {labels}"


def recipe_questions(results: Results) -> list[Asked]:
    """What this run says of its recipes; nothing where it has none."""
    rows = main_verdicts(results)
    if not rows:
        return []
    tried = [row for row in rows if row.recipe not in results.recipes.controls]
    asked: list[Asked] = [
        ("recipe-wins", "Does one recipe win all tasks?", tuple(_wins(results, tried))),
        ("abroad", "Does tuning at home hurt abroad?", tuple(_abroad(results, tried))),
        ("sham", "Does the sham recipe stay without effect?", tuple(_sham(results, rows))),
        ("seeds", "Would another seed say the same?", tuple(_seeds(rows))),
        ("mask", "What does the mask of false negatives change?", tuple(_masks(results, rows))),
    ]
    return [entry for entry in asked if entry[2]]


def pair_of(results: Results, a: Verdict, b: Verdict) -> Comparison | None:
    """The declared comparison of two recipes at their home, seen from `a`."""
    where = (a.task, a.landscape, a.view, a.slice, a.metric)
    direct = results.by_pair.get((*where, a.name, b.name))
    if direct is not None:
        return direct
    other = results.by_pair.get((*where, b.name, a.name))
    return None if other is None else other.swapped()


def _wins(results: Results, tried: Sequence[Verdict]) -> Iterable[Sentence]:
    at_home = [row for row in tried if row.place == HOME and known(row.mean_tuned)]
    recipes = list(dict.fromkeys(row.recipe for row in at_home))
    if len(recipes) == 1:
        yield ("Only ", Name(recipes[0]), " was tried, so there is no other recipe to compare it with.")
        return
    for base, home in dict.fromkeys((row.base, row.home) for row in at_home):
        rows = [row for row in at_home if (row.base, row.home) == (base, home)]
        yield _best_of(results, base, home, rows)
    if at_home:
        yield (
            "All recipes of a home had the same number of pairs, so none won by having more."
            if results.recipes.matched
            else "The recipes had different numbers of pairs, so a recipe may have won by having more "
            "(`matched: true` cuts them to the same number).",
        )


def _best_of(results: Results, base: str, home: str, rows: Sequence[Verdict]) -> Sentence:
    tasks: dict[str, list[Verdict]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    best = {task: max(listed, key=lambda row: row.mean_tuned or 0.0) for task, listed in tasks.items()}
    behind: set[str] = set()
    ahead: dict[tuple[str, str], str] = {}
    clear, level = 0, 0
    for task, listed in tasks.items():
        verdicts = [seen.verdict if (seen := pair_of(results, best[task], row)) else "untested"
                    for row in listed if row is not best[task]]  # fmt: skip
        clear += bool(verdicts) and all(found == "better" for found in verdicts)
        level += "level" in verdicts
        for one in listed:
            for other in listed:
                seen = pair_of(results, one, other) if one is not other else None
                if seen is not None and seen.verdict == "better":
                    ahead.setdefault((one.recipe, other.recipe), task)
                    behind.add(other.recipe)
    start: Sentence = ("On ", Name(base), " tuned at ", Name(home), ", ")
    winners = list(dict.fromkeys(row.recipe for row in best.values()))
    total = len(tasks)
    if len(winners) == 1:
        over = "the only task" if total == 1 else f"all {total} tasks"
        if clear == total:
            return (*start, Name(winners[0]), f" wins {over}: significantly ahead of every other recipe in each.")
        also = f"significantly ahead of every other recipe in {clear}" if clear else "never significantly ahead of all"
        rest: Sentence = (Name(winners[0]), f" scores highest in {over}, but is {also}")
        others = list(dict.fromkeys(row.recipe for row in rows if row.recipe not in (*behind, winners[0])))
        more: Sentence = ("; ", *listing(others), f" {'is' if len(others) == 1 else 'are'} never significantly behind.")
        return (*start, *rest, *(more if others else (".",)))
    sentence: Sentence = (*start, "the highest score changes with the task: ")
    for index, (task, top) in enumerate(best.items()):
        glue = "" if index == 0 else (" and " if index == total - 1 else ", ")
        sentence += (glue, Name(top.recipe), f" in {task_words(task)} ({_change(top)})")
    swap = next(((a, b) for a, b in ahead if (b, a) in ahead), None)
    if swap is not None:
        a, b = swap
        here, there = task_words(ahead[a, b]), task_words(ahead[b, a])
        return (
            *sentence, ". No one recipe wins all: ", Name(a), " is significantly ahead of ", Name(b),
            f" in {here}, and behind it in {there}.",
        )  # fmt: skip
    safe = [recipe for recipe in dict.fromkeys(row.recipe for row in rows) if recipe not in behind]
    if not ahead:
        return (*sentence, ". No difference between two recipes is seen in any task, so chance may choose among them.")
    if not safe:
        return (*sentence, ". No one recipe wins all: each is significantly behind another in some task.")
    verb = "is" if len(safe) == 1 else "are"
    return (*sentence, ". That one recipe serves all tasks is not ruled out: ", *listing(safe),
            f" {verb} never significantly behind another.")  # fmt: skip


def _change(row: Verdict) -> str:
    """`+0.012, p = 0.003` against the base."""
    return f"{signed(row.diff)} on the base, {p_value(row.p_adjusted)}"


def _abroad(results: Results, tried: Sequence[Verdict]) -> Iterable[Sentence]:
    home, foreign = ([row for row in tried if row.place == place] for place in (HOME, FOREIGN))
    if home:
        yield (f"At home, of {plural(len(home), 'comparison')} with the base: {_tally(home)}.",)
    if not foreign:
        yield ("No foreign landscape was judged, so this run cannot say.",)
        return
    hurt = sum(row.verdict == DEGRADED for row in foreign)
    short = "Yes, in part" if hurt else "No harm is seen"
    yield (
        f"{short}: abroad, of {plural(len(foreign), 'comparison')} (base, recipe, foreign landscape and task), "
        f"{_tally(foreign)}.{_blind(foreign)}",
    )
    yield from _strength(results, tried)


def _tally(rows: Sequence[Verdict]) -> str:
    count = Counter(row.verdict for row in rows)
    return f"{count[IMPROVED]} improved, {count[NEITHER]} with no difference seen, {count[DEGRADED]} degraded"


def _blind(rows: Sequence[Verdict]) -> str:
    """The smallest differences that the undecided comparisons could have seen, by task."""
    parts = []
    for task in dict.fromkeys(kind_of(row.task) for row in rows):
        limits = [
            row.min_detectable
            for row in rows
            if row.verdict == NEITHER and kind_of(row.task) == task and row.min_detectable is not None
        ]
        if limits:
            low, high = size(min(limits)), size(max(limits))
            parts.append(f"{task} {low}" if low == high else f"{task} {low} to {high}")
    if not parts:
        return ""
    return f" Where none is seen, with 80% power a difference of this size would have been: {', '.join(parts)}."


def _strength(results: Results, tried: Sequence[Verdict]) -> Iterable[Sentence]:
    bases = list(dict.fromkeys(row.base for row in tried))
    if len(bases) < FEWEST:
        yield (
            f"Whether it hurts the stronger bases more is not claimed: {plural(len(bases), 'base was', 'bases were')} "
            f"tuned, and an order needs at least {FEWEST}.",
        )
        return
    families = {(row.family, row.view): row.task for row in tried}
    for trend in results.recipes.trends:
        task = families.get((trend.family, trend.view))
        if task is not None:
            yield _trend(trend, kind_of(task))


def _trend(trend: Trend, task: str) -> Sentence:
    cells = plural(trend.cells, "foreign cell")
    start: Sentence = (f"In {task}, over {trend.bases} bases tuned at ", Name(trend.home), f" and {cells}, ")
    span = f" [{score(trend.ci_low, 2)}, {score(trend.ci_high, 2)}]" if known(trend.ci_low) else ""
    numbers = f"(Kendall's tau of base score and change {score(trend.tau, 2)}{span}, {p_value(trend.p)})"
    if trend.tau is None or trend.ci_low is None or trend.ci_high is None or trend.ci_low <= 0 <= trend.ci_high:
        return (*start, f"no order of bases by strength and by what tuning did is seen {numbers}.")
    way = "lose more or gain less" if trend.tau < 0 else "lose less or gain more"
    if trend.p is None or trend.p >= ALPHA:
        return (*start, f"the stronger bases {way}, but so few bases may be ordered so by chance {numbers}.")
    return (*start, f"the stronger bases {way} {numbers}.")


def _sham(results: Results, rows: Sequence[Verdict]) -> Iterable[Sentence]:
    controls = results.recipes.controls
    shams = [row for row in rows if row.recipe in controls]
    if not shams:
        yield ("No sham recipe was run: a gain may then come from training as such, not from what the pairs say.",)
        return
    helped = [row for row in shams if row.verdict == IMPROVED]
    raw = sum((row.p_permutation or 1.0) < ALPHA and (row.diff or 0.0) > 0 for row in shams)
    start: Sentence = (*listing(controls), f", whose positives are shuffled: of {plural(len(shams), 'comparison')} "
                       f"with the base, {_tally(shams)} (uncorrected, {raw} would pass as a gain; chance alone makes "
                       f"{len(shams) * ALPHA / 2:.1f}).")  # fmt: skip
    if not helped:
        yield (*start, " It does not help, as it should be." + _blind(shams))
        return
    most = max(helped, key=lambda row: row.diff or 0.0)
    yield (*start, " It helps, which it should not: gains of other recipes up to about "
           f"{size(most.diff)} in {task_words(most.task)} on ", Name(most.landscape),
           " cannot be put down to what their pairs say.")  # fmt: skip


def _seeds(rows: Sequence[Verdict]) -> Iterable[Sentence]:
    several = [row for row in rows if row.seeds > 1 and row.seed_sd is not None and row.standard_error is not None]
    if not several:
        yield ("Every recipe was trained with one seed, so what another seed would change is not known.",)
        return
    parts = []
    for task in dict.fromkeys(kind_of(row.task) for row in several):
        listed = [row for row in several if kind_of(row.task) == task]
        seed, query = median(row.seed_sd or 0.0 for row in listed), median(row.standard_error or 0.0 for row in listed)
        parts.append(f"{task} {size(seed)} beside {size(query)}")
    counts = sorted({row.seeds for row in several})
    yield (
        f"Over {' or '.join(map(str, counts))} seeds, standard deviation of the difference to the base between seeds "
        f"beside the standard error from queries (medians): {', '.join(parts)}. The tests are about queries alone.",
    )
    decided = [row for row in several if row.verdict != NEITHER]
    wide = [row for row in decided if row.ci_low_seeds is not None and row.ci_high_seeds is not None]
    thin = sum((row.ci_low_seeds or 0.0) <= 0 <= (row.ci_high_seeds or 0.0) for row in wide)
    text = f"Of {plural(len(decided), 'such difference')} that the test calls one, "
    text += f"{thin or 'none'} may vanish with other seeds" if wide else "none has the three seeds that an interval"
    text += " (the interval over other queries and other seeds holds 0)" if wide else " over other seeds needs"
    two = len(decided) - len(wide)
    text += f"; {two} had too few seeds to say" if wide and two else ""
    single = sum(row.seeds == 1 for row in rows)
    yield (text + (f"; {plural(single, 'comparison has', 'comparisons have')} one seed." if single else "."),)


def _masks(results: Results, rows: Sequence[Verdict]) -> Iterable[Sentence]:
    masks = dict(results.recipes.mask_of)
    kind = kind_of(rows[0].task)  # the other tasks stand in the section's table
    for with_mask, without in results.recipes.masks:
        yield (Name(with_mask), f" (masked: {', '.join(masks[with_mask])}) and ", Name(without),
               f" (masked: {', '.join(masks[without]) or 'nothing'}) differ in the mask alone.")  # fmt: skip
        by_cell = {(row.base, row.home, row.task): row for row in rows if row.place == HOME and row.recipe == without}
        for row in rows:
            bare = by_cell.get((row.base, row.home, row.task))
            if kind_of(row.task) != kind or row.place != HOME or row.recipe != with_mask or bare is None:
                continue
            seen = pair_of(results, row, bare)
            yield (
                "On ", Name(row.base), " at ", Name(row.home), f", {task_words(row.task)}: masked {_change(row)}; "
                f"without {_change(bare)}; {_between(seen)}.",
            )  # fmt: skip


def _between(seen: Comparison | None) -> str:
    if seen is None or seen.verdict == "untested":
        return "the two were not tested against each other"
    if seen.verdict == "level":
        return f"no difference between the two is seen ({signed(seen.diff)}, {tail(seen)}{smallest(seen)})"
    return f"the mask is {size(seen.diff)} {'better' if seen.diff > 0 else 'worse'} ({tail(seen)})"
