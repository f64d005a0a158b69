"""report.html: one file that opens without a network.

Its policy forbids everything but its own style and script, by their hashes: even a text that slipped through escaping
could run nothing and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

import jinja2
import yaml
from markupsafe import Markup, escape

from patray.report.data import ALPHA, Results
from patray.report.findings import questions
from patray.report.page import Fact, Page
from patray.report.run_sections import comparison_section, cost_section, data_section, map_section, model_section
from patray.report.task_sections import task_section, verdicts
from patray.report.words import NOT_RECORDED, Name, Sentence, clean, count, duration, plural


def render_page(results: Results) -> str:
    """The whole page. The same run folder gives the same bytes."""
    environment = _environment()
    style, script = (environment.loader.get_source(environment, name)[0] for name in ("page.css", "page.js"))  # type: ignore[union-attr]
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    template = environment.get_template("page.html")
    return template.render(page=build_page(results), style=Markup(style), script=Markup(script), policy=policy) + "\n"


def build_page(results: Results) -> Page:
    """Everything that the page shows, as data."""
    options = _options(results.suite_text)
    built = [task_section(results, kind) for kind in ("retrieval", "classification", "clustering")]
    built += [comparison_section(results), map_section(results), cost_section(results), data_section(results)]
    built.append(model_section(results))
    provenance = results.provenance
    notes = provenance.get("notes") or []
    return Page(
        title=clean(options.get("title") or provenance.get("run") or options.get("name") or "Evaluation"),
        facts=tuple(_facts(results)),
        verdicts=tuple(verdicts(results)),
        questions=tuple((item.anchor, item.text, item.points) for item in questions(results)),
        fine_print=_fine_print(options),
        notes=tuple(clean(note) for note in notes) if isinstance(notes, list) else (clean(notes),),
        sections=tuple(section for section in built if section is not None),
        facts_of_run=tuple(_run_facts(provenance)),
        methods=tuple(_methods(results, options)),
        suite_text="\n".join(clean_line(row) for row in results.suite_text.split("\n")),
        versions=tuple(Fact(clean(name), clean(value)) for name, value in sorted(_dict(provenance, "versions").items())),
    )


def rich(sentence: Sentence) -> Markup:
    """A sentence with its names set apart, escaped."""
    return Markup("").join(
        Markup('<b class="n">{}</b>').format(part) if isinstance(part, Name) else escape(part) for part in sentence
    )


def clean_line(text: str) -> str:
    """As `clean`, with the indentation kept."""
    return " " * (len(text) - len(text.lstrip(" "))) + clean(text)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("patray.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rich"] = rich
    return environment


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _options(suite_text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(suite_text)
    return loaded if isinstance(loaded, dict) else {}


def _dict(parent: dict[str, Any], key: str) -> dict[str, Any]:
    found = parent.get(key)
    return found if isinstance(found, dict) else {}


def _facts(results: Results) -> list[str]:
    """The line under the title."""
    provenance = results.provenance
    described = _dict(provenance, "landscapes")
    patents = [facts.get("patents") for facts in described.values() if isinstance(facts, dict)]
    facts = [f"run {clean(provenance['run'])}"] if provenance.get("run") else []
    facts += [clean(provenance["started"])[:10]] if provenance.get("started") else []
    landscapes = results.landscapes()
    counted = [number for number in patents if isinstance(number, int)]
    of = f" of {sum(counted):,} patents" if counted and len(counted) == len(landscapes) else ""
    facts.append(plural(len(landscapes), "landscape") + of)
    facts.append(plural(len({row.system for row in results.rows}), "system"))
    facts.append(plural(len({row.view for row in results.rows}), "view"))
    return facts


def _run_facts(provenance: dict[str, Any]) -> list[Fact]:
    git, cluster = _dict(provenance, "git"), _dict(provenance, "cluster")
    commit = NOT_RECORDED
    if git.get("commit"):
        commit = clean(git["commit"]) + (" with changes that were not committed" if git.get("dirty") else "")
    argv = provenance.get("argv")
    accelerators = cluster.get("accelerators") or []
    machine = NOT_RECORDED
    if cluster:
        machine = f"{count(cluster.get('nodes'))} nodes, {count(cluster.get('cpus'))} CPUs, {count(cluster.get('gpus'))} GPUs"
        machine += f", {count(cluster.get('memory_gb'))} GB memory"
        machine += f" ({', '.join(clean(name) for name in accelerators)})" if accelerators else ""
    single = [("run", "Run"), ("started", "Started")]
    return [
        *(Fact(title, clean(provenance.get(key) or NOT_RECORDED)) for key, title in single),
        Fact("Took", duration(provenance.get("seconds"))),
        Fact("Command", " ".join(clean(part) for part in argv) if isinstance(argv, list) and argv else NOT_RECORDED),
        Fact("patray", clean(provenance.get("patray") or NOT_RECORDED)),
        Fact("Commit", commit),
        Fact("Machine", machine),
        Fact("Python", clean(provenance.get("python") or NOT_RECORDED)),
        Fact("Platform", clean(provenance.get("platform") or NOT_RECORDED)),
    ]


def _correction(options: dict[str, Any]) -> str:
    name = _dict(options, "statistics").get("correction")
    return {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}.get(str(name), "")


def _level(options: dict[str, Any]) -> str:
    level = _dict(options, "statistics").get("level")
    return f"{100 * level:g}%" if isinstance(level, float) else "bootstrap"


def _fine_print(options: dict[str, Any]) -> str:
    correction = _correction(options)
    corrected = f"corrected by {correction} within its declared family" if correction else "corrected within its declared family"
    interval = f"{_level(options)} bootstrap intervals" if _level(options) != "bootstrap" else "bootstrap intervals"
    return (
        f"Brackets are {interval}. Each p is from a paired permutation test, {corrected}; a difference is called "
        f"significant below {ALPHA:g}. “Clear lead”: significantly ahead of every other system in the same view."
    )


def _methods(results: Results, options: dict[str, Any]) -> list[tuple[str, str]]:
    """How the numbers are made, for the tasks of this run."""
    statistics = _dict(options, "statistics")
    resamples = statistics.get("resamples")
    number = f"{resamples:,} " if isinstance(resamples, int) else ""
    flips = statistics.get("flips")
    tried = f", {flips:,} random flips" if isinstance(flips, int) else ""
    correction = _correction(options)
    notes = [
        (
            "Intervals",
            f"Each bracket is a {_level(options)} {'' if _level(options) == 'bootstrap' else 'bootstrap '}interval over {number}resamples that all "
            "systems share. Resamples are drawn by patent family, because patents of one family are near copies. Macro-F1 and "
            "the clustering measures are recomputed on every resample; they are not means.",
        ),
        (
            "Tests",
            f"Comparisons are paired on the same items: a permutation test{tried}, with t and Wilcoxon p beside it in "
            f"comparisons.parquet. Each declared family is corrected as a whole{f' by {correction}' if correction else ''}. "
            "Stars: *** below 0.001, ** below 0.01, * below 0.05, all corrected. Intervals of differences are not corrected, "
            "so one may exclude zero where the corrected test sees no difference.",
        ),
        (
            "No difference seen",
            "This is not proof that two systems are equal. Beside it stands the smallest difference that the comparison could "
            "have seen with 80% power; anything smaller may exist and stay hidden.",
        ),
        (
            "Picking a leader",
            "The leader is the highest mean over all views and systems, picked on the items that are reported, so its score is a "
            "little optimistic. The corrected comparisons allow for the number of systems.",
        ),
    ]
    if results.tasks("retrieval"):
        field_codes = {"ipc": "IPC", "cpc": "CPC", "both": "IPC or CPC"}.get(str(_dict(_dict(options, "tasks"), "retrieval").get("domain_from")))
        codes = f"3-character {field_codes} code" if field_codes else "3-character classification code"
        notes.append(
            (
                "Same and other fields",
                f"A pair is in the same field when query and patent share a {codes}, in another field when they share none, and in "
                "neither when one has no code. Each slice counts its own pairs alone as relevant, over the same ranking of the "
                "whole corpus; queries without such a pair drop out. The change is the relative difference of the two scores.",
            )
        )
    if results.tuning:
        notes.append(("Tuning", "Everything that was tuned was tuned on validation families and is reported on others."))
    if results.tasks("clustering"):
        notes.append(
            ("Seeds", "k-means runs over several seeds; scores are means over seeds and their spread is given by itself, never mixed into an interval.")
        )
    return notes


