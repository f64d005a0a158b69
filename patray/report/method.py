"""How the numbers are made, in words, for the options of this run's suite. What the suite does not say is left out."""

from __future__ import annotations

from typing import Any

from patray.report.comparison import ALPHA
from patray.report.data import Results
from patray.statistics.corrections import SMALL

MANY = 1000
"""Items from which the test of ranks is misread most easily."""
WILCOXON = (
    "p_wilcoxon in comparisons.parquet asks whether differences are symmetric around zero, not whether their mean is "
    "zero. With thousands of queries it calls many pairs different whose means are as good as equal, and may point the "
    "other way than the mean where few queries differ much. Cite p_permutation, and read the difference itself."
)


def fine_print(options: dict[str, Any]) -> str:
    """The sentences below the answer. `options` is the resolved suite."""
    name = _correction(options)
    tuned = " Fine-tuned models are compared with their bases, under Fine-tuning, and lead no list here."
    return (
        f"Brackets are {_intervals(options)}s. p is how often chance alone would show a difference as large between "
        "two systems that are equal (a paired permutation test). Comparisons that are made together are a family: of "
        "many, some look large by luck, so p is raised to allow for all of its family"
        f"{f' ({name})' if name else ''}. A difference is called significant where this p is below {ALPHA:g}. “Clear "
        "lead”: significantly ahead of every other system that read the same text."
        f"{tuned if options.get('recipes') else ''}"
    )


def method_notes(results: Results, options: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, text) of each note that concerns the tasks of this run."""
    statistics = _part(options, "statistics")
    resamples, flips = statistics.get("resamples"), statistics.get("flips")
    number = f"{resamples:,} " if isinstance(resamples, int) else ""
    tried = f" ({flips:,} random flips)" if isinstance(flips, int) else ""
    corrected = f" by {_correction(options)}" if _correction(options) else ""
    notes = [
        (
            "Intervals",
            f"Each bracket is a {_intervals(options)} over {number}resamples that all systems share. Resamples are "
            "drawn by patent family, because patents of one family are near copies. Macro-F1 and the clustering "
            "measures are recomputed on every resample; they are not means.",
        ),
        (
            "Tests",
            f"Comparisons are paired on the same items: a permutation test{tried}, with t and Wilcoxon p beside it in "
            "comparisons.parquet where the metric is a mean over items. Each declared family is corrected as a whole"
            f"{corrected}. Stars: *** below 0.001, ** below 0.01, * below 0.05, all corrected. "
            "Intervals of differences are not corrected, so one may exclude zero where the corrected test sees no "
            "difference; comparisons.parquet has those that hold all at once beside them (ci_low_all, ci_high_all).",
        ),
        (
            "No difference seen",
            "This is not proof that two systems are equal. Beside it stands the smallest difference that the "
            "comparison would have seen 4 times in 5 (80% power), the correction included; anything smaller may "
            "exist and stay hidden.",
        ),
        (
            "Picking a leader",
            "The leader has the highest mean over all views and systems, on the very items that are reported, so its "
            "score is a little optimistic. The corrected comparisons allow for the number of systems.",
        ),
    ]
    if max((item.n for item in results.comparisons), default=0) >= MANY:
        notes.append(("Wilcoxon with many items", WILCOXON))
    retrieval = _part(_part(options, "tasks"), "retrieval")
    level = retrieval.get("relevant_from")
    if results.tasks("retrieval") and (retrieval.get("origin") or retrieval.get("relevant")):
        notes.append(("Which citations count", _counted(results, retrieval)))
    if results.tasks("retrieval") and isinstance(level, int) and level > 1:
        notes.append(("What counts as relevant", _level(results, level, bool(retrieval.get("relevant")))))
    if results.tasks("retrieval"):
        source = str(_part(_part(options, "tasks"), "retrieval").get("domain_from"))
        codes = {"ipc": "IPC ", "cpc": "CPC ", "ipc,cpc": "IPC or CPC "}.get(source, "classification ")
        notes.append(
            (
                "Same and other fields",
                f"A pair is in the same field when query and patent share a 3-character {codes}code, in another field "
                "when they share none, and in neither when one has no code. Each slice counts its own pairs alone as "
                "relevant, over the same ranking of the whole corpus; queries without such a pair drop out. The "
                "change is the relative difference of the two scores.",
            )
        )
    studies = results.studies
    if studies.asked or studies.gaps or studies.scale:
        notes.append(
            (
                "Few pairs, own correction",
                "What shorter vectors, prompts, k of reciprocal rank fusion and the gap between fields change is asked "
                "of few pairs each. Those are families of their own, computed from evidence.parquet for the view of "
                "the leader, on the same resamples as all else; their p may be below that of the same pair elsewhere.",
            )
        )
    if results.recipes.verdicts:
        notes.append(
            (
                "Fine-tuning",
                "A verdict is the difference of the mean over seeds to the base on the items that all have: improved "
                "or degraded where the corrected p is below 0.05, else no difference seen. The family is every base, "
                "recipe, home, landscape and view of one measure. A permutation swaps a family's results of all seeds "
                "with the base at once; of clusterings p is the bootstrap's. How much seeds differ is given beside the "
                "interval and never mixed into it. Pairs by source and reason: under Fine-tuning.",
            )
        )
    if results.tuning:
        notes.append(("Tuning", "What was tuned was tuned on validation families and is reported on others."))
    if results.tasks("clustering"):
        notes.append(
            (
                "Seeds",
                "k-means runs over several seeds. Scores are means over seeds; their spread over seeds is given by "
                "itself and never mixed into an interval.",
            )
        )
    return notes


def _counted(results: Results, options: dict[str, Any]) -> str:
    """Whose citations count, and which letters of the search report with which grade; what is left out by it."""
    said = []
    if options.get("origin"):
        said.append(f"Only citations by {' or '.join(map(str, options['origin']))} make a patent relevant (origin).")
    if grades := _part(options, "relevant"):
        unknown = grades.get("unknown", 0)
        letters = ", ".join(f"{letter} {grade}" for letter, grade in grades.items() if letter != "unknown")
        said.append(
            f"The grade of a citation is that of the best letter that the search report gave it, or of the section "
            f"that a rejection relies on: {letters}; what is not named has grade 0. A citation without any is unknown, "
            f"not background; it has grade {unknown} here."
        )
    left = []
    for name, facts in _part(results.provenance, "landscapes").items():
        counts = _part(facts, "truth")
        out = [
            f"{counts[key]:,} {why}"
            for key, why in (
                ("pairs_origin", "cited by others"),
                ("pairs_unknown", "without a letter"),
                ("pairs_category", "of other letters"),
            )
            if counts.get(key)
        ]
        if out:
            left.append(f"{name}: {', '.join(out)}, of {counts['pairs_read']:,}")
    if left:
        said.append(f"Pairs left out: {'; '.join(left)}. Such patents stay in the corpus and are ranked as all others.")
    return " ".join(said)


def _level(results: Results, level: int, graded: bool) -> str:
    """From which grade a patent counts, and how many queries have none of that grade."""
    lost = [
        f"{name} {counts['queries_too_low']:,} of {counts['queries_too_low'] + counts['queries']:,}"
        for name, facts in _part(results.provenance, "landscapes").items()
        if (counts := _part(facts, "truth")).get("queries_too_low")
    ]
    left = f" Left out: {', '.join(lost)} queries." if lost else ""
    return (
        f"Recall, AP, RR and P count a judged patent from grade {level} (relevant_from; trec_eval -l {level}); nDCG "
        "takes every grade above 0 as its gain. Queries without a patent of that grade are left out of every measure. "
        f"{'' if graded else 'Citations have no grades: each counts.'}{left}"
    )


def _part(options: dict[str, Any], key: str) -> dict[str, Any]:
    found = options.get(key)
    return found if isinstance(found, dict) else {}


def _correction(options: dict[str, Any]) -> str:
    name = str(_part(options, "statistics").get("correction"))
    return {
        "holm": "Holm",
        "benjamini-hochberg": "Benjamini-Hochberg",
        "max-t": "max-T",
        "auto": f"Holm (up to {SMALL} comparisons) or max-T (more)",
    }.get(name, "")


def _intervals(options: dict[str, Any]) -> str:
    level = _part(options, "statistics").get("level")
    return f"{100 * level:g}% bootstrap interval" if isinstance(level, float) else "bootstrap interval"
