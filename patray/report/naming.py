"""Systems, views, tasks and measures in everyday words, with the short name of the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from patray.landscapes.views import BUILT_IN
from patray.measures.definitions import AGREEMENT, definition_of
from patray.report.declared import Model, System, declared
from patray.report.words import Name, Sentence, amount, clean, plain_number
from patray.yaml_source import load_yaml

FEWEST_ITEMS = 20
"""Queries or patents under which no sentence is made of a number."""

PURPOSE = {
    "retrieval": "find earlier patents",
    "classification": "sort patents into classes",
    "clustering": "group patents by topic",
}
TITLES = {
    "retrieval": "Finding earlier patents (retrieval)",
    "classification": "Sorting into classes (classification)",
    "clustering": "Grouping by topic (clustering)",
}
ITEMS = {
    "retrieval": ("query", "queries"),
    "classification": ("patent", "patents"),
    "clustering": ("patent", "patents"),
}
SECTION_WORDS = {
    "title": "title",
    "abstract": "abstract",
    "claims": "all claims",
    "claim1": "the first claim",
    "independent_claims": "the independent claims",
    "description": "description",
    "dwpi_title": "Derwent title",
    "dwpi_abstract": "Derwent abstract",
}
MEASURE_WORDS = {
    "nDCG": "how high up the relevant patents stand among the first {k} results",
    "Recall": "the share of the relevant patents that are among the first {k} results",
    "AP": "how early all relevant patents come within the first {k} results",
    "RR": "how early the first relevant patent comes within the first {k} results",
    "P": "the share of the first {k} results that is relevant",
    "Success": "the share of queries with a relevant patent among the first {k} results",
    "Rprec": "the share of R relevant patents that is among the first R results",
    "ERR": "how soon a reader who stops when satisfied has enough, within the first {k} results",
    "RBP": "how much of what a patient reader meets in the first {k} results is relevant",
    "PRES": "how early all relevant patents come if somebody reads {k} results",
    "bpref": "how seldom a patent judged irrelevant stands above a relevant one",
    "Judged": "the share of the first {k} results that anybody has judged",
    "Spared": "the share of {k} results that need not be read to see 80% of the relevant patents",
    "macro-F1": "how well classes are found without being given wrongly (F1), the mean of all classes",
    "micro-F1": "how well classes are found without being given wrongly (F1), over all patents at once",
    "V-measure": "how well groups that a computer made agree with the known classes",
    "ARI": "how often two patents are rightly put together or apart, beyond chance",
    "NMI": "how much the groups tell of the known classes",
}
"""What a measure says to somebody who does not know it. All but ARI go from 0 to 1, and 1 is perfect."""
PROBE_WORDS = {
    "knn": "when a patent gets the classes of the patents nearest to it (knn: k nearest neighbours)",
    "logistic": "when a simple classifier is trained on the vectors (logistic regression)",
}
NO_AGREEMENT = 0.05
"""A V-measure, NMI or ARI below it is called practically no agreement. All three are 0 where there is none; chance can
only lift V-measure and NMI, so what lies below has no more than chance gives."""


def items_words(n: int, kind: str) -> str:
    """`224 queries`, `1 patent`."""
    one, many = ITEMS[kind]
    return f"{n:,} {one if n == 1 else many}"


def measure_words(metric: str) -> str:
    """What a metric says, in words: of `nDCG@10` that it is about the first 10 results; empty for what is unknown."""
    found = definition_of(metric)
    if found is None:
        return ""
    cutoff = metric.rpartition("@")[2]
    words = MEASURE_WORDS.get(found.name, found.says).format(k=cutoff)
    probe = metric.removesuffix(f"-{found.name}") if found.task == "classification" else ""
    return f"{words}, {PROBE_WORDS[probe]}" if probe in PROBE_WORDS else words


def no_agreement(metric: str, mean: float) -> bool:
    """Whether groups practically do not agree with the classes: `no_agreement("V-measure", 0.011)`."""
    return metric in AGREEMENT and mean < NO_AGREEMENT


@cache
def _own_views(suite_text: str) -> Mapping[str, tuple[str, ...]]:
    loaded = load_yaml(suite_text)
    listed = loaded.get("views") if isinstance(loaded, dict) else None
    found = {}
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("sections"), list):
            found[clean(entry.get("name"))] = tuple(map(str, entry["sections"]))
    return found


def view_words(suite_text: str, view: str) -> str:
    """`title and abstract` of the view `ta`; empty where nobody says what a view holds."""
    own = _own_views(suite_text).get(view)
    sections = own or (BUILT_IN[view].sections if view in BUILT_IN else ())
    words = [SECTION_WORDS.get(section, clean(section)) for section in sections]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def view_name(suite_text: str, view: str) -> Sentence:
    """`title and abstract (ta)`, in a sentence."""
    words = view_words(suite_text, view)
    return (words, " (", Name(view), ")") if words and words != view else (Name(view),)


def system_words(suite_text: str, system: str) -> str:
    """`keyword search` of `bm25`, `embedding model` of `minilm`; empty where the suite does not say what it is."""
    known = declared(suite_text)
    entry = known.systems.get(system)
    if entry is None or entry.said is None:
        return ""
    model = known.model_of(entry)
    size = f" of {amount(model.size / 1e6)} million parameters" if model and model.size else ""
    return f"{entry.said.in_words()}{size}{_form_words(entry, model)}"


def _form_words(system: System, model: Model | None) -> str:
    width, precision, rescore = system.form
    cut = f", cut to {width:,} numbers" if width and model and not system.whole(model) else ""
    coded = f", stored as {precision}" if precision != "float32" else ""
    again = f", first {plain_number(rescore)} times the results scored again" if rescore else ""
    return f"{cut}{coded}{again}"


def system_name(suite_text: str, system: str) -> Sentence:
    """`the keyword search bm25`, in a sentence; the bare name where its words are a thought of their own."""
    known = declared(suite_text).systems.get(system)
    if known is None or known.said is None:
        return (Name(system),)
    if len(known.parts) == 2:
        return (Name(known.parts[0]), " and ", Name(known.parts[1]), " together (", Name(system), ")")
    return (f"the {known.said.NOUN} ", Name(system))
