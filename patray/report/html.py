"""report.html: one file that opens without a network.

Its policy forbids everything but its own style and script, by their hashes: even a text that slipped through escaping
could run nothing and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from patray.report.data import Results
from patray.report.glossary import glossary
from patray.report.method import fine_print, method_notes
from patray.report.page import Fact, Page
from patray.report.questions import questions
from patray.report.reach import uncarried_families
from patray.report.sections.kinds import sections
from patray.report.sections.recipe_words import recipe_questions
from patray.report.sections.tasks import verdicts
from patray.report.words import NOT_RECORDED, Name, Sentence, clean, count, duration, plural
from patray.tasks.retrieval import is_warning
from patray.yaml_source import load_yaml


def render_page(results: Results) -> str:
    """The whole page. The same run folder gives the same bytes."""
    environment = _environment()
    style, script = (environment.loader.get_source(environment, name)[0] for name in ("page.css", "page.js"))  # type: ignore[union-attr]
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("page.html")
    return template.render(page=build_page(results), style=Markup(style), script=Markup(script), policy=policy) + "\n"


def build_page(results: Results) -> Page:
    """Everything that the page shows, as data."""
    options = _options(results.suite_text)
    provenance = results.provenance
    said = provenance.get("notes") or []
    notes = [clean(note) for note in (said if isinstance(said, list) else [said])]
    unable = tuple(uncarried_families(results))
    return Page(
        title=clean(options.get("title") or provenance.get("run") or options.get("name") or "Evaluation"),
        facts=tuple(_facts(results)),
        first=tuple(recipe_questions(results)),
        verdicts=tuple(verdicts(results)),
        questions=tuple((item.anchor, item.text, item.points) for item in questions(results)),
        fine_print=fine_print(options),
        notes=tuple(note for note in notes if not (is_warning(note) or any(told.startswith(note) for told in unable))),
        glossary=glossary(results),
        warnings=(*unable, *(note for note in notes if is_warning(note))),
        sections=tuple(sections(results)),
        facts_of_run=tuple(_run_facts(provenance)),
        methods=tuple(method_notes(results, options)),
        suite_text=_printed(results.suite_text),
        records=tuple(_records(provenance)),
        versions=tuple(
            Fact(clean(name), clean(value)) for name, value in sorted(_dict(provenance, "versions").items())
        ),
    )


def rich(sentence: Sentence) -> Markup:
    """A sentence with its names set apart, escaped."""
    return Markup("").join(
        Markup('<b class="n">{}</b>').format(breakable(part)) if isinstance(part, Name) else escape(_kept(part))
        for part in sentence
    )


def _kept(text: str) -> str:
    """Intervals, p values and durations stay on one line."""
    return re.sub(
        r"\[[^\[\]]{1,24}\]|\bp [<=] [0-9.]+|\b\d+ (?:s|min|h)\b", lambda found: found[0].replace(" ", "\u00a0"), text
    )


def breakable(text: str) -> Markup:
    """A long name may break after its commas and slashes, as `linear(minilm,bm25)` should."""
    return (
        Markup(re.sub(r"([,@/])(?=\S)", r"\1<wbr>", str(escape(text))))
        if len(text) > 14 and " " not in text
        else escape(text)
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
    environment.filters["breakable"] = breakable
    return environment


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _options(suite_text: str) -> dict[str, Any]:
    loaded = load_yaml(suite_text)
    return loaded if isinstance(loaded, dict) else {}


def _records(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """Everything that was recorded of the landscapes and the models."""
    kinds = [("Landscapes", "landscapes"), ("Models", "models")]
    found = [(f"{title} as recorded", _dict(provenance, key)) for title, key in kinds]
    return [
        (title, _printed(json.dumps(part, indent=1, ensure_ascii=False, default=str))) for title, part in found if part
    ]


def _printed(text: str) -> str:
    return "\n".join(clean_line(row) for row in text.split("\n"))


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
        machine = (
            f"{count(cluster.get('nodes'))} nodes, {count(cluster.get('cpus'))} CPUs, {count(cluster.get('gpus'))} GPUs"
        )
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
